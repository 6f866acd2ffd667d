"""Addresses that are shut out, and what was done about findings and alerts."""

import sqlalchemy as sa

from daytwo.store.tables.base import UtcTime, metadata

blocks = sa.Table(
    "blocks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("network", sa.String(45), nullable=False),
    sa.Column("begin", UtcTime, nullable=False),
    sa.Column("until", UtcTime, nullable=False),
    sa.Column("by", sa.String(200), nullable=False),
    sa.Column("why", sa.Text, nullable=False, server_default=""),
    sa.Column("ended", UtcTime),
    sa.Column("ended_by", sa.String(200), nullable=False, server_default=""),
    sa.Column("applied", UtcTime),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Index("blocks_network", "app", "environment", "network", "ended"),
    sa.Index("blocks_until", "app", "environment", "ended", "until"),
)
"""What should be shut out: a row before the blocker is told. `ended`: when it was let in again, by hand or because its
time was over; `applied`: when the blocker was told of it last; `error`: why it does not do it."""

acts = sa.Table(
    "acts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("action", sa.String(63), nullable=False),
    sa.Column("what", sa.String(16), nullable=False),
    sa.Column("about", sa.String(200), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("done", UtcTime),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.UniqueConstraint("app", "environment", "action", "what", "about"),
    sa.Index("acts_state", "app", "environment", "state", "id"),
)
"""What an action of the configuration does about one thing, once. `what`: alert, investigate, block_ip; `about`:
`finding 3`, `alert 17`; `state`: waiting, done, dry (it would have been), refused (a guard said no), failed;
`reason`: which guard, or what went wrong."""
