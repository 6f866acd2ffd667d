"""New SQLite states, copied from one that the real migrations made: to migrate each costs a tenth of a second.

A process migrates its first state only. PostgreSQL, files with tables in them, and other processes are migrated as ever.
"""

import contextlib
import functools
import sqlite3
import tempfile
import threading
from pathlib import Path

import sqlalchemy as sa

from daytwo.store.migrate import migrate
from daytwo.store.url import StateUrl

_one_at_a_time = threading.Lock()


def copy_or_migrate(engine: sa.Engine, url: StateUrl) -> None:
    """In place of `daytwo.store.migrate.migrate`, which still has the last word: whether the copy is up to date.

    Raises:
        RefusedError: as the real one.
    """
    with _one_at_a_time:
        if url.is_sqlite and _has_no_table(url.file):
            url.file.write_bytes(_migrated())
    migrate(engine, url)


def _has_no_table(file: Path) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(file)) as connection:
            return connection.execute("select 1 from sqlite_schema limit 1").fetchone() is None
    except sqlite3.Error:
        return False


@functools.cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory(prefix="daytwo-state-") as folder:
        url = StateUrl.parse("state.db", Path(folder))
        with contextlib.closing(sqlite3.connect(url.file)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        engine = sa.create_engine(url.sqlalchemy)
        migrate(engine, url)
        engine.dispose()
        with contextlib.closing(sqlite3.connect(url.file)) as connection:
            assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        return url.file.read_bytes()
