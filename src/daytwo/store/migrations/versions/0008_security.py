"""Security events, and what was too much of them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_PLACE = ("app", "environment")


def upgrade() -> None:
    """Add what is needed to notice an attack."""
    _events()
    _findings()
    op.create_table(
        "security_keys",
        sa.Column("app", sa.String(80), primary_key=True),
        sa.Column("environment", sa.String(80), primary_key=True),
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("id", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
    )
    op.create_index("security_keys_by_id", "security_keys", [*_PLACE, "id"])
    op.create_table(
        "security_marks",
        sa.Column("app", sa.String(80), primary_key=True),
        sa.Column("environment", sa.String(80), primary_key=True),
        sa.Column("change", sa.BigInteger, nullable=False),
        sa.Column("judged", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("salt", sa.String(64), nullable=False),
    )


def _own() -> tuple[sa.Column[int], sa.Column[str], sa.Column[str]]:
    return (
        sa.Column("id", _ID, primary_key=True),
        sa.Column("app", sa.String(80), nullable=False),
        sa.Column("environment", sa.String(80), nullable=False),
    )


def _events() -> None:
    op.create_table(
        "security_events",
        *_own(),
        sa.Column("kind", sa.String(63), nullable=False),
        sa.Column("source", sa.String(45), nullable=False, server_default=""),
        sa.Column("network", sa.String(45), nullable=False, server_default=""),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("last", sa.String(32), nullable=False),
        sa.Column("received", sa.String(32), nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False, server_default="1"),
        sa.Column("counted", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("via", sa.String(200), nullable=False),
        sa.Column("user", sa.String(200), nullable=False, server_default=""),
        sa.Column("route", sa.String(500), nullable=False, server_default=""),
        sa.Column("evidence", sa.Text, nullable=False, server_default=""),
        sa.Column("newest", sa.Text, nullable=False, server_default=""),
        sa.Column("fingerprint", sa.String(32), nullable=False, server_default=""),
        sa.Column("change", sa.BigInteger, nullable=False),
    )
    for name, columns in {
        "id": ["id"],
        "kind": ["kind", "id"],
        "source": ["source", "id"],
        "network": ["kind", "network", "last"],
        "last": ["kind", "last", "network", "count"],
        "change": ["change"],
        "fingerprint": ["fingerprint"],
    }.items():
        op.create_index(f"security_events_by_{name}", "security_events", [*_PLACE, *columns])


def _findings() -> None:
    op.create_table(
        "security_findings",
        *_own(),
        sa.Column("kind", sa.String(63), nullable=False),
        sa.Column("source", sa.String(45), nullable=False, server_default=""),
        sa.Column("per", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("begin", sa.String(32), nullable=False),
        sa.Column("last", sa.String(32), nullable=False),
        sa.Column("found", sa.String(32), nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("limit", sa.BigInteger, nullable=False),
        sa.Column("within", sa.Double, nullable=False),
        sa.Column("first_event", sa.BigInteger, nullable=False),
        sa.Column("last_event", sa.BigInteger, nullable=False),
        sa.Column("claimed", sa.String(32)),
    )
    for name, columns in {"id": ["id"], "state": ["state"], "source": ["kind", "source", "last"]}.items():
        op.create_index(f"security_findings_by_{name}", "security_findings", [*_PLACE, *columns])
    unclaimed = sa.text("claimed IS NULL")
    op.create_index(
        "security_findings_unclaimed",
        "security_findings",
        [*_PLACE, "id"],
        sqlite_where=unclaimed,
        postgresql_where=unclaimed,
    )
