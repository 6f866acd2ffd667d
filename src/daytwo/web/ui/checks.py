"""Services and their checks: how they stand and stood, with charts of their numbers."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from fastapi import Request
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.config.watching import Rule
from daytwo.core.check import Verdict
from daytwo.core.errors import NotFoundError
from daytwo.store.tables import runs
from daytwo.watch.observations import NOBODY, Observations, State, Stretch, window_end
from daytwo.watch.reports.terms import Calendar, Terms
from daytwo.watch.rules.defaults import USUAL
from daytwo.watch.rules.reading import fits
from daytwo.watch.views import SeriesData, length
from daytwo.web.house import Here, House
from daytwo.web.routing import Who
from daytwo.web.ui.frame import area as made
from daytwo.web.ui.frame import show
from daytwo.web.ui.standing import check_path
from daytwo.web.ui.strips import Strip, strip
from daytwo.web.ui.words import number

area = made()
SPANS = ("1h", "24h", "7d", "30d")
"""How far back a check's page looks."""
MOST = 100
"""Checks on a page."""
_SHOWN = 12
"""Charts on a page, and lines of its history."""
_MARKS = 40


@dataclass(frozen=True)
class Row:
    """A check in the list.

    Args:
        name: the check's.
        state: how it stands.
        stale: whether it has not been asked for too long.
        strip: the last day.
        path: where more of it is told.
    """

    name: str
    state: State
    stale: bool
    strip: Strip
    path: str

    @property
    def word(self) -> str:
        """How it stands, in a word."""
        return "stale" if self.stale else self.state.verdict.value

    @property
    def took(self) -> str:
        """How long its answer took."""
        return number(self.state.numbers.get("duration"), "s")


@dataclass(frozen=True)
class Past:
    """A time in which a check stood as it stood.

    Args:
        begin: when that began.
        end: when it ended; None while it lasts.
        word: how it stood.
        why: what was said first.
    """

    begin: datetime
    end: datetime | None
    word: str
    why: str


@dataclass(frozen=True)
class Chart:
    """A chart of a series.

    Args:
        name: the series.
        title: what its number is called.
        unit: what it counts.
        total: whether it is a counter.
        newest: its newest number, in words.
        limits: the thresholds of rules, as JSON for the script.
    """

    name: str
    title: str
    unit: str
    total: bool
    newest: str
    limits: str


@area.get("/services", Role.VIEWER, include_in_schema=False)
async def services(request: Request, house: Here, who: Who, q: str = "", state: str = "", page: int = 1) -> Response:
    """Every service with its checks, the worst first."""
    return await show(
        request, house, who, "services", lambda: _services(house, q[:100], state, max(1, page)), "checks config"
    )


