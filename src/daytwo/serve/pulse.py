"""How fresh each part of the daemon is: one that stops beating has stopped working, whatever the process looks like."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Beat:
    """How a part stands.

    Args:
        part: its name.
        age: seconds since it last went round.
        limit: how many seconds that may be.
        trouble: what it has failed at last, until it succeeds again.
    """

    part: str
    age: float
    limit: float
    trouble: str = ""

    @property
    def fresh(self) -> bool:
        """Whether it went round in time."""
        return self.age <= self.limit


class Pulse:
    """The beats of all parts. Each part calls `beat` from its own loop, never from a timer beside it.

    Args:
        monotonic: seconds, on a clock that nobody sets.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._last: dict[str, float] = {}
        self._limits: dict[str, float] = {}
        self._trouble: dict[str, str] = {}

    def expect(self, part: str, limit: float) -> None:
        """From now on this part must beat at least every `limit` seconds."""
        self._limits[part] = limit
        self._last[part] = self._monotonic()

    def forget(self, part: str) -> None:
        """The part has ended as it should."""
        for kept in (self._limits, self._last, self._trouble):
            kept.pop(part, None)

    def beat(self, part: str, trouble: str = "") -> None:
        """The part went round; `trouble` says what failed meanwhile, empty when all is well."""
        self._last[part] = self._monotonic()
        self._trouble[part] = trouble

    def trouble(self, part: str, trouble: str) -> None:
        """The part has failed; this is no beat."""
        self._trouble[part] = trouble

    def beats(self) -> tuple[Beat, ...]:
        """How every part stands."""
        now = self._monotonic()
        return tuple(
            Beat(part, now - self._last[part], limit, self._trouble.get(part, ""))
            for part, limit in sorted(self._limits.items())
        )

    @property
    def stale(self) -> tuple[Beat, ...]:
        """The parts that have stopped."""
        return tuple(one for one in self.beats() if not one.fresh)
