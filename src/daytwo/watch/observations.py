"""What checks have observed: the newest of each, and since when it is so."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from daytwo.core.check import Observation, Verdict
from daytwo.store.database import Database, insert
from daytwo.store.tables import checks, stretches
from daytwo.watch.prober import Answer

NOBODY = "nobody looked"
"""Why a stretch is inconclusive in which daytwo did not run."""
_PATIENCE = 2.0
"""Rhythms without an observation after which nobody has been looking."""
_SLACK = timedelta(seconds=30)
_SET = timedelta(seconds=60)
"""A clock that goes back by more has been set."""
_MOMENT = timedelta(milliseconds=1)


@dataclass(frozen=True)
class State:
    """How a check stands.

    Args:
        name: the check's.
        service: whom it asks.
        verdict: of the newest observation.
        why: what it said.
        since: when that verdict began.
        at: when it was observed last.
        failures: how many failed ones in a row.
        every: seconds between two observations.
        numbers: of the newest observation, by measure.
        facts: of the newest observation.
    """

    name: str
    service: str
    verdict: Verdict
    why: str
    since: datetime
    at: datetime
    failures: int
    every: float
    numbers: Mapping[str, float]
    facts: Mapping[str, str]

    @property
    def observation(self) -> Observation:
        """The newest observation."""
        return Observation(self.verdict, self.why, self.numbers, self.facts)

    @property
    def stale_after(self) -> datetime:
        """When it is too old to be believed."""
        return stale_after(self.at, self.every)


def stale_after(at: datetime, every: float) -> datetime:
    """When an observation is too old to be believed.

    Args:
        at: when it was made.
        every: seconds to the next.
    """
    return at + timedelta(seconds=every * _PATIENCE) + _SLACK


@dataclass(frozen=True)
class Stretch:
    """A time during which a check's verdict was the same.

    Args:
        begin: when it began.
        verdict: which it was.
        why: what the first observation said.
    """

    begin: datetime
    verdict: Verdict
    why: str = ""


class Observations:
    """The state's tables of observations. Of one daemon: it remembers what it has written.

    Args:
        database: the state.
        app: whose checks.
        environment: of which installation.
    """

    def __init__(self, database: Database, app: str, environment: str) -> None:
        self._database = database
        self._own = {"app": app, "environment": environment}
        self._known: dict[str, State] | None = None

    def all(self, connection: sa.Connection) -> dict[str, State]:
        """How every check stands, by name."""
        query = sa.select(checks).filter_by(**self._own).order_by(checks.c.name)
        return {row.name: _state(row) for row in connection.execute(query)}

    def standing(self, connection: sa.Connection, now: datetime) -> list[tuple[str, Verdict]]:
        """The verdict of every check that has been asked lately enough to be believed, by name: without its numbers,
        which take most of the time of `all`."""
        query = sa.select(checks.c.name, checks.c.verdict, checks.c.at, checks.c.every).filter_by(**self._own)
        rows = connection.execute(query.order_by(checks.c.name))
        return [(name, Verdict(said)) for name, said, at, every in rows if now <= stale_after(at, every)]

    def stretches(self, connection: sa.Connection, check: str, begin: datetime, end: datetime) -> list[Stretch]:
        """The verdicts of a window, oldest first; the first may have begun before it."""
        own = sa.select(stretches).filter_by(**self._own, check=check)
        before = own.where(stretches.c.begin <= begin).order_by(stretches.c.begin.desc()).limit(1)
        within = own.where(stretches.c.begin > begin, stretches.c.begin < end).order_by(stretches.c.begin)
        rows = [*connection.execute(before), *connection.execute(within)]
        return [Stretch(row.begin, Verdict(row.verdict), row.why) for row in rows]

    def histories(
        self, connection: sa.Connection, begin: datetime, end: datetime, names: Collection[str] | None = None
    ) -> dict[str, list[Stretch]]:
        """The verdicts of a window of every check that has any, or of these, by its name; see `stretches`."""
        latest = (
            sa.select(stretches.c.check, sa.func.max(stretches.c.begin).label("begin"))
            .filter_by(**self._own)
            .where(stretches.c.begin <= begin)
            .group_by(stretches.c.check)
        )
        own = sa.select(stretches.c.check, stretches.c.begin, stretches.c.verdict, stretches.c.why)
        own = own.filter_by(**self._own)
        if names is not None:
            latest, own = latest.where(stretches.c.check.in_(names)), own.where(stretches.c.check.in_(names))
        newest = latest.subquery()
        same = sa.and_(stretches.c.check == newest.c.check, stretches.c.begin == newest.c.begin)
        within = own.where(stretches.c.begin > begin, stretches.c.begin < end).order_by(stretches.c.begin)
        found: dict[str, list[Stretch]] = {}
        for query in (own.join_from(stretches, newest, same), within):
            for row in connection.execute(query):
                found.setdefault(row.check, []).append(Stretch(row.begin, Verdict(row.verdict), row.why))
        return found

    def take(self, connection: sa.Connection, answers: Iterable[Answer]) -> None:
        """Write down observations, oldest first."""
        known = self._held(connection)
        changed: dict[str, State] = {}
        begun: list[dict[str, Any]] = []
        for answer in answers:
            name = answer.check.name
            before = changed.get(name) or known.get(name)
            if before is not None and before.at - _SET < answer.at <= before.at:
                continue  # the clock was put right: what is known stays
            if before is not None and answer.at <= before.at:
                self._undo(connection, name, answer.at)
                begun = [one for one in begun if one["check"] != name or one["begin"] < answer.at]
            changed[name], new = _next(before, answer)
            begun += [
                {**self._own, "check": name, "begin": one.begin, "verdict": one.verdict.value, "why": one.why}
                for one in new
            ]
        if changed:
            connection.execute(_upsert(connection), [self._own | _row(one) for one in changed.values()])
        if begun:
            connection.execute(sa.insert(stretches), begun)
        self._known = known | changed

    def forget_memory(self) -> None:
        """What was written was not committed: read it again."""
        self._known = None

    def keep(self, connection: sa.Connection, names: Iterable[str], now: datetime) -> None:
        """Remove the newest observations of checks that are not among these. Their history stays, and from now on
        nobody looks: when one is watched again, the time between was neither an outage nor uptime.

        Args:
            connection: of the transaction.
            names: the checks that are watched.
            now: the time now.
        """
        held, watched = self._held(connection), set(names)
        gone = {name: one for name, one in held.items() if name not in watched}
        if not gone:
            return
        connection.execute(sa.delete(checks).filter_by(**self._own).where(checks.c.name.in_(sorted(gone))))
        ends = {
            name: max(one.at + _MOMENT, min(one.at + timedelta(seconds=one.every), now)) for name, one in gone.items()
        }
        rows = [{"check": name, "begin": end, "verdict": Verdict.INCONCLUSIVE.value} for name, end in ends.items()]
        connection.execute(sa.insert(stretches), [{**self._own, **row, "why": NOBODY} for row in rows])
        self._known = {name: one for name, one in held.items() if name not in gone}

    def prune(self, connection: sa.Connection, before: datetime) -> None:
        """Remove stretches that ended before a time."""
        later = stretches.alias()
        ended = sa.exists().where(
            *(later.c[key] == stretches.c[key] for key in ("app", "environment", "check")),
            later.c.begin > stretches.c.begin,
            later.c.begin < before,
        )
        connection.execute(sa.delete(stretches).filter_by(**self._own).where(ended))

    def _undo(self, connection: sa.Connection, check: str, at: datetime) -> None:
        """Forget what bears a time from here on: the clock was set back, and it would be taken for what is to come."""
        connection.execute(sa.delete(stretches).filter_by(**self._own, check=check).where(stretches.c.begin >= at))

    def _held(self, connection: sa.Connection) -> dict[str, State]:
        if self._known is None:
            self._known = self.all(connection)
        return self._known


def _next(before: State | None, answer: Answer) -> tuple[State, list[Stretch]]:
    """How a check stands after an observation, and the stretches that begin."""
    seen, check = answer.observation, answer.check
    new: list[Stretch] = []
    since, failures = answer.at, 0
    if before is not None:
        failures = before.failures
        if answer.at > before.stale_after:
            new.append(Stretch(before.at + timedelta(seconds=before.every), Verdict.INCONCLUSIVE, NOBODY))
        elif seen.verdict is before.verdict and answer.at > before.at:
            since = before.since
    if before is None or since == answer.at:
        new.append(Stretch(answer.at, seen.verdict, seen.why))
    if seen.verdict is Verdict.FAILED:
        failures += 1
    elif seen.verdict is Verdict.OK:
        failures = 0
    state = State(
        name=check.name, service=check.service, verdict=seen.verdict, why=seen.why, since=since, at=answer.at,
        failures=failures, every=check.timing.every, numbers=seen.numbers, facts=seen.facts,
    )  # fmt: skip
    return state, new


def _row(state: State) -> dict[str, object]:
    return {
        "name": state.name, "service": state.service, "verdict": state.verdict.value, "why": state.why,
        "since": state.since, "at": state.at, "failures": state.failures, "every": state.every,
        "detail": json.dumps({"numbers": dict(state.numbers), "facts": dict(state.facts)}),
    }  # fmt: skip


def _state(row: sa.Row[tuple[object, ...]]) -> State:
    detail = json.loads(row.detail)
    return State(
        name=row.name, service=row.service, verdict=Verdict(row.verdict), why=row.why, since=row.since, at=row.at,
        failures=row.failures, every=row.every, numbers=detail["numbers"], facts=detail["facts"],
    )  # fmt: skip


def _upsert(connection: sa.Connection) -> Any:
    keys = ("app", "environment", "name")
    others = [one.name for one in checks.c if one.name not in keys]
    there = insert(connection, checks)
    return there.on_conflict_do_update(index_elements=keys, set_={name: there.excluded[name] for name in others})


def window_end(state: State | None, now: datetime) -> datetime:
    """Until when the last stretch of a check may be believed."""
    return now if state is None else min(now, state.stale_after)
