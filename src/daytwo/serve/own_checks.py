"""Checks of what daytwo itself knows: are the backups as they should be, do the jobs elsewhere report."""

from collections.abc import Callable, Mapping
from datetime import datetime
from statistics import median

from daytwo.config import Config
from daytwo.config.making import services_of
from daytwo.core.check import Check, Measure, Observation, ProgramCheck, Timing, Unit
from daytwo.core.errors import RefusedError
from daytwo.core.run import Run
from daytwo.ledger.glance import Glance, glance
from daytwo.ledger.heartbeats import Book
from daytwo.protect.status import BackupStatus, Health, assess
from daytwo.store.database import Database
from daytwo.store.url import StateUrl
from daytwo.watch.catalog import checks_of

_TIMING = Timing(every=60, timeout=20, failures=1)
_BEFORE = 5
"""Earlier snapshots that the size of the newest is compared with."""


class BackupCheck(ProgramCheck):
    """Whether a backup is as it should be, from the record of runs and snapshots.

    Args:
        backup: its name.
        config: the configuration.
        clock: the time now.
    """

    about = "whether the backup is as young and as large as it should be"
    measures = (
        Measure("age", Unit.SECONDS, "since the newest snapshot was begun"),
        Measure("size", Unit.BYTES, "plain bytes of the newest snapshot"),
        Measure("size_change", Unit.RATIO, "how much larger it is than the ones before it; below zero: smaller"),
    )

    def __init__(self, backup: str, config: Config, clock: Callable[[], datetime]) -> None:
        super().__init__(f"backup.{backup}", "backup", _TIMING)
        self._backup = backup
        self._config = config
        self._clock = clock

    def look(self, run: Run) -> Observation:
        """Read the state."""
        config, now = self._config, self._clock()
        try:
            seen = glance(StateUrl.of(config), config.app, config.environment)
        except RefusedError as error:  # the state's trouble, not the backup's
            return Observation.inconclusive(str(error))
        (found,) = assess({self._backup: config.backups[self._backup]}, config.timezone, seen, now)
        numbers = _numbers(found, seen, now)
        facts = {"health": found.health.value}
        if found.health.well:
            return Observation.ok(numbers, facts)
        if found.health is Health.NEVER:
            return Observation.inconclusive(found.why)
        return Observation.failed(f"{found.health.value}: {found.why}", numbers, facts)


def _numbers(found: BackupStatus, seen: Glance, now: datetime) -> dict[str, float]:
    if found.last is None:
        return {}
    last = found.last
    numbers = {"age": (now - last.at).total_seconds(), "size": float(last.size)}
    sizes = {
        one.id: one.size for one in seen.snapshots if one.backup == last.backup and one.counts and one.at < last.at
    }
    before = list(sizes.values())[:_BEFORE]
    if before and (usual := median(before)) > 0:
        numbers["size_change"] = last.size / usual - 1
    return numbers


class HeartbeatCheck(ProgramCheck):
    """Whether a job elsewhere reports as it promised; the watchman judges that, this is how it is passed on.

    Args:
        heartbeat: its name.
        book: the heartbeats.
        clock: the time now.
    """

    about = "whether the job reports as it promised"
    measures = (
        Measure("silent", Unit.SECONDS, "since its last report"),
        Measure("took", Unit.SECONDS, "how long its last run took, by its own report"),
    )

    def __init__(self, heartbeat: str, book: Book, clock: Callable[[], datetime]) -> None:
        super().__init__(f"heartbeat.{heartbeat}", "heartbeat", _TIMING)
        self._heartbeat = heartbeat
        self._book = book
        self._clock = clock

    def look(self, run: Run) -> Observation:
        """Read the state."""
        found = next((one for one in self._book.all() if one.name == self._heartbeat), None)
        if found is None:
            return Observation.inconclusive("it has not been looked at yet")
        numbers: dict[str, float] = {}
        if found.reported is not None:
            numbers["silent"] = (self._clock() - found.reported).total_seconds()
        if found.duration is not None:
            numbers["took"] = found.duration / 1000
        facts = {"state": found.state.value}
        if found.state.good or found.state.value == "late":
            return Observation.ok(numbers, facts)
        return Observation.failed(
            f"it is {found.state.value} since {found.since:%Y-%m-%d %H:%M:%S} UTC", numbers, facts
        )


def all_checks(config: Config, database: Database | None, clock: Callable[[], datetime]) -> Mapping[str, Check]:
    """The checks of the services, of the backups and of the heartbeats, by name.

    Args:
        config: the configuration.
        database: the opened state; without it, heartbeats are left out.
        clock: the time now.

    Raises:
        ConfigError: two have the same name.
    """
    found: list[Check] = [BackupCheck(name, config, clock) for name in config.backups]
    if database is not None:
        book = Book(database, config.app, config.environment)
        found += [HeartbeatCheck(name, book, clock) for name in config.heartbeats]
    return {**checks_of(services_of(config).values()), **{check.name: check for check in found}}
