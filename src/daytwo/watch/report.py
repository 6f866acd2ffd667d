"""What the numbers and verdicts of a time come to: uptime, and a score of performance with its formula.

The score of a check is `100 x availability x (0.5 + 0.5 x speed)`: availability is its uptime of the window, speed is 1
while the 95th percentile of its answers stays under `GOOD` seconds and falls in a straight line to 0 at `BAD` seconds.
The overall score is the mean of all checks that take a `duration`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from daytwo.watch.numbers import Numbers
from daytwo.watch.observations import Observations, State, window_end
from daytwo.watch.uptime import Hours, Uptime, uptime

GOOD = 1.0
"""Seconds: as fast as anybody notices."""
BAD = 4.0
"""Seconds: so slow that people leave."""
WINDOWS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30), "90d": timedelta(days=90)}
"""The windows of uptime reports."""
_HEALTHY, _DEGRADED = 90.0, 70.0


@dataclass(frozen=True)
class CheckPerformance:
    """How a check did.

    Args:
        check: its name.
        uptime: of the window.
        count: how many answers were measured.
        mean: seconds an answer took; None where none was measured.
        p50: half of them took less.
        p95: 95 % of them took less.
        p99: 99 % of them took less.
        score: from 0 to 100; None where nothing is known.
    """

    check: str
    uptime: Uptime
    count: int
    mean: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    score: float | None


@dataclass(frozen=True)
class Performance:
    """How all checks did.

    Args:
        begin: of the window.
        end: of it.
        checks: those that take a duration, the worst first.
        score: the mean of their scores; None where nothing is known.
        status: `healthy` from 90, `degraded` from 70, else `poor`; `unknown` where nothing is known.
    """

    begin: datetime
    end: datetime
    checks: tuple[CheckPerformance, ...]
    score: float | None
    status: str


class Reports:
    """Reports of an app.

    Args:
        observations: its verdicts.
        numbers: its numbers.
    """

    def __init__(self, observations: Observations, numbers: Numbers) -> None:
        self._observations = observations
        self._numbers = numbers

    def uptime(
        self, connection: sa.Connection, state: State, begin: datetime, now: datetime, hours: Hours | None = None
    ) -> Uptime:
        """How a check did since `begin`. What is too old to be believed counts as unknown."""
        end = max(begin, window_end(state, now))
        found = uptime(self._observations.stretches(connection, state.name, begin, end), begin, end, hours)
        return Uptime(found.ok, found.failed, found.unknown + (now - end), found.outages)

    def uptimes(
        self, connection: sa.Connection, now: datetime, hours: Hours | None = None
    ) -> Mapping[str, Mapping[str, Uptime]]:
        """How every check did in each of the `WINDOWS`."""
        return {
            name: {
                window: self.uptime(connection, state, now - length, now, hours) for window, length in WINDOWS.items()
            }
            for name, state in self._observations.all(connection).items()
        }

    def performance(self, connection: sa.Connection, begin: datetime, now: datetime) -> Performance:
        """How fast and how reliably everything answered since `begin`."""
        found = []
        for name, state in self._observations.all(connection).items():
            summary = self._numbers.summary(connection, f"{name}.duration", begin, now)
            if not summary.count:
                continue
            p95 = summary.quantile(0.95)
            up = self.uptime(connection, state, begin, now)
            found.append(
                CheckPerformance(
                    name,
                    up,
                    summary.count,
                    summary.mean,
                    summary.quantile(0.5),
                    p95,
                    summary.quantile(0.99),
                    score(up.share, p95),
                )
            )
        scores = [one.score for one in found if one.score is not None]
        overall = sum(scores) / len(scores) if scores else None
        found.sort(key=lambda one: (one.score is None, one.score, one.check))
        return Performance(begin, now, tuple(found), overall, _status(overall))


def score(availability: float | None, p95: float | None) -> float | None:
    """The score of a check; None where either is not known."""
    if availability is None or p95 is None:
        return None
    speed = min(1.0, max(0.0, (BAD - p95) / (BAD - GOOD)))
    return 100 * availability * (0.5 + 0.5 * speed)


def _status(score: float | None) -> str:
    if score is None:
        return "unknown"
    return "healthy" if score >= _HEALTHY else "degraded" if score >= _DEGRADED else "poor"
