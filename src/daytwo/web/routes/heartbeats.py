"""Heartbeats: jobs report to `/ping/ID`, where the id is the secret; people look at `/api/heartbeats`."""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import sqlalchemy as sa
from fastapi import Path, Query, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from daytwo.access.roles import Principal, Role
from daytwo.core.errors import NotFoundError, UsageError
from daytwo.ledger.heartbeats import EXCERPT, Begun, Book, Heartbeat, Kind, Ping, Promise, Report, State, unknown_ping
from daytwo.serve.watchman import ping_url
from daytwo.web.caller import address
from daytwo.web.envelope import Data, Failure, Page
from daytwo.web.house import Here, House
from daytwo.web.routing import After, Area, Limit, Who

area = Area("heartbeats", "/api/heartbeats")
pings = Area("pings", "/ping")
_READ = 100_000
"""Bytes of a body that are read; healthchecks.io has the same limit."""
_APART = 1.0
"""Seconds between two looks for an id that is not known."""
_HIGHEST_CODE = 255

Name = Annotated[str, Path(max_length=63, pattern=r"^[a-z0-9][a-z0-9_-]*$", description="the heartbeat's name")]
PingId = Annotated[str, Path(max_length=36, description="the heartbeat's ping id")]
What = Annotated[str, Path(max_length=5, description="`start`, `fail`, `log`, or the job's exit code, 0 to 255")]
Rid = Annotated[
    str | None,
    Query(
        description="a UUID that names the run, so that its end is matched with its start; anything else is left aside"
    ),
]
_UNKNOWN: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {}}, "description": "The report is safe: `OK`."},
    404: {"model": Failure, "description": "There is no such id."},
}


class HeartbeatData(BaseModel):
    """A heartbeat."""

    name: str
    state: State
    since: datetime = Field(description="since when it has this state")
    promise: str = Field(description="when it reports, in words")
    due: datetime | None = Field(description="when its next report is due, or was")
    overdue: datetime | None = Field(description="since when its report has been missing, if it is down")
    started: datetime | None = Field(description="when it last said that it began")
    reported: datetime | None = Field(description="when it last said that a run had ended")
    succeeded: datetime | None = Field(description="when it last said success")
    exit_code: int | None
    duration_ms: int | None = Field(description="of its last run")
    failed: bool = Field(description="whether its last report said failure")
    open: list[Begun] = Field(description="its runs that have begun and not ended")
    counted: datetime = Field(description="from when on its promise counts although it has not reported since")
    pings: int = Field(description="the number of its newest ping")
    created: datetime
    missing: datetime | None = Field(description="since when it is not in the configuration")
    url: str | None = Field(description="where its job reports; whoever knows it can, so viewers are not told")


class PingData(BaseModel):
    """A report, or when it was found late or down."""

    seq: int
    at: datetime
    kind: Kind
    exit_code: int | None
    duration_ms: int | None
    excerpt: str
    source: str
    rid: str
    agent: str


class HeartbeatDetail(BaseModel):
    """A heartbeat with its newest pings."""

    heartbeat: HeartbeatData
    pings: Page[PingData]


class ReportBody(BaseModel):
    """What a job says of itself."""

    kind: Literal["start", "success", "fail", "log"]
    exit_code: Annotated[int, Field(ge=0, le=_HIGHEST_CODE)] | None = None
    duration_ms: Annotated[int, Field(ge=0, le=10**12)] | None = None
    rid: UUID | None = None
    excerpt: str = Field(default="", max_length=_READ, description="what it printed; the end is kept")


class Taken(BaseModel):
    """The report is safe."""

    ping: int = Field(description="its number")


class Rotated(BaseModel):
    """The heartbeat has a new ping id; the old one means nothing any more."""

    name: str
    url: str


@area.get("", Role.VIEWER)
def heartbeats(house: Here, who: Who) -> Data[list[HeartbeatData]]:
    """How each stands, those that are not in the configuration any more last."""
    found = sorted(house.heartbeats.all(), key=lambda one: (one.missing is not None, one.name))
    return Data(data=[_shown(one, house, who) for one in found])


@area.get("/{name}", Role.VIEWER)
def heartbeat(name: Name, house: Here, who: Who, limit: Limit = 50, after: After = None) -> Data[HeartbeatDetail]:
    """One heartbeat, and its newest pings first."""
    before = _place(after)
    one = house.heartbeats.get(name)
    found = house.heartbeats.pings(name, limit + 1, before)
    next = str(found[limit - 1].seq) if len(found) > limit else None
    page: Page[PingData] = Page(data=[_said(ping) for ping in found[:limit]], next=next)
    return Data(data=HeartbeatDetail(heartbeat=_shown(one, house, who), pings=page))


@area.post("/{name}/pings", Role.OPERATOR, status_code=201)
async def report_by_name(name: Name, body: ReportBody, house: Here, who: Who) -> Data[Taken]:
    """Report for a job, by its name."""
    rid = str(body.rid) if body.rid else ""
    report = Report(
        Kind(body.kind), body.exit_code, rid, body.duration_ms, body.excerpt, who.source, f"daytwo run ({who.name})"
    )
    promise, now = _promise(house, name), house.clock()

    def write(connection: sa.Connection) -> int:
        return house.heartbeats.record(connection, name, report, promise, now)

    return Data(data=Taken(ping=await asyncio.wrap_future(house.writer.submit(write))))


@area.post("/{name}/rotate", Role.ADMIN)
async def rotate(name: Name, house: Here, who: Who) -> Data[Rotated]:
    """Give it a new ping id; from now on the old one is unknown."""

    def write(connection: sa.Connection) -> str:
        ping = house.heartbeats.rotate(connection, name)
        house.record(connection, who, "heartbeat.rotate", name)
        return ping

    ping = await asyncio.wrap_future(house.writer.submit(write))
    await asyncio.to_thread(house.heartbeats.learn)
    return Data(data=Rotated(name=name, url=ping_url(house.current().serve, ping)))


