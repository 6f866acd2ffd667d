"""Incidents: what is going on, who takes care of it, what happened when, and what users are told."""

import asyncio
from datetime import date
from typing import Any, TypeVar, get_args

from fastapi import Request
from pydantic import ValidationError
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.core.errors import NotFoundError, UsageError
from daytwo.respond.incidents import orders
from daytwo.respond.incidents.model import Phase
from daytwo.web.house import Here, House
from daytwo.web.identify import form
from daytwo.web.routing import Who
from daytwo.web.ui.frame import area as made
from daytwo.web.ui.frame import show, to

T = TypeVar("T", orders.Order, orders.Open)
area = made()
_MOST = 50
_DAYS = 90
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
    """Incidents, the newest first, and what is still to be done."""

    def make() -> dict[str, Any]:
        return {
            "rows": house.incidents.all(over=True, limit=_MOST), "figures": house.incidents.figures(_DAYS),
            "actions": house.incidents.actions(), "severities": house.current().incidents.severities,
            "services": list(house.current().services), "days": _DAYS,
        }  # fmt: skip

    return await show(request, house, who, "incidents", make, "incidents config")


@area.post("/incidents", Role.OPERATOR, include_in_schema=False)
async def open_incident(request: Request, house: Here, who: Who) -> Response:
    """Open an incident by hand."""
    given = await form(request)
    body = _made(orders.Open, {
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
    if number > 2**31 - 1:
        raise NotFoundError(f"there is no incident {number}")
    config = house.current()
    return {
        "one": house.incidents.get(number), "phases": get_args(Phase), "people": list(config.people),
        "severities": list(config.incidents.severities),
    }  # fmt: skip


@area.post("/incidents/{number}/{what}", Role.OPERATOR, include_in_schema=False)
async def act(request: Request, number: int, what: str, house: Here, who: Who) -> Response:
    """Take it, write something down, tell users, resolve it: whatever its page has a form for."""
    order = _ORDERS.get(what)
    if order is None or number > 2**31 - 1:
        raise NotFoundError(f"nothing of an incident is called {what}")
    given: dict[str, Any] = {key: one for key, one in (await form(request)).items() if key in order.model_fields}
    for flag in ("ticked", "public", "anyway"):
        if flag in given:
            given[flag] = given[flag] == "yes"
    if "item" in given:
        given["item"] = int(given["item"]) if given["item"].isdigit() else 0
    if "due" in given:
        given["due"] = _day(given["due"])
    wanted, now = _made(order, given), house.clock()
    await asyncio.wrap_future(
        house.writer.submit(lambda connection: house.incident_desk.act(connection, number, wanted, who, now))
    )
    house.wake()
    return to(f"/incidents/{number}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError("due: this is no day", hint="Write it like 2026-12-01") from None


def _made(kind: type[T], given: dict[str, Any]) -> T:
    """What a form means.

    Raises:
        UsageError: it makes no sense.
    """
    try:
        return kind(**given)
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()[:3])
        raise UsageError(said, hint="Go back and fill it in") from None
