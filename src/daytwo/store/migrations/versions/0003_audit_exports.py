"""The audit trail, and the records of exports with their text search."""

import sqlite3

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TRIGRAMS_SINCE = (3, 34, 0)
"""SQLite's version with the trigram tokenizer: https://www.sqlite.org/fts5.html#the_trigram_tokenizer"""
_INDEXES = {
    "exports_by_number": ("number",),
    "exports_by_who": ("who", "number", "data_class", "status"),
    "exports_by_what": ("what", "number", "data_class", "status"),
    "exports_by_destination": ("destination", "number", "data_class", "status"),
    "exports_by_class": ("data_class", "number"),
    "exports_by_status": ("status", "number"),
    "exports_by_class_status": ("data_class", "status", "number"),
    "exports_by_who_what": ("who", "what", "number", "data_class", "status"),
    "exports_by_who_destination": ("who", "destination", "number", "data_class", "status"),
    "exports_by_what_destination": ("what", "destination", "number", "data_class", "status"),
}
_TEXT = "who || ' ' || what || ' ' || destination || ' ' || data_class || ' ' || status || ' ' || format || ' ' || note"


def upgrade() -> None:
    """Create the tables."""
    _audit()
    _exports()
    _totals()
    if op.get_context().dialect.name == "sqlite":
        _search_in_sqlite()
    else:
        _search_in_postgres()


def _place() -> tuple[sa.Column[str], sa.Column[str]]:
    return sa.Column("app", sa.String(80), primary_key=True), sa.Column("environment", sa.String(80), primary_key=True)


def _audit() -> None:
    op.create_table(
        "audit_chains",
        *_place(),
        sa.Column("chain", sa.String(20), primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("segment", sa.Integer, nullable=False),
    )
    op.create_table(
        "audit_segments",
        *_place(),
        sa.Column("chain", sa.String(20), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
        sa.Column("opened", sa.String(32), nullable=False),
        sa.Column("newest", sa.String(32), nullable=False),
        sa.Column("closed", sa.String(32)),
        sa.Column("pruned", sa.String(32)),
    )
    op.create_table(
        "audit_events",
        *_place(),
        sa.Column("chain", sa.String(20), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("segment", sa.Integer, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("via", sa.String(20), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("action", sa.String(80), nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("audit_by_time", "audit_events", ["app", "environment", "at"])
    for column in ("actor", "action", "subject"):
        op.create_index(f"audit_by_{column}", "audit_events", ["app", "environment", column, "at"])


def _exports() -> None:
    op.create_table(
        "exports",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("app", sa.String(80), nullable=False),
        sa.Column("environment", sa.String(80), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
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
    )
    for name, columns in _INDEXES.items():
        op.create_index(name, "exports", ["app", "environment", *columns])
    op.create_index("exports_by_key", "exports", ["app", "environment", "key"], unique=True)
    counter = op.create_table(
        "exports_counter",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("last", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(counter, [{"id": 1, "last": 0}])


def _totals() -> None:
    op.create_table(
        "exports_totals",
        *_place(),
        sa.Column("by", sa.String(20), primary_key=True),
        sa.Column("period", sa.String(10), primary_key=True),
        sa.Column("value", sa.String(200), primary_key=True),
        sa.Column("exports", sa.BigInteger, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
    )


def _search_in_sqlite() -> None:
    tokenizer = "trigram" if sqlite3.sqlite_version_info >= _TRIGRAMS_SINCE else "unicode61"
    # One word each in the columns that begin with `is`: that a record has exactly this person, data, ...
    columns = "who, what, destination, rest, is_who, is_what, is_destination, is_class, is_status"
    op.execute(f"CREATE VIRTUAL TABLE exports_search USING fts5({columns}, content='', tokenize='{tokenizer}')")


def _search_in_postgres() -> None:
    """Trigrams where the extension can be had, else words."""
    connection = op.get_bind()
    try:
        with connection.begin_nested():
            connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
    except sa.exc.DBAPIError:
        op.execute(f"CREATE INDEX exports_words ON exports USING gin (to_tsvector('simple', {_TEXT}))")
    else:
        op.execute(f"CREATE INDEX exports_trigrams ON exports USING gin (({_TEXT}) gin_trgm_ops)")
