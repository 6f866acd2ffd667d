"""A snapshot of what is about to be replaced: the way back of a restore."""

from collections.abc import Sequence

from daytwo.core.errors import UsageError
from daytwo.core.run import Run
from daytwo.protect.backup import store_now
from daytwo.protect.plan import make_plan
from daytwo.protect.workbench import Workbench


def take_safety_snapshot(bench: Workbench, backup: str, services: Sequence[str], repository: str, run: Run) -> str:
    """Back up some services into one repository, outside the retention's count.

    Args:
        bench: the workbench.
        backup: the backup whose settings count; another one is taken when it is gone from the configuration.
        services: what is about to be replaced.
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
    plan = make_plan(
        bench.config,
        dict(bench.services),
        dict(bench.repositories),
        name,
        bench.clock(),
        only=services,
        to=[target],
        safety=True,
    )
    return store_now(bench, plan.model_copy(update={"run": run.id, "stop": ()}), run)
