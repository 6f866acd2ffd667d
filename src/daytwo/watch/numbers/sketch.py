"""Quantiles of any number of values in a few hundred bytes, each within 1 % of the true one.

DDSketch: Charles Masson, Jee E. Rim and Homin K. Lee, "DDSketch: A fast and fully-mergeable quantile sketch with
relative-error guarantees", VLDB 2019. A value is counted in bin `ceil(log(value, base))`, with base =
(1 + accuracy) / (1 - accuracy), and told as the middle of its bin. Sketches of parts add up to the sketch of the whole,
in whatever order.

Not the package of that name: what it packs needs protobuf, each of its operations works on one value at a time, and an
hour of 1,000 series is 12,000 sketches to read, merge and write again.
"""

import math
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate, pairwise
from zlib import adler32

ACCURACY = 0.01
"""How far a quantile may be from the true one, as a share of it."""
SPAN = 2048
"""Bins from the largest magnitude down, 17 powers of ten; smaller ones share the last. The paper's own choice."""

_LOG = math.log((1 + ACCURACY) / (1 - ACCURACY))
_PER_LOG = 1 / _LOG
_MIDDLE = math.log(1 - ACCURACY)
"""What the middle of a bin is below its upper end: 2 / (1 + base), as a logarithm."""
_NOTHING = 1e-300
"""Nearer to zero than this is zero: floats have no 1 % left there."""
_VERSION = 1
_FARTHEST = 40_000
"""No float has a bin beyond it."""
_LARGEST = 10
"""Bytes of the longest varint: 64 bits."""

Bins = dict[int, int]


class DamagedError(ValueError):
    """These bytes are no sketch."""


class Sketch:
    """How often which magnitude was seen."""

    __slots__ = ("_above", "_below", "_zeros")

    def __init__(self) -> None:
        self._above: Bins = {}
        self._below: Bins = {}
        self._zeros = 0

    @property
    def count(self) -> int:
        """How many values."""
        return self._zeros + sum(self._above.values()) + sum(self._below.values())

    def add(self, value: float, count: int = 1) -> None:
        """Count a value.

        Args:
            value: any finite number.
            count: so many times.

        Raises:
            ValueError: it is not finite.
        """
        if not math.isfinite(value):
            raise ValueError(f"{value} has no quantile")
        if abs(value) < _NOTHING:
            self._zeros += count
            return
        bins = self._above if value > 0 else self._below
        key = math.ceil(math.log(abs(value)) * _PER_LOG)
        bins[key] = bins.get(key, 0) + count
        if len(bins) > 2 * SPAN:
            _settled(bins)

    def add_many(self, values: Iterable[float]) -> None:
        """Count values.

        Raises:
            ValueError: one is not finite.
        """
        above, below, log, ceil = self._above, self._below, math.log, math.ceil
        for value in values:
            if _NOTHING <= value < math.inf:
                key = ceil(log(value) * _PER_LOG)
                above[key] = above.get(key, 0) + 1
            elif -math.inf < value <= -_NOTHING:
                key = ceil(log(-value) * _PER_LOG)
                below[key] = below.get(key, 0) + 1
            else:
                self.add(value)
        for bins in (above, below):
            if len(bins) > 2 * SPAN:
                _settled(bins)

    def merge(self, other: "Sketch") -> None:
        """Count all that another one has counted."""
        self._zeros += other._zeros
        _count(self._above, other._above.items())
        _count(self._below, other._below.items())

    def quantile(self, q: float) -> float:
        """The value that this part of all values stays under: the one at place `floor(q * (count - 1))` in their order.

        Args:
            q: from 0 to 1.

        Raises:
            ValueError: there are no values, or `q` is no part.
        """
        if not 0 <= q <= 1:
            raise ValueError(f"{q} is not between 0 and 1")
        count = self.count
        if not count:
            raise ValueError("no values")
        place = math.floor(q * (count - 1))
        negative = sum(self._below.values())
        if place < negative:
            return -_value(_at(self._below, negative - 1 - place))
        place -= negative + self._zeros
        return 0.0 if place < 0 else _value(_at(self._above, place))

    def pack(self) -> bytes:
        """As bytes.

        A version; LEB128 varints: zeros, how many bins above and below zero, the first of each, steps from bin to bin,
        counts; two bytes of Adler-32, which catch any one changed byte.
        """
        above, below = _settled(self._above), _settled(self._below)
        head = [self._zeros, len(above), len(below), *map(_zigzag, above[:1]), *map(_zigzag, below[:1])]
        body = [
            *(after - before for keys in (above, below) for before, after in pairwise(keys)),
            *(self._above[key] for key in above),
            *(self._below[key] for key in below),
        ]
        data = bytes((_VERSION,)) + _varints(head) + _varints(body)
        return data + (adler32(data) & 0xFFFF).to_bytes(2)

    @classmethod
    def unpack(cls, data: bytes) -> "Sketch":
        """The reverse of `pack`.

        Raises:
            DamagedError: these bytes are no sketch.
        """
        sketch = cls()
        sketch.merge_packed(data)
        return sketch

    def merge_packed(self, data: bytes) -> None:
        """Count all that a packed one has counted.

        Raises:
            DamagedError: these bytes are no sketch; nothing has been counted.
        """
        if len(data) < 6 or data[0] != _VERSION or adler32(data[:-2]) & 0xFFFF != int.from_bytes(data[-2:]):
            raise DamagedError("not a sketch, or damaged")
        (zeros, high, low), at = _read(data, 1, 3)
        if high > SPAN or low > SPAN:
            raise DamagedError("a sketch with too many bins")
        firsts, at = _read(data, at, bool(high) + bool(low))
        first = high - 1 if high else 0
        steps = first + (low - 1 if low else 0)
        numbers = _body(data[at:-2], steps + high + low)
        above = _keys(firsts[0], numbers[:first]) if high else []
        below = _keys(firsts[-1], numbers[first:steps]) if low else []
        self._zeros += zeros
        if high:
            _count(self._above, zip(above, numbers[steps : steps + high], strict=True))
        if low:
            _count(self._below, zip(below, numbers[steps + high :], strict=True))


