"""Summing up: minutes from samples, five minutes from minutes, hours, days.

Each piece of work is a slot of time, read in the order of its key, and is written in one transaction with the mark that
it is done: whoever dies begins the piece again, and nothing counts twice. Where there is nothing, the mark moves on
without a look at each minute.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from operator import itemgetter

from daytwo.watch.numbers.digest import Digest, Row, rise
from daytwo.watch.numbers.levels import LATE, LEVELS, MINUTE, RAW, SLOT, Marks, floor, slots
from daytwo.watch.numbers.series import Series
from daytwo.watch.numbers.sql import ROLLUPS, Sql, among

Samples = Iterable[tuple[int, int, float]]
"""Series, milliseconds, value."""
_COLUMNS = "series, at, count, sum, min, max, last, rise, sketch"
_FIELDS = itemgetter(*range(2, 9))


def write(sql: Sql, level: int, rows: Sequence[Row]) -> None:
    """Put rows of a level."""
    length = SLOT[level]
    sql.put(ROLLUPS, [(level, row.at // length, *row) for row in rows])


def roll(sql: Sql, own: Mapping[int, Series], marks: Marks, now: int, most: int) -> tuple[Marks, bool]:
    """Sum up what has come to its end.

    Args:
        sql: where to write.
        own: the series by number.
        marks: how far each level goes.
        now: seconds since 1970.
        most: slots at each level, so that a transaction stays short.

    Returns:
        The new marks, and whether there is more to do.
    """
    until, more = dict(marks.until), False
    for finer, level in pairwise(LEVELS):
        end = floor(now - LATE if finer == RAW else until[finer], level)
        begin = until.get(level)
        if begin is None:
            begin = min(end, _oldest(sql, finer, level))
        for _ in range(most):
            begin = _skip(sql, finer, begin, end)
            if begin >= end:
                break
            piece = min(end, floor(begin, SLOT[finer]) + SLOT[finer])
            rows = (
                _minutes(sql, own, marks, begin, piece)
                if finer == RAW
                else _longer(sql, own, finer, level, begin, piece)
            )
            write(sql, level, list(rows))
            begin = piece
        more |= begin < end
        until[level] = max(begin, until.get(level, 0))
    return replace(marks, until=until), more


def _oldest(sql: Sql, finer: int, level: int) -> int:
    """Where to begin when a level never was summed up."""
    found = [first_slot(sql, finer, 0)]
    if finer == RAW:
        found.append(first_slot(sql, MINUTE, 0))
    return floor(min((one for one in found if one is not None), default=2**40), level)


def _skip(sql: Sql, level: int, begin: int, end: int) -> int:
    """The first time from which there can be anything, at most the end."""
    first = first_slot(sql, level, begin)
    return end if first is None else min(end, max(begin, first))


def first_slot(sql: Sql, level: int, begin: int) -> int | None:
    """When the first slot begins that holds something from a time on."""
    if level == RAW:
        found = sql.rows("select slot from samples where slot >= ? order by slot limit 1", (begin // SLOT[RAW],))
    else:
        found = sql.rows(
            "select slot from rollups where level = ? and slot >= ? order by slot limit 1",
            (level, begin // SLOT[level]),
        )
    return int(found[0][0]) * SLOT[level] if found else None


def _minutes(sql: Sql, own: Mapping[int, Series], marks: Marks, begin: int, end: int) -> Iterator[Row]:
    """Minutes of the samples between two times in one slot."""
    samples = sql.rows(
        "select series, at, value from samples where slot = ? and at >= ? and at < ? order by series, at",
        (begin // SLOT[RAW], begin * 1000, end * 1000),
    )
    recent = _recent(sql, begin)
    for id, group in groupby(samples, itemgetter(0)):
        series = own.get(id)
        if series is None or series.sketched:
            continue
        rows = list(group)
        first = None
        if series.total:
            first = recent[id] if id in recent else before(sql, id, rows[0][1], marks)
        yield from _sums(id, rows, first, series.total)


def _sums(id: int, samples: Samples, first: float | None, total: bool) -> Iterator[Row]:
    last = first
    for minute, group in groupby(samples, lambda sample: sample[1] // 60_000):
        values = [sample[2] for sample in group]
        grown = rise(last, values) if total else 0.0
        last = values[-1]
        if len(values) == 1:
            yield Row(id, minute * MINUTE, 1, last, last, last, last, grown, None)
            continue
        digest = Digest()
        digest.add_many(values)
        digest.rise = grown
        yield digest.row(id, minute * MINUTE)


def _recent(sql: Sql, begin: int) -> dict[int, float]:
    """The last value of each series that has one in the three minutes before."""
    since = begin - 3 * MINUTE
    condition, values = among(slots(MINUTE, since * 1000, begin * 1000))
    found = sql.rows(
        f"select series, last from rollups where level = ? and {condition} and at >= ? and at < ? order by at",  # noqa: S608  # ours
        (MINUTE, *values, since, begin),
    )
    return dict(found)


def _longer(sql: Sql, own: Mapping[int, Series], finer: int, level: int, begin: int, end: int) -> Iterator[Row]:
    """Buckets of a level from the finer ones between two times in one slot."""
    found = sql.rows(
        f"select {_COLUMNS} from rollups where level = ? and slot = ? and at >= ? and at < ? order by series, at",  # noqa: S608  # ours
        (finer, begin // SLOT[finer], begin, end),
    )
    for (id, at), group in groupby(found, lambda row: (row[0], row[1] // level)):
        if id in own:
            yield summed(id, at * level, list(group))


def summed(
    id: int, at: int, rows: Sequence[tuple[int, int, int, float, float, float, float, float, bytes | None]]
) -> Row:
    """One bucket of several finer ones, in the order of time."""
    if len(rows) == 1:
        return Row(id, at, *rows[0][2:])
    digest = Digest()
    for row in rows:
        digest.take(*_FIELDS(row))
    return digest.row(id, at)


def before(sql: Sql, id: int, at: int, marks: Marks) -> float | None:
    """The newest value of a series before a time, in milliseconds; None when there is none."""
    second = at // 1000
    oldest = min(second, marks.rolled(MINUTE)) - SLOT[RAW]
    condition, values = among(slots(RAW, max(0, oldest * 1000), at + 1))
    found = sql.rows(
        f"select value from samples where {condition} and series = ? and at < ? order by slot desc, at desc limit 1",  # noqa: S608  # ours
        (*values, id, at),
    )
    for level in () if found else LEVELS[1:]:
        length = SLOT[level]
        found = sql.rows(
            "select last from rollups where level = ? and slot in (?, ?) and series = ? and at < ? "
            "order by slot desc, at desc limit 1",
            (level, second // length, second // length - 1, id, floor(second, level)),
        )
        if found:
            break
    return float(found[0][0]) if found else None


__all__ = ["before", "first_slot", "roll", "summed", "write"]
