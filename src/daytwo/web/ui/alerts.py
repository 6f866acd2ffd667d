"""Alerts: what rules found, who takes care of it, and what is silenced."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from fastapi import Request
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.core.errors import NotFoundError
from daytwo.respond.acts import Acts, NewSilence
from daytwo.respond.alerts import Alert, AlertBook
from daytwo.respond.outbox import State
from daytwo.respond.silences import Silence, Silences
from daytwo.respond.views import AlertViews, NotificationData
from daytwo.store.tables import alerts as table
from daytwo.watch.rules import meaning
from daytwo.watch.views import AlertData
from daytwo.web.house import Here, House
from daytwo.web.identify import form
from daytwo.web.routing import Who
from daytwo.web.ui.frame import area as made
from daytwo.web.ui.frame import show, to
from daytwo.web.ui.meaning import meant

area = made()
_PAST = timedelta(days=7)
_MOST = 50
_LONGEST = 500
_HIGHEST = 2**31 - 1
LENGTHS = ("1h", "4h", "24h", "7d")
"""For how long a silence can be chosen to be."""


@dataclass(frozen=True)
class Books:
    """What is remembered of alerts."""

    alerts: AlertBook
    silences: Silences


def books(house: House) -> Books:
    """Those of this app."""
    config = house.current()
    return Books(AlertBook(config.app, config.environment), Silences(config.app, config.environment))


@area.get("/alerts", Role.VIEWER, include_in_schema=False)
async def alerts(request: Request, house: Here, who: Who) -> Response:
    """Alerts that are there, silences, and what was in the last week."""
    return await show(request, house, who, "alerts", lambda: _alerts(house), "alerts incidents config")


def _alerts(house: House) -> dict[str, Any]:
    book, now = books(house), house.clock()
    with house.database.read() as connection:
        there = sa.inspect(connection).has_table(table.name)
        open: Sequence[Alert] = book.alerts.open(connection) if there else ()
        past = book.alerts.over(connection, now - _PAST, _MOST) if there else []
        silences: Sequence[Silence] = book.silences.active(connection, now) if there else ()
    known = {(one.rule, one.subject) for one in open}
    others: list[AlertData] = [one for one in house.views.alerts("all") if (one.rule, one.subject) not in known]
    firing = sorted(
        open, key=lambda one: (one.level != "critical", one.acknowledged is not None, -one.begin.timestamp())
    )
    return {
        "open": firing, "others": others, "past": past, "silences": silences, "lengths": LENGTHS,
        "acknowledging": True, "dead": _dead(house),
        "rules": len(house.current().rules), "now": now,
    }  # fmt: skip


def _dead(house: House) -> list[NotificationData]:
    """Messages that no channel took, of the same time."""
    begin = house.clock() - _PAST
    views = AlertViews(house.database, house.current, house.clock)
    return [one for one in views.notifications(State.DEAD) if one.created >= begin]


@area.post("/messages/{number}/retry", Role.OPERATOR, include_in_schema=False)
async def retry(number: int, house: Here, who: Who) -> Response:
    """Try a message again that reached nobody."""
    await _do(house, lambda acts, connection: acts.retry(connection, who, _told(number)))
    return to("/alerts")


@area.get("/alerts/{number}", Role.VIEWER, include_in_schema=False)
async def alert(request: Request, number: int, house: Here, who: Who) -> Response:
    """One alert, with what each stage of the pipeline said: why was I told, or not?"""

    def make() -> dict[str, Any]:
        book = books(house)
        with house.database.read() as connection:
            found = book.alerts.get(connection, _told(number))
            steps = book.alerts.steps(connection, number)
        return {
            "one": found,
            "steps": steps,
            "about": meaning(found.rule, house.current().rules),
            "lengths": LENGTHS,
            "acknowledging": True,
        }

    return await show(request, house, who, "alert", make, "alerts config")


@area.post("/alerts/{number}/acknowledge", Role.OPERATOR, include_in_schema=False)
async def acknowledge(request: Request, number: int, house: Here, who: Who) -> Response:
    """Take care of an alert: it is not told again."""
    given = await form(request)
    note = given.get("note", "").strip()[:_LONGEST]
    await _do(house, lambda acts, connection: acts.acknowledge(connection, who, _told(number), note))
    return to("/alerts")


@area.post("/silences", Role.OPERATOR, include_in_schema=False)
async def silence(request: Request, house: Here, who: Who) -> Response:
    """Have nobody told of an alert for a time; it is tracked all the same."""
    given = await form(request)
    wanted = meant(NewSilence, {
        "rules": _named(given, "rule"), "subjects": _named(given, "subject"), "length": given.get("for", "1h")[:20],
        "why": given.get("why", "").strip()[:_LONGEST],
    })  # fmt: skip
    await _do(house, lambda acts, connection: acts.silence(connection, who, wanted))
    return to("/alerts")


@area.post("/silences/{number}/end", Role.OPERATOR, include_in_schema=False)
async def unsilence(number: int, house: Here, who: Who) -> Response:
    """End a silence before its time."""
    await _do(house, lambda acts, connection: acts.end_silence(connection, who, _told(number)))
    return to("/alerts")


async def _do(house: House, work: Callable[[Acts, sa.Connection], object]) -> None:
    """Have something done in a transaction of its own, and have the daemon look at once."""
    acts = Acts(house.current, house.audit, house.clock)
    await asyncio.wrap_future(house.writer.submit(lambda connection: work(acts, connection)))
    house.wake()


def _told(number: int) -> int:
    if not 0 < number <= _HIGHEST:
        raise NotFoundError(f"there is none of the number {number}", hint="All of them are at /alerts")
    return number


def _named(given: dict[str, str], key: str) -> tuple[str, ...]:
    return (given[key][:200],) if given.get(key) else ()
