"""What a rule reads: failures in a row of a check, or what the numbers of a series say in a window.

A window ends at `now`: what is dated later does not count. Where a window holds too little to tell, or too much of it
lies in a time in which nobody watched, the reading is unsure, and says why.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import sqlalchemy as sa

from daytwo.config.watching import Level, Rule, Take
from daytwo.core.check import Observation, Verdict
from daytwo.core.threshold import Threshold
from daytwo.core.units import Duration, Size
from daytwo.watch.numbers import Last, Numbers, Series, Summary
from daytwo.watch.rules.machine import Reading

USUAL = timedelta(seconds=30)
"""How often a number comes, where nothing is known of it."""
_SLACK = timedelta(seconds=30)
_MINUTE = 60.0
_QUANTILES: Mapping[Take, float] = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
_SAID: Mapping[Take, str] = {"last": "{name}", "increase": "the increase of {name}", "rate": "the rate of {name}"}


def of_observation(rule: Rule, needed: int, row: int, observation: Observation) -> Reading:
    """What an observation says to a rule over checks.

    Args:
        rule: the rule.
        needed: failures in a row that are an alert.
        row: failures in a row before.
        observation: the new one.
    """
    if observation.verdict is Verdict.INCONCLUSIVE:
        return Reading(unsure=True, row=row, why=observation.why)
    if observation.verdict is Verdict.OK:
        return Reading(why="it works")
    # Counting stops where it makes no difference, so that an outage that goes on writes nothing.
    row = min(row + 1, needed)
    if row < needed:
        return Reading(None, over=False, brewing=True, row=row, value=row, why=observation.why)
    level: Level = "warning" if observation.facts.get("level") == "warning" else rule.level
    return Reading(level, over=False, row=row, value=row, why=observation.why)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a series.

    Args:
        rule: the rule.
        name: of the series.
        whole: of the series that is the whole, with `take: ratio`.
        now: the time now.
        watched: since when somebody has been watching without a gap.
        every: how often a number comes.
    """

    rule: Rule
    name: str
    whole: str
    now: datetime
    watched: datetime
    every: timedelta = USUAL

    @property
    def begin(self) -> datetime:
        """When the window begins."""
        return self.now - self.rule.over.delta

    @property
    def horizon(self) -> datetime:
        """Since when a number must have come to be one of now: a slow check is not late within a short window."""
        return min(self.begin, self.now - 2 * self.every - _SLACK)

    @property
    def covered(self) -> timedelta:
        """How much of the window somebody watched."""
        return self.now - max(self.begin, min(self.watched, self.now))

    @property
    def growing(self) -> datetime:
        """From when on the growth of a total happened within the window, for sure."""
        return self.begin if self.watched <= self.begin else min(self.now, self.watched + self.every + _SLACK)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the numbers are.

    Args:
        numbers: over time.
        connection: to read them with.
        series: all there are, by name.
    """

    numbers: Numbers
    connection: sa.Connection
    series: Mapping[str, Series]

    @classmethod
    def of(cls, numbers: Numbers, connection: sa.Connection) -> "Source":
        """All series there are now."""
        return cls(numbers, connection, {one.name: one for one in numbers.series(connection)})

    def last(self, name: str, now: datetime) -> Last | None:
        """The newest number of a series that is not ahead of `now`."""
        return self.numbers.last(self.connection, name, now) if name in self.series else None

    def summary(self, name: str, begin: datetime, end: datetime) -> Summary:
        """The numbers of a window."""
        return self.numbers.summary(self.connection, name, begin, end)


class _UnsureError(Exception):
    """Nothing can be told; why is in its text."""


def of_series(asked: Asked, source: Source) -> Reading:
    """What a series says to a rule.

    Args:
        asked: the rule, the series and the time.
        source: where its numbers are.
    """
    try:
        return _taker(asked.rule.take)(asked, source)
    except _UnsureError as unsure:
        return Reading(unsure=True, why=f"{asked.name}: {unsure}")


Taker = Callable[[Asked, Source], Reading]


def _taker(take: Take) -> Taker:
    special: Mapping[Take, Taker] = {
        "last": _last, "absent": _absent, "forecast": _forecast, "increase": _increase, "rate": _rate, "ratio": _ratio,
        "sum": _added_up, "count": _added_up,
    }  # fmt: skip
    return special.get(take, _statistic)


def _last(asked: Asked, source: Source) -> Reading:
    series = source.series.get(asked.name)
    if series is not None and series.counts:
        return _events(asked, source)
    newest = source.last(asked.name, asked.now)
    if newest is None or newest.at <= asked.horizon:
        raise _UnsureError("no number yet" if newest is None else f"no number since {_moment(newest.at)}")
    if series is not None and series.sketched:  # of many in a minute their mean, as it is shown everywhere
        minute = source.summary(asked.name, newest.at, newest.at + timedelta(seconds=_MINUTE))
        return _judged(asked, newest.value if minute.mean is None else minute.mean)
    return _judged(asked, newest.value)


def _events(asked: Asked, source: Source) -> Reading:
    """How many there were in the last whole minute, as it is shown everywhere."""
    end = asked.now.replace(second=0, microsecond=0)
    begin = end - timedelta(seconds=_MINUTE)
    value = source.summary(asked.name, begin, end).sum
    return _at_least(asked, _judged(asked, value), whole=asked.watched <= begin)


def _begin(asked: Asked, source: Source) -> datetime:
    """Of what comes summed up by the minute: a window begins with a whole one, or what came at the end of a minute
    would be in no window that is a minute long."""
    series = source.series.get(asked.name)
    sketched = series is not None and series.sketched
    return asked.begin.replace(second=0, microsecond=0) if sketched else asked.begin


def _statistic(asked: Asked, source: Source) -> Reading:
    _half_watched(asked)
    summary = source.summary(asked.name, _begin(asked, source), asked.now)
    _enough(asked, summary.count)
    take = asked.rule.take
    value = summary.quantile(_QUANTILES[take]) if take in _QUANTILES else getattr(summary, take)
    return _judged(asked, math.nan if value is None else value)


def _added_up(asked: Asked, source: Source) -> Reading:
    """Of events: a window without any is one in which nothing happened.

    What comes summed up by the minute is looked at up to now, and up to the last whole minute: neither is longer than
    the window, and every minute is in one of them as a whole.
    """
    windows = [(asked.begin, asked.now)]
    if _known(asked, source, asked.name).sketched:
        end = asked.now.replace(second=0, microsecond=0)
        windows.append((end - max(1, asked.rule.over // _MINUTE) * timedelta(seconds=_MINUTE), end))
    found = [source.summary(asked.name, begin, end) for begin, end in windows]
    value = max(one.sum if asked.rule.take == "sum" else one.count for one in found)
    return _at_least(asked, _judged(asked, value), whole=asked.watched <= asked.begin)


def _increase(asked: Asked, source: Source) -> Reading:
    rise = _rise(asked, source)
    return _at_least(asked, _judged(asked, rise), whole=asked.growing == asked.begin)


def _at_least(asked: Asked, reading: Reading, *, whole: bool) -> Reading:
    """Of a part of the window it is only known that the whole is not less."""
    crossed = asked.rule.critical if reading.level == "critical" else asked.rule.warning
    if whole or (reading.level is not None and crossed is not None and crossed.sign.startswith(">")):
        return reading
    raise _UnsureError(_watched_for(asked))


def _rate(asked: Asked, source: Source) -> Reading:
    _half_watched(asked)
    if _known(asked, source, asked.name).sketched:
        return _judged(asked, _per_second(asked, source))
    seconds = (asked.now - asked.growing).total_seconds()
    if seconds <= 0:
        raise _UnsureError(_watched_for(asked))
    return _judged(asked, _rise(asked, source) / seconds)


def _per_second(asked: Asked, source: Source) -> float:
    """Of what comes summed up by the minute: a window begins with a whole one, or its rate would depend on the second
    at which it is looked at."""
    first = max(asked.begin, min(asked.watched, asked.now)).replace(second=0, microsecond=0)
    seconds = max((asked.now - first).total_seconds(), _MINUTE)
    return source.summary(asked.name, first, asked.now).sum / seconds


def _rise(asked: Asked, source: Source) -> float:
    if not _known(asked, source, asked.name).total:
        raise _UnsureError("it is no counter that only grows; `take: sum` adds up the numbers of a window")
    summary = source.summary(asked.name, asked.growing, asked.now)
    if not summary.count:
        raise _UnsureError(f"no number in the last {asked.rule.over}")
    return summary.rise


def _ratio(asked: Asked, source: Source) -> Reading:
    _half_watched(asked)
    whole = _amount(asked, source, asked.whole)
    if whole <= 0 or whole < asked.rule.least:
        raise _UnsureError(f"{asked.whole} is {whole:g} in the last {asked.rule.over}, too little to compare with")
    return _judged(asked, _amount(asked, source, asked.name) / whole)


def _amount(asked: Asked, source: Source, name: str) -> float:
    """How much a total grew in the window, or what the numbers of another series add up to."""
    if _known(asked, source, name).total:
        return source.summary(name, asked.growing, asked.now).rise
    return source.summary(name, _begin(asked, source), asked.now).sum


def _known(asked: Asked, source: Source, name: str) -> Series:
    if name not in source.series:
        raise _UnsureError("no number yet" if name == asked.name else f"no number of {name} yet")
    return source.series[name]


def _absent(asked: Asked, source: Source) -> Reading:
    newest = source.last(asked.name, asked.now)
    if newest is not None and newest.at > asked.horizon:
        return Reading(value=(asked.now - newest.at).total_seconds(), why=f"there are numbers of {asked.name}")
    if asked.watched > asked.horizon:
        raise _UnsureError(_watched_for(asked))
    silent = "never came" if newest is None else f"none since {_moment(newest.at)}"
    value = None if newest is None else (asked.now - newest.at).total_seconds()
    return Reading(asked.rule.level, over=False, value=value, why=f"numbers of {asked.name} stay away: {silent}")


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _forecast(asked: Asked, source: Source) -> Reading:
    reaching = asked.rule.reaching
    if reaching is None:
        raise _UnsureError("its rule does not say what is foreseen")
    _half_watched(asked)
    _enough(asked, source.summary(asked.name, asked.begin, asked.now).count)
    trend = source.numbers.trend(source.connection, asked.name, asked.begin, asked.now)
    if trend is None:
        raise _UnsureError(f"too few numbers in the last {asked.rule.over} to foresee anything")
    return _judged(asked, _until(reaching, trend.value, trend.slope))


def _until(reaching: Threshold, value: float, slope: float) -> float:
    """Seconds until a line reaches a value; infinite when it does not."""
    if reaching.holds(value):
        return 0.0
    seconds = (reaching.value - value) / slope if slope else math.inf
    return seconds if seconds >= 0 else math.inf


def _half_watched(asked: Asked) -> None:
    if asked.covered * 2 < asked.rule.over.delta:
        raise _UnsureError(_watched_for(asked))


def _watched_for(asked: Asked) -> str:
    covered = Duration(max(0, round(asked.covered.total_seconds())))
    return f"it has been watched for only {covered} of {asked.rule.over}"


def _enough(asked: Asked, count: int) -> None:
    if not count:
        raise _UnsureError(f"no number in the last {asked.rule.over}")
    if count < asked.rule.least:
        raise _UnsureError(f"only {count} numbers in the last {asked.rule.over}")


def _judged(asked: Asked, value: float) -> Reading:
    """The thresholds that a value crosses."""
    rule = asked.rule
    if math.isnan(value):
        raise _UnsureError("its number is none")
    told = value if math.isfinite(value) else None
    if rule.critical is not None and rule.critical.holds(value):
        return Reading("critical", over=False, value=told, why=_sentence(asked, value, rule.critical))
    if rule.warning is not None and rule.warning.holds(value):
        return Reading("warning", over=False, value=told, why=_sentence(asked, value, rule.warning))
    return Reading(None, over=rule.clear is None or rule.clear.holds(value), value=told, why=_sentence(asked, value))


def _sentence(asked: Asked, value: float, crossed: Threshold | None = None) -> str:
    rule = asked.rule
    threshold = crossed or rule.critical or rule.warning
    if rule.take == "forecast":
        when = f"in {shown(value, threshold)}" if math.isfinite(value) else "never, as it looks"
        text = f"{asked.name} will be {rule.reaching} {when if value else 'now'}"
    else:
        whole = f" of {asked.whole}" if rule.take == "ratio" else ""
        subject = _SAID.get(rule.take, f"{rule.take} of {{name}}").format(name=asked.name) + whole
        over = "" if rule.take == "last" else f" over {rule.over}"
        text = f"{subject}{over} is {shown(value, None if rule.take == 'count' else threshold)}"
    return text if crossed is None else f"{text} ({crossed})"


def shown(value: float, like: Threshold | None) -> str:
    """A value in the unit in which a threshold is written."""
    written = re.sub(r"^\W*[0-9.]+\s*", "", like or "")
    if written.startswith("%"):
        return f"{value * 100:.3g}%"
    if any(written.startswith(unit) for unit in Size.factors):
        return Size(value).human
    return _lasting(value) if written else f"{value:.6g}"


def _lasting(seconds: float) -> str:
    """Seconds, no finer than matters."""
    if seconds < 0:
        return f"-{_lasting(-seconds)}"
    if seconds < 60:
        return f"{seconds:.3g}s" if seconds >= 1 or not seconds else f"{seconds * 1000:.3g}ms"
    step = next(step for least, step in ((2 * 86400, 3600), (3600, 60), (0, 1)) if seconds >= least)
    return str(Duration(round(seconds / step) * step))


def fits(name: str, pattern: str) -> bool:
    """Whether a name fits a pattern of the configuration."""
    return fnmatchcase(name, pattern)


def is_pattern(text: str) -> bool:
    """Whether it may stand for several names."""
    return any(one in text for one in "*?[")


def whole_of(rule: Rule, name: str) -> str:
    """The series that is the whole for one that fits the rule's pattern: each `*` of `of` is what it was there."""
    if rule.of is None or rule.series is None or not is_pattern(rule.of):
        return rule.of or ""
    pieces = [re.escape(piece) for piece in rule.series.split("*")]
    match = re.fullmatch("(.*)".join(pieces), name)
    found = list(match.groups()) if match else []
    return re.sub(r"\*", lambda _: found.pop(0) if found else "*", rule.of)


__all__ = [
    "USUAL",
    "Asked",
    "Source",
    "fits",
    "is_pattern",
    "of_observation",
    "of_series",
    "shown",
    "whole_of",
]
