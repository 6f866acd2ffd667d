"""What of a probe took how long, and what it was doing when its time was up."""

import asyncio
import time
from collections.abc import Mapping
from types import TracebackType

from daytwo.core.check import Around
from daytwo.core.errors import UnreachableError
from daytwo.core.units import Duration


class Stopwatch:
    """Adds up phases, one after another; each ends when the next begins."""

    __slots__ = ("_begun", "_phase", "_since", "doing", "seconds")

    def __init__(self) -> None:
        self._begun = self._since = time.perf_counter()
        self._phase = ""
        self.doing = "beginning"
        self.seconds: dict[str, float] = {}

    def enter(self, phase: str, doing: str) -> None:
        """Begin a phase.

        Args:
            phase: one of `measures.PHASES`, or empty for what is not measured by itself.
            doing: what goes on now, as in `it hung while ...`.
        """
        now = time.perf_counter()
        self._add(now)
        self._phase, self._since, self.doing = phase, now, doing

    def split(self, phase: str, at: float) -> None:
        """Begin a phase at a moment that has passed already, as `time.perf_counter` counted then."""
        self._add(at)
        self._phase, self._since = phase, at

    def numbers(self) -> Mapping[str, float]:
        """All phases so far, and the whole as `duration`."""
        now = time.perf_counter()
        self._add(now)
        self._phase, self._since = "", now
        self.seconds["duration"] = now - self._begun
        return self.seconds

    def _add(self, now: float) -> None:
        if self._phase:
            self.seconds[self._phase] = self.seconds.get(self._phase, 0.0) + max(0.0, now - self._since)


class in_time:  # noqa: N801  # reads as a word: `async with in_time(...)`
    """Ends what takes longer than a probe may, a little before whoever probes would, so as to tell what it hung at.

    Args:
        around: what the probe was given.
        watch: tells what was going on.
        timeout: the whole time, as people know it, in seconds.

    Raises:
        UnreachableError: the time is up.
    """

    __slots__ = ("_limit", "_timeout", "_watch")

    def __init__(self, around: Around, watch: Stopwatch, timeout: float) -> None:
        left = around.remaining()
        self._limit = asyncio.timeout(left - min(0.1, left / 50))
        self._watch = watch
        self._timeout = timeout

    async def __aenter__(self) -> None:
        await self._limit.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._limit.__aexit__(kind, error, trace)
        except TimeoutError:
            raise UnreachableError(
                f"no answer within {Duration(self._timeout)}: it hung while {self._watch.doing}"
            ) from None
