"""Incidents: what is going on, who takes care of it, what happened when, and what users are told."""

import asyncio
from datetime import date
from typing import Any, get_args

from fastapi import Request
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.core.errors import NotFoundError, UsageError
from daytwo.respond.incidents import orders
from daytwo.respond.incidents.model import Phase
from daytwo.respond.status_page.site import page_url
from daytwo.web.house import Here, House
from daytwo.web.identify import form
from daytwo.web.routing import Who
from daytwo.web.ui.frame import area as made
from daytwo.web.ui.frame import show, to
from daytwo.web.ui.meaning import meant

area = made()
_MOST = 50
_STANDING = 1000
_DAYS = 90
_HIGHEST = 2**31 - 1
_ORDERS: dict[str, type[orders.Order]] = {
    "ack": orders.Acknowledge,
    "assign": orders.Assign,
    "note": orders.Note,
    "severity": orders.Regrade,
    "tick": orders.Tick,
    "update": orders.Update,
    "publish": orders.Publish,
    "resolve": orders.Resolve,
    "reopen": orders.Reopen,
    "actions": orders.AddAction,
}
"""What the forms of a page can ask for."""


@area.get("/incidents", Role.VIEWER, include_in_schema=False)
async def incidents(request: Request, house: Here, who: Who) -> Response:
    """Incidents, those that are not over first, the newest first; and what is still to be done."""

    def make() -> dict[str, Any]:
        lately = [one for one in house.incidents.all(over=True, limit=_MOST) if one.incident.over]
        return {
            "rows": (*house.incidents.all(limit=_STANDING), *lately), "figures": house.incidents.figures(_DAYS),
            "actions": house.incidents.actions(), "severities": house.current().incidents.severities,
            "services": list(house.current().services), "days": _DAYS, "status_url": _status_url(house),
        }  # fmt: skip

    return await show(request, house, who, "incidents", make, "incidents config")


@area.post("/incidents", Role.OPERATOR, include_in_schema=False)
async def open_incident(request: Request, house: Here, who: Who) -> Response:
    """Open an incident by hand."""
    given = await form(request)
    body = meant(orders.Open, {
        "title": given.get("title", ""), "severity": given.get("severity", ""),
        "note": given.get("note", "").strip() or None,
        "services": tuple(one for one in (given.get("service", ""),) if one),
    })  # fmt: skip
    now = house.clock()
    found = await asyncio.wrap_future(
        house.writer.submit(lambda connection: house.incident_desk.open(connection, body, who, now))
    )
    house.wake()
    return to(f"/incidents/{found.number}")


@area.get("/incidents/{number}", Role.VIEWER, include_in_schema=False)
async def incident(request: Request, number: int, house: Here, who: Who) -> Response:
    """All of an incident."""
    return await show(request, house, who, "incident", lambda: _incident(house, number), "incidents alerts config")


def _incident(house: House, number: int) -> dict[str, Any]:
    config = house.current()
    return {
        "one": house.incidents.get(_known(number)), "phases": get_args(Phase), "people": list(config.people),
        "severities": list(config.incidents.severities), "status_url": _status_url(house),
    }  # fmt: skip


def _status_url(house: House) -> str:
    """Where users read of it; empty where there is no status page."""
    return page_url(house.current()) if house.current().status_page is not None else ""


@area.get("/incidents/{number}/review", Role.VIEWER, include_in_schema=False)
async def review(request: Request, number: int, house: Here, who: Who) -> Response:
    """A draft of its review, to read and to take along."""

    def make() -> dict[str, Any]:
        return {"number": number, "text": house.reviews.draft(_known(number))}

    return await show(request, house, who, "review", make)


@area.post("/incidents/actions/{action}/done", Role.OPERATOR, include_in_schema=False)
async def finish(action: int, house: Here, who: Who) -> Response:
    """Say that something that was to be done is done."""
    now = house.clock()
    await asyncio.wrap_future(
        house.writer.submit(lambda connection: house.incident_desk.finish_action(connection, _known(action), who, now))
    )
    return to("/incidents")


@area.post("/incidents/{number}/{what}", Role.OPERATOR, include_in_schema=False)
async def act(request: Request, number: int, what: str, house: Here, who: Who) -> Response:
    """Take it, write something down, tell users, resolve it: whatever its page has a form for."""
    order = _ORDERS.get(what)
    if order is None:
        raise NotFoundError(f"nothing of an incident is called {what}")
    given: dict[str, Any] = {key: one for key, one in (await form(request)).items() if key in order.model_fields}
    for flag in ("ticked", "public", "anyway"):
        if flag in given:
            given[flag] = given[flag] == "yes"
    if "item" in given:
        given["item"] = int(given["item"]) if given["item"].isdigit() else 0
    if "due" in given:
        given["due"] = _day(given["due"])
    wanted, now = meant(order, given), house.clock()
    await asyncio.wrap_future(
        house.writer.submit(lambda connection: house.incident_desk.act(connection, _known(number), wanted, who, now))
    )
    house.wake()
    return to(f"/incidents/{number}")


def _known(number: int) -> int:
    if not 0 < number <= _HIGHEST:
        raise NotFoundError(f"there is none of the number {number}", hint="All of them are at /incidents")
    return number


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError("due: this is no day", hint="Write it like 2026-12-01") from None
