"""What came after its minute had been summed up: the buckets in which it lies are summed up again, level by level."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

from daytwo.watch.numbers.digest import Digest, Row, rise
from daytwo.watch.numbers.levels import LEVELS, MINUTE, RAW, SLOT, Marks, slots
from daytwo.watch.numbers.rolling import before, summed, write
from daytwo.watch.numbers.series import Series
from daytwo.watch.numbers.sql import Sql, among

Bucket = tuple[int, int]
"""A series and the second at which a bucket begins."""
_FAR = 300
"""Slots that are looked through for the next sample: as long as samples are kept, unless somebody says otherwise."""


def mend(sql: Sql, own: Mapping[int, Series], marks: Marks, late: Iterable[tuple[int, int]]) -> None:
    """Sum up again.

    Args:
        sql: where to write.
        own: the series by number.
        marks: how far each level goes; what has not been summed up yet stays so.
        late: series and milliseconds of what came late.
    """
    touched = {bucket for id, at in late for bucket in _minutes(sql, own[id], at)}
    for finer, level in pairwise(LEVELS):
        touched = {
            (id, at // level * level)
            for id, at in touched
            if at // level * level + level <= marks.rolled(level) and at // level * level >= marks.kept(finer)
        }
        if finer == RAW:
            rows = [_minute(sql, own[id], at, marks) for id, at in touched if not own[id].sketched]
        else:
            rows = [_longer(sql, id, at, finer, level) for id, at in touched]
        write(sql, level, [row for row in rows if row is not None])


def _minutes(sql: Sql, series: Series, at: int) -> Iterable[Bucket]:
    """The minute of a sample; of a total also that of the next sample, which has now grown from another value."""
    yield series.id, at // 60_000 * MINUTE
    if series.total and not series.sketched:
        slot = at // 1000 // SLOT[RAW]
        for near in (range(slot, slot + 2), range(slot + 2, slot + _FAR)):
            condition, values = among(near)
            found = sql.rows(
                f"select at from samples where {condition} and series = ? and at > ? order by slot, at limit 1",  # noqa: S608  # ours
                (*values, series.id, at),
            )
            if found:
                yield series.id, int(found[0][0]) // 60_000 * MINUTE
                return


def _minute(sql: Sql, series: Series, at: int, marks: Marks) -> Row | None:
    found = sql.rows(
        "select at, value from samples where slot = ? and series = ? and at >= ? and at < ? order by at",
        (at // SLOT[RAW], series.id, at * 1000, (at + MINUTE) * 1000),
    )
    if not found:
        return None
    values = [value for _, value in found]
    digest = Digest()
    digest.add_many(values)
    if series.total:
        digest.rise = rise(_before(sql, series.id, found[0][0], marks), values)
    return digest.row(series.id, at)


def _before(sql: Sql, id: int, at: int, marks: Marks) -> float | None:
    """The newest value before a time; what is longer ago is looked for among the samples first, since sums of it may be
    about to be mended, too."""
    slot = at // 1000 // SLOT[RAW]
    condition, values = among(range(max(0, slot - _FAR), slot + 1))
    found = sql.rows(
        f"select value from samples where {condition} and series = ? and at < ? order by slot desc, at desc limit 1",  # noqa: S608  # ours
        (*values, id, at),
    )
    return float(found[0][0]) if found else before(sql, id, at, marks)


def _longer(sql: Sql, id: int, at: int, finer: int, level: int) -> Row | None:
    condition, values = among(slots(finer, at * 1000, (at + level) * 1000))
    found = sql.rows(
        "select series, at, count, sum, min, max, last, rise, sketch from rollups "  # noqa: S608  # ours
        f"where level = ? and {condition} and series = ? and at >= ? and at < ? order by slot, at",
        (finer, *values, id, at, at + level),
    )
    return summed(id, at, found) if found else None
