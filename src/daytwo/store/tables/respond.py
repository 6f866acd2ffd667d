"""What is made of the transitions of rules: alerts, why each was told to whom or not, and messages on their way."""

import sqlalchemy as sa

from daytwo.store.tables.base import UtcTime, metadata

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("rule", sa.String(130), nullable=False),
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("service", sa.String(63), nullable=False, server_default=""),
    sa.Column("level", sa.String(10), nullable=False),
    sa.Column("begin", UtcTime, nullable=False),
    sa.Column("end", UtcTime),
    sa.Column("value", sa.Double),
    sa.Column("why", sa.Text, nullable=False, server_default=""),
    sa.Column("because_of", sa.String(200), nullable=False, server_default=""),
    sa.Column("acknowledged", UtcTime),
    sa.Column("acknowledged_by", sa.String(200), nullable=False, server_default=""),
    sa.Column("acknowledged_told", UtcTime),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    sa.Column("incident", sa.Integer),
    sa.Column("leader", sa.Integer),
    sa.Column("told", UtcTime),
    sa.Column("told_level", sa.String(10), nullable=False, server_default=""),
    sa.Column("told_over", UtcTime),
    sa.Column("held", sa.String(40), nullable=False, server_default=""),
    sa.Column("again", UtcTime),
    sa.Index("alerts_open", "app", "environment", "end"),
    sa.Index("alerts_begin", "app", "environment", "begin"),
    sa.Index("alerts_fingerprint", "app", "environment", "fingerprint", "begin"),
    sa.Index("alerts_leader", "leader"),
)
"""One row from the moment a rule fires until it is over (`end`). `fingerprint`: the same each time the same thing comes
again; `acknowledged_told`: when the acknowledgement was passed on; `leader`: the alert whose messages this one shares,
itself if it was the first; `told`: when somebody was last told of it, at which level (`told_level`), and that it is
over (`told_over`); `held`: why it is not told for now; `again`: when it is told once more."""

alert_steps = sa.Table(
    "alert_steps",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("alert", sa.Integer, sa.ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("what", sa.String(16), nullable=False),
    sa.Column("stage", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(40), nullable=False),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
    sa.Index("alert_steps_alert", "alert", "id"),
)
"""What each stage of the pipeline said, and why: the answer to "why was I (not) told?". `what`: fired, worse, over,
repeat; `stage`: its name; `reason`: a fixed word, such as `silenced`; `detail`: by which silence."""

tellings = sa.Table(
    "tellings",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("alert", sa.Integer, sa.ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False),
    sa.Column("what", sa.String(16), nullable=False),
    sa.Column("route", sa.String(63), nullable=False),
    sa.Column("channel", sa.String(63), nullable=False),
    sa.Column("people", sa.Text, nullable=False, server_default="[]"),
    sa.Column("batch", sa.String(100), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("due", UtcTime, nullable=False),
    sa.Column("notification", sa.Integer),
    sa.Index("tellings_alert", "alert", "id"),
    sa.Index("tellings_due", "app", "environment", "notification", "due"),
)
"""That an alert is to be told through a channel, to whom (`people`, as JSON), by which route. Those of one `batch` and
channel share a message, which is made when the first is `due`; then `notification` is its number."""

silences = sa.Table(
    "silences",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("matchers", sa.Text, nullable=False),
    sa.Column("begin", UtcTime, nullable=False),
    sa.Column("until", UtcTime, nullable=False),
    sa.Column("by", sa.String(200), nullable=False),
    sa.Column("why", sa.Text, nullable=False, server_default=""),
    sa.Column("ended", UtcTime),
    sa.Column("reminded", UtcTime),
    sa.Index("silences_until", "app", "environment", "until"),
)
"""Alerts of which nobody is told for a time. `matchers`: JSON, what they fit; `ended`: when it was taken away early."""

maintenances = sa.Table(
    "maintenances",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("services", sa.Text, nullable=False, server_default="[]"),
    sa.Column("begin", UtcTime, nullable=False),
    sa.Column("until", UtcTime, nullable=False),
    sa.Column("by", sa.String(200), nullable=False),
    sa.Column("why", sa.Text, nullable=False, server_default=""),
    sa.Column("ended", UtcTime),
    sa.Index("maintenances_until", "app", "environment", "until"),
)
"""Maintenance windows that were begun by hand. `services`: JSON, of which ones, of all when empty; `ended`: when it was
ended early."""

notifications = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(80), nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("key", sa.String(200), nullable=False),
    sa.Column("channel", sa.String(63), nullable=False),
    sa.Column("event", sa.String(12), nullable=False),
    sa.Column("about", sa.String(200), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("due", UtcTime, nullable=False),
    sa.Column("until", UtcTime, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("claimed_by", sa.String(200), nullable=False, server_default=""),
    sa.Column("claimed_until", UtcTime),
    sa.Column("sent", UtcTime),
    sa.Column("via", sa.String(63), nullable=False, server_default=""),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.UniqueConstraint("app", "environment", "key"),
    sa.Index("outbox_due", "app", "environment", "state", "channel", "due"),
    sa.Index("outbox_about", "app", "environment", "about"),
    sa.Index("outbox_created", "app", "environment", "created"),
)
"""The outbox, as the table is called, for DBOS has one named `notifications` beside it: a row before it is an act.
`key`: the delivery, which is made once however often it is ordered and tried; `about`: what it tells of (`alert 17`,
`incident 3`, `summary warnings`); `state`: waiting, held (for a summary), sent, folded (told in a summary instead),
moot (it was over before it could be sent, and that is told), dead; `until`: after which it is given up; `claimed_by`:
the owner that is sending it, until `claimed_until`; `via`: the channel that took it, its own or its fallback."""

channels = sa.Table(
    "channels",
    metadata,
    sa.Column("app", sa.String(80), primary_key=True),
    sa.Column("environment", sa.String(80), primary_key=True),
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("spent", UtcTime),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("since", UtcTime),
    sa.Column("rests", UtcTime),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
)
"""How each channel stands. `spent`: until when what it may send a minute is used up; `failures`: in a row, since
`since`; `rests`: until when it is left alone, because it failed or asked for it."""
