"""The end of one chain, held by whoever appends to it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from daytwo.core.records import Head
from daytwo.ledger.audit.event import NOTHING, Event, canonical, hash_of, storable
from daytwo.store.database import insert
from daytwo.store.tables import audit_chains, audit_events, audit_segments, utc_text

SEGMENT = 10_000
"""Events in one segment at most; what is pruned goes by whole segments."""


@dataclass
class Segment:
    """A stretch of a chain, as its row says."""

    number: int
    first: int
    last: int
    count: int
    previous: str
    head: str
    opened: datetime
    newest: datetime
    closed: datetime | None = None
    pruned: datetime | None = None

    @classmethod
    def of(cls, row: sa.Row[Any]) -> "Segment":
        """From its row."""
        return cls(**{name: row._mapping[name] for name in cls.__dataclass_fields__})

    def takes(self, at: datetime) -> bool:
        """Whether an event of this time still belongs in: it is not full, and no new month has begun."""
        month, now = self.opened.astimezone(UTC), at.astimezone(UTC)
        return self.closed is None and self.count < SEGMENT and (now.year, now.month) <= (month.year, month.month)


class Tail:
    """The end of a chain, locked until the caller's transaction ends.

    Args:
        connection: the caller's transaction.
        place: app and environment.
        chain: the data class.
    """

    def __init__(self, connection: sa.Connection, place: tuple[str, str], chain: str) -> None:
        self._connection = connection
        self._key = {"app": place[0], "environment": place[1], "chain": chain}
        self._known = self._lock()
        self.seq: int = self._known.seq
        self.hash: str = self._known.hash
        self.segment = self._open_segment()
        self._new: list[Segment] = []
        self._rows: list[dict[str, object]] = []

    def add(self, event: Event, at: datetime) -> Head:
        """Put an event at the end; it is written by `write`."""
        segment = self._room(at)
        self.seq += 1
        row: dict[str, object] = {
            **self._key,
            "segment": segment.number,
            "seq": self.seq,
            "at": utc_text(at),
            "actor": storable(event.actor),
            "via": storable(event.via, 20),
            "source": storable(event.source),
            "action": storable(event.action, 80),
            "subject": storable(event.subject),
            "outcome": storable(event.outcome, 20),
            "detail": canonical(event.detail),
            "previous": self.hash,
        }
        self.hash = row["hash"] = hash_of(row)
        self._rows.append({**row, "at": at})
        segment.last, segment.head = self.seq, self.hash
        segment.count += 1
        segment.newest = max(segment.newest, at)
        return Head(chain=self._key["chain"], seq=self.seq, hash=self.hash)

    def write(self) -> None:
        """Write what was added."""
        self._connection.execute(audit_events.insert(), self._rows)
        for segment in self._new:
            self._connection.execute(audit_segments.insert().values(**self._key, **asdict(segment)))
        if self.segment is not None and self.segment not in self._new:
            self.save(self.segment)
        where = [audit_chains.c[name] == value for name, value in self._key.items()]
        number = self.segment.number if self.segment else self._known.segment
        self._connection.execute(
            audit_chains.update().where(*where).values(seq=self.seq, hash=self.hash, segment=number)
        )

    def save(self, segment: Segment) -> None:
        """Write a segment's row again."""
        values = asdict(segment)
        where = [audit_segments.c[name] == value for name, value in self._key.items()]
        self._connection.execute(
            audit_segments.update().where(*where, audit_segments.c.number == values.pop("number")).values(**values)
        )

    def close(self, at: datetime) -> None:
        """Close the open segment: the next event begins a new one."""
        if self.segment is not None and self.segment.closed is None:
            self.segment.closed = at
            if self.segment not in self._new:
                self.save(self.segment)

    def _room(self, at: datetime) -> Segment:
        if self.segment is not None and self.segment.takes(at):
            return self.segment
        self.close(at)
        number = (self.segment.number if self.segment else 0) + 1
        self.segment = Segment(number, self.seq + 1, self.seq, 0, self.hash, self.hash, at, at)
        self._new.append(self.segment)
        return self.segment

    def _lock(self) -> sa.Row[Any]:
        """The chain's row; locked in PostgreSQL, in SQLite the transaction itself is the lock."""
        where = [audit_chains.c[name] == value for name, value in self._key.items()]
        query = sa.select(audit_chains).where(*where).with_for_update()
        if (row := self._connection.execute(query).one_or_none()) is None:
            self._connection.execute(self._first())
            row = self._connection.execute(query).one()
        return row

    def _first(self) -> Any:
        values = {**self._key, "seq": 0, "hash": NOTHING, "segment": 0}
        return insert(self._connection, audit_chains).values(values).on_conflict_do_nothing()

    def _open_segment(self) -> Segment | None:
        where = [audit_segments.c[name] == value for name, value in self._key.items()]
        query = sa.select(audit_segments).where(*where, audit_segments.c.number == self._known.segment)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else Segment.of(row)


def append(
    connection: sa.Connection, place: tuple[str, str], chain: str, events: Sequence[Event], at: datetime
) -> tuple[Head, ...]:
    """Append events to a chain, all with the same time.

    Args:
        connection: the caller's transaction: the events are there when, and only when, it is committed.
        place: app and environment.
        chain: the data class.
        events: what happened, in its order.
        at: when, UTC.

    Returns:
        The chain's end after each event.
    """
    tail = Tail(connection, place, chain)
    heads = tuple(tail.add(event, at) for event in events)
    tail.write()
    return heads
