"""What can be done with the status page: tell users something, take it back; in the caller's transaction, audited."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from daytwo.access.roles import SYSTEM, Principal
from daytwo.config import Config
from daytwo.config.problems import nearest
from daytwo.config.responding import StatusPage
from daytwo.core.errors import ConflictError, NotFoundError, UsageError
from daytwo.ledger.audit import Audit
from daytwo.ledger.audit.event import storable
from daytwo.respond.incidents.book import Book
from daytwo.respond.incidents.model import Incident, Phase, State, What
from daytwo.respond.status_page.facts import components
from daytwo.respond.status_page.matching import touches
from daytwo.respond.status_page.model import Health
from daytwo.respond.status_page.orders import NewUpdate, UpdateData
from daytwo.respond.status_page.view import page_title
from daytwo.store.tables import incident_events, incidents, status_updates

_NEWS = timedelta(hours=1)
"""What has been over for longer is no news."""


class StatusDesk:
    """The status page of one app, to be worked with.

    Args:
        config: gives the configuration as it is now.
        audit: the record of who did what.
    """

    def __init__(self, config: Callable[[], Config], audit: Audit) -> None:
        self._config = config
        self._audit = audit
        self._own = {"app": config().app, "environment": config().environment}
        self._incidents = Book(**self._own)

    def tell(self, connection: sa.Connection, order: NewUpdate, who: Principal, now: datetime) -> UpdateData:
        """Tell users how things stand. What belongs to an incident is a line of its timeline, too.

        Raises:
            NotFoundError: there is no such incident, notice or component.
            ConflictError: the incident is not public.
            UsageError: it belongs to two things.
        """
        if order.incident is not None and order.notice is not None:
            raise UsageError("an update belongs to an incident or to a notice, not to both")
        shown = components(self._config())
        for name in order.components:
            if name not in shown:
                raise NotFoundError(f"the status page has no component {name}; {nearest(name, list(shown))}")
        if order.notice is not None:
            self._first(connection, order.notice)
        text = order.text or self._usual(connection, order, now)
        event = None
        if order.incident is not None:
            event = self._in_timeline(connection, order, text, who, now)
        row = {
            **self._own, "incident": order.incident, "notice": order.notice, "event": event,
            "title": storable(order.title or "", 200), "state": order.state, "text": storable(text, 4000), "at": now,
            "components": json.dumps({name: health.value for name, health in order.components.items()}),
            "by": storable(who.name, 200),
        }  # fmt: skip
        number = connection.execute(status_updates.insert().values(**row).returning(status_updates.c.id)).scalar_one()
        if order.incident is None and order.notice is None:
            connection.execute(status_updates.update().where(status_updates.c.id == number).values(notice=number))
        detail = {"state": order.state, "incident": order.incident, "text": text[:200]}
        self._record(connection, who, "status-page.update", number, detail)
        return self.get(connection, number)

    def withdraw(self, connection: sa.Connection, number: int, who: Principal, now: datetime) -> UpdateData:
        """Take an update back: that it was there stays visible, its text does not.

        Raises:
            NotFoundError: there is none.
            ConflictError: it is withdrawn already.
        """
        mine = (status_updates.c.id == number, status_updates.c.withdrawn.is_(None))
        change = status_updates.update().where(*mine).filter_by(**self._own)
        if not connection.execute(change.values(withdrawn=now, withdrawn_by=storable(who.name, 200))).rowcount:
            self.get(connection, number)
            raise ConflictError(f"update {number} is withdrawn already")
        self._record(connection, who, "status-page.withdraw", number, {})
        return self.get(connection, number)

    def adopt(self, connection: sa.Connection, now: datetime) -> int:
        """Take over what was written as an update in the timelines of public incidents.

        Returns:
            How many there were.
        """
        known = sa.select(status_updates.c.event).where(status_updates.c.event.is_not(None))
        query = (
            sa.select(incident_events, incidents.c.id.label("number"))
            .join(incidents, incidents.c.id == incident_events.c.incident)
            .where(incidents.c.app == self._own["app"], incidents.c.environment == self._own["environment"])
            .where(incidents.c.public, incident_events.c.what == What.UPDATE.value, incident_events.c.id.not_in(known))
            .order_by(incident_events.c.id)
            .limit(100)
        )
        found = connection.execute(query).all()
        for row in found:
            state = json.loads(row.detail).get("phase") or "investigating"
            connection.execute(
                status_updates.insert().values(
                    **self._own, incident=row.number, event=row.id, state=state, text=row.text, at=row.at, by=row.by
                )
            )
        return len(found)

    def follow(self, connection: sa.Connection, now: datetime) -> int:
        """Tell users in the page's own words what nobody has told them: that an incident of a severity with `announce`
        is open, that one they were told of is over, or is open again.

        Returns:
            How many updates were written.
        """
        recent = sa.or_(incidents.c.state != State.RESOLVED.value, incidents.c.resolved >= now - _NEWS)
        query = sa.select(incidents.c.id).filter_by(**self._own).where(incidents.c.public, recent)
        made = 0
        for number in connection.execute(query.order_by(incidents.c.id)).scalars().all():
            incident = self._incidents.get(connection, number, lock=True)
            if phase := self._untold(connection, incident):
                self.tell(connection, NewUpdate(state=phase, incident=number), SYSTEM, now)
                made += 1
        return made

    def _untold(self, connection: sa.Connection, incident: Incident) -> Phase | None:
        c = status_updates.c
        query = sa.select(c.state, c.at, c.withdrawn).filter_by(**self._own, incident=incident.number).order_by(c.id)
        told = connection.execute(query).all()
        standing = [one for one in told if one.withdrawn is None]
        last = standing[-1] if standing else None
        if incident.resolved is not None:
            again = any(one.state == "resolved" and one.at >= incident.resolved for one in told)
            return "resolved" if last is not None and last.state != "resolved" and not again else None
        if last is not None and last.state == "resolved" and last.at <= incident.round_began:
            return "investigating"
        grade = self._config().incidents.severities.get(incident.severity)
        return "investigating" if grade is not None and grade.announce and not told else None

    def get(self, connection: sa.Connection, number: int) -> UpdateData:
        """One update.

        Raises:
            NotFoundError: there is none.
        """
        row = connection.execute(sa.select(status_updates).filter_by(**self._own, id=number)).one_or_none()
        if row is None:
            raise NotFoundError(f"there is no update {number}", hint="`daytwo status-page updates` lists them")
        return _data(row)

    def latest(self, connection: sa.Connection, limit: int, before: int | None = None) -> list[UpdateData]:
        """The newest first; only those with a lower number than `before`, when given."""
        query = sa.select(status_updates).filter_by(**self._own).order_by(status_updates.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(status_updates.c.id < before)
        return [_data(row) for row in connection.execute(query)]

    def _first(self, connection: sa.Connection, number: int) -> None:
        if self.get(connection, number).notice != number:
            raise NotFoundError(f"update {number} begins no notice", hint="`daytwo status-page updates` lists them")

    def _in_timeline(
        self, connection: sa.Connection, order: NewUpdate, text: str, who: Principal, now: datetime
    ) -> int:
        assert order.incident is not None
        incident = self._incidents.get(connection, order.incident, lock=True)
        if not incident.public:
            raise ConflictError(
                f"incident {incident.number} is not on the status page",
                hint=f"Show it first: `daytwo incidents publish {incident.number}`",
            )
        self._incidents.tell(connection, incident.number, What.UPDATE, who.name, now, text, {"phase": order.state})
        mine = incident_events.c.incident == incident.number
        number: int = connection.execute(sa.select(sa.func.max(incident_events.c.id)).where(mine)).scalar_one()
        return number

    def _usual(self, connection: sa.Connection, order: NewUpdate, now: datetime) -> str:
        config = self._config()
        shown = components(config)
        names = [name for name, health in order.components.items() if health is not Health.OPERATIONAL]
        names = names or list(order.components) or self._touched(connection, order)
        titles = ", ".join(shown[name].title or name for name in names if name in shown) or page_title(config)
        values = {
            "title": order.title or "", "components": titles, "page": page_title(config),
            "time": now.strftime("%H:%M %Z"),
        }  # fmt: skip
        return filled((config.status_page or StatusPage()).text(order.state), values)

    def _touched(self, connection: sa.Connection, order: NewUpdate) -> list[str]:
        """What the updates before it named, or else what the incident touches."""
        if order.incident is None and order.notice is None:
            return []
        query = sa.select(status_updates.c.components).filter_by(
            **self._own, incident=order.incident, notice=order.notice, withdrawn=None
        )
        said = list(dict.fromkeys(name for row in connection.execute(query) for name in json.loads(row.components)))
        if said or order.incident is None:
            return said
        services = self._incidents.get(connection, order.incident).services
        shown = components(self._config())
        return [name for name, one in shown.items() if any(touches(one.services, service) for service in services)]

    def _record(
        self,
        connection: sa.Connection,
        who: Principal,
        action: str,
        number: int,
        detail: Mapping[str, str | int | None],
    ) -> None:
        self._audit.append(
            connection, action, f"update {number}", actor=who.name, via=who.via.value, source=who.source, detail=detail
        )


def filled(text: str, values: Mapping[str, str]) -> str:
    """A text with its placeholders filled in; what is put in is never looked at for placeholders again.

    Args:
        text: such as `{components} works again`.
        values: what stands for what.
    """
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[0]), text)


def _data(row: sa.Row[tuple[object, ...]]) -> UpdateData:
    values = {name: getattr(row, name) for name in UpdateData.model_fields if name not in ("number", "components")}
    return UpdateData(number=row.id, components=json.loads(row.components), **values)
