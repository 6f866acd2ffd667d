"""State: tables, migrations, and the one place that opens the database."""

from daytwo.store.database import Database, open_database
from daytwo.store.url import StateUrl

__all__ = ["Database", "StateUrl", "open_database"]
