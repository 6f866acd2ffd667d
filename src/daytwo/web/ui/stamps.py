"""What a page was made from, in short: a stamp a topic, which is another one once something there has changed.

Asking for them costs a few rows, so that an open page learns within a second that it is not true any more, whatever
process did the change.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from daytwo.store.database import Database
from daytwo.store.tables import (
    alerts,
    checks,
    heartbeats,
    incident_events,
    incidents,
    notifications,
    runs,
    schedules,
    silences,
    snapshots,
    transitions,
)

_APART = 0.9
"""Seconds between two looks, however many pages are open."""
Stamps = Mapping[str, str]
_most, _many = sa.func.max, sa.func.count
_TOPICS: Mapping[str, tuple[tuple[sa.Table, tuple[Any, ...]], ...]] = {
    "checks": ((checks, (_most(checks.c.since), _many(), sa.func.sum(checks.c.failures))),),
    "numbers": ((checks, (_most(checks.c.at),)),),
    "alerts": (
        (transitions, (_most(transitions.c.id),)),
        (alerts, (_most(alerts.c.id), _most(alerts.c.end), _many(alerts.c.end), _most(alerts.c.acknowledged))),
        (silences, (_most(silences.c.id), _many(silences.c.ended))),
        (notifications, (_most(notifications.c.id), _most(notifications.c.sent))),
    ),
    "incidents": (
        (incidents, (_many(), _most(incidents.c.id), _most(incidents.c.acknowledged), _most(incidents.c.resolved))),
        (incident_events, (_most(incident_events.c.id),)),
    ),
    "runs": ((runs, (_most(runs.c.begun), _most(runs.c.ended), _many(runs.c.ended), _many())),),
    "backups": (
        (snapshots, (_many(), _most(snapshots.c.at), _most(snapshots.c.level))),
        (schedules, (_many(schedules.c.paused),)),
    ),
    "heartbeats": ((heartbeats, (_most(heartbeats.c.since), _most(heartbeats.c.reported), _many())),),
}


class Stamper:
    """Looks at what an app's pages are made from.

    Args:
        database: the state.
        app: the app's name, and its environment's.
        fingerprint: of the configuration as it counts now.
    """

    def __init__(self, database: Database, app: tuple[str, str], fingerprint: Callable[[], str]) -> None:
        self._database = database
        self._fingerprint = fingerprint
        self._app = app
        self._queries: dict[str, list[sa.Select[Any]]] = {}
        self._known: tuple[float, Stamps] = (float("-inf"), {})
        self._lock = asyncio.Lock()

    def read(self) -> Stamps:
        """The stamps as they are now."""
        found = {"config": self._fingerprint()[:12]}
        with self._database.read() as connection:
            self._queries = self._queries or self._made(connection)
            for topic, queries in self._queries.items():
                rows = [connection.execute(query).one() for query in queries]
                found[topic] = "/".join(_text(one) for row in rows for one in row)
        return found

    def _made(self, connection: sa.Connection) -> dict[str, list[sa.Select[Any]]]:
        there = set(sa.inspect(connection).get_table_names())
        return {
            topic: [_query(table, columns, self._app) for table, columns in queries if table.name in there]
            for topic, queries in _TOPICS.items()
        }

    async def look(self) -> Stamps:
        """The same, at most a second old."""
        async with self._lock:
            at, stamps = self._known
            if time.monotonic() - at >= _APART:
                stamps = await asyncio.to_thread(self.read)
                self._known = (time.monotonic(), stamps)
            return stamps


def _query(table: sa.Table, columns: tuple[Any, ...], app: tuple[str, str]) -> sa.Select[Any]:
    query = sa.select(*columns)
    return query.filter_by(app=app[0], environment=app[1]) if "app" in table.c else query


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.timestamp():.3f}"
    return "" if value is None else str(value)
