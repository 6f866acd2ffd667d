"""What people and programs are shown of what is watched: the same for the API and the command line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from pydantic import BaseModel, Field

from daytwo.core.check import Verdict
from daytwo.core.errors import NotFoundError, UsageError
from daytwo.core.units import Duration
from daytwo.store.database import Database
from daytwo.watch.alerts import Alerts
from daytwo.watch.numbers import Last, Numbers, Series
from daytwo.watch.observations import Observations, State
from daytwo.watch.prober import Answer
from daytwo.watch.reports import Every, PerformanceData, ReportData, Reports, Terms, UptimeData

_LONGEST = timedelta(days=3660)
Status = Literal["active", "all"]


class CheckData(BaseModel):
    """How a check stands."""

    name: str
    service: str
    verdict: str
    why: str
    since: datetime = Field(description="when this verdict began")
    at: datetime = Field(description="when it was asked last")
    failures: int = Field(description="failed observations in a row")
    every: float = Field(description="seconds between two observations")
    stale: bool = Field(description="whether it has not been asked for too long to be believed")
    numbers: dict[str, float]
    facts: dict[str, str]


class AnswerData(BaseModel):
    """One answer of a check."""

    name: str
    service: str
    verdict: str
    why: str
    at: datetime = Field(description="when it was asked")
    numbers: dict[str, float]
    facts: dict[str, str]

    @classmethod
    def of(cls, answer: Answer) -> "AnswerData":
        """What it said."""
        seen, check = answer.observation, answer.check
        return cls(
            name=check.name, service=check.service, verdict=seen.verdict.value, why=seen.why, at=answer.at,
            numbers=dict(seen.numbers), facts=dict(seen.facts),
        )  # fmt: skip


class StretchData(BaseModel):
    """A time during which a verdict was the same; it ends where the next begins."""

    begin: datetime
    verdict: str
    why: str


class CheckHistory(CheckData):
    """How a check stands and has stood."""

    history: list[StretchData]


class SeriesData(BaseModel):
    """A series, and its newest number; of events, how many there were in the last whole minute."""

    name: str
    unit: str
    total: bool = Field(description="whether it is a counter, whose increase is what counts")
    counts: bool = Field(description="whether each value is an event, so that how many there are is what counts")
    value: float | None
    at: datetime | None


class BucketData(BaseModel):
    """A piece of a chart."""

    at: datetime
    count: int
    mean: float
    min: float
    max: float
    p95: float | None
    rise: float


class ChartData(BaseModel):
    """The numbers of a series over a time."""

    name: str
    unit: str
    total: bool
    counts: bool = Field(description="whether each value is an event, so that `count` is what counts")
    begin: datetime
    end: datetime
    count: int
    mean: float | None
    min: float | None
    max: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    rise: float = Field(description="how much a counter grew")
    chart: list[BucketData]


class AlertData(BaseModel):
    """A rule that is true, or was."""

    rule: str
    subject: str
    state: str
    level: str
    since: datetime
    value: float | None
    why: str
    because_of: str = Field(description="what it depends on that fails, too")


@dataclass(frozen=True)
class Glance:
    """How everything stands.

    Args:
        verdicts: of each check that was asked lately enough to be believed, by name.
        newest: each series, and what to show of it.
    """

    verdicts: Sequence[tuple[str, Verdict]]
    newest: Sequence[tuple[Series, Last | None]]


class Views:
    """Looks at what is watched of one app and environment.

    Args:
        database: the state.
        app: the app's name.
        environment: the environment's name.
        clock: the time now.
        terms: gives what is promised when; nothing is when absent, and days are those of UTC.
    """

    def __init__(
        self,
        database: Database,
        app: str,
        environment: str,
        clock: Callable[[], datetime],
        terms: Callable[[], Terms] = Terms,
    ) -> None:
        self._database = database
        self._clock = clock
        self._observations = Observations(database, app, environment)
        self._numbers = Numbers(database, app, environment)
        self._alerts = Alerts(app, environment)
        self._reports = Reports(database, (app, environment), self._observations, self._numbers, terms)

    def checks(self) -> list[CheckData]:
        """Every check as it stands."""
        now = self._clock()
        with self._database.read() as connection:
            return [_check(one, now) for one in self._observations.all(connection).values()]

    def check(self, name: str, since: str) -> CheckHistory:
        """A check, and how it stood before.

        Raises:
            NotFoundError: there is none.
        """
        now = self._clock()
        begin = now - length(since)
        with self._database.read() as connection:
            state = self._observations.all(connection).get(name)
            if state is None:
                raise NotFoundError(f"there is no check {name}")
            before = self._observations.stretches(connection, name, begin, now)
        history = [StretchData(begin=one.begin, verdict=one.verdict.value, why=one.why) for one in before]
        return CheckHistory(**_check(state, now).model_dump(), history=history)

    def uptimes(self) -> dict[str, dict[str, UptimeData]]:
        """Uptime of every check over 24 hours, 7, 30 and 90 days, and what is left of its error budget."""
        return self._reports.uptimes(self._clock())

    def series(self, pattern: str) -> list[SeriesData]:
        """Series and their newest numbers."""
        now = self._clock()
        with self._database.read() as connection:
            found = self._numbers.newest(connection, now, pattern)
        return [
            SeriesData(
                name=one.name,
                unit=one.unit,
                total=one.total,
                counts=one.counts,
                value=newest.value if newest else None,
                at=newest.at if newest else None,
            )
            for one, newest in found
        ]

    def glance(self) -> Glance:
        """The least that tells how everything stands, for whoever looks every few seconds."""
        now = self._clock()
        with self._database.read() as connection:
            return Glance(self._observations.standing(connection, now), self._numbers.newest(connection, now))

    def chart(self, name: str, since: str, points: int) -> ChartData:
        """The numbers of a series over a time: summed up whole, and as a chart.

        Raises:
            NotFoundError: there is none.
        """
        now = self._clock()
        begin = now - length(since)
        with self._database.read() as connection:
            known = {one.name: one for one in self._numbers.series(connection)}
            if name not in known:
                raise NotFoundError(f"there is no series {name}")
            whole = self._numbers.summary(connection, name, begin, now)
            buckets = self._numbers.chart(connection, name, begin, now, points) if points else []
        return ChartData(
            name=name,
            unit=known[name].unit,
            total=known[name].total,
            counts=known[name].counts,
            begin=begin,
            end=now,
            count=whole.count,
            mean=whole.mean,
            min=whole.min,
            max=whole.max,
            p50=whole.quantile(0.5),
            p95=whole.quantile(0.95),
            p99=whole.quantile(0.99),
            rise=whole.rise,
            chart=[BucketData.model_validate(one, from_attributes=True) for one in buckets],
        )

    def alerts(self, status: Status) -> list[AlertData]:
        """Alerts: those that are firing, or also those that wait to be."""
        with self._database.read() as connection:
            found = self._alerts.standing(connection)
        return [
            AlertData(
                rule=one.key.rule,
                subject=one.key.subject,
                state=one.state.value,
                level=one.level,
                since=one.since,
                value=one.value,
                why=one.why,
                because_of=one.because_of,
            )
            for one in found
            if status == "all" or one.state.alert
        ]

    def performance(self, since: str) -> PerformanceData:
        """How fast and how reliably everything answered, with a score."""
        now = self._clock()
        return self._reports.performance(now - length(since), now)

    def report(self, period: Every, day: date | None = None) -> ReportData:
        """How a day, a week or a month was: the last one that is over, or that of a day.

        Raises:
            UsageError: it has not begun.
        """
        return self._reports.report(period, self._clock(), day)


def length(text: str) -> timedelta:
    """How far back, as people write it.

    Raises:
        UsageError: it is not written like that, or too long.
    """
    try:
        found = Duration.parse(text).delta
    except ValueError as error:
        raise UsageError(f"since: {error}") from None
    if not timedelta() < found <= _LONGEST:
        raise UsageError("since: it must be more than nothing and at most ten years")
    return found


def _check(state: State, now: datetime) -> CheckData:
    return CheckData(
        name=state.name,
        service=state.service,
        verdict=state.verdict.value,
        why=state.why,
        since=state.since,
        at=state.at,
        failures=state.failures,
        every=state.every,
        stale=now > state.stale_after,
        numbers=dict(state.numbers),
        facts=dict(state.facts),
    )
