"""The audit trail, for admins: `/api/audit`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, JsonValue

from daytwo.access.roles import Role
from daytwo.core.records import DataClass, Head
from daytwo.ledger.audit import Filter, Recorded
from daytwo.web.envelope import Data, Page
from daytwo.web.house import Here, House
from daytwo.web.routing import After, Area, Limit, Moment

area = Area("audit", "/api/audit")
Word = Annotated[str | None, Query(max_length=500, pattern=r"^[^\x00-\x1f]*$")]
Time = Annotated[Moment | None, Query(description="with its offset from UTC")]
_LINES = {200: {"content": {"application/jsonl": {}, "text/csv": {}}, "description": "Events, the oldest first."}}


class EventShown(BaseModel):
    """An event."""

    id: str = Field(description="the chain and the number in it")
    chain: DataClass
    seq: int
    segment: int
    at: datetime
    actor: str
    via: str
    source: str
    action: str
    subject: str
    outcome: str
    detail: dict[str, JsonValue]
    previous: str = Field(description="the hash of the event before")
    hash: str


class FindingShown(BaseModel):
    """Something that is wrong."""

    chain: str
    seq: int = Field(description="the number of the first event that is not as it was")
    what: str = Field(description="changed, removed, inserted, reordered, cut off or rewritten")
    says: str


class VerdictShown(BaseModel):
    """What a look through the whole trail found."""

    whole: bool
    findings: list[FindingShown]
    heads: list[Head] = Field(description="where each chain ends: keep them elsewhere")
    events: int
    exports: int
    anchors: int = Field(description="how many heads kept elsewhere were compared")
    unread: dict[str, int] = Field(description="by chain, how many events after the first wrong one were not looked at")
    out_of_reach: int = Field(description="how many of those are about what has been pruned since")


class Anchors(BaseModel):
    """Heads that were kept elsewhere."""

    heads: list[Head] = Field(max_length=10_000)


def _wanted(
    actor: Word = None,
    action: Word = None,
    subject: Word = None,
    since: Time = None,
    until: Time = None,
    data_class: DataClass | None = None,
) -> Filter:
    return Filter(actor, action, subject, since, until, data_class)


@area.get("", Role.ADMIN)
def list_events(
    house: Here, wanted: Annotated[Filter, Depends(_wanted)], limit: Limit = 50, after: After = None
) -> Page[EventShown]:
    """Events, the newest first. An action without a dot means all actions of that noun."""
    found, following = house.audit.page(wanted, limit, after)
    return Page(data=[_shown(one) for one in found], next=following)


@area.get("/verify", Role.ADMIN)
def verify(house: Here) -> Data[VerdictShown]:
    """Look through the whole trail for whatever is not as it was recorded.

    Heads kept elsewhere are compared by `daytwo audit verify`, which reads the snapshots' manifests.
    """
    return _judged(house, [])


@area.post("/verify", Role.ADMIN)
def verify_with(anchors: Anchors, house: Here) -> Data[VerdictShown]:
    """Look through the whole trail, and compare it with heads that were kept elsewhere."""
    return _judged(house, anchors.heads)


def _judged(house: House, anchors: Sequence[Head]) -> Data[VerdictShown]:
    verdict = house.audit.verify(anchors)
    values = {**vars(verdict), "findings": [FindingShown(**vars(one)) for one in verdict.findings]}
    return Data(data=VerdictShown(whole=verdict.whole, **values))


@area.get("/heads", Role.ADMIN)
def heads(house: Here) -> Data[list[Head]]:
    """Where each chain ends now; kept elsewhere, it proves later that nothing before was rewritten."""
    return Data(data=list(house.audit.heads()))


@area.get("/events/{chain}/{seq}", Role.ADMIN)
def show_event(
    chain: Annotated[str, Path(max_length=20)], seq: Annotated[str, Path(max_length=20)], house: Here
) -> Data[EventShown]:
    """One event, by its id."""
    return Data(data=_shown(house.audit.get(f"{chain}/{seq}")))


@area.get("/export", Role.ADMIN, response_class=StreamingResponse, responses=_LINES)
def export(
    house: Here, wanted: Annotated[Filter, Depends(_wanted)], format: Literal["jsonl", "csv"] = "jsonl"
) -> StreamingResponse:
    """Events as JSON lines or CSV, the oldest first."""
    lines = house.audit.export(wanted, format)
    kind = "text/csv" if format == "csv" else "application/jsonl"
    return download(lines, kind, f"audit.{format}")


def download(lines: Iterator[str], kind: str, name: str) -> StreamingResponse:
    """Text that is made while it is sent, to be kept as a file."""
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines, media_type=kind, headers=disposition)


def _shown(one: Recorded) -> EventShown:
    return EventShown(id=one.id, **vars(one))
