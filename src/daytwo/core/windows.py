"""Times that come again, each from a wall clock: maintenance windows and business hours. Pure functions.

Each occurrence is converted from the wall clock of its own day, so that none is an hour off after the clocks change. A
window's length is real time: two hours are two hours on every day. Business hours are what the clock on the wall shows,
so that a day of 00:00 to 24:00 has 23 hours in spring and 25 in autumn. Where a time comes twice in autumn, what begins
then begins at the first, and what ends then ends at the second.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from daytwo.core.periods import Period, Periods
from daytwo.core.schedule import Cron, occurrences

_WORKDAYS = 5
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Hours:
    """Business hours: those that count.

    Args:
        begin: of a working day, as the clock on the wall shows it.
        end: of it; not later than `begin`: of the day after.
        zone: whose clock.
        days: on which they begin; Monday is 0.
    """

    begin: time
    end: time
    zone: tzinfo
    days: tuple[int, ...] = tuple(range(_WORKDAYS))

    def within(self, begin: datetime, end: datetime) -> Periods:
        """The parts of a time that are business hours."""
        return Periods(self._days(begin, end)) & Periods([Period(begin, end)])

    def _days(self, begin: datetime, end: datetime) -> Iterator[Period]:
        day, last = begin.astimezone(self.zone).date() - _DAY, end.astimezone(self.zone).date()
        while day <= last:
            if day.weekday() in self.days:
                until = day + _DAY if self.end <= self.begin else day
                opens, closes = datetime.combine(day, self.begin), datetime.combine(until, self.end)
                yield Period(instant(opens, self.zone), instant(closes, self.zone, last=True))
            day += _DAY


@dataclass(frozen=True)
class Recurring:
    """A window that comes again.

    Args:
        at: when it begins.
        length: how long it is, in real time.
        zone: IANA name of the zone whose wall clock counts; one written behind `at` goes before it.
    """

    at: Cron
    length: timedelta
    zone: str

    def within(self, begin: datetime, end: datetime) -> Iterator[Period]:
        """Those that have a part in a time, each whole, in their order."""
        for opens in occurrences(self.at, self.zone, begin - self.length, end):
            if opens < end:
                yield Period(opens, opens + self.length)


@dataclass(frozen=True)
class Once:
    """A window that comes once.

    Args:
        begin: its first moment, aware.
        end: the first moment after it.
    """

    begin: datetime
    end: datetime

    def within(self, begin: datetime, end: datetime) -> Iterator[Period]:
        """It, if it has a part in a time."""
        if self.begin < end and self.end > begin:
            yield Period(self.begin.astimezone(UTC), self.end.astimezone(UTC))


Window = Recurring | Once


def next_of(window: Window, now: datetime, ahead: timedelta = timedelta(days=400)) -> Period | None:
    """The window that is open, or else the next one.

    Args:
        window: which comes again, or once.
        now: aware.
        ahead: how far to look.
    """
    return next(window.within(now, now + ahead), None)


def instant(wall: datetime, zone: tzinfo, *, last: bool = False) -> datetime:
    """When a wall clock shows a time, in UTC.

    Args:
        wall: as the clock shows it; one that is aware stays the moment that it is.
        zone: whose clock.
        last: of a time that comes twice, the second.
    """
    if wall.tzinfo is not None:
        return wall.astimezone(UTC)
    return wall.replace(tzinfo=zone, fold=int(last)).astimezone(UTC)
