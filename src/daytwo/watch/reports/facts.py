"""What reports are made of, read from the state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from daytwo.config.objectives import Objective
from daytwo.watch.numbers import Numbers, Series, Summary
from daytwo.watch.observations import Observations, State, Stretch, window_end
from daytwo.watch.reports.score import score
from daytwo.watch.reports.terms import ByHand, Calendar, Terms
from daytwo.watch.rules import Book, Transition
from daytwo.watch.uptime import Uptime

WINDOWS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30), "90d": timedelta(days=90)}
"""The windows of uptime."""
TRAFFIC = "traffic."
"""What the series of real traffic begin with."""
_USED = ("cpu", "cpu_limit", "memory", "memory_limit", "disk")
"""What hosts and containers use, as their checks call it."""


@dataclass(frozen=True)
class Figures:
    """How long answers took, in seconds.

    Args:
        count: how many were measured.
        mean: their mean.
        p50: half of them took less.
        p95: 95 % of them took less.
        p99: 99 % of them took less.
        grain: seconds by which the window's edges may be off.
        timed: whether any was ever measured, be it outside the window.
    """

    count: int = 0
    mean: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    grain: int = 0
    timed: bool = False

    @classmethod
    def of(cls, found: Summary) -> "Figures":
        """Those of a window."""
        quantiles = (found.quantile(0.5), found.quantile(0.95), found.quantile(0.99))
        return cls(found.count, found.mean, *quantiles, found.grain, timed=True)


@dataclass(frozen=True)
class Kept:
    """How a check did in a window.

    Args:
        uptime: how long it worked.
        figures: how long its answers took.
    """

    uptime: Uptime
    figures: Figures

    @property
    def score(self) -> float | None:
        """Its score; None where nothing was measured. What was down all the time has none of its answers measured."""
        return score(self.uptime.share, self.figures.p95) if self.figures.timed else None

    @property
    def counts(self) -> bool:
        """Whether it has a part in the overall score."""
        return self.figures.count > 0 or self.score is not None


@dataclass(frozen=True)
class CheckFacts:
    """How a check did.

    Args:
        check: its name.
        service: whom it asks.
        objective: what is promised of it.
        now: in the period.
        before: in the period before.
    """

    check: str
    service: str
    objective: Objective | None
    now: Kept
    before: Kept


@dataclass(frozen=True)
class SeriesFacts:
    """The numbers of a series.

    Args:
        series: which one.
        now: in the period.
        before: in the period before.
    """

    series: Series
    now: Summary
    before: Summary


@dataclass(frozen=True)
class Facts:
    """What a report is made of.

    Args:
        checks: those that are watched, by name.
        traffic: series of real traffic, by name.
        resources: what hosts and containers used, by name.
        transitions: how rules changed in the period, oldest first.
    """

    checks: tuple[CheckFacts, ...]
    traffic: tuple[SeriesFacts, ...]
    resources: tuple[SeriesFacts, ...]
    transitions: tuple[Transition, ...]


class Reader:
    """Reads what reports are made of.

    Args:
        connection: one consistent look at the state.
        observations: where verdicts are.
        numbers: where numbers are.
        terms: what is promised when.
        begun: maintenance that was begun by hand.
        now: the time now.
    """

    def __init__(
        self,
        connection: sa.Connection,
        observations: Observations,
        numbers: Numbers,
        terms: Terms,
        begun: Sequence[ByHand],
        now: datetime,
    ) -> None:
        self._connection = connection
        self._observations = observations
        self._numbers = numbers
        self._terms = terms
        self._calendar = Calendar(terms, begun)
        self._now = now
        self._objectives: dict[tuple[str, str], Objective | None] = {}
        self.states = observations.all(connection)

    def objective(self, state: State) -> Objective | None:
        """What is promised of a check."""
        key = (state.name, state.service)
        if key not in self._objectives:
            self._objectives[key] = self._terms.objectives.of(*key)
        return self._objectives[key]

    def uptimes(self, windows: Mapping[str, tuple[datetime, datetime]]) -> dict[str, dict[str, Uptime]]:
        """How long every check worked in each of some windows, by name of the check and of the window."""
        if not windows:
            return {}
        begin = min(begin for begin, _ in windows.values())
        histories = self._observations.histories(self._connection, begin, max(end for _, end in windows.values()))
        return {
            name: {
                key: self._uptime(state, histories.get(name, []), *window) for key, window in windows.items()
            }
            for name, state in self.states.items()
        }  # fmt: skip

    def figures(self, begin: datetime, end: datetime) -> dict[str, Figures]:
        """How long the answers of every check took, by its name."""
        series = {f"{name}.duration": name for name in self.states}
        found = self._numbers.summaries(self._connection, series, begin, end)
        taken = {series[name]: Figures.of(one) for name, one in found.items()}
        return {name: taken.get(name, Figures()) for name in self.states}

    def facts(self, book: Book, this: tuple[datetime, datetime], before: tuple[datetime, datetime]) -> Facts:
        """What a report is made of.

        Args:
            book: of the rules.
            this: the period.
            before: the one before.
        """
        uptimes = self.uptimes({"this": this, "before": before})
        figures, earlier = self.figures(*this), self.figures(*before)
        checks = [
            CheckFacts(
                name,
                state.service,
                self.objective(state),
                Kept(uptimes[name]["this"], figures[name]),
                Kept(uptimes[name]["before"], earlier[name]),
            )
            for name, state in self.states.items()
        ]
        series = self._numbers.series(self._connection)
        used = [one for one in series if _is_used(one.name, self.states)]
        return Facts(
            tuple(checks),
            self._series([one for one in series if one.name.startswith(TRAFFIC)], this, before),
            self._series(used, this, before),
            tuple(book.transitions(self._connection, *this)),
        )

    def _series(
        self, series: list[Series], this: tuple[datetime, datetime], before: tuple[datetime, datetime]
    ) -> tuple[SeriesFacts, ...]:
        names = [one.name for one in series]
        now = self._numbers.summaries(self._connection, names, *this)
        earlier = self._numbers.summaries(self._connection, names, *before)
        found = (SeriesFacts(one, now[one.name], earlier[one.name]) for one in series)
        return tuple(one for one in found if one.now.count)

    def _uptime(self, state: State, history: list[Stretch], begin: datetime, end: datetime) -> Uptime:
        counting = self._calendar.counting(state.service, self.objective(state), begin, end)
        return counting.uptime(history, window_end(state, self._now))


def _is_used(series: str, states: Mapping[str, State]) -> bool:
    check, _, measure = series.rpartition(".")
    return measure in _USED and check in states
