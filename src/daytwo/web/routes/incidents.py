"""Incidents: list, open, take, resolve, review: `/api/incidents`."""

from typing import Annotated

from fastapi import Path, Query
from starlette.responses import Response

from daytwo.access.roles import Role
from daytwo.respond.incidents import orders
from daytwo.respond.incidents.model import Action, Detail, Figures, Incident, Summary
from daytwo.web.envelope import Data, Page
from daytwo.web.house import Here, House
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


@area.post("/{number}/ack", Role.OPERATOR)
def acknowledge(number: Number, body: orders.Acknowledge, who: Who, house: Here) -> Data[Incident]:
    """Take it: it does not escalate any more, and its alerts are not repeated."""
    return _act(house, number, body, who)


@area.post("/{number}/assign", Role.OPERATOR)
def assign(number: Number, body: orders.Assign, who: Who, house: Here) -> Data[Incident]:
    """Say who takes care of it; they are told."""
    return _act(house, number, body, who)


@area.post("/{number}/note", Role.OPERATOR)
def note(number: Number, body: orders.Note, who: Who, house: Here) -> Data[Incident]:
    """Write something down in its timeline."""
    return _act(house, number, body, who)


@area.post("/{number}/severity", Role.OPERATOR)
def severity(number: Number, body: orders.Regrade, who: Who, house: Here) -> Data[Incident]:
    """Change its severity; its escalation follows."""
    return _act(house, number, body, who)


@area.post("/{number}/tick", Role.OPERATOR)
def tick(number: Number, body: orders.Tick, who: Who, house: Here) -> Data[Incident]:
    """Tick a line of its checklists, or take that back."""
    return _act(house, number, body, who)


@area.post("/{number}/update", Role.OPERATOR)
def update(number: Number, body: orders.Update, who: Who, house: Here) -> Data[Incident]:
    """Tell users how things stand: shown on the status page while the incident is public."""
    return _act(house, number, body, who)


@area.post("/{number}/publish", Role.OPERATOR)
def publish(number: Number, body: orders.Publish, who: Who, house: Here) -> Data[Incident]:
    """Show it on the status page, or not any more."""
    return _act(house, number, body, who)


@area.post("/{number}/resolve", Role.OPERATOR)
def resolve(number: Number, body: orders.Resolve, who: Who, house: Here) -> Data[Incident]:
    """Say that it is over, and why it happened; refused while lines of its resolution checklist are open."""
    return _act(house, number, body, who)


@area.post("/{number}/reopen", Role.OPERATOR)
def reopen(number: Number, body: orders.Reopen, who: Who, house: Here) -> Data[Incident]:
    """Say that it is not over; its escalation begins anew."""
    return _act(house, number, body, who)


@area.post("/{number}/actions", Role.OPERATOR, status_code=201)
def add_action(number: Number, body: orders.AddAction, who: Who, house: Here) -> Data[Incident]:
    """Add an action item with an owner and a day."""
    return _act(house, number, body, who)


@area.post("/{number}/evidence", Role.OPERATOR)
def evidence(number: Number, body: orders.Evidence, who: Who, house: Here) -> Data[Incident]:
    """Note in its timeline that evidence was collected, with the checksum of the archive."""
    return _act(house, number, body, who)


def _act(house: House, number: int, order: orders.Order, who: Who) -> Data[Incident]:
    now = house.clock()
    return Data(data=house.writer.run(lambda connection: house.incident_desk.act(connection, number, order, who, now)))
