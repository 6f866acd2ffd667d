"""The newest value of many series at once."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from daytwo.config.watching import Kept
from daytwo.core.units import Duration
from daytwo.store.database import Database
from daytwo.watch.numbers import Last, Numbers, Point
from daytwo.watch.numbers import summary as module
from daytwo.watch.numbers.digest import Digest
from daytwo.watch.numbers.sql import Sql
from tests.watch.numbers.story import DAY, add_sketch, ms

NOW = DAY + timedelta(hours=20, minutes=3, seconds=17)


def told(database: Database, numbers: Numbers) -> None:
    """Series that were heard of seconds, minutes, hours and days ago."""
    chance = random.Random(3)
    points = []
    for number in range(60):
        age = timedelta(seconds=chance.choice([5, 300, 900, 4000, 30_000, 400_000]))
        points += [Point(f"s{number}.x", "s", False, ms(NOW - age * back), chance.random()) for back in (1.0, 1.1, 1.3)]
    with database.begin() as connection:
        for point in sorted(points, key=lambda one: one.at):
            numbers.add(connection, [point], NOW)
        numbers.add(connection, [Point("ahead.x", "s", False, ms(NOW) + 60_000, 1.0)], NOW)


FAR = 7
"""Series that were heard of so long ago that only sums tell."""


def alike(database: Database, numbers: Numbers) -> int:
    """Compare with what each says by itself; how many there are."""
    with database.read() as connection:
        singly = {name: numbers.last(connection, name, NOW) for name in numbers.names(connection)}
        assert numbers.lasts(connection, NOW) == {name: one for name, one in singly.items() if one is not None}
        assert set(numbers.lasts(connection, NOW, "s1*")) == {
            name for name, one in singly.items() if one is not None and name.startswith("s1")
        }
    return sum(one is not None for one in singly.values())


def test_it_is_what_each_says_by_itself(database: Database, numbers: Numbers) -> None:
    told(database, numbers)
    assert alike(database, numbers) == 60 - FAR, "what is ahead of the time does not count"


def test_after_samples_have_been_deleted(database: Database, numbers: Numbers) -> None:
    told(database, numbers)
    kept = Kept(raw=Duration(3600), five_minutes=Duration(4 * 3600))
    with database.begin() as connection:
        while numbers.roll(connection, NOW, 1000):
            pass
        while numbers.prune(connection, NOW, kept, 1000):
            pass
    assert alike(database, numbers) == 60


def test_it_takes_a_few_queries_however_many_series_there_are(
    database: Database, numbers: Numbers, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(database, numbers)
    asked: list[str] = []
    ask = Sql.rows

    def rows(self: Sql, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        asked.append(statement)
        return ask(self, statement, values)

    monkeypatch.setattr(Sql, "rows", rows)
    with database.read() as connection:
        assert len(numbers.lasts(connection, NOW)) == 60 - FAR
    assert len(asked) <= 8
    monkeypatch.setattr(module, "_AT_ONCE", 7)
    assert alike(database, numbers) == 60 - FAR, "in several statements it is the same"


def test_what_comes_summed_up_is_shown_by_the_minute(database: Database, numbers: Numbers) -> None:
    """Each event is a 1: the newest of them says nothing, how many came in a minute does."""
    minute = NOW.replace(second=0)
    with database.begin() as connection:
        for back, values in ((0, [1.0] * 9), (1, [1.0] * 7), (3, [1.0] * 5)):
            one = Digest()
            one.add_many(values)
            at = minute - timedelta(minutes=back)
            add_sketch(numbers, connection, "logs.oauth", "count", at, one, NOW)
            if back == 3:
                add_sketch(numbers, connection, "logs.rare", "count", at, one, NOW)
        took = Digest()
        took.add_many([0.1, 0.2, 0.6])
        add_sketch(numbers, connection, "traffic.web.duration", "s", minute - timedelta(hours=5), took, NOW)
        numbers.add(connection, [Point("web.duration", "s", False, ms(NOW) - 5000, 0.25)], NOW)
        found = {series.name: last for series, last in numbers.newest(connection, NOW) if last is not None}
    whole = minute - timedelta(minutes=1)
    assert found["logs.oauth"] == Last(7.0, whole), "the minute that has begun is not whole"
    assert found["logs.rare"] == Last(0.0, whole), "events that do not happen are none"
    took_then = found["traffic.web.duration"]
    assert took_then.at == minute - timedelta(hours=5)
    assert took_then.value == pytest.approx(0.3)
    assert found["web.duration"].value == 0.25
