"""How long somebody has been listening: what stays away while nobody does is not held against anybody."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from daytwo.store.database import Database
from daytwo.store.tables import watches

GAP = timedelta(seconds=45)
"""A shorter gap, such as a restart, is none: a daemon that dies every minute must not keep everybody excused."""
_NAME = "heartbeats"


@dataclass(frozen=True)
class Watch:
    """An unbroken time of listening.

    Args:
        since: when it began.
        seen: when somebody last did.
    """

    since: datetime
    seen: datetime

    def on(self, now: datetime) -> "Watch":
        """The watch when somebody listens now: the same, or a new one after a gap."""
        return Watch(self.since if timedelta() <= now - self.seen <= GAP else now, now)


class Watches:
    """The watch over the heartbeats of one app and environment.

    Args:
        database: the state.
        app: the app's name.
        environment: the environment's name.
    """

    def __init__(self, database: Database, app: str, environment: str) -> None:
        self._database = database
        self._own = {"app": app, "environment": environment, "name": _NAME}
        self._mine = [watches.c[name] == value for name, value in self._own.items()]

    def last(self) -> Watch | None:
        """The newest, if there ever was one."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(watches.c.since, watches.c.seen).where(*self._mine)).first()
        return None if row is None else Watch(row.since, row.seen)

    def write(self, connection: sa.Connection, watch: Watch) -> None:
        """Remember it."""
        values = {"since": watch.since, "seen": watch.seen}
        if not connection.execute(watches.update().where(*self._mine).values(**values)).rowcount:
            connection.execute(watches.insert().values(**self._own, **values))
