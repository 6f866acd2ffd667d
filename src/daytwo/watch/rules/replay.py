"""Plays a rule over what has been recorded, and says when it would have fired: for `daytwo rules test`.

It is the same reading and the same state machine as at work, so what is said here is what would have happened.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import sqlalchemy as sa

from daytwo.config.watching import Rule
from daytwo.core.check import Observation, Verdict
from daytwo.core.periods import Periods
from daytwo.watch.numbers import Numbers
from daytwo.watch.rules.machine import Memory, Move, Reading, State, Terms, after_gap, step
from daytwo.watch.rules.reading import USUAL, Asked, Source, of_observation, of_series, whole_of

MOST = 20_000
"""Readings of one replay: over a long time it looks less often than the rule does."""
_LONG_AGO = timedelta(days=36500)
_NONE = Periods()


class Stretch(Protocol):
    """A time during which a check's verdict was the same; it ends where the next begins."""

    @property
    def begin(self) -> datetime:
        """When it began."""

    @property
    def verdict(self) -> Verdict:
        """Which it was."""

    @property
    def why(self) -> str:
        """What its first observation said."""


@dataclass(frozen=True, slots=True)
class Replay:
    """A change that would have happened.

    Args:
        at: when.
        move: what.
    """

    at: datetime
    move: Move


@dataclass(frozen=True, slots=True)
class Replayed:
    """A rule over a time.

    Args:
        changes: what would have changed, oldest first.
        state: how it would stand at the end.
        firing: for how long there would have been an alert.
        readings: how many readings there were.
        unsure: how many of them told nothing.
        why: why the last of those did not.
        every: the time between two readings.
    """

    changes: tuple[Replay, ...]
    state: State
    firing: timedelta
    readings: int
    unsure: int
    why: str
    every: timedelta

    @property
    def alerts(self) -> int:
        """How many alerts there would have been."""
        return sum(one.move.new is State.FIRING and one.move.old is not State.FIRING for one in self.changes)


def replay_series(
    rule: Rule,
    subject: str,
    numbers: Numbers,
    connection: sa.Connection,
    begin: datetime,
    end: datetime,
    every: timedelta = USUAL,
    gaps: Periods = _NONE,
) -> Replayed:
    """Play a rule over a series.

    Args:
        rule: a rule over series.
        subject: the series.
        numbers: where its numbers are.
        connection: to read them with.
        begin: the first moment.
        end: the last moment.
        every: how often a number of the series comes.
        gaps: when nobody watched: nothing is judged then, and silence is no news.
    """
    whole = whole_of(rule, subject)
    apart = _apart(rule.every.delta, end - begin)
    source = Source.of(numbers, connection)

    def read(at: datetime, memory: Memory) -> Reading:
        return of_series(Asked(rule, subject, whole, at, _watched(at, gaps), every), source)

    return _play(Terms.of(rule), _moments(begin, end, apart), read, end, apart, gaps)


def replay_check(
    rule: Rule, needed: int, stretches: Sequence[Stretch], begin: datetime, end: datetime, every: timedelta
) -> Replayed:
    """Play a rule over the history of a check: as many observations as there may have been in each stretch.

    Args:
        rule: a rule over checks.
        needed: failures in a row that are an alert.
        stretches: the check's history, oldest first.
        begin: the first moment.
        end: the last moment.
        every: the time between two observations.
    """
    counted = rule.model_copy(update={"failures": needed})
    apart = _apart(every, end - begin)
    said = dict(_observed(stretches, begin, end, apart))

    def read(at: datetime, memory: Memory) -> Reading:
        stretch = said[at]
        return of_observation(counted, needed, memory.row, Observation(stretch.verdict, stretch.why))

    return _play(Terms.of(counted), iter(said), read, end, apart)


def _play(
    terms: Terms,
    moments: Iterable[datetime],
    read: Callable[[datetime, Memory], Reading],
    end: datetime,
    apart: timedelta,
    gaps: Periods = _NONE,
) -> Replayed:
    memory, changes, readings, unsure, why = Memory(), list[Replay](), 0, 0, ""
    before: datetime | None = None
    for at in moments:
        if at in gaps:
            continue
        if before is not None and gaps.between(before, at):
            memory = after_gap(memory, at - before)
        before = at
        reading = read(at, memory)
        readings += 1
        if reading.unsure:
            unsure, why = unsure + 1, reading.why
        memory, moves = step(terms, memory, reading, at)
        changes += [Replay(at, move) for move in moves]
    return Replayed(tuple(changes), memory.state, _fired(changes, end), readings, unsure, why, apart)


def _watched(at: datetime, gaps: Periods) -> datetime:
    """Since when somebody had been watching without a gap."""
    return max((one.end for one in gaps if one.end <= at), default=at - _LONG_AGO)


def _fired(changes: Sequence[Replay], end: datetime) -> timedelta:
    total, since = timedelta(), None
    for one in changes:
        if one.move.new is State.FIRING and since is None:
            since = one.at
        elif one.move.new is State.OK and since is not None:
            total, since = total + (one.at - since), None
    return total if since is None else total + (end - since)


def _apart(every: timedelta, length: timedelta) -> timedelta:
    return max(every, length / MOST)


def _moments(begin: datetime, end: datetime, apart: timedelta) -> Iterator[datetime]:
    for number in range(math.floor((end - begin) / apart) + 1):
        yield begin + number * apart


def _observed(
    stretches: Sequence[Stretch], begin: datetime, end: datetime, apart: timedelta
) -> Iterator[tuple[datetime, Stretch]]:
    ends = (*(one.begin for one in stretches[1:]), end + timedelta(microseconds=1))
    for stretch, until in zip(stretches, ends, strict=True):
        first = stretch.begin
        if first < begin:  # as it has been asked since it began
            first += math.ceil((begin - first) / apart) * apart
        for number in itertools.count():
            at = first + number * apart
            if at >= until or at > end:
                break
            yield at, stretch
