"""What opens an incident by itself: alerts and security findings, as `incidents.open` says.

Nothing hangs on a single call: every few seconds, all that stands and belongs to no incident is looked at. So what did
not open one at first (`after` was not over, it was silenced, the daemon was down) does later.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, get_args

import sqlalchemy as sa

from daytwo.access.roles import SYSTEM
from daytwo.config import Config
from daytwo.config.responding import Opens
from daytwo.ledger.audit.event import storable
from daytwo.respond.incidents import orders
from daytwo.respond.incidents.desk import Beginning, IncidentDesk
from daytwo.respond.incidents.model import Incident, State, What
from daytwo.respond.incidents.words import lasting
from daytwo.store.tables import alerts, incident_events, incident_findings, incidents, security_findings

_BACK = timedelta(days=1)
"""Findings that are older open nothing: a configuration that names them now is about the future."""
_MOST = 500
_LOOSE = (alerts.c.end.is_(None), alerts.c.incident.is_(None))


@dataclass(frozen=True)
class Seen:
    """An alert, as far as it matters here.

    Args:
        number: its number.
        rule: the rule.
        subject: what it is about.
        service: whose that is; empty when nobody's.
        level: critical or warning.
        begin: when it began.
        why: what is wrong.
        because_of: what it is put down to; empty when it stands for itself.
        held: why nobody is to hear of it now: a silence, a maintenance window; else empty.
        taken_by: who takes care of it already; empty when nobody does.
    """

    number: int
    rule: str
    subject: str
    service: str
    level: str
    begin: datetime
    why: str
    because_of: str
    held: str
    taken_by: str

    @property
    def group(self) -> str:
        """What joins the same incident: everything of a service, or of a rule that is about none."""
        return f"service {self.service}" if self.service else f"rule {self.rule}"


class Opener:
    """Opens incidents of one app.

    Args:
        desk: the incidents.
        config: gives the configuration as it is now.
    """

    def __init__(self, desk: IncidentDesk, config: Callable[[], Config]) -> None:
        self._desk = desk
        self._config = config
        self._own = desk.book.own

    def look(self, connection: sa.Connection, now: datetime) -> list[Incident]:
        """Look at everything that could open an incident, or could mean that one is over.

        Returns:
            The incidents that were opened, or joined.
        """
        found = [*self._alerts(connection, now), *self._worse(connection, now), *self._findings(connection, now)]
        self._quiet(connection, now)
        return found

    # Alerts

    def _alerts(self, connection: sa.Connection, now: datetime) -> list[Incident]:
        if not self._config().incidents.open:
            return []
        wanted = [*self._consequences(connection), *self._opening(connection, now)]
        query = sa.select(alerts).where(alerts.c.id.in_(wanted)).order_by(alerts.c.begin, alerts.c.id)
        found = [self._alert(connection, _seen(row), now) for row in connection.execute(query).all()]
        return [one for one in found if one is not None]

    def _opening(self, connection: sa.Connection, now: datetime) -> list[int]:
        """The numbers of alerts that open an incident now. All are looked at: in a storm, most may open none."""
        c = alerts.c
        query: sa.Select[Any] = sa.select(c.id, c.rule, c.service, c.level, c.begin)
        own = (alerts.c.because_of == "", alerts.c.held == "")
        rows = connection.execute(query.filter_by(**self._own).where(*_LOOSE, *own).order_by(alerts.c.begin))
        return [row.id for row in rows if self._opens(row, now) is not None][:_MOST]

    def _consequences(self, connection: sa.Connection) -> list[int]:
        """The numbers of alerts that are put down to one that belongs to an incident."""
        cause = sa.alias(alerts)
        c = cause.c
        open_one = (*(c[name] == value for name, value in self._own.items()), c.end.is_(None), c.incident.is_not(None))
        unsolved = (c.incident == incidents.c.id, incidents.c.state != State.RESOLVED.value)
        names = (sa.select(one).where(*open_one, *unsolved) for one in (c.subject, c.rule))
        query = sa.select(alerts.c.id).filter_by(**self._own).where(*_LOOSE, alerts.c.because_of != "")
        query = query.where(sa.or_(*(alerts.c.because_of.in_(one) for one in names)))
        return list(connection.execute(query.order_by(alerts.c.begin).limit(_MOST)).scalars())

    def _opens(self, alert: "Seen | sa.Row[Any]", now: datetime) -> Opens | None:
        """What says that an alert opens an incident by now."""
        opens = next((one for one in self._config().incidents.open if _fits(one, alert)), None)
        return None if opens is None or now - alert.begin < opens.after.delta else opens

    def _alert(self, connection: sa.Connection, alert: Seen, now: datetime) -> Incident | None:
        if alert.because_of:
            incident = self._cause(connection, alert)
            return None if incident is None else self._join(connection, incident, alert, incident.severity, now)
        if (opens := self._opens(alert, now)) is None:
            return None
        if incident := self._desk.book.of_group(connection, (alert.group,)):
            return self._join(connection, incident, alert, opens.severity, now)
        incident = self._desk.begin(connection, _beginning(alert, opens.severity), SYSTEM, now)
        self._belongs(connection, alert, incident)
        if alert.taken_by:  # whoever takes care of the alert is not paged for its incident
            who = replace(SYSTEM, name=alert.taken_by)
            return self._desk.act(connection, incident.number, orders.Acknowledge(), who, now)
        return incident

    def _cause(self, connection: sa.Connection, alert: Seen) -> Incident | None:
        """The incident of what an alert is put down to, while that is not over."""
        cause = sa.or_(alerts.c.subject == alert.because_of, alerts.c.rule == alert.because_of)
        query = sa.select(alerts.c.incident).filter_by(**self._own).where(cause, alerts.c.end.is_(None))
        number = connection.execute(query.where(alerts.c.incident.is_not(None)).limit(1)).scalar_one_or_none()
        if number is None:
            return None
        incident = self._desk.book.get(connection, number)
        return None if incident.over else incident

    def _join(
        self, connection: sa.Connection, incident: Incident, alert: Seen, severity: str, now: datetime
    ) -> Incident:
        self._belongs(connection, alert, incident)
        after = self._desk.join(connection, incident, _beginning(alert, severity), What.ALERT, now)
        if after.acknowledged is not None:
            self._desk.acknowledge_alerts(connection, after.number, after.acknowledged_by, now)
        return after

    def _belongs(self, connection: sa.Connection, alert: Seen, incident: Incident) -> None:
        connection.execute(alerts.update().where(alerts.c.id == alert.number).values(incident=incident.number))

    def _worse(self, connection: sa.Connection, now: datetime) -> list[Incident]:
        """Have alerts that got worse since they joined an incident make that worse, once: people may grade it anew."""
        query = (
            sa.select(alerts, incidents.c.severity)
            .join(incidents, incidents.c.id == alerts.c.incident)
            .where(*(alerts.c[name] == value for name, value in self._own.items()), alerts.c.end.is_(None))
            .where(alerts.c.because_of == "", alerts.c.held == "", incidents.c.state != State.RESOLVED.value)
        )
        names, found = list(self._config().incidents.severities), []
        for row in connection.execute(query.order_by(alerts.c.id)).all():
            opens = self._opens(row, now)
            if opens is None or names.index(opens.severity) >= _place(names, row.severity):
                continue
            begun = _beginning(_seen(row), opens.severity)
            if not self._said(connection, row.incident, _head(row)):
                incident = self._desk.book.get(connection, row.incident)
                found.append(self._desk.join(connection, incident, begun, What.ALERT, now))
        return found

    def _said(self, connection: sa.Connection, number: int, head: str) -> bool:
        """Whether an incident has heard of an alert of this level: then it was graded with that."""
        lines = sa.select(incident_events.c.text).where(incident_events.c.incident == number)
        kinds = incident_events.c.what.in_([What.OPENED.value, What.ALERT.value])
        known = storable(head, 4000)
        return any(one.startswith(known) for one in connection.execute(lines.where(kinds)).scalars())

    # Security findings

    def _findings(self, connection: sa.Connection, now: datetime) -> list[Incident]:
        opens = [one for one in self._config().incidents.open if one.security]
        if not opens:
            return []
        known = sa.select(incident_findings.c.finding)
        loose = (security_findings.c.found >= now - _BACK, security_findings.c.id.not_in(known))
        kinds = connection.execute(sa.select(security_findings.c.kind).filter_by(**self._own).where(*loose).distinct())
        grades = {
            kind: one.severity
            for kind in kinds.scalars()
            for one in reversed(opens)
            if any(fnmatchcase(kind, pattern) for pattern in one.security)
        }
        query = sa.select(security_findings).filter_by(**self._own).where(*loose)
        query = query.where(security_findings.c.kind.in_(grades)).order_by(security_findings.c.id).limit(_MOST)
        return [
            self.finding(connection, row, grades[row.kind], now) for row in connection.execute(query).all()
        ]  # fmt: skip

    def finding(self, connection: sa.Connection, row: sa.Row[Any], severity: str, now: datetime) -> Incident:
        """Open an incident of a security finding, or have it join the one of its kind that is not over.

        Args:
            connection: of the transaction.
            row: of `security_findings`; it belongs to no incident yet.
            severity: how bad it is.
            now: the time now, aware.
        """
        source = f" from {row.source}" if row.source else ""
        text = (
            f"{row.kind}{source}: {row.count} within {lasting(timedelta(seconds=row.within))}, {row.limit} are too many"
        )
        begun = Beginning(
            f"{row.kind}{source}", severity, (f"finding {row.kind}",), (), row.begin, class_of(row.kind), text
        )
        incident = self._desk.book.of_group(connection, begun.groups)
        if incident is None:
            incident = self._desk.begin(connection, begun, SYSTEM, now)
        else:
            incident = self._desk.join(connection, incident, begun, What.FINDING, now)
        connection.execute(incident_findings.insert().values(finding=row.id, incident=incident.number))
        return incident

    # Over?

    def _quiet(self, connection: sa.Connection, now: datetime) -> None:
        """Note since when all alerts of an incident have been over; resolve it where the configuration wants that."""
        standing = self._desk.book.standing(connection)
        left = self._desk.book.standing_alerts(connection, [one.number for one in standing])
        after = self._config().incidents.resolve_after
        for one in standing:
            if left.get(one.number):
                if one.quiet is not None:
                    self._desk.book.change(connection, one.number, quiet=None)
            elif one.quiet is None:
                self._became_quiet(connection, one, now)
            elif after is not None and now - one.quiet >= after.delta:
                cause = f"All its alerts have been over for {lasting(now - one.quiet)}."
                self._desk.act(connection, one.number, orders.Resolve(cause=cause, anyway=True), SYSTEM, now)

    def _became_quiet(self, connection: sa.Connection, incident: Incident, now: datetime) -> None:
        if not self._desk.book.alerts(connection, incident.number):
            return  # of a finding: only people know when that is over
        self._desk.book.change(connection, incident.number, quiet=now)
        self._desk.book.tell(connection, incident.number, What.QUIET, SYSTEM.name, now, "all its alerts are over")


def class_of(kind: str) -> str:
    """The class of a security incident that comes of a kind of events: `breach` is one itself, `auth_failure` abuse."""
    word = kind.replace("_", "-")
    return word if word in get_args(orders.Category) and word else "abuse"


def _place(names: list[str], severity: str) -> int:
    """Where a severity stands, the worst first; one that is not known is left as it is."""
    return names.index(severity) if severity in names else -1


def _fits(opens: Opens, alert: "Seen | sa.Row[Any]") -> bool:
    if not (opens.rules or opens.services) or (opens.level == "critical" and alert.level != "critical"):
        return False
    if alert.level not in ("critical", "warning"):
        return False
    rules = not opens.rules or any(fnmatchcase(alert.rule, one) for one in opens.rules)
    return rules and (not opens.services or any(fnmatchcase(alert.service, one) for one in opens.services))


def _beginning(alert: Seen, severity: str) -> Beginning:
    title = f"{alert.subject}: {alert.why}" if alert.why else f"{alert.rule} ({alert.subject})"
    services = (alert.service,) if alert.service else ()
    text = f"{_head(alert)} {alert.why}"
    return Beginning(title, severity, (alert.group,), services, alert.begin, text=text)


def _head(alert: "Seen | sa.Row[Any]") -> str:
    return f"{alert.rule} ({alert.subject}), {alert.level}:"


def _seen(row: sa.Row[Any]) -> Seen:
    return Seen(
        row.id,
        row.rule,
        row.subject,
        row.service,
        row.level,
        row.begin,
        row.why,
        row.because_of,
        row.held,
        row.acknowledged_by,
    )
