"""Runs: order one, see how it goes, stop it."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from daytwo.access.roles import Principal, Role
from daytwo.core.errors import ConflictError, UsageError
from daytwo.ledger.runs import Outcome, RunRow
from daytwo.orders import BackupOrder, Order, PruneOrder, RestoreOrder, VerifyOrder
from daytwo.serve.hub import RunEvent
from daytwo.web.envelope import Data, Failure, Page
from daytwo.web.house import Here, House
from daytwo.web.routing import After, Area, Limit, Who

area = Area("runs", "/api")
_BUSY: dict[int | str, dict[str, Any]] = {409: {"model": Failure, "description": "The same is on its way already."}}

RunId = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9-]+$", description="the run's id")]


@dataclass(frozen=True)
class Asked:
    """What a command says beside its order."""

    fingerprint: Annotated[
        str | None, Header(alias="X-Config-Fingerprint", description="the configuration that the caller means")
    ] = None
    wait: Annotated[
        float | None,
        Header(
            alias="X-Wait", ge=0, le=86400, description="seconds to wait for other runs of the app; hours when absent"
        ),
    ] = None


Beside = Annotated[Asked, Depends()]
Keys = Annotated[
    list[str],
    Field(
        default=[], max_length=5, description="recovery keys (AGE-SECRET-KEY-...); kept in memory only, for this run"
    ),
]


class RunView(BaseModel):
    """One execution of anything."""

    id: str
    kind: str
    subject: str
    outcome: Outcome
    summary: str
    actor: str
    via: str
    owner: str = Field(description="the process that is, or was, at work on it")
    queued: datetime | None = Field(description="when a daemon took the order")
    begun: datetime
    ended: datetime | None
    due: datetime | None
    attempt: int
    progress: dict[str, Any]
    detail: dict[str, Any]

    @classmethod
    def of(cls, row: RunRow, house: House) -> "RunView":
        """A row of the ledger, with the newest progress."""
        progress = house.desk.hub.progress(row.id) or (dict(row.progress) if row.outcome.open else {})
        values = {name: getattr(row, name) for name in cls.model_fields if name != "progress"}
        return cls(**values, progress=progress)


class Ordered(BaseModel):
    """An order was taken, and will be carried out."""

    run: str = Field(description="the run's id")
    events: str = Field(description="where to watch it")


class RestoreRequest(RestoreOrder):
    """Bring a snapshot back; `confirm` must be `APP/ENVIRONMENT`, unless it goes into another place."""

    confirm: str = Field(default="", max_length=200, description="the app and environment whose data is replaced")
    keys: Keys

    @property
    def order(self) -> RestoreOrder:
        """What is done, without what must not be kept."""
        return RestoreOrder(**self.model_dump(exclude={"confirm", "keys"}))


class VerifyRequest(VerifyOrder):
    """Read snapshots again; encrypted ones need a key."""

    keys: Keys

    @property
    def order(self) -> VerifyOrder:
        """What is done, without what must not be kept."""
        return VerifyOrder(**self.model_dump(exclude={"keys"}))


async def _take(house: House, who: Principal, order: Order, asked: Asked, keys: tuple[str, ...] = ()) -> Data[Ordered]:
    config = house.current()
    if asked.fingerprint and asked.fingerprint != config.fingerprint:
        raise ConflictError(
            "the daemon works with another configuration than the caller", hint="Run `daytwo reload`, then try again"
        )
    run = await house.desk.order(who, order.kind, order.subject, order.model_dump_json(), keys, wait=asked.wait)
    return Data(data=Ordered(run=run, events=f"/api/runs/{run}/events"))


@area.post("/backups", Role.OPERATOR, status_code=202, responses=_BUSY)
async def backup(order: BackupOrder, house: Here, who: Who, asked: Beside) -> Data[Ordered]:
    """Make a snapshot."""
    config = house.current()
    _known("backup", (order.backup,), config.backups)
    _known("service", order.only, config.services)
    _known("repository", order.to, config.repositories)
    return await _take(house, who, order, asked)


def _known(noun: str, names: Iterable[str], there: Mapping[str, object]) -> None:
    for name in names:
        if name not in there:
            raise UsageError(f"there is no {noun} {name}", hint=f"There are: {', '.join(there) or 'none'}")


def _all_known(order: PruneOrder, house: House) -> None:
    config = house.current()
    _known("backup", (order.backup,) if order.backup else (), config.backups)
    _known("repository", (order.repository,) if order.repository else (), config.repositories)


@area.post("/restores", Role.ADMIN, status_code=202, responses=_BUSY)
async def restore(request: RestoreRequest, house: Here, who: Who, asked: Beside) -> Data[Ordered]:
    """Bring a snapshot back."""
    config = house.current()
    name = config.own_name
    if not request.into and request.confirm != name:
        raise UsageError("this replaces live data and needs a confirmation", hint=f"Give `confirm`: {name}")
    return await _take(house, who, request.order, asked, tuple(request.keys))


@area.post("/restores/plan", Role.OPERATOR)
async def restore_plan(order: RestoreOrder, house: Here, who: Who) -> Data[dict[str, Any]]:
    """What a restore would do, and where; nothing is written."""
    question = {"kind": "plan", "order": order.model_dump(mode="json")}
    return Data(data=await house.desk.ask(who, json.dumps(question)))


@area.post("/verifications", Role.OPERATOR, status_code=202, responses=_BUSY)
async def verify(request: VerifyRequest, house: Here, who: Who, asked: Beside) -> Data[Ordered]:
    """Read snapshots again."""
    return await _take(house, who, request.order, asked, tuple(request.keys))


@area.post("/prunes", Role.ADMIN, status_code=202, responses=_BUSY)
async def prune(order: PruneOrder, house: Here, who: Who, asked: Beside) -> Data[Ordered]:
    """Remove snapshots that no rule keeps."""
    _all_known(order, house)
    return await _take(house, who, order, asked)


@area.post("/prunes/plan", Role.OPERATOR)
async def prune_plan(order: PruneOrder, house: Here, who: Who) -> Data[list[dict[str, Any]]]:
    """Every snapshot with the reason why it stays or goes; nothing is removed."""
    _all_known(order, house)
    question = {"kind": "retention", "order": order.model_dump(mode="json")}
    return Data(data=await house.desk.ask(who, json.dumps(question)))


class KeyRequest(BaseModel):
    """A recovery key to try."""

    keys: Keys


@area.post("/keys/check", Role.ADMIN)
async def key_check(request: KeyRequest, house: Here, who: Who) -> Data[dict[str, Any]]:
    """Prove that a recovery key opens the latest snapshot."""
    await house.act(who, "key.check")
    return Data(data=await house.desk.ask(who, json.dumps({"kind": "key"}), tuple(request.keys)))


@area.get("/runs", Role.VIEWER)
def runs(
    house: Here,
    limit: Limit = 50,
    after: After = None,
    kind: Annotated[str | None, Query(max_length=20)] = None,
    subject: Annotated[str | None, Query(max_length=200)] = None,
    outcome: Outcome | None = None,
) -> Page[RunView]:
    """The newest runs first."""
    place = None
    if after:
        at, _, id = after.partition("~")
        try:
            place = (datetime.fromisoformat(at), id)
            if place[0].tzinfo is None:
                raise ValueError(at)
        except ValueError:
            raise UsageError(
                "`after` is no place in this list", hint="Take it from `next` of the page before"
            ) from None
    rows = house.desk.runs.latest(kind, subject, limit + 1, outcome, place)
    more = len(rows) > limit
    next = f"{rows[limit - 1].begun.isoformat()}~{rows[limit - 1].id}" if more else None
    return Page(data=[RunView.of(row, house) for row in rows[:limit]], next=next)


@area.get("/runs/{run}", Role.VIEWER)
def one(run: RunId, house: Here) -> Data[RunView]:
    """One run."""
    return Data(data=RunView.of(house.desk.row(run), house))


@area.post("/runs/{run}/cancel", Role.OPERATOR, status_code=202, responses=_BUSY)
async def cancel(run: RunId, house: Here, who: Who) -> Data[Ordered]:
    """Stop a run; nothing half-done is left."""
    await house.desk.cancel(who, run)
    return Data(data=Ordered(run=run, events=f"/api/runs/{run}/events"))


@area.get(
    "/runs/{run}/events",
    Role.VIEWER,
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Server-sent events until its end."}},
)
async def events(run: RunId, house: Here) -> StreamingResponse:
    """Watch a run: `progress`, `note`, and `end` with its result or error."""
    stream = house.desk.events(run)
    first = await anext(stream, None)  # a run that is not there is told before the stream begins

    async def lines() -> AsyncIterator[str]:
        yield _sse(first)
        async for event in stream:
            yield _sse(event)

    return StreamingResponse(lines(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _sse(event: RunEvent | None) -> str:
    if event is None:
        return ": still here\n\n"
    return f"event: {event.name}\ndata: {json.dumps({'run': event.run, **event.data}, default=str)}\n\n"
