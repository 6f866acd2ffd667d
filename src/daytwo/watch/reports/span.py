"""Days, weeks and months of a zone: pure functions."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from daytwo.core.errors import UsageError
from daytwo.core.schedule import zone_of

Every = Literal["daily", "weekly", "monthly"]


@dataclass(frozen=True)
class Span:
    """A day, a week or a month.

    Args:
        every: which of these.
        first: its first day.
        begin: its first moment, in UTC.
        end: the first moment after it, in UTC.
        over: whether it is over; else `end` is now.
    """

    every: Every
    first: date
    begin: datetime
    end: datetime
    over: bool = True


def span(every: Every, zone: str, now: datetime, day: date | None = None) -> Span:
    """The day, week (from Monday on) or month that a day is in.

    Args:
        every: which of these.
        zone: IANA name of the zone whose days are meant.
        now: the time now, aware.
        day: any day of it; the last one that is over when absent.

    Raises:
        UsageError: it has not begun.
    """
    today = now.astimezone(zone_of(zone)).date()
    if day is None:
        day = _first(every, today) - timedelta(days=1)
    try:
        first = _first(every, day)
        begin, end = _midnight(first, zone), _midnight(_following(every, first), zone)
    except (OverflowError, ValueError):
        raise UsageError(f"date: {day} is too far away for a report") from None
    if begin >= now:
        raise UsageError(f"date: {day} is yet to come", hint="Name a day up to today")
    return Span(every, first, begin, min(end, now.astimezone(UTC)), end <= now)


def before(this: Span, zone: str) -> Span:
    """The day, week or month before another."""
    first = _first(this.every, this.first - timedelta(days=1))
    return Span(this.every, first, _midnight(first, zone), this.begin)


def _first(every: Every, day: date) -> date:
    if every == "daily":
        return day
    return day - timedelta(days=day.weekday()) if every == "weekly" else day.replace(day=1)


def _following(every: Every, first: date) -> date:
    if every == "monthly":
        return (first + timedelta(days=31)).replace(day=1)
    return first + timedelta(days=1 if every == "daily" else 7)


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), zone_of(zone)).astimezone(UTC)
