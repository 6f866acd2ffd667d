"""Security events, and what was too much of them."""

import sqlalchemy as sa

from daytwo.store.tables.base import UtcTime, metadata

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

security_events = sa.Table(
    "security_events",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("kind", sa.String(63), nullable=False),
    sa.Column("source", sa.String(45), nullable=False, server_default=""),
    sa.Column("network", sa.String(45), nullable=False, server_default=""),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("last", UtcTime, nullable=False),
    sa.Column("received", UtcTime, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False, server_default="1"),
    sa.Column("counted", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("via", sa.String(200), nullable=False),
    sa.Column("user", sa.String(200), nullable=False, server_default=""),
    sa.Column("route", sa.String(500), nullable=False, server_default=""),
    sa.Column("evidence", sa.Text, nullable=False, server_default=""),
    sa.Column("newest", sa.Text, nullable=False, server_default=""),
    sa.Column("fingerprint", sa.String(32), nullable=False, server_default=""),
    sa.Column("change", sa.BigInteger, nullable=False),
    sa.Index("security_events_by_id", "app", "environment", "id"),
    sa.Index("security_events_by_kind", "app", "environment", "kind", "id"),
    sa.Index("security_events_by_source", "app", "environment", "source", "id"),
    sa.Index("security_events_by_network", "app", "environment", "kind", "network", "last"),
    sa.Index("security_events_by_last", "app", "environment", "kind", "last", "network", "count"),
    sa.Index("security_events_by_change", "app", "environment", "change"),
    sa.Index("security_events_by_fingerprint", "app", "environment", "fingerprint"),
)
"""Each event, or many of the same kind and source in the same minute: `count`, from `at` to `last`. `network`: what a
source is counted as; `received`: when it was written down first; `counted`: whether it counts for limits, which what
claims to be from the future does not; `via`: `log NAME` or `api NAME`; `evidence`: of the first, `newest`: of the last,
where there is more than one; `fingerprint`: of a key that was seen; `change`: the number of its newest change."""

security_findings = sa.Table(
    "security_findings",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("kind", sa.String(63), nullable=False),
    sa.Column("source", sa.String(45), nullable=False, server_default=""),
    sa.Column("per", sa.String(10), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("begin", UtcTime, nullable=False),
    sa.Column("last", UtcTime, nullable=False),
    sa.Column("found", UtcTime, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("limit", sa.BigInteger, nullable=False),
    sa.Column("within", sa.Double, nullable=False),
    sa.Column("first_event", sa.BigInteger, nullable=False),
    sa.Column("last_event", sa.BigInteger, nullable=False),
    sa.Column("claimed", UtcTime),
    sa.Index("security_findings_by_id", "app", "environment", "id"),
    sa.Index("security_findings_by_state", "app", "environment", "state"),
    sa.Index("security_findings_by_source", "app", "environment", "kind", "source", "last"),
    sa.Index(
        "security_findings_unclaimed",
        "app",
        "environment",
        "id",
        sqlite_where=sa.text("claimed IS NULL"),
        postgresql_where=sa.text("claimed IS NULL"),
    ),
)
"""Each time that a limit was crossed, once. `source`: the address or network (empty: the whole app, or no address is
known); `last`: when the limit was reached last; `found`: when it was noticed; `claimed`: when somebody took it on."""

security_keys = sa.Table(
    "security_keys",
    metadata,
    sa.Column("app", sa.String(80), primary_key=True),
    sa.Column("environment", sa.String(80), primary_key=True),
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("id", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Index("security_keys_by_id", "app", "environment", "id"),
)
"""Idempotency keys of events that were handed in, for a day. `id`: the change with which it came."""

security_marks = sa.Table(
    "security_marks",
    metadata,
    sa.Column("app", sa.String(80), primary_key=True),
    sa.Column("environment", sa.String(80), primary_key=True),
    sa.Column("change", sa.BigInteger, nullable=False),
    sa.Column("judged", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("salt", sa.String(64), nullable=False),
)
"""One row: the number of the newest change, up to which changes have been judged, and what fingerprints are salted
with."""
