"""Who is at work on an app. A lock names its owner, and is broken only when the owner is proven dead."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from daytwo.core.errors import BusyError
from daytwo.store.database import Database
from daytwo.store.tables import locks

_TRIES = 5


@dataclass(frozen=True)
class Lock:
    """A lock as held."""

    name: str
    owner: str
    run: str
    what: str
    since: datetime


class Locks:
    """Named locks in the state.

    Args:
        database: the state.
        is_dead: tells of an owner whether it is proven dead; what cannot be told counts as alive.
    """

    def __init__(self, database: Database, is_dead: Callable[[str], bool]) -> None:
        self._database = database
        self._is_dead = is_dead

    def take(self, lock: Lock) -> Lock | None:
        """Take a lock, breaking a stale one.

        Returns:
            The stale lock that was broken, to be reported, or None.

        Raises:
            BusyError: a live owner holds it.
        """
        for _ in range(_TRIES):
            # In PostgreSQL two can find it free in the same moment: the second one looks again.
            with contextlib.suppress(sa.exc.IntegrityError):
                return self._take(lock)
        raise BusyError(f"others take the lock {lock.name} all the time", hint="Try again")

    def _take(self, lock: Lock) -> Lock | None:
        with self._database.begin() as connection:
            held = self._held(connection, lock.name)
            if held is not None:
                if held.owner != lock.owner and not self._is_dead(held.owner):
                    since = held.since.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
                    raise BusyError(
                        f"{held.what} is at work since {since}, run {held.run}, by {held.owner}",
                        hint="Wait for it (--wait), or end that process",
                    )
                if held.owner == lock.owner:
                    raise BusyError(f"{held.what} is at work in this process, run {held.run}")
                connection.execute(locks.delete().where(locks.c.name == lock.name, locks.c.owner == held.owner))
            connection.execute(
                locks.insert().values(name=lock.name, owner=lock.owner, run=lock.run, what=lock.what, since=lock.since)
            )
        return held

    def release(self, name: str, run: str) -> None:
        """Give a lock back; one that is another run's stays."""
        with self._database.begin() as connection:
            connection.execute(locks.delete().where(locks.c.name == name, locks.c.run == run))

    def held(self, name: str) -> Lock | None:
        """Who holds it."""
        with self._database.read() as connection:
            return self._held(connection, name)

    def _held(self, connection: sa.Connection, name: str) -> Lock | None:
        row = connection.execute(sa.select(locks).where(locks.c.name == name)).one_or_none()
        return None if row is None else Lock(**row._mapping)
