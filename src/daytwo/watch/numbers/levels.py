"""Levels of numbers, how far each of them goes, and which of them cover a window. Nothing here knows of a database.

A sample belongs to the minute in which it lies, a minute to its five minutes, and so on up to days, all counted from
1970 in UTC. What is written at one time lies side by side: rows are kept by *slots* of time first, then by series. A
batch of 1,000 series' samples so changes some 20 pages of a file instead of 1,000.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

RAW = 0
MINUTE = 60
FIVE = 300
HOUR = 3600
DAY = 86400
LEVELS = (RAW, MINUTE, FIVE, HOUR, DAY)
"""Lengths of buckets in seconds, from the finest."""
SLOT: Mapping[int, int] = {RAW: 600, MINUTE: 600, FIVE: 3600, HOUR: DAY, DAY: 360 * DAY}
"""Seconds of a slot, by level: a multiple of the next level's buckets."""
LATE = 120
"""Seconds that a sample may be late before its minute is summed up; later ones mean that it is summed up again."""
AHEAD = 120
"""Seconds that a sample's time may be ahead of ours; it does not count until then."""


@dataclass(frozen=True)
class Marks:
    """How far each level goes, in seconds since 1970.

    Args:
        until: everything before it has been summed up, by level.
        since: everything before it may have been deleted, by level, samples too.
    """

    until: Mapping[int, int] = field(default_factory=dict)
    since: Mapping[int, int] = field(default_factory=dict)

    def rolled(self, level: int) -> int:
        """Up to when a level has been summed up."""
        return self.until.get(level, 0)

    def kept(self, level: int) -> int:
        """From when on a level is there."""
        return self.since.get(level, 0)

    def finer(self, level: int) -> int:
        """From when on there is anything finer than this level, in whole buckets of it."""
        return ceil(min(self.kept(one) for one in LEVELS if one < level), level)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a window and the level that it is read from; milliseconds since 1970."""

    level: int
    begin: int
    end: int


@dataclass(frozen=True)
class Cover:
    """What a window is read from.

    Args:
        pieces: in the order of time, none overlapping another.
        grain: seconds that the window's edges may be off, because what was finer has been deleted: there a bucket
            counts as a whole for the window in which it begins. 0: exact.
    """

    pieces: tuple[Piece, ...]
    grain: int


def floor(time: int, length: int) -> int:
    """When the bucket of this length begins in which a time lies."""
    return time - time % length


def ceil(time: int, length: int) -> int:
    """When the first bucket of this length begins that does not begin before a time."""
    return time + -time % length


def slots(level: int, begin: int, end: int) -> range:
    """The slots that hold what lies between two times, in milliseconds, the second one excluded."""
    length = SLOT[level] * 1000
    return range(begin // length, (end - 1) // length + 1)


def cover(begin: int, end: int, marks: Marks, coarsest: int = DAY) -> Cover:
    """Cover a window with the longest buckets that lie in it, and its edges with shorter ones, down to samples.

    Windows that adjoin each other count everything once, whatever has been deleted.

    Args:
        begin: milliseconds since 1970.
        end: the same; excluded.
        marks: how far each level goes.
        coarsest: use no longer buckets.
    """
    coarse: list[int] = [RAW]
    pieces = tuple(_pieces(max(0, begin), end, coarsest, marks, coarse))
    return Cover(pieces, max(coarse))


def _pieces(begin: int, end: int, level: int, marks: Marks, coarse: list[int]) -> Iterator[Piece]:
    if begin >= end:
        return
    if level == RAW:
        yield Piece(RAW, begin, end)
        return
    finer = LEVELS[LEVELS.index(level) - 1]
    length, gone = level * 1000, marks.finer(level) * 1000
    first = ceil(max(begin, marks.kept(level) * 1000), length)
    last = floor(min(end, marks.rolled(level) * 1000), length)
    if last < min(end, gone) and last + length <= marks.rolled(level) * 1000:
        coarse.append(level)
        last += length
    if begin < gone and (begin < first or first >= last):
        coarse.append(level)
    finest = max(begin, min(gone, end))
    if first >= last:
        yield from _pieces(finest, end, finer, marks, coarse)
        return
    yield from _pieces(finest, first, finer, marks, coarse)
    yield Piece(level, first, last)
    yield from _pieces(last, end, finer, marks, coarse)
