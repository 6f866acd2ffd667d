"""A report in words, as plain text or as Markdown: pure functions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from daytwo.core.check import Unit
from daytwo.core.schedule import zone_of
from daytwo.core.shown import lasting, share, shown
from daytwo.watch.reports.data import AlertCount, Change, Flow, Promise, ReportCheck, ReportData, Resource

_MOST = 50
"""Rows of a table; JSON has them all."""
_SAYS = {
    "slower": "{check} is slower: 95 % took up to {now}, before {before} ({by})",
    "faster": "{check} is faster: 95 % took up to {now}, before {before} ({by})",
    "failing": "{check} failed for {now}; it had not before",
    "recovered": "{check} did not fail; before, it had for {before}",
    "new": "{check} is new",
}


T = TypeVar("T")


@dataclass(frozen=True)
class Block:
    """A piece of a report.

    Args:
        title: above it; none when empty.
        lines: sentences.
        head: the columns of its table; no table when empty.
        rows: the cells.
    """

    title: str = ""
    lines: Sequence[str] = ()
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def text(report: ReportData) -> str:
    """A report as plain text."""
    return "\n".join(filter(None, map(_plain, blocks(report)))).strip() + "\n"


def markdown(report: ReportData) -> str:
    """A report as Markdown."""
    first, *rest = (_marked(block) for block in blocks(report))
    return "\n".join([first, *(f"#{one}" for one in rest if one)]).strip() + "\n"


def title(report: ReportData) -> str:
    """One line that says whose report it is, and of when: `shop (production): week of 2026-11-16`."""
    if report.every == "monthly":
        when = f"{report.first:%B %Y}"
    else:
        when = f"{'week of ' if report.every == 'weekly' else ''}{report.first.isoformat()}"
    return f"{report.app} ({report.environment}): {when}"


def blocks(report: ReportData) -> Iterator[Block]:
    """A report, piece by piece; what there is nothing of is left out."""
    yield Block(title(report), list(_summary(report)))
    checks = {one.check: one for one in report.checks}
    yield _table("Objectives", ("OBJECTIVE", "OF", "PROMISED", "FOUND", "MET"), report.objectives, _promise)
    changes = [_change(one) for one in report.changes]
    yield Block("What changed", [*changes[:_MOST], *_more(changes)])
    yield _table("Alerts", ("RULE", "OF", "LEVEL", "TIMES", "IN ALL", "WHY"), report.alerts, _alert)
    head = ("CHECK", "UPTIME", "FAILED", "COUNT", "P50", "P95", "P99")
    yield _table("Most failing", head, [checks[name] for name in report.failing], _check)
    yield _table("Slowest", head, [checks[name] for name in report.slowest], _check)
    yield _table("Checks", (*head, "NOT COUNTED"), report.checks, lambda one: (*_check(one), _aside(one)))
    yield _table("Traffic", ("SERIES", "COUNT", "RISE", "MEAN", "P95", "MOST", "BEFORE"), report.traffic, _flow)
    yield _table("Resources", ("SERIES", "MEAN", "MOST", "MEAN BEFORE"), report.resources, _resource)


def _summary(report: ReportData) -> Iterator[str]:
    zone = zone_of(report.zone)
    begin, end = (at.astimezone(zone) for at in (report.begin, report.end))
    yield f"{begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} {report.zone}" + ("" if report.over else "; not over yet")
    if not report.checks:
        yield "Nothing was watched."
        return
    if report.score is not None:
        before = "" if report.score_before is None else f", before {report.score_before:.1f}"
        yield f"Performance: {report.score:.1f} of 100{before} ({report.status})"
    if report.objectives:
        yield f"Objectives: {_objectives(report)}"
    failed = sum(bool(one.uptime.failed) for one in report.checks)
    yield f"Checks: {failed} of {len(report.checks)} failed at some time" if failed else "Checks: none failed"
    if report.grain >= 3600:
        grain = lasting(report.grain)
        yield f"Numbers at the edges may be off by up to {grain}: finer ones are not kept any more"


def _objectives(report: ReportData) -> str:
    """How many are met, and of how many nothing is known: that is neither."""
    whole = len(report.objectives)
    broken = sum(one.met is False for one in report.objectives)
    unknown = sum(one.met is None for one in report.objectives)
    if not broken and not unknown:
        return "all met"
    said = [f"{broken} of {whole} broken"] if broken else []
    return ", ".join([*said, f"nothing is known of {unknown} of {whole}"] if unknown else said)


def _promise(one: Promise) -> Sequence[str]:
    found = "-" if one.found is None else lasting_or_share(one, one.found)
    met = {True: "yes", False: "NO", None: "not known"}[one.met]
    return (one.what, one.of, f"{'' if one.what == 'uptime' else '<= '}{lasting_or_share(one, one.wanted)}", found, met)


def lasting_or_share(one: Promise, value: float) -> str:
    """A value in the unit of its objective."""
    if one.what == "p95":
        return shown(value, Unit.SECONDS)
    return share(value) if one.what == "uptime" else f"{value * 100:.2f} %"


def _change(one: Change) -> str:
    unit: Callable[[float], str] = (
        (lambda value: shown(value, Unit.SECONDS)) if one.what in ("slower", "faster") else lasting
    )
    now, before = ("-" if value is None else unit(value) for value in (one.now, one.before))
    by = f"{(one.now / one.before - 1) * 100:+.0f} %" if one.now is not None and one.before else ""
    return _SAYS[one.what].format(check=one.check, now=now, before=before, by=by)


def _alert(one: AlertCount) -> Sequence[str]:
    lasts = f"{lasting(one.seconds)}{', still' if one.lasts else ''}"
    return (one.rule, one.subject, one.level, str(one.times), lasts, one.why)


def _check(one: ReportCheck) -> Sequence[str]:
    up = one.uptime
    failed = f"{lasting(up.failed)} ({up.outages}x)" if up.failed else "-"
    figures = ("-" if value is None else shown(value, Unit.SECONDS) for value in (one.p50, one.p95, one.p99))
    return (one.check, share(up.share), failed, str(one.count), *figures)


def _aside(one: ReportCheck) -> str:
    up = one.uptime
    parts = {"not known": up.unknown, "maintenance": up.maintenance, "out of hours": up.closed}
    return ", ".join(f"{lasting(value)} {name}" for name, value in parts.items() if value) or "-"


def _flow(one: Flow) -> Sequence[str]:
    unit = Unit(one.unit)
    rise = f"+{shown(one.rise, unit)}" if one.total else "-"
    rest = (None, None, None) if one.total else (one.mean, one.p95, one.max)
    figures = ("-" if value is None else shown(value, unit) for value in (*rest, one.before))
    return (one.series, str(one.count), rise, *figures)


def _resource(one: Resource) -> Sequence[str]:
    unit = Unit(one.unit)
    before = "-" if one.before is None else shown(one.before, unit)
    return (one.series, shown(one.mean, unit), shown(one.max, unit), before)


def _table(title: str, head: Sequence[str], facts: Sequence[T], row: Callable[[T], Sequence[str]]) -> Block:
    return Block(title, _more(facts), head, [row(one) for one in facts[:_MOST]])


def _more(facts: Sequence[object]) -> list[str]:
    return [f"{len(facts) - _MOST} more; --json has them all"] if len(facts) > _MOST else []


def _plain(block: Block) -> str:
    if not (block.lines or block.rows):
        return ""
    table = [block.head, *block.rows] if block.rows else []
    widths = [max(len(row[at]) for row in table) for at in range(len(block.head))] if table else []
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return "\n".join([block.title, *(f"  {line}" for line in (*lines, *block.lines)), ""])


def _marked(block: Block) -> str:
    if not (block.lines or block.rows):
        return ""
    lines = [f"- {_safe(line)}" for line in block.lines]
    if block.rows:
        rows = [block.head, ["---"] * len(block.head), *([_safe(cell) for cell in row] for row in block.rows)]
        lines = [*(f"| {' | '.join(row)} |" for row in rows), *(["", *lines] if lines else [])]
    return "\n".join([f"# {_safe(block.title)}", "", *lines, ""])


def _safe(text: str) -> str:
    """Text that Markdown shows as it is: what an outage said is not ours to lay out."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_[]<>|#" else letter for letter in text)
    return " ".join(escaped.split())


__all__ = ["Block", "blocks", "markdown", "text", "title"]
