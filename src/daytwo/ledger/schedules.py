"""What is remembered of schedules: up to when each was looked at, and whether it is paused."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from daytwo.store.database import Database, insert
from daytwo.store.tables import schedules


@dataclass(frozen=True)
class Remembered:
    """What is remembered of a schedule.

    Args:
        name: whose.
        seen: every occurrence up to this time was dealt with.
        paused: since when it is paused, or None.
        paused_by: by whom.
    """

    name: str
    seen: datetime
    paused: datetime | None = None
    paused_by: str = ""


class Schedules:
    """The schedules of one app and environment.

    Args:
        database: the state.
        app: the app's name.
        environment: the environment's name.
    """

    def __init__(self, database: Database, app: str, environment: str) -> None:
        self._database = database
        self._own = (schedules.c.app == app, schedules.c.environment == environment)
        self._values = {"app": app, "environment": environment}

    def all(self) -> Mapping[str, Remembered]:
        """What is remembered, by name."""
        columns = (schedules.c.name, schedules.c.seen, schedules.c.paused, schedules.c.paused_by)
        with self._database.read() as connection:
            rows = connection.execute(sa.select(*columns).where(*self._own)).all()
        return {row.name: Remembered(**row._mapping) for row in rows}

    def see(self, connection: sa.Connection, name: str, seen: datetime) -> None:
        """Every occurrence up to this time has been dealt with."""
        self._put(connection, name, seen, {"seen": seen})

    def pause(self, connection: sa.Connection, name: str, now: datetime, by: str) -> None:
        """Have nothing of this schedule happen until it is resumed."""
        self._put(connection, name, now, {"paused": now, "paused_by": by})

    def resume(self, connection: sa.Connection, name: str, now: datetime) -> None:
        """Have it happen again from now on; what fell into the pause stays undone."""
        self._put(connection, name, now, {"paused": None, "paused_by": "", "seen": now})

    def _put(self, connection: sa.Connection, name: str, now: datetime, values: Mapping[str, object]) -> None:
        new = insert(connection, schedules).values(**{**self._values, "name": name, "seen": now, **values})
        key = ["app", "environment", "name"]
        connection.execute(new.on_conflict_do_update(index_elements=key, set_=dict(values)))
