"""Sessions: a browser that somebody has logged in with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from daytwo.access.names import could_be
from daytwo.access.roles import Role
from daytwo.access.secretly import digest, new_id, new_secret
from daytwo.store.tables import sessions, users


@dataclass(frozen=True)
class Session:
    """A session, without its secret.

    Args:
        id: to speak of it by.
        user: whose it is.
        begun: when they logged in.
        expires: when it ends by itself.
        source: the address they came from.
        agent: what their browser said of itself.
    """

    id: str
    user: str
    begun: datetime
    expires: datetime
    source: str
    agent: str


@dataclass(frozen=True)
class Visitor:
    """Whose session it is, and what that user may do now."""

    session: Session
    role: Role
    must_change: bool


class Sessions:
    """The sessions in the state.

    Args:
        clock: the time now, in UTC.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def begin(self, connection: sa.Connection, user: str, lasts: float, source: str, agent: str) -> tuple[str, Session]:
        """Begin one, always with a new secret.

        Args:
            connection: to the state.
            user: who has logged in.
            lasts: for how many seconds.
            source: the address they come from.
            agent: what the browser says of itself.

        Returns:
            The secret for the cookie, and the session.
        """
        now, secret = self._clock(), new_secret()
        new = Session(new_id(), user, now, now + timedelta(seconds=lasts), source[:64], agent[:200])
        connection.execute(sessions.insert().values(hash=digest(secret), **vars(new)))
        return secret, new

    def who(self, connection: sa.Connection, secret: str) -> Visitor | None:
        """Whose session a cookie's secret belongs to; None when it has ended or never was."""
        wanted = (
            sa.select(sessions, users.c.role, users.c.must_change)
            .join(users, users.c.name == sessions.c.user)
            .where(sessions.c.hash == digest(secret), users.c.disabled.is_(None))
        )
        row = connection.execute(wanted).first()
        if row is None or row.expires <= self._clock():
            return None
        return Visitor(_session(row), Role.parse(row.role), bool(row.must_change))

    def of(self, connection: sa.Connection, user: str) -> tuple[Session, ...]:
        """A user's sessions, the newest first."""
        wanted = sa.select(sessions).where(sessions.c.user == user, sessions.c.expires > self._clock())
        return tuple(_session(row) for row in connection.execute(wanted.order_by(sessions.c.begun.desc())))

    def end(self, connection: sa.Connection, id: str, user: str) -> bool:
        """End one of a user's sessions; whether there was such a one."""
        if not could_be(id):
            return False
        return connection.execute(sessions.delete().where(sessions.c.id == id, sessions.c.user == user)).rowcount > 0

    def end_all(self, connection: sa.Connection, user: str) -> int:
        """End all of a user's sessions; how many."""
        return connection.execute(sessions.delete().where(sessions.c.user == user)).rowcount

    def sweep(self, connection: sa.Connection) -> None:
        """Remove those that have expired."""
        connection.execute(sessions.delete().where(sessions.c.expires <= self._clock()))


def _session(row: Any) -> Session:
    return Session(row.id, row.user, row.begun, row.expires, row.source, row.agent)
