"""What daytwo itself refuses: failed logins at its own door are security events, too."""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from daytwo.watch.security.address import canonical
from daytwo.watch.security.book import Book
from daytwo.watch.security.event import AUTH_FAILURE, Happening

VIA = "daytwo"
"""How these events are known."""


def refused_logins(book: Book, clock: Callable[[], datetime]) -> Callable[[sa.Connection, str, str, str, int], None]:
    """What the door tells of logins that failed.

    Args:
        book: where events are written down.
        clock: the time now.
    """

    def refused(connection: sa.Connection, source: str, user: str, why: str, count: int) -> None:
        now = clock()
        one = Happening(AUTH_FAILURE, _address(source), now, VIA, user=user, evidence=f"login: {why}", count=count)
        book.add(connection, [one], now)

    return refused


def _address(source: str) -> str:
    """Empty for a local process, which has none."""
    try:
        return canonical(source)
    except ValueError:
        return ""


__all__ = ["refused_logins"]
