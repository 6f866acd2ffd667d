"""Bring the state to this program's revision, or refuse a newer one."""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import sqlalchemy as sa

from daytwo.core.errors import RefusedError
from daytwo.store.url import StateUrl

_FOLDER = "daytwo.store.migrations"


def revisions() -> list[str]:
    """The revisions this program knows, oldest first: the numbers that their files begin with."""
    files = (resources.files(_FOLDER) / "versions").iterdir()
    return sorted(file.name[:4] for file in files if file.name.endswith(".py") and file.name[:4].isdigit())


def migrate(engine: sa.Engine, url: StateUrl) -> None:
    """Create or upgrade the tables; a SQLite file is copied aside before it is changed.

    Raises:
        RefusedError: the state was written by a newer daytwo.
    """
    current, head = _current(engine), revisions()[-1]
    if current == head:
        return
    if current is not None and current > head:
        raise RefusedError(
            f"the state {url} has revision {current}, newer than this daytwo knows ({head})",
            hint="Use the newer daytwo, or restore the state from a snapshot",
        )
    if current is not None and url.is_sqlite:
        _copy_aside(url.file, current)
    from alembic import command
    from alembic.config import Config

    config = Config()
    with resources.as_file(resources.files(_FOLDER)) as folder:
        config.set_main_option("script_location", str(folder))
        config.set_main_option("path_separator", "os")
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(sa.text("select pg_advisory_xact_lock(hashtext('daytwo migrate'))"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _current(engine: sa.Engine) -> str | None:
    if not sa.inspect(engine).has_table("alembic_version"):
        return None
    with engine.connect() as connection:
        value = connection.execute(sa.text("select version_num from alembic_version")).scalar()
    return None if value is None else str(value)


def _copy_aside(file: Path, revision: str) -> None:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    target = file.with_name(f"{file.name}.{revision}-{stamp}")
    # Hashes of passwords are in it: nobody may read the copy who may not read the state.
    os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
