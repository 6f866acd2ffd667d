"""Is everything protected? Decided from the configuration and a glance at the state; asks no repository."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from daytwo.core import schedule
from daytwo.core.schedule import Cron
from daytwo.ledger.glance import Glance, SeenRun, SeenSnapshot

_GRACE = timedelta(minutes=30)
"""How long after its time a scheduled backup may still be on its way."""


class Health(StrEnum):
    """How a backup stands."""

    OK = "protected"
    NEVER = "never run"
    RUNNING = "running"
    FAILED = "failed"
    PARTIAL = "partial"
    OVERDUE = "overdue"
    PAUSED = "paused"

    @property
    def well(self) -> bool:
        """Whether nobody has to do anything: also when somebody chose that nothing happens."""
        return self in (Health.OK, Health.RUNNING, Health.PAUSED)


class Scheduled(Protocol):
    """What is needed of a backup's settings."""

    @property
    def at(self) -> Cron | None:
        """When it is due."""


@dataclass(frozen=True)
class BackupStatus:
    """How one backup stands.

    Args:
        name: the backup's name.
        health: in one word.
        why: in one sentence.
        last: its newest snapshot, or None.
        repositories: where that is, with its trust.
        run: its newest run, or None.
        due: when it is due next, or None without a schedule or while it is paused.
    """

    name: str
    health: Health
    why: str
    last: SeenSnapshot | None
    repositories: tuple[tuple[str, str], ...]
    run: SeenRun | None
    due: datetime | None


def assess(backups: Mapping[str, Scheduled], zone: str, seen: Glance, now: datetime) -> list[BackupStatus]:
    """How each backup stands.

    Args:
        backups: the backups of the configuration.
        zone: the app's IANA zone.
        seen: the glance at the state.
        now: the time now.
    """
    return [_one(name, settings.at, zone, seen, now) for name, settings in backups.items()]


def _one(name: str, at: Cron | None, zone: str, seen: Glance, now: datetime) -> BackupStatus:
    mine = [one for one in seen.snapshots if one.backup == name and one.counts and one.level != "damaged"]
    runs = [one for one in seen.runs if one.kind == "backup" and one.subject == name and one.outcome != "skipped"]
    believed = [one for one in mine if one.at <= now + _GRACE] or mine  # a clock may have been ahead once (F07)
    last, run = (believed[0] if believed else None), (runs[0] if runs else None)
    health, why = _health(at, zone, last, runs, now)
    paused = name in seen.paused
    if paused and health in (Health.OK, Health.OVERDUE, Health.NEVER):
        health, why = (
            Health.PAUSED,
            f"{seen.paused[name]} paused its schedule; `daytwo schedule resume {name}` ends that",
        )
    places = tuple((one.repository, one.level) for one in mine if last is not None and one.id == last.id)
    return BackupStatus(
        name, health, why, last, places, run, schedule.next(at, zone, now) if at and not paused else None
    )


def _health(
    at: Cron | None, zone: str, last: SeenSnapshot | None, runs: Sequence[SeenRun], now: datetime
) -> tuple[Health, str]:
    run = runs[0] if runs else None
    if run is not None and run.outcome in ("running", "queued"):
        return Health.RUNNING, f"run {run.id} is at work" if run.outcome == "running" else f"run {run.id} waits"
    if run is not None and run.outcome == "missed":
        return Health.OVERDUE, f"the last one was missed: {run.summary}"
    if run is not None and run.outcome in ("failed", "interrupted", "cancelled"):
        count = len(_leading(runs))
        times = f" ({count} times in a row)" if count > 1 else ""
        return Health.FAILED, f"the last run {run.outcome}{times}: {run.summary}"
    if last is None:
        return Health.NEVER, "there is no whole snapshot yet; run `daytwo backup`"
    due = schedule.previous(at, zone, now - _GRACE) if at else None
    if due is not None and last.at < due - _GRACE:
        return Health.OVERDUE, "the snapshot that was due has not been made; is its schedule installed and running?"
    if run is not None and run.outcome == "partial":
        return Health.PARTIAL, run.summary
    return Health.OK, "the newest snapshot is as young as it should be"


def _leading(runs: Sequence[SeenRun]) -> list[SeenRun]:
    """The newest runs that did not succeed, up to the last one that did."""
    found = []
    for one in runs:
        if one.outcome in ("succeeded", "partial"):
            break
        found.append(one)
    return found
