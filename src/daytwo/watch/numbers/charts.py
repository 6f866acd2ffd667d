"""Reading a window as a line: one point for each of its equal parts, and where that line is going."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from daytwo.watch.numbers.digest import Digest, rise
from daytwo.watch.numbers.levels import DAY, LEVELS, MINUTE, RAW, Marks, ceil, cover, floor
from daytwo.watch.numbers.rolling import before
from daytwo.watch.numbers.series import Series
from daytwo.watch.numbers.sql import Sql
from daytwo.watch.numbers.summary import Found, buckets, moment, samples

MOST = 400
"""Points of a chart; a screen has no room for more."""
_ENOUGH = 100
"""Points that are enough to be read from longer buckets instead of many short ones."""
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, DAY)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A point of a chart.

    Args:
        at: when it begins.
        seconds: how long it is.
        count: how many values.
        mean: their mean.
        min: the smallest.
        max: the largest.
        last: the newest.
        rise: how much a total grew.
        p95: what 95 % of them stay under, within 1 %; None where it was not asked for.
    """

    at: datetime
    seconds: int
    count: int
    mean: float
    min: float
    max: float
    last: float
    rise: float
    p95: float | None


@dataclass(frozen=True, slots=True)
class Trend:
    """The straight line through a window (least squares of the parts' means).

    Args:
        slope: units a second.
        value: where it is at the window's end.
        points: how many parts it goes through.
    """

    slope: float
    value: float
    points: int


def chart(
    sql: Sql, series: Series, marks: Marks, begin: int, end: int, points: int = MOST, quantiles: bool = True
) -> list[Bucket]:
    """Points of a window, those left out that have no values.

    Args:
        sql: where to read.
        series: which one.
        marks: how far each level goes.
        begin: milliseconds since 1970; the first point begins at or before it.
        end: the same; excluded.
        points: at most so many, and one more where the window begins in the middle of one.
        quantiles: find the 95th percentiles, too.
    """
    if begin >= end:
        return []
    step, level = _step(begin, end, max(1, points), marks)
    if series.sketched:
        step = max(step, MINUTE)
    found = _found(sql, series, marks, floor(begin, step * 1000), end, level, quantiles)
    return [
        _bucket(at * step, step, list(group), quantiles) for at, group in groupby(found, lambda row: row[0] // step)
    ]


def _step(begin: int, end: int, points: int, marks: Marks) -> tuple[int, int]:
    """Seconds of a point, and the level that is read for it: one that has not been deleted, if there is any."""
    span = (end - begin) / 1000
    level = max(level for level in LEVELS if span >= level * min(points, _ENOUGH))
    wanted = max(span / points, level)
    step = next((step for step in _STEPS if step >= wanted), ceil(math.ceil(wanted), DAY))
    kept = {one: max(begin // 1000, marks.kept(one)) for one in LEVELS if one >= level}
    if kept[level] > begin // 1000:
        level = min(kept, key=lambda one: (kept[one], one))
    return max(step, level), level


def _found(sql: Sql, series: Series, marks: Marks, begin: int, end: int, level: int, sketches: bool) -> Iterator[Found]:
    for piece in cover(begin, end, marks, level).pieces:
        if piece.level == RAW and not series.sketched:
            last = None
            found = samples(sql, series, piece)
            if found and series.total:
                last = before(sql, series.id, found[0][0], marks)
            for at, value in found:
                grown = rise(last, (value,)) if series.total else 0.0
                last = value
                yield at // 1000, 1, value, value, value, value, grown, None
        else:
            yield from buckets(sql, series, piece, sketches)


def _bucket(at: int, step: int, rows: Iterable[Found], quantiles: bool) -> Bucket:
    digest = Digest()
    for row in rows:
        digest.take(*row[1:])
    return Bucket(
        moment(at * 1000),
        step,
        digest.count,
        digest.sum / digest.count,
        digest.min,
        digest.max,
        digest.last,
        digest.rise,
        digest.quantile(0.95) if quantiles else None,
    )


def trend(sql: Sql, series: Series, marks: Marks, begin: int, end: int) -> Trend | None:
    """Where a window's line is going; None when fewer than two of its parts have values.

    Args:
        sql: where to read.
        series: which one.
        marks: how far each level goes.
        begin: milliseconds since 1970.
        end: the same; excluded.
    """
    line = [
        (bucket.at.timestamp() + bucket.seconds / 2 - end / 1000, bucket.mean)
        for bucket in chart(sql, series, marks, begin, end, quantiles=False)
    ]
    if len(line) < 2:
        return None
    middle = sum(x for x, _ in line) / len(line)
    mean = sum(y for _, y in line) / len(line)
    slope = sum((x - middle) * (y - mean) for x, y in line) / sum((x - middle) ** 2 for x, _ in line)
    return Trend(slope, mean - slope * middle, len(line))


__all__ = ["MOST", "Bucket", "Trend", "chart", "trend"]
