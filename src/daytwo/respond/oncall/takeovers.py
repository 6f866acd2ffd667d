"""Who took over being on call by hand, in the state."""

from collections import defaultdict
from datetime import datetime

import sqlalchemy as sa

from daytwo.respond.oncall.turns import Takeover
from daytwo.store.tables import oncall_takeovers


class Takeovers:
    """Those of one app and environment.

    Args:
        app: the app's name.
        environment: the environment's name.
    """

    def __init__(self, app: str, environment: str) -> None:
        self._own = {"app": app, "environment": environment}

    def add(self, connection: sa.Connection, rota: str, takeover: Takeover, by: str, now: datetime) -> int:
        """Write one down; it counts before all others.

        Args:
            connection: of the transaction.
            rota: which rota is taken over.
            takeover: by whom, and for how long.
            by: who says so.
            now: the time now, aware.

        Returns:
            Its number.
        """
        values = {"rota": rota, "person": takeover.person, "begin": takeover.begin, "end": takeover.end}
        made = oncall_takeovers.insert().values(**self._own, **values, by=by, created=now)
        return int(connection.execute(made.returning(oncall_takeovers.c.id)).scalar_one())

    def between(self, connection: sa.Connection, begin: datetime, end: datetime) -> dict[str, list[Takeover]]:
        """Those that have a part in a time, by rota, the newest first."""
        within = (oncall_takeovers.c.begin < end, oncall_takeovers.c.end > begin)
        query = sa.select(oncall_takeovers).filter_by(**self._own).where(*within).order_by(oncall_takeovers.c.id.desc())
        found: defaultdict[str, list[Takeover]] = defaultdict(list)
        for row in connection.execute(query):
            found[row.rota].append(Takeover(row.person, row.begin, row.end))
        return dict(found)

    def standing(self, connection: sa.Connection, now: datetime) -> dict[str, list[Takeover]]:
        """Those that count at a moment, by rota, the newest first: what `reach` wants."""
        return {
            rota: counting
            for rota, found in self.between(connection, now, datetime.max.replace(tzinfo=now.tzinfo)).items()
            if (counting := [one for one in found if one.begin <= now < one.end])
        }
