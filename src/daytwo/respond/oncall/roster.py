"""Who is on call, as all faces show it, and taking over by hand."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from daytwo.access.roles import Principal
from daytwo.config import Config
from daytwo.config.problems import nearest
from daytwo.config.responding import Rota
from daytwo.config.types import Name
from daytwo.core.errors import NotFoundError, UsageError
from daytwo.ledger.audit import Audit
from daytwo.respond.oncall.calendar import calendar
from daytwo.respond.oncall.takeovers import Takeovers
from daytwo.respond.oncall.turns import Shift, Takeover, gaps, members, on_call, shifts
from daytwo.store.database import Database

_AHEAD = timedelta(days=62)
"""How far ahead it is told who comes next, and until when; and what the calendar shows."""
_BACK = timedelta(days=7)
_LONGEST = timedelta(days=92)
MOST_DAYS = 92


class Shown(BaseModel):
    """Frozen, and the same in JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ShiftData(Shown):
    """A time in which somebody is on call."""

    person: str
    begin: datetime
    end: datetime
    layer: int = Field(description="which layer of the rota it is of, from 1; 0 for somebody who took over")


class GapData(Shown):
    """A time in which nobody is on call."""

    begin: datetime
    end: datetime


class OnCall(Shown):
    """Who is on call in a rota."""

    rota: str
    at: datetime
    person: str | None = Field(description="null when nobody is; then everybody of the rota is told")
    until: datetime | None = Field(description="when that ends; null when not within two months")
    following: str | None = Field(description="who comes then")
    people: tuple[str, ...] = Field(description="everybody who ever has a turn")
    gap: GapData | None = Field(description="the next time within two months in which nobody is on call")


class RotaData(OnCall):
    """A rota, and who has which turn."""

    shifts: tuple[ShiftData, ...]
    gaps: tuple[GapData, ...]


class Take(Shown):
    """Take over being on call."""

    person: Name = Field(description="who takes over: a person of the configuration")
    begin: AwareDatetime | None = Field(default=None, description="from when on; now when absent")
    end: AwareDatetime = Field(description="until when")


