"""The restore wizard: choose a snapshot and services, see the plan, confirm by typing, watch the run."""

import json
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.config import Config
from daytwo.core.errors import UsageError
from daytwo.core.registry import service_class
from daytwo.ledger.glance import glance
from daytwo.orders import RestoreOrder
from daytwo.store.url import StateUrl
from daytwo.web.house import Here, House
from daytwo.web.identify import form
from daytwo.web.routing import Who
from daytwo.web.ui.frame import area as made
from daytwo.web.ui.frame import show, to
from daytwo.web.ui.meaning import meant

area = made()
_MOST = 40
"""Snapshots to choose from."""
Services = Annotated[tuple[str, ...], Query(max_length=100)]


@area.get("/restore", Role.ADMIN, include_in_schema=False)
async def choose(request: Request, house: Here, who: Who, snapshot: str = "") -> Response:
    """Choose what to bring back."""
    return await show(request, house, who, "restore", lambda: _choices(house, snapshot[:40]))


def _choices(house: House, wanted: str) -> dict[str, Any]:
    config = house.current()
    seen = glance(StateUrl.of(config), config.app, config.environment)
    there = {(one.id, one.repository): one for one in seen.snapshots if one.level != "damaged"}
    return {
        "snapshots": list(there.values())[:_MOST], "wanted": wanted,
        "holders": _holders(config),
    }  # fmt: skip


def _holders(config: Config) -> list[str]:
    """The services that a snapshot can hold, by name."""
    named = {name for one in config.backups.values() for name in one.services or ()}
    if not named or any(one.services is None for one in config.backups.values()):
        place = config.place
        named |= {
            name
            for name, settings in config.services.items()
            if service_class(settings.kind)(name, settings, place).components()
        }
    return sorted(named & set(config.services))


@area.get("/restore/plan", Role.ADMIN, include_in_schema=False)
async def plan(
    request: Request, house: Here, who: Who, snapshot: str = "", services: Services = (), safety: str = "yes"
) -> Response:
    """What a restore would do, and where. Nothing is done yet."""
    order = _order(snapshot, services, safety)
    found = await house.desk.ask(who, json.dumps({"kind": "plan", "order": order.model_dump(mode="json")}))
    config = house.current()
    name = config.own_name
    values = {"plan": found["plan"], "places": found["places"], "order": order, "chosen": snapshot, "name": name}
    return await show(request, house, who, "restore_plan", lambda: values)


@area.post("/restore", Role.ADMIN, include_in_schema=False)
async def restore(request: Request, house: Here, who: Who) -> Response:
    """Bring it back; then watch it."""
    given = await form(request)
    config = house.current()
    name = config.own_name
    if given.get("confirm", "").strip() != name:
        raise UsageError(
            "what was typed is not the name of this app, so nothing was done", hint=f"Go back and type {name}"
        )
    services = [one for one in given.get("services", "").split(",") if one]
    order = _order(given.get("snapshot", ""), services, given.get("safety", "yes"))
    key = given.get("key", "").strip()
    keys = (key,) if key else ()
    run = await house.desk.order(who, order.kind, order.subject, order.model_dump_json(), keys)
    return to(f"/runs/{run}")


def _order(snapshot: str, services: Iterable[str], safety: str) -> RestoreOrder:
    """The order that a form means; a snapshot is written `ID` or `ID@REPOSITORY`."""
    id, _, repository = snapshot.partition("@")
    if not id or len(snapshot) > 250:
        raise UsageError("no snapshot was chosen", hint="Go back and choose one")
    chosen = tuple(one for one in services if one)
    given = {"snapshot": id, "repository": repository or None, "services": chosen, "safety": safety != "no"}
    return meant(RestoreOrder, given)
