"""Runs: one execution of anything, with begin, end and outcome.

A run's journal is what its way back needs: each line is written before the act it is about, and is read by whoever
cleans up after a run that died.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from daytwo.core.errors import ConflictError
from daytwo.store.database import Database, to_json
from daytwo.store.tables import UtcTime, runs


class Outcome(StrEnum):
    """How a run stands, or ended."""

    QUEUED = "queued"
    """A daemon has taken the order and has not begun."""
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """Its process died."""
    SKIPPED = "skipped"
    """Not begun, as the one before was still on its way."""
    MISSED = "missed"
    """Not begun, as no daemon was there at the time."""

    @property
    def open(self) -> bool:
        """Whether it has no end yet."""
        return self in (Outcome.QUEUED, Outcome.RUNNING)


@dataclass(frozen=True)
class RunRow:
    """A run as recorded.

    Args:
        begun: when it began; of one that has not, when it was ordered or due.
        via: the way its order came: `cli`, `socket`, `token`, `session`, `schedule`.
        queued: when a daemon took the order; None for a command's own run.
        due: the time of its schedule, where it has one.
        request: the order as JSON, for whoever carries it out; empty for a command's own run.
        progress: by part, how far it is.
        attempt: 1, or more when it makes up for an interrupted run.
    """

    id: str
    app: str
    environment: str
    kind: str
    subject: str
    owner: str
    actor: str
    begun: datetime
    ended: datetime | None
    outcome: Outcome
    summary: str
    detail: Mapping[str, Any]
    journal: tuple[Mapping[str, Any], ...]
    via: str
    queued: datetime | None
    due: datetime | None
    request: str
    progress: Mapping[str, Any]
    attempt: int


class Runs:
    """The runs of one app and environment.

    Args:
        database: the state.
        app: the app's name.
        environment: the environment's name.
    """

    def __init__(self, database: Database, app: str, environment: str) -> None:
        self._database = database
        self._app = app
        self._environment = environment

    def begin(self, id: str, kind: str, subject: str, owner: str, actor: str, now: datetime, via: str = "cli") -> None:
        """Record that a run begins; one that is queued under this id is taken.

        Raises:
            ConflictError: a run of this id has begun already.
        """
        with self._database.begin() as connection:
            taken = connection.execute(
                runs.update()
                .where(runs.c.id == id, runs.c.outcome == Outcome.QUEUED.value)
                .values(owner=owner, begun=now, outcome=Outcome.RUNNING.value)
            )
            if taken.rowcount:
                return
            if connection.execute(sa.select(runs.c.id).where(runs.c.id == id)).first():
                raise ConflictError(f"run {id} has begun already")
            values = self._values(id, kind, subject, actor, via)
            connection.execute(runs.insert().values(**values, owner=owner, begun=now, outcome=Outcome.RUNNING.value))

    def _values(self, id: str, kind: str, subject: str, actor: str, via: str) -> dict[str, Any]:
        own = {"id": id, "app": self._app, "environment": self._environment}
        return own | {"kind": kind, "subject": subject, "actor": actor, "via": via}

    def note(self, id: str, line: Mapping[str, Any]) -> None:
        """Add a line to a run's journal, before the act it is about."""
        with self._database.begin() as connection:
            text = connection.execute(sa.select(runs.c.journal).where(runs.c.id == id)).scalar_one()
            journal = [*json.loads(text), dict(line)]
            connection.execute(runs.update().where(runs.c.id == id).values(journal=to_json(journal)))

    def end(
        self,
        id: str,
        outcome: Outcome,
        summary: str,
        detail: Mapping[str, Any],
        now: datetime,
        connection: sa.Connection | None = None,
    ) -> None:
        """Record how a run ended. A run that has ended is left as it is."""
        statement = (
            runs.update()
            .where(runs.c.id == id, runs.c.outcome == Outcome.RUNNING.value)
            .values(ended=now, outcome=outcome.value, summary=summary, detail=to_json(dict(detail)))
        )
        if connection is not None:
            connection.execute(statement)
        else:
            with self._database.begin() as own:
                own.execute(statement)

    def progress(self, connection: sa.Connection, id: str, progress: Mapping[str, Any]) -> None:
        """Record how far a run is, for whoever looks later."""
        connection.execute(runs.update().where(runs.c.id == id).values(progress=to_json(dict(progress))))

    def get(self, id: str) -> RunRow | None:
        """One run of this app; None when there is none, or it is of another one that shares the state."""
        query = sa.select(runs).filter_by(id=id, app=self._app, environment=self._environment)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else row_of(row)

    def latest(
        self,
        kind: str | None = None,
        subject: str | None = None,
        limit: int = 20,
        outcome: Outcome | None = None,
        after: tuple[datetime, str] | None = None,
    ) -> list[RunRow]:
        """The newest runs first.

        Args:
            kind: only of this kind.
            subject: only about this.
            limit: so many.
            outcome: only with this outcome.
            after: time and id of the last one of the page before.
        """
        query = sa.select(runs).where(runs.c.app == self._app, runs.c.environment == self._environment)
        if outcome:
            query = query.where(runs.c.outcome == outcome.value)
        if after:
            query = query.where(sa.tuple_(runs.c.begun, runs.c.id) < sa.tuple_(*after_values(after)))
        if kind:
            query = query.where(runs.c.kind == kind)
        if subject:
            query = query.where(runs.c.subject == subject)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(runs.c.begun.desc(), runs.c.id.desc()).limit(limit)).all()
        return [row_of(row) for row in rows]

    def unfinished(self) -> list[RunRow]:
        """Runs without an end, oldest first."""
        query = sa.select(runs).where(
            runs.c.app == self._app, runs.c.environment == self._environment, runs.c.outcome == Outcome.RUNNING.value
        )
        with self._database.read() as connection:
            return [row_of(row) for row in connection.execute(query.order_by(runs.c.begun)).all()]


def after_values(after: tuple[datetime, str]) -> tuple[Any, Any]:
    """A place in a list of runs, as SQL."""
    return sa.literal(after[0], UtcTime), sa.literal(after[1])


def row_of(row: sa.Row[Any]) -> RunRow:
    """A row of the table."""
    values = dict(row._mapping)
    values["outcome"] = Outcome(values["outcome"])
    values["detail"] = json.loads(values["detail"])
    values["journal"] = tuple(json.loads(values["journal"]))
    values["progress"] = json.loads(values["progress"])
    return RunRow(**values)
