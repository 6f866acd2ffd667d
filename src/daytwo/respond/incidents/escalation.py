"""Who is told of an incident that nobody takes, and when: rows that outlive the daemon.

A level is a row from the moment the incident opens. Whoever carries one out sets `done` and puts the messages into the
outbox in one transaction, after having locked the incident and looked again whether it is still open: so each level is
carried out once, by however many daemons, and never after somebody has acknowledged. What is overdue because no daemon
was there is carried out as soon as one is, with a remark.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.config.responding import Step
from daytwo.core.channel import Event, Person
from daytwo.respond.incidents.book import Book, level_of
from daytwo.respond.incidents.message import message_of
from daytwo.respond.incidents.model import Incident, Level, State, Told, What
from daytwo.respond.incidents.words import lasting, listed
from daytwo.respond.oncall import Delivery, Takeovers, reach, team_channels
from daytwo.respond.outbox import Outbox
from daytwo.store.tables import incident_steps, incidents

_LATE = timedelta(minutes=2)
"""A level that comes later than this is remarked on."""
_AHEAD = timedelta(minutes=1)
"""What is dated further ahead was written while the clock was wrong."""
_BY = "daytwo"


class Escalation:
    """The levels of the incidents of one app.

    Args:
        book: the incidents.
        config: gives the configuration as it is now.
        outbox: where messages go.
    """

    def __init__(self, book: Book, config: Callable[[], Config], outbox: Outbox) -> None:
        self._book = book
        self._config = config
        self._outbox = outbox
        self._takeovers = Takeovers(book.own["app"], book.own["environment"])

    def begin(self, connection: sa.Connection, incident: Incident) -> None:
        """Write the levels of an incident down, for when it opens."""
        for number, step in enumerate(self._steps(incident), 1):
            due = incident.round_began + step.after.delta
            self._add(connection, incident, number, step, due)

    def regrade(self, connection: sa.Connection, incident: Incident, now: datetime) -> None:
        """Go by the levels of its new severity. They count from when it opened; who has been told is not told again.

        Args:
            connection: of the transaction.
            incident: as it is now.
            now: the time now, aware.
        """
        self.stop(connection, incident, now)
        if incident.state is not State.OPEN:
            return
        told = {
            (one.after, one.names)
            for one in self._book.levels(connection, incident.number)
            if one.done is not None and one.round == incident.round
        }
        for number, step in enumerate(self._steps(incident), 1):
            if (float(step.after), step.to) not in told:
                self._add(connection, incident, number, step, max(now, incident.round_began + step.after.delta))

    def stop(self, connection: sa.Connection, incident: Incident, now: datetime) -> None:
        """Call off what has not been carried out."""
        waiting = (incident_steps.c.incident == incident.number, *_WAITING)
        connection.execute(incident_steps.update().where(*waiting).values(stopped=now))

    def due(self, connection: sa.Connection, now: datetime) -> list[Level]:
        """The levels that are due, the first first; none of incidents that are not open."""
        query = (
            sa.select(incident_steps)
            .filter_by(**self._book.own)
            .join(incidents, incidents.c.id == incident_steps.c.incident)
            .where(*_WAITING, incident_steps.c.due <= now, incidents.c.state == State.OPEN.value)
            .order_by(incident_steps.c.due, incident_steps.c.id)
        )
        return [level_of(row) for row in connection.execute(query)]

    def carry_out(self, connection: sa.Connection, id: int, now: datetime) -> str:
        """Carry one level out, unless somebody has, or it is called off.

        Args:
            connection: of the transaction; what is done in it is done once, whoever else tries.
            id: of the level.
            now: the time now, aware.

        Returns:
            What was done, in a sentence; empty when there was nothing to do.
        """
        mine = sa.select(incident_steps.c.incident).where(incident_steps.c.id == id).filter_by(**self._book.own)
        number = connection.execute(mine).scalar_one_or_none()
        if number is None:
            return ""
        incident = self._book.get(connection, number, lock=True)
        if incident.state is not State.OPEN:
            return ""
        row = connection.execute(sa.select(incident_steps).where(incident_steps.c.id == id)).one()
        level = level_of(row)
        claim = incident_steps.update().where(incident_steps.c.id == id, incident_steps.c.due <= now, *_WAITING)
        if level.round != incident.round or not connection.execute(claim.values(done=now)).rowcount:
            return ""
        return self._tell(connection, incident, level, now)

    def set_right(self, connection: sa.Connection, now: datetime) -> list[str]:
        """Look for levels that would come at a wrong time because the clock was set, and have them come in time.

        An incident that began in the future was opened while the clock was ahead; its levels count from now on.

        Returns:
            What was set right, in sentences.
        """
        said = []
        for incident in self._book.standing(connection):
            if incident.round_began <= now + _AHEAD:
                continue
            ahead = lasting(incident.round_began - now)
            self._book.change(connection, incident.number, round_began=now)
            for level in self._book.levels(connection, incident.number):
                if level.done is None and level.stopped is None:
                    due = now + timedelta(seconds=level.after)
                    connection.execute(
                        incident_steps.update().where(incident_steps.c.id == level.id).values(due=due)
                    )  # fmt: skip
            text = f"the clock was set back by about {ahead}; its escalation counts from now on"
            self._book.tell(connection, incident.number, What.REMARK, _BY, now, text)
            said.append(f"{incident.about}: {text}")
        return said

    def announce(
        self, connection: sa.Connection, incident: Incident, event: Event, text: str, now: datetime, key: str
    ) -> None:
        """Tell everybody who was told that it escalates how it goes on.

        Args:
            connection: of the transaction.
            incident: as it is now.
            event: what has become of it.
            text: in a sentence.
            now: the time now, aware.
            key: tells this from the other things that become of it.
        """
        told: dict[tuple[str, bool], dict[str, None]] = {}
        for level in self._book.levels(connection, incident.number):
            for one in level.told:
                told.setdefault((one.channel, bool(one.people)), {}).update(dict.fromkeys(one.people))
        for via, reached in self._outbox.elsewhere(connection, incident.about):
            # A fallback took it: nothing must stay open there.
            told.setdefault((via, bool(reached)), {}).update(dict.fromkeys(one.name for one in reached))
        config = self._config()
        for (channel, _), names in told.items():
            if channel in config.channels:
                people = tuple(_person(config, name) for name in names)
                self._put(connection, incident, Delivery(channel, people), event, text, key, now)

    def to(
        self, connection: sa.Connection, incident: Incident, name: str, event: Event, text: str, key: str, now: datetime
    ) -> None:
        """Tell one person, rota or channel; the arguments are those of `announce`."""
        for delivery in self._reach(connection, (name,), now):
            self._put(connection, incident, delivery, event, text, key, now)

    def _tell(self, connection: sa.Connection, incident: Incident, level: Level, now: datetime) -> str:
        late = now - level.due
        deliveries = self._reach(connection, level.names, now) or self._all(level.names)
        for delivery in deliveries:
            text = f"Nobody has acknowledged it for {lasting(now - incident.round_began)}." if level.after else ""
            note = " ".join(one for one in (text, f"{delivery.note.capitalize()}." if delivery.note else "") if one)
            self._put(connection, incident, delivery, Event.TRIGGER, note, f"level {level.id}", now)
        told = [Told(channel=one.channel, people=tuple(person.name for person in one.to)) for one in deliveries]
        connection.execute(
            incident_steps.update()
            .where(incident_steps.c.id == level.id)
            .values(told=json.dumps([one.model_dump() for one in told]))
        )
        said = f"level {level.level}: {_said(told)}"
        notes = dict.fromkeys(one.note for one in deliveries if one.note)
        said = "; ".join([said, *notes])
        self._book.tell(connection, incident.number, What.ESCALATED, _BY, now, said, {"level": level.level})
        if late > _LATE:
            remark = f"level {level.level} comes {lasting(late)} late: it was due when nothing could carry it out"
            self._book.tell(connection, incident.number, What.REMARK, _BY, now, remark)
            said = f"{said}; {lasting(late)} late"
        return f"{incident.about} escalates, {said}"

    def _put(
        self, connection: sa.Connection, incident: Incident, to: Delivery, event: Event, text: str, key: str,
        now: datetime,
    ) -> None:  # fmt: skip
        message = message_of(self._config(), incident, event, text, now).model_copy(update={"to": to.to})
        whole = f"{incident.about} {key} {to.channel}{' people' if to.to else ''}"
        self._outbox.put(connection, to.channel, message, whole, incident.about, now)

    def _reach(self, connection: sa.Connection, names: tuple[str, ...], now: datetime) -> tuple[Delivery, ...]:
        return reach(self._config(), names, now, self._takeovers.standing(connection, now))

    def _all(self, names: tuple[str, ...]) -> tuple[Delivery, ...]:
        """Every channel: when whoever is to be told has left the configuration, somebody else must hear of it."""
        note = f"{listed(names)} cannot be reached, so every channel is told"
        return tuple(Delivery(one, note=note) for one in team_channels(self._config()))

    def _steps(self, incident: Incident) -> tuple[Step, ...]:
        grade = self._config().incidents.severities.get(incident.severity)
        return grade.escalate if grade is not None else ()

    def _add(self, connection: sa.Connection, incident: Incident, number: int, step: Step, due: datetime) -> None:
        values: Mapping[str, Any] = {
            **self._book.own, "incident": incident.number, "round": incident.round, "severity": incident.severity,
            "level": number, "names": json.dumps(list(step.to)), "after": float(step.after), "due": due,
        }  # fmt: skip
        connection.execute(incident_steps.insert().values(**values))


_WAITING = (incident_steps.c.done.is_(None), incident_steps.c.stopped.is_(None))


def _person(config: Config, name: str) -> Person:
    known = config.people.get(name)
    return Person(name=name, email=known.email if known else "", phone=known.phone if known else "")


def _said(told: list[Told]) -> str:
    if not told:
        return "nobody could be told, as there is no channel"
    return f"told {listed(f'{listed(one.people)} by {one.channel}' if one.people else one.channel for one in told)}"
