"""A snapshot of what is about to be replaced: the way back of a restore."""

from collections.abc import Sequence

from daytwo.core.errors import UsageError
from daytwo.core.run import Run
from daytwo.protect.plan import make_plan
from daytwo.protect.snapshot import store_now
from daytwo.protect.workbench import Workbench


def take_safety_snapshot(bench: Workbench, backup: str, components: Sequence[str], repository: str, run: Run) -> str:
    """Back up some components into one repository, outside the retention's count.

    Args:
        bench: the workbench.
        backup: the backup whose settings count; another one is taken when it is gone from the configuration.
        components: what is about to be replaced, by name.
        repository: the repository the restore reads from; a copy is replaced by what it copies.
        run: the restore's run.

    Returns:
        The snapshot's id.

    Raises:
        DaytwoError: it could not be stored.
    """
    name = backup if backup in bench.config.backups else next(iter(bench.config.backups), "")
    if not name:
        raise UsageError("the configuration has no backup", hint="Add one, or restore with --no-safety")
    target = bench.repository(repository).copy_of or repository
    services = sorted({part.service for one in components if (part := bench.component(one))})
    now = bench.clock()
    plan = make_plan(
        bench.config, dict(bench.services), dict(bench.repositories), name, now, only=services, to=[target], safety=True
    )
    parts = tuple(part for part in plan.components if part.name in components)
    return store_now(bench, plan.model_copy(update={"run": run.id, "stop": (), "components": parts}), run)
