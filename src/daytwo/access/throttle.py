"""Slows down whoever guesses passwords: by address and by account, kept in the state, so that no restart forgives.

A try is counted before its password is looked at, and taken back when it was right: a thousand tries at the same moment
are a thousand tries. Whoever logs in from an address from which they have done so before is held up by failures from
that address only: strangers cannot lock an admin out.
"""

import ipaddress
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from daytwo.access.secretly import digest
from daytwo.store.database import insert
from daytwo.store.tables import attempts


@dataclass(frozen=True)
class Pace:
    """How fast somebody may fail.

    Args:
        free: failures without a delay; after that it begins with a second and doubles with each.
        most: the longest delay, in seconds.
        forgotten: seconds without a failure after which all are forgotten.
    """

    free: int
    most: float
    forgotten: float

    def delay(self, failures: int) -> float:
        """Seconds to wait after so many failures."""
        over = failures - self.free
        return 0.0 if over <= 0 else min(self.most, 2.0 ** min(over - 1, 30))


SOURCE = Pace(free=10, most=900.0, forgotten=3600.0)
"""For an address: several people may sit behind one."""
ACCOUNT = Pace(free=5, most=60.0, forgotten=86400.0)
"""For an account, from everywhere together: short, as strangers could use it to keep its owner out."""
_KNOWN_FOR = 30 * 86400.0


@dataclass(frozen=True)
class Refusal:
    """A try that is not looked at.

    Args:
        wait: seconds until the next one is.
        first: whether it is the first that was refused since the last one that was looked at.
    """

    wait: int
    first: bool


@dataclass(frozen=True)
class Admission:
    """A try that is looked at.

    Args:
        unheard: how many were refused since the last one that was.
    """

    unheard: int


class Throttle:
    """Counts tries in the state.

    Args:
        clock: the time now, in UTC.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def admit(self, connection: sa.Connection, account: str, source: str) -> Refusal | Admission:
        """Ask for a try, and count it as failed until `succeeded` is called.

        Args:
            connection: to the state.
            account: the name that was given, whether there is such a user or not.
            source: the address that they come from.
        """
        keys = {_source(source): SOURCE}
        if not self._is_known(connection, account, source):
            keys[_account(account)] = ACCOUNT
        rows = {row.key: row for row in self._locked(connection, keys)}
        now, held = self._clock(), []
        for key, row in rows.items():
            # A clock that was set back must not make anybody wait for longer than ever was meant.
            until = min(row.until, now + timedelta(seconds=keys[key].most))
            if until > now:
                held.append((until, row.refused))
                self._set(connection, key, refused=row.refused + 1, until=until)
        if held:
            # Who is refused leaves nothing behind: made-up names must not fill the state.
            unused = attempts.delete().where(attempts.c.key.in_(keys), attempts.c.failures == 0)
            connection.execute(unused)
            wait = max((until - now).total_seconds() for until, _ in held)
            return Refusal(max(1, math.ceil(wait)), all(refused == 0 for _, refused in held))
        for key, row in rows.items():
            stale = (now - row.last).total_seconds() > keys[key].forgotten
            failures = 1 if stale else row.failures + 1
            until = now + timedelta(seconds=keys[key].delay(failures))
            self._set(connection, key, failures=failures, refused=0, last=now, until=until)
        return Admission(max(row.refused for row in rows.values()))

    def succeeded(self, connection: sa.Connection, account: str, source: str) -> None:
        """The try that was admitted was right."""
        now, key = self._clock(), _source(source)
        connection.execute(attempts.delete().where(attempts.c.key == _account(account)))
        # Only this try is taken back: else a login of one's own would let one go on guessing somebody else's.
        less = attempts.update().where(attempts.c.key == key, attempts.c.failures > 0)
        connection.execute(less.values(failures=attempts.c.failures - 1, until=now))
        self._insert(connection, _known(account, source))
        self._set(connection, _known(account, source), last=now, until=now)

    def sweep(self, connection: sa.Connection) -> None:
        """Remove what no longer counts."""
        old = self._clock() - timedelta(seconds=_KNOWN_FOR)
        connection.execute(attempts.delete().where(attempts.c.last < old))

    def forget(self, connection: sa.Connection, account: str) -> None:
        """Let an account's owner try at once."""
        connection.execute(attempts.delete().where(attempts.c.key == _account(account)))

    def _is_known(self, connection: sa.Connection, account: str, source: str) -> bool:
        wanted = sa.select(attempts.c.last).where(attempts.c.key == _known(account, source))
        last: datetime | None = connection.execute(wanted).scalar()
        return last is not None and (self._clock() - last).total_seconds() <= _KNOWN_FOR

    def _locked(self, connection: sa.Connection, keys: dict[str, Pace]) -> list[Any]:
        for key in sorted(keys):
            self._insert(connection, key)
        wanted = sa.select(attempts).where(attempts.c.key.in_(keys)).order_by(attempts.c.key).with_for_update()
        return list(connection.execute(wanted))

    def _insert(self, connection: sa.Connection, key: str) -> None:
        now = self._clock()
        new = insert(connection, attempts).values(key=key, failures=0, refused=0, last=now, until=now)
        connection.execute(new.on_conflict_do_nothing(index_elements=["key"]))

    def _set(self, connection: sa.Connection, key: str, **values: Any) -> None:
        connection.execute(attempts.update().where(attempts.c.key == key).values(**values))


def _account(name: str) -> str:
    # A digest: what is typed where the name belongs is now and then a password.
    return f"account:{digest(name)[:32]}"


def _source(address: str) -> str:
    return f"source:{network(address)}"


def _known(name: str, address: str) -> str:
    return f"known:{digest(name)[:32]}:{network(address)}"


def network(address: str) -> str:
    """Whom a caller is counted as: an IPv4 address, or the /64 that one IPv6 customer has all to themselves."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "local"
    if found.version == 6:
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)).network_address)
    return str(found)
