"""Logs: how far they have been read, and what was found in them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add what the daemon needs to follow logs."""
    op.create_table(
        "log_positions",
        sa.Column("app", sa.String(80), primary_key=True),
        sa.Column("environment", sa.String(80), primary_key=True),
        sa.Column("log", sa.String(63), primary_key=True),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("position", sa.Text, nullable=False, server_default=""),
        sa.Column("at", sa.String(32)),
        sa.Column("trouble", sa.Text, nullable=False, server_default=""),
    )
    op.create_table(
        "log_samples",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String(80), nullable=False),
        sa.Column("environment", sa.String(80), nullable=False),
        sa.Column("pattern", sa.String(63), nullable=False),
        sa.Column("log", sa.String(63), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("log_samples_pattern", "log_samples", ["app", "environment", "pattern", "id"])
