"""What people and programs are shown of incidents: the same for the command line, the API and the pages."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.core.errors import UsageError
from daytwo.respond.incidents.actions import Actions
from daytwo.respond.incidents.book import Book
from daytwo.respond.incidents.containment import containment
from daytwo.respond.incidents.desk import IncidentDesk
from daytwo.respond.incidents.model import Action, Detail, Figures, Grade, Incident, Item, State, Summary, Target
from daytwo.respond.incidents.timeline import changes, timeline
from daytwo.store.database import Database

_MOST_DAYS = 3660
_MANY = 100_000


class IncidentViews:
    """Looks at the incidents of one app.

    Args:
        database: the state.
        desk: the incidents.
        config: gives the configuration as it is now.
        clock: the time now.
    """

    def __init__(
        self, database: Database, desk: IncidentDesk, config: Callable[[], Config], clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._book: Book = desk.book
        self._actions: Actions = desk.actions
        self._config = config
        self._clock = clock

    def all(self, *, over: bool = False, limit: int = 50, before: int | None = None) -> tuple[Summary, ...]:
        """Incidents, the newest first.

        Args:
            over: also those that are resolved.
            limit: how many at most.
            before: only those with a lower number.
        """
        now = self._clock()
        with self._database.read() as connection:
            if over:
                found = self._book.since(connection, None, limit, before)
            else:
                standing = self._book.standing(connection)
                found = [one for one in standing if before is None or one.number < before][:limit]
            left = self._book.standing_alerts(connection, [one.number for one in found])
            return tuple(self._summary(connection, one, left.get(one.number, 0), now) for one in found)

    def get(self, number: int) -> Detail:
        """All of an incident.

        Raises:
            NotFoundError: there is none of this number.
        """
        now = self._clock()
        with self._database.read() as connection:
            one = self._book.get(connection, number)
            joined = self._book.alerts(connection, number)
            left = sum(alert.over is None for alert in joined)
            return Detail(
                **dict(self._summary(connection, one, left, now)),
                timeline=tuple(timeline(connection, self._book, one, now)),
                items=tuple(self._book.items(connection, number)),
                levels=tuple(self._book.levels(connection, number)),
                joined=tuple(joined),
                changes=tuple(changes(connection, self._book, one)),
                actions=tuple(self._actions.all(connection, now, done=True, incident=number)),
                containment=containment(self._config(), one, joined),
            )

    def actions(self, *, done: bool = False) -> tuple[Action, ...]:
        """Action items, the first to be due first; `done`: also those that are done."""
        with self._database.read() as connection:
            return tuple(self._actions.all(connection, self._clock(), done=done))

    def figures(self, days: int = 30) -> Figures:
        """How fast incidents were dealt with that were opened in the last so many days.

        Raises:
            UsageError: so many days are none, or more than ten years.
        """
        if not 1 <= days <= _MOST_DAYS:
            raise UsageError(f"{days} days are not between 1 and {_MOST_DAYS}")
        now = self._clock()
        with self._database.read() as connection:
            found = self._book.since(connection, now - timedelta(days=days), _MANY)
        names = list(self._config().incidents.severities)
        names += sorted({one.severity for one in found} - set(names))
        grades = [_grade(name, [one for one in found if one.severity == name], now) for name in names]
        return Figures(days=days, grades=(*grades, _grade("all", found, now)))

    def _summary(self, connection: sa.Connection, one: Incident, alerts: int, now: datetime) -> Summary:
        items = self._book.items(connection, one.number) if not one.over else []
        return Summary(
            incident=one, respond=respond_target(one, now), resolve=resolve_target(one, now), alerts=alerts,
            suggestion=suggestion(one, items, self._clock()),
        )  # fmt: skip


def respond_target(one: Incident, now: datetime) -> Target | None:
    """How the promise to take it stands; None when nothing was promised. It ends, too, with what is over by itself."""
    return _target(one.respond_within, one.opened, one.responded or one.resolved, now)


def resolve_target(one: Incident, now: datetime) -> Target | None:
    """How the promise to resolve it stands; None when nothing was promised."""
    return _target(one.resolve_within, one.opened, one.resolved, now)


def suggestion(one: Incident, items: Sequence[Item], now: datetime) -> str:
    """What to do next, in a sentence; empty when nothing is obvious."""
    if one.over:
        return ""
    if one.state is State.OPEN:
        return f"Nobody has taken it: daytwo incidents ack {one.number}"
    if one.quiet is not None:
        return f"All its alerts are over. Is it resolved? daytwo incidents resolve {one.number} --cause ..."
    left = next((item for item in items if item.list == "response" and item.ticked is None), None)
    return f"Next on its checklist: {left.number} {left.text}" if left else ""


def _target(within: float | None, begin: datetime, end: datetime | None, now: datetime) -> Target | None:
    if within is None:
        return None
    took = max(0.0, ((end or now) - begin).total_seconds())
    return Target(within=within, took=took, done=end is not None, missed=took > within)


def _grade(name: str, found: Sequence[Incident], now: datetime) -> Grade:
    targets = [[respond_target(one, now), resolve_target(one, now)] for one in found]
    return Grade(
        severity=name, incidents=len(found), open=sum(not one.over for one in found),
        mtta=_mean((one.responded - one.opened).total_seconds() for one in found if one.responded),
        mttr=_mean((one.resolved - one.opened).total_seconds() for one in found if one.resolved),
        late=sum(any(one is not None and one.missed for one in both) for both in targets),
    )  # fmt: skip


def _mean(values: Iterable[float]) -> float | None:
    found = [max(0.0, value) for value in values]
    return sum(found) / len(found) if found else None
