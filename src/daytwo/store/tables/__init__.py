"""The tables, as SQLAlchemy Core sees them. A change here needs a revision in `migrations/versions/`."""

from daytwo.store.tables.access import attempts, invitations, sessions, tokens, users
from daytwo.store.tables.audit import audit_chains, audit_events, audit_segments
from daytwo.store.tables.base import UtcTime, metadata, utc_text
from daytwo.store.tables.exports import exports, exports_counter, exports_totals
from daytwo.store.tables.heartbeats import heartbeats, pings, watches
from daytwo.store.tables.runs import locks, runs, schedules, snapshots

__all__ = [
    "UtcTime",
    "attempts",
    "audit_chains",
    "audit_events",
    "audit_segments",
    "exports",
    "exports_counter",
    "exports_totals",
    "heartbeats",
    "invitations",
    "locks",
    "metadata",
    "pings",
    "runs",
    "schedules",
    "sessions",
    "snapshots",
    "tokens",
    "users",
    "utc_text",
    "watches",
]