class Roster:
    """Who is on call in the rotas of one app.

    Args:
        database: the state, to read from.
        config: gives the configuration as it is now.
        audit: the record of who did what.
        clock: the time now.
    """

    def __init__(
        self, database: Database, config: Callable[[], Config], audit: Audit, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._config = config
        self._audit = audit
        self._clock = clock
        self._takeovers = Takeovers(config().app, config().environment)

    def now(self, at: datetime | None = None) -> tuple[OnCall, ...]:
        """Who is on call in each rota, in the order of the configuration; `at`: at that time instead of now."""
        return tuple(self._on_call(name, at or self._clock()) for name in self._config().oncall)

    def people(self) -> dict[str, str | None]:
        """Who is on call now, by rota; None where nobody is. Unlike `now`, it does not look ahead."""
        now, config = self._clock(), self._config()
        with self._database.read() as connection:
            taken = self._takeovers.standing(connection, now)
        return {name: on_call(rota, config.timezone, now, taken.get(name, ())) for name, rota in config.oncall.items()}

    def rota(self, name: str, begin: datetime | None = None, days: int = 7) -> RotaData:
        """A rota, and who has which turn.

        Args:
            name: of the rota.
            begin: from when on; from now when None.
            days: for how many days, at most 92.

        Raises:
            NotFoundError: there is no such rota.
            UsageError: so many days cannot be shown.
        """
        rota = self._rota(name)
        if not 1 <= days <= MOST_DAYS:
            raise UsageError(f"{days} days are not between 1 and {MOST_DAYS}")
        first = (begin or self._clock()).astimezone(UTC)
        last = first + timedelta(days=days)
        taken, zone = self._taken(name, first, last), self._config().timezone
        return RotaData(
            **dict(self._on_call(name, first)),
            shifts=tuple(_shown(one) for one in shifts(rota, zone, first, last, taken)),
            gaps=tuple(GapData(begin=one.begin, end=one.end) for one in gaps(rota, zone, first, last, taken)),
        )

    def calendar(self, name: str) -> str:
        """A rota as an iCalendar feed: the last week, and two months ahead.

        Raises:
            NotFoundError: there is no such rota.
        """
        config, now = self._config(), self._clock()
        first, last = now - _AHEAD, now + _AHEAD
        found = shifts(self._rota(name), config.timezone, first, last, self._taken(name, first, last))
        # One that goes on behind what was looked at would end at another time with each look, and be another event.
        # For the same reason it is looked back further than is shown: what began before that still begins when it did.
        whole = [one for one in found if one.end > now - _BACK and (one.end < last or one.begin <= now)]
        return calendar(config.app, config.environment, name, whole, now)

    def take(self, connection: sa.Connection, name: str, order: Take, who: Principal) -> OnCall:
        """Have somebody take over.

        Args:
            connection: of the transaction.
            name: of the rota.
            order: who, and for how long.
            who: on whose behalf.

        Returns:
            Who is on call when it begins.

        Raises:
            NotFoundError: there is no such rota.
            UsageError: there is no such person, or the time is none, is over, or is too long.
        """
        self._rota(name)
        people, now = list(self._config().people), self._clock()
        if order.person not in people:
            raise UsageError(f"there is no person {order.person}; {nearest(order.person, people)}")
        begin = order.begin or now
        if order.end <= max(begin, now) or order.end - begin > _LONGEST:
            raise UsageError(
                f"from {begin:%Y-%m-%d %H:%M} to {order.end:%Y-%m-%d %H:%M} cannot be taken over",
                hint="It must end later than it begins, and later than now, and be at most 92 days long",
            )
        taken = Takeover(order.person, begin.astimezone(UTC), order.end.astimezone(UTC))
        self._takeovers.add(connection, name, taken, who.name, now)
        detail = {"person": taken.person, "begin": taken.begin.isoformat(), "end": taken.end.isoformat()}
        self._audit.append(
            connection, "oncall.take", name, actor=who.name, via=who.via.value, source=who.source, detail=detail
        )
        standing = self._takeovers.between(connection, taken.begin, taken.begin + _AHEAD)
        return self._told(name, taken.begin, standing.get(name, ()))

    def _on_call(self, name: str, at: datetime) -> OnCall:
        return self._told(name, at, self._taken(name, at, at + _AHEAD))

    def _told(self, name: str, at: datetime, taken: Sequence[Takeover]) -> OnCall:
        at = at.astimezone(UTC)
        rota, zone = self._rota(name), self._config().timezone
        ahead = shifts(rota, zone, at, at + _AHEAD, taken)
        bare = gaps(rota, zone, at, at + _AHEAD, taken)
        first = ahead[0] if ahead and ahead[0].begin == at else None
        return OnCall(
            rota=name, at=at, person=first.person if first else None, people=members(rota),
            until=_until(ahead, first, at + _AHEAD) if first else (ahead[0].begin if ahead else None),
            following=next((one.person for one in ahead if first is None or one.person != first.person), None),
            gap=GapData(begin=bare[0].begin, end=bare[0].end) if bare else None,
        )  # fmt: skip

    def _rota(self, name: str) -> Rota:
        known = self._config().oncall
        if name not in known:
            hint = "" if known else "Add one: `oncall: {primary: {people: [anna, bob]}}`"
            raise NotFoundError(f"there is no rota {name}; {nearest(name, list(known))}", hint=hint)
        return known[name]

    def _taken(self, name: str, begin: datetime, end: datetime) -> Sequence[Takeover]:
        with self._database.read() as connection:
            return self._takeovers.between(connection, begin, end).get(name, ())


def _until(ahead: Sequence[Shift], first: Shift, last: datetime) -> datetime | None:
    """When somebody's time ends, over shifts of theirs that follow each other; None when not in what was looked at."""
    end = first.end
    for one in ahead[1:]:
        if one.person != first.person or one.begin != end:
            break
        end = one.end
    return None if end >= last else end


def _shown(one: Shift) -> ShiftData:
    return ShiftData(person=one.person, begin=one.begin, end=one.end, layer=one.layer)
