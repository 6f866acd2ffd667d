"""Schedules: what is due when, and a hand on the switch."""

import asyncio
from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from fastapi import Path
from pydantic import BaseModel, Field

from daytwo.access.roles import Role
from daytwo.core.errors import NotFoundError
from daytwo.orders import BackupOrder
from daytwo.serve.overview import ScheduleView, overview
from daytwo.web.envelope import Data, Failure
from daytwo.web.house import Here, House
from daytwo.web.routing import Area, Who

area = Area("schedules", "/api/schedules")
Name = Annotated[str, Path(max_length=63, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="the backup's name")]


class ScheduleData(BaseModel):
    """A schedule of the configuration."""

    name: str
    at: str = Field(description="the cron expression")
    zone: str
    next: datetime | None
    last_due: datetime | None
    last_run: str
    last_outcome: str
    last_begun: datetime | None
    paused: datetime | None
    paused_by: str


def _known(house: House, name: str) -> None:
    if name not in house.current().backups:
        raise NotFoundError(f"there is no backup {name}")


@area.get("", Role.VIEWER)
def schedules(house: Here) -> Data[list[ScheduleData]]:
    """What is due when, what ran last."""
    found = overview(house.current(), house.schedules, house.desk.runs, house.clock())
    return Data(data=[_data(one) for one in found])


def _data(one: ScheduleView) -> ScheduleData:
    return ScheduleData(**vars(one))


@area.post("/{name}/run", Role.OPERATOR, status_code=202, responses={409: {"model": Failure, "description": "Busy."}})
async def run(name: Name, house: Here, who: Who) -> Data[dict[str, str]]:
    """Have it happen now."""
    _known(house, name)
    order = BackupOrder(backup=name)
    id = await house.desk.order(who, order.kind, order.subject, order.model_dump_json())
    return Data(data={"run": id, "events": f"/api/runs/{id}/events"})


@area.post("/{name}/pause", Role.OPERATOR)
async def pause(name: Name, house: Here, who: Who) -> Data[dict[str, str]]:
    """Have nothing of it happen until it is resumed."""
    _known(house, name)
    now = house.clock()

    def write(connection: sa.Connection) -> None:
        house.schedules.pause(connection, name, now, who.name)
        house.record(connection, who, "schedule.pause", name)

    await asyncio.wrap_future(house.writer.submit(write))
    return Data(data={"name": name, "paused": now.isoformat()})


@area.post("/{name}/resume", Role.OPERATOR)
async def resume(name: Name, house: Here, who: Who) -> Data[dict[str, str]]:
    """Have it happen again from now on; what fell into the pause stays undone."""
    _known(house, name)
    now = house.clock()

    def write(connection: sa.Connection) -> None:
        house.schedules.resume(connection, name, now)
        house.record(connection, who, "schedule.resume", name)

    await asyncio.wrap_future(house.writer.submit(write))
    house.wake()
    return Data(data={"name": name, "resumed": now.isoformat()})
