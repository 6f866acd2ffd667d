"""A new state, and a world to play time lines in."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daytwo.store.database import Database, open_database
from daytwo.store.url import StateUrl
from tests.watch.rules.timeline import World

MakeWorld = Callable[..., World]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An open state."""
    opened = open_database(StateUrl.parse("state.db", tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def world(database: Database) -> Iterator[MakeWorld]:
    """Makes a world of rules; all that happens in it is one transaction, so that it is fast."""
    with database.begin() as connection:

        def make(*, checks: str = "web db", totals: str = "", **rules: dict[str, Any]) -> World:
            return World(database, connection, checks.split(), totals.split(), rules)

        yield make
