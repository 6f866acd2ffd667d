"""How a heartbeat stands, decided purely from what it promised, what is known of it, and the time.

The forms follow healthchecks.io (https://healthchecks.io/docs/configuring_checks/): a report is due after a period or
at a cron expression's times, and may be late by a grace time, which is also how long a run may take.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from daytwo.config.serving import Heartbeat
from daytwo.core import schedule
from daytwo.core.schedule import Cron

_EARLY = timedelta(seconds=30)
"""A report so shortly before its time is that time's report: the clocks of two machines are never the same."""
_APART = 4
"""Times that are closer to each other than so many times `_EARLY` cannot be told apart like that."""


class State(StrEnum):
    """How a heartbeat stands."""

    NEW = "new"
    """It has never reported, and its first report is not due yet."""
    UP = "up"
    """Its last report said success, and the next is not due yet."""
    STARTED = "started"
    """It has reported that it began, and may still be at work."""
    LATE = "late"
    """Its report is due and has not come; within its grace time."""
    FAILING = "failing"
    """Its last report said failure."""
    DOWN = "down"
    """Its report has not come, nor did it come within the grace time."""

    @property
    def good(self) -> bool:
        """Whether nobody need look after it."""
        return self in (State.NEW, State.UP, State.STARTED)


@dataclass(frozen=True)
class Promise:
    """When a heartbeat says it will report.

    Args:
        every: the time between two reports, unless there is `at`.
        at: when a report is due, in wall time.
        zone: the IANA zone whose wall clock counts.
        grace: how late a report, or how long a run, may be.
    """

    every: timedelta | None
    at: Cron | None
    zone: str
    grace: timedelta

    @classmethod
    def of(cls, settings: Heartbeat, zone: str) -> "Promise":
        """What the configuration says.

        Args:
            settings: its block.
            zone: the app's IANA zone.
        """
        every = None if settings.every is None else timedelta(seconds=float(settings.every))
        own = settings.at.zone if settings.at is not None else None
        return cls(every, settings.at, own or zone, timedelta(seconds=float(settings.grace)))

    @property
    def text(self) -> str:
        """All of it in one line; another text is another promise."""
        when = f"at {self.at} ({self.zone})" if self.at is not None else f"every {self.every}"
        return f"{when}, grace {self.grace}"

    def after(self, report: datetime) -> datetime:
        """When the report after this one is due, UTC."""
        if self.at is None:
            return report + (self.every or timedelta())
        due = schedule.next(self.at, self.zone, report)
        if due - report > _EARLY:
            return due
        following = schedule.next(self.at, self.zone, due)
        return following if following - due >= _APART * _EARLY else due


@dataclass(frozen=True)
class Facts:
    """What is known of a heartbeat.

    Args:
        counted: from when on its promise counts, even if it has not reported since: when it was made, when its promise
            was changed, when the clock was set.
        reported: its last report that a run had ended.
        failed: whether that report said failure.
        started: when the earliest run began that has not ended.
        overdue: since when it has been down, if it is.
        watched: since when somebody has been listening without a gap; always when None.
    """

    counted: datetime
    reported: datetime | None = None
    failed: bool = False
    started: datetime | None = None
    overdue: datetime | None = None
    watched: datetime | None = None


@dataclass(frozen=True)
class Verdict:
    """How a heartbeat stands.

    Args:
        state: in a word.
        due: when its next report is due, or was.
        deadline: when it is down unless it reports before.
        overdue: since when its report has been missing, if it is down.
    """

    state: State
    due: datetime
    deadline: datetime
    overdue: datetime | None = None


def assess(promise: Promise, facts: Facts, now: datetime) -> Verdict:
    """How a heartbeat stands at a time.

    A time that lies ahead of the clock is taken as now: the clock was wrong then or is wrong now, and either way
    nobody knows of a report that stayed away. As long as nothing is reported, the state never gets better with time.

    Args:
        promise: what it promised.
        facts: what is known of it.
        now: the time now, aware.
    """
    last = min(max(facts.counted, facts.reported or facts.counted), now)
    due = promise.after(last)
    if facts.overdue is not None:
        return Verdict(State.DOWN, due, facts.overdue, facts.overdue)
    if facts.started is not None:
        end = min(facts.started, now) + promise.grace
        state, missing, deadline = State.STARTED, end, end
    else:
        state = _told(facts, due, now)
        missing, deadline = due, due + promise.grace
    if facts.watched is not None:
        # What fell due while nobody listened may have been reported in vain: it has its whole grace time again.
        deadline = max(deadline, min(facts.watched, now) + promise.grace)
    return Verdict(State.DOWN, due, deadline, missing) if now > deadline else Verdict(state, due, deadline)


def _told(facts: Facts, due: datetime, now: datetime) -> State:
    """How it stands by what it said last, as long as it is not down."""
    if facts.failed:
        return State.FAILING
    if now > due:
        return State.LATE
    return State.UP if facts.reported else State.NEW
