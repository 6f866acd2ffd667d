"""From a schedule in the app's time zone to what a machine's cron understands."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from daytwo.core.schedule import Cron, zone_of

_LOOK_AHEAD = timedelta(days=400)
"""More than a year, so that both changes of the clock are seen."""
_STEP = timedelta(hours=1)
_LAST_DAY, _NTH_WEEKDAY, _LONE_STEP = re.compile("[LW]"), re.compile(r"#|\dL"), re.compile(r"(^|,)\d+/")


@dataclass(frozen=True)
class Timing:
    """When cron starts a line.

    Args:
        fields: the five fields.
        asks: whether the line first has to ask if it is time (`daytwo.install.due`), since the fields say too much.
    """

    fields: str
    asks: bool = False


def timing(cron: Cron, zone: str, machine: str, now: datetime) -> Timing:
    """The fields for a machine's cron.

    Args:
        cron: the schedule.
        zone: IANA name of the zone in which it is meant, unless it names its own.
        machine: IANA name of the zone that the machine's cron goes by.
        now: the time, aware.
    """
    there, here = zone_of(cron.zone or zone), zone_of(machine)
    distances = _distances(there, here, now)
    if distances == {0} and understood(cron):
        return Timing(cron.expression)
    # Minute 0 too: a time that the clock skips in spring happens when the hour begins that follows.
    minutes = CronSim(cron.expression, now).minutes | {0}
    shifted = sorted({(minute - distance) % 60 for minute in minutes for distance in distances})
    # Every hour: which hours it will be changes with the clocks of both zones, and with the laws about them.
    return Timing(f"{'*' if len(shifted) == 60 else ','.join(map(str, shifted))} * * * *", asks=True)


def understood(cron: Cron) -> bool:
    """Whether cron itself reads the expression as we do: no last days, no first Sundays, no `5/10`."""
    minute, hour, day, month, weekday = cron.expression.upper().split()
    alone = any(_LONE_STEP.search(field) for field in (minute, hour, day, month, weekday))
    return not (_LAST_DAY.search(day) or _NTH_WEEKDAY.search(weekday) or alone)


def _distances(there: ZoneInfo, here: ZoneInfo, now: datetime) -> set[int]:
    """By how many minutes the wall clocks of two zones differ, now and in the year to come."""
    if there.key == here.key:
        return {0}
    found, at, end = set(), now.astimezone(UTC), now + _LOOK_AHEAD
    while at < end:
        difference = at.astimezone(there).replace(tzinfo=None) - at.astimezone(here).replace(tzinfo=None)
        found.add(int(difference / timedelta(minutes=1)))
        at += _STEP
    return found
