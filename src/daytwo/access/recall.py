"""A short memory, so that a browser or program that asks often is looked up once in a few seconds."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
SECONDS = 3.0
"""How long something is remembered: what another process changes is noticed after that at the latest."""
_MOST = 10_000


class Recall(Generic[T]):
    """Remembers what was looked up.

    Args:
        monotonic: seconds, on a clock that nobody sets.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._kept: dict[str, tuple[float, T]] = {}
        self._generation = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> T | None:
        """What is remembered of a key, or None."""
        found = self._kept.get(key)
        return found[1] if found and found[0] > self._monotonic() else None

    def look_up(self, key: str, find: Callable[[], T | None]) -> T | None:
        """What is remembered, or what `find` finds; nothing is remembered that was read before a `clear`."""
        if (known := self.get(key)) is not None:
            return known
        generation = self._generation
        found = find()
        if found is not None:
            with self._lock:
                if generation == self._generation:
                    if len(self._kept) >= _MOST:
                        self._kept.clear()
                    self._kept[key] = (self._monotonic() + SECONDS, found)
        return found

    def clear(self) -> None:
        """Forget everything: something has changed."""
        with self._lock:
            self._generation += 1
            self._kept.clear()
