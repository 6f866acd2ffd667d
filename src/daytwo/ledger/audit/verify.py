"""Walks each chain from its first event to its end, and names the first thing that is not as it was recorded."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from daytwo.core.records import DataClass, Head
from daytwo.ledger.audit.blame import blame
from daytwo.ledger.audit.event import NOTHING, hash_of
from daytwo.ledger.audit.verdict import Finding, Tampering, Verdict, Witness
from daytwo.store.tables import audit_chains, audit_events, audit_segments

PRUNE = "audit.prune"
"""The action of the event that tells of pruning."""
_BATCH = 1000
_Row = sa.RowMapping


def as_stored(table: sa.Table) -> list[sa.ColumnElement[Any]]:
    """A table's columns with times as the text that is stored: a hash is about the text."""
    return [
        sa.type_coerce(column, sa.String).label(column.name) if isinstance(column.type, sa.types.TypeDecorator)
        else column
        for column in table.c
    ]  # fmt: skip


def verify(
    connection: sa.Connection, place: tuple[str, str], anchors: Sequence[Head], witnesses: Sequence[Witness]
) -> Verdict:
    """Look through the whole trail.

    Args:
        connection: shows one unchanging state of the database.
        place: app and environment.
        anchors: heads that were kept elsewhere.
        witnesses: compare what events are about.
    """
    walks = [Walk(connection, place, chain, anchors, witnesses) for chain in _chains(connection, place, anchors)]
    findings = [finding for walk in walks for finding in walk.findings()]
    for witness in witnesses:
        findings += witness.unheard(connection)
    return Verdict(
        findings=tuple(findings),
        heads=tuple(Head(chain=walk.chain, seq=walk.seq, hash=walk.hash) for walk in walks if walk.seq),
        events=sum(walk.events for walk in walks),
        exports=sum(walk.heard for walk in walks),
        anchors=len(anchors),
        out_of_reach=sum(walk.out_of_reach for walk in walks),
        unread={walk.chain: walk.unread for walk in walks if walk.unread},
    )


