"""What comes in: samples, and minutes that somebody has summed up already."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import NamedTuple

from daytwo.watch.numbers.digest import Digest
from daytwo.watch.numbers.levels import AHEAD, MINUTE, RAW, SLOT, Marks
from daytwo.watch.numbers.mending import mend
from daytwo.watch.numbers.rolling import write
from daytwo.watch.numbers.series import Book, Kind, Series, by_id
from daytwo.watch.numbers.sql import SAMPLES, Sql


class Point(NamedTuple):
    """A sample.

    Args:
        name: of its series.
        unit: what it counts, see `core.check.Unit`.
        total: a counter, whose increase is what counts.
        at: milliseconds since 1970.
        value: any finite number.
    """

    name: str
    unit: str
    total: bool
    at: int
    value: float


class Summed(NamedTuple):
    """A minute of a series, or a part of it.

    Args:
        name: of its series, which has no samples.
        unit: what it counts.
        minute: seconds since 1970 at which the minute begins.
        digest: of its values.
    """

    name: str
    unit: str
    minute: int
    digest: Digest


def add(sql: Sql, book: Book, marks: Marks, points: Sequence[Point], now: datetime) -> int:
    """Store samples; one of the same series and time is replaced.

    Args:
        sql: where to write.
        book: the series.
        marks: how far each level goes: what is late is summed up again.
        points: in any order.
        now: the time.

    Returns:
        How many were stored: not those that are not finite, older than samples are kept, or farther ahead of our clock
        than `AHEAD`.
    """
    wanted = {name: Kind(unit, total) for name, unit, total, _, _ in points}
    known = book.make(sql, wanted, now)
    oldest, newest = marks.kept(RAW) * 1000, int((now.timestamp() + AHEAD) * 1000)
    length, rolled = SLOT[RAW] * 1000, marks.rolled(MINUTE) * 1000
    rows, late = {}, []
    for name, _, _, at, value in points:
        if oldest <= at <= newest and isfinite(value) and name in known:
            id = known[name].id
            rows[id, at] = (at // length, id, at, float(value))
            if at < rolled:
                late.append((id, at))
    sql.put(SAMPLES, list(rows.values()))
    if late:
        mend(sql, by_id(known.values()), marks, late)
    return len(rows)


def add_summed(sql: Sql, book: Book, marks: Marks, minutes: Iterable[Summed], now: datetime) -> int:
    """Store minutes that are summed up; what is there of the same minute is added to.

    Args:
        sql: where to write.
        book: the series.
        marks: how far each level goes: what is late is summed up again.
        minutes: in the order of time. Whoever hands them in remembers that in the same transaction: twice counts twice.
        now: the time.

    Returns:
        How many were stored; see `add`.
    """
    collected: dict[tuple[str, int], Digest] = {}
    units: dict[str, Kind] = {}
    oldest, newest = marks.kept(MINUTE), now.timestamp() + AHEAD
    count = 0
    for name, unit, minute, digest in minutes:
        if oldest <= minute <= newest and digest.count:
            collected.setdefault((name, minute - minute % MINUTE), Digest()).merge(digest)
            units[name] = Kind(unit, sketched=True)
            count += 1
    known = book.make(sql, units, now)
    _write(sql, known, marks, {(known[name], at): one for (name, at), one in collected.items() if name in known})
    return count


def _write(sql: Sql, known: Mapping[str, Series], marks: Marks, digests: Mapping[tuple[Series, int], Digest]) -> None:
    rows = []
    for (series, at), digest in digests.items():
        there = Digest()
        for row in sql.rows(
            "select count, sum, min, max, last, rise, sketch from rollups "
            "where level = ? and slot = ? and series = ? and at = ?",
            (MINUTE, at // SLOT[MINUTE], series.id, at),
        ):
            there.take(*row)
        there.merge(digest)
        rows.append(there.row(series.id, at))
    write(sql, MINUTE, rows)
    late = [(series.id, at * 1000) for series, at in digests if at < marks.rolled(MINUTE)]
    if late:
        mend(sql, by_id(known.values()), marks, late)
