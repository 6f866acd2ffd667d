"""The tables, as SQLAlchemy Core sees them. A change here needs a revision in `migrations/versions/`."""

from daytwo.store.tables.access import attempts, invitations, sessions, tokens, users
from daytwo.store.tables.audit import audit_chains, audit_events, audit_segments
from daytwo.store.tables.base import UtcTime, metadata, utc_text
from daytwo.store.tables.exports import exports, exports_counter, exports_totals
from daytwo.store.tables.heartbeats import heartbeats, pings, watches
from daytwo.store.tables.numbers import rolled, rollups, samples, series
from daytwo.store.tables.runs import locks, runs, schedules, snapshots
from daytwo.store.tables.watch import checks, rule_states, stretches, transitions

__all__ = [
    "UtcTime",
    "attempts",
    "audit_chains",
    "audit_events",
    "audit_segments",
    "checks",
    "exports",
    "exports_counter",
    "exports_totals",
    "heartbeats",
    "invitations",
    "locks",
    "metadata",
    "pings",
    "rolled",
    "rollups",
    "rule_states",
    "runs",
    "samples",
    "schedules",
    "series",
    "sessions",
    "snapshots",
    "stretches",
    "tokens",
    "transitions",
    "users",
    "utc_text",
    "watches",
]