@pings.get("/{id}", None, response_class=PlainTextResponse, responses=_UNKNOWN)
async def succeeded(id: PingId, request: Request, house: Here, rid: Rid = None) -> PlainTextResponse:
    """The job has done its work."""
    return await _take(id, Report(Kind.SUCCESS), request, house, rid)


@pings.post("/{id}", None, response_class=PlainTextResponse, responses=_UNKNOWN)
async def succeeded_with_log(id: PingId, request: Request, house: Here, rid: Rid = None) -> PlainTextResponse:
    """The job has done its work; the body is what it printed."""
    return await _take(id, Report(Kind.SUCCESS), request, house, rid)


@pings.get("/{id}/{what}", None, response_class=PlainTextResponse, responses=_UNKNOWN)
async def said(id: PingId, what: What, request: Request, house: Here, rid: Rid = None) -> PlainTextResponse:
    """The job has begun, has failed, says something, or has ended with this exit code."""
    return await _take(id, _read(what), request, house, rid)


@pings.post("/{id}/{what}", None, response_class=PlainTextResponse, responses=_UNKNOWN)
async def said_with_log(id: PingId, what: What, request: Request, house: Here, rid: Rid = None) -> PlainTextResponse:
    """The job has begun, has failed, says something, or has ended with this exit code; the body is what it printed."""
    return await _take(id, _read(what), request, house, rid)


# Monitors and scripts that only want the status; not worth a line in the documentation of the API.
for _path, _route in (("/{id}", succeeded), ("/{id}/{what}", said)):
    pings.router.add_api_route(
        _path, _route, methods=["HEAD"], include_in_schema=False, response_class=PlainTextResponse,
        openapi_extra={"x-role": "public", "x-area": pings.name},
    )  # fmt: skip


def _read(what: str) -> Report:
    if what in (Kind.START, Kind.FAIL, Kind.LOG):
        return Report(Kind(what))
    if what.isascii() and what.isdigit() and int(what) <= _HIGHEST_CODE:
        return Report.exited(int(what))
    raise NotFoundError("a ping ends in /start, /fail, /log or an exit code from 0 to 255")


async def _take(id: str, report: Report, request: Request, house: House, rid: str | None) -> PlainTextResponse:
    """Write a report down; answered when it is committed."""
    id = id.lower()
    name = await _ids(request, house).name(id)
    settings = house.current().serve
    whole = Report(
        report.kind, report.exit_code, _run_of(rid), None, await _body(request),
        address(request, settings), request.headers.get("user-agent", ""),
    )  # fmt: skip
    promise, now = _promise(house, name), house.clock()
    await asyncio.wrap_future(
        house.writer.submit(lambda connection: house.heartbeats.record(connection, name, whole, promise, now, id))
    )
    return PlainTextResponse("OK")


def _run_of(rid: str | None) -> str:
    """The run that a job names, as it is kept. What is no UUID names none: the report itself counts all the same."""
    try:
        return str(UUID(rid)) if rid else ""
    except ValueError:
        return ""


class _Ids:
    """Whose a ping id is: from memory; for one that is not there, the state is asked.

    All who wait share one look, and looks are some time apart: an id is never called unknown without one, and guessing
    costs next to nothing.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self._lock = asyncio.Lock()
        self._looked = -_APART

    async def name(self, id: str) -> str:
        """The heartbeat's name.

        Raises:
            NotFoundError: it is nobody's.
        """
        name = self._book.name_of(id)
        if name is None:
            await self._look(time.monotonic())
            name = self._book.name_of(id)
        if name is None:
            raise unknown_ping()
        return name

    async def _look(self, asked: float) -> None:
        async with self._lock:
            if self._looked >= asked:
                return
            await asyncio.sleep(self._looked + _APART - time.monotonic())
            self._looked = time.monotonic()
            await asyncio.to_thread(self._book.learn)


def _ids(request: Request, house: House) -> _Ids:
    found: _Ids | None = getattr(request.app.state, "ping_ids", None)
    if found is None:
        found = request.app.state.ping_ids = _Ids(house.heartbeats)
    return found


async def _body(request: Request) -> str:
    """What the job printed. The rest of a long one is left unread; a report is not lost because its sender hung up."""
    if request.method != "POST":
        return ""
    read = bytearray()
    try:
        async for chunk in request.stream():
            read += chunk
            if len(read) >= _READ:
                break
    except ClientDisconnect:
        pass
    return bytes(read[:_READ][-2 * EXCERPT :]).decode(errors="replace")


def _promise(house: House, name: str) -> Promise | None:
    config = house.current()
    settings = config.heartbeats.get(name)
    return None if settings is None else Promise.of(settings, config.timezone)


def _place(after: str | None) -> int | None:
    if after is None:
        return None
    if not after.isascii() or not after.isdigit() or len(after) > 18:
        raise UsageError("`after` is no place in this list", hint="Take it from `next` of the page before")
    return int(after)


def _shown(one: Heartbeat, house: House, who: Principal) -> HeartbeatData:
    values: Mapping[str, Any] = {key: getattr(one, key) for key in HeartbeatData.model_fields if hasattr(one, key)}
    url = ping_url(house.current().serve, one.ping) if who.role >= Role.OPERATOR else None
    return HeartbeatData(**values, duration_ms=one.duration, url=url)


def _said(ping: Ping) -> PingData:
    values = {**vars(ping), "duration_ms": ping.duration}
    del values["duration"]
    return PingData(**values)
