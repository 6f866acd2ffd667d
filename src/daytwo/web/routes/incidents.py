"""Incidents: list, open, take, resolve, review: `/api/incidents`."""

from typing import Annotated

from fastapi import Path, Query
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.respond.incidents import orders
from daytwo.respond.incidents.model import Action, Detail, Figures, Incident, Summary
from daytwo.web.envelope import Data, Page
from daytwo.web.house import Here
from daytwo.web.routing import Area, Limit, Who

area = Area("incidents", "/api/incidents")
_MOST = 2**31 - 1
Number = Annotated[int, Path(ge=1, le=_MOST, description="the incident's number")]
ActionNumber = Annotated[int, Path(ge=1, le=_MOST, description="the action item's number")]
Over = Annotated[bool, Query(description="also those that are resolved")]
Before = Annotated[int | None, Query(ge=1, le=_MOST, description="`next` of the page before")]
Done = Annotated[bool, Query(description="also those that are done")]
Days = Annotated[int, Query(ge=1, le=3660, description="of how many days")]
_MARKDOWN = {200: {"content": {"text/markdown": {}}, "description": "A draft, in Markdown."}}


@area.get("", Role.VIEWER)
def list_incidents(house: Here, all: Over = False, limit: Limit = 50, after: Before = None) -> Page[Summary]:
    """Incidents, the newest first."""
    found = house.incidents.all(over=all, limit=limit, before=after)
    return Page(data=found, next=str(found[-1].incident.number) if len(found) == limit else None)


@area.post("", Role.OPERATOR, status_code=201)
def open_incident(body: orders.Open, who: Who, house: Here) -> Data[Incident]:
    """Open an incident by hand."""
    now = house.clock()
    made = house.writer.run(lambda connection: house.incident_desk.open(connection, body, who, now))
    return Data(data=made)


@area.get("/report", Role.VIEWER)
def report(house: Here, days: Days = 30) -> Data[Figures]:
    """How fast incidents were taken (MTTA) and resolved (MTTR), by severity."""
    return Data(data=house.incidents.figures(days))


@area.get("/actions", Role.VIEWER)
def actions(house: Here, done: Done = False) -> Data[tuple[Action, ...]]:
    """Action items, the first to be due first."""
    return Data(data=house.incidents.actions(done=done))


@area.post("/actions/{action}/done", Role.OPERATOR)
def finish_action(action: ActionNumber, who: Who, house: Here) -> Data[tuple[Action, ...]]:
    """Say that an action item is done; answers those that are left."""
    now = house.clock()
    house.writer.run(lambda connection: house.incident_desk.finish_action(connection, action, who, now))
    return Data(data=house.incidents.actions())


@area.get("/{number}", Role.VIEWER)
def show_incident(number: Number, house: Here) -> Data[Detail]:
    """All of an incident: its timeline, checklists, escalation, alerts, and what was changed shortly before."""
    return Data(data=house.incidents.get(number))


@area.get("/{number}/review", Role.VIEWER, response_class=Response, responses=_MARKDOWN)
def review(number: Number, house: Here) -> Response:
    """A draft of its review, in Markdown."""
    return Response(house.reviews.draft(number), media_type="text/markdown; charset=utf-8")


def _act(kind: type[orders.Order]) -> None:
    """The route of an order: all are given, carried out and answered alike."""

    def act(number: Number, body: orders.Order, who: Who, house: Here) -> Data[Incident]:
        now = house.clock()
        made = house.writer.run(lambda connection: house.incident_desk.act(connection, number, body, who, now))
        return Data(data=made)

    act.__name__, act.__doc__ = kind.__name__.lower(), kind.__doc__
    act.__annotations__["body"] = kind
    adds = kind is orders.AddAction
    area.post(f"/{{number}}/{kind.word}", Role.OPERATOR, status_code=201 if adds else 200)(act)


for _kind in orders.ORDERS:
    _act(_kind)
