"""A quick look at the state, for `daytwo status`: no migrations, no locks, on SQLite only the standard library."""

import contextlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from daytwo.core.errors import RefusedError
from daytwo.store.url import StateUrl


@dataclass(frozen=True)
class SeenRun:
    """A run, as far as a glance needs it."""

    id: str
    kind: str
    subject: str
    owner: str
    begun: datetime
    ended: datetime | None
    outcome: str
    summary: str


@dataclass(frozen=True)
class SeenSnapshot:
    """A snapshot in a repository, as it was last seen; `only` names its services where it is not of all."""

    id: str
    repository: str
    backup: str
    at: datetime
    size: int
    level: str
    safety: bool
    only: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether it stands for its backup: it is whole, and no way back from a restore."""
        return not self.safety and not self.only


@dataclass(frozen=True)
class SeenAlert:
    """An alert that is not over."""

    id: int
    level: str
    subject: str
    why: str
    begin: datetime
    acknowledged_by: str


@dataclass(frozen=True)
class SeenIncident:
    """An incident that is not resolved."""

    id: int
    severity: str
    title: str
    opened: datetime
    acknowledged_by: str


@dataclass(frozen=True)
class Glance:
    """What the state knows of an app: its newest runs and its snapshots, newest first."""

    runs: tuple[SeenRun, ...] = ()
    snapshots: tuple[SeenSnapshot, ...] = ()
    paused: Mapping[str, str] = field(default_factory=dict)
    """By name of a schedule that is paused, by whom."""


@dataclass(frozen=True)
class Wrong:
    """What is wrong now."""

    alerts: tuple[SeenAlert, ...] = ()
    """Those that are not over and not put down to another one; 50 at most."""
    incidents: tuple[SeenIncident, ...] = ()
    """Those that are not resolved; 50 at most."""


_RUNS = (
    "select id, kind, subject, owner, begun, ended, outcome, summary from runs"
    " where app = {0} and environment = {0} order by begun desc limit 50"
)
_BACKUPS = (
    "select id, kind, subject, owner, begun, ended, outcome, summary from runs"
    " where app = {0} and environment = {0} and kind = 'backup' order by begun desc limit 500"
)
"""One that runs every few minutes must not hide how the nightly one ended."""
_SNAPSHOTS = (
    'select id, repository, backup, at, size, level, safety, "only" from snapshots'
    " where app = {0} and environment = {0} order by at desc"
)

_PAUSED = "select name, paused_by from schedules where app = {0} and environment = {0} and paused is not null"
_ALERTS = (
    'select id, level, subject, why, "begin", acknowledged_by from alerts'
    " where app = {0} and environment = {0} and \"end\" is null and because_of = '' order by id desc limit 50"
)
_INCIDENTS = (
    "select id, severity, title, opened, acknowledged_by from incidents"
    " where app = {0} and environment = {0} and state <> 'resolved' order by id desc limit 50"
)
_Rows = Sequence[Any]
_Queries = Sequence[tuple[str, str]]
_GLANCE: _Queries = (("runs", _RUNS), ("runs", _BACKUPS), ("snapshots", _SNAPSHOTS), ("schedules", _PAUSED))
"""The table that each is about, and what is asked."""
_WRONG: _Queries = (("alerts", _ALERTS), ("incidents", _INCIDENTS))


def glance(url: StateUrl, app: str, environment: str) -> Glance:
    """Read what is known of an app; nothing when there is no state yet.

    Raises:
        RefusedError: there is a state and it cannot be read.
    """
    return _glance(*_read(url, _GLANCE, (app, environment)))


def glance_and_wrong(url: StateUrl, app: str, environment: str) -> tuple[Glance, Wrong]:
    """The same, and what is wrong with the app now, in one look; nothing wrong in a state from before alerts.

    Raises:
        RefusedError: there is a state and it cannot be read.
    """
    *known, alerts, incidents = _read(url, (*_GLANCE, *_WRONG), (app, environment))
    wrong = Wrong(tuple(_alert(*row) for row in alerts), tuple(_incident(*row) for row in incidents))
    return _glance(*known), wrong


def _glance(runs: _Rows, backups: _Rows, snapshots: _Rows, paused: _Rows) -> Glance:
    return Glance(
        newest_first(_run(*row) for row in (*runs, *backups)), tuple(_snapshot(*row) for row in snapshots), dict(paused)
    )


def newest_first(runs: Iterable[SeenRun]) -> tuple[SeenRun, ...]:
    """Runs of several lists, each once."""
    return tuple(sorted({one.id: one for one in runs}.values(), key=lambda one: one.begun, reverse=True))


def _read(url: StateUrl, queries: _Queries, key: tuple[str, str]) -> list[_Rows]:
    """What each query finds; nothing where its table is not there yet."""
    if not url.is_sqlite:
        return _from_postgres(url, queries, key)
    if not url.file.exists():
        return [()] * len(queries)
    try:
        return _from_sqlite(url, queries, key)
    except sqlite3.Error as error:
        if "no such column" in str(error):
            raise RefusedError(
                f"the state {url.file} is of an earlier daytwo",
                hint="`daytwo runs` brings it up to date, or the daemon",
            ) from None
        raise RefusedError(
            f"the state {url.file} cannot be read: {error}", hint="Check the file and its rights"
        ) from None


def _run(  # the order of _RUNS
    id: str, kind: str, subject: str, owner: str, begun: str, ended: str | None, outcome: str, summary: str
) -> SeenRun:
    end = datetime.fromisoformat(ended) if ended else None
    return SeenRun(id, kind, subject, owner, datetime.fromisoformat(begun), end, outcome, summary)


def _snapshot(  # the order of _SNAPSHOTS
    id: str, repository: str, backup: str, at: str, size: int, level: str, safety: bool | int, only: str
) -> SeenSnapshot:
    names = tuple(only.split(",")) if only else ()
    return SeenSnapshot(id, repository, backup, datetime.fromisoformat(at), size, level, bool(safety), names)


def _alert(  # the order of _ALERTS
    id: int, level: str, subject: str, why: str, begin: str, acknowledged_by: str
) -> SeenAlert:
    return SeenAlert(id, level, subject, why, datetime.fromisoformat(begin), acknowledged_by)


def _incident(  # the order of _INCIDENTS
    id: int, severity: str, title: str, opened: str, acknowledged_by: str
) -> SeenIncident:
    return SeenIncident(id, severity, title, datetime.fromisoformat(opened), acknowledged_by)


def _from_sqlite(url: StateUrl, queries: _Queries, key: tuple[str, str]) -> list[_Rows]:
    with contextlib.closing(sqlite3.connect(f"file:{url.file}?mode=ro", uri=True, timeout=5)) as connection:
        there = {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
        return [
            connection.execute(query.format("?"), key).fetchall() if table in there else () for table, query in queries
        ]


def _from_postgres(url: StateUrl, queries: _Queries, key: tuple[str, str]) -> list[_Rows]:
    import psycopg

    found: list[_Rows] = []
    try:
        with psycopg.connect(url.text, connect_timeout=5) as connection:
            for table, query in queries:
                there = connection.execute("select to_regclass(%s) is not null", (table,)).fetchone() == (True,)
                found.append(connection.execute(query.format("%s"), key).fetchall() if there else ())
    except psycopg.Error as error:
        said = str(error).strip().splitlines()[0]
        raise RefusedError(f"the state cannot be read: {said}", hint="Check the database of `state`") from None
    return found
