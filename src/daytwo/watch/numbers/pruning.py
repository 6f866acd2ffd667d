"""Deleting what is older than it is kept, slot by slot, and only what has been summed up; which series are empty."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from daytwo.config.watching import Kept
from daytwo.watch.numbers.levels import DAY, FIVE, HOUR, LEVELS, MINUTE, RAW, SLOT, Marks, floor
from daytwo.watch.numbers.rolling import first_slot
from daytwo.watch.numbers.sql import Sql, among

_AT_ONCE = 300
"""Slots that are looked up in one statement."""


def lengths(kept: Kept) -> Mapping[int, float]:
    """Seconds that each level is kept."""
    return {RAW: kept.raw, MINUTE: kept.raw, FIVE: kept.five_minutes, HOUR: kept.hours, DAY: kept.days}


def prune(sql: Sql, own: tuple[str, str], marks: Marks, now: int, kept: Kept, most: int) -> tuple[Marks, bool]:
    """Delete.

    Args:
        sql: where to write.
        own: the app and environment.
        marks: how far each level goes.
        now: seconds since 1970.
        kept: how long each level is kept; up to a slot longer, since only whole slots go.
        most: slots at each level, so that a transaction stays short.

    Returns:
        The new marks, and whether there is more to do.
    """
    since, more = dict(marks.since), False
    for level, length in lengths(kept).items():
        end = _end(level, int(now - length), marks)
        begin = first_slot(sql, level, marks.kept(level))
        for _ in range(most):
            if begin is None or begin >= end:
                break
            _delete(sql, own, level, begin // SLOT[level], end)
            begin = first_slot(sql, level, begin + SLOT[level])
        left = begin is not None and begin < end
        more |= left
        done = begin if left and begin is not None else end
        since[level] = max(done, marks.kept(level))
    return replace(marks, since=since), more


def _end(level: int, cut: int, marks: Marks) -> int:
    """Up to when a level is deleted: never what the next level has not summed up yet."""
    if level == DAY:
        return max(0, floor(cut, DAY))
    longer = LEVELS[LEVELS.index(level) + 1]
    return max(0, floor(min(cut, marks.rolled(longer)), SLOT[level]))


def _delete(sql: Sql, own: tuple[str, str], level: int, slot: int, end: int) -> None:
    mine = "series in (select id from series where app = ? and environment = ?)"
    if level == RAW:
        sql.run(f"delete from samples where slot = ? and at < ? and {mine}", (slot, end * 1000, *own))  # noqa: S608  # ours
    else:
        sql.run(
            f"delete from rollups where level = ? and slot = ? and at < ? and {mine}",  # noqa: S608  # ours
            (level, slot, end, *own),
        )


def empty(sql: Sql, ids: Collection[int], marks: Marks) -> set[int]:
    """Which of these series have nothing left, at any level.

    Args:
        sql: where to read.
        ids: numbers of series.
        marks: how far each level goes.
    """
    left = set(ids)
    for level in reversed(LEVELS):  # the longest kept are the fewest, and most series are in them
        if left and (first := first_slot(sql, level, marks.kept(level))) is not None:
            newest = sql.rows(*_newest(level))[0][0]
            slots = range(first // SLOT[level], int(newest) + 1)
            left -= {id for id in left if _is_in(sql, level, slots, id)}
    return left


def _newest(level: int) -> tuple[str, tuple[int, ...]]:
    if level == RAW:
        return "select max(slot) from samples", ()
    return "select max(slot) from rollups where level = ?", (level,)


def _is_in(sql: Sql, level: int, slots: range, id: int) -> bool:
    """Whether a series has anything in these slots; looked up slot by slot, passing over all other series."""
    table, mine = ("samples", ()) if level == RAW else ("rollups", (level,))
    where = "level = ? and " if mine else ""
    for begin in range(slots.start, slots.stop, _AT_ONCE):
        condition, values = among(range(begin, min(begin + _AT_ONCE, slots.stop)))
        statement = f"select 1 from {table} where {where}{condition} and series = ? limit 1"  # noqa: S608  # ours
        if sql.rows(statement, (*mine, *values, id)):
            return True
    return False


__all__ = ["empty", "lengths", "prune"]
