"""Numbers come in and are summed up: late, doubled, from the future, after a gap, with totals that begin anew."""

import math
import random
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from daytwo.core.check import Unit
from daytwo.store.database import Database
from daytwo.store.tables.numbers import rolled, rollups, samples
from daytwo.watch.numbers import Digest, Numbers, Point, Summed
from daytwo.watch.numbers.levels import LEVELS
from tests.watch.numbers.story import DAY, Story, at, ms, near, place


@pytest.fixture
def story(database: Database, numbers: Numbers) -> Story:
    return Story(database, numbers)


def rows(database: Database, level: int) -> list[sa.Row]:
    with database.read() as connection:
        return list(
            connection.execute(
                sa.select(rollups).where(rollups.c.level == level).order_by(rollups.c.series, rollups.c.at)
            )
        )


def everything(database: Database) -> list[tuple]:
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(sa.select(rollups).order_by(*rollups.primary_key.columns))]


@pytest.mark.parametrize("total", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_any_window_is_right(story: Story, total: bool, seed: int) -> None:
    chance = random.Random(seed)
    story.total = total
    now, value = at("00:00"), 0.0
    while now < at("00:00") + timedelta(days=2, hours=5):
        batch = []
        for _ in range(chance.randrange(1, 60)):
            now += timedelta(seconds=chance.choice((0.5, 20, 60, 60, 300)))
            value = value + chance.randrange(10) if total and chance.random() > 0.02 else chance.lognormvariate(0, 3)
            batch.append((ms(now), value))
        if chance.random() < 0.1:
            now += timedelta(hours=chance.choice((1, 7)))
        chance.shuffle(batch)
        story.tell(batch, now)
        story.roll(now)
        for _ in range(2):
            span = chance.choice((90, 600, 4000, 20_000, 200_000))
            begin = now - timedelta(seconds=chance.uniform(0, span))
            story.check(begin, min(now, begin + timedelta(seconds=chance.uniform(0, span))))
    story.check(at("00:00"), now + timedelta(seconds=1))
    assert all(rows(story.database, level) for level in LEVELS[1:])


def test_without_a_roll_windows_are_right_too(story: Story) -> None:
    story.total = True
    story.tell([(ms(at("09:00")) + n * 60_000, n % 50) for n in range(200)], at("12:20"))
    story.check(at("09:30:10"), at("11:40:50"))


def test_rolling_twice_changes_nothing(story: Story) -> None:
    story.tell([(ms(at("10:00")) + n * 7_000, n) for n in range(3000)], at("15:50"))
    story.roll(at("15:50"))
    before = everything(story.database)
    story.roll(at("15:50"))
    assert everything(story.database) == before


def test_a_roll_that_dies_is_done_again(story: Story) -> None:
    story.total = True
    story.tell([(ms(at("10:00")) + n * 7_000, n) for n in range(1000)], at("12:00"))

    class Death(Exception):
        pass

    with pytest.raises(Death), story.database.begin() as connection:
        story.numbers.roll(connection, at("12:00"))
        raise Death
    assert everything(story.database) == []
    again = Numbers(story.database, "shop", "live")  # as after a restart
    Story(story.database, again).roll(at("12:00"))
    story.check(at("10:00"), at("12:00"))


def test_a_sample_of_the_same_time_is_replaced(story: Story) -> None:
    story.value("10:00", 1)
    story.tell([(ms(at("10:00")), 2), (ms(at("10:00")), 3)], at("10:00:01"))
    assert story.look(at("10:00"), at("10:01")).sum == 3
    story.roll(at("11:00"))
    story.tell([(ms(at("10:00")), 4)], at("11:00"))
    assert story.look(at("10:00"), at("10:01")).sum == 4


def test_a_late_sample_is_taken_in(story: Story) -> None:
    story.value("10:00:10", 1)
    story.roll(at("10:02:45"))
    assert rows(story.database, 60) == [], "a minute waits for what is late"
    story.tell([(ms(at("10:00:50")), 5)], at("10:02:45"))
    story.roll(at("10:20"))
    story.check(at("10:00"), at("10:05"))
    assert len(rows(story.database, 60)) == 1


@pytest.mark.parametrize("total", [False, True])
def test_a_sample_that_is_hours_late_is_taken_in_at_every_level(story: Story, total: bool) -> None:
    story.total = total
    story.tell([(ms(at("00:00")) + n * 60_000, n) for n in range(3000) if n % 7], at("02:00") + timedelta(days=2))
    now = at("03:00") + timedelta(days=2)
    story.roll(now)
    assert rows(story.database, 86400)
    for minute in (7, 700, 1400, 2100):
        story.tell([(ms(at("00:00")) + minute * 60_000, minute + 0.5)], now)
    for begin in ("00:00", "00:05", "11:00", "23:20"):
        story.check(at(begin), at(begin) + timedelta(minutes=5))
        story.check(at(begin), at(begin) + timedelta(days=1, hours=7))


@pytest.mark.parametrize("hours", [1, 11])
def test_a_late_sample_of_a_rare_total_counts_its_growth_once(story: Story, hours: int) -> None:
    """What the next one had grown from the one before is the late one's now, however far apart they are."""
    story.total = True
    clock = [f"{hour:02}:00" for hour in (0, hours, 2 * hours)]
    story.value(clock[0], 100)
    story.value(clock[2], 300)
    story.roll(at("23:59"))
    story.tell([(ms(at(clock[1])), 200)], at("23:59"))
    story.check(at("00:00") - timedelta(hours=1), at("23:30"))
    assert story.look(at("00:00") - timedelta(hours=1), at("23:30")).rise == 200


def test_f34_a_sample_from_the_future_moves_nothing_and_does_not_count(story: Story) -> None:
    story.value("10:00", 1)
    ahead = [(ms(at("10:01:30")), 99.0), (ms(at("10:00") + timedelta(hours=5)), 999.0)]
    assert story.tell(ahead, at("10:00:10")) == 1, "hours ahead is no time at all"
    story.roll(at("10:00:10"))
    assert story.look(at("09:00"), at("10:00:10")).max == 1
    with story.database.read() as connection:
        newest = story.numbers.last(connection, story.name, at("10:00:10"))
        assert newest is not None
        assert newest.value == 1
    story.value("10:00:40", 2)
    story.roll(at("10:20"))
    assert story.look(at("10:00"), at("10:02")).count == 3, "its time has come"


def test_f34_a_future_row_that_is_there_already_moves_no_mark(story: Story) -> None:
    """As a clock leaves it that was hours ahead and has been set back."""
    wrong = at("20:00")
    story.tell([(ms(wrong), 999.0)], wrong)
    for minute in range(0, 30):
        story.value(f"10:{minute:02}", 1)
        story.roll(at(f"10:{minute:02}"))
    assert story.look(at("09:00"), at("10:30")).max == 1
    with story.database.read() as connection:
        assert connection.scalar(sa.select(sa.func.max(rolled.c.until))) <= at("10:29").timestamp()
    story.told.pop(ms(wrong))
    story.check(at("10:00"), at("10:30"))


def test_f34_a_clock_that_was_ahead_when_it_rolled_loses_nothing(story: Story) -> None:
    story.value("10:00", 1)
    story.roll(at("15:00"))  # wrong by hours
    for minute in range(1, 30):
        story.value(f"10:{minute:02}", minute)
        story.roll(at(f"10:{minute:02}"))
    story.check(at("10:00"), at("10:30"))
    story.roll(at("16:00"))
    story.check(at("10:00"), at("16:00"))


def test_a_gap_costs_no_work(story: Story) -> None:
    story.value("10:00", 1)
    story.roll(at("10:05"))
    later = at("10:00") + timedelta(days=300)
    asked = []
    sa.event.listen(story.database.engine, "begin", lambda _: asked.append(1))
    story.tell([(ms(later), 2)], later)
    story.roll(later + timedelta(minutes=5))
    assert len(asked) <= 4, "transactions"
    found = story.look(at("09:00"), later + timedelta(minutes=1))
    assert (found.count, found.sum) == (2, 3)


def test_the_work_of_one_call_is_bounded(story: Story) -> None:
    story.tell([(ms(at("00:00")) + n * 30_000, n) for n in range(1200)], at("10:00"))
    rounds = 0
    while True:
        rounds += 1
        with story.database.begin() as connection:
            if not story.numbers.roll(connection, at("10:00"), most=1):
                break
    assert 50 < rounds < 70, "ten minutes each"
    story.check(at("00:00"), at("10:00"))


def test_a_total_knows_that_it_began_anew(story: Story) -> None:
    story.total = True
    for minute, value in enumerate((100, 110, 125, 5, 9, 9, 0, 3)):
        story.value(f"10:{minute:02}", value)
    story.roll(at("11:10"))
    assert story.look(at("10:00"), at("11:00")).rise == 10 + 15 + 5 + 4 + 0 + 0 + 3
    assert story.look(at("10:01"), at("10:02")).rise == 10, "grown since the sample before the window"
    assert story.look(at("10:03"), at("10:04")).rise == 5
    assert [row.rise for row in rows(story.database, 3600)] == [37]


def test_a_rare_total_grows_from_its_sample_hours_ago(story: Story) -> None:
    story.total = True
    for hour, value in ((1, 10), (4, 30), (9, 31), (20, 50)):
        story.value(f"{hour:02}:00:30", value)
        story.roll(at(f"{hour:02}:10"))
    story.roll(at("23:00"))
    for begin, rise in (("01:00", 0), ("04:00", 20), ("09:00", 1), ("20:00", 19)):
        assert story.look(at(begin), at(begin) + timedelta(minutes=7)).rise == rise
    story.check(at("00:00"), at("23:00"))


def test_what_is_no_number_is_left_out(story: Story) -> None:
    given = [(ms(at("10:00")), math.nan), (ms(at("10:01")), math.inf), (ms(at("10:02")), 1.0)]
    assert story.tell(given, at("10:02")) == 1
    with story.database.begin() as connection:
        bad = [Point(name, "s", False, ms(at("10:02")), 1) for name in ("x" * 201, "a\0b", "")]
        assert story.numbers.add(connection, bad, at("10:02")) == 0
    assert story.look(at("10:00"), at("10:03")).count == 1


def test_integers_are_numbers(story: Story, database: Database) -> None:
    with database.begin() as connection:
        mixed = [
            Point("a", Unit.COUNT, False, ms(at("10:00")), 1),
            Point("b", Unit.SECONDS, False, ms(at("10:00")), 1.5),
        ]
        assert story.numbers.add(connection, mixed, at("10:00")) == 2


class Undo(Exception):
    pass


def test_a_series_whose_making_was_rolled_back_is_made_again(story: Story) -> None:
    point = Point("new", "s", False, ms(at("10:00")), 1.0)
    with pytest.raises(Undo), story.database.begin() as connection:
        story.numbers.add(connection, [point], at("10:00"))
        raise Undo
    with story.database.begin() as connection:
        story.numbers.add(connection, [point], at("10:00"))
    fresh = Numbers(story.database, "shop", "live")
    with story.database.read() as connection:
        assert fresh.summary(connection, "new", at("10:00"), at("10:01")).sum == 1


def test_a_series_whose_making_was_undone_in_a_savepoint_is_made_again(story: Story) -> None:
    """As the writer does it with one piece of work of many."""
    point = Point("new", "s", False, ms(at("10:00")), 1.0)
    with story.database.begin() as connection:
        with pytest.raises(Undo), connection.begin_nested():
            story.numbers.add(connection, [point], at("10:00"))
            raise Undo
        story.numbers.add(connection, [point], at("10:00"))
    fresh = Numbers(story.database, "shop", "live")
    with story.database.read() as connection:
        assert fresh.summary(connection, "new", at("10:00"), at("10:01")).sum == 1


def test_what_a_series_is_can_change(story: Story, database: Database) -> None:
    with database.begin() as connection:
        first = story.numbers.ids(connection, {"a": ("s", False), "b": ("B", True)}, DAY)
        assert story.numbers.ids(connection, {"a": ("B", True)}, DAY) == {"a": first["a"]}
        assert [(one.unit, one.total) for one in story.numbers.series(connection)] == [("B", True), ("B", True)]


def test_apps_do_not_see_each_other(database: Database) -> None:
    both = [Story(database, Numbers(database, "shop", name)) for name in ("live", "test")]
    for value, story in enumerate(both):
        story.tell([(ms(at("10:00")) + n * 60_000, value) for n in range(10)], at("10:10"))
        story.roll(at("11:00"))
    for value, story in enumerate(both):
        found = story.look(at("10:00"), at("11:00"))
        assert (found.count, found.sum) == (10, 10 * value)


def summed(values: list[float]) -> Digest:
    digest = Digest()
    for value in values:
        digest.add(value)
    return digest


def tell_minutes(
    numbers: Numbers, database: Database, minutes: list[tuple[datetime, list[float]]], now: datetime
) -> int:
    with database.begin() as connection:
        given = [Summed("route.duration", "s", int(minute.timestamp()), summed(values)) for minute, values in minutes]
        return numbers.add_summed(connection, given, now)


def test_minutes_that_come_summed_up(numbers: Numbers, database: Database) -> None:
    chance = random.Random(3)
    story = Story(database, numbers, "route.duration")
    exact: dict[int, list[float]] = {}
    for minute in range(300):
        now = at("08:00") + timedelta(minutes=minute)
        for _ in range(2):  # a minute comes in two parts
            values = [chance.lognormvariate(0, 1) for _ in range(chance.randrange(1, 400))]
            exact.setdefault(minute, []).extend(values)
            tell_minutes(numbers, database, [(now, values)], now)
        story.roll(now)
    for begin, end in ((0, 300), (7, 299), (120, 125), (295, 300)):
        found = story.look(at("08:00") + timedelta(minutes=begin), at("08:00") + timedelta(minutes=end))
        values = [value for minute in range(begin, end) for value in exact[minute]]
        assert found.count == len(values)
        assert near(found.quantile(0.95), place(values, 0.95))
        assert found.grain == 0
    assert story.look(at("08:10:30"), at("08:30")).grain == 60


def test_summed_minutes_of_hours_ago_are_taken_in_at_every_level(numbers: Numbers, database: Database) -> None:
    """A log that was written while nobody read it."""
    story = Story(database, numbers, "route.duration")
    tell_minutes(numbers, database, [(at("01:00"), [1.0])], at("01:00"))
    later = at("01:00") + timedelta(days=1)
    story.roll(later)
    assert tell_minutes(numbers, database, [(at("01:00"), [3.0]), (at("04:07"), [5.0, 7.0])], later) == 2
    found = story.look(DAY, DAY + timedelta(days=1))
    assert (found.count, found.sum, found.max) == (4, 16, 7)
    assert [row[4] for row in rows(database, 86400)] == [4]


def test_samples_are_stored_once(story: Story) -> None:
    story.tell([(ms(at("10:00")) + n, n) for n in range(1000)], at("10:01"))
    with story.database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(samples)) == 1000
