"""What the routes work with, made once by the daemon."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, Request
from pydantic import JsonValue

from daytwo.access.door import Door
from daytwo.access.roles import Principal
from daytwo.config import Config
from daytwo.ledger.audit import Audit
from daytwo.ledger.heartbeats import Book
from daytwo.ledger.schedules import Schedules
from daytwo.serve.desk import Desk
from daytwo.serve.pulse import Pulse
from daytwo.store.database import Database
from daytwo.store.writer import Writer
from daytwo.watch.views import Views


@dataclass(frozen=True)
class House:
    """Everything a route may need.

    Args:
        current: gives the configuration as it is now; it changes when it is reloaded.
        reload: reads it again; returns settings that count from the next start on.
        refused: says why the last reload was refused, or nothing.
        wake: has the parts of the daemon go round now; to be called in the event loop.
        database: the state, to read from.
        writer: the state, to write to.
        audit: the record of who did what.
        door: knows users, tokens and sessions.
        desk: takes orders for runs, and tells how they go.
        schedules: what is remembered of schedules.
        pulse: how fresh each part of the daemon is.
        clock: the time now, in UTC.
    """

    current: Callable[[], Config]
    reload: Callable[[], list[str]]
    refused: Callable[[], str]
    wake: Callable[[], None]
    database: Database
    writer: Writer
    audit: Audit
    door: Door
    desk: Desk
    schedules: Schedules
    pulse: Pulse
    clock: Callable[[], datetime]

    @cached_property
    def heartbeats(self) -> Book:
        """The jobs elsewhere that report, and what they said."""
        config = self.current()
        return Book(self.database, config.app, config.environment)

    @cached_property
    def views(self) -> Views:
        """What is shown of what is watched."""
        config = self.current()
        return Views(self.database, config.app, config.environment, self.clock)

    def record(
        self,
        connection: sa.Connection,
        who: Principal,
        action: str,
        subject: str = "",
        detail: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Record who did what, in the transaction in which it is done."""
        self.audit.append(
            connection, action, subject, actor=who.name, via=who.via.value, source=who.source, detail=detail
        )

    async def act(
        self, who: Principal, action: str, subject: str = "", detail: Mapping[str, JsonValue] | None = None
    ) -> None:
        """Record who did what, where that left no row of its own."""
        work = self.writer.submit(lambda connection: self.record(connection, who, action, subject, detail))
        await asyncio.wrap_future(work)


def house(request: Request) -> House:
    """The house that a request came to."""
    found: House = request.app.state.house
    return found


Here = Annotated[House, Depends(house)]
"""The house, as a route's argument."""