def _object(text: str) -> Mapping[str, Any]:
    """The JSON object in a text; an empty one where somebody wrote something else."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _chains(connection: sa.Connection, place: tuple[str, str], anchors: Sequence[Head]) -> list[str]:
    """The data classes, and whatever else there is: what nobody would look at is a place to hide in."""
    found = {one.value for one in DataClass} | {anchor.chain for anchor in anchors}
    for table in (audit_chains, audit_segments, audit_events):
        query = sa.select(table.c.chain).where(table.c.app == place[0], table.c.environment == place[1]).distinct()
        found |= set(connection.execute(query).scalars())
    order = [one.value for one in DataClass]
    return sorted(found, key=lambda chain: (order.index(chain) if chain in order else len(order), chain))


@dataclass
class Walk:
    """One chain, looked through once. `findings` does it; the other fields tell of it afterwards.

    Args:
        connection: shows one unchanging state of the database.
        place: app and environment.
        chain: the data class.
        anchors: heads that were kept elsewhere, of any chain.
        witnesses: compare what events are about.
    """

    connection: sa.Connection
    place: tuple[str, str]
    chain: str
    anchors: Sequence[Head]
    witnesses: Sequence[Witness]
    seq: int = 0
    hash: str = NOTHING
    events: int = 0
    heard: int = 0
    out_of_reach: int = 0
    unread: int = 0
    _told: Mapping[str, Any] | None = None
    _segments: list[_Row] = field(default_factory=list)

    def findings(self) -> Iterator[Finding]:
        """The first thing wrong with the chain itself, and everything the witnesses find."""
        self._segments = self._rows(audit_segments, audit_segments.c.number)
        known = next(iter(self._rows(audit_chains, audit_chains.c.seq)), None)
        wrong = [finding for finding in (self._structure(known),) if finding]
        heard: list[Finding] = []
        broken = list(self._walk(heard))
        if broken:
            self.unread = self._count() - self.events - 1
        wrong += broken
        if not wrong:
            wrong += [finding for finding in (self._pruning(), self._end(known)) if finding]
            wrong += self._pruned_anchors()
        if wrong:
            yield min(wrong, key=lambda one: one.seq)
        yield from heard

    def _structure(self, known: _Row | None) -> Finding | None:
        """Whether the segments' rows follow each other, and the last one ends where the chain does."""
        seq, head, number, pruning = 0, NOTHING, 0, True
        for row in self._segments:
            if not all(isinstance(row[name], int) for name in ("number", "first", "last", "count")):
                return self._finding(seq + 1, Tampering.CHANGED, f"the row of segment {number + 1} does not fit")
            if row["number"] != number + 1:
                return self._finding(seq + 1, Tampering.REMOVED, f"the row of segment {number + 1} is missing")
            number += 1
            pruning = pruning and row["pruned"] is not None
            right = (
                row["first"] == seq + 1
                and row["previous"] == head
                and row["count"] == row["last"] - row["first"] + 1
                and (row["pruned"] is not None) == pruning
                and (row["closed"] is not None or row is self._segments[-1])
            )
            if not right:
                return self._finding(seq + 1, Tampering.CHANGED, f"the row of segment {number} does not fit")
            seq, head = row["last"], row["head"]
        end = (known["seq"], known["hash"], known["segment"]) if known else (0, NOTHING, 0)
        if end == (seq, head, number):
            closed = bool(self._segments) and self._segments[-1]["closed"] is not None
            return (
                self._finding(seq, Tampering.CHANGED, f"the row of segment {number} does not fit") if closed else None
            )
        if end[0] > seq:
            return self._finding(seq + 1, Tampering.CUT_OFF, f"the chain has {end[0]} events, its segments {seq}")
        if end[0] < seq:
            return self._finding(end[0] + 1, Tampering.CUT_OFF, f"the chain's end is recorded as {end[0]}, not {seq}")
        return self._finding(max(seq, 1), Tampering.CHANGED, "the last segment and the chain's recorded end differ")

    def _walk(self, heard: list[Finding]) -> Iterator[Finding]:
        """Every event in its order, up to the first that is wrong."""
        pruned = [row for row in self._segments if row["pruned"] is not None]
        if pruned:
            self.seq, self.hash = pruned[-1]["last"], pruned[-1]["head"]
        marks: dict[int, set[str]] = {}
        for anchor in self._own_anchors():
            marks.setdefault(anchor.seq, set()).add(anchor.hash)
        segments = {row["number"]: row for row in self._segments if row["pruned"] is None}
        newest = ""
        for rows in self._batches():
            for row in rows:
                if finding := blame(row, self.seq, self.hash, self._last(), self._at):
                    yield finding
                    return
                segment = segments.get(row["segment"])
                newest = row["at"] if segment and segment["first"] == row["seq"] else max(newest, row["at"])
                if finding := self._in_segment(row, segment, newest):
                    yield finding
                    return
                self.seq, self.hash, self.events = row["seq"], row["hash"], self.events + 1
                if marks.get(self.seq, {self.hash}) != {self.hash}:
                    yield self._finding(self.seq, Tampering.REWRITTEN, "a head kept elsewhere has another hash")
                    return
                if row["action"] == PRUNE:
                    self._told = _object(row["detail"])
            for witness in self.witnesses:
                concerned = [row for row in rows if row["action"] == witness.action]
                self.heard += len(concerned)
                heard += witness.hear(self.connection, concerned)

    def _in_segment(self, row: _Row, segment: _Row | None, newest: str) -> Finding | None:
        """Whether the segment's row agrees with its event."""
        seq = row["seq"]
        if segment is None or not segment["first"] <= seq <= segment["last"]:
            what = Tampering.INSERTED if seq > self._last() else Tampering.CHANGED
            return self._finding(seq, what, f"no segment's row tells of event {seq}")
        if seq == segment["first"] and segment["opened"] != row["at"]:
            return self._finding(seq, Tampering.CHANGED, f"the row of segment {segment['number']} has another begin")
        if seq == segment["last"] and (segment["head"], segment["newest"]) != (row["hash"], newest):
            return self._finding(seq, Tampering.CHANGED, f"the row of segment {segment['number']} has another end")
        return None

    def _pruning(self) -> Finding | None:
        """Whether the newest event about pruning tells of exactly what is marked as pruned."""
        pruned = [row for row in self._segments if row["pruned"] is not None]
        told = self._told or {}
        if not pruned and not told:
            return None
        last = pruned[-1] if pruned else {"number": 0, "last": 0, "head": NOTHING}
        if (told.get("through"), told.get("seq"), told.get("hash")) == (last["number"], last["last"], last["head"]):
            return None
        return self._finding(1, Tampering.REMOVED, f"segments up to {last['number']} are gone; no event tells of that")

    def _end(self, known: _Row | None) -> Finding | None:
        """Whether the last event is the one that should be the last."""
        highest = max((anchor.seq for anchor in self._own_anchors()), default=0)
        wanted = max(known["seq"] if known else 0, self._last(), highest)
        if self.seq >= wanted:
            return None
        elsewhere = " by a head kept elsewhere" if wanted == highest else ""
        return self._finding(
            self.seq + 1, Tampering.CUT_OFF, f"the chain ends at {self.seq}; {wanted} events are known{elsewhere}"
        )

    def _pruned_anchors(self) -> Iterator[Finding]:
        """What can still be compared of heads that are about pruned events: the ends of segments."""
        ends = {row["last"]: row["head"] for row in self._segments if row["pruned"] is not None}
        through = max(ends, default=0)
        for anchor in self._own_anchors():
            if anchor.seq > through:
                continue
            if anchor.seq not in ends:
                self.out_of_reach += 1
            elif ends[anchor.seq] != anchor.hash:
                yield self._finding(anchor.seq, Tampering.REWRITTEN, "a head kept elsewhere has another hash")

    def _own_anchors(self) -> list[Head]:
        return [anchor for anchor in self.anchors if anchor.chain == self.chain and anchor.seq > 0]

    def _last(self) -> int:
        return int(self._segments[-1]["last"]) if self._segments else 0

    def _batches(self) -> Iterator[list[_Row]]:
        after = None
        while True:
            query = self._select(audit_events).order_by(audit_events.c.seq).limit(_BATCH)
            if after is not None:
                query = query.where(audit_events.c.seq > after)
            rows = list(self.connection.execute(query).mappings())
            if not rows:
                return
            after = rows[-1]["seq"]
            yield rows

    def _count(self) -> int:
        events = self._select(audit_events).subquery()
        return self.connection.execute(sa.select(sa.func.count()).select_from(events)).scalar_one()

    def _at(self, condition: sa.ColumnElement[bool]) -> _Row | None:
        query = self._select(audit_events).where(condition).order_by(audit_events.c.seq).limit(1)
        return self.connection.execute(query).mappings().one_or_none()

    def _rows(self, table: sa.Table, order: sa.ColumnElement[Any]) -> list[_Row]:
        return list(self.connection.execute(self._select(table).order_by(order)).mappings())

    def _select(self, table: sa.Table) -> sa.Select[Any]:
        app, environment = self.place
        return sa.select(*as_stored(table)).where(
            table.c.app == app, table.c.environment == environment, table.c.chain == self.chain
        )

    def _finding(self, seq: int, what: Tampering, says: str) -> Finding:
        return Finding(self.chain, seq, what, says)


__all__ = ["PRUNE", "Walk", "as_stored", "hash_of", "verify"]
