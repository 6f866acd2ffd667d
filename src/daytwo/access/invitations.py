"""One-time links: for the first admin, for a new user, for somebody who has forgotten the password."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from daytwo.access.names import user_name
from daytwo.access.roles import SYSTEM, Principal, Role
from daytwo.access.secretly import digest, new_secret
from daytwo.core.errors import NotFoundError
from daytwo.ledger.audit import Audit
from daytwo.store.tables import invitations

LASTS = 3 * 86400.0
"""Seconds until a link expires."""
FIRST_LASTS = 86400.0
"""The same for the first admin's: it is used at once or never."""


class Purpose(StrEnum):
    """What a link is for."""

    FIRST = "first"
    INVITE = "invite"
    RESET = "reset"


@dataclass(frozen=True)
class Invitation:
    """A link, without its secret.

    Args:
        purpose: what it is for.
        name: whose account it makes or opens; empty when they choose it themselves.
        role: what they will be able to do.
        created: when.
        created_by: who made it.
        expires: when it ends by itself.
    """

    purpose: Purpose
    name: str
    role: Role
    created: datetime
    created_by: str
    expires: datetime


class Invitations:
    """The links in the state.

    Args:
        audit: the record of who did what.
        clock: the time now, in UTC.
    """

    def __init__(self, audit: Audit, clock: Callable[[], datetime]) -> None:
        self._audit = audit
        self._clock = clock

    def first(self, connection: sa.Connection) -> str:
        """A link that makes the first admin; an earlier one that was not used ends."""
        connection.execute(invitations.delete().where(invitations.c.purpose == Purpose.FIRST))
        return self._make(connection, Purpose.FIRST, "", Role.ADMIN, SYSTEM, FIRST_LASTS)[0]

    def invite(self, connection: sa.Connection, name: str, role: Role, by: Principal) -> tuple[str, Invitation]:
        """A link that makes a user; an earlier one for the same name ends.

        Returns:
            The secret, which cannot be had again, and the invitation.

        Raises:
            UsageError: it is no name for a user.
        """
        return self._make(connection, Purpose.INVITE, user_name(name), role, by, LASTS)

    def reset(self, connection: sa.Connection, name: str, role: Role, by: Principal) -> tuple[str, Invitation]:
        """A link with which a user chooses another password; an earlier one ends."""
        return self._make(connection, Purpose.RESET, name, role, by, LASTS)

    def get(self, connection: sa.Connection, secret: str) -> Invitation:
        """The invitation of a link.

        Raises:
            NotFoundError: it never was, has been used, or has expired.
        """
        row = connection.execute(sa.select(invitations).where(invitations.c.hash == digest(secret))).first()
        if row is None or row.used is not None or row.expires <= self._clock():
            raise NotFoundError("this link has been used, has expired, or never was", hint="Ask an admin for a new one")
        return _invitation(row)

    def take(self, connection: sa.Connection, secret: str) -> Invitation:
        """Use a link up.

        Raises:
            NotFoundError: it never was, has been used (by somebody who was faster), or has expired.
        """
        found = self.get(connection, secret)
        unused = (invitations.c.hash == digest(secret)) & invitations.c.used.is_(None)
        done = connection.execute(invitations.update().where(unused).values(used=self._clock()))
        if done.rowcount != 1:
            raise NotFoundError("this link has just been used", hint="Ask an admin for a new one")
        return found

    def open(self, connection: sa.Connection) -> tuple[Invitation, ...]:
        """Those that nobody has used and that have not expired, the oldest first."""
        unused = invitations.c.used.is_(None) & (invitations.c.expires > self._clock())
        found = connection.execute(sa.select(invitations).where(unused).order_by(invitations.c.created))
        return tuple(_invitation(row) for row in found)

    def withdraw(self, connection: sa.Connection, name: str, by: Principal) -> None:
        """End the open link for a name.

        Raises:
            NotFoundError: there is none.
        """
        if name not in [one.name for one in self.open(connection)]:
            raise NotFoundError(f"there is no open link for {name}", hint="`daytwo users invitations` shows them")
        unused = (invitations.c.name == name) & invitations.c.used.is_(None)
        connection.execute(invitations.delete().where(unused))
        self._audit.append(connection, "user.withdraw", name, actor=by.name, via=by.via.value, source=by.source)

    def forget(self, connection: sa.Connection, name: str) -> None:
        """End all links for a name."""
        connection.execute(invitations.delete().where(invitations.c.name == name))

    def sweep(self, connection: sa.Connection) -> None:
        """Remove those that expired a week ago: until then the record of their use stays."""
        old = self._clock() - timedelta(days=7)
        connection.execute(invitations.delete().where(invitations.c.expires <= old))

    def _make(
        self, connection: sa.Connection, purpose: Purpose, name: str, role: Role, by: Principal, lasts: float
    ) -> tuple[str, Invitation]:
        now, secret = self._clock(), new_secret()
        if name:
            unused = (invitations.c.name == name) & invitations.c.used.is_(None)
            connection.execute(invitations.delete().where(unused))
        new = Invitation(purpose, name, role, now, by.name, now + timedelta(seconds=lasts))
        connection.execute(invitations.insert().values(hash=digest(secret), **{**vars(new), "role": role.word}))
        self._audit.append(
            connection,
            "user.invite" if purpose != Purpose.RESET else "user.reset",
            name,
            actor=by.name,
            via=by.via.value,
            source=by.source,
            detail={"role": role.word, "expires": new.expires.isoformat(), "purpose": purpose.value},
        )
        return secret, new


def _invitation(row: Any) -> Invitation:
    return Invitation(Purpose(row.purpose), row.name, Role.parse(row.role), row.created, row.created_by, row.expires)
