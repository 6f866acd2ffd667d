"""How many: lines of logs and matches of patterns, as series."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from daytwo.core.check import Unit
from daytwo.watch.logs.follower import Batch
from daytwo.watch.logs.lines import Write
from daytwo.watch.numbers import Numbers
from daytwo.watch.numbers.digest import Digest
from daytwo.watch.numbers.points import Summed

_MINUTE = 60


def minute_of(milliseconds: int) -> int:
    """The minute of a line, in seconds since 1970."""
    return milliseconds // 60_000 * _MINUTE


def summed(counts: Mapping[tuple[str, int], int]) -> list[Summed]:
    """Counts as minutes of series in which everything that was counted is a 1: both `sum` and `count` are right.

    Args:
        counts: how many, by series and minute.
    """
    found = []
    for (name, minute), count in sorted(counts.items(), key=lambda one: one[0][1]):
        digest = Digest()
        digest.take(count, float(count), 1.0, 1.0, 1.0, 0.0, None)
        found.append(Summed(name, Unit.COUNT, minute, digest))
    return found


def counted(numbers: Numbers, batches: Sequence[Batch]) -> Write:
    """Writes how many lines came: `logs.LOG.lines`.

    Args:
        numbers: where.
        batches: what came.
    """
    counts = Counter((f"logs.{batch.log}.lines", minute_of(line.at)) for batch in batches for line in batch.lines)

    def write(connection: sa.Connection, now: datetime) -> None:
        numbers.add_summed(connection, summed(counts), now)

    return write


__all__ = ["counted", "minute_of", "summed"]
