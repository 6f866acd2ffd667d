"""What comes due without anything having changed: repeats, summaries, the end of silences and windows, reminders."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from daytwo.core.channel import Event, Message
from daytwo.core.registry import channel_class
from daytwo.respond.alerts import Alert, What, age
from daytwo.respond.collect import collect, fold
from daytwo.respond.intake import Intake
from daytwo.respond.messages import worst
from daytwo.respond.pipeline import Desk, routes_of
from daytwo.respond.silences import Silence, Silences
from daytwo.store.database import Database
from daytwo.store.tables import alerts, notifications, tellings

_HOUR = timedelta(hours=1)
_WEEK = timedelta(days=7)
_AHEAD = timedelta(minutes=1)
"""What is dated further ahead was written while the clock was wrong."""
_ALERTS = timedelta(days=400)
_MESSAGES = timedelta(days=90)


class Upkeep:
    """Does what is due.

    Args:
        app: the app's name.
        environment: the environment's name.
        desk: runs the pipeline.
        intake: takes in what rules report.
    """

    def __init__(self, app: str, environment: str, desk: Desk, intake: Intake) -> None:
        self._own = {"app": app, "environment": environment}
        self._desk = desk
        self._intake = intake
        self._silences = Silences(app, environment)
        self._muting: tuple[object, ...] | None = None

    def due(self, database: Database, now: datetime) -> bool:
        """Whether there is anything to do: a look that keeps nobody waiting."""
        with database.read() as connection:
            return (
                self._intake.unclaimed(connection)
                or self._desk.muting(connection, now) != self._muting
                or self._any(connection, alerts, alerts.c.again <= now)
                or self._any(
                    connection, alerts, alerts.c.acknowledged.is_not(None), alerts.c.acknowledged_told.is_(None)
                )
                or self._any(connection, tellings, tellings.c.notification.is_(None), tellings.c.due <= now)
                or self._any(connection, notifications, notifications.c.state == "waiting", notifications.c.due <= now)
            )

    def tick(self, connection: sa.Connection, now: datetime) -> bool:
        """Do it.

        Args:
            connection: of the transaction.
            now: the time now.

        Returns:
            Whether transitions wait that were too many for one transaction.
        """
        taken = self._intake.claim(connection, now)
        muting = self._desk.muting(connection, now)
        if muting != self._muting:
            held = self._desk.book.held(connection)
            self._desk.handle(connection, [(one, What.LATER if one.open else What.OVER) for one in held], now)
            self._muting = muting
        again = self._desk.book.due_again(connection, now)
        if again:
            self._desk.handle(connection, [(one, What.REPEAT) for one in again], now)
        self._acknowledge(connection, now)
        collect(self._desk, connection, now)
        fold(self._desk, connection, now)
        return taken > 0 and self._intake.unclaimed(connection)

    def forget(self) -> None:
        """What was written was not committed: look at everything again."""
        self._muting = None

    def set_right(self, connection: sa.Connection, now: datetime) -> int:
        """Have what was ordered while the clock was ahead not wait until that time comes.

        Returns:
            How much that was.
        """
        n, t, a = notifications.c, tellings.c, alerts.c
        late = now + _AHEAD
        return sum(
            connection.execute(change.filter_by(**self._own)).rowcount
            for change in (
                notifications.update().where(n.state == "waiting", n.created > late, n.due > now).values(due=now),
                tellings.update().where(t.notification.is_(None), t.at > late, t.due > now).values(due=now),
                alerts.update().where(a.end.is_(None), a.told > late, a.again > now).values(again=now, told=now),
            )
        )

    def remind(self, connection: sa.Connection, now: datetime) -> list[Silence]:
        """Remind of silences that hide an alert: an hour before their end, and once a week.

        Returns:
            Those of which somebody was reminded.
        """
        standing, found = self._desk.book.open(connection), []
        for one in self._silences.active(connection, now):
            hidden = [alert for alert in standing if one.matchers.fits(alert)]
            if hidden and _forgotten(one, now):
                self._remind(connection, one, hidden, now)
                self._silences.remind(connection, one.id, now)
                found.append(one)
        return found

    def prune(self, connection: sa.Connection, now: datetime) -> bool:
        """Remove what nobody needs any more; whether there is more of it."""
        more = self._desk.book.prune(connection, now - _ALERTS)
        return self._desk.outbox.prune(connection, now - _MESSAGES) or more

    def _acknowledge(self, connection: sa.Connection, now: datetime) -> None:
        for one in self._desk.book.acknowledged(connection):
            self._desk.book.change(connection, one.id, acknowledged_told=now, again=None)
            self._intake.publish(connection, [(one, What.ACKNOWLEDGED)], now)
            if one.open and one.leader is not None:
                self._pass_on(connection, one, one.leader, now)

    def _pass_on(self, connection: sa.Connection, alert: Alert, leader: int, now: datetime) -> None:
        """Tell channels whose service keeps count of it, once nothing of what they were told is without anybody."""
        sharing = self._desk.book.sharing(connection, leader)
        if any(one.open and one.acknowledged is None for one in sharing):
            return
        config = self._desk.config
        told = self._desk.tellings.told(connection, [one.id for one in sharing])
        ways = {
            (name, one.order.people)
            for several in told.values()
            for one in several
            if not one.order.batch.startswith(("summary ", "overflow"))
            for name in (one.order.channel, one.via)
            if name in config.channels and channel_class(config.channels[name].kind).acknowledges
        }
        for name, people in sorted(ways):
            message = self._desk.teller.one(alert, What.ACKNOWLEDGED, leader, now, people)
            key = f"alert {alert.id} acknowledged {name} {'+'.join(one.name for one in people)}"[:200]
            self._desk.outbox.put(connection, name, message, key, f"alert {leader}", now)

    def _remind(self, connection: sa.Connection, one: Silence, hidden: Sequence[Alert], now: datetime) -> None:
        config = self._desk.config
        names = ", ".join(alert.name for alert in hidden[:5])
        count = f"{len(hidden)} alert{'s' if len(hidden) > 1 else ''}"
        message = Message(
            event=Event.NOTICE, key=f"{config.own_name}/silence/{one.id}", app=config.app,
            environment=config.environment, level=worst([alert.level for alert in hidden]), at=now,
            title=f"A silence of {age(one.begin, now)} hides {count}: {names}"[:200],
            text=f"{one}. It ends in {age(now, one.until)}; until then nobody is told.",
            commands=(f"daytwo silence end {one.id}",),
        )  # fmt: skip
        levels = {alert.level for alert in hidden}
        to = [
            name
            for route in routes_of(config).values()
            if not route.level or levels & set(route.level)
            for name in route.to
        ]
        for way in self._desk.reach(connection, to, now):
            key = f"silence {one.id} {now:%Y-%m-%dT%H} {way.channel}{' people' if way.to else ''}"
            told = message.model_copy(update={"to": way.to})
            self._desk.outbox.put(connection, way.channel, told, key, f"silence {one.id}", now)

    def _any(self, connection: sa.Connection, table: sa.Table, *wanted: sa.ColumnElement[bool]) -> bool:
        query = sa.select(sa.literal(1)).select_from(table).filter_by(**self._own).where(*wanted).limit(1)
        return connection.execute(query).first() is not None


def _forgotten(one: Silence, now: datetime) -> bool:
    """Whether somebody should be reminded of a silence."""
    last = one.reminded or one.begin
    ends = one.until - now <= _HOUR and one.until - one.begin >= 2 * _HOUR and last < one.until - _HOUR
    return ends or now - last >= _WEEK
