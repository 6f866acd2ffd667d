"""What is deleted, and what windows say after that."""

import random
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa

from daytwo.config.watching import Kept
from daytwo.core.units import Duration
from daytwo.store.database import Database
from daytwo.store.tables.numbers import rollups, samples
from daytwo.watch.numbers import Numbers
from tests.watch.numbers.story import DAY, Story, at, ms

HOURS = Kept(
    raw=Duration(3 * 3600), five_minutes=Duration(12 * 3600), hours=Duration(2 * 86400), days=Duration(3 * 86400)
)
NOW = DAY + timedelta(days=4, hours=10, minutes=7)


@pytest.fixture
def story(database: Database, numbers: Numbers) -> Story:
    """Four days, a sample every two minutes or so."""
    chance = random.Random(5)
    made = Story(database, numbers)
    time = DAY
    batch = []
    while time < NOW:
        time += timedelta(seconds=chance.uniform(60, 180))
        batch.append((ms(time), chance.lognormvariate(0, 1)))
    made.tell(batch, NOW)
    made.roll(NOW)
    return made


def prune(story: Story, kept: Kept = HOURS, most: int = 100) -> int:
    rounds = 1
    while True:
        with story.database.begin() as connection:
            if not story.numbers.prune(connection, NOW, kept, most):
                return rounds
        rounds += 1


def oldest(story: Story, level: int) -> int:
    with story.database.read() as connection:
        if not level:
            return int(connection.execute(sa.select(sa.func.min(samples.c.at))).scalar_one() // 1000)
        found = connection.execute(sa.select(sa.func.min(rollups.c.at)).where(rollups.c.level == level))
        return int(found.scalar_one())


def test_each_level_is_kept_as_long_as_it_should(story: Story) -> None:
    prune(story)
    now = int(NOW.timestamp())
    for level, length, slot in (
        (0, HOURS.raw, 600),
        (60, HOURS.raw, 600),
        (300, HOURS.five_minutes, 3600),
        (3600, HOURS.hours, 86400),
        (86400, HOURS.days, 86400),
    ):
        assert length - 300 <= now - oldest(story, level) <= length + slot + level, level


def test_what_has_not_been_summed_up_is_not_deleted(database: Database, numbers: Numbers) -> None:
    made = Story(database, numbers)
    made.tell([(ms(at("10:00")) + n * 60_000, n) for n in range(100)], at("12:00"))
    prune(made)
    made.roll(NOW)
    assert made.look(at("10:00"), at("12:00")).count == 100


def test_pieces_are_bounded(story: Story) -> None:
    assert prune(story, most=6) > 50
    with story.database.begin() as connection:
        assert not story.numbers.prune(connection, NOW, HOURS, 1), "nothing is left to do"


def test_windows_between_pieces_are_right_or_say_that_they_are_not(story: Story) -> None:
    chance = random.Random(6)
    times = sorted(story.told)
    while True:
        for _ in range(10):
            begin = DAY + timedelta(days=1, seconds=chance.randrange(3 * 86400))
            end = min(NOW, begin + timedelta(seconds=chance.randrange(2 * 86400)))
            found = story.look(begin, end)
            exact = sum(ms(begin) <= time < ms(end) for time in times)
            if found.grain:
                edges = [(ms(one) - found.grain * 1000, ms(one) + found.grain * 1000) for one in (begin, end)]
                off = sum(any(low < time < high for low, high in edges) for time in times)
                assert abs(found.count - exact) <= off
            else:
                assert found.count == exact
        with story.database.begin() as connection:
            if not story.numbers.prune(connection, NOW, HOURS, 20):
                return


def test_windows_that_adjoin_count_everything_once_after_deleting(story: Story) -> None:
    prune(story)
    chance = random.Random(7)
    first = DAY + timedelta(days=2)
    for _ in range(20):
        cuts = sorted(first + timedelta(seconds=chance.uniform(0, 2 * 86400)) for _ in range(4))
        edges = [first, *cuts, NOW]
        parts = [story.look(begin, end).count for begin, end in pairwise(edges)]
        assert sum(parts) == sum(ms(first) <= time < ms(NOW) for time in story.told)


def test_what_is_older_than_samples_are_kept_is_not_taken(story: Story) -> None:
    prune(story)
    before = story.look(DAY + timedelta(days=2), NOW).count
    assert story.tell([(ms(DAY + timedelta(days=3)), 1.0)], NOW) == 0
    assert story.look(DAY + timedelta(days=2), NOW).count == before


def test_the_newest_value_outlives_its_sample(story: Story) -> None:
    newest = story.told[max(story.told)]
    later = NOW + timedelta(days=1)
    story.roll(later)
    with story.database.begin() as connection:
        while story.numbers.prune(connection, later, HOURS):
            pass
    with story.database.read() as connection:
        found = story.numbers.last(connection, story.name, later)
        assert found is not None
        assert found.value == newest
        assert NOW - timedelta(hours=1, minutes=5) <= found.at <= NOW


def test_another_app_in_the_same_state_keeps_its_own(story: Story) -> None:
    other = Story(story.database, Numbers(story.database, "other", "live"))
    other.tell([(ms(DAY) + n * 60_000, n) for n in range(1000)], DAY + timedelta(days=1))
    other.roll(NOW)
    prune(story)
    other.check(DAY, DAY + timedelta(days=1))
    other.check(at("03:07:30"), at("09:41:10"))


def series(story: Story) -> list[str]:
    with story.database.read() as connection:
        return story.numbers.names(connection)


def forget(story: Story, *named: str, now: datetime = NOW) -> list[str]:
    with story.database.begin() as connection:
        return story.numbers.forget(connection, now, lambda name: name in named)


def test_series_of_which_nothing_is_left_go_when_nothing_names_them(database: Database, numbers: Numbers) -> None:
    """At each level there may be something left, and the newest series stays, so that its number is not given again."""
    for name in ("old.a", "old.b", "named.c"):
        Story(database, numbers, name).tell([(ms(DAY), 1.0)], DAY)
    story = Story(database, numbers, "web.duration")
    story.tell([(ms(DAY) + hour * 3_600_000, 1.0) for hour in range(24 * 4)], NOW)
    story.roll(NOW)
    assert forget(story) == [], "all of it is left"
    later = NOW + timedelta(days=10)
    story.tell([(ms(later), 1.0)], later)
    story.roll(later)
    for kept in (HOURS.model_copy(update={"days": Duration(30 * 86400)}), HOURS):
        assert forget(story, now=later) == [], "at least the sums of days are left"
        with database.begin() as connection:
            while numbers.prune(connection, later, kept, 1000):
                pass
    assert forget(story, "named.c", now=DAY + timedelta(days=1)) == [], "it has just been made"
    assert forget(story, "named.c", now=later) == ["old.a", "old.b"]
    assert series(story) == ["named.c", "web.duration"]
    assert forget(story, now=later) == ["named.c"]
    assert Story(database, numbers, "old.a").tell([(ms(later), 2.0)], later) == 1, "it may come again"
    with database.read() as connection:
        assert numbers.summary(connection, "old.a", NOW, later + timedelta(seconds=1)).sum == 2.0
