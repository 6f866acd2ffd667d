"""A state, and words to tell what was observed in it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from daytwo.config.objectives import Maintenance, Objectives
from daytwo.core.check import Around, Check, Observation, Timing
from daytwo.store.database import Database, open_database
from daytwo.store.tables import transitions
from daytwo.store.url import StateUrl
from daytwo.watch.numbers import Numbers, Point
from daytwo.watch.observations import Observations
from daytwo.watch.prober import Answer
from daytwo.watch.reports import Terms
from daytwo.watch.views import Views

OWN = ("shop", "production")
MINUTE = timedelta(minutes=1)
KINDS = {"o": Observation.ok(), "x": Observation.failed("no"), "?": Observation.inconclusive("who knows")}


class Asked(Check):
    """A check that has only a name."""

    about = "nothing"

    async def probe(self, around: Around) -> Observation:
        raise AssertionError("nobody asks it here")


@dataclass
class Shop:
    """What was observed of a shop."""

    database: Database
    terms: Terms = field(default_factory=Terms)

    def __post_init__(self) -> None:
        self.observations = Observations(self.database, *OWN)
        self.numbers = Numbers(self.database, *OWN)

    def observe(self, check: str, begin: datetime, said: str, every: timedelta = MINUTE) -> None:
        """Observations one after the other: ok, failed (x) or inconclusive (?)."""
        asked = Asked(check, check.partition(".")[0], Timing(every=every.total_seconds()))
        answers = [Answer(asked, KINDS[one], begin + n * every) for n, one in enumerate(said)]
        with self.database.begin() as connection:
            self.observations.take(connection, answers)

    def number(
        self, series: str, begin: datetime, values: list[float], unit: str = "s", total: bool = False,
        every: timedelta = MINUTE,
    ) -> None:  # fmt: skip
        """Numbers one after the other."""
        at = [round((begin + n * every).timestamp() * 1000) for n in range(len(values))]
        points = [Point(series, unit, total, one, value) for one, value in zip(at, values, strict=True)]
        with self.database.begin() as connection:
            assert self.numbers.add(connection, points, begin + len(values) * every) == len(values)

    def tell(self, rule: str, subject: str, *moves: tuple[datetime, str, str, str]) -> None:
        """Changes of a rule: when, from what, to what, how bad."""
        own = dict(zip(("app", "environment"), OWN, strict=True))
        rows = [
            {**own, "rule": rule, "subject": subject, "at": at, "old": old, "new": new, "level": level, "why": f"it is {new}"}
            for at, old, new, level in moves
        ]  # fmt: skip
        with self.database.begin() as connection:
            connection.execute(sa.insert(transitions), rows)

    def roll(self, now: datetime) -> None:
        with self.database.begin() as connection:
            while self.numbers.roll(connection, now, 1000):
                pass

    def promise(self, zone: str = "UTC", maintenance: dict[str, object] | None = None, **objectives: object) -> None:
        windows = {name: Maintenance.model_validate(one) for name, one in (maintenance or {}).items()}
        self.terms = Terms(zone, Objectives.model_validate(objectives), windows)

    def views(self, now: datetime) -> Views:
        return Views(self.database, *OWN, lambda: now, lambda: self.terms)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    opened = open_database(StateUrl.parse("state.db", tmp_path))
    yield Shop(opened)
    opened.close()


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
