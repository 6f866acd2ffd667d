"""Compares export records with the digests in the audit trail."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from daytwo.ledger.audit.verdict import Finding, Tampering
from daytwo.ledger.audit.verify import as_stored
from daytwo.ledger.exports.record import digest_of
from daytwo.store.tables import audit_events, exports

ADD = "export.add"
"""The action of the event that has a record's digest."""
_AT_ONCE = 500


def subject_of(number: int) -> str:
    """What the event about a record has as its subject."""
    return f"export {number}"


class ExportWitness:
    """Knows the export records of one app and environment.

    Args:
        place: app and environment.
    """

    action = ADD

    def __init__(self, place: tuple[str, str]) -> None:
        self._place = place

    def hear(self, connection: sa.Connection, rows: Sequence[Mapping[Any, Any]]) -> Iterator[Finding]:
        """Find the records that were changed or removed since their events were written."""
        for start in range(0, len(rows), _AT_ONCE):
            events = rows[start : start + _AT_ONCE]
            numbers = [int(row["subject"].removeprefix("export ")) for row in events]
            query = sa.select(*as_stored(exports)).where(exports.c.number.in_(numbers))
            found = {row["number"]: dict(row) for row in connection.execute(query).mappings()}
            for event, number in zip(events, numbers, strict=True):
                if finding := _compare(event, number, found.get(number)):
                    yield finding

    def unheard(self, connection: sa.Connection) -> Iterator[Finding]:
        """Find the records that no event is about."""
        e, x = audit_events.c, exports.c
        event = sa.exists().where(
            e.app == x.app, e.environment == x.environment, e.chain == x.data_class, e.seq == x.event,
            e.action == ADD, e.subject == sa.literal("export ") + sa.cast(x.number, sa.String),
        )  # fmt: skip
        query = sa.select(x.number, x.data_class, x.event).where(
            x.app == self._place[0], x.environment == self._place[1], ~event
        )
        for row in connection.execute(query.order_by(x.number).limit(100)):
            says = f"no event tells of export {row.number}"
            yield Finding(row.data_class, row.event, Tampering.INSERTED, says)


def _compare(event: Mapping[Any, Any], number: int, record: dict[str, object] | None) -> Finding | None:
    chain, seq = event["chain"], event["seq"]
    if record is None:
        return Finding(chain, seq, Tampering.REMOVED, f"the record of export {number} is gone")
    told = json.loads(event["detail"]).get("digest")
    right = digest_of(record) == told == record["digest"] and (record["data_class"], record["event"]) == (chain, seq)
    return None if right else Finding(chain, seq, Tampering.CHANGED, f"the record of export {number} was changed")
