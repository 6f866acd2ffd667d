"""A door on SQLite, and on PostgreSQL where the two could differ."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.store.url import StateUrl
from tests.access.people import Clock, Stage, cheap_hashes, sqlite_url, staged


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap_hashes(monkeypatch)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.real)])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> StateUrl:
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    server = request.getfixturevalue("postgres18")
    return StateUrl.parse(server.url(server.create_database()), tmp_path)


@pytest.fixture
def stage(state: StateUrl, clock: Clock) -> Iterator[Stage]:
    with staged(state, clock) as one:
        yield one


@pytest.fixture
def small(tmp_path: Path, clock: Clock) -> Iterator[Stage]:
    """On SQLite only, for what no database can make different."""
    with staged(sqlite_url(tmp_path), clock) as one:
        yield one
