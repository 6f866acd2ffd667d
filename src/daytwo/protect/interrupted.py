"""What becomes of runs whose process died: their leftovers are removed, their containers put back, and it is said.

Everything here can be repeated: when the cleaning process dies too, the next one begins anew.
"""

import shutil
from dataclasses import dataclass

from daytwo.core.errors import DaytwoError
from daytwo.core.owner import dead_owners, forget
from daytwo.core.process import reap, sweep_temporary
from daytwo.core.run import Run
from daytwo.engine import Engine
from daytwo.ledger.runs import Outcome, RunRow
from daytwo.protect import facts
from daytwo.protect.quiesce import from_journal, put_back
from daytwo.protect.undo import undo_restore
from daytwo.protect.workbench import Workbench


@dataclass(frozen=True)
class Cleaned:
    """An interrupted run, and what was done about it.

    Args:
        run: its id.
        kind: what it was.
        subject: of what.
        actions: what was found and done, in words.
        complete_in: repositories in which its snapshot had been completed before it died.
    """

    run: str
    kind: str
    subject: str
    actions: tuple[str, ...]
    complete_in: tuple[str, ...]

    def __str__(self) -> str:
        what = f"{self.kind} {self.subject} (run {self.run}) was interrupted"
        done = f"; {'; '.join(self.actions)}" if self.actions else "; it left nothing behind"
        there = f"; its snapshot is complete in {', '.join(self.complete_in)}" if self.complete_in else ""
        return what + done + there


def clean_up(bench: Workbench, engine: Engine, run: Run) -> list[Cleaned]:
    """Find runs of dead processes and undo what they left. The caller holds the app's lock.

    Returns:
        What was found, oldest first.
    """
    dead = [row for row in bench.runs.unfinished() if bench.is_dead(row.owner)]
    cleaned = [_clean(bench, row, run) for row in dead]
    for one in engine.interrupted(bench.is_dead):
        engine.end(one.run)
    _sweep_work(bench, [row.id for row in dead])
    for owner in dead_owners(bench.folder / "owners"):
        forget(owner, bench.folder / "owners")
    return cleaned


def _clean(bench: Workbench, row: RunRow, run: Run) -> Cleaned:
    actions: list[str] = []
    for target in bench.targets():
        if count := reap(target, row.id):
            actions.append(f"ended {count} processes it left on {target}")
        if count := sweep_temporary(target, row.id):
            actions.append(f"removed {count} temporary files it left on {target}")
    paused = from_journal(row.journal)
    trouble = put_back(paused, run)
    actions += trouble
    if paused and not trouble:
        started = [one.container for one in paused if one.was == "running"]
        actions += [f"started {', '.join(started)} again"] if started else []
    complete = []
    for name, repository in bench.repositories.items():
        try:
            actions += repository.sweep([row.id], run)
            there = repository.snapshots(run)
        except DaytwoError as error:
            actions.append(f"could not look into {name}: {error}")
            continue
        if any(one.manifest.run == row.id for one in there):
            complete.append(name)
            facts.synchronise(bench, name, there)
    if row.kind == "restore":
        actions += undo_restore(bench, row, run)
    result = Cleaned(row.id, row.kind, row.subject, tuple(actions), tuple(complete))
    bench.runs.end(
        row.id, Outcome.INTERRUPTED, str(result), {"actions": actions, "complete_in": complete}, bench.clock()
    )
    return result


def _sweep_work(bench: Workbench, runs: list[str]) -> None:
    """Remove the private folders of dead runs; they may hold data that was being restored."""
    for run_id in runs:
        for folder in (bench.folder / "work").glob(f"{run_id}-*"):
            shutil.rmtree(folder, ignore_errors=True)
