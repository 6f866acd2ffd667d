"""From facts to a report: pure functions."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from daytwo.config.objectives import Objectives
from daytwo.core.check import Unit
from daytwo.watch.numbers import Summary
from daytwo.watch.reports.data import (
    AlertCount,
    Change,
    Flow,
    Promise,
    ReportCheck,
    ReportData,
    Resource,
    UptimeData,
)
from daytwo.watch.reports.facts import TRAFFIC, CheckFacts, Facts, Kept, SeriesFacts
from daytwo.watch.reports.score import overall, status
from daytwo.watch.reports.span import Span
from daytwo.watch.rules import Key, State, Transition

MOST = 5
"""Checks that are named as the slowest, and as those that fail most."""
_ENOUGH = 10
"""Answers of which a percentile says something that can be compared."""
_OTHER = 0.1
"""So much more or less is a change."""
_NOTICED = 0.01
"""Seconds: a difference that is smaller is none, be it half of what it was."""
_RANK = {"warning": 1, "critical": 2}


def report(facts: Facts, span: Span, app: tuple[str, str], zone: str, objectives: Objectives) -> ReportData:
    """Make a report.

    Args:
        facts: what was found.
        span: the period.
        app: the app's name and its environment's.
        zone: IANA name of the app's zone.
        objectives: what is promised.
    """
    checks = sorted(facts.checks, key=lambda one: one.check)
    measured = [one for one in checks if one.now.figures.count]
    now, before = (overall(kept.score for kept in each) for each in _kept(one for one in checks if one.now.counts))
    grains = [one.now.figures.grain for one in checks] + [one.now.grain for one in (*facts.traffic, *facts.resources)]
    return ReportData(
        app=app[0],
        environment=app[1],
        every=span.every,
        first=span.first,
        zone=zone,
        begin=span.begin,
        end=span.end,
        over=span.over,
        status=status(now),
        score=now,
        score_before=before,
        checks=[_check(one) for one in checks],
        slowest=[one.check for one in _slowest(measured)],
        failing=[one.check for one in _failing(checks)],
        changes=[change for one in checks for change in _changes(one)],
        alerts=alerts_of(facts.transitions, span.end),
        objectives=_promises(checks, facts.traffic, objectives),
        traffic=[_flow(one) for one in facts.traffic],
        resources=[_resource(one) for one in facts.resources],
        grain=max(grains, default=0),
    )


def _kept(checks: Iterable[CheckFacts]) -> tuple[list[Kept], list[Kept]]:
    pairs = [(one.now, one.before) for one in checks]
    return [now for now, _ in pairs], [before for _, before in pairs]


def _check(one: CheckFacts) -> ReportCheck:
    figures = one.now.figures
    return ReportCheck(
        check=one.check,
        service=one.service,
        score=one.now.score,
        uptime=UptimeData.of(one.now.uptime, one.objective),
        count=figures.count,
        mean=figures.mean,
        p50=figures.p50,
        p95=figures.p95,
        p99=figures.p99,
    )


def _slowest(checks: Sequence[CheckFacts]) -> list[CheckFacts]:
    return sorted(checks, key=lambda one: (-(one.now.figures.p95 or 0), one.check))[:MOST]


def _failing(checks: Sequence[CheckFacts]) -> list[CheckFacts]:
    failed = [one for one in checks if one.now.uptime.failed]
    return sorted(failed, key=lambda one: (-one.now.uptime.failed, -one.now.uptime.outages, one.check))[:MOST]


def _changes(one: CheckFacts) -> Iterator[Change]:
    now, before = one.now.uptime, one.before.uptime
    if now.known and not before.known:
        yield Change(check=one.check, what="new", before=None, now=None)
    down, was = now.failed.total_seconds(), before.failed.total_seconds()
    if now.failed and before.known and not before.failed:
        yield Change(check=one.check, what="failing", before=was, now=down)
    if before.failed and now.known and not now.failed:
        yield Change(check=one.check, what="recovered", before=was, now=down)
    fast, slow = one.before.figures, one.now.figures
    if fast.p95 is None or slow.p95 is None or min(fast.count, slow.count) < _ENOUGH:
        return
    grown = slow.p95 - fast.p95
    if abs(grown) >= max(_NOTICED, _OTHER * fast.p95):
        yield Change(check=one.check, what="slower" if grown > 0 else "faster", before=fast.p95, now=slow.p95)


def alerts_of(transitions: Iterable[Transition], end: datetime) -> list[AlertCount]:
    """The alerts that came in a period, those that lasted longest first.

    Args:
        transitions: all of the period, oldest first.
        end: the first moment after it.
    """
    counted: dict[Key, list[tuple[Transition, timedelta]]] = {}
    standing: dict[Key, Transition] = {}
    worst: dict[Key, str] = {}
    for one in transitions:
        begins = one.move.new is State.FIRING and not one.move.old.alert
        if begins:
            standing[one.key] = one
        if one.key in standing and one.move.new is State.FIRING:
            worst[one.key] = max(worst.get(one.key, ""), one.move.level, key=lambda level: _RANK.get(level, 0))
        if not one.move.new.alert and one.key in standing:
            began = standing.pop(one.key)
            counted.setdefault(one.key, []).append((began, one.at - began.at))
    for key, began in standing.items():
        counted.setdefault(key, []).append((began, end - began.at))
    found = [
        AlertCount(
            rule=key.rule,
            subject=key.subject,
            level=worst[key],
            times=len(each),
            seconds=sum(length.total_seconds() for _, length in each),
            lasts=key in standing,
            why=each[-1][0].move.why,
        )
        for key, each in counted.items()
    ]
    return sorted(found, key=lambda one: (-one.seconds, one.rule, one.subject))


def _promises(checks: Sequence[CheckFacts], traffic: Sequence[SeriesFacts], objectives: Objectives) -> list[Promise]:
    found = [promise for one in checks for promise in promises_of(one)]
    found += _of_traffic(traffic, objectives)
    return sorted(found, key=lambda one: (one.met is not False, one.of))


def promises_of(one: CheckFacts) -> Iterator[Promise]:
    """What was promised of a check, and what came of it."""
    wanted, now = one.objective, one.now
    if wanted is None:
        return
    if wanted.uptime is not None:
        met = now.uptime.met(wanted.uptime)
        yield Promise(of=one.check, what="uptime", wanted=wanted.uptime, found=now.uptime.share, met=met)
    if wanted.p95 is not None and now.figures.p95 is not None:
        yield _at_most(one.check, "p95", wanted.p95, now.figures.p95)


def _of_traffic(traffic: Sequence[SeriesFacts], objectives: Objectives) -> Iterator[Promise]:
    """Of real requests: `traffic.NAME.duration`, and `.errors` of `.requests`."""
    by_name = {one.series.name: one for one in traffic}
    for name in dict.fromkeys(f"{TRAFFIC}{one.series.name.split('.')[1]}" for one in traffic):
        wanted = objectives.of(name, "traffic")
        if wanted is None:
            continue
        took, failed, all = (by_name.get(f"{name}.{part}") for part in ("duration", "errors", "requests"))
        if wanted.p95 is not None and took is not None:
            yield _at_most(name, "p95", wanted.p95, took.now.quantile(0.95))
        if wanted.errors is not None and all is not None and (requests := _amount(all, all.now)):
            yield _at_most(name, "errors", wanted.errors, (_amount(failed, failed.now) if failed else 0) / requests)


def _amount(one: SeriesFacts, window: Summary) -> float:
    """How much a counter grew, or what the numbers add up to."""
    return window.rise if one.series.total else window.sum


def _at_most(of: str, what: str, wanted: float, found: float | None) -> Promise:
    met = None if found is None else found <= wanted
    return Promise.model_validate({"of": of, "what": what, "wanted": wanted, "found": found, "met": met})


def _flow(one: SeriesFacts) -> Flow:
    # Of what is counted, only how much it came to is of interest; of what is measured, how it lies.
    counter = one.series.total or one.series.unit == Unit.COUNT
    before = (_amount(one, one.before) if counter else one.before.mean) if one.before.count else None
    return Flow(
        series=one.series.name,
        unit=one.series.unit,
        total=counter,
        count=one.now.count,
        mean=one.now.mean,
        p95=None if counter else one.now.quantile(0.95),
        max=one.now.max,
        rise=_amount(one, one.now) if counter else 0.0,
        before=before,
    )


def _resource(one: SeriesFacts) -> Resource:
    mean, most = one.now.mean, one.now.max
    assert mean is not None and most is not None, "only series with numbers are told of"
    return Resource(series=one.series.name, unit=one.series.unit, mean=mean, max=most, before=one.before.mean)
