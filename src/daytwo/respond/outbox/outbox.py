"""The rows of the outbox: put, claimed by one sender, settled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from daytwo.core.channel import Event, Message, Person
from daytwo.core.errors import ConflictError, NotFoundError
from daytwo.respond.outbox.bucket import Bucket
from daytwo.respond.outbox.carrier import Outcome, pause
from daytwo.respond.outbox.standing import LONG, TIRED, Standings
from daytwo.store.database import insert
from daytwo.store.tables import alerts, notifications, tellings

GIVEN_UP = timedelta(days=1)
"""How long a message is tried, unless whoever put it says otherwise."""
_OVER, _TAKEN = "it was over before this could be sent", "somebody took care of it before this could be sent"
_ANSWERS = (Event.ACKNOWLEDGE.value, Event.RESOLVE.value)
CLAIMED = timedelta(seconds=60)
"""How long a sender has a message to itself: more than any try takes."""


class State(StrEnum):
    """How a message stands."""

    WAITING = "waiting"
    """It is to be sent, or tried again."""
    SENT = "sent"
    """A channel took it."""
    FOLDED = "folded"
    """It was told in a summary, together with others."""
    MOOT = "moot"
    """What it tells was over before it could be sent."""
    DEAD = "dead"
    """No channel took it, and none is asked any more."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A message on its way, or there.

    Args:
        id: its number.
        key: of the delivery: the same for each try.
        channel: which was ordered.
        event: what kind of message it is.
        about: what it tells of: `alert 17`, `incident 3`.
        message: what is told.
        state: how it stands.
        created: when it was ordered.
        due: when it is tried, or tried again.
        until: when it is given up.
        tries: so many were made.
        sent: when a channel took it.
        via: which one.
        error: what went wrong last.
    """

    id: int
    key: str
    channel: str
    event: Event
    about: str
    message: Message
    state: State
    created: datetime
    due: datetime
    until: datetime
    tries: int
    sent: datetime | None
    via: str
    error: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that is this sender's for now.

    Args:
        notification: what to send.
        failures: of its channel, in a row.
        resting: its channel is to be left alone, so only the fallback is asked.
    """

    notification: Notification
    failures: int = 0
    resting: bool = False


