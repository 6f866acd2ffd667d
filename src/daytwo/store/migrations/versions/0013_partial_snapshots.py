"""Snapshots of some services only: they stand for no whole one."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add which services were asked for."""
    op.add_column("snapshots", sa.Column("only", sa.Text, nullable=False, server_default=""))
