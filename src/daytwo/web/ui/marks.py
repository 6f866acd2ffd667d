"""Marks on charts: what was done and what happened in a time, so that a change of a number is seen beside its cause."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from daytwo.respond.incidents.book import Book
from daytwo.store.tables import audit_events, runs

_MOST = 40
"""Of each kind."""
_RUNS = ("backup", "restore", "deploy")
_CHANGES = {"config.reload": "config", "deploy": "deploy"}
"""Recorded acts that change what is watched, and what their mark is called."""


class Mark(BaseModel):
    """Something on a chart's line of time.

    Args:
        at: when, in seconds since 1970.
        label: a word or two.
        bad: whether it is a failure or a disturbance.
        until: when it was over, for what is drawn as a span; None for a moment.
    """

    model_config = ConfigDict(frozen=True)

    at: float
    label: str
    bad: bool = False
    until: float | None = None


def marks(
    connection: sa.Connection, own: tuple[str, str], begin: datetime, now: datetime, service: str = ""
) -> list[Mark]:
    """What there is to mark in a time that ends now, the oldest first.

    Args:
        connection: to read with.
        own: the app's name, and its environment's.
        begin: of the time, aware.
        now: the time now, aware.
        service: only incidents of this service, and those of none; empty for all.
    """
    found = [
        *_runs(connection, own, begin),
        *_changes(connection, own, begin),
        *_incidents(connection, own, begin, now, service),
    ]
    return sorted(found, key=lambda one: one.at)


def _runs(connection: sa.Connection, own: tuple[str, str], begin: datetime) -> Iterator[Mark]:
    query = (
        sa.select(runs.c.kind, runs.c.begun, runs.c.outcome)
        .filter_by(app=own[0], environment=own[1])
        .where(runs.c.begun >= begin, runs.c.kind.in_(_RUNS))
        .order_by(runs.c.begun.desc())
        .limit(_MOST)
    )
    for row in connection.execute(query):
        yield Mark(at=row.begun.timestamp(), label=row.kind, bad=row.outcome in ("failed", "interrupted"))


def _changes(connection: sa.Connection, own: tuple[str, str], begin: datetime) -> Iterator[Mark]:
    query = (
        sa.select(audit_events.c.at, audit_events.c.action)
        .filter_by(app=own[0], environment=own[1])
        .where(audit_events.c.at >= begin, audit_events.c.action.in_(_CHANGES))
        .order_by(audit_events.c.at.desc())
        .limit(_MOST)
    )
    for row in connection.execute(query):
        yield Mark(at=row.at.timestamp(), label=_CHANGES[row.action])


def _incidents(
    connection: sa.Connection, own: tuple[str, str], begin: datetime, now: datetime, service: str
) -> Iterator[Mark]:
    book = Book(*own)
    found = {one.number: one for one in (*book.since(connection, begin, _MOST), *book.standing(connection)[:_MOST])}
    for one in found.values():
        if not service or not one.services or service in one.services:
            until = (one.resolved or now).timestamp()
            yield Mark(at=one.began.timestamp(), label=f"incident {one.number}", bad=True, until=until)


def shown(found: Sequence[Mark]) -> str:
    """Marks as JSON, for the script that draws them."""
    return json.dumps([one.model_dump(exclude_none=True, exclude_defaults=True) for one in found])
