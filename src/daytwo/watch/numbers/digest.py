"""What is known of many values: how many, their sum, the ends, the newest, and the sketch of them."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from daytwo.watch.numbers.sketch import Sketch

_FEW = 500
"""Values that are kept as they are: quantiles of so few are exact."""


class Row(NamedTuple):
    """A digest of one bucket, as it is stored; see `store.tables.numbers.rollups`."""

    series: int
    at: int
    number: int
    sum: float
    min: float
    max: float
    last: float
    rise: float
    sketch: bytes | None


class Digest:
    """Collects values, or digests of them, in the order of time. Sketches are read when a quantile is asked for."""

    __slots__ = ("_packed", "_same", "_sketch", "_values", "count", "last", "max", "min", "rise", "sum")

    def __init__(self) -> None:
        self.count = 0
        self.sum = 0.0
        self.min = math.inf
        self.max = -math.inf
        self.last = math.nan
        self.rise = 0.0
        """How much a total grew."""
        self._values: list[float] = []
        self._same: list[tuple[float, int]] = []
        self._packed: list[bytes] = []
        self._sketch: Sketch | None = None

    def add(self, value: float) -> None:
        """Take in a value.

        Raises:
            ValueError: it is not finite.
        """
        if not math.isfinite(value):
            raise ValueError(f"{value} has no digest")
        self._ends(1, value, value, value, value, 0.0)
        self._keep((value,))

    def add_many(self, values: Sequence[float]) -> None:
        """Take in values.

        Raises:
            ValueError: one is not finite; none has been taken in.
        """
        if not all(map(math.isfinite, values)):
            raise ValueError("a value that is not finite has no digest")
        if not values:
            return
        self._ends(len(values), sum(values), min(values), max(values), values[-1], 0.0)
        self._keep(values)

    def merge(self, other: "Digest") -> None:
        """Take in a later digest."""
        if not other.count:
            return
        self._ends(other.count, other.sum, other.min, other.max, other.last, other.rise)
        self._keep(other._values)
        self._same += other._same
        self._packed += other._packed
        if other._sketch is not None:
            self._whole().merge(other._sketch)

    def take(
        self, count: int, sum: float, min: float, max: float, last: float, rise: float, sketch: bytes | None
    ) -> None:
        """Take in what a stored row says."""
        self._ends(count, sum, min, max, last, rise)
        if sketch is None:
            self._same.append((last, count))
        else:
            self._packed.append(sketch)

    def _keep(self, values: Iterable[float]) -> None:
        self._values += values
        if len(self._values) > _FEW:
            self._whole()

    def _ends(self, count: int, sum: float, least: float, most: float, last: float, rise: float) -> None:
        self.count += count
        self.sum += sum
        self.min = min(self.min, least)
        self.max = max(self.max, most)
        self.last = last
        self.rise += rise

    def quantile(self, q: float) -> float | None:
        """The value that this part of all values stays under, within 1 %; None when there are none.

        Args:
            q: from 0 to 1.

        Raises:
            ValueError: `q` is no part.
            DamagedError: a stored sketch is damaged.
        """
        if not 0 <= q <= 1:
            raise ValueError(f"{q} is not between 0 and 1")
        if not self.count:
            return None
        if self.min == self.max:
            return self.min
        if len(self._values) == self.count:
            self._values.sort()
            return self._values[math.floor(q * (self.count - 1))]
        return min(self.max, max(self.min, self._whole().quantile(q)))

    def _whole(self) -> Sketch:
        sketch = self._sketch = self._sketch or Sketch()
        sketch.add_many(self._values)
        for value, count in self._same:
            sketch.add(value, count)
        for packed in self._packed:
            sketch.merge_packed(packed)
        self._values, self._same, self._packed = [], [], []
        return sketch

    def row(self, series: int, at: int) -> Row:
        """As it is stored.

        Args:
            series: its number.
            at: when the bucket begins, in seconds.
        """
        sketch = None if self.min == self.max else self._pack()
        return Row(series, at, self.count, self.sum, self.min, self.max, self.last, self.rise, sketch)

    def _pack(self) -> bytes:
        if len(self._packed) == 1 and not (self._values or self._same or self._sketch):
            return self._packed[0]
        return self._whole().pack()


def rise(before: float | None, values: Iterable[float]) -> float:
    """How much a total grew: one that is smaller than before has begun anew, from zero.

    Args:
        before: the value before these; None when they are the first.
        values: in the order of time.
    """
    grown = 0.0
    for value in values:
        if before is not None:
            grown += value - before if value >= before else max(value, 0.0)
        before = value
    return grown
