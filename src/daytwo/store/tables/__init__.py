"""The tables, as SQLAlchemy Core sees them. A change here needs a revision in `migrations/versions/`."""

from daytwo.store.tables.access import attempts, invitations, sessions, tokens, users
from daytwo.store.tables.audit import audit_chains, audit_events, audit_segments
from daytwo.store.tables.base import UtcTime, metadata, utc_text
from daytwo.store.tables.blocks import acts, blocks
from daytwo.store.tables.exports import exports, exports_counter, exports_totals
from daytwo.store.tables.heartbeats import heartbeats, pings, watches
from daytwo.store.tables.incidents import (
    incident_actions,
    incident_events,
    incident_findings,
    incident_items,
    incident_steps,
    incidents,
    oncall_takeovers,
)
from daytwo.store.tables.logs import log_positions, log_samples
from daytwo.store.tables.numbers import rolled, rollups, samples, series
from daytwo.store.tables.respond import (
    alert_steps,
    alerts,
    channels,
    maintenances,
    notifications,
    silences,
    tellings,
)
from daytwo.store.tables.runs import locks, runs, schedules, snapshots
from daytwo.store.tables.security import security_events, security_findings, security_keys, security_marks
from daytwo.store.tables.status import status_asks, status_links, status_subscribers, status_updates
from daytwo.store.tables.watch import checks, rule_states, stretches, transitions

__all__ = [
    "UtcTime",
    "acts",
    "alert_steps",
    "alerts",
    "attempts",
    "audit_chains",
    "audit_events",
    "audit_segments",
    "blocks",
    "channels",
    "checks",
    "exports",
    "exports_counter",
    "exports_totals",
    "heartbeats",
    "incident_actions",
    "incident_events",
    "incident_findings",
    "incident_items",
    "incident_steps",
    "incidents",
    "invitations",
    "locks",
    "log_positions",
    "log_samples",
    "maintenances",
    "metadata",
    "notifications",
    "oncall_takeovers",
    "pings",
    "rolled",
    "rollups",
    "rule_states",
    "runs",
    "samples",
    "schedules",
    "security_events",
    "security_findings",
    "security_keys",
    "security_marks",
    "series",
    "sessions",
    "silences",
    "snapshots",
    "status_asks",
    "status_links",
    "status_subscribers",
    "status_updates",
    "stretches",
    "tellings",
    "tokens",
    "transitions",
    "users",
    "utc_text",
    "watches",
]
