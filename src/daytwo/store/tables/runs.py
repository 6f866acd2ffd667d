"""The tables, as SQLAlchemy Core sees them. A change here needs a migration in `migrations/versions/`."""

from datetime import UTC, datetime

import sqlalchemy as sa


class UtcTime(sa.types.TypeDecorator[datetime]):
    """A point in time, stored as UTC text that sorts, equal in SQLite and PostgreSQL."""

    impl = sa.String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> str | None:
        """To `2026-11-21T03:00:00.000000Z`."""
        return None if value is None else utc_text(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> datetime | None:
        """Back to an aware datetime."""
        return None if value is None else datetime.fromisoformat(value)


def utc_text(value: datetime) -> str:
    """The stored form of an aware datetime."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


metadata = sa.MetaData()

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
    sa.Index("runs_by_time", "app", "environment", "kind", "begun"),
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
