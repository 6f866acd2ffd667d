"""Judges observations and series by the rules, and remembers: one writer at a time, no loop and no clock of its own.

An observation that is no news costs a look into a set. What changed is written in the caller's transaction; when that
is not committed, `forget_memory` has everything read again.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from daytwo.config.watching import Rule
from daytwo.core.check import Check, Observation, Verdict
from daytwo.ledger.heartbeats import GAP, Watch
from daytwo.watch.numbers import Numbers
from daytwo.watch.rules.book import Book, Key, Transition
from daytwo.watch.rules.bound import Bindings, Bound
from daytwo.watch.rules.machine import Memory, Move, Reading, State, after_gap, clock_was_set, step
from daytwo.watch.rules.reading import Asked, Source, is_pattern, of_observation, of_series, whole_of

GONE = timedelta(days=1)
"""A series found by a pattern that has no number for so long while somebody watches is not there any more."""
_WRITE = timedelta(seconds=20)
"""How often it is written down that somebody judges: after a crash, that is how far off the length of a gap is."""
_SET = timedelta(seconds=60)
"""A clock that goes back by more has been set."""
_IDLE = Memory()


@dataclass(frozen=True, slots=True)
class Found:
    """What a series says to a rule.

    Args:
        bound: the rule.
        subject: the series.
        reading: what it says.
        gone: why it is no subject any more; empty where it is.
    """

    bound: Bound
    subject: str
    reading: Reading
    gone: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What all series say that were due to be judged.

    Args:
        at: when.
        rules: the rules that were due.
        found: what was found.
    """

    at: datetime
    rules: tuple[str, ...] = ()
    found: tuple[Found, ...] = ()


@dataclass
class _Work:
    """What is to be written at the end of one call."""

    memories: dict[Key, Memory | None] = field(default_factory=dict)
    changes: list[Transition] = field(default_factory=list)


