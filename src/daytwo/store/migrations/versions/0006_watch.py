"""Watching: numbers over time, observations, and how rules stand."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add what the daemon needs to watch."""
    _numbers()
    _observations()
    _rules()


def _own() -> tuple[sa.Column[str], sa.Column[str]]:
    return sa.Column("app", sa.String(80), primary_key=True), sa.Column("environment", sa.String(80), primary_key=True)


def _numbers() -> None:
    op.create_table(
        "series",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String(80), nullable=False),
        sa.Column("environment", sa.String(80), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("unit", sa.String(8), nullable=False),
        sa.Column("total", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("sketched", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("created", sa.String(32), nullable=False),
        sa.UniqueConstraint("app", "environment", "name"),
    )
    op.create_table(
        "samples",
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("series", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("value", sa.Double, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rollups",
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("series", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("sum", sa.Double, nullable=False),
        sa.Column("min", sa.Double, nullable=False),
        sa.Column("max", sa.Double, nullable=False),
        sa.Column("last", sa.Double, nullable=False),
        sa.Column("rise", sa.Double, nullable=False),
        sa.Column("sketch", sa.LargeBinary),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rolled",
        *_own(),
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
    )


def _observations() -> None:
    op.create_table(
        "checks",
        *_own(),
        sa.Column("name", sa.String(130), primary_key=True),
        sa.Column("service", sa.String(63), nullable=False),
        sa.Column("verdict", sa.String(12), nullable=False),
        sa.Column("why", sa.Text, nullable=False, server_default=""),
        sa.Column("since", sa.String(32), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("every", sa.Double, nullable=False),
        sa.Column("detail", sa.Text, nullable=False, server_default="{}"),
    )
    op.create_table(
        "stretches",
        *_own(),
        sa.Column("check", sa.String(130), primary_key=True),
        sa.Column("begin", sa.String(32), primary_key=True),
        sa.Column("verdict", sa.String(12), nullable=False),
        sa.Column("why", sa.Text, nullable=False, server_default=""),
    )


def _rules() -> None:
    op.create_table(
        "rule_states",
        *_own(),
        sa.Column("rule", sa.String(130), primary_key=True),
        sa.Column("subject", sa.String(200), primary_key=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("level", sa.String(10), nullable=False, server_default=""),
        sa.Column("since", sa.String(32), nullable=False),
        sa.Column("fired", sa.String(32)),
        sa.Column("detail", sa.Text, nullable=False, server_default="{}"),
    )
    op.create_table(
        "transitions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String(80), nullable=False),
        sa.Column("environment", sa.String(80), nullable=False),
        sa.Column("rule", sa.String(130), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("old", sa.String(10), nullable=False),
        sa.Column("new", sa.String(10), nullable=False),
        sa.Column("level", sa.String(10), nullable=False, server_default=""),
        sa.Column("value", sa.Double),
        sa.Column("why", sa.Text, nullable=False, server_default=""),
        sa.Column("because_of", sa.String(200), nullable=False, server_default=""),
        sa.Column("claimed", sa.String(32)),
    )
    op.create_index("transitions_at", "transitions", ["app", "environment", "at"])