def _services(house: House, wanted: str, state: str, page: int) -> dict[str, Any]:
    config, now = house.current(), house.clock()
    observations = Observations(house.database, config.app, config.environment)
    begin = now - timedelta(days=1)
    with house.database.read() as connection:
        states = observations.all(connection)
        histories = observations.histories(connection, begin, now)
    found = [one for one in states.values() if wanted.lower() in one.name.lower() and _is(one, state, now)]
    bad = {one.service for one in found if one.verdict is Verdict.FAILED}
    found.sort(key=lambda one: (one.service not in bad, one.service, one.name))
    part = found[(page - 1) * MOST : page * MOST]
    grouped: dict[str, list[Row]] = {}
    for one in part:
        drawn = strip([histories.get(one.name, ())], begin, now)
        row = Row(one.name, one, now > one.stale_after, drawn, check_path(one.name))
        grouped.setdefault(one.service, []).append(row)
    answered = {one.service for one in states.values()}
    waiting = [] if wanted or state else sorted(set(config.services) - answered)
    return {
        "groups_of": grouped, "kinds": {name: one.kind for name, one in config.services.items()}, "waiting": waiting,
        "q": wanted, "state": state, "total": len(states), "found": len(found), "page": page,
        "pages": -(-len(found) // MOST) or 1,
    }  # fmt: skip


def _is(one: State, wanted: str, now: datetime) -> bool:
    if wanted == "failed":
        return one.verdict is Verdict.FAILED
    if wanted == "unknown":
        return one.verdict is Verdict.INCONCLUSIVE or now > one.stale_after
    return wanted != "ok" or one.verdict is Verdict.OK


@area.get("/checks/{name}", Role.VIEWER, include_in_schema=False)
async def check(request: Request, name: str, house: Here, who: Who, since: str = "24h") -> Response:
    """A check: how it stands and stood, and its numbers as charts."""
    span = since if since in SPANS else "24h"
    return await show(request, house, who, "check", lambda: _check(house, name, span), "checks numbers alerts config")


def _check(house: House, name: str, since: str) -> dict[str, Any]:
    config, now = house.current(), house.clock()
    begin = now - length(since)
    observations = Observations(house.database, config.app, config.environment)
    with house.database.read() as connection:
        state = observations.all(connection).get(name)
        if state is None:
            raise NotFoundError(f"there is no check {name}", hint="All of them are at /services")
        stretches = observations.stretches(connection, name, begin, now)
        terms = Terms.of(config)
        counting = Calendar(terms).counting(state.service, terms.objectives.of(name, state.service), begin, now)
        counted = counting.uptime(stretches, window_end(state, now))
        marks = _marks(connection, (config.app, config.environment), begin)
    series = [one for one in house.views.series(f"{name}.*") if "." not in one.name[len(name) + 1 :]]
    rules = [one for one in house.views.alerts("all") if one.subject == name or one.subject.startswith(f"{name}.")]
    return {
        "state": state, "since": since, "spans": SPANS, "stale": now > state.stale_after,
        "strip": strip([stretches], begin, now), "past": _past(stretches, now),
        "charts": list(_charts(series, config.rules)), "marks": json.dumps(marks), "alerts": rules,
        "uptime": counted.share,
        "more": max(0, len(stretches) - _SHOWN),
    }  # fmt: skip


def _past(stretches: list[Stretch], now: datetime) -> list[Past]:
    """What was, the newest first."""
    ends: list[datetime | None] = [*(one.begin for one in stretches[1:]), None]
    found = [
        Past(one.begin, end, "unknown" if one.why == NOBODY else one.verdict.value, one.why)
        for one, end in zip(stretches, ends, strict=True)
    ]
    return found[::-1][:_SHOWN]


def _charts(series: Iterable[SeriesData], rules: Mapping[str, Rule]) -> Iterable[Chart]:
    """Response times first, then the others by name."""
    found = sorted(series, key=lambda one: (not one.name.endswith(".duration"), one.name))
    for one in found[:_SHOWN]:
        title = one.name.rpartition(".")[2].replace("_", " ")
        yield Chart(one.name, title, one.unit, one.total, number(one.value, one.unit), json.dumps(_limits(one, rules)))


def _limits(one: SeriesData, rules: Mapping[str, Rule]) -> list[dict[str, Any]]:
    """The thresholds of the rules that look at a series, where they are in its own unit."""
    usual = {f"{one.name}.usual": Rule.model_validate({**each.rule, "series": one.name}) for each in USUAL
             if one.name.endswith(f".{each.measure}") and one.name not in rules}  # fmt: skip
    found = []
    for rule in [*rules.values(), *usual.values()]:
        if rule.off or rule.series is None or rule.take in ("count", "absent", "forecast", "ratio", "rate", "increase"):
            continue
        if fits(one.name, rule.series):
            for level, limit in (("warning", rule.warning), ("critical", rule.critical)):
                if limit is not None:
                    found.append({"level": level, "value": limit.value, "label": str(limit)})
    return found


def _marks(connection: sa.Connection, app: tuple[str, str], begin: datetime) -> list[dict[str, Any]]:
    """What was done in that time: backups and restores, so that a change of a chart can be told from its cause."""
    query = (
        sa.select(runs.c.kind, runs.c.subject, runs.c.begun, runs.c.outcome)
        .filter_by(app=app[0], environment=app[1])
        .where(runs.c.begun >= begin, runs.c.kind.in_(("backup", "restore", "deploy")))
        .order_by(runs.c.begun.desc())
        .limit(_MARKS)
    )
    return [
        {"at": row.begun.timestamp(), "label": row.kind, "bad": row.outcome in ("failed", "interrupted")}
        for row in connection.execute(query)
    ]
