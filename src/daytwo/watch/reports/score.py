"""A score of performance, with its formula.

The score of a check is `100 x availability x (0.5 + 0.5 x speed)`: availability is its uptime of the window, speed is 1
while the 95th percentile of its answers stays under `GOOD` seconds and falls in a straight line to 0 at `BAD` seconds.
The overall score is the mean of all checks that take a `duration`.
"""

from collections.abc import Iterable

GOOD = 1.0
"""Seconds: as fast as anybody notices."""
BAD = 4.0
"""Seconds: so slow that people leave."""
_HEALTHY, _DEGRADED = 90.0, 70.0


def score(availability: float | None, p95: float | None) -> float | None:
    """The score of a check, from 0 to 100; None where either is not known, but 0 where it never worked.

    Args:
        availability: its uptime, from 0 to 1.
        p95: seconds that 95 % of its answers stay under.
    """
    if availability == 0:
        return 0.0
    if availability is None or p95 is None:
        return None
    speed = min(1.0, max(0.0, (BAD - p95) / (BAD - GOOD)))
    return 100 * availability * (0.5 + 0.5 * speed)


def overall(scores: Iterable[float | None]) -> float | None:
    """The mean of the scores there are; None when there is none."""
    known = [one for one in scores if one is not None]
    return sum(known) / len(known) if known else None


def status(score: float | None) -> str:
    """A score in a word: `healthy` from 90, `degraded` from 70, else `poor`; `unknown` where there is none."""
    if score is None:
        return "unknown"
    return "healthy" if score >= _HEALTHY else "degraded" if score >= _DEGRADED else "poor"
