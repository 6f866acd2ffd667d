"""Snapshots, as last seen, or asked of their repositories now."""

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, Field

from daytwo.access.roles import Role
from daytwo.ledger.glance import glance
from daytwo.store.url import StateUrl
from daytwo.web.envelope import Data
from daytwo.web.house import Here
from daytwo.web.routing import Area, Who

area = Area("snapshots", "/api/snapshots")
SnapshotId = Annotated[str, Path(min_length=4, max_length=40, pattern=r"^([0-9a-f]+|latest)$")]


class SnapshotView(BaseModel):
    """A snapshot in a repository, as it was last seen."""

    id: str
    repository: str
    backup: str
    at: datetime
    size: int = Field(description="plain bytes")
    level: str = Field(description="how far it is trusted: stored, verified, drilled or damaged")
    safety: bool


class Note(BaseModel):
    """Why."""

    note: str = Field(default="", max_length=500)


@area.get("", Role.VIEWER)
def snapshots(house: Here) -> Data[list[SnapshotView]]:
    """All snapshots as they were last seen, newest first."""
    config = house.current()
    seen = glance(StateUrl.of(config), config.app, config.environment)
    return Data(data=[SnapshotView(**vars(one)) for one in seen.snapshots])


@area.post("/refresh", Role.OPERATOR)
async def refresh(house: Here, who: Who) -> Data[list[dict[str, Any]]]:
    """Ask every repository what it holds."""
    return Data(data=await house.desk.ask(who, json.dumps({"kind": "list"})))


@area.get("/{snapshot}", Role.VIEWER)
async def show(snapshot: SnapshotId, house: Here, who: Who) -> Data[dict[str, Any]]:
    """What a snapshot holds, read from its repository."""
    return Data(data=await house.desk.ask(who, json.dumps({"kind": "show", "snapshot": snapshot})))


@area.get("/{snapshot}/diff/{newer}", Role.VIEWER)
async def diff(snapshot: SnapshotId, newer: SnapshotId, house: Here, who: Who) -> Data[list[dict[str, Any]]]:
    """What differs between two snapshots."""
    question = {"kind": "diff", "older": snapshot, "newer": newer}
    return Data(data=await house.desk.ask(who, json.dumps(question)))


@area.post("/{snapshot}/pin", Role.OPERATOR)
async def pin(snapshot: SnapshotId, house: Here, who: Who, note: Note | None = None) -> Data[list[dict[str, Any]]]:
    """Keep it for ever, whatever the rules say."""
    return await _mark(house, who, snapshot, "pinned", note)


@area.post("/{snapshot}/unpin", Role.ADMIN)
async def unpin(snapshot: SnapshotId, house: Here, who: Who, note: Note | None = None) -> Data[list[dict[str, Any]]]:
    """Let the rules decide about it again."""
    return await _mark(house, who, snapshot, "unpinned", note)


async def _mark(house: Here, who: Who, snapshot: str, mark: str, note: Note | None) -> Data[list[dict[str, Any]]]:
    question = {"kind": "mark", "snapshot": snapshot, "mark": mark, "note": note.note if note else ""}
    found = await house.desk.ask(who, json.dumps(question))
    await house.act(who, f"snapshot.{'pin' if mark == 'pinned' else 'unpin'}", snapshot, {"note": question["note"]})
    return Data(data=found)
