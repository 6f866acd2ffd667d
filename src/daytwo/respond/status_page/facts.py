"""What the page is made of, read from the state in one go."""

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Literal, cast

import sqlalchemy as sa

from daytwo.access.roles import SYSTEM
from daytwo.config import Config
from daytwo.config.responding import Component, StatusPage
from daytwo.core.check import Timing
from daytwo.core.periods import Period, Periods
from daytwo.core.schedule import zone_of
from daytwo.core.service import Checking
from daytwo.core.windows import instant
from daytwo.respond.incidents.book import Book
from daytwo.respond.incidents.model import Incident, Phase
from daytwo.respond.status_page.model import Day, Health
from daytwo.respond.windows import Maintenances
from daytwo.store.database import Database
from daytwo.store.tables import status_updates
from daytwo.watch.observations import Observations, State, Stretch, window_end
from daytwo.watch.uptime import Counting, Uptime

DAYS = 90
PAST = timedelta(days=14)
AHEAD = timedelta(days=14)
_DAY = timedelta(days=1)
_LOOKED_BACK = timedelta(days=120)
_MOST_STORIES = 500
_MOST_UPDATES = 2000
_MOST_WINDOWS = 50


@dataclass(frozen=True)
class Update:
    """A row of `status_updates`.

    Args:
        id: its number.
        incident: the incident that it belongs to.
        notice: the first update of the notice that it belongs to, when it belongs to no incident.
        title: what users are shown above it; empty when that stays as it is.
        state: how far things are.
        text: what users are told.
        components: how components are, by name.
        at: when it was written.
        by: who wrote it.
        withdrawn: when it was taken back.
    """

    id: int
    incident: int | None
    notice: int | None
    title: str
    state: Phase
    text: str
    components: Mapping[str, Health]
    at: datetime
    by: str
    withdrawn: datetime | None

    @property
    def story(self) -> str:
        """What it belongs to: `incident-3`, `notice-7`."""
        return f"incident-{self.incident}" if self.incident is not None else f"notice-{self.notice or self.id}"


@dataclass(frozen=True)
class Facts:
    """What is known.

    Args:
        states: how the checks that count stand, by component and check.
        failures: how many failures in a row of a service's check count, by service.
        days: how each component was, by name, oldest first.
        updates: what users were told lately, oldest first; what was withdrawn, too.
        incidents: those that are public and not long over.
        windows: maintenance windows that are open or to come, each with its services.
    """

    states: Mapping[str, Mapping[str, State]]
    failures: Mapping[str, int]
    days: Mapping[str, tuple[Day, ...]]
    updates: Sequence[Update]
    incidents: Sequence[Incident]
    windows: Sequence[tuple[Period, tuple[str, ...]]]


def components(config: Config) -> dict[str, Component]:
    """What is shown, by name: what the configuration says, or else every service."""
    page = config.status_page or StatusPage()
    return dict(page.components) or {name: Component(title=name, services=(name,)) for name in config.services}


def counts(component: Component, check: str, service: str) -> bool:
    """Whether a check tells how a component is."""
    if not any(fnmatchcase(service, one) for one in component.services):
        return False
    return any(fnmatchcase(check, one) for one in component.checks) if component.checks else check == service


