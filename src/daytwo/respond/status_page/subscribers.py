"""Who is told by mail: they ask, confirm by a link that only they get, and leave with one click.

Addresses are personal data: only admins see them, and removing one removes all that is stored of it. Of the secrets in
links the state keeps only a digest.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from daytwo.access.links import base_url
from daytwo.access.roles import Principal
from daytwo.access.secretly import digest, new_secret
from daytwo.access.throttle import network
from daytwo.config import Config
from daytwo.core.channel import Event, Link, Message, Person
from daytwo.core.errors import ConflictError, NotFoundError, RefusedError, ThrottledError, UsageError
from daytwo.ledger.audit import Audit
from daytwo.respond.outbox import Outbox
from daytwo.respond.status_page.orders import MailData, PersonData, SubscriberData
from daytwo.respond.status_page.view import page_title
from daytwo.store.tables import notifications, status_asks, status_links, status_subscribers

CONFIRM_WITHIN = timedelta(hours=48)
LEAVE_WITHIN = timedelta(days=400)
"""How long the link to leave works that is in a mail."""
PER_ADDRESS = (2, timedelta(hours=6))
PER_SOURCE = (10, timedelta(hours=1))
IN_ALL = (200, timedelta(hours=1))
"""So many letters to confirm in such a time: more would make us a tool to annoy people with."""
_KEPT = timedelta(days=1)
_MOST = 50_000
_ADDRESS = re.compile(
    r"(?=.{3,254}\Z)(?P<local>[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*)"
    r"@(?P<domain>([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9])",
    re.ASCII,
)
"""Plain addresses (RFC 5321 without quoted parts and literal hosts): whatever else is allowed, nobody has."""


def mail_address(text: str) -> str:
    """An address as it is stored: one of which two ways of writing are one.

    Raises:
        UsageError: it is none, or not one that can be mailed to.
    """
    found = _ADDRESS.fullmatch(text.strip()[:300])
    if found is None or len(found["local"]) > 64:
        raise UsageError("this is no e-mail address", hint="Write it like name@example.com")
    return f"{found['local']}@{found['domain']}".lower()


class Subscribers:
    """The subscribers of one app's status page.

    Args:
        config: gives the configuration as it is now.
        audit: the record of who did what.
    """

    def __init__(self, config: Callable[[], Config], audit: Audit) -> None:
        self._config = config
        self._audit = audit
        self._own = {"app": config().app, "environment": config().environment}
        self._outbox = Outbox(**self._own)

    @property
    def channel(self) -> str | None:
        """The channel that tells subscribers; None when there are to be none."""
        page = self._config().status_page
        return page.subscribe if page is not None else None

    # By themselves

    def ask(self, connection: sa.Connection, text: str, source: str, now: datetime) -> None:
        """Somebody wants to be told. Whether the address is known can be seen by nobody but its owner.

        Args:
            connection: of the transaction.
            text: the address, as typed.
            source: the network address that this comes from.
            now: the time now.

        Raises:
            UsageError: it is no address.
            ThrottledError: too many of this kind came from there, or in all.
            NotFoundError: nobody is told by mail here.
        """
        channel = self._channel()
        address = mail_address(text)
        self._slowed(connection, source, now)
        allowed = self._counted(connection, f"a:{digest(address)[:64]}", PER_ADDRESS, now)
        row = self._find(connection, address)
        if not allowed or (row is not None and row.confirmed is not None):
            return
        if row is None:
            if self._count(connection) >= _MOST:
                raise RefusedError("no more subscribers are taken")
            number = self._insert(connection, address, now)
        else:
            number = row.id
        secret = self._link(connection, number, "confirm", now + CONFIRM_WITHIN)
        self._letter(connection, channel, number, address, secret, now)

    def look(self, connection: sa.Connection, secret: str, purpose: str, now: datetime) -> bool:
        """Whether a link still leads anywhere; looking does not use it up."""
        return self._linked(connection, secret, purpose, now) is not None

    def confirm(self, connection: sa.Connection, secret: str, now: datetime) -> None:
        """Somebody opened the link and says yes; it is used up.

        Raises:
            NotFoundError: it leads nowhere, or not any more.
        """
        number = self._linked(connection, secret, "confirm", now)
        if number is None:
            raise NotFoundError(
                "this link leads nowhere any more", hint="Subscribe again: each works once, within 48 hours"
            )
        c = status_subscribers.c
        connection.execute(status_subscribers.update().where(c.id == number).values(confirmed=now))
        used = (status_links.c.subscriber == number, status_links.c.purpose == "confirm")
        connection.execute(status_links.delete().where(*used))

    def leave(self, connection: sa.Connection, secret: str, now: datetime) -> bool:
        """Somebody wants no more mails; nothing is kept of them. Whether they were told until now."""
        number = self._linked(connection, secret, "unsubscribe", now)
        if number is None:
            return False
        self._erase(connection, number)
        return True

    # By admins

    def add(self, connection: sa.Connection, text: str, who: Principal, now: datetime) -> SubscriberData:
        """Add somebody who has agreed elsewhere.

        Raises:
            UsageError: it is no address.
            ConflictError: they are told already.
            NotFoundError: nobody is told by mail here.
        """
        self._channel()
        address = mail_address(text)
        row = self._find(connection, address)
        if row is not None and row.confirmed is not None:
            raise ConflictError("this address is subscribed already")
        number = row.id if row is not None else self._insert(connection, address, now)
        values = {"confirmed": now, "by": who.name}
        connection.execute(status_subscribers.update().where(status_subscribers.c.id == number).values(**values))
        self._record(connection, who, "status-page.subscriber.add", number)
        return self.get(connection, number)

    def remove(self, connection: sa.Connection, number: int, who: Principal) -> None:
        """Remove somebody, and all that is stored of them.

        Raises:
            NotFoundError: there is no such subscriber.
        """
        self.get(connection, number)
        self._erase(connection, number)
        self._record(connection, who, "status-page.subscriber.remove", number)

    def all(self, connection: sa.Connection, limit: int, after: int = 0) -> list[SubscriberData]:
        """Everybody, in the order in which they came; only those with a higher number than `after`."""
        c = status_subscribers.c
        query = sa.select(status_subscribers).filter_by(**self._own).where(c.id > after).order_by(c.id).limit(limit)
        rows = connection.execute(query).all()
        troubles = self._troubles(connection, [row.id for row in rows])
        return [_data(row, troubles.get(row.id, "")) for row in rows]

    def get(self, connection: sa.Connection, number: int) -> SubscriberData:
        """One of them.

        Raises:
            NotFoundError: there is no such subscriber.
        """
        row = connection.execute(sa.select(status_subscribers).filter_by(**self._own, id=number)).one_or_none()
        if row is None:
            raise NotFoundError(
                f"there is no subscriber {number}", hint="`daytwo status-page subscribers list` lists them"
            )
        return _data(row, self._troubles(connection, [number]).get(number, ""))

    def number(self, connection: sa.Connection, text: str) -> int:
        """The number of whoever has an address, or the number itself.

        Raises:
            NotFoundError, UsageError: there is none.
        """
        if text.isdecimal():
            return int(text)
        row = self._find(connection, mail_address(text))
        if row is None:
            raise NotFoundError(f"nobody is subscribed as {text}")
        found: int = row.id
        return found

    def person(self, connection: sa.Connection, number: int) -> PersonData:
        """All that is stored of somebody.

        Raises:
            NotFoundError: there is no such subscriber.
        """
        found = self.get(connection, number)
        mails = self._outbox.latest(connection, 500, about=_about(number))
        return PersonData(
            subscriber=found,
            mails=tuple(
                MailData(
                    title=one.message.title, ordered=one.created, sent=one.sent, state=one.state.value, error=one.error
                )
                for one in mails
            ),
        )

    def sweep(self, connection: sa.Connection, now: datetime) -> None:
        """Forget who never confirmed, links that have ended, and who asked when."""
        connection.execute(status_links.delete().where(status_links.c.until <= now))
        connection.execute(status_asks.delete().filter_by(**self._own).where(status_asks.c.at < now - _KEPT))
        c = status_subscribers.c
        late = sa.select(c.id).filter_by(**self._own).where(c.confirmed.is_(None), c.asked < now - CONFIRM_WITHIN)
        waits = sa.exists().where(status_links.c.subscriber == c.id)
        for (number,) in connection.execute(late.where(~waits).limit(500)).all():
            self._erase(connection, number)

    # For mails

    def confirmed(self, connection: sa.Connection, after: int, until: datetime, limit: int) -> list[tuple[int, str]]:
        """Numbers and addresses of those who confirmed until then, from a number on."""
        c = status_subscribers.c
        query = sa.select(c.id, c.address).filter_by(**self._own).where(c.id > after, c.confirmed <= until)
        return [(row.id, row.address) for row in connection.execute(query.order_by(c.id).limit(limit))]

    def order(
        self, connection: sa.Connection, channel: str, number: int, address: str, message: Message, key: str,
        now: datetime,
    ) -> None:  # fmt: skip
        """Order one mail to one subscriber, with a link of its own to leave.

        Args:
            connection: of the transaction.
            channel: through which.
            number: the subscriber's.
            address: theirs.
            message: what to tell.
            key: of what is told; each subscriber gets it once.
            now: the time now.
        """
        url = self._address("unsubscribe", self._link(connection, number, "unsubscribe", now + LEAVE_WITHIN))
        mine = message.model_copy(
            update={
                "to": (Person(name="", email=address),),
                "unsubscribe": url,
                "links": (*message.links, Link(title="Unsubscribe", url=url)),
            }
        )
        self._outbox.put(connection, channel, mine, f"{key} subscriber {number}", _about(number), now)

    # Inside

    def _channel(self) -> str:
        channel = self.channel
        if channel is None:
            raise NotFoundError(
                "nobody is told by mail here", hint="Set `status_page: subscribe:` to an e-mail channel"
            )
        return channel

    def _slowed(self, connection: sa.Connection, source: str, now: datetime) -> None:
        for key, bound in ((f"s:{digest(network(source))}", PER_SOURCE), ("all", IN_ALL)):
            if not self._counted(connection, key, bound, now):
                raise ThrottledError("too many have subscribed just now", retry_after=int(bound[1].total_seconds()))

    def _counted(self, connection: sa.Connection, key: str, bound: tuple[int, timedelta], now: datetime) -> bool:
        """Whether there was less of it than is allowed; it is counted then."""
        most, within = bound
        mine = (status_asks.c.key == key, status_asks.c.at > now - within)
        query = sa.select(sa.func.count()).select_from(status_asks).filter_by(**self._own).where(*mine)
        if int(connection.execute(query).scalar_one()) >= most:
            return False
        connection.execute(status_asks.insert().values(**self._own, key=key, at=now))
        return True

    def _count(self, connection: sa.Connection) -> int:
        query = sa.select(sa.func.count()).select_from(status_subscribers).filter_by(**self._own)
        return int(connection.execute(query).scalar_one())

    def _find(self, connection: sa.Connection, address: str) -> sa.Row[tuple[object, ...]] | None:
        return connection.execute(sa.select(status_subscribers).filter_by(**self._own, address=address)).one_or_none()

    def _insert(self, connection: sa.Connection, address: str, now: datetime) -> int:
        new = status_subscribers.insert().values(**self._own, address=address, asked=now)
        number: int = connection.execute(new.returning(status_subscribers.c.id)).scalar_one()
        return number

    def _link(self, connection: sa.Connection, number: int, purpose: str, until: datetime) -> str:
        secret = new_secret()
        row = {"digest": digest(secret), "subscriber": number, "purpose": purpose, "until": until}
        connection.execute(status_links.insert().values(**row))
        return secret

    def _linked(self, connection: sa.Connection, secret: str, purpose: str, now: datetime) -> int | None:
        query = (
            sa.select(status_subscribers.c.id)
            .join(status_links, status_links.c.subscriber == status_subscribers.c.id)
            .where(*(status_subscribers.c[name] == value for name, value in self._own.items()))
            .where(status_links.c.digest == digest(secret[:200]), status_links.c.purpose == purpose)
            .where(status_links.c.until > now)
        )
        return connection.execute(query).scalar_one_or_none()

    def _erase(self, connection: sa.Connection, number: int) -> None:
        connection.execute(notifications.delete().filter_by(**self._own, about=_about(number)))
        connection.execute(status_links.delete().where(status_links.c.subscriber == number))
        connection.execute(status_subscribers.delete().where(status_subscribers.c.id == number))

    def _address(self, purpose: str, secret: str) -> str:
        return f"{base_url(self._config().serve).rstrip('/')}/status/{purpose}/{secret}"

    def _letter(
        self, connection: sa.Connection, channel: str, number: int, address: str, secret: str, now: datetime
    ) -> None:
        title = page_title(self._config())
        message = Message(
            event=Event.NOTICE, key=f"subscriber {number}", app=title, environment="", level="info", at=now,
            title="Please confirm that you want to be told of disturbances",
            text=f"Somebody, probably you, asked that {title} tells this address of disturbances. If it was you, open "
            "this link within 48 hours and say yes. If it was not, do nothing: you get no more mail.",
            links=(Link(title="Confirm", url=self._address("confirm", secret)),),
            to=(Person(name="", email=address),),
        )  # fmt: skip
        key = f"confirm {digest(secret)[:32]}"
        self._outbox.put(connection, channel, message, key, _about(number), now, until=now + timedelta(hours=12))

    def _troubles(self, connection: sa.Connection, numbers: list[int]) -> dict[int, str]:
        """Of whom the newest mail reached nobody, and why."""
        c = notifications.c
        latest = (
            sa.select(sa.func.max(c.id)).filter_by(**self._own).where(c.about.in_([_about(one) for one in numbers]))
        )
        dead = sa.select(c.about, c.error).where(c.id.in_(latest.group_by(c.about)), c.state == "dead")
        return {int(row.about.split()[-1]): row.error or "it was not taken" for row in connection.execute(dead)}

    def _record(self, connection: sa.Connection, who: Principal, action: str, number: int) -> None:
        # Without the address: the audit trail is never shortened for one person.
        self._audit.append(connection, action, _about(number), actor=who.name, via=who.via.value, source=who.source)


def _about(number: int) -> str:
    return f"subscriber {number}"


def _data(row: sa.Row[tuple[object, ...]], trouble: str) -> SubscriberData:
    return SubscriberData(
        number=row.id, address=row.address, asked=row.asked, confirmed=row.confirmed, by=row.by, trouble=trouble
    )
