"""What people and programs are shown of security events: the same for the API and the command line."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel, Field

from daytwo.core.errors import UsageError
from daytwo.core.net.measures import CERTIFICATE_LEFT
from daytwo.store.database import Database
from daytwo.store.tables import security_events as events
from daytwo.store.tables import security_findings as findings
from daytwo.watch.observations import Observations
from daytwo.watch.security.address import network_of
from daytwo.watch.security.event import AUTH_FAILURE, KEY_EXPOSURE, EventData, EventFilter, FindingData
from daytwo.watch.views import length

Standing = Literal["open", "all"]
_MOST = 20
"""Lines of each part of a report."""
_SOON = 30 * 86400.0
"""Seconds left of a certificate that a report names."""


class KindTotal(BaseModel):
    """How often something happened."""

    kind: str
    count: int
    sources: int = Field(description="from how many addresses or networks")


class SourceTotal(BaseModel):
    """What came from where."""

    source: str = Field(description="address or network; empty when that is not known")
    count: int
    users: list[str] = Field(description="some of the names that were tried")
    last: datetime


class CertificateData(BaseModel):
    """A certificate that is near its end."""

    check: str
    left: float = Field(description="seconds that it is still valid")
    at: datetime = Field(description="when it was looked at")


class SecurityReport(BaseModel):
    """The security check of a day or a week."""

    begin: datetime
    end: datetime
    kinds: list[KindTotal] = Field(description="what happened, most first")
    failures: list[SourceTotal] = Field(description="failed logins by source, most first")
    keys: list[EventData] = Field(description="keys and tokens that were seen where they should not be")
    findings: list[FindingData] = Field(description="limits that were crossed")
    uncounted: int = Field(description="events that claimed to be from the future: a clock somewhere is wrong")
    certificates: list[CertificateData] = Field(description="with less than 30 days left")


class SecurityViews:
    """Looks at the security events of an app and environment.

    Args:
        database: the state.
        app: the app's name.
        environment: the environment's name.
        clock: the time now.
    """

    def __init__(self, database: Database, app: str, environment: str, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._own = {"app": app, "environment": environment}
        self._observations = Observations(database, app, environment)
        self._clock = clock

    def events(
        self, wanted: EventFilter, limit: int = 50, after: str | None = None
    ) -> tuple[list[EventData], str | None]:
        """Events, the newest first, and what to give as `after` for the next page.

        Raises:
            UsageError: `after` is nothing that a page gave.
        """
        c = events.c
        query = sa.select(events).filter_by(**self._own).order_by(c.id.desc()).limit(limit + 1)
        if wanted.kind is not None:
            query = query.where(c.kind == wanted.kind)
        if wanted.source is not None:
            query = query.where(c.network == wanted.source if "/" in wanted.source else c.source == wanted.source)
        if wanted.since is not None:
            query = query.where(c.last >= wanted.since)
        return self._page(query, c.id, EventData, limit, after)

    def findings(
        self, standing: Standing = "open", limit: int = 50, after: str | None = None
    ) -> tuple[list[FindingData], str | None]:
        """Limits that are crossed now, or also were; the newest first.

        Raises:
            UsageError: `after` is nothing that a page gave.
        """
        c = findings.c
        query = sa.select(findings).filter_by(**self._own).order_by(c.id.desc()).limit(limit + 1)
        if standing == "open":
            query = query.where(c.state == "open")
        return self._page(query, c.id, FindingData, limit, after)

    def report(self, since: str) -> SecurityReport:
        """What happened since: failed logins by source, keys, limits crossed, certificates that are near their end.

        Raises:
            UsageError: `since` is no length of time.
        """
        now = self._clock()
        begin = now - length(since)
        e, f = events.c, findings.c
        own = sa.select(events).filter_by(**self._own).where(e.last >= begin)
        found = sa.select(findings).filter_by(**self._own).where(f.last >= begin).order_by(f.id.desc()).limit(_MOST)
        with self._database.read() as connection:
            keys = connection.execute(own.where(e.kind == KEY_EXPOSURE).order_by(e.id.desc()).limit(_MOST))
            ahead = sa.select(sa.func.coalesce(sa.func.sum(e["count"]), 0)).filter_by(**self._own, counted=False)
            return SecurityReport(
                begin=begin,
                end=now,
                kinds=self._kinds(connection, begin),
                failures=self._failures(connection, begin),
                keys=[_made(EventData, row) for row in keys],
                findings=[_made(FindingData, row) for row in connection.execute(found)],
                uncounted=int(connection.execute(ahead.where(e.last >= begin)).scalar_one()),
                certificates=self._certificates(connection),
            )

    def _kinds(self, connection: sa.Connection, begin: datetime) -> list[KindTotal]:
        c = events.c
        many = sa.func.sum(c["count"]).label("many")
        query = sa.select(c.kind, many, sa.func.count(c.network.distinct()).label("sources")).filter_by(**self._own)
        query = query.where(c.last >= begin).group_by(c.kind).order_by(many.desc(), c.kind)
        return [KindTotal(kind=row.kind, count=row.many, sources=row.sources) for row in connection.execute(query)]

    def _failures(self, connection: sa.Connection, begin: datetime) -> list[SourceTotal]:
        c = events.c
        many = sa.func.sum(c["count"]).label("many")
        query = sa.select(c.network, many, sa.func.max(c.last).label("newest")).filter_by(
            **self._own, kind=AUTH_FAILURE
        )
        query = query.where(c.last >= begin).group_by(c.network).order_by(many.desc(), c.network).limit(_MOST)
        return [
            SourceTotal(
                source=row.network, count=row.many, last=row.newest, users=self._users(connection, row.network, begin)
            )
            for row in connection.execute(query).all()
        ]

    def _users(self, connection: sa.Connection, network: str, begin: datetime) -> list[str]:
        c = events.c
        query = sa.select(c.user).filter_by(**self._own, kind=AUTH_FAILURE, network=network)
        query = query.where(c.last >= begin, c.user != "").group_by(c.user)
        return list(connection.execute(query.order_by(sa.func.sum(c["count"]).desc(), c.user).limit(5)).scalars())

    def _certificates(self, connection: sa.Connection) -> list[CertificateData]:
        found = [
            CertificateData(check=name, left=left, at=state.at)
            for name, state in self._observations.all(connection).items()
            if (left := state.numbers.get(CERTIFICATE_LEFT.name)) is not None and left < _SOON
        ]
        return sorted(found, key=lambda one: one.left)

    def _page(self, query: Any, id: Any, kind: Any, limit: int, after: str | None) -> tuple[list[Any], str | None]:
        if after is not None:
            query = query.where(id < _number(after))
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [_made(kind, row) for row in rows[:limit]], str(rows[limit - 1].id) if len(rows) > limit else None


def source_of(text: str) -> str:
    """What is meant by an address or a network that somebody gave, in the spelling of the records.

    Raises:
        UsageError: it is neither.
    """
    from daytwo.watch.security.address import canonical

    base, slash, _ = text.partition("/")
    try:
        found = canonical(base)
    except ValueError:
        raise UsageError(
            f"'{text}' is no address", where="source", hint="Write it like 192.0.2.7 or 2001:db8::/64"
        ) from None
    return network_of(found) if slash else found


def _made(kind: Any, row: Any) -> Any:
    return kind.model_validate(dict(row._mapping))


def _number(after: str) -> int:
    if not after.isascii() or not after.isdigit() or len(after) > 18:
        raise UsageError("`after` is no place in this list", hint="Take it from `next` of the page before")
    return int(after)
