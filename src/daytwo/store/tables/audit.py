"""The audit trail: events in hash chains, one chain a data class, each chain in segments."""

import sqlalchemy as sa

from daytwo.store.tables.base import UtcTime, metadata

audit_chains = sa.Table(
    "audit_chains",
    metadata,
    sa.Column("app", sa.String(80), primary_key=True),
    sa.Column("environment", sa.String(80), primary_key=True),
    sa.Column("chain", sa.String(20), primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("segment", sa.Integer, nullable=False),
)
"""Where each chain ends now; whoever appends locks this row."""

audit_segments = sa.Table(
    "audit_segments",
    metadata,
    sa.Column("app", sa.String(80), primary_key=True),
    sa.Column("environment", sa.String(80), primary_key=True),
    sa.Column("chain", sa.String(20), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("head", sa.String(64), nullable=False),
    sa.Column("opened", UtcTime, nullable=False),
    sa.Column("newest", UtcTime, nullable=False),
    sa.Column("closed", UtcTime),
    sa.Column("pruned", UtcTime),
)
"""Whole stretches of a chain; the row outlives its events and anchors what follows."""

audit_events = sa.Table(
    "audit_events",
    metadata,
    sa.Column("app", sa.String(80), primary_key=True),
    sa.Column("environment", sa.String(80), primary_key=True),
    sa.Column("chain", sa.String(20), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("segment", sa.Integer, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("via", sa.String(20), nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("action", sa.String(80), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("outcome", sa.String(20), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Index("audit_by_time", "app", "environment", "at"),
    sa.Index("audit_by_actor", "app", "environment", "actor", "at"),
    sa.Index("audit_by_action", "app", "environment", "action", "at"),
    sa.Index("audit_by_subject", "app", "environment", "subject", "at"),
)
