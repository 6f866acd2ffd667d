"""A state, and readers of access logs that write into it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from daytwo.config.listening import LogSource
from daytwo.store.database import Database, open_database
from daytwo.store.url import StateUrl
from daytwo.watch.logs import Line
from daytwo.watch.numbers import Numbers, Summary
from daytwo.watch.traffic.reader import AccessReader
from daytwo.watch.traffic.views import TrafficViews

NOW = datetime(2026, 11, 21, 14, 30, 30, tzinfo=UTC)
MS = round(NOW.timestamp() * 1000)


@dataclass
class Stage:
    """One log of an app.

    Args:
        database: the state.
        source: how the log is set.
        now: the time.
    """

    database: Database
    source: LogSource
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.numbers = Numbers(self.database, "shop", "production")
        self.views = TrafficViews(self.database, "shop", "production", lambda: self.now)
        self.start()

    def start(self) -> None:
        """As a daemon that has just begun."""
        self.reader = AccessReader({"web": self.source}, self.database, self.numbers, lambda: self.now)

    def read(self, *texts: str, cut: bool = False, at: int = MS) -> None:
        """Have lines read and written."""
        self.lines([Line(at, text, cut) for text in texts])

    def lines(self, lines: Sequence[Line]) -> None:
        """Have lines read and written."""
        write = self.reader.read("web", lines)
        if write is not None:
            with self.database.begin() as connection:
                write(connection, self.now)

    def summary(self, name: str, begin: datetime | None = None) -> Summary:
        """A series of the log, up to now."""
        with self.database.read() as connection:
            begin = begin or datetime(2026, 11, 20, tzinfo=UTC)
            return self.numbers.summary(connection, f"traffic.web.{name}", begin, self.now)

    def sum(self, name: str) -> float:
        """What a series adds up to."""
        return self.summary(name).sum

    def names(self) -> list[str]:
        """The series of the log."""
        with self.database.read() as connection:
            return [one.removeprefix("traffic.web.") for one in self.numbers.names(connection, "traffic.web.*")]


MakeStage = Callable[..., Stage]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[MakeStage]:
    """Makes the stage of a log, with settings."""
    database = open_database(StateUrl.parse("state.db", tmp_path))

    def make(access: str = "nginx", **settings: Any) -> Stage:
        return Stage(database, LogSource.model_validate({"file": "access.log", "access": access, **settings}))

    yield make
    database.close()


def nginx_line(
    path: str = "/", status: int = 200, *, at: str = "21/Nov/2026:14:30:00 +0000", who: str = "203.0.113.7",
    user: str = "-", size: int = 612, method: str = "GET", rest: str = "",
) -> str:  # fmt: skip
    """A line as nginx' `combined` has it."""
    return f'{who} - {user} [{at}] "{method} {path} HTTP/1.1" {status} {size} "-" "curl/8.5.0"{rest}'
