"""Numbers over time: what series there are, their samples, and the sums of samples at four levels.

Times are integers: milliseconds since 1970 in `samples`, seconds in `rollups`. These are the only tables that hold
millions of rows, so their keys are small and, in SQLite, the key is the table. It begins with a slot of time, so that
what is written at one time lies side by side (`watch.numbers.levels.SLOT`): a batch of 1,000 series' samples changes
some 20 pages of the file; with the series first it was 1,000, 45 times as many bytes and 10 times as slow.
"""

import sqlalchemy as sa

from daytwo.store.tables.base import UtcTime, metadata

series = sa.Table(
    "series",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("unit", sa.String(8), nullable=False),
    sa.Column("total", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("sketched", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("created", UtcTime, nullable=False),
    sa.UniqueConstraint("app", "environment", "name"),
)
"""`total`: a counter, whose increase is what counts; `sketched`: its minutes come summed up, and it has no samples."""

samples = sa.Table(
    "samples",
    metadata,
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("series", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("value", sa.Double, nullable=False),
    sqlite_with_rowid=False,
)

rollups = sa.Table(
    "rollups",
    metadata,
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
"""`level` is the length in seconds: 60, 300, 3600, 86400; `at` its begin. `sketch` is empty where all values are equal.
`last` is the newest value, `rise` how much a total grew since the sample before, over beginnings anew."""

rolled = sa.Table(
    "rolled",
    metadata,
    sa.Column("app", sa.String(80), primary_key=True),
    sa.Column("environment", sa.String(80), primary_key=True),
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("until", sa.BigInteger, nullable=False),
    sa.Column("since", sa.BigInteger, nullable=False),
)
"""How far each level goes: before `until` it has been summed up, before `since` it has been deleted. Level 0 are the
samples, of which only `since` is used."""
