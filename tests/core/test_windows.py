"""Windows and business hours on the days on which wall clocks jump (F32), and arithmetic with pieces of time."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytwo.core.periods import Period, Periods, whole
from daytwo.core.schedule import Cron
from daytwo.core.windows import Hours, Once, Recurring, Window, instant, next_of

BERLIN = "Europe/Berlin"
ZONE = ZoneInfo(BERLIN)
HOUR = timedelta(hours=1)


def wall(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE, fold=fold).astimezone(UTC)


def shown(window: Window, first: str, last: str) -> list[str]:
    """The windows of a time as the wall clock shows them."""
    return [
        f"{one.begin.astimezone(ZONE):%m-%d %H:%M%z} {one.end.astimezone(ZONE):%m-%d %H:%M%z}"
        for one in window.within(wall(first), wall(last))
    ]


WEEKLY = Recurring(Cron("0 1 * * sun"), 3 * HOUR, BERLIN)


def test_a_weekly_window_stays_at_its_hour_over_both_changes() -> None:
    assert shown(WEEKLY, "2026-03-21T00:00", "2026-04-06T00:00") == [
        "03-22 01:00+0100 03-22 04:00+0100",
        "03-29 01:00+0100 03-29 05:00+0200",
        "04-05 01:00+0200 04-05 04:00+0200",
    ]
    assert shown(WEEKLY, "2026-10-24T00:00", "2026-11-02T00:00") == [
        "10-25 01:00+0200 10-25 03:00+0100",
        "11-01 01:00+0100 11-01 04:00+0100",
    ]


def test_a_window_at_a_time_that_is_skipped_and_at_one_that_comes_twice() -> None:
    window = Recurring(Cron("30 2 * * *"), HOUR, BERLIN)
    assert shown(window, "2026-03-29T00:00", "2026-03-30T00:00") == ["03-29 03:00+0200 03-29 04:00+0200"]
    assert shown(window, "2026-10-25T00:00", "2026-10-26T00:00") == ["10-25 02:30+0200 10-25 02:30+0100"]


def test_a_window_that_began_before_the_time_is_in_it() -> None:
    assert shown(WEEKLY, "2026-06-07T03:59", "2026-06-07T05:00") == ["06-07 01:00+0200 06-07 04:00+0200"]
    assert shown(WEEKLY, "2026-06-07T04:00", "2026-06-14T01:00") == [], "neither touches it"


def test_the_first_sunday_of_the_month_and_of_the_quarter() -> None:
    monthly = Recurring(Cron("0 2 * * sun#1"), 4 * HOUR, BERLIN)
    assert shown(monthly, "2026-11-02T00:00", "2027-01-01T00:00") == ["12-06 02:00+0100 12-06 06:00+0100"]
    quarterly = Recurring(Cron("0 2 * 1,4,7,10 sun#1"), 8 * HOUR, BERLIN)
    assert [one[:5] for one in shown(quarterly, "2026-01-01T00:00", "2027-01-01T00:00")] == [
        "01-04", "04-05", "07-05", "10-04",
    ]  # fmt: skip


def test_once_from_a_wall_clock() -> None:
    begin, end = datetime(2026, 10, 25, 2, 30), datetime(2026, 10, 25, 2, 30)
    window = Once(instant(begin, ZONE), instant(end, ZONE, last=True))
    (one,) = window.within(wall("2026-10-25T00:00"), wall("2026-10-26T00:00"))
    assert one.length == HOUR, "what begins and ends at a time that comes twice, has both"
    assert list(window.within(one.end, one.end + HOUR)) == []
    assert list(window.within(one.begin - HOUR, one.begin)) == []
    aware = datetime(2026, 12, 1, 22, tzinfo=UTC)
    assert instant(aware, ZONE) == aware


def test_the_next_window_is_the_one_that_is_open() -> None:
    found = next_of(WEEKLY, wall("2026-06-07T02:00"))
    assert found == Period(wall("2026-06-07T01:00"), wall("2026-06-07T04:00"))
    after = next_of(WEEKLY, wall("2026-06-07T04:00"))
    assert after is not None and after.begin == wall("2026-06-14T01:00")
    assert next_of(Once(wall("2020-01-01T00:00"), wall("2020-01-02T00:00")), wall("2026-01-01T00:00")) is None


@pytest.mark.parametrize(
    ("day", "opens", "closes", "hours"),
    [
        ("2026-03-29", time(0), time(0), 23), ("2026-10-25", time(0), time(0), 25), ("2026-06-07", time(0), time(0), 24),
        ("2026-03-29", time(1), time(9), 7), ("2026-10-25", time(1), time(9), 9), ("2026-06-07", time(1), time(9), 8),
        ("2026-03-29", time(9), time(17), 8), ("2026-10-25", time(9), time(17), 8),
        ("2026-10-25", time(0), time(2, 30), 3.5), ("2026-03-29", time(2, 30), time(4), 0.5),
    ],
)  # fmt: skip
def test_business_hours_are_what_the_wall_clock_shows(day: str, opens: time, closes: time, hours: float) -> None:
    begin = wall(f"{day}T00:00")
    end = wall((datetime.fromisoformat(day) + timedelta(days=1)).isoformat())
    found = Hours(opens, closes, ZONE, days=(begin.astimezone(ZONE).weekday(),)).within(begin, end)
    assert found.length == timedelta(hours=hours)


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    night = Hours(time(22), time(6), ZONE, days=(4,))
    friday = wall("2026-11-20T00:00")
    found = list(night.within(friday - timedelta(days=7), friday + timedelta(days=7)))
    assert Period(wall("2026-11-20T22:00"), wall("2026-11-21T06:00")) in found
    assert list(night.within(wall("2026-11-21T00:00"), wall("2026-11-22T00:00"))) == [
        Period(wall("2026-11-21T00:00"), wall("2026-11-21T06:00"))
    ], "of the part of a night that lies in the time"


NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PIECES = st.lists(st.tuples(st.integers(0, 40), st.integers(-2, 12)), max_size=8)


def minutes(pieces: Periods) -> set[int]:
    return {n for n in range(-5, 60) if NOON + timedelta(minutes=n) in pieces}


def made(pieces: list[tuple[int, int]]) -> Periods:
    at = [NOON + timedelta(minutes=n) for n in range(-10, 70)]
    return Periods(Period(at[begin + 10], at[begin + length + 10]) for begin, length in pieces)


@given(PIECES, PIECES, st.integers(-5, 59), st.integers(-5, 59))
def test_pieces_of_time_are_sets_of_moments(
    one: list[tuple[int, int]], two: list[tuple[int, int]], a: int, b: int
) -> None:
    left, right = made(one), made(two)
    assert minutes(left & right) == minutes(left) & minutes(right)
    assert minutes(left | right) == minutes(left) | minutes(right)
    assert minutes(left - right) == minutes(left) - minutes(right)
    assert left.length == timedelta(minutes=len(minutes(left)))
    inside = {n for n in minutes(left) if a <= n < b}
    assert left.between(NOON + timedelta(minutes=a), NOON + timedelta(minutes=b)) == timedelta(minutes=len(inside))
    assert all(x.end < y.begin for x, y in zip(list(left), list(left)[1:], strict=False))


def test_the_length_of_a_day_is_real_time() -> None:
    begin, end = datetime(2026, 10, 25, tzinfo=ZONE), datetime(2026, 10, 26, tzinfo=ZONE)
    assert end - begin == timedelta(hours=24), "what Python says of two times of one zone"
    assert whole(begin, end).length == timedelta(hours=25)
    assert whole(end, begin).length == timedelta()
