"""Apply the retention that `protect.retention` decides."""

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from daytwo.core.errors import RefusedError
from daytwo.core.manifest import Manifest, Snapshot
from daytwo.core.run import Run
from daytwo.core.schedule import zone_of
from daytwo.protect import facts
from daytwo.protect.retention import RetentionPlan, plan
from daytwo.protect.workbench import Workbench

_TURNS = 3
"""How often a machine has its turn, with others between, before it is told that they are two."""


@dataclass(frozen=True)
class PrunePlan:
    """What retention would do in one repository.

    Args:
        repository: its name.
        backup: the backup whose snapshots are looked at.
        retention: every snapshot with whether it stays and why.
        snapshots: the snapshots by id.
    """

    repository: str
    backup: str
    retention: RetentionPlan
    snapshots: dict[str, Snapshot]

    @property
    def removable(self) -> list[Snapshot]:
        """What would be removed."""
        return [self.snapshots[one.candidate.id] for one in self.retention.decisions if not one.kept]


def plan_retention(bench: Workbench, repository: str, backup: str, run: Run, *, trust_clock: bool = False) -> PrunePlan:
    """Look at a repository and decide; nothing is removed."""
    found = [one for one in bench.repository(repository).snapshots(run) if one.manifest.backup == backup]
    keep = bench.config.backups[backup].keep
    runs = bench.runs.latest(limit=1)
    seen = max((one.ended or one.begun for one in runs), default=None)
    zone = zone_of(bench.config.timezone)
    decided = plan(found, keep, bench.clock(), zone, seen, trust_clock=trust_clock)
    return PrunePlan(repository, backup, decided, {one.id: one for one in found})


def apply_retention(
    bench: Workbench, repository: str, backup: str, run: Run, *, trust_clock: bool = False
) -> tuple[str, ...]:
    """Remove what the retention lets go.

    Returns:
        The ids of the removed snapshots.

    Raises:
        RefusedError: the clock is in doubt, so nothing was removed; or a lock protects some.
    """
    if bench.repository(repository).settings.append_only:
        return ()
    decided = plan_retention(bench, repository, backup, run, trust_clock=trust_clock)
    if decided.retention.doubt:
        raise RefusedError(
            f"nothing was removed: {decided.retention.doubt}",
            where=f"repository {repository}",
            hint="Check this machine's clock; when it is right: `daytwo prune --trust-clock`",
        )
    if words := taking_turns([one.manifest for one in decided.snapshots.values()], platform.node()):
        run.warn(f"repository {repository}: {words}")
    if not decided.removable:
        return ()
    place = bench.repository(repository)
    try:
        place.remove(decided.removable, run)
    except RefusedError:  # what no lock protects is gone
        facts.synchronise(bench, repository, place.snapshots(run))
        raise
    facts.synchronise(bench, repository, place.snapshots(run))
    return tuple(one.id for one in decided.removable)


def taking_turns(manifests: Iterable[Manifest], host: str) -> str | None:
    """What to say where another machine stores its snapshots as if they were of this machine's app.

    A move to another machine, and back once, says nothing; a container has a new name each time it is made.

    Args:
        manifests: of one backup in one repository, in their order.
        host: this machine's name.
    """
    turns = [name for name, _ in groupby(one.host for one in manifests)]
    if turns.count(host) < _TURNS:
        return None
    other = next(name for name in reversed(turns) if name != host)
    return (
        f"snapshots of {host} and of {other} take turns in it: two machines back up one app, and retention takes "
        "them for one. Give one of them another `environment`"
    )
