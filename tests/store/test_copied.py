"""The new states of the other tests (see `tests/parts/state.py`) are what the migrations make."""

import contextlib
import sqlite3
from pathlib import Path

from daytwo.store import database
from daytwo.store.migrate import migrate
from daytwo.store.url import StateUrl
from tests.parts.state import copy_or_migrate


def content(file: Path) -> list[object]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return [connection.execute("PRAGMA journal_mode").fetchone(), *connection.iterdump()]


def test_a_copy_is_what_the_migrations_make(tmp_path: Path, monkeypatch) -> None:
    made = []
    for name, how in (("copied", copy_or_migrate), ("migrated", migrate)):
        monkeypatch.setattr(database, "migrate", how)
        url = StateUrl.parse(f"{name}.db", tmp_path)
        database.open_database(url).close()
        made.append(content(url.file))
    assert made[0] == made[1] != []
    assert made[0][0] == ("wal",)


def test_a_state_that_is_there_is_not_copied_over(tmp_path: Path) -> None:
    url = StateUrl.parse("state.db", tmp_path)
    database.open_database(url).close()
    with contextlib.closing(sqlite3.connect(url.file)) as connection, connection:
        connection.execute("create table mine (a)")
    database.open_database(url).close()
    assert "CREATE TABLE mine (a);" in content(url.file)
