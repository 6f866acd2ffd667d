"""Heartbeats: jobs elsewhere that report, their reports, and how long somebody has been listening."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add what the daemon needs to notice that a job is silent."""
    _heartbeats()
    _pings()
    op.create_table(
        "watches",
        sa.Column("app", sa.String(80), primary_key=True),
        sa.Column("environment", sa.String(80), primary_key=True),
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("since", sa.String(32), nullable=False),
        sa.Column("seen", sa.String(32), nullable=False),
    )


def _heartbeats() -> None:
    op.create_table(
        "heartbeats",
        sa.Column("app", sa.String(80), primary_key=True),
        sa.Column("environment", sa.String(80), primary_key=True),
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("ping", sa.String(36), nullable=False, unique=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("since", sa.String(32), nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("promise", sa.String(500), nullable=False),
        sa.Column("counted", sa.String(32), nullable=False),
        sa.Column("started", sa.String(32)),
        sa.Column("open", sa.Text, nullable=False, server_default="[]"),
        sa.Column("reported", sa.String(32)),
        sa.Column("succeeded", sa.String(32)),
        sa.Column("failed", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("exit_code", sa.Integer),
        sa.Column("duration", sa.BigInteger),
        sa.Column("due", sa.String(32)),
        sa.Column("overdue", sa.String(32)),
        sa.Column("missing", sa.String(32)),
        sa.Column("pings", sa.BigInteger, nullable=False, server_default="0"),
    )


def _pings() -> None:
    op.create_table(
        "pings",
        sa.Column("app", sa.String(80), primary_key=True),
        sa.Column("environment", sa.String(80), primary_key=True),
        sa.Column("heartbeat", sa.String(63), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("exit_code", sa.Integer),
        sa.Column("duration", sa.BigInteger),
        sa.Column("excerpt", sa.Text, nullable=False, server_default=""),
        sa.Column("source", sa.String(64), nullable=False, server_default=""),
        sa.Column("rid", sa.String(36), nullable=False, server_default=""),
        sa.Column("agent", sa.String(200), nullable=False, server_default=""),
    )
