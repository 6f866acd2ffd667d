"""Says what was done to an event that does not fit: changed, removed, inserted or reordered."""

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from daytwo.ledger.audit.event import HASHED, hash_of
from daytwo.ledger.audit.verdict import Finding, Tampering
from daytwo.store.tables import audit_events

_Row = Mapping[Any, Any]
_Look = Callable[[sa.ColumnElement[bool]], sa.RowMapping | None]
_NUMBERS = ("segment", "seq")
_NEAR = 20_000
"""How far from where it stands an event's true number is looked for."""


def blame(row: _Row, seq: int, previous: str, last: int, look: _Look) -> Finding | None:
    """Judge one event.

    Args:
        row: the event's columns as stored.
        seq: the number of the event before it.
        previous: that one's hash.
        last: how many events the chain should have.
        look: finds another event of the chain.

    Returns:
        What is wrong with it, or None.
    """
    chain, here = row["chain"], row["seq"]
    if odd := [name for name in HASHED if not isinstance(row[name], int if name in _NUMBERS else str)]:
        return Finding(
            chain, here if "seq" not in odd else seq + 1, Tampering.CHANGED, f"its {odd[0]} is of another kind"
        )
    if here <= seq:
        return Finding(chain, here, Tampering.INSERTED, "it stands where events have been pruned")
    if here > seq + 1:
        return Finding(chain, seq + 1, Tampering.REMOVED, f"{here - seq - 1} events are missing before {here}")
    if hash_of(row) != row["hash"]:
        return _misplaced(row, previous, last, look)
    if row["previous"] != previous:
        return _unlinked(row, look)
    return None


def _misplaced(row: _Row, previous: str, last: int, look: _Look) -> Finding:
    """An event whose hash is not its own: does the hash fit with another number?"""
    chain, here = row["chain"], row["seq"]
    true = _true_number(row, last)
    if true is None:
        after = look(audit_events.c.seq == here + 1)
        if after is not None and _fits(after, here):
            return Finding(chain, here, Tampering.INSERTED, f"the event that was {here} is now {here + 1}")
        return Finding(chain, here, Tampering.CHANGED, "its hash is not that of what it says")
    if true < here:
        return Finding(chain, here - 1, Tampering.INSERTED, f"the event that was {true} is now {here}")
    if look(sa.and_(audit_events.c.previous == previous, audit_events.c.seq != here)) is None:
        return Finding(chain, here, Tampering.REMOVED, f"the event that was {true} was moved into its place")
    return Finding(chain, here, Tampering.REORDERED, f"the event that was {true} stands in its place")


def _unlinked(row: _Row, look: _Look) -> Finding:
    """An event that agrees with itself and not with the one before: which of the two was written anew?"""
    chain, here = row["chain"], row["seq"]
    after = look(audit_events.c.seq == here + 1)
    before = look(audit_events.c.seq == here - 1)
    genuine = after is not None and after["previous"] == row["hash"]
    if before is not None and (genuine or after is None):
        return Finding(chain, here - 1, Tampering.CHANGED, f"event {here} knows it by another hash")
    return Finding(chain, here, Tampering.CHANGED, "it does not follow from the event before it")


def _true_number(row: _Row, last: int) -> int | None:
    here = row["seq"]
    for distance in range(1, min(_NEAR, last + 1)):
        for number in (here + distance, here - distance):
            if 0 < number <= last and _fits(row, number):
                return int(number)
    return None


def _fits(row: _Row, number: int) -> bool:
    return hash_of({**row, "seq": number}) == str(row["hash"])
