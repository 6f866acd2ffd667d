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

from daytwo.store.database import Database, to_json
from daytwo.store.tables import runs


class Outcome(StrEnum):
    """How a run ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class RunRow:
    """A run as recorded."""

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

    def begin(self, id: str, kind: str, subject: str, owner: str, actor: str, now: datetime) -> None:
        """Record that a run begins."""
        with self._database.begin() as connection:
            connection.execute(
                runs.insert().values(
                    id=id,
                    app=self._app,
                    environment=self._environment,
                    kind=kind,
                    subject=subject,
                    owner=owner,
                    actor=actor,
                    begun=now,
                    outcome=Outcome.RUNNING.value,
                )
            )

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

    def get(self, id: str) -> RunRow | None:
        """One run."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(runs).where(runs.c.id == id)).one_or_none()
        return None if row is None else _row(row)

    def latest(self, kind: str | None = None, subject: str | None = None, limit: int = 20) -> list[RunRow]:
        """The newest runs first."""
        query = sa.select(runs).where(runs.c.app == self._app, runs.c.environment == self._environment)
        if kind:
            query = query.where(runs.c.kind == kind)
        if subject:
            query = query.where(runs.c.subject == subject)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(runs.c.begun.desc()).limit(limit)).all()
        return [_row(row) for row in rows]

    def unfinished(self) -> list[RunRow]:
        """Runs without an end, oldest first."""
        query = sa.select(runs).where(
            runs.c.app == self._app, runs.c.environment == self._environment, runs.c.outcome == Outcome.RUNNING.value
        )
        with self._database.read() as connection:
            return [_row(row) for row in connection.execute(query.order_by(runs.c.begun)).all()]


def _row(row: sa.Row[Any]) -> RunRow:
    values = dict(row._mapping)
    values["outcome"] = Outcome(values["outcome"])
    values["detail"] = json.loads(values["detail"])
    values["journal"] = tuple(json.loads(values["journal"]))
    return RunRow(**values)
