"""Runs, their schedules, the snapshots last seen, and who is at work."""

import sqlalchemy as sa

from daytwo.store.tables.base import UtcTime, metadata

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("actor", sa.String(200), nullable=False),
    sa.Column("begun", UtcTime, nullable=False),
    sa.Column("ended", UtcTime),
    sa.Column("outcome", sa.String(20), nullable=False),
    sa.Column("summary", sa.Text, nullable=False, server_default=""),
    sa.Column("detail", sa.Text, nullable=False, server_default="{}"),
    sa.Column("journal", sa.Text, nullable=False, server_default="[]"),
    sa.Column("via", sa.String(20), nullable=False, server_default="cli"),
    sa.Column("queued", UtcTime),
    sa.Column("due", UtcTime),
    sa.Column("request", sa.Text, nullable=False, server_default=""),
    sa.Column("progress", sa.Text, nullable=False, server_default="{}"),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="1"),
    sa.Index("runs_by_time", "app", "environment", "kind", "begun"),
    sa.Index("runs_by_outcome", "outcome", "app", "environment"),
)

schedules = sa.Table(
    "schedules",
    metadata,
    sa.Column("app", sa.String(80), primary_key=True),
    sa.Column("environment", sa.String(80), primary_key=True),
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("seen", UtcTime, nullable=False),
    sa.Column("paused", UtcTime),
    sa.Column("paused_by", sa.String(200), nullable=False, server_default=""),
)

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("app", sa.String(80), primary_key=True),
    sa.Column("environment", sa.String(80), primary_key=True),
    sa.Column("repository", sa.String(80), primary_key=True),
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("backup", sa.String(80), nullable=False),
    sa.Column("run", sa.String(40), nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("level", sa.String(20), nullable=False),
    sa.Column("pinned", sa.Boolean, nullable=False),
    sa.Column("safety", sa.Boolean, nullable=False),
    sa.Column("only", sa.Text, nullable=False, server_default=""),
)

locks = sa.Table(
    "locks",
    metadata,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("run", sa.String(40), nullable=False),
    sa.Column("what", sa.String(200), nullable=False),
    sa.Column("since", UtcTime, nullable=False),
)
