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
        found = sql.rows(
            "select at from samples where slot in (?, ?) and series = ? and at > ? order by slot, at limit 1",
            (slot, slot + 1, series.id, at),
        )
        if found:
            yield series.id, int(found[0][0]) // 60_000 * MINUTE


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
        digest.rise = rise(before(sql, series.id, found[0][0], marks), values)
    return digest.row(series.id, at)


def _longer(sql: Sql, id: int, at: int, finer: int, level: int) -> Row | None:
    condition, values = among(slots(finer, at * 1000, (at + level) * 1000))
    found = sql.rows(
        "select series, at, count, sum, min, max, last, rise, sketch from rollups "  # noqa: S608  # ours
        f"where level = ? and {condition} and series = ? and at >= ? and at < ? order by slot, at",
        (finer, *values, id, at, at + level),
    )
    return summed(id, at, found) if found else None
