"""What checks observe and what rules make of it."""

import sqlalchemy as sa

from daytwo.store.tables.base import UtcTime, metadata

checks = sa.Table(
    "checks",
    metadata,
    sa.Column("app", sa.String(80), primary_key=True),
    sa.Column("environment", sa.String(80), primary_key=True),
    sa.Column("name", sa.String(130), primary_key=True),
    sa.Column("service", sa.String(63), nullable=False),
    sa.Column("verdict", sa.String(12), nullable=False),
    sa.Column("why", sa.Text, nullable=False, server_default=""),
    sa.Column("since", UtcTime, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("every", sa.Double, nullable=False),
    sa.Column("detail", sa.Text, nullable=False, server_default="{}"),
)
"""The newest observation of each check. `since`: when its verdict began; `failures`: how many in a row; `every`:
seconds between two; `detail`: its numbers and facts, as JSON."""

stretches = sa.Table(
    "stretches",
    metadata,
    sa.Column("app", sa.String(80), primary_key=True),
    sa.Column("environment", sa.String(80), primary_key=True),
    sa.Column("check", sa.String(130), primary_key=True),
    sa.Column("begin", UtcTime, primary_key=True),
    sa.Column("verdict", sa.String(12), nullable=False),
    sa.Column("why", sa.Text, nullable=False, server_default=""),
)
"""The history of verdicts: a row where one begins; it ends where the next begins. Where nobody looked, it is
`inconclusive`."""

rule_states = sa.Table(
    "rule_states",
    metadata,
    sa.Column("app", sa.String(80), primary_key=True),
    sa.Column("environment", sa.String(80), primary_key=True),
    sa.Column("rule", sa.String(130), primary_key=True),
    sa.Column("subject", sa.String(200), primary_key=True),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("level", sa.String(10), nullable=False, server_default=""),
    sa.Column("since", UtcTime, nullable=False),
    sa.Column("fired", UtcTime),
    sa.Column("detail", sa.Text, nullable=False, server_default="{}"),
)
"""How each rule stands for those of its subjects (a check or a series) that ever had an alert; the others are ok.
`fired`: when the alert began; `detail`: what its state machine remembers, as JSON. Written when something changes: when
rules were judged last is in `watches`."""

transitions = sa.Table(
    "transitions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("rule", sa.String(130), nullable=False),
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("old", sa.String(10), nullable=False),
    sa.Column("new", sa.String(10), nullable=False),
    sa.Column("level", sa.String(10), nullable=False, server_default=""),
    sa.Column("value", sa.Double),
    sa.Column("why", sa.Text, nullable=False, server_default=""),
    sa.Column("because_of", sa.String(200), nullable=False, server_default=""),
    sa.Column("claimed", UtcTime),
    sa.Index("transitions_at", "app", "environment", "at"),
    sa.Index(
        "transitions_unclaimed",
        "app",
        "environment",
        "id",
        sqlite_where=sa.text("claimed IS NULL"),
        postgresql_where=sa.text("claimed IS NULL"),
    ),
)
"""Each change of a rule's state, once. `because_of`: what it depends on that fails, too; `claimed`: when somebody took
it on to tell people."""
