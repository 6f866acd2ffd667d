"""What a command costs: wall seconds, processor seconds, memory.

Processor seconds are the kernel's account of the process and of every descendant it waited for (`wait4`), so the
database server's own work, which is the same for everyone, is not in it. Memory is the high-water mark of the resident
set (`VmHWM` in `/proc/PID/status`, proc(5)) of every process below the command, looked at ten times a second: `wait4`
would tell the size of whoever started a process, too.
"""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_EVERY = 0.1
"""Seconds between two looks at the memory."""


class CommandFailedError(RuntimeError):
    """A command that was measured did not succeed; the message has the end of what it said."""


@dataclass(frozen=True)
class Sample:
    """One run of a command.

    Args:
        wall: seconds from start to end.
        cpu: processor seconds, all descendants included.
        own: largest resident set of the command's own process, bytes.
        largest: that of the largest process of all, bytes.
        name: what that one was.
    """

    wall: float
    cpu: float
    own: int = 0
    largest: int = 0
    name: str = ""


@dataclass(frozen=True)
class Command:
    """What to run: its words, what it finds in its environment besides ours, and its folder."""

    argv: Sequence[str | Path]
    env: Mapping[str, str]
    cwd: Path

    def run(self) -> None:
        """Run it without measuring.

        Raises:
            CommandFailedError: it did not end with 0.
        """
        measure(self, watch=False)


def measure(command: Command, *, watch: bool = True) -> Sample:
    """Run a command to its end.

    Args:
        command: what to run; its standard input is empty.
        watch: look at its memory, which is too coarse for what takes less than a second.

    Raises:
        CommandFailedError: it did not end with 0.
    """
    log = command.cwd / "bench.log"
    with log.open("wb") as out:
        begin = time.monotonic()
        process = subprocess.Popen(
            command.argv, env={**os.environ, **command.env}, cwd=command.cwd,
            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
        memory = _Memory(process.pid) if watch else None
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if memory:
            memory.end()
    if process.returncode:
        said = log.read_text(errors="replace")[-2000:]
        raise CommandFailedError(f"{' '.join(map(str, command.argv))} ended with {process.returncode}:\n{said}")
    cpu = usage.ru_utime + usage.ru_stime
    if memory is None:
        return Sample(wall, cpu)
    name, largest = memory.largest()
    return Sample(wall, cpu, memory.peaks.get(process.pid, ("", 0))[1], largest, name)


class _Memory(threading.Thread):
    """Looks at a process and all its descendants until told to end."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._over = threading.Event()
        self.peaks: dict[int, tuple[str, int]] = {}
        self.start()

    def run(self) -> None:
        """Look, and look again."""
        while not self._over.wait(_EVERY):
            for pid in _tree(self._pid):
                if (seen := _peak(pid)) is not None:
                    self.peaks[pid] = seen

    def end(self) -> None:
        """Stop looking."""
        self._over.set()
        self.join()

    def largest(self) -> tuple[str, int]:
        """The largest process seen."""
        return max(self.peaks.values(), key=lambda one: one[1], default=("", 0))


def _tree(pid: int) -> list[int]:
    """A process and all its descendants, as far as they are there now."""
    found = [pid]
    for parent in found:
        with suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                with suppress(OSError):
                    found += map(int, (task / "children").read_text().split())
    return found


def _peak(pid: int) -> tuple[str, int] | None:
    """A process's name and the largest it has been, in bytes; None when it is gone or going."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    if "VmHWM" not in fields:
        return None
    return fields["Name"].strip(), int(fields["VmHWM"].split()[0]) * 1024


def middle(samples: Sequence[Sample]) -> Sample:
    """The median of times, and the largest of sizes."""
    largest = max(samples, key=lambda one: one.largest)
    return Sample(
        median(one.wall for one in samples), median(one.cpu for one in samples), max(one.own for one in samples),
        largest.largest, largest.name,
    )  # fmt: skip


def settle() -> None:
    """Have everything that was written reach the disk, so that nobody pays for who came before."""
    os.sync()
