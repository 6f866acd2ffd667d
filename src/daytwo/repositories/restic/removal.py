"""Takes restic snapshots away, around the locks of others."""

from collections.abc import Iterable, Sequence

from daytwo.core.errors import BusyError
from daytwo.core.run import Run
from daytwo.repositories.restic.locks import break_stale
from daytwo.repositories.restic.memory import Memory
from daytwo.repositories.restic.program import Program, patiently

_AT_ONCE = 400
"""Ids given to one restic; a command line has an end."""


def exclusively(program: Program, run: Run, patience: float, *argv: str | Iterable[str]) -> list[str]:
    """Run what needs the repository for itself: stale locks are removed, others are waited for.

    Args:
        program: restic.
        run: the run it belongs to.
        patience: seconds to wait for another process.
        argv: restic's arguments.

    Returns:
        The stale locks that were removed, in words.

    Raises:
        BusyError: someone else holds it still; says who.
    """
    broken: list[str] = []
    busy: BusyError | None = None
    for _ in patiently(patience, run):
        try:
            program.capture(run, *argv)
        except BusyError as error:
            busy = error
            if found := break_stale(program, run):
                broken += found
                continue
        else:
            return broken
    if broken:
        program.capture(run, *argv)
        return broken
    assert busy is not None
    raise busy


def forget(program: Program, ids: Sequence[str], run: Run, patience: float) -> list[str]:
    """Remove restic snapshots; their data goes with the next prune.

    Returns:
        The stale locks that were removed on the way.
    """
    broken: list[str] = []
    for start in range(0, len(ids), _AT_ONCE):
        broken += exclusively(program, run, patience, "forget", ids[start : start + _AT_ONCE])
    return broken


def forget_or_owe(
    program: Program, memory: Memory, ids: Sequence[str], owner: str, run: Run, patience: float
) -> list[str]:
    """Remove restic snapshots nobody can see, or note that they must go later, where another process is in the way.

    Args:
        program: restic.
        memory: where the debt is noted.
        ids: the restic snapshots.
        owner: the run that made them.
        run: the run that removes them.
        patience: seconds to wait for another process.

    Returns:
        The stale locks that were removed on the way.
    """
    if not ids:
        return []
    try:
        return forget(program, ids, run, patience)
    except BusyError as error:
        memory.owe(owner)
        run.warn(
            f"{program.where}: {len(ids)} unfinished restic snapshots stay for now, because {error.what}; "
            "the next clean-up removes them"
        )
        return []
