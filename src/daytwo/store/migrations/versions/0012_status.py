"""The status page: what users are told, and who is told by mail."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_PLACE = ("app", "environment")


def upgrade() -> None:
    """Add what the status page needs."""
    _updates()
    _subscribers()


def _updates() -> None:
    op.create_table(
        "status_updates",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String(80), nullable=False),
        sa.Column("environment", sa.String(80), nullable=False),
        sa.Column("incident", sa.Integer, sa.ForeignKey("incidents.id", ondelete="CASCADE")),
        sa.Column("notice", sa.Integer),
        sa.Column("event", sa.Integer, unique=True),
        sa.Column("title", sa.String(200), nullable=False, server_default=""),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("components", sa.Text, nullable=False, server_default="{}"),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("withdrawn", sa.String(32)),
        sa.Column("withdrawn_by", sa.String(200), nullable=False, server_default=""),
        sa.Column("mailed_to", sa.Integer, nullable=False, server_default="0"),
        sa.Column("mailed", sa.String(32)),
    )
    op.create_index("status_updates_at", "status_updates", [*_PLACE, "at"])
    op.create_index("status_updates_incident", "status_updates", ["incident"])
    op.create_index("status_updates_mailed", "status_updates", [*_PLACE, "mailed"])


def _subscribers() -> None:
    op.create_table(
        "status_subscribers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String(80), nullable=False),
        sa.Column("environment", sa.String(80), nullable=False),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("asked", sa.String(32), nullable=False),
        sa.Column("confirmed", sa.String(32)),
        sa.Column("by", sa.String(200), nullable=False, server_default=""),
        sa.UniqueConstraint("app", "environment", "address"),
    )
    op.create_index("status_subscribers_confirmed", "status_subscribers", [*_PLACE, "confirmed"])
    op.create_table(
        "status_links",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("subscriber", sa.Integer, sa.ForeignKey("status_subscribers.id", ondelete="CASCADE"), nullable=False),
        sa.Column("purpose", sa.String(12), nullable=False),
        sa.Column("until", sa.String(32), nullable=False),
    )
    op.create_index("status_links_subscriber", "status_links", ["subscriber"])
    op.create_index("status_links_until", "status_links", ["until"])
    op.create_table(
        "status_asks",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String(80), nullable=False),
        sa.Column("environment", sa.String(80), nullable=False),
        sa.Column("key", sa.String(70), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
    )
    op.create_index("status_asks_key", "status_asks", [*_PLACE, "key", "at"])
