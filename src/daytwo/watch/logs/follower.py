"""What all followers have in common: a thread, a bounded basket of lines, and patience."""

import contextlib
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_hex

from daytwo.core.errors import DaytwoError
from daytwo.core.process import Process
from daytwo.core.reading import one_line
from daytwo.core.run import Run
from daytwo.watch.logs.lines import Line
from daytwo.watch.logs.sources import Log

_log = logging.getLogger(__name__)
READ = 64 << 10
"""Bytes that are read at once."""
_MOST_LINES = 10_000
_MOST_CHARACTERS = 4 << 20
_FIRST, _LONGEST = 0.5, 30.0
"""Seconds before it is begun again: doubled each time it fails."""
_SETTLED = 1.0
"""Seconds after which a program that has not ended is taken to work."""
_END = 5.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines, and the place in the log up to which they reach.

    Args:
        log: the log's name.
        lines: in the order in which they came; may be none.
        position: as the log's follower understands it.
    """

    log: str
    lines: Sequence[Line]
    position: str


class ClosedError(Exception):
    """Nobody takes lines any more."""


class Basket:
    """What was read and has not been taken yet. Whoever puts waits while it is full: nothing is dropped."""

    def __init__(self) -> None:
        self._room = threading.Condition()
        self._lines: list[Line] = []
        self._characters = 0
        self._position: str | None = None
        self._closed = False

    @property
    def full(self) -> bool:
        """Whether whoever puts has to wait."""
        return len(self._lines) >= _MOST_LINES or self._characters >= _MOST_CHARACTERS

    def put(self, lines: Sequence[Line], position: str) -> None:
        """Add lines, and the place that is reached with them.

        Raises:
            ClosedError: nobody takes them any more.
        """
        with self._room:
            self._room.wait_for(lambda: self._closed or not self.full)
            if self._closed:
                raise ClosedError
            self._lines += lines
            self._characters += sum(len(line.text) for line in lines)
            self._position = position

    def take(self) -> tuple[Sequence[Line], str] | None:
        """All that is there, and the place; None where nothing has come."""
        with self._room:
            if self._position is None:
                return None
            found = (self._lines, self._position)
            self._lines, self._characters, self._position = [], 0, None
            self._room.notify_all()
            return found

    def close(self) -> None:
        """Let whoever waits go."""
        with self._room:
            self._closed = True
            self._room.notify_all()


class Follower(ABC):
    """Follows one log in a thread of its own, from `start` until `close`.

    Args:
        log: which one.
        position: up to where it has been read, as the follower said it; empty for the first time: it then begins with
            what is written from now on.
        work: a private folder.
        clock: the time now.
    """

    def __init__(self, log: Log, position: str, work: Path, clock: Callable[[], datetime]) -> None:
        self.log = log
        self.trouble = ""
        """Why it cannot be read now, in one sentence; empty while it can."""
        self.clock = clock
        self.closing = threading.Event()
        self.run = Run(f"logs-{token_hex(6)}", work)
        self._basket = Basket()
        self._process: Process | None = None
        self._thread = threading.Thread(target=self._go_on, name=f"log {log.name}", daemon=True)
        self.resume(position)

    @abstractmethod
    def resume(self, position: str) -> None:
        """Take up where a position says; one that is not understood is none."""

    @abstractmethod
    def follow(self) -> None:
        """Read until it ends; it is begun again after that.

        Raises:
            DaytwoError: it cannot be read.
            ClosedError: nobody wants more.
        """

    @abstractmethod
    def past(self, since: datetime | None, until: datetime | None, last: int | None) -> Iterator[Line]:
        """What is there already, before `start`: it then goes on where this has ended.

        Args:
            since: nothing older, or None.
            until: nothing newer, or None.
            last: the last so many lines only, or None.

        Raises:
            DaytwoError: it cannot be read.
        """

    def start(self) -> None:
        """Follow from now on."""
        self._thread.start()

    @property
    def full(self) -> bool:
        """Whether it waits for somebody to take what it has."""
        return self._basket.full

    def take(self) -> Batch | None:
        """What has come since the last time; None where nothing has."""
        taken = self._basket.take()
        return None if taken is None else Batch(self.log.name, *taken)

    def put(self, lines: Sequence[Line], position: str) -> None:
        """Hand over; called in the follower's thread. Waits while there is no room.

        Raises:
            ClosedError: nobody wants more.
        """
        self._basket.put(lines, position)

    def milliseconds(self) -> int:
        """The time now, as lines bear it."""
        return round(self.clock().timestamp() * 1000)

    @contextlib.contextmanager
    def listening(self, process: Process) -> Iterator[Process]:
        """While a program on a leash is read from, `close` lets go of it; that it works is known after a moment."""
        settled = threading.Timer(_SETTLED, self._works, (process,))
        settled.daemon = True
        with process:
            self._process = process
            settled.start()
            try:
                if self.closing.is_set():  # meanwhile
                    raise ClosedError
                yield process
            finally:
                settled.cancel()
                self._process = None
                process.close_stdin()

    def close(self) -> None:
        """End it, and wait for that; what has not been taken will be read again. Never raises."""
        self.closing.set()
        self._basket.close()
        process = self._process
        if process is not None:
            process.close_stdin()
        if self._thread.is_alive():
            self._thread.join(_END / 2)
        if self._thread.is_alive():
            self.run.cancel("it is not followed any more")
            if process is not None:
                process.kill()
            self._thread.join(_END / 2)

    def _works(self, process: Process) -> None:
        if self._process is process:
            self.trouble = ""

    def _go_on(self) -> None:
        pause = _FIRST
        while not self.closing.is_set():
            begun = time.monotonic()
            try:
                self.follow()
            except ClosedError:
                return
            except DaytwoError as error:
                self.trouble = one_line(str(error))
            except (OSError, ValueError) as error:
                if not self.closing.is_set():
                    _log.exception("following %s failed", self.log.name)
                    self.trouble = one_line(f"{type(error).__name__}: {error}")
            pause = _FIRST if time.monotonic() - begun > _SETTLED else min(_LONGEST, pause * 2)
            self.closing.wait(pause)


__all__ = ["READ", "Basket", "Batch", "ClosedError", "Follower"]