class Outbox:
    """The outbox of one app and environment.

    Args:
        app: the app's name.
        environment: the environment's name.
    """

    def __init__(self, app: str, environment: str) -> None:
        self._own = {"app": app, "environment": environment}
        self.standings = Standings(app, environment)

    def put(
        self,
        connection: sa.Connection,
        channel: str,
        message: Message,
        key: str,
        about: str,
        now: datetime,
        due: datetime | None = None,
        until: datetime | None = None,
    ) -> int:
        """Order a message, in the transaction of what it tells of; ordering it again changes nothing.

        Args:
            connection: of the transaction.
            channel: the name of the channel.
            message: what to tell.
            key: of the delivery; up to 200 characters.
            about: what it tells of: `alert 17`, `incident 3`.
            now: the time now.
            due: when it is to be sent; now when None.
            until: when it is given up; a day after it is due when None.

        Returns:
            Its number.
        """
        due = due or now
        row = {
            **self._own, "key": key, "channel": channel, "event": message.event.value, "about": about,
            "message": message.model_dump_json(exclude_defaults=True), "state": State.WAITING.value, "created": now,
            "due": due, "until": until or due + GIVEN_UP,
        }  # fmt: skip
        new = insert(connection, notifications).on_conflict_do_nothing(index_elements=["app", "environment", "key"])
        connection.execute(new, row)
        query = sa.select(notifications.c.id).filter_by(**self._own, key=key)
        number: int = connection.execute(query).scalar_one()
        return number

    def due(self, connection: sa.Connection, now: datetime) -> dict[str, datetime]:
        """The channels that have something to do: when it is due, or their claim ends."""
        first = sa.func.min(notifications.c.due)
        query = sa.select(notifications.c.channel, first).filter_by(**self._own, state=State.WAITING.value)
        free = sa.or_(notifications.c.claimed_until.is_(None), notifications.c.claimed_until <= now)
        rows = connection.execute(query.where(free).group_by(notifications.c.channel))
        return {name: at if isinstance(at, datetime) else datetime.fromisoformat(at) for name, at in rows}

    def claim(
        self,
        connection: sa.Connection,
        channel: str,
        owner: str,
        now: datetime,
        *,
        bucket: Bucket | None = None,
        fallback: bool = False,
    ) -> Claim | None:
        """Take the next message of a channel; nobody else has it until that ends. What is not wanted any more is laid
        aside on the way.

        Args:
            connection: of the transaction.
            channel: its name.
            owner: who sends.
            now: the time now.
            bucket: what the channel may send a minute; no limit when None.
            fallback: whether there is another channel while this one rests.

        Returns:
            It; None when nothing is due, or the channel rests.
        """
        standing = self.standings.of(connection, channel)
        resting = standing.resting(now)
        if resting and not (fallback and standing.passed_over(now)):
            return None
        while (row := self._next(connection, channel, now)) is not None:
            one = _notification(row)
            if one.until <= now:
                self._end(connection, one.id, State.DEAD, one.error or "it could not be sent in time")
            elif why := self._unwanted(connection, one):
                self._end(connection, one.id, State.MOOT, why)
            elif later := self._paced(connection, one, bucket, standing.spent, now):
                self._change(connection, one.id, due=later)
            elif self._take(connection, one.id, owner, now):
                return Claim(one, standing.failures, resting)
        return None

    def settle(self, connection: sa.Connection, claim: Claim, outcome: Outcome, now: datetime) -> None:
        """Write down how a try went.

        Args:
            connection: of the transaction.
            claim: what was tried.
            outcome: how it went.
            now: the time now.
        """
        one = claim.notification
        if not claim.resting:
            self.standings.settle(connection, one.channel, claim.failures, outcome, now)
        free = {"claimed_by": "", "claimed_until": None, "tries": one.tries + 1, "error": outcome.error[:LONG]}
        if outcome.via:
            self._change(connection, one.id, state=State.SENT.value, sent=now, via=outcome.via, **free)
            if outcome.left:
                self._again(connection, one, outcome.left, now)
        elif outcome.permanent:
            self._change(connection, one.id, state=State.DEAD.value, **free)
        else:
            later = now + pause(one.tries + 1, outcome.retry_after)
            # What is given up anyway is tried once more at the end.
            due = one.until - timedelta(seconds=1) if now < one.until - timedelta(seconds=2) < later else later
            self._change(connection, one.id, due=due, **free)

    def _again(self, connection: sa.Connection, one: Notification, left: Sequence[str], now: datetime) -> None:
        """Order it once more for those who did not get it, so that the others do not get it twice."""
        known = {parseaddr(person.email)[1]: person for person in one.message.to}
        to = tuple(known.get(address) or Person(name=address, email=address) for address in left)
        message, due = one.message.model_copy(update={"to": to}), now + pause(one.tries + 1, None)
        key = f"{one.key[:170]} left {one.id}"
        self.put(connection, one.channel, message, key, one.about, now, due, one.until)

    def release(self, connection: sa.Connection, dead: Sequence[str]) -> None:
        """Give back what these owners had claimed: they are dead."""
        if dead:
            mine = (*self._mine(notifications), notifications.c.claimed_by.in_(dead))
            connection.execute(notifications.update().where(*mine).values(claimed_by="", claimed_until=None))

    def claimants(self, connection: sa.Connection) -> list[str]:
        """Who has claimed something."""
        query = sa.select(notifications.c.claimed_by).distinct().filter_by(**self._own, state=State.WAITING.value)
        return [row.claimed_by for row in connection.execute(query) if row.claimed_by]

    def troubles(self, connection: sa.Connection, since: datetime) -> list[str]:
        """What is wrong, in words: channels that do not work, messages that nobody got."""
        found = [
            f"channel {name} does not work: {one.error}"
            for name, one in self.standings.all(connection).items()
            if one.failures >= TIRED
        ]
        dead = (notifications.c.state == State.DEAD.value, notifications.c.created >= since)
        count = connection.execute(
            sa.select(sa.func.count()).select_from(notifications).where(*self._mine(notifications), *dead)
        ).scalar_one()
        if count:
            found.append(f"{count} message{'s' if count > 1 else ''} reached nobody; `daytwo notifications --dead`")
        return found

    def get(self, connection: sa.Connection, number: int) -> Notification:
        """One message.

        Raises:
            NotFoundError: there is none.
        """
        query = sa.select(notifications).filter_by(**self._own, id=number)
        row = connection.execute(query).first()
        if row is None:
            raise NotFoundError(f"there is no notification {number}", hint="`daytwo notifications` lists them")
        return _notification(row)

    def latest(
        self, connection: sa.Connection, limit: int, *, state: State | None = None, about: str | None = None
    ) -> list[Notification]:
        """The newest first.

        Args:
            connection: to read with.
            limit: so many at most.
            state: only those that stand like this.
            about: only those that tell of this.
        """
        query = sa.select(notifications).filter_by(**self._own).order_by(notifications.c.id.desc()).limit(limit)
        if state is not None:
            query = query.where(notifications.c.state == state.value)
        if about is not None:
            query = query.where(notifications.c.about == about)
        return [_notification(row) for row in connection.execute(query)]

    def retry(self, connection: sa.Connection, number: int, now: datetime) -> Notification:
        """Try a dead message again, for a day.

        Raises:
            NotFoundError: there is none.
            ConflictError: it is not dead.
        """
        one = self.get(connection, number)
        if one.state is not State.DEAD:
            raise ConflictError(f"notification {number} is {one.state}", hint="Only a dead one is tried again")
        self._change(connection, number, state=State.WAITING.value, due=now, until=now + GIVEN_UP, tries=0)
        self.standings.write(connection, one.channel, rests=None)
        return self.get(connection, number)

    def elsewhere(self, connection: sa.Connection, about: str) -> list[tuple[str, tuple[Person, ...]]]:
        """Where another channel took what tells that something is wrong: which one, and whom that was for."""
        c = notifications.c
        query = sa.select(c.via, c.message).filter_by(**self._own, about=about, event=Event.TRIGGER.value)
        rows = connection.execute(query.where(c.via != "", c.via != c.channel).order_by(c.id)).all()
        return list(dict.fromkeys((row.via, Message.model_validate_json(row.message).to) for row in rows))

    def crowd(self, connection: sa.Connection, now: datetime, most: int = 1000) -> dict[str, list[Notification]]:
        """Messages that wait to be tried for the first time and are no alerts', by channel."""
        c = notifications.c
        first = (c.state == State.WAITING.value, c.due <= now, c.tries == 0, c.claimed_until.is_(None))
        plain = (c.event != Event.TEST.value, ~c.about.like("alert %"), ~c.about.like("summary %"),
                 ~c.about.like("subscriber %"))  # fmt: skip
        query = sa.select(notifications).filter_by(**self._own).where(*first, *plain).order_by(c.id).limit(most)
        found: dict[str, list[Notification]] = {}
        for row in connection.execute(query):
            found.setdefault(row.channel, []).append(_notification(row))
        return found

    def fold(self, connection: sa.Connection, numbers: Sequence[int], into: int) -> None:
        """These are told in another one."""
        for number in numbers:
            self._end(connection, number, State.FOLDED, f"told in notification {into}")

    def prune(self, connection: sa.Connection, before: datetime, most: int = 2000) -> bool:
        """Remove what was ordered before this and is no longer on its way; whether there is more."""
        done = (notifications.c.created < before, notifications.c.state != State.WAITING.value)
        old = sa.select(notifications.c.id).filter_by(**self._own).where(*done).limit(most)
        return connection.execute(notifications.delete().where(notifications.c.id.in_(old))).rowcount >= most

    # One row

    def _next(self, connection: sa.Connection, channel: str, now: datetime) -> sa.Row[Any] | None:
        """The oldest that is due; not while an earlier one of the same matter is being sent by somebody."""
        c, other = notifications.c, notifications.alias()
        being_sent = sa.exists().where(
            other.c.app == c.app, other.c.environment == c.environment, other.c.channel == c.channel,
            other.c.about == c.about, other.c.id < c.id, other.c.state == State.WAITING.value,
            other.c.claimed_until > now,
        )  # fmt: skip
        free = sa.or_(c.claimed_until.is_(None), c.claimed_until <= now)
        query = sa.select(notifications).filter_by(**self._own, state=State.WAITING.value, channel=channel)
        return connection.execute(query.where(c.due <= now, free, ~being_sent).order_by(c.id).limit(1)).first()

    def _take(self, connection: sa.Connection, number: int, owner: str, now: datetime) -> bool:
        c = notifications.c
        free = (c.state == State.WAITING.value, sa.or_(c.claimed_until.is_(None), c.claimed_until <= now))
        values = {"claimed_by": owner, "claimed_until": now + CLAIMED}
        return connection.execute(notifications.update().where(c.id == number, *free).values(**values)).rowcount == 1

    def _unwanted(self, connection: sa.Connection, one: Notification) -> str:
        """Why a message that something is wrong need not be sent any more; empty where it must be."""
        if one.event is not Event.TRIGGER:
            return ""
        c = notifications.c
        after = (c.channel == one.channel, c.about == one.about, c.id > one.id, c.event.in_(_ANSWERS))
        query = sa.select(c.event, c.message).filter_by(**self._own).where(*after).order_by(c.id)
        rows = connection.execute(query).all()
        later = [row for row in rows if _reaches(Message.model_validate_json(row.message), one.message)]
        if later:
            over = any(row.event == Event.RESOLVE.value for row in later)
            return f"{_OVER if over else _TAKEN}; that is told"
        told = sa.select(alerts.c.end, alerts.c.acknowledged).join(tellings, tellings.c.alert == alerts.c.id)
        rows = connection.execute(told.where(tellings.c.notification == one.id)).all()
        standing = [row for row in rows if row.end is None]
        if not rows or any(row.acknowledged is None or row.acknowledged < one.created for row in standing):
            return ""
        return _TAKEN if standing else _OVER

    def _paced(
        self, connection: sa.Connection, one: Notification, bucket: Bucket | None, spent: datetime | None, now: datetime
    ) -> datetime | None:
        """When a message may be sent, if its channel has sent too much; what alerts send was counted before."""
        if bucket is None or one.tries or one.event is Event.TEST or one.about.startswith(("alert ", "summary ")):
            return None
        allowed, left = Bucket(bucket.rate, bucket.burst, spent).take(now)
        if not allowed:
            return now + timedelta(minutes=1) / bucket.rate
        self.standings.write(connection, one.channel, spent=left.spent)
        return None

    def _end(self, connection: sa.Connection, number: int, state: State, error: str) -> None:
        self._change(connection, number, state=state.value, error=error, claimed_by="", claimed_until=None)

    def _change(self, connection: sa.Connection, number: int, **values: Any) -> None:
        connection.execute(notifications.update().where(notifications.c.id == number).values(**values))

    def _mine(self, table: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
        return tuple(table.c[name] == value for name, value in self._own.items())


def _reaches(later: Message, earlier: Message) -> bool:
    """Whether everybody whom a message is for gets a later one."""
    names = {one.name for one in later.to}
    return bool(names) == bool(earlier.to) and all(one.name in names for one in earlier.to)


def _notification(row: sa.Row[Any]) -> Notification:
    return Notification(
        row.id, row.key, row.channel, Event(row.event), row.about, Message.model_validate_json(row.message),
        State(row.state), row.created, row.due, row.until, row.tries, row.sent, row.via, row.error,
    )  # fmt: skip
