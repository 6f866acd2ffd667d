"""Reading a window: what its values add up to, and the newest one."""

from dataclasses import dataclass
from datetime import UTC, datetime

from daytwo.watch.numbers.digest import Digest, rise
from daytwo.watch.numbers.levels import LEVELS, MINUTE, RAW, SLOT, Marks, Piece, ceil, cover, slots
from daytwo.watch.numbers.rolling import before
from daytwo.watch.numbers.series import Series
from daytwo.watch.numbers.sql import Sql, among

_FAR = 300
"""Slots that are looked through for the newest value, at each level."""


Found = tuple[int, int, float, float, float, float, float, bytes | None]
"""When a bucket begins, in seconds; then what `Digest.take` takes."""


@dataclass(frozen=True)
class Summary:
    """What a window holds.

    Args:
        digest: of its values.
        grain: seconds that its edges may be off, because what was finer has been deleted, or never was; 0: exact.
    """

    digest: Digest
    grain: int = 0

    @property
    def count(self) -> int:
        """How many values."""
        return self.digest.count

    @property
    def sum(self) -> float:
        """Their sum; 0 when there are none."""
        return self.digest.sum

    @property
    def min(self) -> float | None:
        """The smallest; None when there are none."""
        return self.digest.min if self.count else None

    @property
    def max(self) -> float | None:
        """The largest; None when there are none."""
        return self.digest.max if self.count else None

    @property
    def mean(self) -> float | None:
        """Their mean; None when there are none."""
        return self.digest.sum / self.count if self.count else None

    @property
    def last(self) -> float | None:
        """The newest; None when there are none."""
        return self.digest.last if self.count else None

    @property
    def rise(self) -> float:
        """How much a total grew, over beginnings anew: each sample counts what it is more than the one before it, even
        where that one lies before the window. 0 when it is no total."""
        return self.digest.rise

    def quantile(self, q: float) -> float | None:
        """The value that this part of all values stays under, within 1 %; None when there are none.

        Args:
            q: from 0 to 1.

        Raises:
            ValueError: `q` is no part.
            DamagedError: a stored sketch is damaged.
        """
        return self.digest.quantile(q)


@dataclass(frozen=True, slots=True)
class Last:
    """The newest value.

    Args:
        value: the value.
        at: when it was taken, or, where only sums are left, when its bucket began.
    """

    value: float
    at: datetime


def summary(sql: Sql, series: Series, marks: Marks, begin: int, end: int) -> Summary:
    """What a window holds.

    Args:
        sql: where to read.
        series: which one.
        marks: how far each level goes.
        begin: milliseconds since 1970.
        end: the same; excluded.
    """
    covered = cover(begin, end, marks)
    digest = Digest()
    for piece in covered.pieces:
        if piece.level == RAW and not series.sketched:
            _samples(sql, series, marks, piece, digest)
        else:
            for row in buckets(sql, series, piece):
                digest.take(*row[1:])
    return Summary(digest, max(covered.grain, _minute(series, begin, end)))


def _minute(series: Series, begin: int, end: int) -> int:
    return MINUTE if series.sketched and (begin % 60_000 or end % 60_000) else 0


def buckets(sql: Sql, series: Series, piece: Piece, sketches: bool = True) -> list[Found]:
    """Rows of a piece, in the order of time: at, count, sum, min, max, last, rise, sketch.

    Where a piece of samples is asked for, they are the minutes that begin in it.
    """
    level = piece.level or MINUTE
    condition, values = among(slots(level, piece.begin, piece.end))
    return sql.rows(
        f"select at, count, sum, min, max, last, rise, {'sketch' if sketches else 'null'} from rollups "  # noqa: S608  # ours
        f"where level = ? and {condition} and series = ? and at >= ? and at < ? order by slot, at",
        (level, *values, series.id, ceil(piece.begin, 1000) // 1000, ceil(piece.end, 1000) // 1000),
    )


def samples(sql: Sql, series: Series, piece: Piece) -> list[tuple[int, float]]:
    """Samples of a piece, in the order of time: milliseconds, value."""
    condition, values = among(slots(RAW, piece.begin, piece.end))
    return sql.rows(
        f"select at, value from samples where {condition} and series = ? and at >= ? and at < ? order by slot, at",  # noqa: S608  # ours
        (*values, series.id, piece.begin, piece.end),
    )


def _samples(sql: Sql, series: Series, marks: Marks, piece: Piece, digest: Digest) -> None:
    found = samples(sql, series, piece)
    if not found:
        return
    values = [value for _, value in found]
    digest.add_many(values)
    if series.total:
        digest.rise += rise(before(sql, series.id, found[0][0], marks), values)


def last(sql: Sql, series: Series, marks: Marks, now: int) -> Last | None:
    """The newest value up to a time.

    Args:
        sql: where to read.
        series: which one.
        marks: how far each level goes.
        now: milliseconds since 1970; what is later does not count.
    """
    for back in (2, _FAR):
        slot = now // (SLOT[RAW] * 1000)
        condition, values = among(range(slot - back + 1, slot + 1))
        found = sql.rows(
            f"select value, at from samples where {condition} and series = ? and at <= ? "  # noqa: S608  # ours
            "order by slot desc, at desc limit 1",
            (*values, series.id, now),
        )
        if found:
            return Last(found[0][0], moment(found[0][1]))
    for level in LEVELS[1:]:
        slot = now // (SLOT[level] * 1000)
        condition, values = among(range(slot - _FAR + 1, slot + 1))
        found = sql.rows(
            f"select last, at from rollups where level = ? and {condition} and series = ? and at <= ? "  # noqa: S608  # ours
            "order by slot desc, at desc limit 1",
            (level, *values, series.id, now // 1000),
        )
        if found:
            return Last(found[0][0], moment(found[0][1] * 1000))
    return None


def moment(milliseconds: int) -> datetime:
    """The same as a datetime."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


__all__ = ["Found", "Last", "Summary", "buckets", "last", "moment", "samples", "summary"]
