"""Patterns: found, counted, sampled without secrets, and quick whatever they are."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daytwo.config.listening import Pattern
from daytwo.store.database import open_database
from daytwo.store.url import StateUrl
from daytwo.watch.logs.lines import Line
from daytwo.watch.logs.matching import Expression, joined, words_of
from daytwo.watch.logs.patterns import BUILT_IN, PatternReader, patterns_of
from daytwo.watch.logs.records import MOST_SAMPLES, LogBook
from daytwo.watch.numbers import Numbers

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT = round(NOON.timestamp() * 1000)
PLAIN = '172.17.0.9 - - [21/Nov/2026:14:25:50 +0000] "GET /api/posts/12 HTTP/1.1" 200 1234 "-" "Mozilla/5.0"'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("(?i)Failed login", {"failed login"}), (r"^\d+$", None), ("a|foo", None), ("oops|foo", {"oops", "foo"}),
        ("(?:abc)?def", {"def"}), (r"foo\.bar\d", {"foo.bar"}), ("x{0,3}yyy", {"yyy"}), ("(?!never)abc", {"abc"}),
        ("(?P<source>\\S+) was refused", {" was refused"}), ("ab(cd|ef)gh", None),
    ],
)  # fmt: skip
def test_the_words_of_an_expression(text: str, words: set[str] | None) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize("text", ["(?i)failed login for (?P<user>\\w+)", "(?:FAILED|failed) login for (?P<user>\\w+)"])
def test_what_is_found_is_what_the_expression_alone_finds(text: str) -> None:
    lines = [Line(AT, one) for one in ("İ", "failed login for al, failed login for bo", "x", "FAILED login for cy")]
    found = Expression(text).among(lines, joined(lines))
    assert [(match.line, match.found["user"]) for match in found] == [(lines[1], "al"), (lines[3], "cy")]


def test_an_expression_that_takes_for_ever_is_left_out_and_said() -> None:
    lines = [Line(AT, "a" * 60_000 + "!")] * 1000
    begun = time.monotonic()
    slow = Expression("(a+)+$")
    assert list(slow.among(lines, joined(lines))) == []
    assert "takes too long" in slow.trouble
    assert time.monotonic() - begun < 5


def test_ten_patterns_read_a_hundred_thousand_plain_lines_a_second() -> None:
    expressions = [Expression(one.match) for one in BUILT_IN.values()]
    expressions += [Expression(f"thing number {number} of \\d+ failed") for number in range(6)]
    lines = [Line(AT, PLAIN)] * 10_000
    begun = time.process_time()
    for _ in range(10):
        low = joined(lines)
        assert all(not list(one.among(lines, low)) for one in expressions)
    assert time.process_time() - begun < 1


def test_matches_are_counted_and_sampled(tmp_path: Path) -> None:
    database = open_database(StateUrl.parse("state.db", tmp_path))
    numbers, book = Numbers(database, "shop", "production"), LogBook("shop", "production")
    patterns = {"oauth": Pattern(match="oauth", logs=("web",)), "broken": Pattern(match="x")}
    reader = PatternReader(patterns, numbers, book)
    lines = [Line(AT + n, f"oauth {n} password=hunter22") for n in range(30)]
    assert reader.read("db", lines) is None
    write = reader.read("web", lines)
    assert write is not None
    with database.begin() as connection:
        write(connection, NOON)
    with database.begin() as connection:
        summary = numbers.summary(connection, "logs.oauth", NOON - timedelta(hours=1), NOON + timedelta(minutes=1))
        assert (summary.count, summary.sum) == (30, 30)
        samples = book.samples(connection, "oauth")
    database.close()
    assert [one.text for one in samples] == [f"oauth {n} password=***" for n in range(29, 29 - MOST_SAMPLES, -1)]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("out-of-memory", "kernel: Out of memory: Killed process 4711 (node) total-vm:1kB"),
        ("disk-full", "PANIC:  could not write to file: No space left on device"),
        ("database-refused", "Error: connect ECONNREFUSED 10.0.0.2:5432"),
        ("database-refused", 'connection to server at "db", port 5432 failed: Connection refused'),
        ("database-connections", "FATAL:  sorry, too many clients already"),
    ],
)
def test_what_is_bad_news_in_any_app(name: str, line: str) -> None:
    lines = [Line(AT, PLAIN), Line(AT, line)]
    found = [
        one for one, pattern in patterns_of({}).items() if [*Expression(pattern.match).among(lines, joined(lines))]
    ]
    assert found == [name]
