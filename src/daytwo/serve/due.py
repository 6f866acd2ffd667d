"""What is due, decided purely from the schedules, what is remembered of them, and the time."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from daytwo.core import schedule
from daytwo.core.schedule import Cron
from daytwo.ledger.schedules import Remembered

LATE = timedelta(minutes=5)
"""Up to so much after its time a run counts as being on time."""
SET_BACK = timedelta(minutes=2)
"""A clock that shows so much less than what was seen has been set back."""


class Decision(StrEnum):
    """What becomes of an occurrence."""

    RUN = "run"
    """It is its time."""
    MAKE_UP = "make up"
    """Its time has passed with no daemon there; it is done now."""
    MISSED = "missed"
    """Its time has passed; that is only recorded."""


@dataclass(frozen=True)
class Due:
    """An occurrence that something has to be done about.

    Args:
        name: whose.
        at: its time, UTC.
        decision: what is to be done.
        earlier: how many before it passed unheeded; one run makes up for all.
    """

    name: str
    at: datetime
    decision: Decision
    earlier: int = 0


class Scheduled(Protocol):
    """What is needed of a backup's settings."""

    @property
    def at(self) -> Cron | None:
        """When it is due."""

    @property
    def missed(self) -> str:
        """`run` or `report`."""


@dataclass(frozen=True)
class Round:
    """What one look at the schedules gives.

    Args:
        due: what has to be done.
        seen: by name, up to when each schedule has now been dealt with; only those that change.
        set_back: names of schedules that were seen later than the clock shows: it has been set back.
        next: when the next occurrence is, or None.
    """

    due: tuple[Due, ...]
    seen: Mapping[str, datetime]
    set_back: tuple[str, ...]
    next: datetime | None


def changed(before: Mapping[str, Scheduled], after: Mapping[str, Scheduled], zones: tuple[str, str]) -> frozenset[str]:
    """The schedules that have other times than they had, or had none.

    Args:
        before: the backups of the configuration that counted.
        after: those of the one that counts now.
        zones: the app's IANA zone, then and now.
    """

    def times(backups: Mapping[str, Scheduled], name: str, zone: str) -> tuple[str, str] | None:
        at = backups[name].at if name in backups else None
        return None if at is None else (at.expression, at.zone or zone)

    return frozenset(name for name in after if times(before, name, zones[0]) != times(after, name, zones[1]))


def look(
    scheduled: Mapping[str, Scheduled],
    zone: str,
    remembered: Mapping[str, Remembered],
    now: datetime,
    anew: Collection[str] = (),
) -> Round:
    """Look at all schedules.

    Args:
        scheduled: the backups of the configuration.
        zone: the app's IANA zone.
        remembered: what is remembered, by name.
        now: the time now.
        anew: names whose times count from now on: what would have been due before by these times was never promised.
    """
    due: list[Due] = []
    seen: dict[str, datetime] = {}
    back: list[str] = []
    upcoming: list[datetime] = []
    for name, settings in scheduled.items():
        if settings.at is None:
            continue
        known = remembered.get(name)
        if known is None or name in anew:
            seen[name] = now  # what was due before anybody watched is nobody's promise
        elif known.seen > now + SET_BACK:
            seen[name] = now
            back.append(name)
        elif not known.paused:
            passed = list(schedule.occurrences(settings.at, zone, known.seen, now))
            if passed:
                due.append(Due(name, passed[-1], _decide(passed[-1], settings.missed, now), len(passed) - 1))
                seen[name] = now
        if known is None or not known.paused:
            upcoming.append(schedule.next(settings.at, zone, now))
    return Round(tuple(due), seen, tuple(back), min(upcoming, default=None))


def _decide(at: datetime, missed: str, now: datetime) -> Decision:
    if now - at <= LATE:
        return Decision.RUN
    return Decision.MAKE_UP if missed == "run" else Decision.MISSED
