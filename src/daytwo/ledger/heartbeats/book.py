"""The heartbeats of one app in the state: what was reported, and how each stands."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from daytwo.core.errors import NotFoundError
from daytwo.ledger.heartbeats.judge import Facts, Promise, State, Verdict, assess
from daytwo.ledger.heartbeats.report import (
    Begun,
    Kind,
    Report,
    begin,
    end,
    excerpt_of,
    milliseconds,
    open_from,
    open_text,
)
from daytwo.store.database import Database, insert
from daytwo.store.tables import heartbeats, pings

KEPT = 1000
"""Pings that are kept of each heartbeat."""

# Made once: putting a statement together costs more than SQLite needs to carry it out.
_MINE = (
    heartbeats.c.app == sa.bindparam("of_app"),
    heartbeats.c.environment == sa.bindparam("of_environment"),
    heartbeats.c.name == sa.bindparam("of_name"),
)
_ONE = sa.select(heartbeats).where(*_MINE)
_ONE_LOCKED = _ONE.with_for_update()
_UPDATE = heartbeats.update().where(*_MINE)
_INSERT = pings.insert()
_PRUNE = pings.delete().where(
    pings.c.app == sa.bindparam("of_app"),
    pings.c.environment == sa.bindparam("of_environment"),
    pings.c.heartbeat == sa.bindparam("of_name"),
    pings.c.seq <= sa.bindparam("of_seq"),
)


@dataclass(frozen=True)
class Heartbeat:
    """What is known of a heartbeat.

    Args:
        name: its name in the configuration.
        ping: the id that its job reports under; whoever knows it can report.
        state: how it stands.
        since: since when.
        created: when it was first seen in the configuration.
        promise: what it promised when that was last looked at, in words.
        counted: from when on its promise counts although it has not reported since.
        started: when it last said that it began.
        open: its runs that have begun and not ended, in that order.
        reported: when it last said that a run had ended.
        succeeded: when it last said success.
        failed: whether its last report said failure.
        exit_code: of its last report, where it gave one.
        duration: of its last run, milliseconds.
        due: when its next report is due, or was.
        overdue: since when its report has been missing, if it is down.
        missing: since when it is not in the configuration.
        pings: the number given last.
    """

    name: str
    ping: str
    state: State
    since: datetime
    created: datetime
    promise: str
    counted: datetime
    started: datetime | None
    open: tuple[Begun, ...]
    reported: datetime | None
    succeeded: datetime | None
    failed: bool
    exit_code: int | None
    duration: int | None
    due: datetime | None
    overdue: datetime | None
    missing: datetime | None
    pings: int

    def facts(self, watched: datetime | None) -> Facts:
        """What is judged."""
        begun = self.open[0].at if self.open else None
        return Facts(self.counted, self.reported, self.failed, begun, self.overdue, watched)

    def news(self, promises: Mapping[str, Promise], watched: datetime | None, now: datetime) -> Verdict | None:
        """How it stands, when that is not what is written; None too when the configuration does not name it."""
        promise = promises.get(self.name)
        if promise is None or self.missing is not None:
            return None
        verdict = assess(promise, self.facts(watched), now)
        same = (verdict.state, verdict.due, verdict.overdue) == (self.state, self.due, self.overdue)
        return None if same else verdict

    def ahead_of(self, now: datetime) -> bool:
        """Whether something of it happened after `now`."""
        times = (self.counted, self.started, self.reported, self.overdue)
        return any(one is not None and one > now for one in times)


@dataclass(frozen=True)
class Ping:
    """One report, or one finding of the watchman's.

    Args:
        seq: its number; it rises by one with each.
        at: when it came.
        kind: what it says.
        exit_code: of the job, where it gave one.
        duration: of the run, milliseconds, where that is known.
        excerpt: the end of what the job printed.
        source: the address it came from.
        rid: the run it belongs to.
        agent: the program that sent it.
    """

    seq: int
    at: datetime
    kind: Kind
    exit_code: int | None
    duration: int | None
    excerpt: str
    source: str
    rid: str
    agent: str


class Book:
    """The heartbeats of one app and environment.

    Args:
        database: the state.
        app: the app's name.
        environment: the environment's name.
    """

    def __init__(self, database: Database, app: str, environment: str) -> None:
        self._database = database
        self._app, self._environment = app, environment
        self._own = (heartbeats.c.app == app, heartbeats.c.environment == environment)
        self._mine = {"of_app": app, "of_environment": environment}
        self._names: dict[str, str] = {}

    def all(self) -> list[Heartbeat]:
        """All that were ever in the configuration, by name."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(heartbeats).where(*self._own).order_by(heartbeats.c.name)).all()
        return [_of(row) for row in rows]

    def get(self, name: str) -> Heartbeat:
        """One of them.

        Raises:
            NotFoundError: there is none of this name.
        """
        with self._database.read() as connection:
            return self._locked(connection, name)

    def pings(self, name: str, limit: int, before: int | None = None) -> list[Ping]:
        """Its newest pings, the newest first.

        Args:
            name: whose.
            limit: how many at most.
            before: only those with a lower number.
        """
        mine = (pings.c.app == self._app, pings.c.environment == self._environment, pings.c.heartbeat == name)
        older = () if before is None else (pings.c.seq < before,)
        query = sa.select(pings).where(*mine, *older).order_by(pings.c.seq.desc()).limit(limit)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [Ping(row.seq, row.at, Kind(row.kind), *row[6:]) for row in rows]

    def name_of(self, ping: str) -> str | None:
        """Whose this ping id is, as far as is known without looking; see `learn`."""
        return self._names.get(ping)

    def learn(self) -> None:
        """Look up all ping ids, so that `name_of` knows them."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(heartbeats.c.ping, heartbeats.c.name).where(*self._own)).all()
        self._names = {row.ping: row.name for row in rows}

    def synchronise(self, connection: sa.Connection, promises: Mapping[str, Promise], now: datetime) -> None:
        """Have exactly those heartbeats that the configuration names; others are kept, and say nothing any more.

        Args:
            connection: of the transaction.
            promises: what the configuration names, and what each of them promises.
            now: the time now.
        """
        known = {row.name: _of(row) for row in connection.execute(sa.select(heartbeats).where(*self._own)).all()}
        for name, promise in promises.items():
            if name not in known:
                self._add(connection, name, promise, now)
            elif known[name].missing or known[name].promise != promise.text:
                self._promised(connection, known[name], promise, now)
        for name in known.keys() - promises.keys():
            if known[name].missing is None:
                self._change(connection, name, missing=now, due=None, overdue=None)

    def record(
        self,
        connection: sa.Connection,
        name: str,
        report: Report,
        promise: Promise | None,
        now: datetime,
        ping: str | None = None,
    ) -> int:
        """Take a report. It is safe once the transaction is committed.

        Args:
            connection: of the transaction.
            name: whose.
            report: what it says.
            promise: what the configuration says of it; None when it is not there.
            now: the time now.
            ping: the id it was sent to, which may have been changed meanwhile.

        Returns:
            The ping's number.

        Raises:
            NotFoundError: there is no such heartbeat, or it has another id.
        """
        row = self._locked(connection, name)
        if ping is not None and row.ping != ping:
            raise unknown_ping()
        duration = report.duration
        values: dict[str, Any] = {}
        if report.kind is Kind.START:
            values = _begun(row, report, now)
        elif report.kind.ends:
            begun, left = end(row.open, report.rid)
            if duration is None and begun is not None:
                duration = milliseconds(now - begun.at)
            values = _ended(row, report, duration, left, promise, now)
        return self._note(connection, row, replace(report, duration=duration), now, values)

    def judge(
        self, connection: sa.Connection, promises: Mapping[str, Promise], watched: datetime | None, now: datetime
    ) -> list[tuple[Heartbeat, Verdict]]:
        """Write down how each stands now.

        Args:
            connection: of the transaction.
            promises: what the configuration names.
            watched: since when somebody has been listening without a gap.
            now: the time now.

        Returns:
            Those whose state changed, as they were, and how they stand now.
        """
        query = sa.select(heartbeats).where(*self._own).with_for_update()
        found = []
        for row in map(_of, connection.execute(query).all()):
            verdict = row.news(promises, watched, now)
            if verdict is None:
                continue
            values: dict[str, Any] = {"due": verdict.due, "overdue": verdict.overdue}
            if verdict.state is row.state:
                self._change(connection, row.name, **values)
                continue
            found.append((row, verdict))
            values |= {"state": verdict.state.value, "since": now}
            if verdict.state in (State.LATE, State.DOWN):
                finding = Report(Kind(verdict.state.value), excerpt=_why(row, verdict), agent="daytwo")
                self._note(connection, row, finding, now, values)
            else:
                self._change(connection, row.name, **values)
        return found

    def clock_was_set(self, connection: sa.Connection, now: datetime) -> None:
        """Have every promise count from now on: what was promised by the other clock cannot be compared.

        Times ahead of the clock become now; the pings keep what the clock said then. What is down stays down.
        """
        query = sa.select(heartbeats).where(*self._own).with_for_update()
        for row in map(_of, connection.execute(query).all()):
            bounded = {name: min(value, now) for name in _TIMES if (value := getattr(row, name)) is not None}
            open = open_text([replace(one, at=min(one.at, now)) for one in row.open])
            self._change(connection, row.name, **bounded, open=open, counted=now)

    def rotate(self, connection: sa.Connection, name: str) -> str:
        """Give a heartbeat a new ping id; the old one means nothing from now on.

        Raises:
            NotFoundError: there is no such heartbeat.
        """
        self._locked(connection, name)
        ping = str(uuid.uuid4())
        self._change(connection, name, ping=ping)
        return ping

    def _locked(self, connection: sa.Connection, name: str) -> Heartbeat:
        reading = connection.get_execution_options().get("read_only")
        row = connection.execute(_ONE if reading else _ONE_LOCKED, {**self._mine, "of_name": name}).first()
        if row is None:
            raise NotFoundError(f"there is no heartbeat {name}", hint="`daytwo heartbeats` lists them")
        return _of(row)

    def _change(self, connection: sa.Connection, name: str, **values: Any) -> None:
        connection.execute(_UPDATE, {**self._mine, "of_name": name, **values})

    def _add(self, connection: sa.Connection, name: str, promise: Promise, now: datetime) -> None:
        connection.execute(
            insert(connection, heartbeats).values(
                app=self._app, environment=self._environment, name=name, ping=str(uuid.uuid4()),
                state=State.NEW.value, since=now, created=now, promise=promise.text, counted=now,
                due=promise.after(now),
            ).on_conflict_do_nothing()
        )  # fmt: skip

    def _promised(self, connection: sa.Connection, row: Heartbeat, promise: Promise, now: datetime) -> None:
        """Another promise counts from now on; what was down is down still, unless the new one says otherwise."""
        was_down = row.state is State.DOWN and row.missing is None
        counted = row.counted if was_down else now
        due = promise.after(max(counted, row.reported or counted))
        self._change(
            connection, row.name, promise=promise.text, missing=None, counted=counted, due=due, overdue=None
        )  # fmt: skip

    def _note(
        self, connection: sa.Connection, row: Heartbeat, report: Report, now: datetime, values: Mapping[str, Any]
    ) -> int:
        number = row.pings + 1
        self._change(connection, row.name, pings=number, **values)
        said = {
            "at": now, "kind": report.kind.value, "exit_code": report.exit_code, "duration": report.duration,
            "excerpt": excerpt_of(report.excerpt), "source": report.source[:64], "rid": report.rid,
            "agent": report.agent[:200],
        }  # fmt: skip
        place = {"app": self._app, "environment": self._environment, "heartbeat": row.name, "seq": number}
        connection.execute(_INSERT, {**place, **said})
        if number > KEPT:
            connection.execute(_PRUNE, {**self._mine, "of_name": row.name, "of_seq": number - KEPT})
        return number


def unknown_ping() -> NotFoundError:
    """The error of a ping id that means nothing."""
    return NotFoundError("there is no such ping id", hint="`daytwo heartbeats` shows the addresses")


_TIMES = ("started", "reported", "succeeded", "overdue")


def _begun(row: Heartbeat, report: Report, now: datetime) -> dict[str, Any]:
    """What a start changes. It is no sign that all is well: what is down is so until a run has ended."""
    values: dict[str, Any] = {"started": now, "open": open_text(begin(row.open, Begun(report.rid, now)))}
    return values if row.state is State.DOWN else values | _state(row, State.STARTED, now)


def _ended(
    row: Heartbeat, report: Report, duration: int | None, left: Sequence[Begun], promise: Promise | None, now: datetime
) -> dict[str, Any]:
    failed = report.kind is Kind.FAIL
    state = State.STARTED if left else State.FAILING if failed else State.UP
    return {
        "open": open_text(left), "reported": now, "failed": failed, "exit_code": report.exit_code, "overdue": None,
        "due": promise.after(now) if promise else None, "duration": duration,
        **({} if failed else {"succeeded": now}), **_state(row, state, now),
    }  # fmt: skip


def _state(row: Heartbeat, state: State, now: datetime) -> dict[str, Any]:
    return {} if state is row.state else {"state": state.value, "since": now}


def _why(row: Heartbeat, verdict: Verdict) -> str:
    last = f"last report {row.reported.isoformat(timespec='seconds')}" if row.reported else "it has never reported"
    missing = (verdict.overdue or verdict.due).isoformat(timespec="seconds")
    if verdict.state is State.DOWN and row.open:
        return f"a run began at {row.open[0].at.isoformat(timespec='seconds')} and has not ended; {last}"
    return f"a report was due at {missing}; {last}"


def _of(row: sa.Row[Any]) -> Heartbeat:
    values = {name: value for name, value in row._mapping.items() if name not in ("app", "environment")}
    return Heartbeat(**{**values, "state": State(row.state), "open": open_from(row.open)})
