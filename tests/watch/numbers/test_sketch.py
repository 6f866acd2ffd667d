"""Sketches against exact quantiles."""

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daytwo.watch.numbers.sketch import SPAN, DamagedError, Sketch
from tests.watch.numbers.story import near, place

# Values of one series: they differ by less than 17 powers of ten, or are zero.
magnitudes = st.floats(1e-6, 1e9)
values = st.lists(st.one_of(magnitudes, magnitudes.map(lambda one: -one), st.just(0.0)), min_size=1, max_size=300)
anything = st.floats(allow_nan=False, allow_infinity=False)
parts = st.floats(0, 1)


def sketch(of: Sequence[float]) -> Sketch:
    made = Sketch()
    made.add_many(of)
    return made


@given(values, parts)
def test_a_quantile_is_within_one_percent(given: list[float], q: float) -> None:
    assert near(sketch(given).quantile(q), place(given, q))


@given(st.lists(values, min_size=2, max_size=5), st.randoms(use_true_random=False), parts)
def test_merging_is_the_same_in_any_order(lists: list[list[float]], chance: random.Random, q: float) -> None:
    whole = sketch([value for one in lists for value in one])
    chance.shuffle(lists)
    merged = Sketch()
    for one in lists:
        merged.merge(sketch(one))
    assert merged.pack() == whole.pack()
    assert merged.quantile(q) == whole.quantile(q)


@given(st.lists(st.lists(anything, min_size=1), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_merging_is_the_same_in_any_order_where_bins_are_folded(
    lists: list[list[float]], chance: random.Random
) -> None:
    whole = sketch([value for one in lists for value in one])
    chance.shuffle(lists)
    merged = Sketch()
    for one in lists:
        merged.merge_packed(sketch(one).pack())
    assert merged.pack() == whole.pack()


@given(st.lists(anything))
def test_packed_and_unpacked_it_is_the_same(given: list[float]) -> None:
    made = sketch(given)
    again = Sketch.unpack(made.pack())
    assert again.pack() == made.pack()
    assert again.count == len(given)


@given(st.lists(st.tuples(magnitudes, st.integers(1, 2**62)), min_size=1, max_size=50))
def test_large_counts_survive_packing(given: list[tuple[float, int]]) -> None:
    made = Sketch()
    for value, count in given:
        made.add(value, count)
    assert Sketch.unpack(made.pack()).count == sum(count for _, count in given)


@given(values.map(lambda given: sketch(given).pack()), st.data())
def test_damaged_bytes_are_refused(packed: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(packed) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != packed[place]))
    with pytest.raises(DamagedError):
        Sketch.unpack(packed[:place] + bytes((other,)) + packed[place + 1 :])
    with pytest.raises(DamagedError):
        Sketch.unpack(packed[:place])


@given(st.binary())
def test_any_bytes_are_refused_or_are_a_sketch(given: bytes) -> None:
    """With a right checksum, so that what reads the numbers is reached."""
    from zlib import adler32

    body = b"\1" + given
    data = body + (adler32(body) & 0xFFFF).to_bytes(2)
    try:
        read = Sketch.unpack(data)
    except DamagedError:
        return
    assert read.count >= 0
    assert Sketch.unpack(read.pack()).count == read.count


@settings(max_examples=10, deadline=None)
@given(st.integers())
def test_the_number_of_bins_is_bounded(seed: int) -> None:
    chance = random.Random(seed)
    made = Sketch()
    for _ in range(20_000):
        made.add(math.exp(chance.uniform(-650, 650)) * chance.choice((1, -1)))
        assert len(made._above) <= 2 * SPAN
        assert len(made._below) <= 2 * SPAN
    assert len(made.pack()) < 2 * SPAN * 3
    assert made.count == 20_000


def test_what_is_too_small_beside_the_largest_counts_in_the_last_bin() -> None:
    made = sketch([1e-30] * 10 + [1.0] * 10)
    assert made.quantile(0.1) < 1e-15
    assert near(made.quantile(0.9), 1.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="quantile"):
        Sketch().add(value)


def test_nothing_has_no_quantile() -> None:
    with pytest.raises(ValueError, match="no values"):
        Sketch().quantile(0.5)
    with pytest.raises(ValueError, match="between"):
        sketch([1.0]).quantile(95)


def test_an_hour_of_answers_is_small() -> None:
    chance = random.Random(1)
    assert len(sketch([chance.lognormvariate(-3, 0.4) for _ in range(3600)]).pack()) < 300
