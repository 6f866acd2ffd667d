"""Alerts: what a rule found, from the moment it fires until it is over, and what was done about it."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from daytwo.core.channel import Level
from daytwo.core.errors import NotFoundError
from daytwo.store.tables import alert_steps, alerts
from daytwo.watch.rules import Key

GRADES: Mapping[str, int] = {"": 0, "info": 1, "warning": 2, "critical": 3}
"""How bad a level is, to be compared."""
_MANY = 500
"""Rows that one query names by their numbers: a database takes no endless lists."""


class What(StrEnum):
    """What happened to an alert."""

    FIRED = "fired"
    """It began; or what it was put down to is well again, and it is not."""
    WORSE = "worse"
    """A warning has become critical."""
    BETTER = "better"
    """What was critical is a warning now."""
    OVER = "over"
    """It is over."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody takes care of it."""
    LATER = "later"
    """What kept it from being told is not there any more: a silence or a window has ended."""
    REPEAT = "repeat"
    """It is still there, and nobody has acknowledged it."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. Its fields are the columns of the table."""

    id: int
    fingerprint: str
    rule: str
    subject: str
    service: str
    level: Level
    begin: datetime
    end: datetime | None = None
    value: float | None = None
    why: str = ""
    because_of: str = ""
    acknowledged: datetime | None = None
    acknowledged_by: str = ""
    acknowledged_told: datetime | None = None
    note: str = ""
    incident: int | None = None
    leader: int | None = None
    told: datetime | None = None
    told_level: str = ""
    told_over: datetime | None = None
    held: str = ""
    again: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether it is not over."""
        return self.end is None

    @property
    def name(self) -> str:
        """What it is of, in a few words: `web`, `slow (web.duration)`."""
        return self.rule if self.rule == self.subject else f"{self.rule} ({self.subject})"


@dataclass(frozen=True, slots=True)
class AlertChange:
    """What happened to an alert, for those who act on it.

    Args:
        alert: its number.
        what: what happened. `fired` comes a second time, with an empty `because_of`, when what it was put down to is
            well again and the alert stays.
        level: of the alert now.
        rule: whose alert it is.
        subject: the check or series.
        service: whose; empty where it is none's.
        value: the number that was compared.
        why: one sentence.
        about: what the rule means and what to do, as the configuration says.
        because_of: what it is a consequence of; then it is no news.
        at: when.
        by: who acknowledged it.
    """

    alert: int
    what: What
    level: Level
    rule: str
    subject: str
    service: str
    value: float | None
    why: str
    about: str
    because_of: str
    at: datetime
    by: str = ""

    @classmethod
    def of(cls, alert: Alert, what: What, about: str, at: datetime) -> "AlertChange":
        """The change of an alert, as it stands after it."""
        return cls(
            alert.id, what, alert.level, alert.rule, alert.subject, alert.service, alert.value, alert.why, about,
            alert.because_of, at, alert.acknowledged_by if what is What.ACKNOWLEDGED else "",
        )  # fmt: skip


Subscriber = Callable[[sa.Connection, AlertChange, datetime], None]
"""Called in the transaction in which an alert changes."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a stage of the pipeline said.

    Args:
        at: when.
        what: about which change.
        stage: its name.
        reason: a fixed word.
        detail: the particulars, in words.
    """

    at: datetime
    what: What
    stage: str
    reason: str
    detail: str


def fingerprint(rule: str, subject: str) -> str:
    """The same for the same rule and subject, always."""
    return hashlib.sha256(f"{rule}\0{subject}".encode()).hexdigest()[:32]


class AlertBook:
    """The alerts of one app and environment.

    Args:
        app: the app's name.
        environment: the environment's name.
    """

    def __init__(self, app: str, environment: str) -> None:
        self._own = {"app": app, "environment": environment}

    def add(self, connection: sa.Connection, key: Key, service: str, begin: datetime, values: Mapping[str, Any]) -> int:
        """Write a new one down; its number."""
        row = {"rule": key.rule, "subject": key.subject, "service": service, "begin": begin}
        row |= {"fingerprint": fingerprint(key.rule, key.subject)}
        result = connection.execute(alerts.insert().values(**self._own, **row, **values))
        assert result.inserted_primary_key is not None
        number: int = result.inserted_primary_key[0]
        return number

    def change(self, connection: sa.Connection, number: int, **values: Any) -> None:
        """Change what is known of one."""
        connection.execute(alerts.update().where(alerts.c.id == number).values(**values))

    def get(self, connection: sa.Connection, number: int) -> Alert:
        """One alert.

        Raises:
            NotFoundError: there is none.
        """
        found = self.some(connection, [number])
        if not found:
            raise NotFoundError(f"there is no alert {number}", hint="`daytwo alerts --all` lists them")
        return found[0]

    def some(self, connection: sa.Connection, numbers: Iterable[int]) -> list[Alert]:
        """Those with these numbers that are there, oldest first."""
        wanted, found = sorted(set(numbers)), []
        for first in range(0, len(wanted), _MANY):
            found += self._where(connection, alerts.c.id.in_(wanted[first : first + _MANY]))
        return found

    def open(self, connection: sa.Connection) -> list[Alert]:
        """Those that are not over, oldest first."""
        return self._where(connection, alerts.c.end.is_(None))

    def standing(self, connection: sa.Connection, keys: Sequence[Key]) -> dict[Key, Alert]:
        """The open alerts of these rules and subjects."""
        if len(keys) > _MANY:
            return {Key(one.rule, one.subject): one for one in self.open(connection)}
        marks = [fingerprint(key.rule, key.subject) for key in keys]
        found = self._where(connection, alerts.c.end.is_(None), alerts.c.fingerprint.in_(marks))
        return {Key(one.rule, one.subject): one for one in found}

    def over_in_window(self, connection: sa.Connection, key: Key) -> Alert | None:
        """The newest one of this rule and subject, if it was told, is over, and that is held back by a window."""
        mark = fingerprint(key.rule, key.subject)
        held = (alerts.c.told.is_not(None), alerts.c.told_over.is_(None), alerts.c.held == "maintenance")
        found = self._where(connection, alerts.c.fingerprint == mark, alerts.c.end.is_not(None), *held)
        return found[-1] if found else None

    def held(self, connection: sa.Connection) -> list[Alert]:
        """Those of which something is kept back for now."""
        return self._where(connection, alerts.c.held != "")

    def due_again(self, connection: sa.Connection, now: datetime) -> list[Alert]:
        """Those that are to be told once more, with what shares their messages."""
        due = self._where(connection, alerts.c.again <= now, alerts.c.end.is_(None), alerts.c.acknowledged.is_(None))
        leaders = {one.leader for one in due}
        if not leaders:
            return []
        with_them = [one for one in self.open(connection) if one.leader in leaders and not one.acknowledged]
        return [one for one in with_them if one.again is not None]

    def acknowledged(self, connection: sa.Connection) -> list[Alert]:
        """Those that somebody took care of without anybody having been told so far."""
        return self._where(connection, alerts.c.acknowledged.is_not(None), alerts.c.acknowledged_told.is_(None))

    def sharing(self, connection: sa.Connection, leader: int) -> list[Alert]:
        """Those that share messages with this one."""
        return self._where(connection, alerts.c.leader == leader)

    def since(self, connection: sa.Connection, begin: datetime, limit: int) -> list[Alert]:
        """Those that began since then or are open, the newest first."""
        wanted = sa.or_(alerts.c.begin >= begin, alerts.c.end.is_(None))
        query = sa.select(alerts).filter_by(**self._own).where(wanted).order_by(alerts.c.id.desc()).limit(limit)
        return [_alert(row) for row in connection.execute(query)]

    def over(self, connection: sa.Connection, begin: datetime, limit: int) -> list[Alert]:
        """Those that began since then and are over, the newest first."""
        query = sa.select(alerts).filter_by(**self._own).where(alerts.c.begin >= begin, alerts.c.end.is_not(None))
        return [_alert(row) for row in connection.execute(query.order_by(alerts.c.id.desc()).limit(limit))]

    def note(self, connection: sa.Connection, steps: Sequence[tuple[int, Step]]) -> None:
        """Write down what stages said, by the alerts' numbers."""
        if steps:
            connection.execute(
                alert_steps.insert(),
                [
                    {"alert": number, "at": one.at, "what": one.what.value, "stage": one.stage, "reason": one.reason,
                     "detail": one.detail}
                    for number, one in steps
                ],
            )  # fmt: skip

    def steps(self, connection: sa.Connection, number: int, limit: int = 1000) -> list[Step]:
        """What stages said of an alert, oldest first."""
        query = sa.select(alert_steps).where(alert_steps.c.alert == number).order_by(alert_steps.c.id.desc())
        rows = connection.execute(query.limit(limit)).all()
        return [Step(row.at, What(row.what), row.stage, row.reason, row.detail) for row in reversed(rows)]

    def prune(self, connection: sa.Connection, before: datetime, most: int = 2000) -> bool:
        """Remove alerts that have been over for longer, and all that belongs to them; whether there are more."""
        old = sa.select(alerts.c.id).filter_by(**self._own).where(alerts.c.end < before).limit(most)
        return connection.execute(alerts.delete().where(alerts.c.id.in_(old))).rowcount >= most

    def _where(self, connection: sa.Connection, *wanted: sa.ColumnElement[bool]) -> list[Alert]:
        query = sa.select(alerts).filter_by(**self._own).where(*wanted).order_by(alerts.c.id)
        return [_alert(row) for row in connection.execute(query)]


_FIELDS = tuple(Alert.__dataclass_fields__)


def _alert(row: sa.Row[Any]) -> Alert:
    return Alert(*(getattr(row, name) for name in _FIELDS))


def age(begin: datetime, now: datetime) -> str:
    """A time in words, roughly: `4 min`, `2 h 5 min`, `3 d 4 h`."""
    seconds = max(timedelta(), now - begin).total_seconds()
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
