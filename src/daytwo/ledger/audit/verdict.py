"""What a look through the trail found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import sqlalchemy as sa

from daytwo.core.records import Head


class Tampering(StrEnum):
    """What was done to the trail."""

    CHANGED = "changed"
    """An event, or a row about a segment, is not what was recorded."""
    REMOVED = "removed"
    """Events are missing, and later ones are there."""
    INSERTED = "inserted"
    """An event is there that was never appended."""
    REORDERED = "reordered"
    """Events stand in another order than the one they were appended in."""
    CUT_OFF = "cut off"
    """The newest events are missing."""
    REWRITTEN = "rewritten"
    """The chain agrees with itself, and not with a head that was kept elsewhere."""


@dataclass(frozen=True)
class Finding:
    """The first thing that is wrong with a chain, or something wrong with what its events are about.

    Args:
        chain: the data class.
        seq: the number of the first event that is not as it was; of a rewritten chain, the first known to differ.
        what: what was done.
        says: one sentence.
    """

    chain: str
    seq: int
    what: Tampering
    says: str

    def __str__(self) -> str:
        return f"{self.chain}/{self.seq} {self.what}: {self.says}"


@dataclass(frozen=True)
class Verdict:
    """The whole look.

    Args:
        findings: what is wrong; nothing when the trail is whole.
        heads: where each chain ends: keep them elsewhere.
        events: how many events were read.
        exports: how many export records were compared with their events.
        anchors: how many heads kept elsewhere were compared.
        out_of_reach: how many of those are about the middle of a stretch that has been pruned since.
        unread: by chain, how many events stand after the first wrong one: they were not looked at.
    """

    findings: tuple[Finding, ...]
    heads: tuple[Head, ...]
    events: int
    exports: int
    anchors: int
    out_of_reach: int
    unread: Mapping[str, int] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


class Witness(Protocol):
    """Knows the records elsewhere that events of one action are about, such as the exports.

    Args:
        action: the action.
    """

    action: str

    def hear(self, connection: sa.Connection, rows: Sequence[Mapping[Any, Any]]) -> Iterator[Finding]:
        """Compare records with some events, given as their columns as stored."""
        ...

    def unheard(self, connection: sa.Connection) -> Iterator[Finding]:
        """Find records that no event is about."""
        ...
