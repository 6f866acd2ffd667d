"""How many rows a flood may write: a bucket that fills up again slowly."""

import time
from collections.abc import Callable

BURST = 20_000
"""Rows that may be written at once: so many addresses of one attack are told apart."""
A_DAY = 100_000
"""Rows a day that may be written again and again: some 30 MB."""


class Budget:
    """Rows that may be written.

    Args:
        burst: at once, after a quiet time.
        a_day: how many come back in a day.
        monotonic: seconds of a clock that nobody sets.
    """

    def __init__(self, burst: int = BURST, a_day: int = A_DAY, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._rate = a_day / 86400
        self._monotonic = monotonic
        self._left = float(burst)
        self._at = monotonic()

    def take(self) -> bool:
        """Whether one more row may be written; it counts then."""
        now = self._monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
