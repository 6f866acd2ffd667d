"""Services and their checks: how they stand and stood, with charts of their numbers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import Request
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.core.check import Verdict
from daytwo.core.errors import NotFoundError
from daytwo.watch.observations import NOBODY, Observations, State, Stretch, window_end
from daytwo.watch.reports.terms import Calendar, Terms, by_hand
from daytwo.watch.views import length
from daytwo.web.house import Here, House
from daytwo.web.routing import Who
from daytwo.web.ui.charts import charts
from daytwo.web.ui.frame import area as made
from daytwo.web.ui.frame import show, to
from daytwo.web.ui.marks import marks, shown
from daytwo.web.ui.standing import check_path
from daytwo.web.ui.strips import Strip, strip
from daytwo.web.ui.words import number

area = made()
SPANS = ("1h", "24h", "7d", "30d")
"""How far back a check's page looks."""
MOST = 100
"""Checks on a page."""
_SHOWN = 12
"""Lines of its history."""


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
        found = [one for one in states.values() if wanted.lower() in one.name.lower() and _is(one, state, now)]
        bad = {one.service for one in found if one.verdict is Verdict.FAILED}
        found.sort(key=lambda one: (one.service not in bad, one.service, one.name))
        part = found[(page - 1) * MOST : page * MOST]
        histories = observations.histories(connection, begin, now, [one.name for one in part])
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


@area.post("/checks/{name}/run", Role.OPERATOR, include_in_schema=False)
async def run(name: str, house: Here, who: Who) -> Response:
    """Ask a check now, besides its rhythm; its answer is recorded as any other."""
    await house.ask(name)
    await house.act(who, "check.run", name)
    return to(check_path(name))


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
        calendar = Calendar(terms, by_hand(connection, config.app, config.environment))
        counting = calendar.counting(state.service, terms.objectives.of(name, state.service), begin, now)
        counted = counting.uptime(stretches, window_end(state, now))
        marked = marks(connection, (config.app, config.environment), begin, now, state.service)
    series = [one for one in house.views.series(f"{name}.*") if "." not in one.name[len(name) + 1 :]]
    rules = [one for one in house.views.alerts("all") if one.subject == name or one.subject.startswith(f"{name}.")]
    return {
        "state": state, "since": since, "spans": SPANS, "stale": now > state.stale_after,
        "strip": strip([stretches], begin, now), "past": _past(stretches, now),
        "charts": list(charts(series, config.rules)), "marks": shown(marked), "alerts": rules,
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
