"""Runs that were ordered and have not begun. The row is the order: once it is committed, it will not be lost."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from daytwo.ledger.runs import Outcome, RunRow, Runs, row_of
from daytwo.store.database import Database, insert
from daytwo.store.tables import runs

AGAIN = ("backup", "verify", "prune")
"""Kinds that are made up when they were interrupted. A restore waits for a person."""
ATTEMPTS = 3
"""What kills its process so many times is left for a person."""


@dataclass(frozen=True)
class Entry:
    """An order for a run.

    Args:
        id: the run's id.
        kind: what sort of run.
        subject: what it is about.
        request: what exactly, as JSON.
        actor: on whose behalf.
        via: the way they came.
        due: the time of its schedule, where it has one.
        attempt: 1, or more when it makes up for an interrupted run.
    """

    id: str
    kind: str
    subject: str
    request: str
    actor: str
    via: str
    due: datetime | None = None
    attempt: int = 1


def scheduled_id(app: str, environment: str, name: str, due: datetime) -> str:
    """The id of a scheduled run: the same wherever and however often it is computed, so that it happens once."""
    return hashlib.sha256(f"{app}/{environment}/{name} {due.isoformat()}".encode()).hexdigest()[:16]


def next_id(id: str) -> str:
    """The id of the run that makes up for an interrupted one."""
    return hashlib.sha256(f"{id} again".encode()).hexdigest()[:16]


class Queue:
    """The orders of one app and environment.

    Args:
        database: the state.
        app: the app's name.
        environment: the environment's name.
    """

    def __init__(self, database: Database, app: str, environment: str) -> None:
        self._database = database
        self._app = app
        self._environment = environment
        self._runs = Runs(database, app, environment)

    def add(self, connection: sa.Connection, entry: Entry, now: datetime, outcome: Outcome = Outcome.QUEUED) -> bool:
        """Take an order; or record at once that it is not carried out (`skipped`, `missed`).

        Returns:
            False when there is a run of this id already: nothing is changed then.
        """
        closed: dict[str, Any] = {} if outcome.open else {"ended": now, "summary": _WHY[outcome]}
        added = connection.execute(
            insert(connection, runs)
            .values(
                id=entry.id, app=self._app, environment=self._environment, kind=entry.kind, subject=entry.subject,
                owner="", actor=entry.actor, via=entry.via, begun=entry.due or now, queued=now, due=entry.due,
                request=entry.request, attempt=entry.attempt, outcome=outcome.value, **closed,
            )
            .on_conflict_do_nothing(index_elements=["id"]),
            execution_options={"preserve_rowcount": True},
        )  # fmt: skip
        return added.rowcount == 1

    def waiting(self) -> list[RunRow]:
        """Orders that nobody has begun, oldest first."""
        query = sa.select(runs).where(
            runs.c.outcome == Outcome.QUEUED.value, runs.c.app == self._app, runs.c.environment == self._environment
        )
        with self._database.read() as connection:
            return [row_of(row) for row in connection.execute(query.order_by(runs.c.queued)).all()]

    def open(self, connection: sa.Connection, kind: str, subject: str) -> str | None:
        """The id of a run about this that waits or is at work."""
        query = sa.select(runs.c.id).where(
            runs.c.outcome.in_([Outcome.QUEUED.value, Outcome.RUNNING.value]),
            runs.c.app == self._app,
            runs.c.environment == self._environment,
            runs.c.kind == kind,
            runs.c.subject == subject,
        )
        return connection.execute(query).scalar()

    def outcome(self, connection: sa.Connection, id: str) -> Outcome | None:
        """How a run stands; None when there is none of this id."""
        found = connection.execute(sa.select(runs.c.outcome).where(runs.c.id == id)).scalar()
        return None if found is None else Outcome(found)

    def close(self, connection: sa.Connection, id: str, outcome: Outcome, why: str, now: datetime) -> bool:
        """End a run that has not ended: because it could not begin, or its process died.

        Returns:
            False when it had an end.
        """
        done = connection.execute(
            runs.update()
            .where(runs.c.id == id, runs.c.outcome.in_([Outcome.QUEUED.value, Outcome.RUNNING.value]))
            .values(outcome=outcome.value, summary=why, ended=now)
        )
        return bool(done.rowcount)

    def again(self, connection: sa.Connection, row: RunRow, now: datetime) -> str | None:
        """Order an interrupted run anew.

        Returns:
            The id of the new run, or None: its kind waits for a person, it was no order, it was ordered anew already,
            or it has been tried often enough.
        """
        if row.kind not in AGAIN or not row.request or row.attempt >= ATTEMPTS:
            return None
        entry = Entry(next_id(row.id), row.kind, row.subject, row.request, row.actor, row.via, row.due, row.attempt + 1)
        return entry.id if self.add(connection, entry, now) else None

    def orphans(self, is_dead: Callable[[str], bool]) -> Sequence[RunRow]:
        """Runs whose process is proven dead and that were not tidied up after."""
        return [row for row in self._runs.unfinished() if is_dead(row.owner)]


_WHY = {
    Outcome.SKIPPED: "the one before was still on its way",
    Outcome.MISSED: "no daemon was running at the time",
}
