"""What users are told on the status page, and who is told by mail."""

import sqlalchemy as sa

from daytwo.store.tables.base import UtcTime, metadata

status_updates = sa.Table(
    "status_updates",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("incident", sa.Integer, sa.ForeignKey("incidents.id", ondelete="CASCADE")),
    sa.Column("notice", sa.Integer),
    sa.Column("event", sa.Integer, unique=True),
    sa.Column("title", sa.String(200), nullable=False, server_default=""),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("components", sa.Text, nullable=False, server_default="{}"),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("by", sa.String(200), nullable=False),
    sa.Column("withdrawn", UtcTime),
    sa.Column("withdrawn_by", sa.String(200), nullable=False, server_default=""),
    sa.Column("mailed_to", sa.Integer, nullable=False, server_default="0"),
    sa.Column("mailed", UtcTime),
    sa.Index("status_updates_at", "app", "environment", "at"),
    sa.Index("status_updates_incident", "incident"),
    sa.Index("status_updates_mailed", "app", "environment", "mailed"),
)
"""What users are told; a row is never changed, only withdrawn. It belongs to an `incident`, or to the `notice` whose
first update has that id. `event`: the line of the incident's timeline that it was written as; `components`: JSON, how
each is, by name; `mailed_to`: the last subscriber who was ordered a mail, and `mailed` when that was over."""

status_subscribers = sa.Table(
    "status_subscribers",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("address", sa.String(254), nullable=False),
    sa.Column("asked", UtcTime, nullable=False),
    sa.Column("confirmed", UtcTime),
    sa.Column("by", sa.String(200), nullable=False, server_default=""),
    sa.UniqueConstraint("app", "environment", "address"),
    sa.Index("status_subscribers_confirmed", "app", "environment", "confirmed"),
)
"""Who is told by mail, from `confirmed` on. `by`: the admin who added them; empty when they came by themselves."""

status_links = sa.Table(
    "status_links",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("subscriber", sa.Integer, sa.ForeignKey("status_subscribers.id", ondelete="CASCADE"), nullable=False),
    sa.Column("purpose", sa.String(12), nullable=False),
    sa.Column("until", UtcTime, nullable=False),
    sa.Index("status_links_subscriber", "subscriber"),
    sa.Index("status_links_until", "until"),
)
"""Links in mails, of which only a digest is kept. `purpose`: confirm, unsubscribe."""

status_asks = sa.Table(
    "status_asks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("key", sa.String(70), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Index("status_asks_key", "app", "environment", "key", "at"),
)
"""Who asked for a subscription lately, and for which address, as digests: kept for a day, to slow down abuse."""