class Reader:
    """Reads facts. It remembers the days that are over: they do not change any more.

    Args:
        database: the state.
        app: the app's name.
        environment: the environment's name.
    """

    def __init__(self, database: Database, app: str, environment: str) -> None:
        self._own = {"app": app, "environment": environment}
        self._observations = Observations(database, app, environment)
        self._incidents = Book(app, environment)
        self._by_hand = Maintenances(app, environment)
        self._fingerprint = ""
        self._known: dict[tuple[str, date], Uptime] = {}

    def facts(self, connection: sa.Connection, config: Config, now: datetime) -> Facts:
        """Everything the page is made of.

        Args:
            connection: to read with.
            config: the configuration.
            now: the time now, aware.
        """
        if config.fingerprint != self._fingerprint:
            self._known, self._fingerprint = {}, config.fingerprint
        shown = components(config)
        states = self._observations.all(connection)
        mine = {
            name: {check: one for check, one in states.items() if counts(component, check, one.service)}
            for name, component in shown.items()
        }
        return Facts(
            states=mine,
            failures={name: _failures(one.check) for name, one in config.services.items()},
            days=self._days(connection, config, mine, now),
            updates=self.updates(connection, now - _LOOKED_BACK),
            incidents=self._public(connection, now),
            windows=self._windows(connection, config, now),
        )

    def updates(self, connection: sa.Connection, since: datetime) -> list[Update]:
        """What users were told since then, also what was withdrawn; oldest first."""
        query = sa.select(status_updates).filter_by(**self._own).where(status_updates.c.at >= since)
        newest = query.order_by(status_updates.c.at.desc(), status_updates.c.id.desc()).limit(_MOST_UPDATES)
        return [update_of(row) for row in connection.execute(newest)][::-1]

    def _public(self, connection: sa.Connection, now: datetime) -> list[Incident]:
        standing = self._incidents.standing(connection)
        recent = self._incidents.since(connection, now - _LOOKED_BACK, _MOST_STORIES)
        found = {one.number: one for one in (*standing, *recent)}
        return [one for one in found.values() if one.public]

    def _windows(
        self, connection: sa.Connection, config: Config, now: datetime
    ) -> list[tuple[Period, tuple[str, ...]]]:
        found = [(Period(one.begin, one.until), one.services) for one in self._by_hand.active(connection, now)]
        for one in config.maintenance.values():
            for period in one.window(config.timezone).within(now, now + AHEAD):
                found.append((period, one.services))
                if len(found) >= _MOST_WINDOWS:
                    break
        return sorted(found, key=lambda pair: (pair[0].begin, pair[0].end))

    def _days(
        self, connection: sa.Connection, config: Config, mine: Mapping[str, Mapping[str, State]], now: datetime
    ) -> dict[str, tuple[Day, ...]]:
        zone = zone_of(config.timezone)
        today = now.astimezone(zone).date()
        days = [today - _DAY * back for back in range(DAYS - 1, -1, -1)]
        bounds = [instant(datetime.combine(one, datetime.min.time()), zone) for one in (*days, today + _DAY)]
        checks = {name: state for states in mine.values() for name, state in states.items()}
        # Yesterday is looked at again: what was observed just before midnight may be written just after it.
        first = len(days) - 2
        for at, day in enumerate(days[:first]):
            if any((name, day) not in self._known for name in checks):
                first = at
                break
        histories = self._observations.histories(connection, bounds[first], now)
        maintenance = _Maintenance(config, self._by_hand.since(connection, bounds[first]), now)
        for name, state in checks.items():
            history = _History(histories.get(name, []))
            for at in range(first, len(days)):
                begin, end = bounds[at], min(bounds[at + 1], now)
                counting = Counting.of(begin, end, (), maintenance.of(state.service, begin, end))
                self._known[name, days[at]] = counting.uptime(history.within(begin, end), window_end(state, now))
        self._known = {key: one for key, one in self._known.items() if key[1] >= days[0]}
        return {
            name: tuple(_mean(day, [self._known[check, day] for check in states]) for day in days)
            for name, states in mine.items()
        }


class _Maintenance:
    def __init__(self, config: Config, by_hand: Sequence[Any], now: datetime) -> None:
        self._config = config
        self._by_hand = by_hand
        self._now = now

    def of(self, service: str, begin: datetime, end: datetime) -> Periods:
        """What of a time is maintenance of a service."""
        found = [
            period
            for one in self._config.maintenance.values()
            if touches(one.services, service)
            for period in one.window(self._config.timezone).within(begin, end)
        ]
        found += [
            Period(max(one.begin, begin), min(one.ended or one.until, end))
            for one in self._by_hand
            if touches(one.services, service) and one.begin < end and (one.ended or one.until) > begin
        ]
        return Periods(found)


class _History:
    def __init__(self, stretches: Sequence[Stretch]) -> None:
        self._stretches = stretches
        self._begins = [one.begin for one in stretches]

    def within(self, begin: datetime, end: datetime) -> Sequence[Stretch]:
        first = max(0, bisect_right(self._begins, begin) - 1)
        return self._stretches[first : bisect_right(self._begins, end)]


def touches(services: Sequence[str], service: str) -> bool:
    """Whether services, by name or pattern, contain one; none of them means all."""
    return not services or any(fnmatchcase(service, one) for one in services)


def _failures(check: Checking | Literal[False]) -> int:
    given = check.failures if isinstance(check, Checking) else None
    return given or Timing().failures


def _mean(day: date, found: Sequence[Uptime]) -> Day:
    def mean(name: str) -> float:
        return sum(getattr(one, name).total_seconds() for one in found) / len(found) if found else 0.0

    return Day(day=day, ok=mean("ok"), failed=mean("failed"), unknown=mean("unknown"), maintenance=mean("maintenance"))


def update_of(row: sa.Row[Any]) -> Update:
    """A row of `status_updates`."""
    said = {name: Health(one) for name, one in json.loads(row.components).items()}
    return Update(
        row.id,
        row.incident,
        row.notice,
        row.title,
        cast(Phase, row.state),
        row.text,
        said,
        row.at,
        row.by,
        row.withdrawn,
    )  # fmt: skip


def is_ours(incident: Incident) -> bool:
    """Whether a person opened it, and so wrote its title."""
    return incident.opened_by != SYSTEM.name
