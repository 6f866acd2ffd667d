"""Backups: how each stands, its snapshots and their sizes; run, pause, verify."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from fastapi import Request
from markupsafe import Markup
from starlette.responses import Response

from daytwo.access.roles import Principal, Role
from daytwo.core.errors import NotFoundError
from daytwo.ledger.glance import Glance, SeenSnapshot, glance
from daytwo.orders import BackupOrder, VerifyOrder
from daytwo.protect.status import BackupStatus, assess
from daytwo.store.url import StateUrl
from daytwo.web.house import Here, House
from daytwo.web.identify import form
from daytwo.web.routing import Who
from daytwo.web.ui.frame import area as made
from daytwo.web.ui.frame import show, to
from daytwo.web.ui.meaning import meant
from daytwo.web.ui.words import size

area = made()
MOST = 60
"""Snapshots on a page, and in a drawing of their sizes."""


@dataclass(frozen=True)
class Copies:
    """A snapshot with the repositories that hold it.

    Args:
        id: the snapshot's.
        at: when it was begun.
        size: plain bytes.
        places: repository and level of trust.
        safety: whether it is what a restore replaced.
        only: the services it is of, where that is not all of its backup's.
    """

    id: str
    at: datetime
    size: int
    places: tuple[tuple[str, str], ...]
    safety: bool
    only: tuple[str, ...]

    @property
    def counts(self) -> bool:
        """Whether it stands for its backup."""
        return not self.safety and not self.only


@dataclass(frozen=True)
class Card:
    """A backup on the page of all of them.

    Args:
        status: how it stands.
        at: its cron expression, or empty.
        services: what it takes.
        snapshots: how many there are.
        drawn: their sizes.
        busy: the run that is at work on it, or empty.
    """

    status: BackupStatus
    at: str
    services: tuple[str, ...]
    snapshots: int
    drawn: Markup
    busy: str


@area.get("/backups", Role.VIEWER, include_in_schema=False)
async def backups(request: Request, house: Here, who: Who) -> Response:
    """All backups: are we protected?"""
    return await show(request, house, who, "backups", lambda: _backups(house), "runs backups config")


def _seen(house: House) -> tuple[Glance, list[BackupStatus]]:
    config = house.current()
    seen = glance(StateUrl.of(config), config.app, config.environment)
    return seen, assess(config.backups, config.timezone, seen, house.clock())


def _backups(house: House) -> dict[str, Any]:
    seen, found = _seen(house)
    return {"cards": [_card(house, one, seen) for one in found], "repositories": _repositories(house, seen)}


def _card(house: House, status: BackupStatus, seen: Glance) -> Card:
    settings = house.current().backups[status.name]
    mine = _copies(seen, status.name)
    busy = status.run.id if status.run and status.run.outcome in ("running", "queued") else ""
    services = settings.services or ()
    return Card(status, str(settings.at or ""), services, len(mine), sizes(mine), busy)


def _copies(seen: Glance, backup: str) -> list[Copies]:
    """The snapshots of a backup, each once, the newest first."""
    grouped: dict[str, list[SeenSnapshot]] = {}
    for one in seen.snapshots:
        if one.backup == backup:
            grouped.setdefault(one.id, []).append(one)
    return [
        Copies(id, one.at, one.size, tuple((copy.repository, copy.level) for copy in many), one.safety, one.only)
        for id, many in grouped.items()
        for one in many[:1]
    ]


def _repositories(house: House, seen: Glance) -> Sequence[Mapping[str, Any]]:
    found = []
    for name, settings in house.current().repositories.items():
        mine = [one for one in seen.snapshots if one.repository == name]
        found.append({
            "name": name, "kind": settings.kind, "count": len(mine), "newest": mine[0].at if mine else None,
            "damaged": sum(one.level == "damaged" for one in mine), "size": sum(one.size for one in mine),
        })  # fmt: skip
    return found


def sizes(copies: Sequence[Copies]) -> Markup:
    """The sizes of snapshots over time as bars, the newest at the right; empty with fewer than two."""
    shown = [one for one in reversed(copies) if one.counts][-MOST:]
    largest = max((one.size for one in shown), default=0)
    if len(shown) < 2 or not largest:
        return Markup("")
    bars = "".join(
        f"M{index * 6 + 3} 40V{40 - max(1, round(38 * one.size / largest))}" for index, one in enumerate(shown)
    )
    said = f"{len(shown)} snapshots, the newest {size(shown[-1].size)}, the largest {size(largest)}"
    return Markup(
        '<svg class="sizes" viewBox="0 0 {} 40" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path d="{}"/></svg>'
    ).format(len(shown) * 6, said, bars)


@area.get("/backups/{name}", Role.VIEWER, include_in_schema=False)
async def backup(request: Request, name: str, house: Here, who: Who) -> Response:
    """One backup with its snapshots."""
    return await show(request, house, who, "backup", lambda: _backup(house, name), "runs backups config")


def _backup(house: House, name: str) -> dict[str, Any]:
    seen, found = _seen(house)
    status = next((one for one in found if one.name == name), None)
    if status is None:
        raise NotFoundError(f"there is no backup {name}", hint="All of them are at /backups")
    mine = _copies(seen, name)
    settings = house.current().backups[name]
    return {
        "card": _card(house, status, seen), "snapshots": mine[:MOST], "more": max(0, len(mine) - MOST),
        "runs": house.desk.runs.latest("backup", name, 8), "keep": _keep(settings.keep), "paused": name in seen.paused,
    }  # fmt: skip


def _keep(keep: Any) -> str:
    given = keep.model_dump(exclude_none=True, exclude_defaults=True) if keep is not None else {}
    return ", ".join(f"{key} {one}" for key, one in given.items()) or "everything"


@area.post("/backups/{name}/run", Role.OPERATOR, include_in_schema=False)
async def run(name: str, house: Here, who: Who) -> Response:
    """Have a backup made now; then watch it."""
    _known(house, name)
    return await _order(house, who, BackupOrder(backup=name))


@area.post("/backups/{name}/pause", Role.OPERATOR, include_in_schema=False)
async def pause(name: str, house: Here, who: Who) -> Response:
    """Have nothing of its schedule happen until it is resumed."""
    _known(house, name)
    now = house.clock()

    def write(connection: sa.Connection) -> None:
        house.schedules.pause(connection, name, now, who.name)
        house.record(connection, who, "schedule.pause", name)

    await asyncio.wrap_future(house.writer.submit(write))
    return to(f"/backups/{name}")


@area.post("/backups/{name}/resume", Role.OPERATOR, include_in_schema=False)
async def resume(name: str, house: Here, who: Who) -> Response:
    """Have its schedule count again."""
    _known(house, name)
    now = house.clock()

    def write(connection: sa.Connection) -> None:
        house.schedules.resume(connection, name, now)
        house.record(connection, who, "schedule.resume", name)

    await asyncio.wrap_future(house.writer.submit(write))
    house.wake()
    return to(f"/backups/{name}")


@area.post("/snapshots/{snapshot}/verify", Role.OPERATOR, include_in_schema=False)
async def verify(request: Request, snapshot: str, house: Here, who: Who) -> Response:
    """Read a snapshot again, byte by byte, and have each engine's own tool open it."""
    given = await form(request)
    repository = given.get("repository") or None
    return await _order(house, who, meant(VerifyOrder, {"snapshot": snapshot[:40], "repository": repository}))


@area.get("/snapshots/{snapshot}", Role.VIEWER, include_in_schema=False)
async def snapshot(request: Request, snapshot: str, house: Here, who: Who) -> Response:
    """What a snapshot holds, read from its repository."""
    found = await house.desk.ask(who, json.dumps({"kind": "show", "snapshot": snapshot[:40], "repository": None}))
    at = datetime.fromisoformat(found["at"])
    return await show(request, house, who, "snapshot", lambda: {"snapshot": found, "at": at})


async def _order(house: House, who: Principal, order: BackupOrder | VerifyOrder) -> Response:
    run = await house.desk.order(who, order.kind, order.subject, order.model_dump_json())
    return to(f"/runs/{run}")


def _known(house: House, name: str) -> None:
    if name not in house.current().backups:
        raise NotFoundError(f"there is no backup {name}", hint="All of them are at /backups")
