"""What is due when, and what ran last: for the command line and the API alike."""

from dataclasses import dataclass
from datetime import datetime

from daytwo.config import Config
from daytwo.core import schedule
from daytwo.ledger.runs import Runs
from daytwo.ledger.schedules import Schedules


@dataclass(frozen=True)
class ScheduleView:
    """A schedule with its next and last time.

    Args:
        name: the backup's name.
        at: the cron expression.
        zone: the IANA zone whose wall clock counts.
        next: the next occurrence, UTC; None while it is paused.
        last_due: the occurrence before now, UTC.
        last_run: the id of its newest run, or empty.
        last_outcome: how that stands, or empty.
        last_begun: when that began.
        paused: since when it is paused, or None.
        paused_by: by whom.
    """

    name: str
    at: str
    zone: str
    next: datetime | None
    last_due: datetime | None
    last_run: str
    last_outcome: str
    last_begun: datetime | None
    paused: datetime | None
    paused_by: str


def overview(config: Config, schedules: Schedules, runs: Runs, now: datetime) -> list[ScheduleView]:
    """All schedules of the configuration, the next due first."""
    remembered = schedules.all()
    found = []
    for name, settings in config.backups.items():
        if settings.at is None:
            continue
        known = remembered.get(name)
        paused = known.paused if known else None
        last = next(iter(runs.latest("backup", name, 1)), None)
        found.append(
            ScheduleView(
                name=name,
                at=str(settings.at),
                zone=settings.at.zone or config.timezone,
                next=None if paused else schedule.next(settings.at, config.timezone, now),
                last_due=schedule.previous(settings.at, config.timezone, now),
                last_run=last.id if last else "",
                last_outcome=last.outcome.value if last else "",
                last_begun=last.begun if last else None,
                paused=paused,
                paused_by=known.paused_by if known else "",
            )
        )
    return sorted(found, key=lambda one: (one.next is None, one.next or now, one.name))
