"""An incident's timeline, put together: its own lines, its alerts, what people were told, what was done meanwhile."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from daytwo.respond.incidents.book import Book
from daytwo.respond.incidents.model import Entry, Incident
from daytwo.respond.incidents.words import lasting
from daytwo.store.tables import alerts, audit_events, notifications, runs

BEFORE = timedelta(hours=2)
"""How long before an incident a change may have caused it."""
_MOST = 500
_NO_CHANGES = ("incident.%", "session.%", "export.%", "status-page.%")
"""Acts that change nothing an incident could come from, or that are in its timeline already."""


def timeline(connection: sa.Connection, book: Book, incident: Incident, now: datetime) -> list[Entry]:
    """Everything that happened in an incident, oldest first.

    Args:
        connection: to read with.
        book: the incidents.
        incident: which one.
        now: the time now, aware; of one that is not over, until then.
    """
    end = incident.resolved or now
    found = [
        *book.events(connection, incident.number),
        *_alerts(connection, book, incident),
        *_notifications(connection, book, incident),
        *_runs(connection, book, incident.began, end),
        *_acts(connection, book, incident.began, end),
    ]
    return sorted(found, key=lambda one: one.at)


def changes(connection: sa.Connection, book: Book, incident: Incident) -> list[Entry]:
    """What was changed or run shortly before an incident began, the newest first: where to look for its cause."""
    begin, end = incident.began - BEFORE, incident.began
    found = [*_runs(connection, book, begin, end), *_acts(connection, book, begin, end)]
    return sorted(found, key=lambda one: one.at, reverse=True)


def _alerts(connection: sa.Connection, book: Book, incident: Incident) -> Iterator[Entry]:
    query = sa.select(alerts).filter_by(**book.own).where(alerts.c.incident == incident.number)
    for row in connection.execute(query.order_by(alerts.c.id).limit(_MOST)):
        name = f"{row.rule} ({row.subject})"
        yield Entry(at=row.begin, what="began", by="", text=f"{name}: {row.why}", source="alert")
        if row.end is not None:
            text = f"{name} is over after {lasting(row.end - row.begin)}"
            yield Entry(at=row.end, what="over", by="", text=text, source="alert")


def _notifications(connection: sa.Connection, book: Book, incident: Incident) -> Iterator[Entry]:
    numbers = sa.select(alerts.c.id).filter_by(**book.own).where(alerts.c.incident == incident.number)
    about = [incident.about, *(f"alert {one}" for one in connection.execute(numbers.limit(_MOST)).scalars())]
    query = sa.select(notifications).filter_by(**book.own).where(notifications.c.about.in_(about))
    for row in connection.execute(query.order_by(notifications.c.id).limit(_MOST)):
        to = ", ".join(one.get("name", "") for one in json.loads(row.message).get("to", ()))
        whom = f"{row.via or row.channel}{f' to {to}' if to else ''}"
        if row.sent is not None:
            yield Entry(at=row.sent, what=row.event, by="", text=f"sent by {whom}", source="notification")
        elif row.state == "dead":
            text = f"could not be sent by {whom}: {row.error}"
            yield Entry(at=row.created, what=row.event, by="", text=text, source="notification")
        elif row.state == "waiting" and row.error:
            text = f"not sent yet by {whom}, and tried again: {row.error.removesuffix('. It is tried again')}"
            yield Entry(at=row.created, what=row.event, by="", text=text, source="notification")


def _runs(connection: sa.Connection, book: Book, begin: datetime, end: datetime) -> Iterator[Entry]:
    began, ended = (sa.and_(column >= begin, column < end) for column in (runs.c.begun, runs.c.ended))
    within = sa.or_(began, ended)
    query = sa.select(runs).filter_by(**book.own).where(within).order_by(runs.c.begun.desc()).limit(_MOST)
    for row in connection.execute(query):
        name = f"{row.kind} {row.subject}".strip()
        if begin <= row.begun < end:
            yield Entry(at=row.begun, what="run", by=row.actor, text=f"{name} begins", source="run")
        if row.ended is not None and begin <= row.ended < end:
            said = f": {row.summary}" if row.summary else ""
            yield Entry(at=row.ended, what="run", by=row.actor, text=f"{name} {row.outcome}{said}", source="run")


def _acts(connection: sa.Connection, book: Book, begin: datetime, end: datetime) -> Iterator[Entry]:
    wanted = sa.and_(*(audit_events.c.action.not_like(one) for one in _NO_CHANGES))
    query = (
        sa.select(audit_events)
        .filter_by(**book.own)
        .where(audit_events.c.at >= begin, audit_events.c.at < end, wanted)
        .order_by(audit_events.c.at.desc())
        .limit(_MOST)
    )
    for row in connection.execute(query):
        yield Entry(at=row.at, what="audit", by=row.actor, text=f"{row.action} {row.subject}".strip(), source="audit")
