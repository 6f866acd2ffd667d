"""Starting a real server for a test: its folder, its user, its port, its readiness, its end."""

import contextlib
import json
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

LOOPBACK = "127.0.0.1"


class PartDied(RuntimeError):
    """A server ended by itself; the message has the end of its log."""


class NotReady(RuntimeError):
    """Something did not become true in time."""


@dataclass(frozen=True)
class ServerUser:
    """The system user that a server runs as, because it refuses to run as root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Program:
    """What a keeper runs.

    `stop_seconds` is how long it may take to end after `stop_signal`. With `private_mounts` its mounts vanish with it,
    and it sees an empty folder in place of each of `hide`.
    """

    argv: Sequence[str]
    user: ServerUser | None = None
    env: dict[str, str] | None = None
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 10
    private_mounts: bool = False
    hide: Sequence[str] = ()


def server_user(*names: str) -> ServerUser | None:
    """The first of these system users that exists, else `nobody`; None when the tests do not run as root."""
    if os.geteuid() != 0:
        return None
    for name in (*names, "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return ServerUser(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise LookupError("no unprivileged system user")


def reachable(path: Path) -> bool:
    """Whether any user may enter every folder above `path`."""
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def new_folder(user: ServerUser | None = None, *, prefix: str = "daytwo-", parent: Path | None = None) -> Path:
    """A new temporary folder with a short path (it may hold sockets), which `user` owns and may reach."""
    parent = parent or Path(tempfile.gettempdir())
    if not reachable(parent / "any"):
        parent = Path("/tmp")
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    if user is not None:
        os.chown(folder, user.uid, user.gid)
    return folder


def free_port() -> int:
    """A port that nobody listened on a moment ago. It may be taken by the time it is used: see `start_on_free_port`."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
        return port


def wait_until(condition: Callable[[], bool], *, what: str, seconds: float = 60, every: float = 0.05) -> None:
    """Ask `condition` until it holds; after `seconds` raise `NotReady`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise NotReady(f"after {seconds:g} s still not: {what}")
        time.sleep(every)


def answers(port: int) -> bool:
    """Whether something accepts connections on this loopback port."""
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
        return True
    return False


def run_text(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    seconds: float = 120,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program with text in and text out; the caller looks at the exit code. Its standard input is never ours."""
    text = stdin or ""
    return subprocess.run(
        argv, check=False, env=env, input=text, cwd=cwd, capture_output=True, text=True, timeout=seconds
    )


@dataclass
class Kept:
    """A folder, and a program in it, that cannot outlive the owner (see `keeper.py`). A context manager.

    Args:
        folder: removed at the end, with all that is in it.
        owner: the process whose end ends it all; this one unless given.
        detached: it outlives this process too, until the owner ends or `keeper_pid` gets SIGTERM.
        after: commands to run when all processes are gone.
    """

    folder: Path
    owner: int = field(default_factory=os.getpid)
    detached: bool = False
    after: Sequence[Sequence[str]] = ()

    def __enter__(self) -> Self:
        script = Path(__file__).with_name("keeper.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._output = b""
        self.exit_code: int | None = None
        self.log = self.folder / "log.txt"
        self._send({"folder": str(self.folder), "owner": self.owner, "detached": self.detached, "after": self.after})
        self.keeper_pid: int = self._receive("ready", 20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=90)
        self._process.stdout.close()

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message, default=str).encode() + b"\n")
        self._process.stdin.flush()

    def _receive(self, wanted: str, seconds: float) -> Any:
        """The value of the next message that has the key `wanted`."""
        deadline = time.monotonic() + seconds
        while True:
            message = self._next(max(0, deadline - time.monotonic()))
            if message is None:
                raise NotReady(f"no answer from the keeper within {seconds:g} s: {wanted}")
            if wanted in message:
                return message[wanted]

    def _next(self, seconds: float) -> dict[str, Any] | None:
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        while b"\n" not in self._output:
            if not select.select([fd], [], [], seconds)[0]:
                return None
            data = os.read(fd, 65536)
            if not data:
                raise PartDied("the keeper itself ended")
            self._output += data
        line, _, self._output = self._output.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        if "exited" in message:
            self.exit_code = message["exited"]
        return message

    def start(self, program: Program) -> int:
        """Run a program; its process id."""
        user = program.user
        spec = asdict(program) | {
            "user": None if user is None else (user.uid, user.gid),
            "cwd": str(self.folder),
            "log": str(self.log),
        }
        self.exit_code = None
        self.last = program
        self._send({"start": spec})
        pid: int = self._receive("started", 20)
        return pid

    def finish(self, program: Program, *, seconds: float = 120) -> None:
        """Run a program to its end; anything but exit code 0 raises `PartDied`."""
        self.start(program)
        code = self._receive("exited", seconds)
        if code != 0:
            raise PartDied(f"{program.argv[0]} exited with {code}:\n{self.tail()}")

    def running(self) -> bool:
        """Whether the program still runs."""
        while self.exit_code is None and self._next(0) is not None:
            pass
        return self.exit_code is None

    def stop(self, number: int | None = None) -> None:
        """End the program (with another signal than usual, if given); the folder stays, so that it can start again."""
        self._send({"stop": {"signal": number}})
        self._receive("stopped", 60)

    def start_again(self) -> int:
        """Start the last program once more, after it was stopped or killed; its process id. It may not be ready yet."""
        wait_until(lambda: not self.running(), what="the last program has ended")
        self.stop()  # its children may still be there
        return self.start(self.last)

    def tail(self) -> str:
        """The end of the program's log."""
        with contextlib.suppress(OSError):
            return self.log.read_text(errors="replace")[-4000:]
        return ""

    def wait_ready(self, ready: Callable[[], bool], *, what: str, seconds: float = 60) -> None:
        """Wait until `ready`; raise `PartDied` at once when the program ends before that."""

        def ready_or_dead() -> bool:
            if not self.running():
                raise PartDied(f"{what} exited with {self.exit_code}:\n{self.tail()}")
            return ready()

        try:
            wait_until(ready_or_dead, what=f"{what} is ready", seconds=seconds)
        except NotReady as error:
            raise NotReady(f"{error}\n{self.tail()}") from None

    def start_on_free_port(
        self, program: Callable[[int], Program], ready: Callable[[int], bool], *, what: str
    ) -> tuple[int, int]:
        """Start a server on a free port and wait until it is ready: (port, process id).

        `ready` must only be true for *this* server (ask with its own password): another one may have taken the port
        first, and then this one ends and gets another port.
        """
        for last in (False, False, False, False, True):
            port = free_port()
            pid = self.start(program(port))
            try:
                self.wait_ready(lambda port=port: ready(port), what=what)  # type: ignore[misc]
                return port, pid
            except PartDied:
                if last:
                    raise
                self.stop()
        raise AssertionError("unreachable")


@contextlib.contextmanager
def kept(user: ServerUser | None = None) -> Iterator[Kept]:
    """A new temporary folder with its keeper."""
    folder = new_folder(user)
    try:
        with Kept(folder) as keeper:
            yield keeper
    finally:
        shutil.rmtree(folder, ignore_errors=True)
