"""Followers in tests: what they hand over, until something is there."""

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from daytwo.watch.logs.follower import Follower
from daytwo.watch.logs.following import follower_of
from daytwo.watch.logs.lines import Line
from daytwo.watch.logs.sources import Log


class Heard:
    """What a follower hands over, and the position with it."""

    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.lines: list[Line] = []
        self.position = ""

    @property
    def texts(self) -> list[str]:
        """The lines so far."""
        if batch := self.follower.take():
            self.lines += batch.lines
            self.position = batch.position
        return [line.text for line in self.lines]

    def until(self, what: Callable[[], bool], why: str, seconds: float = 30) -> None:
        """Wait until something is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if what():
                return
            time.sleep(0.02)
        raise AssertionError(f"it never came about: {why}: {self.texts[-20:]} {self.follower.trouble}")

    def hears(self, *texts: str) -> None:
        """Wait for exactly these lines."""
        self.until(lambda: len(self.texts) >= len(texts), f"{len(texts)} lines")
        assert self.texts == list(texts)


@contextlib.contextmanager
def heard(log: Log, work: Path, position: str = "", *, settled: bool = True) -> Iterator[Heard]:
    """A follower at work.

    Args:
        log: which log.
        work: a private folder.
        position: where it goes on.
        settled: wait until it has said where it begins, when it has no position.
    """
    follower = follower_of(log, position, work, lambda: datetime.now(UTC))
    follower.start()
    made = Heard(follower)
    made.position = position
    try:
        if not position and settled:
            made.until(lambda: not made.texts and made.position != "", "it begins")
        yield made
    finally:
        follower.close()
