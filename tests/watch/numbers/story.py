"""Words for tests of numbers: times of one day, samples, and what exact arithmetic makes of them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import sqlalchemy as sa

from daytwo.store.database import Database
from daytwo.watch.numbers import Digest, Numbers, Point, Summary, Summed

DAY = datetime(2026, 11, 20, tzinfo=UTC)
Sample = tuple[int, float]
"""Milliseconds, value."""


def at(clock: str, day: datetime = DAY) -> datetime:
    """A time of the day: `10:03`, `10:03:30.5`."""
    hours, minutes, *seconds = clock.split(":")
    return day + timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds[0]) if seconds else 0)


def ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def place(values: Sequence[float], q: float) -> float:
    """The exact quantile, as the sketch defines it."""
    return sorted(values)[math.floor(q * (len(values) - 1))]


def near(found: float | None, exact: float) -> bool:
    """Whether a quantile is as near as is promised."""
    return found is not None and abs(found - exact) <= 0.01 * abs(exact) * (1 + 1e-9)


def add_sketch(numbers: Numbers, connection: sa.Connection, name: str, unit: str, minute: datetime, digest: Digest,
               now: datetime) -> None:  # fmt: skip
    """Store one minute that comes summed up."""
    numbers.add_summed(connection, [Summed(name, unit, int(minute.timestamp()), digest)], now)


@dataclass
class Story:
    """One series, and what was told of it."""

    database: Database
    numbers: Numbers
    name: str = "web.duration"
    total: bool = False
    told: dict[int, float] = field(default_factory=dict)

    def tell(self, samples: Iterable[Sample], now: datetime) -> int:
        given = list(samples)
        self.told.update(given)
        with self.database.begin() as connection:
            points = [Point(self.name, "s", self.total, time, value) for time, value in given]
            return self.numbers.add(connection, points, now)

    def value(self, clock: str, value: float) -> int:
        return self.tell([(ms(at(clock)), value)], at(clock))

    def roll(self, now: datetime) -> None:
        while True:
            with self.database.begin() as connection:
                if not self.numbers.roll(connection, now):
                    return

    def look(self, begin: datetime, end: datetime) -> Summary:
        with self.database.read() as connection:
            return self.numbers.summary(connection, self.name, begin, end)

    def check(self, begin: datetime, end: datetime) -> None:
        """Compare a window with what exact arithmetic says."""
        found = self.look(begin, end)
        times = sorted(self.told)
        values = [self.told[time] for time in times if ms(begin) <= time < ms(end)]
        assert found.grain == 0
        assert found.count == len(values)
        if not values:
            return
        assert (found.min, found.max, found.last) == (min(values), max(values), values[-1])
        assert math.isclose(found.sum, sum(values), rel_tol=1e-9, abs_tol=1e-6)
        for q in (0, 0.5, 0.9, 0.95, 0.99, 1):
            assert near(found.quantile(q), place(values, q)), q
        if self.total:
            assert math.isclose(found.rise, self._risen(ms(begin), ms(end)), rel_tol=1e-9, abs_tol=1e-6)

    def _risen(self, begin: int, end: int) -> float:
        times, grown = sorted(self.told), 0.0
        for before, time in pairwise(times):
            if begin <= time < end:
                old, new = self.told[before], self.told[time]
                grown += new - old if new >= old else new
        return grown
