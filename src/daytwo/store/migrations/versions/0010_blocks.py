"""Addresses that are shut out, and what was done about findings and alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_PLACE = ("app", "environment")


def upgrade() -> None:
    """Add what actions need."""
    op.create_table(
        "blocks",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String(80), nullable=False),
        sa.Column("environment", sa.String(80), nullable=False),
        sa.Column("network", sa.String(45), nullable=False),
        sa.Column("begin", sa.String(32), nullable=False),
        sa.Column("until", sa.String(32), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("why", sa.Text, nullable=False, server_default=""),
        sa.Column("ended", sa.String(32)),
        sa.Column("ended_by", sa.String(200), nullable=False, server_default=""),
        sa.Column("applied", sa.String(32)),
        sa.Column("error", sa.Text, nullable=False, server_default=""),
    )
    op.create_index("blocks_network", "blocks", [*_PLACE, "network", "ended"])
    op.create_index("blocks_until", "blocks", [*_PLACE, "ended", "until"])
    op.create_table(
        "acts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String(80), nullable=False),
        sa.Column("environment", sa.String(80), nullable=False),
        sa.Column("action", sa.String(63), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("about", sa.String(200), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("done", sa.String(32)),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.UniqueConstraint("app", "environment", "action", "what", "about"),
    )
    op.create_index("acts_state", "acts", [*_PLACE, "state", "id"])
