"""Security events: apps report them, people look at them and at what was too much."""

import asyncio
from typing import Annotated

from fastapi import Header, Query, Response
from pydantic import BaseModel, Field

from daytwo.access.roles import Role
from daytwo.core.errors import UsageError
from daytwo.watch.security.event import EventData, EventFilter, FindingData, Submission
from daytwo.watch.security.views import SecurityReport, Standing, source_of
from daytwo.web.envelope import Data, Failure, Page
from daytwo.web.house import Here
from daytwo.web.routing import After, Area, Limit, Moment, Who

area = Area("security", "/api/security")
_MOST = 500
Batch = Annotated[list[Submission], Field(min_length=1, max_length=_MOST)]
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", pattern=r"^[\x21-\x7e]{1,190}$", description="a key for all of them together"),
]
Kind = Annotated[str | None, Query(max_length=63, pattern=r"^[a-z0-9][a-z0-9_-]*$", description="of this kind")]
Source = Annotated[str | None, Query(max_length=100, description="an address, or a network of IPv6")]
Since = Annotated[Moment | None, Query(description="which were not over before; with its offset from UTC")]
Window = Annotated[str, Query(max_length=20, description="how far back, such as `24h` or `7d`")]


class TakenData(BaseModel):
    """What became of events that were handed in."""

    new: int = Field(description="how many were recorded")
    known: int = Field(description="how many had been before, with the same key")
    ahead: int = Field(description="how many of the new ones claim to be from the future, and count for no limit")


_KNOWN = {
    200: {"model": Data[TakenData], "description": "All of them were recorded before, with the same keys."},
    409: {"model": Failure, "description": "A key was used for something else."},
}


@area.post("/events", Role.OPERATOR, status_code=201, responses=_KNOWN)
async def report_events(
    body: Submission | Batch, who: Who, house: Here, response: Response, idempotency_key: Key = None
) -> Data[TakenData]:
    """Report one event, or up to 500. They are on the disk when this answers: all of them, or none."""
    given = _with_keys(body if isinstance(body, list) else [body], idempotency_key)
    via, now = f"api {who.name}", house.clock()
    taken = await asyncio.wrap_future(
        house.writer.submit(lambda connection: house.security_book.take(connection, given, via, now))
    )
    response.status_code = 201 if taken.new else 200
    return Data(data=TakenData(new=taken.new, known=taken.known, ahead=taken.ahead))


@area.get("/events", Role.VIEWER)
def events(
    house: Here,
    kind: Kind = None,
    source: Source = None,
    since: Since = None,
    limit: Limit = 50,
    after: After = None,
) -> Page[EventData]:
    """Events, the newest first."""
    wanted = EventFilter(kind, source_of(source) if source is not None else None, since)
    found, following = house.security.events(wanted, limit, after)
    return Page(data=found, next=following)


@area.get("/findings", Role.VIEWER)
def findings(house: Here, status: Standing = "open", limit: Limit = 50, after: After = None) -> Page[FindingData]:
    """Limits that are crossed now, or with `all` also those that were; the newest first."""
    found, following = house.security.findings(status, limit, after)
    return Page(data=found, next=following)


@area.get("/report", Role.VIEWER)
def report(house: Here, since: Window = "24h") -> Data[SecurityReport]:
    """The security check: failed logins by source, keys, limits that were crossed, certificates near their end."""
    return Data(data=house.security.report(since))


def _with_keys(given: list[Submission], key: str | None) -> list[Submission]:
    if key is None:
        return given
    if any(one.key is not None for one in given):
        raise UsageError("there is a key in the header Idempotency-Key and in the body", hint="Give one of them")
    return [one.model_copy(update={"key": f"{key} {number}"}) for number, one in enumerate(given)]
