"""The rows of incidents: read, written and added to, each in the caller's transaction."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from daytwo.config.responding import Incidents as Settings
from daytwo.core.errors import NotFoundError
from daytwo.ledger.audit.event import storable
from daytwo.respond.incidents.model import Checklist, Entry, Incident, Item, JoinedAlert, Level, State, Told, What
from daytwo.store.tables import alerts, incident_events, incident_items, incident_steps, incidents

_TITLE = 200
_MOST = 1000
"""Lines and alerts of one incident that are shown at most."""


class Book:
    """The incidents of one app and environment.

    Args:
        app: the app's name.
        environment: the environment's name.
    """

    def __init__(self, app: str, environment: str) -> None:
        self.own = {"app": app, "environment": environment}

    # Incidents

    def add(self, connection: sa.Connection, values: Mapping[str, Any], settings: Settings, now: datetime) -> Incident:
        """Write a new one down, with its checklists.

        Args:
            connection: of the transaction.
            values: its columns: title, severity, category, services, groups, public, began, opened_by.
            settings: how incidents are dealt with.
            now: the time now, aware.
        """
        grade = settings.severities.get(values["severity"])
        row = {
            **self.own, **values, "state": State.OPEN.value, "opened": now, "round_began": now,
            "title": storable(values["title"], _TITLE),
            "services": json.dumps(list(values["services"])), "groups": json.dumps(list(values["groups"])),
            "respond_within": None if grade is None or grade.respond is None else float(grade.respond),
            "resolve_within": None if grade is None or grade.resolve is None else float(grade.resolve),
        }  # fmt: skip
        number = connection.execute(incidents.insert().values(**row).returning(incidents.c.id)).scalar_one()
        lists: tuple[tuple[Checklist, tuple[str, ...]], ...] = (
            ("response", settings.response), ("resolution", settings.resolution)
        )  # fmt: skip
        lines = [(name, text) for name, texts in lists for text in texts]
        if lines:
            connection.execute(
                incident_items.insert(),
                [
                    {"incident": number, "number": place, "list": name, "text": storable(text, 500)}
                    for place, (name, text) in enumerate(lines, 1)
                ],
            )
        return self.get(connection, number)

    def get(self, connection: sa.Connection, number: int, *, lock: bool = False) -> Incident:
        """One of them.

        Args:
            connection: to read with.
            number: its number.
            lock: have others who want to change it wait until the end of the transaction.

        Raises:
            NotFoundError: there is none of this number.
        """
        query = sa.select(incidents).filter_by(**self.own).where(incidents.c.id == number)
        row = connection.execute(query.with_for_update() if lock else query).one_or_none()
        if row is None:
            raise NotFoundError(f"there is no incident {number}", hint="`daytwo incidents list --all` lists them")
        return _incident(row)

    def change(self, connection: sa.Connection, number: int, **values: Any) -> None:
        """Change columns of one."""
        connection.execute(incidents.update().where(incidents.c.id == number).values(**values))

    def standing(self, connection: sa.Connection) -> list[Incident]:
        """Those that are not over, the newest first."""
        query = sa.select(incidents).filter_by(**self.own).where(incidents.c.state != State.RESOLVED.value)
        return [_incident(row) for row in connection.execute(query.order_by(incidents.c.id.desc()))]

    def since(
        self, connection: sa.Connection, begin: datetime | None, limit: int, before: int | None = None
    ) -> list[Incident]:
        """The newest first.

        Args:
            connection: to read with.
            begin: only those that were opened at this time or later; all when None.
            limit: how many at most.
            before: only those with a lower number.
        """
        query = sa.select(incidents).filter_by(**self.own)
        if begin is not None:
            query = query.where(incidents.c.opened >= begin)
        if before is not None:
            query = query.where(incidents.c.id < before)
        return [_incident(row) for row in connection.execute(query.order_by(incidents.c.id.desc()).limit(limit))]

    def of_group(self, connection: sa.Connection, groups: Iterable[str]) -> Incident | None:
        """The newest one that is not over and that what belongs to one of these groups joins."""
        wanted = set(groups)
        query = sa.select(incidents).filter_by(**self.own).where(incidents.c.state != State.RESOLVED.value)
        for row in connection.execute(query.order_by(incidents.c.id.desc())):
            if wanted & set(json.loads(row.groups)):
                return _incident(row)
        return None

    def widen(self, connection: sa.Connection, number: int, groups: Iterable[str], services: Iterable[str]) -> None:
        """Have what belongs to more groups join one, and note more services that it touches."""
        row = connection.execute(
            sa.select(incidents.c.groups, incidents.c.services).where(incidents.c.id == number)
        ).one()
        wider = {
            name: json.dumps(list(dict.fromkeys([*json.loads(before), *more])))
            for name, before, more in (("groups", row.groups, groups), ("services", row.services, services))
        }
        self.change(connection, number, **wider)

    # Its timeline

    def tell(
        self,
        connection: sa.Connection,
        number: int,
        what: What,
        by: str,
        now: datetime,
        text: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Add a line to a timeline."""
        connection.execute(
            incident_events.insert().values(
                incident=number, at=now, what=what.value, by=storable(by, 200), text=storable(text, 4000),
                detail=json.dumps(detail or {}),
            )
        )  # fmt: skip

    def events(self, connection: sa.Connection, number: int) -> list[Entry]:
        """The lines of a timeline, oldest first; of very many the newest."""
        query = sa.select(incident_events).where(incident_events.c.incident == number)
        rows = connection.execute(query.order_by(incident_events.c.id.desc()).limit(_MOST)).all()
        return [
            Entry(at=row.at, what=row.what, by=row.by, text=row.text, phase=json.loads(row.detail).get("phase"))
            for row in reversed(rows)
        ]

    # Its checklists

    def items(self, connection: sa.Connection, number: int) -> list[Item]:
        """The lines of its checklists, in their order."""
        query = sa.select(incident_items).where(incident_items.c.incident == number).order_by(incident_items.c.number)
        return [
            Item(number=row.number, list=row.list, text=row.text, ticked=row.ticked, ticked_by=row.ticked_by)
            for row in connection.execute(query)
        ]

    def tick(self, connection: sa.Connection, number: int, item: int, by: str, at: datetime | None) -> None:
        """Tick a line, or with None take that back."""
        mine = (incident_items.c.incident == number, incident_items.c.number == item)
        connection.execute(incident_items.update().where(*mine).values(ticked=at, ticked_by=by if at else ""))

    # Its alerts

    def alerts(self, connection: sa.Connection, number: int) -> list[JoinedAlert]:
        """The alerts that joined it, oldest first; of very many the first."""
        query = sa.select(alerts).filter_by(**self.own).where(alerts.c.incident == number)
        query = query.order_by(alerts.c.id).limit(_MOST)
        return [
            JoinedAlert(
                number=row.id, rule=row.rule, subject=row.subject, service=row.service, level=row.level,
                began=row.begin, over=row.end, why=row.why,
            )
            for row in connection.execute(query)
        ]  # fmt: skip

    def unacknowledged(self, connection: sa.Connection, number: int) -> list[int]:
        """The numbers of its alerts that are not over and that nobody has acknowledged."""
        left = (alerts.c.incident == number, alerts.c.end.is_(None), alerts.c.acknowledged.is_(None))
        return list(connection.execute(sa.select(alerts.c.id).filter_by(**self.own).where(*left)).scalars())

    def standing_alerts(self, connection: sa.Connection, numbers: Sequence[int]) -> dict[int, int]:
        """How many alerts of each of these incidents are not over."""
        query = (
            sa.select(alerts.c.incident, sa.func.count())
            .filter_by(**self.own)
            .where(alerts.c.incident.in_(numbers), alerts.c.end.is_(None))
            .group_by(alerts.c.incident)
        )
        return {int(number): int(count) for number, count in connection.execute(query)}

    # Its escalation

    def levels(self, connection: sa.Connection, number: int) -> list[Level]:
        """The levels of its escalation, of all rounds, in their order."""
        query = sa.select(incident_steps).where(incident_steps.c.incident == number).order_by(incident_steps.c.id)
        return [level_of(row) for row in connection.execute(query)]


def level_of(row: sa.Row[Any]) -> Level:
    """A row of `incident_steps`."""
    return Level(
        id=row.id, incident=row.incident, round=row.round, severity=row.severity, level=row.level,
        names=tuple(json.loads(row.names)), after=row.after, due=row.due, done=row.done, stopped=row.stopped,
        told=tuple(Told.model_validate(one) for one in json.loads(row.told)),
    )  # fmt: skip


def _incident(row: sa.Row[Any]) -> Incident:
    values = {name: getattr(row, name) for name in Incident.model_fields if name not in ("number", "services", "state")}
    return Incident(number=row.id, services=tuple(json.loads(row.services)), state=State(row.state), **values)
