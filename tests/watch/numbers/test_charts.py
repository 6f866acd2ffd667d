"""Charts, trends, names."""

import math
import random
from datetime import timedelta

import pytest

from daytwo.config.watching import Kept
from daytwo.core.units import Duration
from daytwo.store.database import Database
from daytwo.watch.numbers import Bucket, Numbers
from tests.watch.numbers.story import DAY, Story, at, ms, near, place

NOW = DAY + timedelta(days=2, hours=10, minutes=7, seconds=13)


@pytest.fixture
def story(database: Database, numbers: Numbers) -> Story:
    chance = random.Random(8)
    made = Story(database, numbers)
    time = DAY
    batch = []
    while time < NOW:
        time += timedelta(seconds=chance.uniform(30, 90))
        if time.hour != 3:
            batch.append((ms(time), chance.lognormvariate(0, 1)))
    made.tell([one for one in batch if one[0] < ms(NOW)], NOW)
    made.roll(NOW)
    return made


def chart(story: Story, span: timedelta, points: int = 400) -> list[Bucket]:
    with story.database.read() as connection:
        return story.numbers.chart(connection, story.name, NOW - span, NOW, points)


def test_each_point_is_right(story: Story) -> None:
    for span in (timedelta(minutes=5), timedelta(hours=1), timedelta(hours=30), timedelta(days=2), timedelta(days=30)):
        for points in (10, 60, 400):
            found = chart(story, span, points)
            assert 1 < len(found) <= points + 1, (span, points)
            assert found[0].seconds >= span.total_seconds() / points
            assert sum(bucket.count for bucket in found) >= sum(time >= ms(NOW - span) for time in story.told)
            for bucket in found:
                _compare(story, bucket, found[0].seconds)


def _compare(story: Story, bucket: Bucket, length: int) -> None:
    begin, end = ms(bucket.at), ms(bucket.at) + length * 1000
    assert bucket.seconds == length
    assert begin % (length * 1000) == 0
    values = [story.told[time] for time in sorted(story.told) if begin <= time < end]
    assert (bucket.count, bucket.min, bucket.max, bucket.last) == (len(values), min(values), max(values), values[-1])
    assert math.isclose(bucket.mean, sum(values) / len(values))
    assert near(bucket.p95, place(values, 0.95))


def test_what_has_no_values_is_left_out(story: Story) -> None:
    found = chart(story, timedelta(days=2), 400)
    assert found
    assert not [bucket for bucket in found if bucket.at.hour == 3]


def test_a_total_grows_along_the_chart(database: Database, numbers: Numbers) -> None:
    made = Story(database, numbers, total=True)
    made.tell([(ms(at("00:00")) + n * 60_000, 3 * n) for n in range(600)], at("10:00"))
    made.roll(at("10:00"))
    with database.read() as connection:
        found = numbers.chart(connection, made.name, at("00:00"), at("10:00"), 10)
    assert [bucket.rise for bucket in found] == [177] + [180] * 9


def test_a_chart_of_what_was_deleted_has_longer_points(story: Story) -> None:
    kept = Kept(raw=Duration(3600), five_minutes=Duration(86400))
    with story.database.begin() as connection:
        while story.numbers.prune(connection, NOW, kept):
            pass
    with story.database.read() as connection:
        begin = DAY + timedelta(hours=7)
        old = story.numbers.chart(connection, story.name, begin, begin + timedelta(hours=5))
        new = story.numbers.chart(connection, story.name, NOW - timedelta(hours=5), NOW)
    assert {bucket.seconds for bucket in old} == {3600}
    assert {bucket.seconds for bucket in new} == {300}


def test_a_trend_finds_the_line(database: Database, numbers: Numbers) -> None:
    made = Story(database, numbers, "host.disk.used")
    chance = random.Random(9)
    made.tell([(ms(at("00:00")) + n * 60_000, 100 + 0.5 * n + chance.gauss(0, 2)) for n in range(600)], at("10:00"))
    made.roll(at("10:00"))
    with database.read() as connection:
        trend = numbers.trend(connection, made.name, at("01:00"), at("10:00"))
        assert trend is not None
        assert math.isclose(trend.slope, 0.5 / 60, rel_tol=0.01)
        assert math.isclose(trend.value, 400, rel_tol=0.01)
        assert numbers.trend(connection, made.name, at("09:58:30"), at("09:59")) is None


def test_a_series_that_never_was_is_empty(database: Database, numbers: Numbers) -> None:
    with database.read() as connection:
        found = numbers.summary(connection, "x", at("00:00"), at("10:00"))
        assert (found.count, found.sum, found.mean, found.last, found.quantile(0.5)) == (0, 0, None, None, None)
        assert numbers.chart(connection, "x", at("00:00"), at("10:00")) == []
        assert numbers.trend(connection, "x", at("00:00"), at("10:00")) is None
        assert numbers.last(connection, "x", at("10:00")) is None


def test_a_window_that_ends_before_it_begins_is_empty(story: Story) -> None:
    assert story.look(at("10:00"), at("09:00")).count == 0
    assert story.look(at("10:00"), at("10:00")).count == 0
    with story.database.read() as connection:
        assert story.numbers.chart(connection, story.name, at("10:00"), at("09:00")) == []


def test_names_by_pattern(database: Database, numbers: Numbers) -> None:
    with database.begin() as connection:
        kinds = dict.fromkeys(("db.duration", "web.duration", "db.tables.size", "DB.x"), ("s", False))
        numbers.ids(connection, kinds, DAY)
    with database.read() as connection:
        assert numbers.names(connection) == ["DB.x", "db.duration", "db.tables.size", "web.duration"]
        assert numbers.names(connection, "db.*") == ["db.duration", "db.tables.size"]
        assert numbers.names(connection, "*.duration") == ["db.duration", "web.duration"]
