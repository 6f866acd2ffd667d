"""What can be done with incidents, by people and by daytwo itself; each act in the caller's transaction, audited."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from daytwo.access.roles import SYSTEM, Principal
from daytwo.config import Config
from daytwo.config.problems import nearest
from daytwo.core.channel import Event
from daytwo.core.errors import ConflictError, NotFoundError, UsageError
from daytwo.ledger.audit import Audit
from daytwo.respond.incidents import orders
from daytwo.respond.incidents.actions import Actions
from daytwo.respond.incidents.book import Book
from daytwo.respond.incidents.escalation import Escalation
from daytwo.respond.incidents.model import Incident, Item, State, What
from daytwo.respond.incidents.words import lasting, listed
from daytwo.respond.oncall import GapWatch, Takeovers
from daytwo.respond.outbox import Outbox


@dataclass(frozen=True)
class Beginning:
    """What daytwo opens an incident of.

    Args:
        title: one line: what is wrong.
        severity: how bad it is; a name of `incidents.severities`.
        groups: what belongs to one of these joins it while it is not over.
        services: what it touches.
        began: when that began.
        category: of a security incident; else empty.
        text: the first line of its timeline.
    """

    title: str
    severity: str
    groups: tuple[str, ...]
    services: tuple[str, ...]
    began: datetime
    category: str = ""
    text: str = ""


class IncidentDesk:
    """The incidents of one app, to be worked with.

    Args:
        config: gives the configuration as it is now.
        audit: the record of who did what.
        outbox: where messages go.
        acknowledge: acknowledges an alert, by its number: in a transaction, by whom, when.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        audit: Audit,
        outbox: Outbox,
        acknowledge: Callable[[sa.Connection, int, str, datetime], Any],
    ) -> None:
        now = config()
        self.book = Book(now.app, now.environment)
        self.escalation = Escalation(self.book, config, outbox)
        self.actions = Actions(self.book, config, outbox)
        self.gaps = GapWatch(Takeovers(now.app, now.environment), config, outbox)
        self._config = config
        self._audit = audit
        self._acknowledge_alert = acknowledge

    # Opening

    def open(self, connection: sa.Connection, order: orders.Open, who: Principal, now: datetime) -> Incident:
        """Open one by hand.

        Raises:
            UsageError: there is no such severity or service.
        """
        self._grade(order.severity)
        config = self._config()
        for name in order.services:
            if name not in config.services:
                raise UsageError(f"there is no service {name}; {nearest(name, list(config.services))}")
        begun = Beginning(order.title, order.severity, (), order.services, now, order.category, order.note or "")
        return self.begin(connection, begun, who, now, order.public)

    def begin(
        self, connection: sa.Connection, begun: Beginning, who: Principal, now: datetime, public: bool | None = None
    ) -> Incident:
        """Open one.

        Args:
            connection: of the transaction.
            begun: of what.
            who: on whose behalf.
            now: the time now, aware.
            public: whether it is on the status page; as its severity says when None.
        """
        settings = self._config().incidents
        grade = settings.severities.get(begun.severity)
        values = {
            "title": begun.title, "severity": begun.severity, "groups": begun.groups, "services": begun.services,
            "category": begun.category, "began": min(begun.began, now), "opened_by": who.name,
            "public": public if public is not None else grade is not None and grade.public,
        }  # fmt: skip
        incident = self.book.add(connection, values, settings, now)
        self.book.tell(connection, incident.number, What.OPENED, who.name, now, begun.text or begun.title)
        self.escalation.begin(connection, incident)
        self._record(connection, who, "open", incident, {"severity": incident.severity, "title": incident.title})
        return incident

    def join(
        self, connection: sa.Connection, incident: Incident, begun: Beginning, what: What, now: datetime
    ) -> Incident:
        """Have something more belong to one that is not over; what is worse makes it worse."""
        self.book.widen(connection, incident.number, begun.groups, begun.services)
        self.book.tell(connection, incident.number, what, SYSTEM.name, now, begun.text or begun.title)
        self.book.change(connection, incident.number, quiet=None)
        names = list(self._config().incidents.severities)
        known = incident.severity in names and begun.severity in names
        if known and names.index(begun.severity) < names.index(incident.severity):
            order = orders.Regrade(severity=begun.severity, why="something worse belongs to it")
            return self.act(connection, incident.number, order, SYSTEM, now)
        return self.book.get(connection, incident.number)

    # Acting

    def act(
        self, connection: sa.Connection, number: int, order: orders.Order, who: Principal, now: datetime
    ) -> Incident:
        """Do something with an incident that is there.

        Args:
            connection: of the transaction.
            number: of the incident.
            order: what to do.
            who: on whose behalf.
            now: the time now, aware.

        Returns:
            The incident as it is then.

        Raises:
            NotFoundError: there is no such incident, or no such line on its checklists.
            UsageError: there is no such person or severity.
            ConflictError: as it stands, this cannot be done.
        """
        incident = self.book.get(connection, number, lock=True)
        done = _ACTS[type(order)](self, connection, incident, order, who, now)
        after = self.book.get(connection, number)
        if done is not None:
            self._record(connection, who, order.word, after, done)
        return after

    def _take(
        self, connection: sa.Connection, incident: Incident, order: orders.Acknowledge, who: Principal, now: datetime
    ) -> dict[str, Any] | None:
        _must_stand(incident)
        if incident.state is State.ACKNOWLEDGED:
            return None  # once more is no news
        self.book.change(
            connection, incident.number, state=State.ACKNOWLEDGED.value, acknowledged=now, acknowledged_by=who.name,
            responded=incident.responded or now,
        )  # fmt: skip
        self.escalation.stop(connection, incident, now)
        self.book.tell(connection, incident.number, What.ACKNOWLEDGED, who.name, now)
        self.acknowledge_alerts(connection, incident.number, who.name, now)
        after, key = self.book.get(connection, incident.number), f"ack {incident.round}"
        self.escalation.announce(connection, after, Event.ACKNOWLEDGE, f"{who.name} takes care of it.", now, key)
        return {}

    def acknowledge_alerts(self, connection: sa.Connection, number: int, by: str, now: datetime) -> None:
        """Acknowledge the alerts of an incident that are not over, so that nobody is told of them again."""
        for alert in self.book.unacknowledged(connection, number):
            self._acknowledge_alert(connection, alert, by, now)

    def _assign(
        self, connection: sa.Connection, incident: Incident, order: orders.Assign, who: Principal, now: datetime
    ) -> dict[str, Any]:
        _must_stand(incident)
        self._person(order.person)
        self.book.change(connection, incident.number, assigned=order.person)
        self.book.tell(connection, incident.number, What.ASSIGNED, who.name, now, f"to {order.person}")
        after = self.book.get(connection, incident.number)
        text, key = f"{who.name} has assigned it to you.", f"assign {order.person} {now.isoformat()}"
        self.escalation.to(connection, after, order.person, Event.NOTICE, text, key, now)
        return {"person": order.person}

    def _note(
        self, connection: sa.Connection, incident: Incident, order: orders.Note, who: Principal, now: datetime
    ) -> dict[str, Any]:
        self.book.tell(connection, incident.number, What.NOTE, who.name, now, order.text)
        return {}

    def _regrade(
        self, connection: sa.Connection, incident: Incident, order: orders.Regrade, who: Principal, now: datetime
    ) -> dict[str, Any] | None:
        _must_stand(incident)
        self._grade(order.severity)
        if order.severity == incident.severity:
            return None
        grade = self._config().incidents.severities[order.severity]
        self.book.change(
            connection, incident.number, severity=order.severity,
            respond_within=None if grade.respond is None else float(grade.respond),
            resolve_within=None if grade.resolve is None else float(grade.resolve),
            public=incident.public or grade.public,
        )  # fmt: skip
        text = f"{incident.severity} -> {order.severity}: {order.why}"
        self.book.tell(connection, incident.number, What.SEVERITY, who.name, now, text)
        self.escalation.regrade(connection, self.book.get(connection, incident.number), now)
        return {"from": incident.severity, "to": order.severity, "why": order.why}

    def _tick(
        self, connection: sa.Connection, incident: Incident, order: orders.Tick, who: Principal, now: datetime
    ) -> dict[str, Any] | None:
        items = {one.number: one for one in self.book.items(connection, incident.number)}
        if (item := items.get(order.item)) is None:
            raise NotFoundError(f"{incident.about} has no line {order.item}", hint=f"It has lines 1 to {len(items)}")
        if (item.ticked is not None) == order.ticked:
            return None
        self.book.tick(connection, incident.number, item.number, who.name, now if order.ticked else None)
        text = item.text if order.ticked else f"not done after all: {item.text}"
        self.book.tell(connection, incident.number, What.TICKED, who.name, now, text)
        return {"item": item.number, "ticked": order.ticked}

    def _update(
        self, connection: sa.Connection, incident: Incident, order: orders.Update, who: Principal, now: datetime
    ) -> dict[str, Any]:
        self.book.tell(connection, incident.number, What.UPDATE, who.name, now, order.text, {"phase": order.phase})
        return {"phase": order.phase}

    def _publish(
        self, connection: sa.Connection, incident: Incident, order: orders.Publish, who: Principal, now: datetime
    ) -> dict[str, Any] | None:
        if incident.public == order.public:
            return None
        self.book.change(connection, incident.number, public=order.public)
        text = "on the status page" if order.public else "not on the status page any more"
        self.book.tell(connection, incident.number, What.PUBLISHED, who.name, now, text)
        return {"public": order.public}

    def _resolve(
        self, connection: sa.Connection, incident: Incident, order: orders.Resolve, who: Principal, now: datetime
    ) -> dict[str, Any]:
        _must_stand(incident)
        left = [
            one
            for one in self.book.items(connection, incident.number)
            if one.list == "resolution" and one.ticked is None
        ]
        if left and not order.anyway:
            raise ConflictError(
                f"{incident.about} has open lines: {_lines(left)}",
                hint=f"Tick them with `daytwo incidents tick {incident.number} LINE`, or resolve it with --anyway",
            )
        self.book.change(
            connection, incident.number, state=State.RESOLVED.value, resolved=now, resolved_by=who.name,
            responded=incident.responded or (None if who is SYSTEM else now), cause=order.cause,
        )  # fmt: skip
        self.escalation.stop(connection, incident, now)
        text = f"{order.cause} (left open: {_lines(left)})" if left else order.cause
        self.book.tell(connection, incident.number, What.RESOLVED, who.name, now, text)
        after = self.book.get(connection, incident.number)
        took = lasting(now - incident.opened)
        key = f"resolve {incident.round}"
        self.escalation.announce(connection, after, Event.RESOLVE, f"It took {took}. {order.cause}", now, key)
        return {"anyway": order.anyway}

    def _reopen(
        self, connection: sa.Connection, incident: Incident, order: orders.Reopen, who: Principal, now: datetime
    ) -> dict[str, Any]:
        if not incident.over:
            raise ConflictError(f"{incident.about} is not over", hint="It can only be reopened when it is resolved")
        self.book.change(
            connection, incident.number, state=State.OPEN.value, round=incident.round + 1, round_began=now,
            acknowledged=None, acknowledged_by="", resolved=None, resolved_by="", quiet=None,
        )  # fmt: skip
        self.book.tell(connection, incident.number, What.REOPENED, who.name, now, order.why)
        self.escalation.begin(connection, self.book.get(connection, incident.number))
        return {"why": order.why}

    def _add_action(
        self, connection: sa.Connection, incident: Incident, order: orders.AddAction, who: Principal, now: datetime
    ) -> dict[str, Any]:
        self._person(order.owner)
        action = self.actions.add(connection, incident, order, who.name, now)
        return {"action": action, "owner": order.owner, "due": order.due.isoformat()}

    def finish_action(self, connection: sa.Connection, action: int, who: Principal, now: datetime) -> None:
        """Say that an action item is done.

        Raises:
            NotFoundError: there is none of this number.
        """
        incident = self.book.get(connection, self.actions.finish(connection, action, who.name, now))
        self._record(connection, who, "action_done", incident, {"action": action})

    def _evidence(
        self, connection: sa.Connection, incident: Incident, order: orders.Evidence, who: Principal, now: datetime
    ) -> dict[str, Any]:
        text = f"{order.name}, {order.files} files, sha256 {order.sha256}"
        self.book.tell(connection, incident.number, What.EVIDENCE, who.name, now, text)
        return {"name": order.name, "sha256": order.sha256}

    # What an order needs

    def _grade(self, severity: str) -> None:
        known = list(self._config().incidents.severities)
        if severity not in known:
            raise UsageError(f"there is no severity {severity}; there are {listed(known)}")

    def _person(self, name: str) -> None:
        known = list(self._config().people)
        if not known:
            raise UsageError("the configuration has no `people`", hint="Add them: `people: {anna: {email: ...}}`")
        if name not in known:
            raise UsageError(f"there is no person {name}; {nearest(name, known)}")

    def _record(
        self, connection: sa.Connection, who: Principal, word: str, incident: Incident, detail: dict[str, Any]
    ) -> None:
        self._audit.append(
            connection, f"incident.{word}", str(incident.number),
            actor=who.name, via=who.via.value, source=who.source, detail=detail,
        )  # fmt: skip


def _must_stand(incident: Incident) -> None:
    if incident.over:
        raise ConflictError(
            f"{incident.about} is resolved",
            hint=f"`daytwo incidents reopen {incident.number} --why ...` opens it again",
        )


def _lines(items: Iterable[Item]) -> str:
    return "; ".join(f"{one.number} {one.text}" for one in items)


_ACTS: dict[type[orders.Order], Callable[..., dict[str, Any] | None]] = {
    orders.Acknowledge: IncidentDesk._take,
    orders.Assign: IncidentDesk._assign,
    orders.Note: IncidentDesk._note,
    orders.Regrade: IncidentDesk._regrade,
    orders.Tick: IncidentDesk._tick,
    orders.Update: IncidentDesk._update,
    orders.Publish: IncidentDesk._publish,
    orders.Resolve: IncidentDesk._resolve,
    orders.Reopen: IncidentDesk._reopen,
    orders.AddAction: IncidentDesk._add_action,
    orders.Evidence: IncidentDesk._evidence,
}
