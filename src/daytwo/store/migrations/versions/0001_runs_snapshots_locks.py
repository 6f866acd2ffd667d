"""Runs, snapshots and locks."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "runs",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("app", sa.String(80), nullable=False),
        sa.Column("environment", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("begun", sa.String(32), nullable=False),
        sa.Column("ended", sa.String(32)),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("summary", sa.Text, nullable=False, server_default=""),
        sa.Column("detail", sa.Text, nullable=False, server_default="{}"),
        sa.Column("journal", sa.Text, nullable=False, server_default="[]"),
    )
    op.create_index("runs_by_time", "runs", ["app", "environment", "kind", "begun"])
    op.create_table(
        "snapshots",
        sa.Column("app", sa.String(80), primary_key=True),
        sa.Column("environment", sa.String(80), primary_key=True),
        sa.Column("repository", sa.String(80), primary_key=True),
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("backup", sa.String(80), nullable=False),
        sa.Column("run", sa.String(40), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("level", sa.String(20), nullable=False),
        sa.Column("pinned", sa.Boolean, nullable=False),
        sa.Column("safety", sa.Boolean, nullable=False),
    )
    op.create_table(
        "locks",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("run", sa.String(40), nullable=False),
        sa.Column("what", sa.String(200), nullable=False),
        sa.Column("since", sa.String(32), nullable=False),
    )
