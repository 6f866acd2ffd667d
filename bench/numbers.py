"""Numbers over time at their full size: 1,000 series, two days of samples and a month of sums, in SQLite.

Samples come in through the real insert path, a batch of all series at a time, each in its own commit; minutes, five
minutes, hours and days are rolled up by the real code, as a daemon does it: once a minute. Only the five-minute sums of
the four weeks before are copied from one real day. What is wanted: p95 over any window, and a chart of 30 days, in
under 50 ms (p95 of each sort of query, with random series and windows).
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from daytwo.store.database import Database, open_database
from daytwo.store.url import StateUrl
from daytwo.watch.numbers import Numbers, Point

WANTED = 50.0
"""Milliseconds."""
_NOW = datetime(2026, 11, 21, 9, 41, 17, tzinfo=UTC)
_RAW = timedelta(hours=48)
_MONTH = timedelta(days=30)
_FIVE = 300


@dataclass(frozen=True)
class Line:
    """How long something took, in milliseconds: the middle, the 95th percentile, the slowest; and the processor time's
    95th percentile, which tells on a busy machine what the thing itself took."""

    name: str
    p50: float
    p95: float
    worst: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.name:<38}{self.p50:>9.2f}{self.p95:>9.2f}{self.worst:>9.2f}{self.cpu:>9.2f}"


def line(name: str, calls: Iterator[Callable[[], object]]) -> Line:
    """Measure calls."""
    wall, cpu = [], []
    for call in calls:
        begin, used = time.perf_counter(), time.process_time()
        call()
        wall.append((time.perf_counter() - begin) * 1000)
        cpu.append((time.process_time() - used) * 1000)
    wall.sort()
    cpu.sort()
    late = int(len(wall) * 0.95)
    return Line(name, wall[len(wall) // 2], wall[late], wall[-1], cpu[late])


class World:
    """1,000 series: durations, gauges and totals.

    Args:
        database: an empty state.
        series: how many.
        seed: the same one gives the same world.
    """

    def __init__(self, database: Database, series: int, seed: int) -> None:
        self.database = database
        self.numbers = Numbers(database, "bench", "live")
        self.random = random.Random(seed)
        self.names = [(f"check{n:04}.{('duration', 'used', 'requests')[n % 3]}", n % 3 == 2) for n in range(series)]
        self.totals = [0.0] * series
        self.samples = 0

    def batch(self, now: datetime) -> list[Point]:
        """One sample of each series."""
        chance, at = self.random, round(now.timestamp() * 1000)
        points = []
        for n, (name, total) in enumerate(self.names):
            self.totals[n] += chance.randrange(50)
            value = self.totals[n] if total else chance.lognormvariate(-2, 0.4)
            points.append(Point(name, "s", total, at - n % 900, value))
        return points

    def add(self, points: list[Point], now: datetime) -> None:
        """In its own commit."""
        with self.database.begin() as connection:
            self.samples += self.numbers.add(connection, points, now)

    def roll(self, now: datetime) -> None:
        """All that there is to do."""
        more = True
        while more:
            with self.database.begin() as connection:
                more = self.numbers.roll(connection, now)


def fill(world: World, samples: int) -> Iterator[Line]:
    """Two days of samples, rolled up each minute."""
    every = _RAW / (samples // len(world.names))
    now, rolled = _NOW - _RAW, 0.0
    adds: list[float] = []
    rolls: list[float] = []
    while now <= _NOW:
        points = world.batch(now)
        begin = time.perf_counter()
        world.add(points, now)
        adds.append((time.perf_counter() - begin) * 1000)
        if now.timestamp() - rolled >= 60:
            rolled = now.timestamp()
            begin = time.perf_counter()
            world.roll(now)
            rolls.append((time.perf_counter() - begin) * 1000)
        if len(adds) % 1000 == 0:
            print(f"{world.samples:>12,} samples", file=sys.stderr, flush=True)
        now += every
    for name, took in (("insert a batch of all series", adds), ("roll a minute", rolls)):
        took.sort()
        late = int(len(took) * 0.95)
        yield Line(name, took[len(took) // 2], took[late], took[-1], 0.0)
    print(f"inserted {world.samples / sum(adds) * 1000:,.0f} samples a second, commits and all")
    print(f"rolled up {world.samples / sum(rolls) * 1000:,.0f} samples a second, to days")


def month(world: World) -> None:
    """Four weeks of five-minute sums before the samples, copied from a day of theirs, and their hours and days."""
    days = (_MONTH - _RAW).days
    with world.database.begin() as connection:
        first = int((_NOW - _RAW).timestamp()) // 86400 * 86400 + 86400
        for level, slot in ((300, 3600), (3600, 86400)):
            for back in range(1, days + 2):
                shift = back * 86400
                connection.exec_driver_sql(
                    "insert or ignore into rollups select level, (at - ?) / ?, series, at - ?, count, sum, min, max, "
                    "last, rise, sketch from rollups where level = ? and at >= ? and at < ?",
                    (shift, slot, shift, level, first, first + 86400),
                )
        for back in range(1, days + 2):
            connection.exec_driver_sql(
                "insert or ignore into rollups select level, (at - ?) / 31104000, series, at - ?, count, sum, min, "
                "max, last, rise, sketch from rollups where level = 86400 and at = ?",
                (back * 86400, back * 86400, first),
            )


def queries(world: World, rounds: int) -> Iterator[Line]:
    """Every sort of question."""
    chance, numbers, database = world.random, world.numbers, world.database

    def ask(what: Callable[[sa.Connection, str], object]) -> Callable[[], None]:
        name = chance.choice(world.names)[0]

        def call() -> None:
            with database.read() as connection:
                what(connection, name)

        return call

    def window(longest: timedelta, back: timedelta) -> tuple[datetime, datetime]:
        end = _NOW - back * chance.random()
        return end - longest * chance.uniform(0.5, 1), end

    def p95(longest: timedelta, back: timedelta = timedelta()) -> Callable[[], None]:
        begin, end = window(longest, back)
        return ask(lambda connection, name: numbers.summary(connection, name, begin, end).quantile(0.95))

    minutes, hours, days = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
    for name, longest, back in (
        ("p95, 5 minutes until now", 5 * minutes, timedelta()),
        ("p95, an hour until now", hours, timedelta()),
        ("p95, a day until now", days, timedelta()),
        ("p95, 30 days until now", 30 * days, timedelta()),
        ("p95, an hour in the past", hours, 29 * days),
        ("p95, a day in the past", days, 28 * days),
        ("p95, 15 days in the past", 15 * days, 15 * days),
    ):
        yield line(name, (p95(longest, back) for _ in range(rounds)))
    for name, longest in (
        ("chart, 5 minutes", 5 * minutes),
        ("chart, an hour", hours),
        ("chart, a day", days),
        ("chart, 7 days", 7 * days),
        ("chart, 30 days", 30 * days),
    ):
        begin = _NOW - longest
        yield line(
            name,
            (
                ask(lambda connection, name, begin=begin: numbers.chart(connection, name, begin, _NOW))  # type: ignore[misc]
                for _ in range(rounds)
            ),
        )
    yield line(
        "trend, 7 days", (ask(lambda c, name: numbers.trend(c, name, _NOW - 7 * days, _NOW)) for _ in range(rounds))
    )
    yield line("last value", (ask(lambda c, name: numbers.last(c, name, _NOW)) for _ in range(rounds)))
    yield line("names by pattern", (ask(lambda c, _: numbers.names(c, "*.duration")) for _ in range(rounds)))


def main() -> int:
    """Fill, ask, print; 1 when something takes longer than is wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", type=Path, help="keep the state here; when it is there, only ask")
    given = parser.parse_args()
    folder = given.state or Path(tempfile.mkdtemp(prefix="bench-numbers-"))
    there = (folder / "state.db").exists()
    database = open_database(StateUrl.parse("state.db", folder))
    try:
        world = World(database, given.series, given.seed)
        print(f"{'milliseconds':<38}{'p50':>9}{'p95':>9}{'worst':>9}{'cpu p95':>9}")
        if not there:
            for one in fill(world, given.samples):
                print(one)
            month(world)
        with database.read() as connection:
            for table in ("samples", "rollups"):
                count = connection.exec_driver_sql(f"select count(*) from {table}").scalar()
                print(f"{table}: {count:,} rows")
        print(f"state: {(folder / 'state.db').stat().st_size / 1e6:,.0f} MB")
        slow = []
        for one in queries(world, given.rounds):
            print(one, flush=True)
            if one.p95 > WANTED:
                slow.append(one.name)
    finally:
        database.close()
        if given.state is None:
            shutil.rmtree(folder)
    if slow:
        print(f"slower than {WANTED:.0f} ms: {', '.join(slow)}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
