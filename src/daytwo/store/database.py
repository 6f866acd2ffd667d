"""Opens the state, and the few queries on it."""

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import ConnectionPoolEntry

from daytwo.core.errors import RefusedError
from daytwo.store.migrate import migrate
from daytwo.store.url import StateUrl


@dataclass(frozen=True)
class Database:
    """The opened state."""

    url: StateUrl
    engine: sa.Engine
    opened: tuple[int, int] | None = None
    """The device and inode of the file that was opened; None when the state is no file."""

    @property
    def lost(self) -> str:
        """What became of the file since it was opened; empty while it is still there.

        SQLite goes on with a file that has no name any more, and all of it is lost when the last process closes it.
        """
        if self.opened is None:
            return ""
        try:
            same = _identity(self.url.file) == self.opened
        except OSError as error:
            return "" if isinstance(error, PermissionError) else "was removed or moved away"
        return "" if same else "was replaced by another file"

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One consistent look that never waits for a writer."""
        with self.engine.execution_options(read_only=True).connect() as connection:
            yield connection

    @contextlib.contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """One transaction: committed at the end, rolled back when an exception leaves it."""
        with self.engine.begin() as connection:
            yield connection


def open_database(url: StateUrl) -> Database:
    """Open the state, creating and migrating it when needed.

    Raises:
        RefusedError: it cannot be opened, is damaged, or was written by a newer daytwo.
    """
    if url.is_sqlite:
        _prepare_file(url)
    engine = sa.create_engine(url.sqlalchemy, pool_pre_ping=not url.is_sqlite)
    if url.is_sqlite:
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", _begin)
    try:
        migrate(engine, url)
    except sa.exc.DBAPIError as error:
        engine.dispose()
        raise RefusedError(
            f"the state {url} cannot be used: {said_by(error)}",
            hint="Check the path or URL, its rights and the disk; or restore it from a copy",
        ) from None
    return Database(url, engine, _identity(url.file) if url.is_sqlite else None)


def said_by(error: BaseException) -> str:
    """What the database says of an error, in one line; of another error, its sort."""
    lines = str(error.orig).strip().splitlines() if isinstance(error, sa.exc.DBAPIError) else []
    return lines[0] if lines else type(error).__name__


def _identity(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_dev, found.st_ino


def _prepare_file(url: StateUrl) -> None:
    folder = url.file.parent
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not url.file.exists():
            os.close(os.open(url.file, os.O_CREAT | os.O_RDWR, 0o600))
        # Set before anything else opens it: the workflow library would leave it in rollback-journal mode.
        with contextlib.closing(sqlite3.connect(url.file, timeout=30)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    except (OSError, sqlite3.Error) as error:
        said = str(error.strerror if isinstance(error, OSError) else error)
        damaged = "not a database" in said or "malformed" in said
        raise RefusedError(
            f"the state {url.file} cannot be used: {said}",
            hint="Move it, its -wal and its -shm aside, and daytwo begins a new one; the newest copy of the old one is "
            "in the last snapshot that the daemon made, as daytwo-state.sqlite"
            if damaged
            else "Check the folder's rights and the disk",
        ) from None


def _on_connect(connection: Any, record: ConnectionPoolEntry) -> None:
    # SQLAlchemy, not sqlite3, begins transactions, and begins them IMMEDIATE: a reader that turns writer cannot fail.
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout=30000")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=FULL")


def _begin(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get("read_only")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def insert(connection: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that can say ON CONFLICT: each dialect has its own, with the same methods."""
    from sqlalchemy.dialects import postgresql, sqlite

    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)


def to_json(value: object) -> str:
    """Compact JSON for a text column; datetimes as ISO 8601."""

    def other(item: object) -> str:
        if isinstance(item, datetime):
            return item.isoformat()
        raise TypeError(f"{type(item).__name__} has no place in the state")

    return json.dumps(value, default=other, separators=(",", ":"), sort_keys=True)
