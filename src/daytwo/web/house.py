"""What the routes work with, made once by the daemon."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
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
from daytwo.core.errors import RefusedError
from daytwo.ledger.audit import Audit
from daytwo.ledger.heartbeats import Book
from daytwo.ledger.schedules import Schedules
from daytwo.respond.incidents.desk import IncidentDesk
from daytwo.respond.incidents.review import Reviews
from daytwo.respond.incidents.views import IncidentViews
from daytwo.respond.incidents.wiring import desk_of
from daytwo.respond.oncall import Roster
from daytwo.respond.status_page.desk import StatusDesk
from daytwo.respond.status_page.site import StatusSite
from daytwo.respond.status_page.subscribers import Subscribers
from daytwo.serve.desk import Desk
from daytwo.serve.pulse import Pulse
from daytwo.store.database import Database
from daytwo.store.writer import Writer
from daytwo.watch.logs.views import LogViews
from daytwo.watch.numbers import Numbers
from daytwo.watch.prober import Answer
from daytwo.watch.reports import Terms
from daytwo.watch.security.book import Book as SecurityBook
from daytwo.watch.security.views import SecurityViews
from daytwo.watch.traffic.views import TrafficViews
from daytwo.watch.views import Views
from daytwo.web.promised import Standing


async def nobody(check: str) -> Answer:
    """How a daemon that does not watch asks a check.

    Raises:
        RefusedError: always.
    """
    raise RefusedError("this daemon does not watch", hint="Ask one that has the role probe")


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
        ask: asks a check at once; to be called in the event loop.
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
    ask: Callable[[str], Awaitable[Answer]] = nobody

    @cached_property
    def heartbeats(self) -> Book:
        """The jobs elsewhere that report, and what they said."""
        config = self.current()
        return Book(self.database, config.app, config.environment)

    @cached_property
    def views(self) -> Views:
        """What is shown of what is watched."""
        config = self.current()
        return Views(self.database, config.app, config.environment, self.clock, lambda: Terms.of(self.current()))

    @cached_property
    def promised(self) -> Standing:
        """Uptime, objectives and scores, worked out now and then."""
        config = self.current()
        return Standing(self.views, (config.app, config.environment))

    @cached_property
    def numbers(self) -> Numbers:
        """Numbers over time."""
        config = self.current()
        return Numbers(self.database, config.app, config.environment)

    @cached_property
    def security(self) -> SecurityViews:
        """What is shown of security events."""
        config = self.current()
        return SecurityViews(self.database, config.app, config.environment, self.clock)

    @cached_property
    def security_book(self) -> SecurityBook:
        """Where security events are written down."""
        config = self.current()
        return SecurityBook(self.database, config.app, config.environment, self.numbers)

    @cached_property
    def traffic(self) -> TrafficViews:
        """What is shown of real traffic."""
        config = self.current()
        return TrafficViews(self.database, config.app, config.environment, self.clock)

    @cached_property
    def logs(self) -> LogViews:
        """What is shown of logs."""
        return LogViews(self.database, self.current, self.clock)

    @cached_property
    def incident_desk(self) -> IncidentDesk:
        """What can be done with incidents."""
        return desk_of(self.current, self.audit)

    @cached_property
    def incidents(self) -> IncidentViews:
        """What is shown of incidents."""
        return IncidentViews(self.database, self.incident_desk, self.current, self.clock)

    @cached_property
    def reviews(self) -> Reviews:
        """Drafts of reviews of incidents."""
        return Reviews(self.database, self.incidents, self.current, self.clock)

    @cached_property
    def roster(self) -> Roster:
        """Who is on call."""
        return Roster(self.database, self.current, self.audit, self.clock)

    @cached_property
    def status_site(self) -> StatusSite:
        """The status page as it is now."""
        return StatusSite(self.database, self.current, self.clock)

    @cached_property
    def status_desk(self) -> StatusDesk:
        """What can be done with the status page."""
        return StatusDesk(self.current, self.audit)

    @cached_property
    def subscribers(self) -> Subscribers:
        """Who is told by mail of what stands on the status page."""
        return Subscribers(self.current, self.audit)

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
