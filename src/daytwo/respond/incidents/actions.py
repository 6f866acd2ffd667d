"""Action items: what is to be done so that it does not happen again, by whom and until when; and their reminders."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.core.channel import Event, Fact, Message
from daytwo.core.errors import NotFoundError
from daytwo.core.schedule import zone_of
from daytwo.ledger.audit.event import storable
from daytwo.respond.incidents.book import Book
from daytwo.respond.incidents.model import Action, Incident, What
from daytwo.respond.incidents.orders import AddAction
from daytwo.respond.oncall import Takeovers, reach
from daytwo.respond.outbox import Outbox
from daytwo.store.tables import incident_actions

_MORNING = time(9)
"""When reminders are sent, by the app's clock."""
_AGAIN = timedelta(days=7)
"""After how long somebody is reminded again of what is overdue."""


class Actions:
    """The action items of one app.

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

    def add(self, connection: sa.Connection, incident: Incident, order: AddAction, by: str, now: datetime) -> int:
        """Write one down.

        Returns:
            Its number.
        """
        made = incident_actions.insert().values(
            **self._book.own, incident=incident.number, text=storable(order.text, 500), owner=order.owner,
            due=order.due.isoformat(), created=now, created_by=storable(by, 200),
        )  # fmt: skip
        number = int(connection.execute(made.returning(incident_actions.c.id)).scalar_one())
        text = f"action {number} for {order.owner} until {order.due}: {order.text}"
        self._book.tell(connection, incident.number, What.ACTION, by, now, text)
        return number

    def finish(self, connection: sa.Connection, number: int, by: str, now: datetime) -> int:
        """Say that one is done; once more is no news.

        Returns:
            The incident it belongs to.

        Raises:
            NotFoundError: there is none of this number.
        """
        query = sa.select(incident_actions).filter_by(**self._book.own).where(incident_actions.c.id == number)
        row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFoundError(f"there is no action {number}", hint="`daytwo incidents action list` lists them")
        if row.done is None:
            mine = incident_actions.update().where(incident_actions.c.id == number)
            connection.execute(mine.values(done=now, done_by=storable(by, 200)))
            self._book.tell(connection, row.incident, What.ACTION, by, now, f"action {number} is done: {row.text}")
        return int(row.incident)

    def all(
        self, connection: sa.Connection, now: datetime, *, done: bool = False, incident: int | None = None
    ) -> list[Action]:
        """Action items, the first to be due first.

        Args:
            connection: to read with.
            now: the time now, aware.
            done: also those that are done.
            incident: only those of this incident.
        """
        query = sa.select(incident_actions).filter_by(**self._book.own)
        if not done:
            query = query.where(incident_actions.c.done.is_(None))
        if incident is not None:
            query = query.where(incident_actions.c.incident == incident)
        today = self._wall(now).date()
        return [
            _action(row, today)
            for row in connection.execute(query.order_by(incident_actions.c.due, incident_actions.c.id))
        ]

    def remind(self, connection: sa.Connection, now: datetime) -> list[str]:
        """Remind whoever has something to do that is due soon, or overdue; once ahead, then once a week.

        Returns:
            Whom of what, in sentences.
        """
        wall, settings = self._wall(now), self._config().incidents
        today = wall.date()
        if wall.time() < _MORNING:
            return []
        soon = (today + timedelta(days=settings.remind)).isoformat()
        query = sa.select(incident_actions).filter_by(**self._book.own).where(incident_actions.c.done.is_(None))
        said = []
        for row in connection.execute(query.where(incident_actions.c.due <= soon)):
            if not _again(row, today):
                continue
            connection.execute(
                incident_actions.update().where(incident_actions.c.id == row.id).values(reminded=today.isoformat())
            )
            self._send(connection, row, today, now)
            said.append(f"{row.owner} is reminded of action {row.id}, due on {row.due}")
        return said

    def _send(self, connection: sa.Connection, row: sa.Row[Any], today: date, now: datetime) -> None:
        config = self._config()
        late = date.fromisoformat(row.due) < today
        message = Message(
            event=Event.NOTICE, key=f"{config.own_name}/action/{row.id}",
            app=config.app, environment=config.environment, level="warning" if late else "info",
            title=f"{'Overdue' if late else 'To do'}: {row.text}",
            text=f"It was agreed on after incident {row.incident}, so that it does not happen again.",
            at=now, facts=(Fact(name="due", value=row.due), Fact(name="owner", value=row.owner)),
            commands=(f"daytwo incidents action done {row.id}",),
        )  # fmt: skip
        for delivery in reach(config, (row.owner,), now, self._takeovers.standing(connection, now)):
            key = f"action {row.id} {today} {delivery.channel}"
            told = message.model_copy(update={"to": delivery.to})
            self._outbox.put(connection, delivery.channel, told, key, f"action {row.id}", now)

    def _wall(self, now: datetime) -> datetime:
        return now.astimezone(zone_of(self._config().timezone))


def _again(row: sa.Row[Any], today: date) -> bool:
    """Whether somebody is to be reminded: not yet, or when it has become overdue, or a week ago and it still is."""
    if not row.reminded:
        return True
    due, last = date.fromisoformat(row.due), date.fromisoformat(row.reminded)
    return due < today and (last <= due or today - last >= _AGAIN)


def _action(row: sa.Row[Any], today: date) -> Action:
    due = date.fromisoformat(row.due)
    return Action(
        number=row.id, incident=row.incident, text=row.text, owner=row.owner, due=due, created=row.created,
        created_by=row.created_by, done=row.done, done_by=row.done_by, overdue=row.done is None and due < today,
    )  # fmt: skip
