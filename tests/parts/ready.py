"""Python programs that begin at once: forked off a process that has imported daytwo already.

Tests start daytwo thousands of times, and most of a short command's time goes into a second of imports. What runs is
the same as with `python -c`: a process of its own with these arguments, this environment, this folder, these streams.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

import daytwo

_ROOT = Path(__file__).parents[2]
_LARGEST = 1 << 20
_CODE = "from tests.parts import ready; ready.wait_for_orders({})"


class Python(subprocess.Popen[str]):
    """`python -c CODE ARGV...`, to be used like any `Popen`; only its start and its end are found out elsewhere.

    Args:
        code: the program.
        argv: its arguments.
        options: as for `Popen`: `env`, `cwd`, streams, `start_new_session`.
    """

    def __init__(self, code: str, argv: Sequence[object] = (), **options: Any) -> None:
        self._code = code
        self._argv = [str(word) for word in argv]
        self._status, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        super().__init__([sys.executable, "-c", code, *self._argv], text=True, **options)

    def _execute_child(self, *given: Any) -> None:
        """Have the process that waits fork; `given` is what `subprocess` would start a program with."""
        cwd, env = given[5], given[6]
        streams, session = given[10:16], bool(given[21])
        order = {
            "code": self._code, "argv": self._argv, "cwd": str(cwd or Path.cwd()),
            "env": dict(os.environ if env is None else env), "session": session,
        }  # fmt: skip
        theirs = [own if own >= 0 else number for number, own in enumerate((streams[0], streams[3], streams[5]))]
        with self._theirs:
            socket.send_fds(_control(os.getpid()), [json.dumps(order).encode()], [*theirs, self._theirs.fileno()])
        self._close_pipe_fds(*streams)  # type: ignore[attr-defined]
        self.pid = int(self._status.recv(32))
        self._child_created = True

    def _try_wait(self, flags: int) -> tuple[int, int]:
        self._status.setblocking(not flags & os.WNOHANG)
        try:
            said = self._status.recv(32)
        except BlockingIOError:
            return 0, 0
        self._status.close()
        return self.pid, int(said or 9)

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None:
            with self._waitpid_lock:  # type: ignore[attr-defined]
                pid, status = self._try_wait(os.WNOHANG)
            if pid == self.pid:
                self._handle_exitstatus(status)  # type: ignore[attr-defined]
        return self.returncode


def python(
    code: str,
    argv: Sequence[object] = (),
    *,
    timeout: float = 120,
    stdin: int | IO[Any] | None = None,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, and keep what it says.

    Args:
        code: the program.
        argv: its arguments.
        timeout: seconds after which it is killed.
        stdin: what it reads.
        options: as for `Popen`.

    Raises:
        subprocess.TimeoutExpired: it was killed.
    """
    pipe = subprocess.PIPE
    with Python(code, argv, stdin=stdin, stdout=pipe, stderr=pipe, **options) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@cache
def _control(_owner: int) -> socket.socket:
    """The line to the process that waits; one for each process that asks."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        number = theirs.fileno()
        argv = [sys.executable, "-c", _CODE.format(number)]
        waiter = subprocess.Popen(argv, pass_fds=[number], cwd=_ROOT, stdin=subprocess.DEVNULL, start_new_session=True)

    def end() -> None:
        ours.close()
        waiter.wait(10)

    atexit.register(end)
    return ours


def wait_for_orders(number: int) -> None:
    """Import everything, and fork for every order that comes; end when nobody can order any more.

    Args:
        number: the file descriptor that orders come from.
    """
    for one in pkgutil.walk_packages(daytwo.__path__, "daytwo."):
        if "__main__" not in one.name and ".migrations" not in one.name:
            with contextlib.suppress(Exception):  # whether each can be imported is not what this is about
                importlib.import_module(one.name)
    gc.collect()
    gc.freeze()
    control = socket.socket(fileno=number)
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    lines: dict[int, tuple[int, socket.socket]] = {}
    while True:
        for key, _ in selector.select():
            if key.fileobj is control:
                data, files, _, _ = socket.recv_fds(control, _LARGEST, 4)
                if not data:
                    os._exit(0)
                pid = os.fork()
                if pid == 0:
                    selector.close()
                    for held in (control, *(line for _, line in lines.values())):
                        held.close()
                    for file in lines:
                        os.close(file)
                    _end(_carry_out(_become(json.loads(data), files)))
                line = socket.socket(fileno=files[3])
                for file in files[:3]:
                    os.close(file)
                ending = os.pidfd_open(pid)
                lines[ending] = pid, line
                selector.register(ending, selectors.EVENT_READ)
            else:
                selector.unregister(key.fileobj)
                pid, line = lines.pop(key.fd)
                os.close(key.fd)
                with line, contextlib.suppress(OSError):  # nobody may wait for it any more
                    line.send(str(os.waitpid(pid, 0)[1]).encode())


def _become(order: dict[str, Any], files: list[int]) -> str:
    if order["session"]:
        os.setsid()
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
        os.close(file)
    os.chdir(order["cwd"])
    with socket.socket(fileno=files[3]) as line:
        line.send(str(os.getpid()).encode())
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    sys.argv = ["-c", *order["argv"]]
    return str(order["code"])


def _carry_out(code: str) -> int:
    try:
        exec(code, {"__name__": "__main__"})
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        sys.stderr.write(f"{end.code}\n")
        return 1
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _end(status: int) -> None:
    """End as Python does, but leave the freeing of all those modules to the kernel."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        status = 120
    os._exit(status)
