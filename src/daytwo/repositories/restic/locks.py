"""Locks that killed restic processes left behind: found, judged, removed, told (F06).

restic's own `unlock` finds out whether a lock's process lives by sending it SIGHUP, which would end an innocent
program that got the same process id (restic, internal/restic/lock_unix.go). So the judgement is made here first.
"""

import contextlib
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path

from daytwo.core.errors import BusyError, IntegrityError, RepositoryError
from daytwo.core.run import Run
from daytwo.repositories.restic import messages
from daytwo.repositories.restic.messages import Lock
from daytwo.repositories.restic.program import Program
from daytwo.repositories.restic.settings import local_folder

STALE_AFTER = timedelta(minutes=30)
"""A living restic renews its lock every five minutes; after thirty it takes another's for dead itself."""


_SLACK = timedelta(minutes=1)


class Life(Enum):
    """What is known of the process that made a lock on this machine."""

    GONE = "gone"
    MAYBE = "maybe"
    """A process of that id lives and is old enough to have made it."""
    OTHER = "other"
    """The id belongs to a process that began after the lock was made."""


def is_stale(lock: Lock, now: datetime, host: str, life: Callable[[Lock], Life]) -> bool:
    """Whether the process that made a lock is dead.

    Args:
        lock: the lock.
        now: the time.
        host: this machine's name.
        life: looks at the process of a lock of this machine.
    """
    if lock.hostname == host:
        return life(lock) is not Life.MAYBE
    return now - lock.time > STALE_AFTER


def life_of(lock: Lock) -> Life:
    """What became of the process that made a lock on this machine (proc(5)); a zombie is gone."""
    try:
        state = Path(f"/proc/{lock.pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    except OSError:
        return Life.MAYBE if _exists(lock.pid) else Life.GONE
    fields = state.rpartition(")")[2].split()
    if fields[0] in ("Z", "X"):
        return Life.GONE
    began = int(boot.split()[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return Life.OTHER if datetime.fromtimestamp(began, UTC) > lock.time + _SLACK else Life.MAYBE


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def break_stale(program: Program, run: Run) -> list[str]:
    """Remove the locks of dead processes.

    Returns:
        What was removed, in words.

    Raises:
        BusyError: a lock is stale, and removing it is not safe from here.
    """
    folder = local_folder(program.settings, program.place)
    now, host = datetime.now(UTC), socket.gethostname()
    stale = {id: lock for id, lock in _locks(program, folder, run).items() if is_stale(lock, now, host, life_of)}
    if not stale:
        return []
    if folder is not None:
        for id in stale:
            (folder / "locks" / id).unlink(missing_ok=True)
    else:
        _unlock(program, stale, host, run)
    return [f"removed the stale lock of {lock} from {lock.time:%Y-%m-%d %H:%M} UTC" for lock in stale.values()]


def _unlock(program: Program, stale: dict[str, Lock], host: str, run: Run) -> None:
    for lock in stale.values():
        if lock.hostname == host and life_of(lock) is Life.OTHER:
            raise BusyError(
                f"the lock of {lock} is stale, but its process id belongs to another program now",
                where=program.where,
                hint="Make sure that no restic runs on it anywhere, then run `restic unlock --remove-all`",
            )
    program.capture(run, "unlock")


def _locks(program: Program, folder: Path | None, run: Run) -> dict[str, Lock]:
    if folder is not None:
        with contextlib.suppress(OSError):
            ids = [path.name for path in (folder / "locks").iterdir()]
            return _read(program, ids, run)
        return {}
    return _read(program, program.capture(run, "list", "locks", "--no-lock").text.split(), run)


def _read(program: Program, ids: list[str], run: Run) -> dict[str, Lock]:
    found = {}
    for id in ids:
        # A lock may go while it is looked at: then it is none.
        with contextlib.suppress(RepositoryError, IntegrityError):
            found[id] = messages.lock(program.capture(run, "cat", "lock", id, "--no-lock").stdout)
    return found
