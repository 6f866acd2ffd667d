"""Durations, sizes and percentages: as people write them, exact there and back."""

import json
import math
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from daytwo.core.units import Duration, Percent, Size

ALL = (Duration, Size, Percent)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("1h30m", 5400),
        ("7d", 604800),
        ("2w", 1209600),
        ("1y", 31536000),
        ("250ms", 0.25),
        ("1.5h", 5400),
        (" 1 h 30 m ", 5400),
        (0, 0),
        ("0s", 0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert Duration.parse(text) == pytest.approx(seconds)
    assert Duration.parse(text).delta == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500MB", 500_000_000),
        ("2.5GB", 2_500_000_000),
        ("2GiB", 2 << 30),
        ("1kB", 1000),
        ("1KB", 1000),
        ("7B", 7),
        ("0.1GB", 100_000_000),
        ("1.1TB", 1_100_000_000_000),
        ("1GB 5MB", 1_005_000_000),
    ],
)
def test_sizes_are_whole_bytes(text: str, size: int) -> None:
    assert int(Size.parse(text)) == size
    assert float(Size.parse(text)).is_integer()


def test_percentages() -> None:
    assert Percent.parse("99.9%") == pytest.approx(0.999)
    assert str(Percent.parse("99.99999%")) == "99.99999%", "six digits would round it to 100%"


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    "bad",
    [
        "",
        " ",
        "x",
        "5",
        "-1s",
        "-1B",
        "-1%",
        "1 2",
        "nan",
        "inf",
        "٣s",
        "1e3s",
        True,
        5,
        1.5,
        None,
        [],
        {},
        math.nan,
        math.inf,
        "9" * 400 + "y",
        "9" * 400 + "TB",
        "9" * 400 + "%",
    ],
)
def test_refused_with_an_example(kind: type[Duration], bad: object) -> None:
    with pytest.raises(ValueError, match=r"write it like"):
        kind.parse(bad)


@pytest.mark.parametrize("bad", ["1 2h", "1h2", "30 minutes", "1H", "1M"])
def test_digits_that_belong_to_nothing_are_not_joined(bad: str) -> None:
    with pytest.raises(ValueError, match="not understood"):
        Duration.parse(bad)


def test_a_value_of_another_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="has no unit"):
        Size.parse(Duration.parse("30m"))


@given(st.integers(0, 1000 * 31536000 * 1000))
def test_every_duration_reads_back(milliseconds: int) -> None:
    value = Duration(milliseconds / 1000)
    assert float(Duration.parse(str(value))) == pytest.approx(float(value), abs=1e-4, rel=1e-12)


@given(st.integers(0, 10**15))
def test_every_size_reads_back(size: int) -> None:
    assert int(Size.parse(str(Size(size)))) == size


@given(st.integers(0, 10**9))
def test_every_percentage_reads_back(millionths: int) -> None:
    assert float(Percent.parse(str(Percent(millionths / 10**8)))) == pytest.approx(millionths / 10**8, abs=1e-11)


@given(st.integers(0, 10**16))
def test_sizes_for_people_are_short_and_close(size: int) -> None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?) (B|kB|MB|GB|TB)", Size(size).human)
    assert match, Size(size).human
    shown = float(match[1]) * Size.factors[match[2]]
    assert shown == pytest.approx(size, rel=0.006)
    assert float(match[1]) < 1000 or match[2] == "TB"


def test_sizes_for_people() -> None:
    shown = [Size(n).human for n in (0, 999, 999_600, 1_234_567, 99_960_000, 999_499_999, 999_500_000)]
    assert shown == ["0 B", "999 B", "1 MB", "1.23 MB", "100 MB", "999 MB", "1 GB"]


@pytest.mark.parametrize("kind", ALL)
@given(text=st.text(alphabet="0123456789. mshdwyKkMGTiB%-", max_size=12))
def test_the_schema_takes_what_the_parser_takes(kind: type[Duration], text: str) -> None:
    pattern = TypeAdapter(kind).json_schema()["anyOf"][0]["pattern"]
    try:
        kind.parse(text)
        good = True
    except ValueError as error:
        if "more than can be meant" in str(error):
            return
        good = False
    assert bool(re.search(pattern, text)) == good


@pytest.mark.parametrize(("kind", "text"), [(Duration, "1h30m"), (Size, "2.5GB"), (Percent, "99.9%")])
def test_pydantic_round_trip(kind: type[Duration], text: str) -> None:
    adapter = TypeAdapter(kind)
    value = adapter.validate_python(text)
    assert type(value) is kind
    assert json.loads(adapter.dump_json(value)) == text
    assert adapter.validate_python(value) == value
    with pytest.raises(ValidationError):
        adapter.validate_python("nonsense")