class Evaluator:
    """The rules of one app and environment at work.

    Call `follow` first and at each change of the configuration, `observe` with each observation, and `judge` at least
    every fifteen seconds: from it the evaluator also knows that somebody watches.

    Args:
        book: where it is all written down.
        numbers: where the numbers of series are.
    """

    def __init__(self, book: Book, numbers: Numbers) -> None:
        self._book = book
        self._numbers = numbers
        self._bindings = Bindings({}, {})
        self._memories: dict[Key, Memory] = {}
        self._stale = True
        self._failing: set[str] = set()
        self._noted: set[str] = set()
        self._troubled: dict[str, set[str]] = {}
        self._watch: Watch | None = None
        self._written: datetime | None = None
        self._judged: dict[str, datetime] = {}

    # What the daemon calls

    def follow(
        self, connection: sa.Connection, rules: Mapping[str, Rule], checks: Mapping[str, Check], now: datetime
    ) -> list[Transition]:
        """Judge by these rules from now on.

        Args:
            connection: of the transaction.
            rules: those of the configuration; the built-in ones are added.
            checks: what is watched, by name.
            now: the time now, aware.

        Returns:
            The alerts that are over because what they were about is not watched any more.
        """
        bindings = Bindings(rules, checks)
        with self._at_work(connection) as work:
            self._bindings, self._judged = bindings, {}
            self._failing &= checks.keys()  # nothing is a consequence of what is not watched any more
            self._leave(self._watching(connection, now, work), work)
            self._note_all()
        return work.changes

    def observe(
        self, connection: sa.Connection, check: str, observation: Observation, now: datetime
    ) -> list[Transition]:
        """Judge one observation.

        Args:
            connection: of the transaction; not used where nothing changes.
            check: the check's name.
            observation: what it said.
            now: when, aware. Of two calls the later one is taken as not earlier.

        Returns:
            What has changed; it is written down.
        """
        # The way of almost all: nothing is wrong, and nothing was.
        if observation.verdict is not Verdict.FAILED and check not in self._noted and not self._stale:
            return []
        return self.observe_all(connection, [(check, observation, now)])

    def observe_all(
        self, connection: sa.Connection, observations: Iterable[tuple[str, Observation, datetime]]
    ) -> list[Transition]:
        """Judge many, and write what changes at once; see `observe`.

        Args:
            connection: of the transaction.
            observations: the check's name, what it said, and when, oldest first.
        """
        with self._at_work(connection) as work:
            for check, observation, at in observations:
                if observation.verdict is Verdict.FAILED or check in self._noted:
                    self._observe(connection, check, observation, at, work)
        return work.changes

    def judge(self, connection: sa.Connection, now: datetime) -> list[Transition]:
        """Judge the series that are due, in one transaction; `look` and `settle` are the same in two.

        Args:
            connection: of the transaction.
            now: the time now, aware.
        """
        with self._at_work(connection) as work:
            self._watching(connection, now, work)
        return self.settle(connection, self.look(connection, now), now)

    def look(self, connection: sa.Connection, now: datetime) -> Look:
        """Read what the series say that are due; writes nothing, and may be called in another thread.

        Args:
            connection: to read with.
            now: the time now, aware; no number dated later counts.
        """
        memories, bindings, watch = self._memories, self._bindings, self._watch
        if watch is None:
            return Look(now)
        due = [bound for bound in bindings.of_series if self._is_due(bound, now)]
        if not due:
            return Look(now)
        source = Source.of(self._numbers, connection)
        found = [
            one
            for bound in due
            for subject in bindings.subjects(bound, source.series)
            if (one := self._found(bound, subject, memories, watch.since, source, now)) is not None
        ]
        return Look(now, tuple(bound.name for bound in due), tuple(found))

    def settle(self, connection: sa.Connection, look: Look, now: datetime) -> list[Transition]:
        """Take what was read, and write down what changed.

        Args:
            connection: of the transaction.
            look: what was read.
            now: the time now, aware.
        """
        with self._at_work(connection) as work:
            now = self._watching(connection, now, work)
            self._judged |= dict.fromkeys(look.rules, look.at)
            for one in look.found:
                if self._bindings.judges(one.bound.name, one.subject):
                    continue  # the configuration has changed since
                if one.gone:
                    self._drop(Key(one.bound.name, one.subject), one.gone, now, work)
                else:
                    self._step(one.bound, one.subject, one.reading, now, work)
        return work.changes

    def rest(self, connection: sa.Connection, now: datetime) -> None:
        """Write down that somebody has watched until now, for when the daemon stops."""
        with self._at_work(connection) as work:
            self._written = None
            self._watching(connection, now, work)

    def forget_memory(self) -> None:
        """What was written was not committed: the next call reads it again. May be called in any thread."""
        self._stale = True

    def names(self, series: str) -> bool:
        """Whether what is watched, or a rule, names a series."""
        return self._bindings.names(series)

    def unknown(self) -> list[str]:
        """Rules that name a check which is not there, each as a sentence."""
        return self._bindings.unknown()

    # Watching

    def _watching(self, connection: sa.Connection, now: datetime, work: _Work) -> datetime:
        """Note that somebody watches, and whether the clock was set back; every now and then, write it down."""
        if self._watch is not None and now < self._watch.seen - _SET:
            self._renew(connection, now, work)
        now = self._ready(connection, now, work)
        if self._watch is not None and (self._written is None or abs(now - self._written) >= _WRITE):
            self._book.write_watch(connection, self._watch)
            self._written = now
        return now

    def _ready(self, connection: sa.Connection, now: datetime, work: _Work) -> datetime:
        """Take off what nobody watched.

        Returns:
            The time that counts. One that lies before the last is taken as that: an observation that has waited.
        """
        if self._watch is None:
            self._watch = Watch(now, now)
        elif now < self._watch.seen:
            return self._watch.seen
        elif now - self._watch.seen > GAP:
            self._renew(connection, now, work)
        else:
            self._watch = Watch(self._watch.since, now)
        return now

    @contextlib.contextmanager
    def _at_work(self, connection: sa.Connection) -> Iterator[_Work]:
        """One call: what is remembered is read where it must be, and what has changed is written at the end."""
        if self._stale:
            self._stale = False
            self._read(connection)
        work = _Work()
        try:
            yield work
            if work.memories or work.changes:
                self._book.write(connection, work.memories, work.changes)
        except BaseException:
            self._stale = True
            raise

    def _read(self, connection: sa.Connection) -> None:
        self._memories = self._book.memories(connection)
        self._failing = self._book.failing(connection)
        self._watch = self._later(self._book.watch(connection))
        self._written = None
        self._judged = {}
        self._note_all()

    def _renew(self, connection: sa.Connection, now: datetime, work: _Work) -> None:
        """Begin to watch anew after a gap, or because the clock was set."""
        if self._watch is not None:
            self._skip(now - self._watch.seen, work)
        self._watch = Watch(now, now)
        # In the same transaction: a gap must not be taken off twice, nor forgotten.
        self._book.write_watch(connection, self._watch)
        self._written = now

    def _later(self, stored: Watch | None) -> Watch | None:
        """After a commit that failed, what is known here is newer than what is written."""
        known = self._watch
        return known if known is not None and stored is not None and known.since == stored.since else stored

    def _skip(self, past: timedelta, work: _Work) -> None:
        """Have every memory stand still for a gap, or go with a clock that was set back."""
        back = past < timedelta()
        for key, memory in self._memories.items():
            moved = clock_was_set(memory, past) if back else after_gap(memory, past)
            if moved != memory:
                self._put(key, moved, work)
        self._judged = {}

    # Judging

    def _observe(
        self, connection: sa.Connection, check: str, observation: Observation, at: datetime, work: _Work
    ) -> None:
        now = self._ready(connection, at, work)
        if observation.verdict is Verdict.FAILED:
            self._failing.add(check)
        elif observation.verdict is Verdict.OK:
            self._failing.discard(check)
        for bound in self._bindings.of_check.get(check, ()):
            row = self._memory(Key(bound.name, check)).row
            self._step(bound, check, of_observation(bound.rule, bound.needed, row, observation), now, work)
        self._note(check)

    def _is_due(self, bound: Bound, now: datetime) -> bool:
        last = self._judged.get(bound.name)
        return last is None or not timedelta() <= now - last < bound.rule.every.delta

    def _found(
        self,
        bound: Bound,
        subject: str,
        memories: Mapping[Key, Memory],
        watched: datetime,
        source: Source,
        now: datetime,
    ) -> Found | None:
        """What one series says; None where it is no subject."""
        rule = bound.rule
        every = self._bindings.every(subject)
        asked = Asked(rule, subject, whole_of(rule, subject), now, watched, every)
        reading = of_series(asked, source)
        absent = rule.take == "absent"
        if not is_pattern(rule.series or "") or not (reading.unsure or (absent and reading.level)):
            return Found(bound, subject, reading)
        # A series of the past still fits the pattern.
        idle = memories.get(Key(bound.name, subject), _IDLE).idle
        newest = source.last(subject, now)
        if absent:
            return None if idle and (newest is None or newest.at < watched) else Found(bound, subject, reading)
        if idle:
            return None
        silent = now - max(watched, watched if newest is None else newest.at)
        gone = f"there has been no number of {subject} for a day: it is not there any more" if silent > GONE else ""
        return Found(bound, subject, reading, gone)

    def _step(self, bound: Bound, subject: str, reading: Reading, now: datetime, work: _Work) -> None:
        key = Key(bound.name, subject)
        before = self._memory(key)
        after, moves = step(bound.terms, before, reading, now, self._because(bound, subject))
        if after is not before:
            self._put(key, after, work)
        work.changes += [Transition(key, now, move) for move in moves]

    def _because(self, bound: Bound, subject: str) -> str:
        """What a subject depends on that fails, too; empty where nothing does."""
        for other in bound.rule.depends_on:
            if other != subject and (other in self._failing or self._troubled.get(other)):
                return other
        return ""

    # Remembering

    def _memory(self, key: Key) -> Memory:
        return self._memories.get(key, _IDLE)

    def _put(self, key: Key, memory: Memory, work: _Work) -> None:
        self._memories[key] = work.memories[key] = memory
        self._trouble(key, memory)

    def _drop(self, key: Key, why: str, now: datetime, work: _Work) -> None:
        """Forget a subject that is not there any more; its alert is over."""
        memory = self._memories.pop(key, _IDLE)
        work.memories[key] = None
        self._trouble(key, _IDLE)
        if memory.state is not State.OK:
            old = State.FIRING if memory.state.alert else memory.state
            move = Move(old, State.OK, memory.level or "critical", None, why, memory.because_of)
            work.changes.append(Transition(key, now, move))

    def _leave(self, now: datetime, work: _Work) -> None:
        """Forget what the configuration does not have any more."""
        for key in list(self._memories):
            if why := self._bindings.judges(key.rule, key.subject):
                self._drop(key, why, now, work)

    def _trouble(self, key: Key, memory: Memory) -> None:
        subjects = self._troubled.setdefault(key.rule, set())
        (subjects.discard if memory.state is State.OK else subjects.add)(key.subject)

    def _note(self, check: str) -> None:
        """Whether the next good observation of a check is news."""
        bounds = self._bindings.of_check.get(check, ())
        if check in self._failing or any(not self._memory(Key(one.name, check)).idle for one in bounds):
            self._noted.add(check)
        else:
            self._noted.discard(check)

    def _note_all(self) -> None:
        self._troubled = {}
        for key, memory in self._memories.items():
            self._trouble(key, memory)
        self._noted = set(self._failing)
        for key, memory in self._memories.items():
            if not memory.idle and key.subject in self._bindings.of_check:
                self._noted.add(key.subject)
