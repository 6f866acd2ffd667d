"""Cron expressions on the days on which wall clocks jump."""

import pickle
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from daytwo.core import schedule
from daytwo.core.schedule import Cron

BERLIN = "Europe/Berlin"


def at(text: str, zone: str = "UTC", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def walls(expression: str, zone: str, first: str, last: str) -> list[str]:
    """The occurrences as the zone's wall clock shows them."""
    found = schedule.occurrences(Cron(expression), zone, at(first, zone), at(last, zone))
    return [f"{when.astimezone(ZoneInfo(zone)):%m-%d %H:%M%z}" for when in found]


def test_spring_a_skipped_time_happens_at_the_first_minute_there_is() -> None:
    assert walls("30 2 * * *", BERLIN, "2026-03-28T00:00", "2026-03-30T23:00") == [
        "03-28 02:30+0100",
        "03-29 03:00+0200",
        "03-30 02:30+0200",
    ]


def test_autumn_a_repeated_time_happens_once() -> None:
    assert walls("30 2 * * *", BERLIN, "2026-10-24T00:00", "2026-10-26T23:00") == [
        "10-24 02:30+0200",
        "10-25 02:30+0200",
        "10-26 02:30+0100",
    ]


def test_autumn_asked_between_the_two_it_does_not_happen_again() -> None:
    between = at("2026-10-25T02:10", BERLIN, fold=1)
    assert schedule.next(Cron("30 2 * * *"), BERLIN, between) == at("2026-10-26T02:30", BERLIN)
    assert schedule.previous(Cron("30 2 * * *"), BERLIN, between) == at("2026-10-25T02:30", BERLIN)


def test_hourly_jobs_follow_real_time() -> None:
    assert walls("0 * * * *", BERLIN, "2026-10-25T00:30", "2026-10-25T04:00") == [
        "10-25 01:00+0200",
        "10-25 02:00+0200",
        "10-25 02:00+0100",
        "10-25 03:00+0100",
        "10-25 04:00+0100",
    ]
    assert len(walls("0 * * * *", BERLIN, "2026-03-28T23:30", "2026-03-29T23:30")) == 23


def test_a_day_that_a_zone_skips() -> None:
    assert walls("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00", "2012-01-01T00:00") == [
        "12-29 12:00-1000",
        "12-31 00:00+1400",
        "12-31 12:00+1400",
    ]


def test_midnight_that_does_not_exist() -> None:
    assert walls("0 0 * * *", "Asia/Beirut", "2024-03-30T12:00", "2024-03-31T23:00") == ["03-31 01:00+0300"]


def test_a_zone_behind_the_expression_goes_first() -> None:
    cron = Cron("0 2 * * * UTC")
    assert (cron.expression, cron.zone, str(cron)) == ("0 2 * * *", "UTC", "0 2 * * * UTC")
    assert schedule.next(cron, BERLIN, at("2026-07-01T00:00")) == at("2026-07-01T02:00")
    assert schedule.next(Cron("0 2 * * *"), BERLIN, at("2026-07-01T00:30")) == at("2026-07-02T00:00")


def test_first_sunday_and_last_day_of_the_month() -> None:
    assert schedule.next(Cron("0 4 * * sun#1"), "UTC", at("2026-05-01T00:00")) == at("2026-05-03T04:00")
    assert schedule.next(Cron("0 4 L * *"), "UTC", at("2026-02-01T00:00")) == at("2026-02-28T04:00")


def test_words() -> None:
    assert Cron("@daily").expression == "0 0 * * *"
    assert Cron("@weekly Europe/Berlin").zone == BERLIN


def test_ends_of_a_span() -> None:
    cron, three = Cron("0 3 * * *"), at("2026-05-01T03:00")
    assert list(schedule.occurrences(cron, "UTC", three, three + timedelta(days=1))) == [three + timedelta(days=1)]
    assert schedule.previous(cron, "UTC", three) == three
    assert schedule.previous(cron, "UTC", three - timedelta(microseconds=1)) == three - timedelta(days=1)
    assert schedule.next(cron, "UTC", three) == three + timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "not five fields"),
        ("0 3 * *", "not five fields"),
        ("0 0 3 * * *", "not five fields"),
        ("61 3 * * *", "bad minute"),
        ("0 25 * * *", "bad hour"),
        ("0 0 31 2 *", "bad day-of-month"),
        ("0 3 * * Mars/Base", "bad day-of-week"),
        ("0 3 * * * Mars/Base", "not a time zone"),
        ("daily", "not five"),
    ],
)
def test_refused(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        Cron(text)


def test_pydantic_and_pickle() -> None:
    adapter = TypeAdapter(Cron)
    cron = adapter.validate_python("0 3 * * * UTC")
    assert isinstance(cron, Cron) and cron.zone == "UTC"
    assert adapter.dump_json(cron) == b'"0 3 * * * UTC"'
    assert pickle.loads(pickle.dumps(cron)).zone == "UTC"
    pattern = adapter.json_schema()["pattern"]
    for good in ("0 3 * * *", "*/5 0-6 1,15 * mon-fri", "0 4 * * sun#1 UTC", "@daily", "@daily Europe/Berlin"):
        assert re.search(pattern, good)
    assert not re.search(pattern, "every day")
    with pytest.raises(ValueError, match="quotes"):
        adapter.validate_python(3)


EXPRESSIONS = st.sampled_from(
    [
        "30 2 * * *",
        "0 3 * * *",
        "0,30 2 * * *",
        "15 1-3 * * *",
        "*/20 * * * *",
        "0 * * * *",
        "0 */2 * * *",
        "59 23 * * sun",
        "0 0 * * *",
        "30 0 1 * *",
        "*/30 2 * * *",
    ]
)
ZONES = st.sampled_from(["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "Africa/Casablanca"])
NEAR_A_CHANGE = st.one_of(
    st.datetimes(datetime(2026, 3, 28), datetime(2026, 3, 30, 12)),
    st.datetimes(datetime(2026, 10, 24), datetime(2026, 10, 26, 12)),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)),
)


@settings(max_examples=200, deadline=None)
@given(EXPRESSIONS, ZONES, NEAR_A_CHANGE)
def test_all_ways_to_ask_agree(expression: str, zone: str, moment: datetime) -> None:
    cron, now = Cron(expression), moment.replace(tzinfo=UTC)
    span = timedelta(days=40 if "1 *" in expression or "sun" in expression else 3)
    every = list(schedule.occurrences(cron, zone, now - span, now + span))
    assert every == sorted(set(every))
    assert schedule.next(cron, zone, now) == min(when for when in every if when > now)
    assert schedule.previous(cron, zone, now) == max(when for when in every if when <= now)


@settings(max_examples=50, deadline=None)
@given(EXPRESSIONS, ZONES, NEAR_A_CHANGE, st.integers(1, 1000))
def test_a_span_cut_anywhere_has_the_same_occurrences(expression: str, zone: str, begin: datetime, cut: int) -> None:
    """A scheduler that ticks at any moment neither misses one nor starts one twice."""
    cron, start = Cron(expression), begin.replace(tzinfo=UTC)
    middle, end = start + timedelta(minutes=cut), start + timedelta(days=2)
    whole = list(schedule.occurrences(cron, zone, start, end))
    assert whole == [*schedule.occurrences(cron, zone, start, middle), *schedule.occurrences(cron, zone, middle, end)]
