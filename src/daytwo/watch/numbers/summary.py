"""Reading a window: what its values add up to, and the newest one."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from daytwo.watch.numbers.digest import Digest, rise
from daytwo.watch.numbers.levels import LEVELS, MINUTE, RAW, SLOT, Marks, Piece, ceil, cover, floor, slots
from daytwo.watch.numbers.rolling import before
from daytwo.watch.numbers.series import Series
from daytwo.watch.numbers.sql import Sql, among

_AT_ONCE = 10_000
"""Series that are asked for in one statement."""
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


def summaries(sql: Sql, wanted: Collection[Series], marks: Marks, begin: int, end: int) -> dict[int, Summary]:
    """What a window holds of many series, by the series' number: a few queries, however many there are.

    Args:
        sql: where to read.
        wanted: which ones.
        marks: how far each level goes.
        begin: milliseconds since 1970.
        end: the same; excluded.
    """
    covered = cover(begin, end, marks)
    digests = {one.id: Digest() for one in wanted}
    summed = [one.id for one in wanted if one.sketched]
    for piece in covered.pieces:
        if piece.level == RAW:
            _samples(sql, [one for one in wanted if not one.sketched], marks, piece, digests)
        for id, _, *row in _buckets(sql, summed if piece.level == RAW else list(digests), piece, "sketch"):
            digests[id].take(*row)
    return {
        one.id: Summary(digests[one.id], max(covered.grain, _minute(one, begin, end))) for one in wanted
    }  # fmt: skip


def summary(sql: Sql, series: Series, marks: Marks, begin: int, end: int) -> Summary:
    """What a window holds of one series; see `summaries`."""
    return summaries(sql, (series,), marks, begin, end)[series.id]


def _minute(series: Series, begin: int, end: int) -> int:
    return MINUTE if series.sketched and (begin % 60_000 or end % 60_000) else 0


def buckets(sql: Sql, series: Series, piece: Piece, sketches: bool = True) -> list[Found]:
    """Rows of a piece, in the order of time: at, count, sum, min, max, last, rise, sketch.

    Where a piece of samples is asked for, they are the minutes that begin in it.
    """
    return [row[1:] for row in _buckets(sql, [series.id], piece, "sketch" if sketches else "null")]


def _buckets(sql: Sql, ids: Sequence[int], piece: Piece, sketch: str) -> Iterator[tuple[Any, ...]]:
    """The same of many series, each row with the series' number before it."""
    level = piece.level or MINUTE
    condition, values = among(slots(level, piece.begin, piece.end))
    for some in _few(ids):
        yield from sql.rows(
            f"select series, at, count, sum, min, max, last, rise, {sketch} from rollups "  # noqa: S608  # ours
            f"where level = ? and {condition} and series in ({','.join('?' * len(some))}) and at >= ? and at < ? "
            "order by slot, at",
            (level, *values, *some, ceil(piece.begin, 1000) // 1000, ceil(piece.end, 1000) // 1000),
        )


def samples(sql: Sql, series: Series, piece: Piece) -> list[tuple[int, float]]:
    """Samples of a piece, in the order of time: milliseconds, value."""
    return [row[1:] for row in _values(sql, [series.id], piece)]


def _values(sql: Sql, ids: Sequence[int], piece: Piece) -> Iterator[tuple[Any, ...]]:
    """The same of many series, each with the series' number before it."""
    condition, values = among(slots(RAW, piece.begin, piece.end))
    for some in _few(ids):
        yield from sql.rows(
            f"select series, at, value from samples where {condition} "  # noqa: S608  # ours
            f"and series in ({','.join('?' * len(some))}) and at >= ? and at < ? order by slot, at",
            (*values, *some, piece.begin, piece.end),
        )


def _samples(sql: Sql, wanted: Sequence[Series], marks: Marks, piece: Piece, digests: Mapping[int, Digest]) -> None:
    found: dict[int, list[tuple[int, float]]] = {}
    for id, at, value in _values(sql, [one.id for one in wanted], piece):
        found.setdefault(id, []).append((at, value))
    for one in wanted:
        if rows := found.get(one.id):
            values = [value for _, value in rows]
            digests[one.id].add_many(values)
            if one.total:
                digests[one.id].rise += rise(before(sql, one.id, rows[0][0], marks), values)


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


def newest(sql: Sql, wanted: Sequence[Series], now: int) -> dict[int, Last]:
    """What to show of many series, by the series' number; those that have nothing are left out.

    That is the newest value; of what comes summed up, the mean of the newest minute, and of events, each of which is a
    1, how many there were in the last minute that is whole.

    Args:
        sql: where to read.
        wanted: which ones.
        now: milliseconds since 1970; what is later does not count.
    """
    events = [one.id for one in wanted if one.counts]
    begin = floor(now // 1000, MINUTE) - MINUTE
    sums = dict.fromkeys(events, 0.0)
    for some in _few(events):
        sums |= dict(
            sql.rows(
                f"select series, sum from rollups where level = ? and slot = ? and at = ? "  # noqa: S608  # ours
                f"and series in ({','.join('?' * len(some))})",
                (MINUTE, begin // SLOT[MINUTE], begin, *some),
            )
        )
    found = {id: Last(value, moment(begin * 1000)) for id, value in sums.items()}
    found |= lasts(sql, (one for one in wanted if one.sketched and not one.counts), now, "sum / t.count")
    return found | lasts(sql, (one for one in wanted if not one.sketched), now)


def lasts(sql: Sql, wanted: Iterable[Series], now: int, summed: str = "last") -> dict[int, Last]:
    """The newest values of many series up to a time, by the series' number; those that have none are left out.

    A few queries, however many series there are: first for what came in the last minutes, then, for the rest, ever
    farther back and coarser.

    Args:
        sql: where to read.
        wanted: which ones.
        now: milliseconds since 1970; what is later does not count.
        summed: what of a bucket is its value.
    """
    left = {one.id for one in wanted}
    found: dict[int, Last] = {}
    for level, back in ((RAW, 1), (RAW, 2), *((level, _FAR) for level in LEVELS)):
        if not left:
            break
        for id, at, value in _newest(sql, left, level, back, now, summed):
            found[id] = Last(value, moment(at if level == RAW else at * 1000))
        left -= found.keys()
    return found


def _newest(
    sql: Sql, ids: Collection[int], level: int, back: int, now: int, summed: str
) -> Iterator[tuple[int, int, float]]:
    """The newest row of each series within so many slots: its number, when, and the value."""
    length = SLOT[level] * 1000
    condition, slots = among(range(now // length - back + 1, now // length + 1))
    table, value, mine, until = ("samples", "value", "", now) if level == RAW else (
        "rollups", summed, f"level = {level} and ", now // 1000
    )  # fmt: skip
    # The newest moment is found in the key alone; only then are the rows looked up, each by its whole key.
    in_key = f"{mine}slot = newest.at / {length if level == RAW else length // 1000}"
    for some in _few(sorted(ids)):
        yield from sql.rows(
            f"select t.series, t.at, t.{value} from {table} t, ("  # noqa: S608  # ours
            f"select series, max(at) as at from {table} where {mine}{condition} and at <= ? "
            f"and series in ({','.join('?' * len(some))}) group by series) newest "
            f"where {in_key} and t.series = newest.series and t.at = newest.at",
            (*slots, until, *some),
        )


def _few(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """As many at once as a statement takes."""
    for begin in range(0, len(ids), _AT_ONCE):
        yield ids[begin : begin + _AT_ONCE]


def moment(milliseconds: int) -> datetime:
    """The same as a datetime."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


__all__ = [
    "Found",
    "Last",
    "Summary",
    "buckets",
    "last",
    "lasts",
    "moment",
    "newest",
    "samples",
    "summaries",
    "summary",
]
