"""Incidents, what happened in them, who is told when, what is still to be done, and who took over being on call."""

import sqlalchemy as sa

from daytwo.store.tables.base import UtcTime, metadata

incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("severity", sa.String(16), nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("category", sa.String(40), nullable=False, server_default=""),
    sa.Column("services", sa.Text, nullable=False, server_default="[]"),
    sa.Column("groups", sa.Text, nullable=False, server_default="[]"),
    sa.Column("public", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("began", UtcTime, nullable=False),
    sa.Column("opened", UtcTime, nullable=False),
    sa.Column("opened_by", sa.String(200), nullable=False),
    sa.Column("round", sa.Integer, nullable=False, server_default="1"),
    sa.Column("round_began", UtcTime, nullable=False),
    sa.Column("responded", UtcTime),
    sa.Column("acknowledged", UtcTime),
    sa.Column("acknowledged_by", sa.String(200), nullable=False, server_default=""),
    sa.Column("assigned", sa.String(63), nullable=False, server_default=""),
    sa.Column("resolved", UtcTime),
    sa.Column("resolved_by", sa.String(200), nullable=False, server_default=""),
    sa.Column("cause", sa.Text, nullable=False, server_default=""),
    sa.Column("quiet", UtcTime),
    sa.Column("respond_within", sa.Double),
    sa.Column("resolve_within", sa.Double),
    sa.Index("incidents_state", "app", "environment", "state"),
    sa.Index("incidents_opened", "app", "environment", "opened"),
)
"""`began`: when what it is about began; `opened`: when it became an incident; `round`: counts how often it was opened,
and `round_began` from when its escalation counts; `responded`: when somebody first took it; `groups`: JSON, of what
alerts join it; `quiet`: since when all its alerts have been over; `respond_within` and `resolve_within`: seconds, as
promised when it was graded."""

incident_events = sa.Table(
    "incident_events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("incident", sa.Integer, sa.ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("what", sa.String(16), nullable=False),
    sa.Column("by", sa.String(200), nullable=False),
    sa.Column("text", sa.Text, nullable=False, server_default=""),
    sa.Column("detail", sa.Text, nullable=False, server_default="{}"),
    sa.Index("incident_events_incident", "incident", "id"),
)
"""Its timeline; rows are only ever added."""

incident_items = sa.Table(
    "incident_items",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("incident", sa.Integer, sa.ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("list", sa.String(12), nullable=False),
    sa.Column("text", sa.String(500), nullable=False),
    sa.Column("ticked", UtcTime),
    sa.Column("ticked_by", sa.String(200), nullable=False, server_default=""),
    sa.UniqueConstraint("incident", "number"),
)
"""Its checklists (`list`: response, resolution), as they were when it was opened."""

incident_steps = sa.Table(
    "incident_steps",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("incident", sa.Integer, sa.ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("severity", sa.String(16), nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("names", sa.Text, nullable=False),
    sa.Column("after", sa.Double, nullable=False),
    sa.Column("due", UtcTime, nullable=False),
    sa.Column("done", UtcTime),
    sa.Column("stopped", UtcTime),
    sa.Column("told", sa.Text, nullable=False, server_default="[]"),
    sa.Index("incident_steps_due", "app", "environment", "done", "stopped", "due"),
    sa.Index("incident_steps_incident", "incident", "id"),
)
"""Its escalation: whom to tell when, while nobody acknowledges it. `names`: JSON; `told`: JSON, who was; `done` is set
in the transaction that puts the messages into the outbox."""

incident_findings = sa.Table(
    "incident_findings",
    metadata,
    sa.Column("finding", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("incident", sa.Integer, sa.ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    sa.Index("incident_findings_incident", "incident"),
)
"""Which security findings belong to which incident; each to one."""

incident_actions = sa.Table(
    "incident_actions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("incident", sa.Integer, sa.ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    sa.Column("text", sa.String(500), nullable=False),
    sa.Column("owner", sa.String(63), nullable=False),
    sa.Column("due", sa.String(10), nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("created_by", sa.String(200), nullable=False),
    sa.Column("reminded", sa.String(10), nullable=False, server_default=""),
    sa.Column("done", UtcTime),
    sa.Column("done_by", sa.String(200), nullable=False, server_default=""),
    sa.Index("incident_actions_due", "app", "environment", "done", "due"),
)
"""What is to be done so that it does not happen again. `due`, `reminded`: days, in the app's zone."""

oncall_takeovers = sa.Table(
    "oncall_takeovers",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("rota", sa.String(63), nullable=False),
    sa.Column("person", sa.String(63), nullable=False),
    sa.Column("begin", UtcTime, nullable=False),
    sa.Column("end", UtcTime, nullable=False),
    sa.Column("by", sa.String(200), nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("ended", UtcTime),
    sa.Index("oncall_takeovers_end", "app", "environment", "end"),
)
"""Times for which somebody took over a rota by hand; the newest counts."""
