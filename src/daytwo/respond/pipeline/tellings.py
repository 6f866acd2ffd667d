"""What is to be told of which alert, and what was: the rows between alerts and messages."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from daytwo.core.channel import Person
from daytwo.respond.alerts import GRADES, Alert, What
from daytwo.respond.pipeline.case import Group, Order, Told
from daytwo.store.tables import alerts, notifications, tellings

_MANY = 500


@dataclass(frozen=True, slots=True)
class Telling:
    """One telling that is to be made a message of, with others of its batch.

    Args:
        id: its number.
        alert: the alert's number.
        what: what happened to that.
        channel: through which.
        people: whom to reach.
        batch: what it is told with.
        route: which route wants it.
    """

    id: int
    alert: int
    what: What
    channel: str
    people: tuple[Person, ...]
    batch: str
    route: str


class Tellings:
    """The tellings of one app and environment.

    Args:
        app: the app's name.
        environment: the environment's name.
    """

    def __init__(self, app: str, environment: str) -> None:
        self._own = {"app": app, "environment": environment}

    def add(
        self, connection: sa.Connection, rows: Sequence[tuple[Alert, What, Order, int | None]], now: datetime
    ) -> None:
        """Write orders down.

        Args:
            connection: of the transaction.
            rows: of which alert, what happened, the order, and the message that tells it, if that is made.
            now: the time now.
        """
        if rows:
            connection.execute(
                tellings.insert(),
                [
                    {
                        **self._own, "alert": alert.id, "what": what.value, "route": order.route,
                        "channel": order.channel, "people": _people(order.people), "batch": order.batch, "at": now,
                        "due": order.due, "notification": notification,
                    }
                    for alert, what, order, notification in rows
                ],
            )  # fmt: skip

    def told(self, connection: sa.Connection, numbers: Iterable[int]) -> dict[int, list[Told]]:
        """What was told of these alerts, oldest first."""
        wanted, found = sorted(set(numbers)), dict[int, list[Told]]()
        for first in range(0, len(wanted), _MANY):
            query = (
                sa.select(tellings, notifications.c.via)
                .outerjoin(notifications, notifications.c.id == tellings.c.notification)
                .where(tellings.c.alert.in_(wanted[first : first + _MANY]))
                .order_by(tellings.c.id)
            )
            for row in connection.execute(query):
                order = Order(row.route, row.channel, _read(row.people), row.batch, row.due)
                one = Told(order, What(row.what), row.at, row.via or "", row.notification is None)
                found.setdefault(row.alert, []).append(one)
        return found

    def groups(self, connection: sa.Connection, services: Iterable[str], since: datetime) -> dict[str, Group]:
        """What was told at once since then, by service; the newest of each."""
        wanted = sorted(set(services))
        query = (
            sa.select(alerts.c.id, alerts.c.service, alerts.c.level, alerts.c.told, tellings.c.channel)
            .join(tellings, tellings.c.alert == alerts.c.id)
            .where(*(alerts.c[name] == value for name, value in self._own.items()))
            .where(alerts.c.told > since, alerts.c.leader == alerts.c.id, tellings.c.batch == "")
            .where(tellings.c.what != What.OVER.value)
            .order_by(alerts.c.told, alerts.c.id)
        )
        if len(wanted) <= _MANY:
            query = query.where(alerts.c.service.in_(wanted))
        found: dict[str, Group] = {}
        for row in connection.execute(query):
            before = found.get(row.service)
            channels = before.channels if before and before.leader == row.id else frozenset[str]()
            found[row.service] = Group(row.id, row.told, GRADES[row.level], channels | {row.channel})
        return found

    def due(self, connection: sa.Connection, now: datetime) -> dict[tuple[str, str, tuple[Person, ...]], list[Telling]]:
        """What is to be made messages of: every batch of which something is due, whole."""
        c = tellings.c
        open_ones = sa.select(tellings).filter_by(**self._own).where(c.notification.is_(None), c.due <= now)
        found: dict[tuple[str, str, tuple[Person, ...]], list[Telling]] = {}
        for row in connection.execute(open_ones.order_by(c.id)):
            one = _telling(row)
            found.setdefault((one.batch, one.channel, one.people), []).append(one)
        return found

    def put_off(self, connection: sa.Connection, numbers: Sequence[int], until: datetime) -> None:
        """They are made a message of later."""
        self._change(connection, numbers, due=until)

    def pending(
        self, connection: sa.Connection, batches: Sequence[str], channel: str, people: Sequence[Person]
    ) -> list[int]:
        """The numbers of those that wait in these batches of a channel, for the same people."""
        c = tellings.c
        query = sa.select(c.id).filter_by(**self._own).where(c.notification.is_(None), c.channel == channel)
        query = query.where(c.people == _people(people))
        return [row.id for row in connection.execute(query.where(c.batch.in_(batches)))]

    def made(self, connection: sa.Connection, numbers: Sequence[int], notification: int) -> None:
        """They are told in this message."""
        self._change(connection, numbers, notification=notification)

    def still_open(self, connection: sa.Connection, batch: str, channel: str, limit: int) -> list[int]:
        """The alerts that are not over and were told in a batch of a channel before; the newest first."""
        query = (
            sa.select(alerts.c.id)
            .join(tellings, tellings.c.alert == alerts.c.id)
            .where(*(tellings.c[name] == value for name, value in self._own.items()))
            .where(tellings.c.batch == batch, tellings.c.channel == channel, alerts.c.end.is_(None))
            .where(tellings.c.notification.is_not(None))
            .distinct()
            .order_by(alerts.c.id.desc())
            .limit(limit)
        )
        return [row.id for row in connection.execute(query)]

    def of(self, connection: sa.Connection, alert: int) -> list[sa.Row[Any]]:
        """What is told of an alert, with how its messages stand; oldest first."""
        n = notifications.c
        query = (
            sa.select(
                tellings.c.id, tellings.c.at, tellings.c.due, tellings.c.what, tellings.c.route, tellings.c.channel,
                tellings.c.people, tellings.c.batch, tellings.c.notification, n.state, n.sent, n.via, n.error, n.tries,
            )
            .outerjoin(notifications, n.id == tellings.c.notification)
            .where(tellings.c.alert == alert)
            .order_by(tellings.c.id)
        )  # fmt: skip
        return list(connection.execute(query))

    @staticmethod
    def _change(connection: sa.Connection, numbers: Sequence[int], **values: Any) -> None:
        for first in range(0, len(numbers), _MANY):
            mine = tellings.c.id.in_(numbers[first : first + _MANY])
            connection.execute(tellings.update().where(mine).values(**values))


def _people(people: Sequence[Person]) -> str:
    return json.dumps([one.model_dump(exclude_defaults=True) for one in people])


def _read(text: str) -> tuple[Person, ...]:
    return tuple(Person.model_validate(one) for one in json.loads(text))


def _telling(row: sa.Row[Any]) -> Telling:
    return Telling(row.id, row.alert, What(row.what), row.channel, _read(row.people), row.batch, row.route)
