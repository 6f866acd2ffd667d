"""What people and programs are shown of logs: the same for the API and the command line."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa
from pydantic import BaseModel, Field

from daytwo.config import Config
from daytwo.config.listening import Pattern
from daytwo.core.errors import NotFoundError
from daytwo.store.database import Database
from daytwo.watch.logs.patterns import BUILT_IN, patterns_of
from daytwo.watch.logs.records import LogBook
from daytwo.watch.numbers import Numbers


class LogData(BaseModel):
    """A log that is followed."""

    name: str
    kind: str = Field(description="container, journal or file")
    place: str = Field(description="where it is, in words")
    at: datetime | None = Field(description="when lines came last; null when none has yet")
    trouble: str = Field(description="why it cannot be read now; empty while it can")


class PatternData(BaseModel):
    """Something that is looked for in logs."""

    name: str
    match: str
    logs: list[str] = Field(description="in which logs; in all when empty")
    about: str = Field(description="what it means and what to do")
    security: str | None = Field(description="the kind of security event that each match is")
    built_in: bool
    hour: int = Field(description="matches in the last hour")
    day: int = Field(description="matches in the last 24 hours")
    last: datetime | None = Field(description="when it was seen last")


class SampleData(BaseModel):
    """A line that a pattern matched, without secrets."""

    log: str
    at: datetime
    text: str


class PatternDetail(PatternData):
    """A pattern with samples."""

    samples: list[SampleData] = Field(description="the newest first")


class LogViews:
    """Looks at the logs of one app and environment.

    Args:
        database: the state.
        current: gives the configuration as it is now.
        clock: the time now.
    """

    def __init__(self, database: Database, current: Callable[[], Config], clock: Callable[[], datetime]) -> None:
        config = current()
        self._database = database
        self._current = current
        self._clock = clock
        self._numbers = Numbers(database, config.app, config.environment)
        self._book = LogBook(config.app, config.environment)

    def logs(self) -> list[LogData]:
        """The logs that the daemon follows."""
        with self._database.read() as connection:
            found = self._book.places(connection).values()
        return [
            LogData(name=one.log, kind=one.kind, place=one.place, at=one.at, trouble=one.trouble) for one in found
        ]  # fmt: skip

    def patterns(self) -> list[PatternData]:
        """What is looked for, and how often it was found."""
        with self._database.read() as connection:
            newest = self._book.newest(connection)
            return [self._one(connection, name, one, newest) for name, one in self._patterns().items()]

    def pattern(self, name: str) -> PatternDetail:
        """A pattern with samples.

        Raises:
            NotFoundError: there is none.
        """
        one = self._patterns().get(name)
        if one is None:
            raise NotFoundError(f"there is no pattern {name}", hint="`daytwo logs --patterns` lists them")
        with self._database.read() as connection:
            data = self._one(connection, name, one, self._book.newest(connection))
            samples = self._book.samples(connection, name)
        shown = [SampleData(log=sample.log, at=sample.at, text=sample.text) for sample in samples]
        return PatternDetail(**data.model_dump(), samples=shown)

    def _patterns(self) -> dict[str, Pattern]:
        return dict(sorted(patterns_of(self._current().patterns).items()))

    def _one(
        self, connection: sa.Connection, name: str, one: Pattern, newest: Mapping[str, datetime]
    ) -> PatternData:  # fmt: skip
        now = self._clock()
        hour, day = (
            self._numbers.summary(connection, f"logs.{name}", now - timedelta(hours=hours), now).count
            for hours in (1, 24)
        )
        return PatternData(
            name=name,
            match=one.match,
            logs=list(one.logs),
            about=one.about,
            security=one.security,
            built_in=one is BUILT_IN.get(name),
            hour=hour,
            day=day,
            last=newest.get(name),
        )


__all__ = ["LogData", "LogViews", "PatternData", "PatternDetail", "SampleData"]
