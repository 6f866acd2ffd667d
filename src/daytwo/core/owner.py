"""Which process a run or a lock belongs to, and whether that process is proven dead.

A process id alone proves nothing: ids are used again, differ between containers, and mean nothing on another host. So
an owner is named by its machine, the machine's boot, its process-id namespace, its id and its start time (all from
Linux's /proc; see proc(5) and pid_namespaces(7)). Where those cannot be looked at, the kernel vouches: an owner holds a
lock on a file of its own for as long as it lives (flock(2)), and the file stays when the process is killed. Anyone who
shares the folder, another container too, can then see that nobody holds it any more.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from daytwo.core.errors import DaytwoError, RefusedError

_PROC = Path("/proc")
_SUFFIX = ".lock"
_ATTEMPTS = 5


@dataclass(frozen=True)
class Owner:
    """A process, named so that no other process ever has the same name.

    Args:
        host: the host's (or container's) name, for people.
        machine: what tells machines of the same name apart; empty where it has no machine id.
        boot_id: differs after each start of the machine; the same in all its containers.
        pid: the process id as the process itself sees it.
        started: clock ticks from the machine's boot to the process's start.
        pid_ns: the process-id namespace in which `pid` counts.
    """

    host: str
    machine: str
    boot_id: str
    pid: int
    started: int
    pid_ns: int

    @classmethod
    def current(cls) -> "Owner":
        """This process."""
        state = _state("self")
        started = state.started if state else 0
        return cls(_plain(socket.gethostname()), _machine(), _boot_id(), os.getpid(), started, _pid_ns())

    @classmethod
    def parse(cls, text: str) -> "Owner":
        """Read the written form.

        Raises:
            ValueError: it is not one.
        """
        parts = text.split("_")
        if len(parts) != 6 or not all(part.isdigit() for part in parts[3:]):
            raise ValueError(f"'{text}' names no owner")
        return cls(parts[0], parts[1], parts[2], int(parts[3]), int(parts[4]), int(parts[5]))

    def __str__(self) -> str:
        """The written form: unique, one word, fit for a file name and an executor id."""
        numbers = f"{self.pid}_{self.started}_{self.pid_ns}"
        return f"{self.host}_{self.machine}_{self.boot_id}_{numbers}"

    @property
    def human(self) -> str:
        """For people: `process 4242 on web1`."""
        return f"process {self.pid} on {self.host}"


def is_alive(owner: Owner) -> bool | None:
    """Whether a process lives, as far as it can be seen from here.

    Returns:
        None where that cannot be told: another host, another container, or a host of the same name that may be
        another machine.
    """
    if not owner.boot_id or owner.boot_id != _boot_id():
        # The same machine after another boot: nothing of the earlier one is left.
        same_machine = bool(owner.machine) and owner.machine == _machine() and bool(owner.boot_id)
        return False if same_machine and owner.host == _plain(socket.gethostname()) else None
    if not owner.pid_ns or owner.pid_ns != _pid_ns() or not _proc_is_ours():
        return None
    state = _state(owner.pid)
    if state is None:
        return None if _exists(owner.pid) else False
    return state.started == owner.started and not state.ended


def is_dead_for_sure(owner: Owner, folder: Path) -> bool:
    """Whether a process is proven dead, by its lock file or by what can be seen of it.

    Args:
        owner: the process.
        folder: where owners hold their lock files; may be shared between containers and hosts.
    """
    held = _is_held(_path(folder, owner))
    if held is None:
        return is_alive(owner) is False
    return not held


def is_named_dead(text: str, folder: Path) -> bool:
    """The same of an owner as it is written down; of what is none of ours nothing is known, so it is not dead."""
    try:
        return is_dead_for_sure(Owner.parse(text), folder)
    except ValueError:
        return False


def dead_owners(folder: Path) -> list[Owner]:
    """Owners whose lock files lie in the folder and whom nobody embodies any more."""
    found = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        with contextlib.suppress(ValueError):
            owner = Owner.parse(path.name.removesuffix(_SUFFIX))
            if is_dead_for_sure(owner, folder):
                found.append(owner)
    return found


def forget(owner: Owner, folder: Path) -> bool:
    """Remove a dead owner's lock file. Do it last: it is the proof that the owner is dead.

    Returns:
        Whether there was one and it is gone; a live owner's is left alone.
    """
    path = _path(folder, owner)
    if not path.exists() or not is_dead_for_sure(owner, folder):
        return False
    path.unlink(missing_ok=True)
    return True


class Hold:
    """The kernel's word that this process lives, for as long as it does. Made by `hold`; a context manager.

    Ended well, it takes its file along. Ended by an exception, it leaves the file as proof that this owner is gone, for
    whoever has to clean up after it.
    """

    def __init__(self, owner: Owner, path: Path, descriptor: int) -> None:
        self.owner = owner
        self._path = path
        self._descriptor = descriptor
        _held.add(self)

    def release(self, *, leave_proof: bool = False) -> None:
        """Give it up. Harmless when done already."""
        if self._descriptor < 0:
            return
        if not leave_proof:
            self._path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Close the file without touching the lock: in a forked child the parent still holds it."""
        descriptor, self._descriptor = self._descriptor, -1
        _held.discard(self)
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release(leave_proof=error is not None)


