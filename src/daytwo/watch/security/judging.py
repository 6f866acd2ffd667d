"""When is it too much? Pure: from the events of one source to the times during which a limit was reached."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

_PIECES = 120
"""Into how many pieces of equal size a row of many events is cut: where in its time they were is not known."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A row of events.

    Args:
        id: the row's.
        at: the first.
        last: the last.
        count: how many.
    """

    id: int
    at: datetime
    last: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Episode:
    """A time during which a limit was reached again and again.

    Args:
        begin: the first of the events that reached it first.
        last: when it was reached last.
        first_event: the row of the first event.
        last_event: the row of the last.
    """

    begin: datetime
    last: datetime
    first_event: int
    last_event: int


def episodes(rows: Iterable[Seen], limit: int, within: timedelta) -> list[Episode]:
    """When a limit was reached; an episode is over when it has not been for as long as its window is.

    Args:
        rows: the events of one source, in any order.
        limit: so many events are too much.
        within: in so long.
    """
    pieces = sorted((piece for row in rows for piece in _pieces(row, limit)), key=lambda one: one[0])
    window: deque[tuple[datetime, int, int]] = deque()
    held = 0
    found: list[Episode] = []
    for at, count, id in pieces:
        window.append((at, count, id))
        held += count
        while window[0][0] <= at - within:
            held -= window.popleft()[1]
        if held < limit:
            continue
        if found and at - found[-1].last <= within:
            found[-1] = Episode(found[-1].begin, at, found[-1].first_event, id)
        else:
            found.append(Episode(window[0][0], at, window[0][2], id))
    return found


def _pieces(row: Seen, limit: int) -> Iterator[tuple[datetime, int, int]]:
    """A row as so many events at a time, spread evenly over its own."""
    pieces = min(row.count, max(2, min(limit, _PIECES)))
    if pieces < 2 or row.last <= row.at:
        yield row.at, row.count, row.id
        return
    share, rest = divmod(row.count, pieces)
    length = row.last - row.at
    for number in range(pieces):
        yield row.at + length * number / (pieces - 1), share + (number < rest), row.id


def overlaps(one: Episode, begin: datetime, last: datetime, within: timedelta) -> bool:
    """Whether an episode is one that is known: nobody was quiet for a whole window between the two."""
    return one.begin <= last + within and begin <= one.last + within


def joined(found: Sequence[Episode], within: timedelta) -> list[Episode]:
    """Episodes of several sources that are told as one."""
    together: list[Episode] = []
    for one in sorted(found, key=lambda one: one.begin):
        if together and overlaps(one, together[-1].begin, together[-1].last, within):
            last = max(together[-1], one, key=lambda other: other.last)
            together[-1] = Episode(together[-1].begin, last.last, together[-1].first_event, last.last_event)
        else:
            together.append(one)
    return together
