"""Snapshots, as last seen, or asked of their repositories now."""

import contextlib
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from daytwo.access.roles import Role
from daytwo.ledger.glance import glance
from daytwo.store.url import StateUrl
from daytwo.web.envelope import Data
from daytwo.web.house import Here
from daytwo.web.routes.runs import Keys
from daytwo.web.routing import Area, Who

area = Area("snapshots", "/api/snapshots")
SnapshotId = Annotated[str, Path(min_length=4, max_length=40, pattern=r"^([0-9a-f]+|latest)$")]
Repository = Annotated[str | None, Query(max_length=200, description="look only here")]


_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}}, "description": "Its bytes."}
}


class SnapshotView(BaseModel):
    """A snapshot in a repository, as it was last seen."""

    id: str
    repository: str
    backup: str
    at: datetime
    size: int = Field(description="plain bytes")
    level: str = Field(description="how far it is trusted: stored, verified, drilled or damaged")
    safety: bool
    only: tuple[str, ...] = Field(description="the services it is of, where that is not all of its backup's")


class Note(BaseModel):
    """Why."""

    note: str = Field(default="", max_length=500)


@area.get("", Role.VIEWER)
def snapshots(house: Here) -> Data[list[SnapshotView]]:
    """All snapshots as they were last seen, newest first."""
    config = house.current()
    seen = glance(StateUrl.of(config), config.app, config.environment)
    return Data(data=[SnapshotView(**vars(one)) for one in seen.snapshots])


@area.post("/refresh", Role.VIEWER)
async def refresh(house: Here, who: Who, repository: Repository = None) -> Data[list[dict[str, Any]]]:
    """Ask every repository what it holds."""
    return Data(data=await house.desk.ask(who, json.dumps({"kind": "list", "repository": repository})))


@area.get("/{snapshot}", Role.VIEWER)
async def show(snapshot: SnapshotId, house: Here, who: Who, repository: Repository = None) -> Data[dict[str, Any]]:
    """What a snapshot holds, read from its repository."""
    question = {"kind": "show", "snapshot": snapshot, "repository": repository}
    return Data(data=await house.desk.ask(who, json.dumps(question)))


@area.get("/{snapshot}/diff/{newer}", Role.VIEWER)
async def diff(
    snapshot: SnapshotId, newer: SnapshotId, house: Here, who: Who, repository: Repository = None
) -> Data[list[dict[str, Any]]]:
    """What differs between two snapshots."""
    question = {"kind": "diff", "older": snapshot, "newer": newer, "repository": repository}
    return Data(data=await house.desk.ask(who, json.dumps(question)))


@area.post("/{snapshot}/pin", Role.OPERATOR)
async def pin(snapshot: SnapshotId, house: Here, who: Who, note: Note | None = None) -> Data[list[dict[str, Any]]]:
    """Keep it for ever, whatever the rules say."""
    return await _mark(house, who, snapshot, "pinned", note)


@area.post("/{snapshot}/unpin", Role.ADMIN)
async def unpin(snapshot: SnapshotId, house: Here, who: Who, note: Note | None = None) -> Data[list[dict[str, Any]]]:
    """Let the rules decide about it again."""
    return await _mark(house, who, snapshot, "unpinned", note)


class Wanted(BaseModel):
    """What to take out of a snapshot."""

    component: str = Field(
        min_length=1,
        max_length=300,
        pattern=r"^[^\x00]+$",
        description="such as `db.dump` or `uploads.tar`; or a service",
    )
    item: str | None = Field(
        default=None, min_length=1, max_length=4000, pattern=r"^[^\x00]+$",
        description="a file or folder in it, or a table; the whole component when absent",
    )  # fmt: skip
    repository: str | None = Field(default=None, max_length=200, description="look only here")
    keys: Keys


@area.post("/{snapshot}/extract", Role.OPERATOR, response_class=StreamingResponse, responses=_BYTES)
async def extract(snapshot: SnapshotId, wanted: Wanted, house: Here, who: Who) -> StreamingResponse:
    """Take one file, folder (as tar) or table out of it. An answer that breaks off is not whole."""
    question = {"kind": "extract", "snapshot": snapshot, **wanted.model_dump(exclude={"keys"})}
    pieces = house.desk.fetch(who, json.dumps(question), tuple(wanted.keys))
    first = await anext(pieces, b"")  # what is wrong with it is told before the answer begins

    async def whole() -> AsyncIterator[bytes]:
        async with contextlib.aclosing(pieces):
            yield first
            async for piece in pieces:
                yield piece

    name = quote((wanted.item or wanted.component).rstrip("/").rpartition("/")[2], safe="")
    disposition = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return StreamingResponse(whole(), media_type="application/octet-stream", headers=disposition)


async def _mark(house: Here, who: Who, snapshot: str, mark: str, note: Note | None) -> Data[list[dict[str, Any]]]:
    question = {"kind": "mark", "snapshot": snapshot, "mark": mark, "note": note.note if note else ""}
    found = await house.desk.ask(who, json.dumps(question))
    id = found[0]["id"]  # what was meant, however it was named
    await house.act(who, f"snapshot.{'pin' if mark == 'pinned' else 'unpin'}", id, {"note": question["note"]})
    return Data(data=found)
