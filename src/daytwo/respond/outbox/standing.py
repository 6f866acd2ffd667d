"""How channels stand: whether they work, until when they are left alone, how much they may send."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from daytwo.respond.outbox.carrier import LONGEST_REST, PATIENCE, Outcome, pause
from daytwo.store.database import insert
from daytwo.store.tables import channels

TIRED = 3
"""So many failures in a row, and the fallback is used at once."""
LONG = 500
"""Characters of an error that are kept."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one channel stands.

    Args:
        failures: tries that failed in a row.
        since: when the first of them was.
        rests: until when it is left alone.
        spent: until when what it may send is used up.
        error: what went wrong last.
    """

    failures: int = 0
    since: datetime | None = None
    rests: datetime | None = None
    spent: datetime | None = None
    error: str = ""

    def resting(self, now: datetime) -> bool:
        """Whether it is left alone; not for what was written down while the clock was ahead."""
        return self.rests is not None and now < self.rests <= now + timedelta(seconds=LONGEST_REST)

    def passed_over(self, now: datetime) -> bool:
        """Whether its fallback is to be asked, while it is left alone."""
        return self.failures >= TIRED or (self.rests is not None and self.rests - now > timedelta(seconds=PATIENCE))


class Standings:
    """The channels of one app and environment.

    Args:
        app: the app's name.
        environment: the environment's name.
    """

    def __init__(self, app: str, environment: str) -> None:
        self._own = {"app": app, "environment": environment}

    def all(self, connection: sa.Connection) -> dict[str, Standing]:
        """Every channel of which something is known, by name."""
        query = sa.select(channels).filter_by(**self._own)
        return {
            row.name: Standing(row.failures, row.since, row.rests, row.spent, row.error)
            for row in connection.execute(query)
        }

    def of(self, connection: sa.Connection, name: str) -> Standing:
        """One channel."""
        return self.all(connection).get(name, Standing())

    def settle(self, connection: sa.Connection, name: str, failures: int, outcome: Outcome, now: datetime) -> None:
        """Write down how a channel stands after a try.

        Args:
            connection: of the transaction.
            name: of the channel.
            failures: in a row, before this try.
            outcome: how it went.
            now: the time now.
        """
        if outcome.own:
            if failures:
                self.write(connection, name, failures=0, since=None, rests=None, error="")
            return
        # What is refused says nothing of the next message; a channel that does not answer is left alone for a while.
        rests = None if outcome.permanent else now + pause(failures + 1, outcome.retry_after)
        since = {} if failures else {"since": now}
        self.write(connection, name, failures=failures + 1, rests=rests, error=outcome.error[:LONG], **since)

    def spend(self, connection: sa.Connection, spent: Mapping[str, datetime | None]) -> None:
        """Write down what channels have used up, by name."""
        for name, at in spent.items():
            self.write(connection, name, spent=at)

    def write(self, connection: sa.Connection, name: str, **values: Any) -> None:
        """Change what is known of a channel; two that do so at once do not fail."""
        order = insert(connection, channels).values(**self._own, name=name, **values)
        connection.execute(order.on_conflict_do_update(index_elements=["app", "environment", "name"], set_=values))
