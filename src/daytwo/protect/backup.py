"""The backup workflow: what surrounds the making of a snapshot.

It is ended and cleaned up when its process dies (`protect.interrupted`): a snapshot never holds two dates. What its way
back needs (which containers it stopped) is in the run's journal before it is done.
"""

from collections.abc import Mapping

from daytwo.core.errors import CancelledError, DaytwoError
from daytwo.core.run import Run
from daytwo.engine import OnInterruption, Steps, workflow
from daytwo.ledger.runs import Outcome
from daytwo.protect.hooks import run_hooks
from daytwo.protect.ping import Pinger
from daytwo.protect.plan import BackupPlan
from daytwo.protect.snapshot import BackupResult, SnapshotMaker
from daytwo.protect.workbench import Workbench


@workflow("backup", OnInterruption.CLEAN)
def backup(steps: Steps[Workbench], argument: str) -> str:
    """Make one snapshot in all repositories of the plan.

    Args:
        steps: the engine's hands.
        argument: a `BackupPlan` as JSON.

    Returns:
        A `BackupResult` as JSON.
    """
    plan = BackupPlan.model_validate_json(argument)
    bench = steps.context
    settings = bench.config.backups[plan.backup]
    pinger = Pinger.make(settings.ping, bench.config)
    with bench.run(plan.run, float(settings.timeout)) as run:
        work = SnapshotMaker(bench, plan, run)
        env = {
            "DAYTWO_APP": bench.config.app,
            "DAYTWO_BACKUP": plan.backup,
            "DAYTWO_RUN_ID": plan.run,
            "DAYTWO_SNAPSHOT": plan.snapshot,
        }
        pinger.start(run)
        try:
            _do(steps, work, env)
            result = work.result()
        except BaseException as error:
            _failed(steps, work, error, env, pinger)
            raise
        steps.transaction(
            "end",
            lambda connection: bench.runs.end(
                plan.run, result.outcome, summary(result), result.model_dump(mode="json"), bench.clock(), connection
            ),
        )
        if result.failures:
            pinger.failure(run, "\n".join(result.failures.values()))
            _on_failure(work, env, "; ".join(result.failures.values()))
        else:
            pinger.success(run)
        final = result.model_copy(update={"warnings": tuple(dict.fromkeys((*result.warnings, *run.warnings)))})
        return final.model_dump_json()


def _do(steps: Steps[Workbench], work: SnapshotMaker, env: Mapping[str, str]) -> None:
    bench, run = work.bench, work.run
    steps.step("check", work.check)
    steps.step("before", lambda: run_hooks(work.settings.before, "before", bench, run, env))
    try:
        steps.step("quiesce", work.quiesce)
        steps.step("dump", work.dump)
    finally:
        steps.step("release", work.release)
    steps.step("publish", work.publish)
    steps.transaction("record", work.record)
    if work.plan.copies:
        steps.step("copy", work.copy)
        steps.transaction("record copies", work.record)
    if work.settings.verify:
        steps.step("verify", work.verify)
    steps.step("prune", work.prune)
    steps.step("after", lambda: _after(work, env))


def _after(work: SnapshotMaker, env: Mapping[str, str]) -> None:
    """What fails here cannot undo what is stored: the run is partial."""
    try:
        run_hooks(work.settings.after, "after", work.bench, work.run, env)
    except CancelledError:
        raise
    except DaytwoError as error:
        work.failures["after hook"] = error


def _failed(
    steps: Steps[Workbench], work: SnapshotMaker, error: BaseException, env: Mapping[str, str], pinger: Pinger
) -> None:
    """Leave no trace, tell whoever must know, record it."""
    bench, plan = work.bench, work.plan
    cancelled = isinstance(error, CancelledError)
    steps.step("abort", work.abort)
    outcome = Outcome.CANCELLED if cancelled else Outcome.PARTIAL if work.published else Outcome.FAILED
    pinger.failure(work.run, str(error))
    _on_failure(work, env, str(error))
    bench.runs.end(
        plan.run,
        outcome,
        str(error),
        {"error": str(error), "failures": {name: str(one) for name, one in work.failures.items()}},
        bench.clock(),
    )


def _on_failure(work: SnapshotMaker, env: Mapping[str, str], error: str) -> None:
    run = Run(work.plan.run, work.run.work, timeout=300)
    try:
        run_hooks(work.settings.on_failure, "on_failure", work.bench, run, {**env, "DAYTWO_ERROR": error})
    except DaytwoError as trouble:
        work.run.warn(str(trouble))


def summary(result: BackupResult) -> str:
    """One line on a finished backup."""
    where = ", ".join(result.stored)
    lost = f"; failed: {', '.join(result.failures)}" if result.failures else ""
    return f"snapshot {result.snapshot} in {where}{lost}"
