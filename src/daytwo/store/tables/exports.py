"""Export records: that data left the app; with what makes a million of them quick to look through."""

import sqlalchemy as sa

from daytwo.store.tables.base import UtcTime, metadata

# The indexes end with what else is often asked for: it is compared without a look at the record.
exports = sa.Table(
    "exports",
    metadata,
    # In SQLite only a plain INTEGER key is the row's own number, by which the text search finds it.
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("who", sa.String(200), nullable=False),
    sa.Column("what", sa.String(200), nullable=False),
    sa.Column("destination", sa.String(200), nullable=False),
    sa.Column("data_class", sa.String(20), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("format", sa.String(40), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("key", sa.String(200)),
    sa.Column("event", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Index("exports_by_number", "app", "environment", "number"),
    sa.Index("exports_by_who", "app", "environment", "who", "number", "data_class", "status"),
    sa.Index("exports_by_what", "app", "environment", "what", "number", "data_class", "status"),
    sa.Index("exports_by_destination", "app", "environment", "destination", "number", "data_class", "status"),
    sa.Index("exports_by_class", "app", "environment", "data_class", "number"),
    sa.Index("exports_by_status", "app", "environment", "status", "number"),
    sa.Index("exports_by_class_status", "app", "environment", "data_class", "status", "number"),
    sa.Index("exports_by_who_what", "app", "environment", "who", "what", "number", "data_class", "status"),
    sa.Index(
        "exports_by_who_destination", "app", "environment", "who", "destination", "number", "data_class", "status"
    ),
    sa.Index(
        "exports_by_what_destination", "app", "environment", "what", "destination", "number", "data_class", "status"
    ),
    sa.Index("exports_by_key", "app", "environment", "key", unique=True),
)

exports_counter = sa.Table(
    "exports_counter",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("last", sa.BigInteger, nullable=False),
)
"""One row: the number given last. It is never given again, also when the record has been pruned."""

exports_totals = sa.Table(
    "exports_totals",
    metadata,
    sa.Column("app", sa.String(80), primary_key=True),
    sa.Column("environment", sa.String(80), primary_key=True),
    sa.Column("by", sa.String(20), primary_key=True),
    sa.Column("period", sa.String(10), primary_key=True),
    sa.Column("value", sa.String(200), primary_key=True),
    sa.Column("exports", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False),
)
"""Sums by day (`2026-11-21`), month (`2026-11`) and for all time (``), and the lowest and highest number in them."""
