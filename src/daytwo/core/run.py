"""The execution that work belongs to: its id, its end, its progress, its warnings, its scratch folder."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from daytwo.core.errors import CancelledError


@dataclass(frozen=True)
class Progress:
    """How far one part of a run is.

    Args:
        part: what it is about, for instance the component `db.dump`.
        state: `waiting`, `running`, `done`, `failed`, or a short phrase.
        done: bytes handled so far.
        total: bytes expected, when known.
    """

    part: str
    state: str
    done: int = 0
    total: int | None = None


class Stoppable(Protocol):
    """Something that a cancelled run ends."""

    def stop(self) -> None:
        """End it now."""


class Run:
    """One execution of anything, as the code that does the work sees it.

    Args:
        id: the run's id; every process it starts is tagged with it.
        work: a private folder for this run, removed at its end.
        on_progress: called, from any thread, when something moves on.
        timeout: seconds after which the run is cancelled, or None.
    """

    def __init__(
        self,
        id: str,
        work: Path,
        *,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        timeout: float | None = None,
    ) -> None:
        self.id = id
        self.work = work
        self.warnings: list[str] = []
        self._on_progress = on_progress
        self._lock = threading.RLock()  # a signal handler may cancel while this thread holds it
        self._running: set[Stoppable] = set()
        self._reason = ""
        self._end = None if timeout is None else time.monotonic() + timeout

    def report(self, part: str, state: str, done: int = 0, total: int | None = None) -> None:
        """Tell whoever watches how far a part is."""
        self._on_progress(Progress(part, state, done, total))

    def warn(self, text: str) -> None:
        """Note something that the user should know and that is no failure."""
        with self._lock:
            if text not in self.warnings:
                self.warnings.append(text)

    def cancel(self, reason: str) -> None:
        """Stop the run: every process it has started is ended, and `check` raises from now on."""
        with self._lock:
            self._reason = self._reason or reason
            running = list(self._running)
        for one in running:
            one.stop()

    def check(self) -> None:
        """Raise `CancelledError` once the run is cancelled or its time is up."""
        if not self._reason and self._end is not None and time.monotonic() > self._end:
            self.cancel("it took longer than its time limit")
        if self._reason:
            raise CancelledError(f"stopped: {self._reason}")

    def remaining(self) -> float | None:
        """Seconds left, or None where there is no limit."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    def stop(self) -> None:
        """End it as part of a run that is cancelled."""
        self.cancel("its run was stopped")

    @contextmanager
    def limited(self, seconds: float) -> Iterator["Run"]:
        """A part of this run with a time limit of its own; cancelling this run cancels it."""
        remaining = self.remaining()
        part = Run(self.id, self.work, timeout=seconds if remaining is None else min(seconds, remaining))
        self.adopt(part)
        try:
            yield part
        finally:
            self.release(part)

    def adopt(self, process: Stoppable) -> None:
        """Have this process ended when the run is cancelled."""
        with self._lock:
            self._running.add(process)
            cancelled = bool(self._reason)
        if cancelled:
            process.stop()

    def release(self, process: Stoppable) -> None:
        """The process has ended by itself."""
        with self._lock:
            self._running.discard(process)
