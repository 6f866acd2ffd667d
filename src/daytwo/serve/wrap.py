"""Runs somebody's command as if nobody were between: its output passes through, signals reach it, its end is its own.

This is not one of daytwo's own programs, so it does not go through `core.process`: nothing of it may be changed,
bounded or blanked on its way to whoever reads it.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import IO

TIMED_OUT = 124
"""As timeout(1) of the GNU coreutils has it."""
NOT_EXECUTABLE = 126
"""These two as the shell has them: https://www.gnu.org/software/bash/manual/html_node/Exit-Status.html"""
NOT_FOUND = 127
_SIGNALLED = 128
_FORWARDED = (
    signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM,
    signal.SIGWINCH,
)  # fmt: skip
_GRACE = 10.0
"""Seconds between asking and forcing."""
_LAST_WORDS = 2.0
"""Seconds that output may still come after the end: a process left behind may hold the pipe for ever."""
_KEPT = 64_000
"""Bytes of output kept in memory."""
_CHUNK = 65_536


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Args:
        code: the exit code that a shell would give.
        seconds: how long it took.
        output: the end of what it printed, both streams as they came.
        why: what happened, where the code does not say it.
    """

    code: int
    seconds: float
    output: str
    why: str = ""


class _Tail:
    """The newest bytes of two streams."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._lock = threading.Lock()

    def add(self, data: bytes) -> None:
        with self._lock:
            self._kept += data
            if len(self._kept) > 2 * _KEPT:
                del self._kept[:-_KEPT]

    @property
    def text(self) -> str:
        with self._lock:
            return bytes(self._kept[-_KEPT:]).decode(errors="replace")


@dataclass
class _Group:
    """The command's process group; signals that come before it is there are kept for it."""

    child: "subprocess.Popen[bytes] | None" = None
    early: list[int] = field(default_factory=list)

    def send(self, number: int) -> None:
        if self.child is None:
            self.early.append(number)
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child.pid, number)


def run(argv: Sequence[str], timeout: float | None = None) -> Ended:
    """Run a command to its end. To be called in the main thread, which has the signals.

    Args:
        argv: the program and its arguments.
        timeout: seconds after which it is asked to end, and 10 s later forced to.
    """
    begun = time.monotonic()
    group, tail = _Group(), _Tail()
    with _forwarding(group):
        try:
            group.child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0)
        except FileNotFoundError:
            return _never(NOT_FOUND, f"{argv[0]}: not found", begun)
        except OSError as error:
            return _never(NOT_EXECUTABLE, f"{argv[0]}: {(error.strerror or str(error)).lower()}", begun)
        with _foreground(group.child.pid):
            threads = _passing(group.child, tail)
            for number in group.early:
                group.send(number)
            why = _wait(group, timeout)
    seconds = time.monotonic() - begun
    _until(threads, time.monotonic() + _LAST_WORDS)
    raw = group.child.returncode
    code = TIMED_OUT if why else _SIGNALLED - raw if raw < 0 else raw
    return Ended(code, seconds, tail.text, why or (f"ended by {_name(-raw)}" if raw < 0 else ""))


def _never(code: int, why: str, begun: float) -> Ended:
    sys.stderr.write(f"daytwo run: {why}\n")
    return Ended(code, time.monotonic() - begun, "", why)


def _wait(group: _Group, timeout: float | None) -> str:
    """Wait for its end, and bring it about when its time is up.

    Returns:
        What was done, or nothing.
    """
    child = group.child
    assert child is not None
    try:
        child.wait(timeout)
    except subprocess.TimeoutExpired:
        group.send(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE)
        group.send(signal.SIGKILL)
        child.wait()
        return f"ended because it took longer than {timeout:g} s"
    return ""


def _passing(child: "subprocess.Popen[bytes]", tail: _Tail) -> list[threading.Thread]:
    assert child.stdout is not None and child.stderr is not None
    threads = [
        threading.Thread(target=_copy, args=(source, into, tail), daemon=True)
        for source, into in ((child.stdout, sys.stdout.fileno()), (child.stderr, sys.stderr.fileno()))
    ]
    for thread in threads:
        thread.start()
    return threads


def _copy(source: IO[bytes], into: int, tail: _Tail) -> None:
    """Pass on what comes, at once. When nobody reads it any more, it is still taken: the job must go on."""
    heard = True
    while data := os.read(source.fileno(), _CHUNK):
        tail.add(data)
        view = memoryview(data)
        while heard and view:
            try:
                view = view[os.write(into, view) :]
            except OSError:
                heard = False


def _until(threads: Sequence[threading.Thread], deadline: float) -> None:
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


@contextlib.contextmanager
def _forwarding(group: _Group) -> Iterator[None]:
    def forward(number: int, frame: FrameType | None) -> None:
        group.send(number)

    # What is ignored already (nohup) is to be ignored by the command as well.
    taken = [number for number in _FORWARDED if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, forward) for number in taken}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _foreground(pid: int) -> Iterator[None]:
    """At a terminal, the command has the keyboard, as it would without us."""
    if not sys.stdin.isatty():
        yield
        return
    # A process in the background is stopped by SIGTTOU when it takes the terminal back.
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        with contextlib.suppress(OSError):
            os.tcsetpgrp(sys.stdin.fileno(), pid)
        yield
    finally:
        with contextlib.suppress(OSError):
            os.tcsetpgrp(sys.stdin.fileno(), os.getpgrp())
        signal.signal(signal.SIGTTOU, before)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
