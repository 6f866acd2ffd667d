"""What rules remember and report, in the state: one row a subject that has ever had an alert, one row a change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from daytwo.config.watching import Level
from daytwo.core.check import Verdict
from daytwo.ledger.heartbeats import Watch
from daytwo.store.tables import checks, rule_states, transitions, watches
from daytwo.watch.rules.machine import Memory, Move, State

_WATCH = "rules"


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One rule for one of its subjects.

    Args:
        rule: its name.
        subject: a check or a series.
    """

    rule: str
    subject: str


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of a rule's state, as it is written down.

    Args:
        key: which rule, of what.
        at: when.
        move: what changed.
        number: its number in the state; 0 while it has none.
        claimed: when somebody took it on to tell people.
    """

    key: Key
    at: datetime
    move: Move
    number: int = 0
    claimed: datetime | None = None

    def __str__(self) -> str:
        """In one line: `web (web): firing, critical: no answer within 10s`."""
        move = self.move
        level = f", {move.level}" if move.new is not State.OK else ""
        cause = f" (because of {move.because_of})" if move.because_of else ""
        return f"{self.key.rule} ({self.key.subject}): {move.new}{level}: {move.why}{cause}"


class Book:
    """The memories and transitions of one app and environment.

    Args:
        app: the app's name.
        environment: the environment's name.
    """

    def __init__(self, app: str, environment: str) -> None:
        self._own = {"app": app, "environment": environment}

    def memories(self, connection: sa.Connection) -> dict[Key, Memory]:
        """What is remembered of every subject that has ever had an alert."""
        query = sa.select(rule_states.c.rule, rule_states.c.subject, rule_states.c.detail).filter_by(**self._own)
        return {Key(row.rule, row.subject): Memory.from_json(row.detail) for row in connection.execute(query)}

    def failing(self, connection: sa.Connection) -> set[str]:
        """The checks that have failed and not been well since; what is inconclusive ends no outage."""
        failed = sa.or_(checks.c.verdict == Verdict.FAILED.value, checks.c.failures > 0)
        query = sa.select(checks.c.name).filter_by(**self._own).where(failed)
        return {row.name for row in connection.execute(query)}

    def write(
        self, connection: sa.Connection, memories: Mapping[Key, Memory | None], changes: Iterable[Transition]
    ) -> None:
        """Remember, and tell.

        Args:
            connection: of the transaction.
            memories: what to remember; None: forget it.
            changes: what has changed.
        """
        kept = [self._row(key, memory) for key, memory in memories.items() if memory is not None]
        if kept:
            connection.execute(_upsert(connection.dialect.name), kept)
        for key, memory in memories.items():
            if memory is None:
                connection.execute(
                    rule_states.delete().where(*self._mine(rule_states)).where(
                        rule_states.c.rule == key.rule, rule_states.c.subject == key.subject
                    )
                )  # fmt: skip
        rows = [self._told(one) for one in changes]
        if rows:
            connection.execute(_TELL, rows)

    def transitions(
        self, connection: sa.Connection, begin: datetime, end: datetime, rule: str | None = None
    ) -> list[Transition]:
        """The changes of a time, oldest first.

        Args:
            connection: to read with.
            begin: the first moment.
            end: the first moment after it.
            rule: only those of this rule.
        """
        within = (transitions.c.at >= begin, transitions.c.at < end)
        own = {**self._own, **({} if rule is None else {"rule": rule})}
        query = sa.select(transitions).filter_by(**own).where(*within).order_by(transitions.c.id)
        return [_transition(row) for row in connection.execute(query)]

    def prune(self, connection: sa.Connection, before: datetime) -> None:
        """Remove changes that are older than this, but for those of alerts that are not over."""
        same = (rule_states.c[name] == transitions.c[name] for name in ("app", "environment", "rule", "subject"))
        stands = sa.exists().where(*same, rule_states.c.state != State.OK.value)
        old = (*self._mine(transitions), transitions.c.at < before, ~stands)
        connection.execute(transitions.delete().where(*old))

    def watch(self, connection: sa.Connection) -> Watch | None:
        """The newest time in which somebody judged without a gap."""
        query = sa.select(watches.c.since, watches.c.seen).filter_by(**self._own, name=_WATCH)
        row = connection.execute(query).first()
        return None if row is None else Watch(row.since, row.seen)

    def write_watch(self, connection: sa.Connection, watch: Watch) -> None:
        """Remember it."""
        values = {"since": watch.since, "seen": watch.seen}
        mine = (*self._mine(watches), watches.c.name == _WATCH)
        if not connection.execute(watches.update().where(*mine).values(**values)).rowcount:
            connection.execute(watches.insert().values(**self._own, name=_WATCH, **values))

    def _mine(self, table: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
        return tuple(table.c[name] == value for name, value in self._own.items())

    def _row(self, key: Key, memory: Memory) -> dict[str, object]:
        return {
            **self._own, "rule": key.rule, "subject": key.subject, "state": memory.state.value,
            "level": memory.level or "", "since": memory.since, "fired": memory.fired, "detail": memory.to_json(),
        }  # fmt: skip

    def _told(self, one: Transition) -> dict[str, object]:
        move = one.move
        return {
            **self._own, "rule": one.key.rule, "subject": one.key.subject, "at": one.at, "old": move.old.value,
            "new": move.new.value, "level": move.level, "value": move.value, "why": move.why,
            "because_of": move.because_of,
        }  # fmt: skip


def _transition(row: sa.Row[tuple[object, ...]]) -> Transition:
    level: Level = row.level
    move = Move(State(row.old), State(row.new), level, row.value, row.why, row.because_of)
    return Transition(Key(row.rule, row.subject), row.at, move, row.id, row.claimed)


@cache
def _upsert(dialect: str) -> sa.Insert:
    """Made once: putting the statement together costs more than carrying it out."""
    keys = ("app", "environment", "rule", "subject")
    others = [one.name for one in rule_states.c if one.name not in keys]
    if dialect == "sqlite":
        in_sqlite = sqlite.insert(rule_states)
        return in_sqlite.on_conflict_do_update(keys, set_={name: in_sqlite.excluded[name] for name in others})
    there = postgresql.insert(rule_states)
    return there.on_conflict_do_update(index_elements=keys, set_={name: there.excluded[name] for name in others})


_TELL = transitions.insert()
