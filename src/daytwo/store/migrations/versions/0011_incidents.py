"""Incidents: what happened in them, who is told when, what is still to be done; and who took over being on call."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_PLACE = ("app", "environment")


def upgrade() -> None:
    """Add what incidents need."""
    _incidents()
    _parts()
    _steps()
    _actions()
    _takeovers()


def _incidents() -> None:
    op.create_table(
        "incidents",
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
        sa.Column("began", sa.String(32), nullable=False),
        sa.Column("opened", sa.String(32), nullable=False),
        sa.Column("opened_by", sa.String(200), nullable=False),
        sa.Column("round", sa.Integer, nullable=False, server_default="1"),
        sa.Column("round_began", sa.String(32), nullable=False),
        sa.Column("responded", sa.String(32)),
        sa.Column("acknowledged", sa.String(32)),
        sa.Column("acknowledged_by", sa.String(200), nullable=False, server_default=""),
        sa.Column("assigned", sa.String(63), nullable=False, server_default=""),
        sa.Column("resolved", sa.String(32)),
        sa.Column("resolved_by", sa.String(200), nullable=False, server_default=""),
        sa.Column("cause", sa.Text, nullable=False, server_default=""),
        sa.Column("quiet", sa.String(32)),
        sa.Column("respond_within", sa.Double),
        sa.Column("resolve_within", sa.Double),
    )
    op.create_index("incidents_opened", "incidents", [*_PLACE, "opened"])
    op.create_index("incidents_state", "incidents", [*_PLACE, "state"])


def _parts() -> None:
    op.create_table(
        "incident_events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("incident", sa.Integer, sa.ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("text", sa.Text, nullable=False, server_default=""),
        sa.Column("detail", sa.Text, nullable=False, server_default="{}"),
    )
    op.create_index("incident_events_incident", "incident_events", ["incident", "id"])
    op.create_table(
        "incident_items",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("incident", sa.Integer, sa.ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("list", sa.String(12), nullable=False),
        sa.Column("text", sa.String(500), nullable=False),
        sa.Column("ticked", sa.String(32)),
        sa.Column("ticked_by", sa.String(200), nullable=False, server_default=""),
        sa.UniqueConstraint("incident", "number"),
    )
    op.create_table(
        "incident_findings",
        sa.Column("finding", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("incident", sa.Integer, sa.ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    )
    op.create_index("incident_findings_incident", "incident_findings", ["incident"])


def _steps() -> None:
    op.create_table(
        "incident_steps",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String(80), nullable=False),
        sa.Column("environment", sa.String(80), nullable=False),
        sa.Column("incident", sa.Integer, sa.ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("names", sa.Text, nullable=False),
        sa.Column("after", sa.Double, nullable=False),
        sa.Column("due", sa.String(32), nullable=False),
        sa.Column("done", sa.String(32)),
        sa.Column("stopped", sa.String(32)),
        sa.Column("told", sa.Text, nullable=False, server_default="[]"),
    )
    op.create_index("incident_steps_due", "incident_steps", [*_PLACE, "done", "stopped", "due"])
    op.create_index("incident_steps_incident", "incident_steps", ["incident", "id"])


def _actions() -> None:
    op.create_table(
        "incident_actions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String(80), nullable=False),
        sa.Column("environment", sa.String(80), nullable=False),
        sa.Column("incident", sa.Integer, sa.ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
        sa.Column("text", sa.String(500), nullable=False),
        sa.Column("owner", sa.String(63), nullable=False),
        sa.Column("due", sa.String(10), nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("reminded", sa.String(10), nullable=False, server_default=""),
        sa.Column("done", sa.String(32)),
        sa.Column("done_by", sa.String(200), nullable=False, server_default=""),
    )
    op.create_index("incident_actions_due", "incident_actions", [*_PLACE, "done", "due"])


def _takeovers() -> None:
    op.create_table(
        "oncall_takeovers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String(80), nullable=False),
        sa.Column("environment", sa.String(80), nullable=False),
        sa.Column("rota", sa.String(63), nullable=False),
        sa.Column("person", sa.String(63), nullable=False),
        sa.Column("begin", sa.String(32), nullable=False),
        sa.Column("end", sa.String(32), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("ended", sa.String(32)),
    )
    op.create_index("oncall_takeovers_end", "oncall_takeovers", [*_PLACE, "end"])
