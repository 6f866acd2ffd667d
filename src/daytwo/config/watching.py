"""The settings of watching: which rules judge, how long numbers are kept, how to tell that our own line is down."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from daytwo.config.types import Count, Model, Names, Span
from daytwo.core.threshold import Threshold
from daytwo.core.units import Duration

Level = Literal["info", "warning", "critical"]
Take = Literal[
    "last",
    "mean",
    "min",
    "max",
    "p50",
    "p90",
    "p95",
    "p99",
    "sum",
    "count",
    "rate",
    "increase",
    "ratio",
    "absent",
    "forecast",
]


SOURCES = ("app", "backup", "daytwo", "heartbeat", "host", "logs", "security", "traffic")
"""What a series or a check may begin with besides the name of a service: what is watched without being one, and
`app`, for the numbers that an app hands in."""


class Flapping(Model):
    """When a rule that comes and goes counts as flapping: it then stays one alert until it has been quiet."""

    changes: Count = Field(default=6, description="so many changes")
    within: Span = Field(default=Duration(1800), description="in so long")


def _rising(value: object) -> object:
    """A bare number is one that is reached from below."""
    return f">= {value}" if isinstance(value, int | float) and not isinstance(value, bool) else value


class Rule(Model):
    """A threshold over the observations of checks, or over a series."""

    check: str | None = Field(
        default=None, description="name of a check, or a pattern such as `db.*`: so many failures in a row"
    )
    failures: Count | None = Field(
        default=None, description="failed observations in a row, with `check`; what the check finds right when absent"
    )
    level: Level = Field(
        default="critical", description="how bad it is, with `check` and `take: absent`; `info` is only to be known"
    )
    series: str | None = Field(
        default=None, description="name of a series, or a pattern such as `*.container.memory`: its numbers are judged"
    )
    take: Take = Field(default="last", description="what of the numbers in the window is compared")
    of: str | None = Field(default=None, description="the series that is the whole, with `take: ratio`")
    over: Span = Field(default=Duration(300), description="the window's length")
    least: Count = Field(
        default=1,
        description="so many numbers a window must hold before it tells anything; with `take: ratio`: how large the "
        "whole must be",
    )
    reaching: Annotated[Threshold, BeforeValidator(_rising)] | None = Field(
        default=None,
        description="what is foreseen, with `take: forecast`: `>= 95%`, `<= 0` (a bare number is `>=` it); the time "
        "until then is compared",
    )
    warning: Threshold | None = Field(default=None, description="when it is a warning: `> 1s`, `>= 80%`")
    critical: Threshold | None = Field(default=None, description="when it is critical")
    clear: Threshold | None = Field(
        default=None, description="what must be true before it is over; that the threshold is not when absent"
    )
    pending: Duration = Field(default=Duration(0), ge=0, description="how long it must be true before it is an alert")
    hold: Duration = Field(default=Duration(0), ge=0, description="how long it must be over before the alert is")
    flapping: Flapping | Literal[False] = Field(default=Flapping(), description="when it counts as flapping")
    every: Span = Field(default=Duration(30), description="how often a series is judged")
    depends_on: Names = Field(
        default=(), description="checks or rules: while one of them fails, this is no news but a consequence"
    )
    about: str = Field(default="", description="what it means and what to do, for whoever is woken by it")
    runbook: str | None = Field(
        default=None, pattern=r"^https?://\S+$", description="the address of a page that says what to do"
    )
    off: bool = Field(default=False, description="leave it out, for instance a built-in one")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.off:
            return self
        if (self.check is None) == (self.series is None):
            raise ValueError("give `check` or `series`")
        if self.series is not None and self.take != "absent" and not (self.warning or self.critical):
            raise ValueError('say when it is an alert: `warning: "> 1s"` or `critical: "> 2s"`')
        if (self.take == "ratio") != (self.of is not None):
            raise ValueError("`take: ratio` needs `of`, the series that is the whole, and nothing else has it")
        if (self.take == "forecast") != (self.reaching is not None):
            raise ValueError("`take: forecast` needs `reaching`, the value that is foreseen, and nothing else has it")
        self._told_apart()
        return self

    def _told_apart(self) -> None:
        """What a rule over checks has no use for, and a `clear` that contradicts."""
        if self.check is not None:
            given = self.model_fields_set & {"warning", "critical", "clear", "take", "over", "every", "least"}
            if given:
                raise ValueError(f"`{min(given)}` goes with `series`; `check` counts `failures`, and has a `level`")
        elif self.failures is not None:
            raise ValueError("`failures` goes with `check`; `series` has `warning` and `critical`")
        for one in (self.warning, self.critical):
            if one is not None and self.clear is not None and one.sign[0] == self.clear.sign[0] != "=":
                raise ValueError(f"`clear: {self.clear}` points the same way as `{one}`: it would never be over")


class Kept(Model):
    """How long numbers are kept, by how fine they are."""

    raw: Span = Field(default=Duration(48 * 3600), description="each sample, and minutes")
    five_minutes: Span = Field(default=Duration(30 * 86400), description="sums of five minutes")
    hours: Span = Field(default=Duration(365 * 86400), description="sums of an hour")
    days: Span = Field(default=Duration(10 * 365 * 86400), description="sums of a day")


def _an_endpoint(value: tuple[str, ...]) -> tuple[str, ...]:
    for one in value:
        host, _, port = one.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) <= 65535:
            raise ValueError(f"'{one}': write it as host:port, for instance 1.1.1.1:443")
    return value


class Watch(Model):
    """How the daemon watches."""

    connectivity: Annotated[Names, AfterValidator(_an_endpoint)] = Field(
        default=(),
        description="host:port of places that are reachable whenever our own line works; when none of them is, "
        "a failure of anything outside is `inconclusive`",
    )
    keep: Kept = Field(default=Kept(), description="how long numbers are kept")
    concurrency: Count = Field(default=500, description="how many probes may be on their way at once")


__all__ = ["SOURCES", "Flapping", "Kept", "Rule", "Watch"]
