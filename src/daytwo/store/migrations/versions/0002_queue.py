"""Runs that wait for their turn, and schedules."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what a daemon needs to hand out runs."""
    op.add_column("runs", sa.Column("via", sa.String(20), nullable=False, server_default="cli"))
    op.add_column("runs", sa.Column("queued", sa.String(32)))
    op.add_column("runs", sa.Column("due", sa.String(32)))
    op.add_column("runs", sa.Column("request", sa.Text, nullable=False, server_default=""))
    op.add_column("runs", sa.Column("progress", sa.Text, nullable=False, server_default="{}"))
    op.add_column("runs", sa.Column("attempt", sa.Integer, nullable=False, server_default="1"))
    op.create_index("runs_by_outcome", "runs", ["outcome", "app", "environment"])
    op.create_table(
        "schedules",
        sa.Column("app", sa.String(80), primary_key=True),
        sa.Column("environment", sa.String(80), primary_key=True),
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("seen", sa.String(32), nullable=False),
        sa.Column("paused", sa.String(32)),
        sa.Column("paused_by", sa.String(200), nullable=False, server_default=""),
    )
