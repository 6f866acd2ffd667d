"""Takes in what rules report: transitions become alerts and go through the pipeline, in the transaction they are of."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from daytwo.core.channel import Level
from daytwo.respond.alerts import GRADES, Alert, AlertBook, AlertChange, Step, Subscriber, What, fingerprint
from daytwo.respond.pipeline import Desk, Reason
from daytwo.store.tables import transitions
from daytwo.watch.rules import Key, State, Transition

MOST = 2000
"""Transitions that are taken in one transaction; the rest follows in the next."""
_MANY = 500
Taker = Callable[[sa.Connection, Sequence[Transition], datetime], None]
"""What those who judge call, right after the rules, in the same transaction."""


def nobody(connection: sa.Connection, found: Sequence[Transition], now: datetime) -> None:
    """Takes nothing in: what rules report waits to be claimed."""


def service_of(subject: str, services: Iterable[str]) -> str:
    """Whose a check or series is: the longest name of a service that it begins with, or else its first word.

    Args:
        subject: `db.replica.lag`.
        services: those of the configuration.
    """
    known = set(services)
    owner = subject
    while "." in owner and owner not in known:
        owner = owner.rpartition(".")[0]
    return owner if owner in known else subject.partition(".")[0][:63]


class Intake:
    """Makes alerts of transitions. To be called with the state's writer: one at a time.

    Args:
        app: the app's name.
        environment: the environment's name.
        desk: runs the pipeline.
        subscribers: called for each change of an alert, in the transaction.
    """

    def __init__(self, app: str, environment: str, desk: Desk, subscribers: Sequence[Subscriber] = ()) -> None:
        self._own = {"app": app, "environment": environment}
        self._book = AlertBook(app, environment)
        self._desk = desk
        self._subscribers = tuple(subscribers)

    def __call__(self, connection: sa.Connection, found: Sequence[Transition], now: datetime) -> None:
        """Take in what was just written; nothing is done where that is nothing."""
        if found:
            self.claim(connection, now)

    def unclaimed(self, connection: sa.Connection) -> bool:
        """Whether there are transitions that nobody has taken in."""
        query = sa.select(transitions.c.id).filter_by(**self._own).where(transitions.c.claimed.is_(None)).limit(1)
        return connection.execute(query).first() is not None

    def claim(self, connection: sa.Connection, now: datetime) -> int:
        """Take in the transitions that nobody has taken in so far.

        Args:
            connection: of the transaction.
            now: the time now.

        Returns:
            How many there were; there may be more when it is `MOST`.
        """
        t = transitions.c
        query = sa.select(transitions).filter_by(**self._own).where(t.claimed.is_(None)).order_by(t.id).limit(MOST)
        rows = connection.execute(query).all()
        if not rows:
            return 0
        mine = (t.app == self._own["app"], t.environment == self._own["environment"], t.claimed.is_(None))
        connection.execute(transitions.update().where(*mine, t.id <= rows[-1].id).values(claimed=now))
        news = [row for row in rows if _alerting(row)]
        changes = self._changes(connection, news, now) if news else []
        final = {alert.id: alert for alert, _ in changes}
        self._desk.handle(connection, [(final[alert.id], what) for alert, what in changes], now)
        self.publish(connection, changes, now)
        return len(rows)

    def publish(self, connection: sa.Connection, changes: Sequence[tuple[Alert, What]], now: datetime) -> None:
        """Tell the subscribers."""
        if not self._subscribers:
            return
        teller = self._desk.teller
        for alert, what in changes:
            change = AlertChange.of(alert, what, teller.about(alert.rule), now)
            for one in self._subscribers:
                one(connection, change, now)

    def _changes(
        self, connection: sa.Connection, rows: Sequence[sa.Row[Any]], now: datetime
    ) -> list[tuple[Alert, What]]:
        keys = list(dict.fromkeys(Key(row.rule, row.subject) for row in rows))
        standing = self._book.standing(connection, keys)
        services = self._desk.config.services
        changes = []
        for row in rows:
            key = Key(row.rule, row.subject)
            alert = standing.get(key)
            if State(row.new) is State.OK:
                found = self._over(connection, alert, row) if alert else None
            elif alert is None:
                found = self._fired(connection, key, row, service_of(row.subject, services), now)
            else:
                found = self._changed(connection, alert, row)
            if found is not None:
                changes.append(found)
                if found[0].open:
                    standing[key] = found[0]
                else:
                    standing.pop(key, None)
        return changes

    def _fired(
        self, connection: sa.Connection, key: Key, row: sa.Row[Any], service: str, now: datetime
    ) -> tuple[Alert, What] | None:
        values: Mapping[str, Any] = {
            "level": row.level, "value": row.value, "why": row.why, "because_of": row.because_of
        }  # fmt: skip
        before = self._book.over_in_window(connection, key)
        if before is not None:
            # F33: it was known before the maintenance, came and went in it, and is there: it goes on.
            self._book.change(connection, before.id, end=None, held="", **values)
            step = Step(now, What.FIRED, "window", Reason.TOLD_ALREADY.value, "it was there before the maintenance")
            self._book.note(connection, [(before.id, step)])
            return replace(before, end=None, held="", **values), What.BETTER
        number = self._book.add(connection, key, service, row.at, values)
        level: Level = row.level
        mark = fingerprint(key.rule, key.subject)
        found = Alert(number, mark, key.rule, key.subject, service, level, row.at)
        return replace(found, value=row.value, why=row.why, because_of=row.because_of), What.FIRED

    def _changed(self, connection: sa.Connection, alert: Alert, row: sa.Row[Any]) -> tuple[Alert, What] | None:
        values: dict[str, Any] = {
            "level": row.level, "value": row.value, "why": row.why, "because_of": row.because_of
        }  # fmt: skip
        self._book.change(connection, alert.id, **values)
        after = replace(alert, **values)
        if alert.because_of and not after.because_of:
            return after, What.FIRED
        if after.level == alert.level:
            return None
        return after, What.WORSE if GRADES[after.level] > GRADES[alert.level] else What.BETTER

    def _over(self, connection: sa.Connection, alert: Alert, row: sa.Row[Any]) -> tuple[Alert, What]:
        self._book.change(connection, alert.id, end=row.at, again=None)
        return replace(alert, end=row.at, again=None), What.OVER


def _alerting(row: sa.Row[Any]) -> bool:
    """Whether a transition has to do with an alert, not only with one that threatens."""
    return State(row.new) is State.FIRING or (State(row.new) is State.OK and State(row.old).alert)
