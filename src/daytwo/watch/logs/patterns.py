"""Counts what is looked for in logs, and keeps samples of it."""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from daytwo.config.listening import Pattern
from daytwo.watch.logs.counting import minute_of, summed
from daytwo.watch.logs.lines import Line, Write
from daytwo.watch.logs.masking import mask
from daytwo.watch.logs.matching import Expression, joined
from daytwo.watch.logs.records import MOST_SAMPLES, LogBook, Sample, moment
from daytwo.watch.numbers import Numbers

_SHOWN = 1000
"""Characters of a sample."""
_AROUND = 200
"""Characters before a match far into a line that a sample begins with."""

BUILT_IN: Mapping[str, Pattern] = {
    "out-of-memory": Pattern(
        match=r"Out of memory: Kill|oom-kill:|Memory cgroup out of memory|java\.lang\.OutOfMemoryError|"
        r"JavaScript heap out of memory|fatal error: runtime: out of memory|Cannot allocate memory|"
        r"Allowed memory size of \d+ bytes exhausted",
        about="A process had no memory left, and was mostly killed for it. Look at `daytwo ps` and at the container's "
        "limit; if it grows without end, it leaks: restart it, and look for what it did before.",
    ),
    "disk-full": Pattern(
        match=r"No space left on device|\bENOSPC\b|Disk quota exceeded|database or disk is full|errno: 28\b",
        about="A disk is full, or has no inodes left. Databases stop or damage what they write: make room first "
        "(`daytwo stats 'host.*'` tells which disk; old logs and unused images are the usual finds), then restart.",
    ),
    "database-refused": Pattern(
        match=r"could not connect to server|connection to server .{1,200} failed|Can't connect to (?:local )?(?:MySQL |"
        r"MariaDB )?server|SQLSTATE\[(?:08006|HY000)\] \[(?:7|2002)\]|"
        r"connect ECONNREFUSED .{1,100}:(?:5432|3306|6379)\b",
        about="The app does not reach its database: it is down, still starting, or somewhere else. Look at `daytwo ps` "
        "and at the database's own log.",
    ),
    "database-connections": Pattern(
        match=r"too many connections|too many clients already|remaining connection slots are reserved|"
        r"max number of clients reached",
        about="The database takes no more connections. Something does not give its own back, or the pool of the app is "
        "larger than the database's limit: compare `max_connections` with the sum of all pools.",
    ),
}
"""What is bad news in any app. One of the same name in the configuration takes its place."""


def patterns_of(configured: Mapping[str, Pattern]) -> dict[str, Pattern]:
    """All patterns, those that are built in too, by name."""
    return {**BUILT_IN, **configured}


class PatternReader:
    """Reads logs for patterns: each match counts in the series `logs.PATTERN`.

    Args:
        patterns: by name.
        numbers: where matches are counted.
        book: where samples are kept.
    """

    def __init__(self, patterns: Mapping[str, Pattern], numbers: Numbers, book: LogBook) -> None:
        self._patterns = patterns
        self._numbers = numbers
        self._book = book
        self._refused: dict[str, str] = {}
        self._expressions: dict[str, Expression] = {}
        for name, one in patterns.items():
            try:
                self._expressions[name] = Expression(one.match)
            except ValueError as error:
                self._refused[name] = str(error)

    @property
    def trouble(self) -> str:
        """Which patterns are not looked for, and why."""
        slow = {name: one.trouble for name, one in self._expressions.items() if one.trouble}
        return "; ".join(f"pattern {name}: {why}" for name, why in {**self._refused, **slow}.items())

    def read(self, log: str, lines: Sequence[Line]) -> Write | None:
        """Look at lines; see `Reader`."""
        low = joined(lines)
        counts: Counter[tuple[str, int]] = Counter()
        newest: dict[str, deque[tuple[Line, int]]] = defaultdict(lambda: deque(maxlen=MOST_SAMPLES))
        for name, expression in self._expressions.items():
            if self._patterns[name].logs and log not in self._patterns[name].logs:
                continue
            for line, found in expression.among(lines, low):
                counts[f"logs.{name}", minute_of(line.at)] += 1
                newest[name].append((line, found.start()))
        if not counts:
            return None
        samples = {name: [_sample(log, *one) for one in found] for name, found in newest.items()}

        def write(connection: sa.Connection, now: datetime) -> None:
            self._numbers.add_summed(connection, summed(counts), now)
            for name, found in samples.items():
                self._book.add_samples(connection, name, found)

        return write


def _sample(log: str, line: Line, at: int) -> Sample:
    """A line with its match in sight. It is masked whole: a secret that is cut is none to whoever looks for it."""
    begin = max(0, at - _AROUND) if at > _SHOWN - _AROUND else 0
    # Whatever is masked makes the text shorter, so the match can only move to the front.
    text = mask(line.text)
    text = text if len(text) <= _SHOWN else f"{'...' if begin else ''}{text[begin : begin + _SHOWN]}..."
    return Sample(log, moment(line.at), text.replace("\x00", ""))


__all__ = ["BUILT_IN", "PatternReader", "patterns_of"]
