"""Days, weeks and months of a zone."""

from datetime import date, datetime, timedelta

import pytest

from daytwo.core.errors import UsageError
from daytwo.watch.reports.span import Every, before, span
from tests.watch.reports.conftest import utc

BERLIN = "Europe/Berlin"
NOW = utc("2026-11-20T18:00")


@pytest.mark.parametrize(
    ("every", "now", "begin", "end"),
    [
        ("daily", NOW, "2026-11-18T23:00", "2026-11-19T23:00"),
        ("daily", utc("2026-11-19T22:59"), "2026-11-17T23:00", "2026-11-18T23:00"),
        ("daily", utc("2026-11-19T23:00"), "2026-11-18T23:00", "2026-11-19T23:00"),
        ("daily", utc("2026-10-26T12:00"), "2026-10-24T22:00", "2026-10-25T23:00"),
        ("daily", utc("2026-03-30T12:00"), "2026-03-28T23:00", "2026-03-29T22:00"),
        ("weekly", NOW, "2026-11-08T23:00", "2026-11-15T23:00"),
        ("weekly", utc("2026-10-27T12:00"), "2026-10-18T22:00", "2026-10-25T23:00"),
        ("monthly", NOW, "2026-09-30T22:00", "2026-10-31T23:00"),
        ("monthly", utc("2027-01-01T00:00"), "2026-11-30T23:00", "2026-12-31T23:00"),
    ],
)
def test_the_last_one_that_is_over(every: Every, now: datetime, begin: str, end: str) -> None:
    found = span(every, BERLIN, now)
    assert (found.begin, found.end, found.over) == (utc(begin), utc(end), True)
    earlier = before(found, BERLIN)
    assert earlier.end == found.begin
    assert earlier == span(every, BERLIN, found.begin)


def test_the_one_that_a_day_is_in() -> None:
    assert span("weekly", BERLIN, NOW, date(2026, 11, 15)).first == date(2026, 11, 9)
    assert span("monthly", BERLIN, NOW, date(2026, 2, 28)).end == utc("2026-02-28T23:00")
    running = span("weekly", BERLIN, NOW, date(2026, 11, 20))
    assert (running.first, running.end, running.over) == (date(2026, 11, 16), NOW, False)


@pytest.mark.parametrize(
    ("day", "said"), [(date(2026, 11, 21), "yet to come"), (date(1, 1, 1), "too far"), (date.max, "far|come")]
)
def test_one_that_has_not_begun(day: date, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        span("monthly" if day.year > 3000 else "daily", BERLIN, NOW, day)


def test_a_zone_that_skips_midnight() -> None:
    """In Cairo clocks go from 00:00 to 01:00 on the last Friday of April."""
    found = span("daily", "Africa/Cairo", utc("2026-04-25T12:00"))
    assert found.end - found.begin == timedelta(hours=23)
