"""Alerts, silences, maintenance that is begun by hand, and messages on their way."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, TypeVar

import sqlalchemy as sa
from fastapi import Path, Query

from daytwo.access.roles import Role
from daytwo.respond.acts import Acknowledge, Acts, NewSilence, NewWindow
from daytwo.respond.outbox import State
from daytwo.respond.views import (
    AlertDetail,
    AlertRow,
    AlertViews,
    NotificationData,
    SilenceData,
    WindowData,
    notification_data,
)
from daytwo.watch.views import length
from daytwo.web.envelope import Data
from daytwo.web.house import Here, House
from daytwo.web.routing import NOT_THERE, Area, Limit, Who

T = TypeVar("T")
area = Area("alerts", "/api")
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="its number")]
Since = Annotated[
    str | None, Query(max_length=20, description="also those that began in this time and are over, such as `7d`")
]


@area.get("/alerts", Role.VIEWER)
def alerts(house: Here, since: Since = None, limit: Limit = 100) -> Data[list[AlertRow]]:
    """Alerts that are not over, the newest first."""
    back: timedelta | None = None if since is None else length(since)
    return Data(data=_views(house).alerts(back, limit))


@area.get("/alerts/{number}", Role.VIEWER)
def alert(number: Number, house: Here) -> Data[AlertDetail]:
    """An alert, and why it was told to whom, or not."""
    return Data(data=_views(house).alert(number))


@area.post("/alerts/{number}/acknowledge", Role.OPERATOR)
async def acknowledge(number: Number, body: Acknowledge, house: Here, who: Who) -> Data[AlertDetail]:
    """Take care of an alert: it is not told again."""
    await _do(house, lambda acts, connection: acts.acknowledge(connection, who, number, body.note))
    return Data(data=_views(house).alert(number))


@area.get("/silences", Role.VIEWER)
def silences(house: Here) -> Data[list[SilenceData]]:
    """Silences that count, or did in the last week."""
    return Data(data=_views(house).silences())


@area.post("/silences", Role.OPERATOR, status_code=201)
async def add_silence(body: NewSilence, house: Here, who: Who) -> Data[SilenceData]:
    """Tell nobody of some alerts for a time."""
    made = await _do(house, lambda acts, connection: acts.silence(connection, who, body))
    return Data(data=next(one for one in _views(house).silences() if one.id == made.id))


@area.delete("/silences/{number}", Role.OPERATOR)
async def end_silence(number: Number, house: Here, who: Who) -> Data[SilenceData]:
    """Take a silence away: what it hid and is still there is told."""
    await _do(house, lambda acts, connection: acts.end_silence(connection, who, number))
    return Data(data=next(one for one in _views(house).silences() if one.id == number))


@area.get("/maintenance", Role.VIEWER)
def windows(house: Here) -> Data[list[WindowData]]:
    """Maintenance windows: those of the configuration that are open or next, and those begun by hand."""
    return Data(data=_views(house).windows())


@area.post("/maintenance", Role.OPERATOR, status_code=201)
async def begin_maintenance(body: NewWindow, house: Here, who: Who) -> Data[WindowData]:
    """Begin maintenance: everything is watched, and nobody is told."""
    made = await _do(house, lambda acts, connection: acts.begin_maintenance(connection, who, body))
    return Data(data=next(one for one in _views(house).windows() if one.id == made.id))


@area.delete("/maintenance", Role.OPERATOR, responses=NOT_THERE)
async def end_maintenance(house: Here, who: Who) -> Data[list[WindowData]]:
    """End all maintenance that was begun by hand."""
    ended = await _do(house, lambda acts, connection: acts.end_maintenance(connection, who, None))
    numbers = {one.id for one in ended}
    return Data(data=[one for one in _views(house).windows() if one.id in numbers])


@area.delete("/maintenance/{number}", Role.OPERATOR)
async def end_one_maintenance(number: Number, house: Here, who: Who) -> Data[WindowData]:
    """End maintenance that was begun by hand."""
    await _do(house, lambda acts, connection: acts.end_maintenance(connection, who, number))
    return Data(data=next(one for one in _views(house).windows() if one.id == number))


@area.get("/notifications", Role.VIEWER)
def notifications(
    house: Here,
    state: Annotated[State | None, Query(description="only those that stand like this")] = None,
    limit: Limit = 50,
) -> Data[list[NotificationData]]:
    """Messages, the newest first."""
    return Data(data=_views(house).notifications(state, limit))


@area.post("/notifications/{number}/retry", Role.OPERATOR)
async def retry(number: Number, house: Here, who: Who) -> Data[NotificationData]:
    """Try a message again that reached nobody."""
    return Data(data=notification_data(await _do(house, lambda acts, c: acts.retry(c, who, number))))


def _views(house: House) -> AlertViews:
    return AlertViews(house.database, house.current, house.clock)


async def _do(house: House, work: Callable[[Acts, sa.Connection], T]) -> T:
    """Have something done in a transaction of its own, and have the daemon look at once."""
    acts = Acts(house.current, house.audit, house.clock)
    done = await asyncio.wrap_future(house.writer.submit(lambda connection: work(acts, connection)))
    house.wake()
    return done
