"""What all tables share: one metadata, one way to store a point in time."""

from datetime import UTC, datetime

import sqlalchemy as sa

metadata = sa.MetaData()


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
