"""One answer for all who ask at the same time."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Generic, TypeVar

T = TypeVar("T")
_BREATH = 3.0
"""Seconds for which a failure counts for the next who asks, so that hundreds who ask are not hundreds of tries."""


class Flight(Generic[T]):
    """Makes an answer in a thread, once at a time.

    Args:
        make: makes one; blocks.
        threads: where.
    """

    def __init__(self, make: Callable[[], T], threads: Executor) -> None:
        self._make = make
        self._threads = threads
        self._task: asyncio.Task[None] | None = None
        self._begun = 0.0
        self._answer: tuple[float, T] | None = None
        self._error: tuple[float, Exception] | None = None

    async def get(self, since: float, end: float) -> T:
        """An answer whose making began at `since` or later; both times by a monotonic clock, in seconds.

        Raises:
            TimeoutError: there is none at `end`.
            DaytwoError: it cannot be had.
        """
        while True:
            now = time.monotonic()
            if self._answer is not None and self._answer[0] >= since:
                return self._answer[1]
            if self._error is not None and self._error[0] >= now - _BREATH:
                raise self._error[1]
            if self._task is None or self._task.done():
                self._begun = now
                self._task = asyncio.create_task(self._fly(now), name="containers")
            if now >= end:
                raise TimeoutError
            await asyncio.wait({self._task}, timeout=end - now)

    async def _fly(self, begun: float) -> None:
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._threads, self._make)
        except Exception as error:  # whoever asks gets it
            self._error = (begun, error)
        else:
            self._answer, self._error = (begun, answer), None

    async def close(self) -> None:
        """Wait for the end of what is on its way."""
        if self._task is not None:
            await asyncio.wait({self._task})
