"""Alerts, why each was told or not, silences, windows begun by hand, and the outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
_PLACE = ["app", "environment"]


def upgrade() -> None:
    """Add what is needed to tell people."""
    _alerts()
    _alert_steps()
    _tellings()
    _silences()
    _maintenances()
    _notifications()
    _channels()
    # Of what there was before, only alerts that stand are news.
    op.execute(
        "UPDATE transitions SET claimed = at WHERE NOT EXISTS (SELECT 1 FROM rule_states AS r WHERE"
        " r.app = transitions.app AND r.environment = transitions.environment AND r.rule = transitions.rule"
        " AND r.subject = transitions.subject AND r.state IN ('firing', 'clearing') AND transitions.at >= r.fired)"
    )
    op.create_index(
        "transitions_unclaimed", "transitions", [*_PLACE, "id"],
        sqlite_where=sa.text("claimed IS NULL"), postgresql_where=sa.text("claimed IS NULL"),
    )  # fmt: skip


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String(80), nullable=False),
        sa.Column("environment", sa.String(80), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("rule", sa.String(130), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("service", sa.String(63), nullable=False, server_default=""),
        sa.Column("level", sa.String(10), nullable=False),
        sa.Column("begin", sa.String(32), nullable=False),
        sa.Column("end", sa.String(32)),
        sa.Column("value", sa.Double),
        sa.Column("why", sa.Text, nullable=False, server_default=""),
        sa.Column("because_of", sa.String(200), nullable=False, server_default=""),
        sa.Column("acknowledged", sa.String(32)),
        sa.Column("acknowledged_by", sa.String(200), nullable=False, server_default=""),
        sa.Column("acknowledged_told", sa.String(32)),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
        sa.Column("incident", sa.Integer),
        sa.Column("leader", sa.Integer),
        sa.Column("told", sa.String(32)),
        sa.Column("told_level", sa.String(10), nullable=False, server_default=""),
        sa.Column("told_over", sa.String(32)),
        sa.Column("held", sa.String(40), nullable=False, server_default=""),
        sa.Column("again", sa.String(32)),
    )
    op.create_index("alerts_open", "alerts", [*_PLACE, "end"])
    op.create_index("alerts_begin", "alerts", [*_PLACE, "begin"])
    op.create_index("alerts_fingerprint", "alerts", [*_PLACE, "fingerprint", "begin"])
    op.create_index("alerts_leader", "alerts", ["leader"])


def _alert_steps() -> None:
    op.create_table(
        "alert_steps",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("alert", sa.Integer, sa.ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
    )
    op.create_index("alert_steps_alert", "alert_steps", ["alert", "id"])


def _tellings() -> None:
    op.create_table(
        "tellings",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String(80), nullable=False),
        sa.Column("environment", sa.String(80), nullable=False),
        sa.Column("alert", sa.Integer, sa.ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("route", sa.String(63), nullable=False),
        sa.Column("channel", sa.String(63), nullable=False),
        sa.Column("people", sa.Text, nullable=False, server_default="[]"),
        sa.Column("batch", sa.String(100), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("due", sa.String(32), nullable=False),
        sa.Column("notification", sa.Integer),
    )
    op.create_index("tellings_alert", "tellings", ["alert", "id"])
    op.create_index("tellings_due", "tellings", [*_PLACE, "notification", "due"])


def _silences() -> None:
    op.create_table(
        "silences",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String(80), nullable=False),
        sa.Column("environment", sa.String(80), nullable=False),
        sa.Column("matchers", sa.Text, nullable=False),
        sa.Column("begin", sa.String(32), nullable=False),
        sa.Column("until", sa.String(32), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("why", sa.Text, nullable=False, server_default=""),
        sa.Column("ended", sa.String(32)),
        sa.Column("reminded", sa.String(32)),
    )
    op.create_index("silences_until", "silences", [*_PLACE, "until"])


def _maintenances() -> None:
    op.create_table(
        "maintenances",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String(80), nullable=False),
        sa.Column("environment", sa.String(80), nullable=False),
        sa.Column("services", sa.Text, nullable=False, server_default="[]"),
        sa.Column("begin", sa.String(32), nullable=False),
        sa.Column("until", sa.String(32), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("why", sa.Text, nullable=False, server_default=""),
        sa.Column("ended", sa.String(32)),
    )
    op.create_index("maintenances_until", "maintenances", [*_PLACE, "until"])


def _notifications() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String(80), nullable=False),
        sa.Column("environment", sa.String(80), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("channel", sa.String(63), nullable=False),
        sa.Column("event", sa.String(12), nullable=False),
        sa.Column("about", sa.String(200), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("due", sa.String(32), nullable=False),
        sa.Column("until", sa.String(32), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("claimed_by", sa.String(200), nullable=False, server_default=""),
        sa.Column("claimed_until", sa.String(32)),
        sa.Column("sent", sa.String(32)),
        sa.Column("via", sa.String(63), nullable=False, server_default=""),
        sa.Column("error", sa.Text, nullable=False, server_default=""),
        sa.UniqueConstraint("app", "environment", "key"),
    )
    op.create_index("outbox_due", "outbox", [*_PLACE, "state", "channel", "due"])
    op.create_index("outbox_about", "outbox", [*_PLACE, "about"])
    op.create_index("outbox_created", "outbox", [*_PLACE, "created"])


def _channels() -> None:
    op.create_table(
        "channels",
        sa.Column("app", sa.String(80), primary_key=True),
        sa.Column("environment", sa.String(80), primary_key=True),
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("spent", sa.String(32)),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("since", sa.String(32)),
        sa.Column("rests", sa.String(32)),
        sa.Column("error", sa.Text, nullable=False, server_default=""),
    )
