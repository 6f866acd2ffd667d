"""Removing old events: whole segments only, and their rows stay as anchors."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from pydantic import JsonValue

from daytwo.core.records import DataClass
from daytwo.ledger.audit.event import Event
from daytwo.ledger.audit.tail import Segment, Tail
from daytwo.ledger.audit.verify import PRUNE
from daytwo.store.tables import audit_events, audit_segments


@dataclass(frozen=True)
class Pruned:
    """A segment whose events are gone.

    Args:
        chain: the data class.
        segment: its number in the chain.
        events: how many there were.
        exports: how many export records went with them.
    """

    chain: DataClass
    segment: int
    events: int
    exports: int


def prune_next(
    connection: sa.Connection, place: tuple[str, str], chain: DataClass, keep: timedelta, now: datetime, by: Event
) -> Pruned | None:
    """Remove the oldest segment, if all its events are older than `keep`.

    Args:
        connection: a transaction.
        place: app and environment.
        chain: the data class.
        keep: how long events of this class are kept.
        now: the time, UTC.
        by: who prunes; its action, subject and detail are filled in here.

    Returns:
        What was removed, or None when there is nothing that old.
    """
    from daytwo.ledger.exports.pruning import forget

    tail = Tail(connection, place, chain.value)
    key = {"app": place[0], "environment": place[1], "chain": chain.value}
    oldest = _oldest(connection, key)
    if oldest is None or oldest.newest > now - keep:
        return None
    if tail.segment is not None and tail.segment.number == oldest.number:
        tail.close(now)
        oldest = tail.segment
    oldest.pruned = now
    tail.save(oldest)
    where = [audit_events.c[name] == value for name, value in key.items()]
    connection.execute(audit_events.delete().where(*where, audit_events.c.seq <= oldest.last))
    gone = Pruned(chain, oldest.number, oldest.count, forget(connection, place, chain, oldest.last))
    detail: dict[str, JsonValue] = {
        "through": oldest.number, "seq": oldest.last, "hash": oldest.head, "events": gone.events,
        "exports": gone.exports,
    }  # fmt: skip
    subject = f"{chain}: segment {oldest.number}"
    tail.add(Event(PRUNE, subject, by.actor, by.via, by.source, detail=detail), now)
    tail.write()
    return gone


def _oldest(connection: sa.Connection, key: Mapping[str, str]) -> Segment | None:
    where = [audit_segments.c[name] == value for name, value in key.items()]
    query = sa.select(audit_segments).where(*where, audit_segments.c.pruned.is_(None))
    row = connection.execute(query.order_by(audit_segments.c.number).limit(1)).one_or_none()
    return None if row is None else Segment.of(row)
