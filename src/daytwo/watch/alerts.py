"""How rules stand, with what they said last."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from daytwo.store.tables import transitions
from daytwo.watch.rules import Book, Key, State


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule that is not at rest for one of its subjects.

    Args:
        key: which rule, of what.
        state: how it stands.
        level: how bad it is.
        since: when that state began.
        value: the number that was compared when it last changed.
        why: what was said then.
        because_of: what it depends on that failed, too.
    """

    key: Key
    state: State
    level: str
    since: datetime
    value: float | None
    why: str
    because_of: str


class Alerts:
    """The alerts of one app and environment, to be read.

    Args:
        app: the app's name.
        environment: the environment's name.
    """

    def __init__(self, app: str, environment: str) -> None:
        self._own = {"app": app, "environment": environment}
        self._book = Book(app, environment)

    def standing(self, connection: sa.Connection) -> list[Alert]:
        """Those that are not over, the newest first."""
        memories = {
            key: one for key, one in self._book.memories(connection).items() if one.state is not State.OK and one.since
        }
        if not memories:
            return []
        newest = (
            sa.select(sa.func.max(transitions.c.id))
            .filter_by(**self._own)
            .group_by(transitions.c.rule, transitions.c.subject)
        )
        said = {
            Key(row.rule, row.subject): row
            for row in connection.execute(sa.select(transitions).where(transitions.c.id.in_(newest)))
        }
        found = []
        for key, one in memories.items():
            row = said.get(key)
            assert one.since is not None
            found.append(
                Alert(
                    key,
                    one.state,
                    one.level or "critical",
                    one.since,
                    row.value if row else None,
                    row.why if row else "",
                    row.because_of if row else "",
                )
            )
        return sorted(found, key=lambda alert: (alert.since, alert.key), reverse=True)
