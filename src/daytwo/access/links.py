"""One-time links as people have them: made for somebody, good as long as they still lead anywhere."""

import platform
from collections.abc import Callable

import sqlalchemy as sa

from daytwo.access.invitations import Invitation, Invitations, Purpose
from daytwo.access.names import user_name
from daytwo.access.roles import Principal, Role
from daytwo.access.users import Users
from daytwo.config.serving import Serve
from daytwo.core.errors import NotFoundError


class Links:
    """The links, and the users they are about.

    Args:
        invitations: the links in the state.
        users: the users in the state.
        settings: gives the daemon's settings as they are now.
    """

    def __init__(self, invitations: Invitations, users: Users, settings: Callable[[], Serve]) -> None:
        self._invitations = invitations
        self._users = users
        self._settings = settings

    def address(self, secret: str, base: str = "") -> str:
        """The address of a link.

        Args:
            secret: the link's.
            base: the address that it begins with; the one of the settings when empty.
        """
        return f"{base or base_url(self._settings())}/welcome/{secret}"

    def first(self, connection: sa.Connection) -> str | None:
        """The secret of a link with which the first admin chooses a name and a password; None when there are users."""
        return None if self._users.any(connection) else self._invitations.first(connection)

    def invite(self, connection: sa.Connection, name: str, role: Role, by: Principal) -> tuple[str, Invitation]:
        """A link that makes a user.

        Raises:
            UsageError: it is no name for a user.
            ConflictError: there is one of that name.
        """
        self._users.must_be_free(connection, user_name(name))
        return self._invitations.invite(connection, name, role, by)

    def reset(self, connection: sa.Connection, name: str, by: Principal) -> tuple[str, Invitation]:
        """A link with which a user chooses another password.

        Raises:
            NotFoundError: there is no such user.
        """
        user = self._users.get(connection, name)
        return self._invitations.reset(connection, name, user.role, by)

    def get(self, connection: sa.Connection, secret: str) -> Invitation:
        """What a link is for, if it still leads anywhere.

        Raises:
            NotFoundError: it never was, has been used, has expired, or the users are others than when it was made.
        """
        found = self._invitations.get(connection, secret)
        if found.purpose == Purpose.FIRST and self._users.any(connection):
            raise NotFoundError("there is an admin already", hint="Ask them for a link")
        if found.purpose == Purpose.INVITE and self._users.find(connection, found.name):
            raise NotFoundError(f"there is a user {found.name} already", hint="Log in at /login, or ask an admin")
        if found.purpose == Purpose.RESET and not self._users.password(connection, found.name):
            raise NotFoundError(f"{found.name} is disabled or was removed", hint="Ask an admin")
        return found

    def open(self, connection: sa.Connection) -> tuple[Invitation, ...]:
        """The links that nobody has used yet and that have not expired, the oldest first."""
        return self._invitations.open(connection)

    def waits_for_first(self, connection: sa.Connection) -> bool:
        """Whether there is nobody yet, and a link that makes the first admin."""
        waiting = any(one.purpose == Purpose.FIRST for one in self.open(connection))
        return waiting and not self._users.any(connection)

    def withdraw(self, connection: sa.Connection, name: str, by: Principal) -> None:
        """End the open link for a name.

        Raises:
            NotFoundError: there is none.
        """
        self._invitations.withdraw(connection, user_name(name), by)


def base_url(settings: Serve) -> str:
    """The address that people use."""
    if settings.url:
        return settings.url
    host, _, port = settings.listen.rpartition(":")
    if host in ("0.0.0.0", "[::]", "::"):  # noqa: S104 - compared with, not listened on
        host = platform.node()
    return f"{'https' if settings.tls else 'http'}://{host}:{port}"
