"""Books on SQLite, and on PostgreSQL where the two could differ."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.ledger.audit import tail
from daytwo.store.url import StateUrl
from tests.ledger.books import Books, opened


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.real)])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> StateUrl:
    if request.param == "sqlite":
        return StateUrl.parse("state.db", tmp_path)
    server = request.getfixturevalue("postgres15")
    return StateUrl.parse(server.url(server.create_database()), tmp_path)


@pytest.fixture
def books(state: StateUrl) -> Iterator[Books]:
    made = opened(state)
    yield made
    made.database.close()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> int:
    """Segments of four events."""
    monkeypatch.setattr(tail, "SEGMENT", 4)
    return 4
