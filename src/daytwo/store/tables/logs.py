"""How far logs have been read, and what was found in them."""

import sqlalchemy as sa

from daytwo.store.tables.base import UtcTime, metadata

log_positions = sa.Table(
    "log_positions",
    metadata,
    sa.Column("app", sa.String(80), primary_key=True),
    sa.Column("environment", sa.String(80), primary_key=True),
    sa.Column("log", sa.String(63), primary_key=True),
    sa.Column("kind", sa.String(12), nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("position", sa.Text, nullable=False, server_default=""),
    sa.Column("at", UtcTime),
    sa.Column("trouble", sa.Text, nullable=False, server_default=""),
)
"""Up to where each log has been read: written in one transaction with what was made of its lines. `source`: what the
position belongs to; `position`: as its follower understands it, empty until it is known; `at`: when lines came last;
`trouble`: why it cannot be read now."""

log_samples = sa.Table(
    "log_samples",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("pattern", sa.String(63), nullable=False),
    sa.Column("log", sa.String(63), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Index("log_samples_pattern", "app", "environment", "pattern", "id"),
)
"""The newest few lines that each pattern matched, without secrets."""
