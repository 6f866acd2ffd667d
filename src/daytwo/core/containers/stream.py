"""The engine's events, heard without a gap: one `docker events` process, begun again when it ends."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator

from daytwo.core.command import Command, command
from daytwo.core.containers.history import ACTIONS, Event
from daytwo.core.errors import DaytwoError
from daytwo.core.leash import leashed
from daytwo.core.process import CHUNK, Process
from daytwo.core.run import Run
from daytwo.core.target import Target

_log = logging.getLogger(__name__)
_FIRST, _LONGEST = 1.0, 30.0
"""Seconds before it is begun again: doubled each time it ends soon."""
_SETTLED = 3.0
"""Seconds after which a process that has not ended is taken to hear everything: it does not tell when it begins to."""
_LINE = 1 << 20
"""Bytes of one event; its labels are in it."""
_END = 5.0


def events(since: str, where: str) -> Command:
    """The command that tells what happens to containers, each event as a line of JSON.

    Args:
        since: a time as `docker events --since` takes it, or empty for what happens from now on.
        where: the host, for errors.
    """
    filters = [word for action in ACTIONS for word in ("--filter", f"event={action}")]
    inner = command(
        "docker", "events", "--format", "{{json .}}", "--filter", "type=container", filters,
        ("--since", since) if since else (), where=where, ok=(0, 1, 143),
    )  # fmt: skip
    return leashed(inner)


class Stream:
    """Hears events in a thread of its own, from its making until `close`.

    Args:
        host: where the engine is reached.
        run: the run its processes belong to.
        heard: takes each event; called in the thread.
        changed: called in the thread when the stream has begun or ended: something may have been missed.
        since: where to begin after an interruption, in nanoseconds by the engine's clock; 0 while no event was heard.
    """

    def __init__(
        self,
        host: Target,
        run: Run,
        heard: Callable[[Event], None],
        changed: Callable[[], None],
        since: Callable[[], int],
    ) -> None:
        self._host = host
        self._run = run
        self._heard = heard
        self._changed = changed
        self._since = since
        self._closing = threading.Event()
        self._process: Process | None = None
        self._begun = 0.0
        self._made = time.time_ns()
        self._thread = threading.Thread(target=self._go_on, name="container events", daemon=True)
        self._thread.start()

    @property
    def steady_since(self) -> float | None:
        """From when on nothing can have been missed, by a monotonic clock; None while it is not so."""
        at = self._begun + _SETTLED
        return at if self._begun and time.monotonic() >= at else None

    def close(self) -> None:
        """End it, and wait for that. Never raises."""
        self._closing.set()
        process = self._process
        if process is not None:
            process.close_stdin()
        self._thread.join(_END / 2)
        if self._thread.is_alive() and process is not None:
            process.kill()
            self._thread.join(_END / 2)

    def _go_on(self) -> None:
        pause = _FIRST
        while not self._closing.is_set():
            begun = time.monotonic()
            try:
                self._hear()
            except DaytwoError as error:
                _log.debug("the events of %s end: %s", self._host, error)
            except Exception:
                _log.exception("hearing the events of %s failed", self._host)
            self._begun = 0.0
            self._changed()
            pause = _FIRST if time.monotonic() - begun > _LONGEST else min(_LONGEST, pause * 2)
            self._closing.wait(pause)

    def _hear(self) -> None:
        at = self._since() or self._made
        since = f"{at // 1_000_000_000}.{at % 1_000_000_000:09d}"
        with Process(self._host, events(since, str(self._host)), self._run, keep_stdin=True) as process:
            self._process = process
            try:
                if self._closing.is_set():  # meanwhile
                    return
                self._begun = time.monotonic()
                self._changed()
                for line in _lines(process):
                    if event := Event.parse(line):
                        self._heard(event)
                process.close_stdin()
                process.finish()
            finally:
                self._process = None
                process.close_stdin()


def _lines(process: Process) -> Iterator[bytes]:
    """The lines of its output; of one that is too long, nothing."""
    kept, skipping = bytearray(), False
    with contextlib.suppress(ValueError):  # it was closed meanwhile
        while data := process.stdout.read(CHUNK):
            *whole, rest = data.split(b"\n")
            for part in whole:
                if not skipping:
                    yield bytes(kept + part)
                kept.clear()
                skipping = False
            kept += rest
            if len(kept) > _LINE:
                kept.clear()
                skipping = True
