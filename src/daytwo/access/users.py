"""Users: people with a name, a role and a password."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from daytwo.access.names import could_be, user_name
from daytwo.access.roles import Principal, Role
from daytwo.access.sessions import Sessions
from daytwo.core.errors import ConflictError, NotFoundError, RefusedError
from daytwo.ledger.audit import Audit
from daytwo.store.tables import users


@dataclass(frozen=True)
class User:
    """A user, without the password.

    Args:
        name: by which they log in.
        role: what they may do.
        created: when.
        disabled: since when they may not log in, or None.
        must_change: whether they must choose a new password before anything else.
        seen: their last login, or None.
    """

    name: str
    role: Role
    created: datetime
    disabled: datetime | None
    must_change: bool
    seen: datetime | None


class Users:
    """The users in the state. What changes one is written to the audit trail in the same transaction.

    Args:
        audit: the record of who did what.
        sessions: ended when a user may no longer do what they could.
        clock: the time now, in UTC.
    """

    def __init__(self, audit: Audit, sessions: Sessions, clock: Callable[[], datetime]) -> None:
        self._audit = audit
        self._sessions = sessions
        self._clock = clock

    def all(self, connection: sa.Connection) -> tuple[User, ...]:
        """All users, by name."""
        return tuple(_user(row) for row in connection.execute(sa.select(users).order_by(users.c.name)))

    def any(self, connection: sa.Connection) -> bool:
        """Whether there is one."""
        return connection.execute(sa.select(users.c.name).limit(1)).first() is not None

    def get(self, connection: sa.Connection, name: str) -> User:
        """One user.

        Raises:
            NotFoundError: there is no such user.
        """
        found = self.find(connection, name)
        if found is None:
            raise NotFoundError(f"there is no user {name[:63]}", hint="`daytwo users list` shows them")
        return found

    def find(self, connection: sa.Connection, name: str) -> User | None:
        """One user, or None."""
        if not could_be(name):
            return None
        row = connection.execute(sa.select(users).where(users.c.name == name)).first()
        return None if row is None else _user(row)

    def password(self, connection: sa.Connection, name: str) -> str:
        """The hash of a user's password; empty for one who is unknown or disabled."""
        if not could_be(name):
            return ""
        wanted = sa.select(users.c.password).where(users.c.name == name, users.c.disabled.is_(None))
        return connection.execute(wanted).scalar() or ""

    def add(
        self,
        connection: sa.Connection,
        name: str,
        role: Role,
        hashed: str,
        by: Principal,
        *,
        must_change: bool = False,
    ) -> User:
        """Make a user.

        Args:
            connection: to the state.
            name: by which they will log in.
            role: what they may do.
            hashed: the hash of their password.
            by: who does this.
            must_change: whether they must choose another password at their first login.

        Raises:
            UsageError: it is no name for a user.
            ConflictError: there is one of that name.
        """
        name = user_name(name)
        self.must_be_free(connection, name)
        new = User(name, role, self._clock(), None, must_change, None)
        connection.execute(
            users.insert().values(
                name=name, role=role.word, password=hashed, must_change=must_change, created=new.created
            )
        )
        self._write(connection, "user.add", name, by, {"role": role.word})
        return new

    def must_be_free(self, connection: sa.Connection, name: str) -> None:
        """Make sure that nobody has this name.

        Raises:
            ConflictError: somebody has.
        """
        if self.find(connection, name):
            raise ConflictError(f"there is a user {name} already", hint="Choose another name")

    def set_role(self, connection: sa.Connection, name: str, role: Role, by: Principal) -> User:
        """Give a user another role; their sessions end.

        Raises:
            NotFoundError: there is no such user.
            RefusedError: it is the last admin.
        """
        user = self.get(connection, name)
        if user.role == role:
            return user
        if role < Role.ADMIN:
            self._keep_an_admin(connection, name)
        self._change(connection, name, role=role.word)
        self._write(connection, "user.role", name, by, {"from": user.role.word, "to": role.word})
        return self.get(connection, name)

    def set_disabled(self, connection: sa.Connection, name: str, disabled: bool, by: Principal) -> User:
        """Keep a user out, or let them in again; their sessions end.

        Raises:
            NotFoundError: there is no such user.
            RefusedError: it is the last admin.
        """
        user = self.get(connection, name)
        if (user.disabled is not None) == disabled:
            return user
        if disabled:
            self._keep_an_admin(connection, name)
        self._change(connection, name, disabled=self._clock() if disabled else None)
        self._write(connection, "user.disable" if disabled else "user.enable", name, by)
        return self.get(connection, name)

    def set_password(
        self, connection: sa.Connection, name: str, hashed: str, by: Principal, *, must_change: bool = False
    ) -> None:
        """Give a user another password; their sessions end.

        Raises:
            NotFoundError: there is no such user.
        """
        self.get(connection, name)
        self._change(connection, name, password=hashed, must_change=must_change)
        self._write(connection, "user.password", name, by)

    def renew_hash(self, connection: sa.Connection, name: str, before: str, hashed: str) -> None:
        """Keep the same password as a better hash, unless it has changed meanwhile."""
        same = (users.c.name == name) & (users.c.password == before)
        connection.execute(users.update().where(same).values(password=hashed))

    def remove(self, connection: sa.Connection, name: str, by: Principal) -> None:
        """Remove a user with their sessions. What they did stays in the record.

        Raises:
            NotFoundError: there is no such user.
            RefusedError: it is the last admin.
        """
        self.get(connection, name)
        self._keep_an_admin(connection, name)
        self._sessions.end_all(connection, name)
        connection.execute(users.delete().where(users.c.name == name))
        self._write(connection, "user.remove", name, by)

    def saw(self, connection: sa.Connection, name: str) -> None:
        """A user has logged in."""
        connection.execute(users.update().where(users.c.name == name).values(seen=self._clock()))

    def _keep_an_admin(self, connection: sa.Connection, without: str) -> None:
        # Locked, so that two admins who remove each other at the same moment do not both succeed.
        wanted = sa.select(users.c.name).where(users.c.role == Role.ADMIN.word, users.c.disabled.is_(None))
        admins = set(connection.execute(wanted.order_by(users.c.name).with_for_update()).scalars())
        if admins == {without}:
            raise RefusedError(
                f"{without} is the last admin", hint="Make another user an admin first: `daytwo users role NAME admin`"
            )

    def _change(self, connection: sa.Connection, name: str, **values: Any) -> None:
        connection.execute(users.update().where(users.c.name == name).values(**values))
        self._sessions.end_all(connection, name)

    def _write(
        self, connection: sa.Connection, action: str, name: str, by: Principal, detail: dict[str, Any] | None = None
    ) -> None:
        self._audit.append(
            connection, action, name, actor=by.name, via=by.via.value, source=by.source, detail=detail or {}
        )


def _user(row: Any) -> User:
    return User(row.name, Role.parse(row.role), row.created, row.disabled, bool(row.must_change), row.seen)
