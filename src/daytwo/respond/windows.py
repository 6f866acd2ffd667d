"""Maintenance: the windows of the configuration, and those that somebody begins by hand."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.core.errors import NotFoundError, UsageError
from daytwo.respond.alerts import Alert
from daytwo.store.tables import maintenances

LONGEST = timedelta(days=7)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Open:
    """A window that is open.

    Args:
        name: its name, or `by hand 3`.
        services: of which services, by name or pattern; of all when empty.
        until: its end.
    """

    name: str
    services: tuple[str, ...]
    until: datetime

    def fits(self, alert: Alert) -> bool:
        """Whether an alert is of its services."""
        return not self.services or any(fnmatchcase(alert.service, one) for one in self.services)


@dataclass(frozen=True, slots=True)
class ByHand:
    """A window that somebody began.

    Args:
        id: its number.
        services: of which services; of all when empty.
        begin: when it was begun.
        until: its end, as it was given.
        by: who began it.
        why: their reason.
        ended: when it was ended early.
    """

    id: int
    services: tuple[str, ...]
    begin: datetime
    until: datetime
    by: str
    why: str
    ended: datetime | None = None

    def active(self, now: datetime) -> bool:
        """Whether it is open."""
        return self.ended is None and self.begin <= now < self.until


class Maintenances:
    """The windows of one app and environment that were begun by hand.

    Args:
        app: the app's name.
        environment: the environment's name.
    """

    def __init__(self, app: str, environment: str) -> None:
        self._own = {"app": app, "environment": environment}

    def begin(
        self,
        connection: sa.Connection,
        services: Sequence[str],
        length: timedelta,
        now: datetime,
        *,
        by: str,
        why: str = "",
    ) -> ByHand:
        """Begin one.

        Args:
            connection: of the transaction.
            services: of which services, by name or pattern; of all when empty.
            length: how long.
            now: the time now.
            by: who begins it.
            why: their reason.

        Raises:
            UsageError: it makes no sense.
        """
        if not timedelta() < length <= LONGEST:
            raise UsageError("maintenance lasts more than nothing and at most 7 days")
        row = {"services": json.dumps(list(services)), "begin": now, "until": now + length, "by": by, "why": why}
        result = connection.execute(maintenances.insert().values(**self._own, **row))
        assert result.inserted_primary_key is not None
        return ByHand(result.inserted_primary_key[0], tuple(services), now, now + length, by, why)

    def end(self, connection: sa.Connection, number: int | None, now: datetime) -> list[ByHand]:
        """End one, or all that are open.

        Raises:
            NotFoundError: there is none.
        """
        found = [one for one in self.active(connection, now) if number in (None, one.id)]
        if not found:
            which = "" if number is None else f" {number}"
            raise NotFoundError(f"there is no open maintenance{which} that was begun by hand")
        for one in found:
            connection.execute(maintenances.update().where(maintenances.c.id == one.id).values(ended=now))
        return found

    def active(self, connection: sa.Connection, now: datetime) -> list[ByHand]:
        """Those that are open."""
        wanted = (maintenances.c.until > now, maintenances.c.begin <= now, maintenances.c.ended.is_(None))
        return self._where(connection, *wanted)

    def since(self, connection: sa.Connection, begin: datetime) -> list[ByHand]:
        """Those that are open, or were since then; the newest first."""
        return self._where(connection, maintenances.c.until >= begin)[::-1]

    def _where(self, connection: sa.Connection, *wanted: sa.ColumnElement[bool]) -> list[ByHand]:
        query = sa.select(maintenances).filter_by(**self._own).where(*wanted).order_by(maintenances.c.id)
        return [_by_hand(row) for row in connection.execute(query)]


def open_windows(config: Config, by_hand: Sequence[ByHand], now: datetime) -> list[Open]:
    """All windows that are open.

    Args:
        config: whose windows come again, or once.
        by_hand: those that somebody began.
        now: the time now, aware.
    """
    found = [Open(f"by hand {one.id}", one.services, one.until) for one in by_hand if one.active(now)]
    for name, one in config.maintenance.items():
        for period in one.window(config.timezone).within(now, now + _TICK):
            if now in period:
                found.append(Open(name, one.services, period.end))
    return found


def _by_hand(row: sa.Row[Any]) -> ByHand:
    return ByHand(row.id, tuple(json.loads(row.services)), row.begin, row.until, row.by, row.why, row.ended)