def _value(key: int) -> float:
    try:
        return math.exp(key * _LOG + _MIDDLE)
    except OverflowError:
        return sys.float_info.max


def _count(bins: Bins, more: Iterable[tuple[int, int]]) -> None:
    if not bins:
        bins.update(more)
        return
    get = bins.get
    for key, count in more:
        bins[key] = get(key, 0) + count


def _settled(bins: Bins) -> list[int]:
    """The bins in their order, after what is too small has been counted in the last one. How far down that is depends
    on the largest only, and so the order in which values came does not matter."""
    keys = sorted(bins)
    if keys and keys[-1] - keys[0] >= SPAN:
        last = keys[-1] - SPAN + 1
        small = keys[: bisect_left(keys, last)]
        bins[last] = bins.get(last, 0) + sum(map(bins.pop, small))
        keys = sorted(bins)
    return keys


def _at(bins: Bins, place: int) -> int:
    """The bin of the value at this place, by magnitude."""
    keys = _settled(bins)
    return keys[bisect_right(list(accumulate(map(bins.__getitem__, keys))), place)]


def _keys(first: int, steps: Iterable[int]) -> list[int]:
    keys = list(accumulate(steps, initial=_unzigzag(first)))
    if keys[0] < -_FARTHEST or keys[-1] > _FARTHEST or keys[-1] - keys[0] >= SPAN:
        raise DamagedError("a sketch with an impossible bin")
    return keys


def _zigzag(number: int) -> int:
    return number * 2 if number >= 0 else -number * 2 - 1


def _unzigzag(number: int) -> int:
    return number >> 1 if not number & 1 else -(number >> 1) - 1


def _varints(numbers: list[int]) -> bytes:
    if not numbers or max(numbers) < 0x80:
        return bytes(numbers)
    out = bytearray()
    for number in numbers:
        rest = number
        while rest >= 0x80:
            out.append(rest & 0x7F | 0x80)
            rest >>= 7
        out.append(rest)
    return bytes(out)


def _read(data: bytes, at: int, count: int) -> tuple[list[int], int]:
    if (few := data[at : at + count]).isascii() and at + count <= len(data) - 2:
        return list(few), at + count
    numbers = []
    for _ in range(count):
        number = 0
        for shift in range(0, 7 * _LARGEST, 7):
            if at >= len(data) - 2:
                raise DamagedError("a sketch that ends too early")
            byte = data[at]
            at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
        else:
            raise DamagedError("a sketch with an impossible number")
        numbers.append(number)
    return numbers, at


def _body(body: bytes, count: int) -> bytes | list[int]:
    """So many positive numbers. Mostly each is one byte, and then the bytes are the numbers."""
    if len(body) == count and body.isascii():
        numbers: bytes | list[int] = body
    else:
        numbers, end = _read(body + b"\0\0", 0, count)
        if end != len(body):
            raise DamagedError("a sketch that does not end where it should")
    if 0 in numbers:
        raise DamagedError("a sketch with an empty bin")
    return numbers


__all__ = ["ACCURACY", "SPAN", "Bins", "DamagedError", "Sketch"]
