"""A new state, in a file or in a PostgreSQL database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.store.database import Database, open_database
from daytwo.store.url import StateUrl


@pytest.fixture
def url(tmp_path: Path) -> StateUrl:
    """A place for a state that is not there yet."""
    return StateUrl.parse("state.db", tmp_path)


@pytest.fixture
def database(url: StateUrl) -> Iterator[Database]:
    """An open state."""
    opened = open_database(url)
    yield opened
    opened.close()
