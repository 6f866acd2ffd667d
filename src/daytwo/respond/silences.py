"""Silences: alerts of which nobody is told for a time, because somebody knows."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

import sqlalchemy as sa

from daytwo.core.errors import NotFoundError, RefusedError, UsageError
from daytwo.respond.alerts import Alert
from daytwo.store.tables import silences

LONGEST = timedelta(days=366)
LONGEST_OF_ALL = timedelta(hours=24)
"""How long a silence may last that fits every alert."""
_MOST = 50
_LONG = 200


@dataclass(frozen=True, slots=True)
class Matchers:
    """What a silence fits: an alert that fits one of each kind that is given. All are names or patterns.

    Args:
        rules: names of rules.
        subjects: names of checks or series.
        services: names of services.
        levels: `critical`, `warning`, `info`.
    """

    rules: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()

    def fits(self, alert: Alert) -> bool:
        """Whether they fit an alert."""
        pairs = (
            (self.rules, alert.rule), (self.subjects, alert.subject), (self.services, alert.service),
            (self.levels, alert.level),
        )  # fmt: skip
        return all(not globs or any(fnmatchcase(value, one) for one in globs) for globs, value in pairs)

    @property
    def everything(self) -> bool:
        """Whether they fit every alert there may be, or every critical one."""
        narrow = [globs for globs in (self.rules, self.subjects, self.services) if globs]
        levels = not self.levels or any(fnmatchcase("critical", one) for one in self.levels)
        return levels and all(any(not one.strip("*?") for one in globs) for globs in narrow)

    def __str__(self) -> str:
        named = {"rule": self.rules, "subject": self.subjects, "service": self.services, "level": self.levels}
        return ", ".join(f"{name} {' or '.join(globs)}" for name, globs in named.items() if globs) or "every alert"

    def check(self) -> None:
        """Refuse what is none.

        Raises:
            UsageError: too many, too long, or an empty one.
        """
        for one in (*self.rules, *self.subjects, *self.services, *self.levels):
            if not one.strip() or len(one) > _LONG:
                raise UsageError("what a silence fits is a name or a pattern of 1 to 200 characters")
        if max(len(globs) for globs in asdict(self).values()) > _MOST:
            raise UsageError(f"a silence has at most {_MOST} names of a kind", hint="Use a pattern such as `db.*`")


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence.

    Args:
        id: its number.
        matchers: what it fits.
        begin: from when on.
        until: its end, as it was given.
        by: who wanted it.
        why: their reason.
        ended: when it was taken away early.
        reminded: when somebody was last reminded that it is there.
    """

    id: int
    matchers: Matchers
    begin: datetime
    until: datetime
    by: str
    why: str
    ended: datetime | None = None
    reminded: datetime | None = None

    def active(self, now: datetime) -> bool:
        """Whether it counts."""
        return self.ended is None and self.begin <= now < self.until

    def __str__(self) -> str:
        return f"silence {self.id} of {self.matchers}, by {self.by}" + (f": {self.why}" if self.why else "")


class Silences:
    """The silences of one app and environment.

    Args:
        app: the app's name.
        environment: the environment's name.
    """

    def __init__(self, app: str, environment: str) -> None:
        self._own = {"app": app, "environment": environment}

    def add(
        self,
        connection: sa.Connection,
        matchers: Matchers,
        length: timedelta,
        now: datetime,
        *,
        by: str,
        why: str = "",
        everything: bool = False,
    ) -> Silence:
        """Silence alerts from now on.

        Args:
            connection: of the transaction.
            matchers: which ones.
            length: for how long.
            now: the time now.
            by: who wants it.
            why: their reason.
            everything: that it may fit every alert.

        Raises:
            UsageError: it makes no sense.
            RefusedError: it fits everything, and that was not said, or for too long.
        """
        matchers.check()
        if not timedelta() < length <= LONGEST:
            raise UsageError("a silence lasts more than nothing and at most 366 days")
        if matchers.everything and not everything:
            raise RefusedError(
                f"this silences every {'critical ' if matchers.levels else ''}alert",
                hint="Name what is meant; or say that it is wanted: `--yes`, for 24h at most",
            )
        if matchers.everything and length > LONGEST_OF_ALL:
            raise RefusedError(
                "what silences every alert lasts at most 24h", hint="Make it shorter, or name what is meant"
            )
        row = {"matchers": json.dumps(asdict(matchers)), "begin": now, "until": now + length, "by": by, "why": why}
        result = connection.execute(silences.insert().values(**self._own, **row))
        assert result.inserted_primary_key is not None
        return Silence(result.inserted_primary_key[0], matchers, now, now + length, by, why)

    def end(self, connection: sa.Connection, number: int, now: datetime) -> Silence:
        """Take one away.

        Raises:
            NotFoundError: there is none that lasts.
        """
        found = self._where(connection, silences.c.id == number)
        if not found or not found[0].active(now):
            raise NotFoundError(f"there is no active silence {number}", hint="`daytwo silence list` shows them")
        connection.execute(silences.update().where(silences.c.id == number).values(ended=now))
        return found[0]

    def active(self, connection: sa.Connection, now: datetime) -> list[Silence]:
        """Those that count now."""
        return self._where(connection, silences.c.until > now, silences.c.begin <= now, silences.c.ended.is_(None))

    def since(self, connection: sa.Connection, begin: datetime) -> list[Silence]:
        """Those that count, or did since then; the newest first."""
        return self._where(connection, silences.c.until >= begin)[::-1]

    def remind(self, connection: sa.Connection, number: int, now: datetime) -> None:
        """Somebody was reminded."""
        connection.execute(silences.update().where(silences.c.id == number).values(reminded=now))

    def _where(self, connection: sa.Connection, *wanted: sa.ColumnElement[bool]) -> list[Silence]:
        query = sa.select(silences).filter_by(**self._own).where(*wanted).order_by(silences.c.id)
        return [_silence(row) for row in connection.execute(query)]


def fitting(found: Sequence[Silence], alert: Alert, now: datetime) -> Silence | None:
    """The first of them that counts and fits an alert."""
    return next((one for one in found if one.active(now) and one.matchers.fits(alert)), None)


def _silence(row: sa.Row[Any]) -> Silence:
    held = json.loads(row.matchers)
    matchers = Matchers(**{name: tuple(held.get(name, ())) for name in Matchers.__dataclass_fields__})
    return Silence(row.id, matchers, row.begin, row.until, row.by, row.why, row.ended, row.reminded)
