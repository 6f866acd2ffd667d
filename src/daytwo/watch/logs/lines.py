"""What logs are made of, and the contract of whoever reads them.

A follower hands over lines together with the place up to which it has read. All readers are given the lines, outside
any transaction, and each gives back what it has to write. That and the place are then written in one transaction: after
a crash it begins again where the numbers end, and no line counts twice or is left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa

LONGEST = 64 * 1024
"""Characters of a line that are kept; what follows is left out."""

Write = Callable[[sa.Connection, datetime], None]
"""Writes what was read, given the time. It may be called again when the transaction came to nothing."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log.

    Args:
        at: when it was written by its own stamp, or when it was read where it has none, in milliseconds since 1970.
        text: without its end; what is no text is replaced.
        cut: whether it was longer than `LONGEST`.
    """

    at: int
    text: str
    cut: bool = False


class Reader(Protocol):
    """Makes something of the lines of logs."""

    def read(self, log: str, lines: Sequence[Line]) -> Write | None:
        """Look at lines.

        Called in a thread, one call at a time, outside any transaction. It must be fast, bounded in memory whatever
        the lines hold, and must not raise because of what they hold.

        Args:
            log: the name of the log.
            lines: in the order in which they came, of at most about a second.

        Returns:
            What is to be written for them, or None.
        """
        ...
