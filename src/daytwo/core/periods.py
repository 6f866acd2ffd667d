"""Pieces of time: cut, joined, taken from each other, and measured. Everything here is pure, and in UTC."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import accumulate


@dataclass(frozen=True, order=True)
class Period:
    """One piece of time.

    Args:
        begin: its first moment; aware.
        end: the first moment after it.
    """

    begin: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is, in real time: two times of one zone are subtracted as the clock on the wall shows them."""
        return self.end.astimezone(UTC) - self.begin.astimezone(UTC)

    def __contains__(self, at: datetime) -> bool:
        return self.begin <= at < self.end


class Periods:
    """Pieces of time in their order, none touching another.

    Args:
        periods: in any order; what overlaps or adjoins is joined, and what has no length is left out.
    """

    def __init__(self, periods: Iterable[Period] = ()) -> None:
        self._periods = tuple(_joined(periods))

    def __iter__(self) -> Iterator[Period]:
        return iter(self._periods)

    def __len__(self) -> int:
        return len(self._periods)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Periods) and self._periods == other._periods

    def __hash__(self) -> int:
        return hash(self._periods)

    def __repr__(self) -> str:
        return f"Periods({', '.join(f'{one.begin:%F %T}..{one.end:%F %T}' for one in self._periods)})"

    def __contains__(self, at: datetime) -> bool:
        place = bisect_right(self._begins, at.astimezone(UTC)) - 1
        return place >= 0 and at in self._periods[place]

    @property
    def length(self) -> timedelta:
        """How long they are together."""
        return self._before[-1]

    def between(self, begin: datetime, end: datetime) -> timedelta:
        """How much of them lies between two moments; nothing where the second is not later than the first."""
        return self._until(end) - self._until(begin) if begin < end else timedelta()

    def __and__(self, other: "Periods") -> "Periods":
        """What lies in both."""
        found, ours, theirs = [], self._periods, other._periods
        one = two = 0
        while one < len(ours) and two < len(theirs):
            begin, end = max(ours[one].begin, theirs[two].begin), min(ours[one].end, theirs[two].end)
            if begin < end:
                found.append(Period(begin, end))
            if ours[one].end <= theirs[two].end:
                one += 1
            else:
                two += 1
        return Periods(found)

    def __or__(self, other: "Periods") -> "Periods":
        """What lies in either."""
        return Periods((*self, *other))

    def __sub__(self, other: "Periods") -> "Periods":
        """What lies in these and not in the others."""
        if not self._periods:
            return self
        edges = [self._periods[0].begin, *(at for one in other for at in (one.begin, one.end)), self._periods[-1].end]
        rest = Periods(Period(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b)
        return self & rest

    @cached_property
    def _begins(self) -> tuple[datetime, ...]:
        return tuple(one.begin for one in self._periods)

    @cached_property
    def _before(self) -> tuple[timedelta, ...]:
        """How long they are up to each of them, and at last together."""
        return tuple(accumulate((one.length for one in self._periods), initial=timedelta()))

    def _until(self, at: datetime) -> timedelta:
        place = bisect_right(self._begins, at) - 1
        if place < 0:
            return timedelta()
        one = self._periods[place]
        return self._before[place] + (min(at, one.end) - one.begin)


def _joined(periods: Iterable[Period]) -> Iterator[Period]:
    waiting: Period | None = None
    for one in sorted(Period(one.begin.astimezone(UTC), one.end.astimezone(UTC)) for one in periods):
        if one.begin >= one.end:
            continue
        if waiting is not None and one.begin <= waiting.end:
            waiting = Period(waiting.begin, max(waiting.end, one.end))
            continue
        if waiting is not None:
            yield waiting
        waiting = one
    if waiting is not None:
        yield waiting


def whole(begin: datetime, end: datetime) -> Periods:
    """All of the time between two moments."""
    return Periods([Period(begin, end)])
