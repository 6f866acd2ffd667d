"""Looking through the trail: filters, pages, JSON lines, CSV."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from daytwo.core.errors import NotFoundError, UsageError
from daytwo.core.records import DataClass
from daytwo.ledger.audit.event import Recorded, canonical
from daytwo.ledger.csvtext import csv_line
from daytwo.store.database import Database
from daytwo.store.tables import audit_events, utc_text

COLUMNS = (
    "chain", "seq", "segment", "at", "actor", "via", "source", "action", "subject", "outcome", "detail", "previous",
    "hash",
)  # fmt: skip
_BATCH = 1000
_ORDER = (audit_events.c.at, audit_events.c.chain, audit_events.c.seq)


@dataclass(frozen=True)
class Filter:
    """Which events. What is empty does not matter.

    Args:
        actor: by whom.
        action: `noun.verb`, or the noun alone for all of its actions.
        subject: what it was done to.
        since: not before this time.
        until: before this time.
        data_class: of which chain.
    """

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    data_class: DataClass | None = None

    def conditions(self) -> Iterator[sa.ColumnElement[bool]]:
        """As SQL."""
        c = audit_events.c
        if self.actor:
            yield c.actor == self.actor
        if self.action:
            noun = "." not in self.action
            yield c.action.startswith(f"{self.action}.", autoescape=True) if noun else c.action == self.action
        if self.subject:
            yield c.subject == self.subject
        if self.since:
            yield c.at >= self.since
        if self.until:
            yield c.at < self.until
        if self.data_class:
            yield c.chain == self.data_class.value


def page(
    connection: sa.Connection, place: tuple[str, str], wanted: Filter, limit: int, after: str | None = None
) -> tuple[tuple[Recorded, ...], str | None]:
    """Events, the newest first.

    Args:
        connection: to read on.
        place: app and environment.
        wanted: which.
        limit: how many at most.
        after: what the page before gave as `next`.

    Returns:
        The events, and what to give as `after` for the next page; None on the last one.

    Raises:
        UsageError: `after` is nothing that a page gave.
    """
    query = _select(place).where(*wanted.conditions()).order_by(*(column.desc() for column in _ORDER))
    if after:
        query = query.where(sa.tuple_(*_ORDER) < _key(_cursor(after)))
    rows = connection.execute(query.limit(limit + 1)).all()
    events = tuple(_recorded(row) for row in rows[:limit])
    more = len(rows) > limit
    return events, f"{events[-1].at.isoformat()}~{events[-1].id}" if more else None


def one(connection: sa.Connection, place: tuple[str, str], id: str) -> Recorded:
    """The event with this id (`CHAIN/SEQ`).

    Raises:
        NotFoundError: there is none.
    """
    chain, _, seq = id.partition("/")
    row = None
    if seq.isdecimal() and len(seq) < 19:
        query = _select(place).where(audit_events.c.chain == chain, audit_events.c.seq == int(seq))
        row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no event {id!r}", hint="An id is CHAIN/NUMBER: see `daytwo audit list`")
    return _recorded(row)


def lines(database: Database, place: tuple[str, str], wanted: Filter, form: str) -> Iterator[str]:
    """Events as text, the oldest first, a thousand in memory at a time.

    Args:
        database: the state; it is looked at anew for each thousand, so that a slow reader holds nothing up.
        place: app and environment.
        wanted: which.
        form: `jsonl` or `csv`. JSON lines have everything a hash is made of; in CSV, a cell that a spreadsheet would
            take for a formula begins with an apostrophe.
    """
    if form == "csv":
        yield csv_line(COLUMNS)
    last: tuple[datetime, str, int] | None = None
    while True:
        query = _select(place).where(*wanted.conditions()).order_by(*_ORDER).limit(_BATCH)
        if last:
            query = query.where(sa.tuple_(*_ORDER) > _key(last))
        with database.read() as connection:
            rows = connection.execute(query).mappings().all()
        for row in rows:
            values = {"app": place[0], "environment": place[1], **{name: row[name] for name in COLUMNS}}
            values["at"] = utc_text(row["at"])
            yield csv_line([values[name] for name in COLUMNS]) if form == "csv" else f"{canonical(values)}\n"
        if len(rows) < _BATCH:
            return
        last = (rows[-1]["at"], rows[-1]["chain"], rows[-1]["seq"])


def _select(place: tuple[str, str]) -> sa.Select[Any]:
    columns = [audit_events.c[name] for name in COLUMNS]
    return sa.select(*columns).where(audit_events.c.app == place[0], audit_events.c.environment == place[1])


def _key(values: tuple[datetime, str, int]) -> sa.Tuple:
    return sa.tuple_(*values, types=[column.type for column in _ORDER])


def _cursor(after: str) -> tuple[datetime, str, int]:
    try:
        at, _, id = after.partition("~")
        chain, _, seq = id.partition("/")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None or not 0 < int(seq) < 1 << 62:
            raise ValueError
        return moment, chain, int(seq)
    except ValueError:
        raise UsageError(f"'{after}' is not where a page ended", hint="Give what the page before gave") from None


def _recorded(row: sa.Row[Any]) -> Recorded:
    values = dict(row._mapping)
    return Recorded(**{**values, "chain": DataClass(values["chain"]), "detail": json.loads(values["detail"])})