_held: set[Hold] = set()


def _let_go_in_child() -> None:
    # A forked child shares the parent's open file and would keep the parent alive in everyone's eyes.
    for one in list(_held):
        one.close()


os.register_at_fork(after_in_child=_let_go_in_child)


def hold(folder: Path, owner: Owner | None = None) -> Hold:
    """Have the kernel vouch for this process, by a locked file that others can look at.

    Args:
        folder: made if it is not there; shared by everyone who must be able to tell.
        owner: this process, if its name is known already.

    Raises:
        DaytwoError: the folder cannot be written to, or its file system knows no locks.
    """
    owner = owner or Owner.current()
    path = _path(folder, owner)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if _is_held(path):
            raise RefusedError("this process holds its lock file already", where=str(path))
        for _ in range(_ATTEMPTS):
            descriptor = _locked_file(folder, path)
            if descriptor is not None:
                return Hold(owner, path, descriptor)
    except OSError as error:
        raise DaytwoError(
            f"cannot keep a lock file: {error.strerror}",
            where=str(folder),
            hint="Make it writable, and put it on a file system that knows locks",
        ) from None
    raise DaytwoError("the lock file vanished while it was made", where=str(folder), hint="Who removes files there?")


def _locked_file(folder: Path, path: Path) -> int | None:
    """Make the file aside, lock it, then give it its name: whoever sees the name sees a lock."""
    aside = folder / f".{path.name}.{secrets.token_hex(4)}"
    descriptor = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        aside.rename(path)
    except FileNotFoundError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        aside.unlink(missing_ok=True)
        raise
    return descriptor


def _is_held(path: Path) -> bool | None:
    """Whether anyone holds the lock; None where there is no such file or it cannot be looked at."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # Shared, so that two who look at the same time do not take each other for the owner.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    else:
        return False
    finally:
        os.close(descriptor)


def _path(folder: Path, owner: Owner) -> Path:
    return folder / f"{owner}{_SUFFIX}"


@dataclass(frozen=True)
class _State:
    started: int
    ended: bool


def _state(pid: int | str) -> _State | None:
    """Start time and state of a process of this namespace, from proc(5): fields 22 and 3 of `stat`."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The command's name, in brackets, may hold spaces and brackets itself.
    fields = text.rpartition(")")[2].split()
    return _State(int(fields[19]), fields[0] in ("Z", "X", "x"))


def _exists(pid: int) -> bool:
    """Whether there is such a process, though /proc may hide it (mounted with hidepid)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _proc_is_ours() -> bool:
    """Whether /proc counts as this process does; in a new namespace it may still be the old one's."""
    try:
        return str((_PROC / "self").readlink()) == str(os.getpid())
    except OSError:
        return False


@cache
def _boot_id() -> str:
    return _read(_PROC / "sys/kernel/random/boot_id").replace("-", "")


@cache
def _machine() -> str:
    """A short hash of the machine's id, which machine-id(5) asks not to show as it is."""
    id = _read(Path("/etc/machine-id"))
    return hashlib.sha256(b"daytwo " + id.encode()).hexdigest()[:8] if id else ""


def _pid_ns() -> int:
    try:
        return int(re.sub(r"\D", "", str((_PROC / "self/ns/pid").readlink())) or 0)
    except OSError:
        return 0


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "-", name)[:64]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
