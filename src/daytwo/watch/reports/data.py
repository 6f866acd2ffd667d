"""What reports tell: the same for the API, the command line and whoever is sent one. Times are in seconds."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from daytwo.config.objectives import Objective
from daytwo.watch.reports.span import Every
from daytwo.watch.uptime import Uptime

Measured = Literal["uptime", "p95", "errors"]
Changed = Literal["slower", "faster", "failing", "recovered", "new"]


class Told(BaseModel):
    """Something that is told; it never changes."""

    model_config = ConfigDict(frozen=True)


class UptimeData(Told):
    """How long something worked; times in seconds, together the whole time."""

    share: float | None = Field(description="ok / (ok + failed); null when nothing is known")
    ok: float
    failed: float
    unknown: float = Field(description="when nobody looked or our own line was down: it counts for neither")
    maintenance: float = Field(default=0, description="in a maintenance window: it does not count, whatever happened")
    closed: float = Field(default=0, description="outside business hours: it does not count, whatever happened")
    outages: int
    objective: float | None = Field(default=None, description="the share that is promised")
    met: bool | None = Field(default=None, description="whether that is kept; null when nothing is known or promised")
    budget: float | None = Field(default=None, description="how long it may fail in the time that counts")
    left: float | None = Field(default=None, description="how much of that is left; below zero: used up and more")

    @classmethod
    def of(cls, one: Uptime, objective: Objective | None = None) -> "UptimeData":
        """The same, for JSON."""
        wanted = objective.uptime if objective is not None else None
        return cls(
            share=one.share,
            ok=one.ok.total_seconds(),
            failed=one.failed.total_seconds(),
            unknown=one.unknown.total_seconds(),
            maintenance=one.maintenance.total_seconds(),
            closed=one.closed.total_seconds(),
            outages=one.outages,
            objective=None if wanted is None else float(wanted),
            met=None if wanted is None else one.met(wanted),
            budget=None if wanted is None else one.budget(wanted).total_seconds(),
            left=None if wanted is None else one.left(wanted).total_seconds(),
        )


class PerformanceOverall(Told):
    """All checks together."""

    score: float | None = Field(description="0 to 100: the mean of the checks'")


class PerformanceCheck(Told):
    """One check; times in seconds."""

    check: str
    score: float | None
    uptime: UptimeData
    count: int
    mean: float | None
    p50: float | None
    p95: float | None
    p99: float | None


class PerformanceData(Told):
    """How fast and how reliably everything answered."""

    status: str = Field(description="healthy, degraded, poor or unknown")
    begin: datetime
    end: datetime
    overall: PerformanceOverall
    checks: list[PerformanceCheck]


class ReportCheck(PerformanceCheck):
    """One check in a report."""

    service: str


class Change(Told):
    """What is otherwise than in the period before."""

    check: str
    what: Changed
    before: float | None = Field(description="the 95th percentile, or how long it failed")
    now: float | None


class AlertCount(Told):
    """An alert, as often as it came."""

    rule: str
    subject: str
    level: str = Field(description="the worst it had")
    times: int
    seconds: float = Field(description="how long it was, in all, within the period")
    lasts: bool = Field(description="whether it was not over at the end of the period")
    why: str = Field(description="what was said of the last one")


class Promise(Told):
    """An objective, and what came of it."""

    of: str = Field(description="a check, or `traffic.NAME`")
    what: Measured
    wanted: float
    found: float | None
    met: bool | None = Field(description="null when nothing is known")


class Flow(Told):
    """A series of real traffic."""

    series: str
    unit: str
    total: bool = Field(description="whether something is counted: then `rise` is what counts")
    count: int
    mean: float | None
    p95: float | None
    max: float | None
    rise: float = Field(description="how much a counter grew, or how many there were")
    before: float | None = Field(description="in the period before: the rise of what is counted, else the mean")


class Resource(Told):
    """What a host or a container used."""

    series: str
    unit: str
    mean: float
    max: float
    before: float | None = Field(description="the mean of the period before")


class ReportData(Told):
    """How a day, a week or a month was."""

    app: str
    environment: str
    every: Every
    first: date = Field(description="its first day, in the app's zone")
    zone: str
    begin: datetime
    end: datetime
    over: bool = Field(description="whether the period is over; else it is told up to now")
    status: str = Field(description="healthy, degraded, poor or unknown")
    score: float | None
    score_before: float | None = Field(description="of the period before")
    checks: list[ReportCheck] = Field(description="by name")
    slowest: list[str] = Field(description="the five checks with the highest 95th percentile")
    failing: list[str] = Field(description="the five checks that failed longest")
    changes: list[Change]
    alerts: list[AlertCount] = Field(description="that came in the period, those that lasted longest first")
    objectives: list[Promise] = Field(description="those that were broken first")
    traffic: list[Flow]
    resources: list[Resource]
    grain: int = Field(
        description="seconds by which numbers at its edges may be off, as finer ones are not kept any more"
    )
