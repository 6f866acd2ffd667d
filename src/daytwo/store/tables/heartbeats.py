"""Heartbeats: jobs elsewhere that report, their reports, and how long somebody has been listening."""

import sqlalchemy as sa

from daytwo.store.tables.base import UtcTime, metadata

heartbeats = sa.Table(
    "heartbeats",
    metadata,
    sa.Column("app", sa.String(80), primary_key=True),
    sa.Column("environment", sa.String(80), primary_key=True),
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("ping", sa.String(36), nullable=False, unique=True),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("since", UtcTime, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("promise", sa.String(500), nullable=False),
    sa.Column("counted", UtcTime, nullable=False),
    sa.Column("started", UtcTime),
    sa.Column("open", sa.Text, nullable=False, server_default="[]"),
    sa.Column("reported", UtcTime),
    sa.Column("succeeded", UtcTime),
    sa.Column("failed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("exit_code", sa.Integer),
    sa.Column("duration", sa.BigInteger),
    sa.Column("due", UtcTime),
    sa.Column("overdue", UtcTime),
    sa.Column("missing", UtcTime),
    sa.Column("pings", sa.BigInteger, nullable=False, server_default="0"),
)
"""What is known of each. `ping` is the id that a job reports under; `open` the runs that have begun and not ended, as
JSON; `counted` a time from which on its promise counts although it has not reported since; `promise` what it promised
when that was last looked at; `missing` since when it is not in the configuration; `pings` the number given last."""

pings = sa.Table(
    "pings",
    metadata,
    sa.Column("app", sa.String(80), primary_key=True),
    sa.Column("environment", sa.String(80), primary_key=True),
    sa.Column("heartbeat", sa.String(63), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("exit_code", sa.Integer),
    sa.Column("duration", sa.BigInteger),
    sa.Column("excerpt", sa.Text, nullable=False, server_default=""),
    sa.Column("source", sa.String(64), nullable=False, server_default=""),
    sa.Column("rid", sa.String(36), nullable=False, server_default=""),
    sa.Column("agent", sa.String(200), nullable=False, server_default=""),
)
"""The newest reports of each, and when it was found late or down. `duration` in milliseconds."""

watches = sa.Table(
    "watches",
    metadata,
    sa.Column("app", sa.String(80), primary_key=True),
    sa.Column("environment", sa.String(80), primary_key=True),
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("since", UtcTime, nullable=False),
    sa.Column("seen", UtcTime, nullable=False),
)
"""Since when somebody has been watching without a gap, and when they last did."""
