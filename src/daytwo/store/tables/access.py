"""Users, their sessions, one-time links, API tokens, and how often somebody tried in vain.

No row holds a secret: passwords are argon2 hashes, everything else that opens a door is a SHA-256 of 256 random bits.
"""

import sqlalchemy as sa

from daytwo.store.tables.base import UtcTime, metadata

users = sa.Table(
    "users",
    metadata,
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("password", sa.String(200), nullable=False),
    sa.Column("must_change", sa.Boolean, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("disabled", UtcTime),
    sa.Column("seen", UtcTime),
)

invitations = sa.Table(
    "invitations",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("purpose", sa.String(20), nullable=False),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("created_by", sa.String(200), nullable=False),
    sa.Column("expires", UtcTime, nullable=False),
    sa.Column("used", UtcTime),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("id", sa.String(16), nullable=False, unique=True),
    sa.Column("user", sa.String(63), nullable=False),
    sa.Column("begun", UtcTime, nullable=False),
    sa.Column("expires", UtcTime, nullable=False),
    sa.Column("source", sa.String(64), nullable=False),
    sa.Column("agent", sa.String(200), nullable=False),
    sa.Index("sessions_by_user", "user"),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("areas", sa.Text, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("created_by", sa.String(200), nullable=False),
    sa.Column("expires", UtcTime, nullable=False),
    sa.Column("revoked", UtcTime),
    sa.Column("used", UtcTime),
    sa.Column("used_from", sa.String(64), nullable=False, server_default=""),
    sa.Index("tokens_by_name", "name"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("key", sa.String(120), primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("refused", sa.Integer, nullable=False),
    sa.Column("last", UtcTime, nullable=False),
    sa.Column("until", UtcTime, nullable=False),
)
