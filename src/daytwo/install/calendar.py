"""From a cron expression to systemd's calendar events (systemd.time(7)): the same times, said in its words."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal

from cronsim import CronSim

from daytwo.core.errors import ConfigError
from daytwo.core.schedule import Cron, occurrences, zone_of

_NAMES = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_WEEK = frozenset(range(7))
_MONTH = frozenset(range(1, 32))
_WORKDAYS, _FRIDAY = frozenset(range(1, 6)), 5
_LOOK_AHEAD = timedelta(days=400)
"""More than a year, so that the clock's change in spring is seen."""


@dataclass(frozen=True)
class _Days:
    """Some days of each month.

    Args:
        weekdays: 0 is Sunday.
        counted: `-` for days counted from the month's first, `~` for days counted from its last.
        days: 1 is the first, or the last.
    """

    weekdays: frozenset[int] = _WEEK
    counted: Literal["-", "~"] = "-"
    days: frozenset[int] = _MONTH

    @property
    def every_date(self) -> bool:
        return self.days == _MONTH


def on_calendar(cron: Cron, zone: str) -> tuple[str, ...]:
    """The `OnCalendar=` values that together give the times of a cron expression.

    A time that the clock skips in spring does not happen that day, where Debian's cron and the daemon have it happen a
    little later: see `left_out`.

    Args:
        cron: the expression; its own zone goes before `zone`.
        zone: IANA name of the zone that is meant otherwise.

    Raises:
        ConfigError: systemd cannot say it, such as the last Friday where its date is odd.
    """
    parsed = CronSim(cron.expression, datetime(2000, 1, 1))
    months = _values(parsed.months, 1, 12)
    clock = f"{_values(parsed.hours, 0, 23)}:{_values(parsed.minutes, 0, 59)}:00"
    dates, weekdays = list(_by_date(parsed.days)), list(_by_weekday(parsed.weekdays))
    if parsed.day_and:
        found = [
            both for one in dates for other in weekdays if (both := _both(one, other, cron)).days and both.weekdays
        ]
    else:
        found = [*dates, *weekdays]
    return tuple(
        f"{_week(one.weekdays)}*-{months}{one.counted}{_month(one)} {clock} {cron.zone or zone}" for one in found
    )


def left_out(cron: Cron, zone: str, now: datetime) -> date | None:
    """The next day, within a year, on which systemd leaves an occurrence out because the clock skips its time.

    Args:
        cron: the expression; its own zone goes before `zone`.
        zone: IANA name of the zone that is meant otherwise.
        now: the time, aware.
    """
    parsed, there = CronSim(cron.expression, datetime(2000, 1, 1)), zone_of(cron.zone or zone)
    minute, hour = cron.expression.split()[:2]
    if minute.startswith("*") or hour.startswith("*"):
        return None  # those follow real time in both
    for at in occurrences(cron, zone, now, now + _LOOK_AHEAD):
        wall = at.astimezone(there)
        if wall.hour not in parsed.hours or wall.minute not in parsed.minutes:
            return wall.date()
    return None


def _by_date(days: Collection[int]) -> Iterator[_Days]:
    if plain := frozenset(days) - {CronSim.LAST, CronSim.LAST_WEEKDAY}:
        yield _Days(days=plain)
    if CronSim.LAST in days:
        yield _Days(counted="~", days=frozenset({1}))
    if CronSim.LAST_WEEKDAY in days:
        # The last day, or, when that is on a weekend, the Friday before: then it is among the last three.
        yield _Days(_WORKDAYS, "~", frozenset({1}))
        yield _Days(frozenset({_FRIDAY}), "~", frozenset({2, 3}))


def _by_weekday(weekdays: Collection[int | tuple[int, int]]) -> Iterator[_Days]:
    if plain := frozenset(one % 7 for one in weekdays if isinstance(one, int)):
        yield _Days(plain)
    for one in weekdays:
        if isinstance(one, tuple):
            day, which = frozenset({one[0] % 7}), one[1]
            if which == CronSim.LAST:
                yield _Days(day, "~", frozenset(range(1, 8)))
            else:
                yield _Days(day, "-", frozenset(range(7 * which - 6, 7 * which + 1)) & _MONTH)


def _both(one: _Days, other: _Days, cron: Cron) -> _Days:
    """The days that are in both."""
    weekdays = one.weekdays & other.weekdays
    if one.counted == other.counted:
        return _Days(weekdays, one.counted, one.days & other.days)
    if one.every_date or other.every_date:
        kept = other if one.every_date else one
        return _Days(weekdays, kept.counted, kept.days)
    raise ConfigError(f"systemd has no words for '{cron}'", where="at",
                      hint="Run the daemon instead of timers, or `daytwo install cron`")  # fmt: skip


def _week(weekdays: frozenset[int]) -> str:
    if weekdays == _WEEK:
        return ""
    if weekdays == _WORKDAYS:
        return "Mon..Fri "
    return ",".join(_NAMES[day] for day in sorted(weekdays)) + " "


def _month(days: _Days) -> str:
    if days.counted == "~":
        return ",".join(f"{day:02}" for day in sorted(days.days, reverse=True))
    return _values(days.days, 1, 31)


def _values(values: Collection[int], first: int, last: int) -> str:
    """Numbers as systemd writes them: `*`, `01..05`, `00/15`, or each."""
    rising = sorted(values)
    if len(rising) == last - first + 1:
        return "*"
    steps = {later - earlier for earlier, later in pairwise(rising)}
    if len(rising) > 2 and len(steps) == 1:
        step = steps.pop()
        if step == 1:
            return f"{rising[0]:02}..{rising[-1]:02}"
        if rising[-1] + step > last:
            return f"{rising[0]:02}/{step}"
    return ",".join(f"{value:02}" for value in rising)
