"""Numbers in SQLite and in PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.store.database import Database, open_database
from daytwo.store.url import StateUrl
from daytwo.watch.numbers import Numbers


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.real)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty state."""
    if request.param == "sqlite":
        url = StateUrl.parse("state.db", tmp_path)
    else:
        server = request.getfixturevalue("postgres15")
        url = StateUrl.parse(server.url(server.create_database()), tmp_path)
    opened = open_database(url)
    yield opened
    opened.close()


@pytest.fixture
def numbers(database: Database) -> Numbers:
    """Its numbers."""
    return Numbers(database, "shop", "live")
