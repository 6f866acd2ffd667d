"""Who comes, and what they have once they are in."""

from dataclasses import dataclass

from daytwo.access.roles import Role
from daytwo.access.secretly import csrf_of
from daytwo.access.sessions import Session


@dataclass(frozen=True)
class Caller:
    """Where somebody comes from.

    Args:
        source: the address.
        agent: what the browser says of itself.
    """

    source: str
    agent: str = ""


@dataclass(frozen=True)
class Entry:
    """A session that has begun.

    Args:
        secret: for the cookie; it cannot be had again.
        session: the session.
        role: what its user may do.
    """

    secret: str
    session: Session
    role: Role

    @property
    def csrf(self) -> str:
        """What requests that change something must give."""
        return csrf_of(self.secret)
