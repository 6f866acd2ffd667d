"""A state, a clock that is set by hand, and what writes and judges events."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from daytwo.config.listening import Security
from daytwo.store.database import Database, open_database
from daytwo.store.tables import security_events
from daytwo.store.url import StateUrl
from daytwo.watch.numbers import Numbers
from daytwo.watch.security.book import Book
from daytwo.watch.security.budget import Budget
from daytwo.watch.security.event import EventData, EventFilter, FindingData, Happening, Submission, Taken
from daytwo.watch.security.sentry import Found, Sentry
from daytwo.watch.security.views import SecurityViews

DAY = datetime(2026, 11, 21, tzinfo=UTC)


def clock(text: str) -> datetime:
    """`10:00:30` of the day."""
    hours, minutes, *seconds = text.split(":")
    return DAY + timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds[0]) if seconds else 0)


@dataclass
class Scene:
    """An app and what is written down of it; `restart` forgets whatever is only in memory."""

    database: Database
    limits: dict[str, Any] = field(default_factory=lambda: {"auth_failure": {"count": 10, "within": "1m"}})
    now: datetime = DAY + timedelta(hours=10)
    budget: Budget | None = None
    most: int = 1000

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        own = (self.database, "shop", "production")
        self.numbers = Numbers(*own)
        self.book = Book(*own, self.numbers, self.budget)
        self.sentry = Sentry("shop", "production", self.most)
        self.views = SecurityViews(*own, lambda: self.now)

    def at(self, text: str) -> "Scene":
        self.now = clock(text)
        return self

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        with self.database.begin() as connection:
            yield connection

    def fail(self, text: str, count: int = 1, source: str = "192.0.2.1", every: float = 1.0, **more: Any) -> None:
        """So many failed logins from a source, beginning at a time; the clock then stands at the last of them."""
        begin = clock(text)
        for number in range(count):
            at = begin + timedelta(seconds=number * every)
            self.now = max(self.now, at)
            self.happen(at, source, **more)

    def happen(self, at: datetime, source: str = "192.0.2.1", kind: str = "auth_failure", **more: Any) -> None:
        with self.writing() as connection:
            self.book.add(connection, [Happening(kind, source, at, "log ssh", **more)], self.now)

    def report(self, *given: dict[str, Any], via: str = "api web") -> Taken:
        with self.writing() as connection:
            return self.book.take(connection, [Submission.model_validate(one) for one in given], via, self.now)

    def judge(self, text: str = "") -> list[Found]:
        if text:
            self.at(text)
        limits = Security.model_validate({"limits": self.limits}).limits
        with self.writing() as connection:
            return self.sentry.judge(connection, limits, self.now)

    def found(self) -> list[FindingData]:
        return self.views.findings("all", 100_000)[0][::-1]

    def told(self) -> list[tuple[str, str, int]]:
        return [(one.source, one.state, one.count) for one in self.found()]

    def events(self, **wanted: Any) -> list[EventData]:
        return self.views.events(EventFilter(**wanted), 1_000_000)[0][::-1]

    def rows(self) -> int:
        with self.database.read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(security_events)).scalar_one())


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.real)])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An open state, of either sort."""
    if request.param == "sqlite":
        url = StateUrl.parse("state.db", tmp_path)
    else:
        server = request.getfixturevalue("postgres15")
        url = StateUrl.parse(server.url(server.create_database()), tmp_path)
    opened = open_database(url)
    yield opened
    opened.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An open state in a file."""
    opened = open_database(StateUrl.parse("state.db", tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def scene(database: Database) -> Scene:
    """An app whose failed logins are limited to ten a minute and source."""
    return Scene(database)
