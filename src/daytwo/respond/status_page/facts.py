"""What the page is made of, read from the state in one go."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

import sqlalchemy as sa

from daytwo.access.roles import SYSTEM
from daytwo.config import Config
from daytwo.config.responding import Component, StatusPage
from daytwo.core.check import Timing
from daytwo.core.periods import Period
from daytwo.core.service import Checking
from daytwo.respond.incidents.book import Book
from daytwo.respond.incidents.model import Incident, Phase
from daytwo.respond.status_page.bars import Bars
from daytwo.respond.status_page.matching import chosen
from daytwo.respond.status_page.model import Day, Health
from daytwo.respond.windows import Maintenances
from daytwo.store.database import Database
from daytwo.store.tables import status_updates
from daytwo.watch.observations import Observations, State

PAST = timedelta(days=14)
AHEAD = timedelta(days=14)
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


class Reader:
    """Reads facts.

    Args:
        database: the state.
        app: the app's name.
        environment: the environment's name.
    """

    def __init__(self, database: Database, app: str, environment: str) -> None:
        self._own = {"app": app, "environment": environment}
        self._observations = Observations(database, app, environment)
        self._bars = Bars(database, app, environment)
        self._incidents = Book(app, environment)
        self._by_hand = Maintenances(app, environment)
        self._of: object = None
        self._chosen: dict[str, tuple[str, ...]] = {}

    def facts(self, connection: sa.Connection, config: Config, now: datetime) -> Facts:
        """Everything the page is made of.

        Args:
            connection: to read with.
            config: the configuration.
            now: the time now, aware.
        """
        states = self._observations.all(connection)
        of = (config.fingerprint, {name: one.service for name, one in states.items()})
        if of != self._of:
            self._chosen, self._of = chosen(components(config), states), of
        mine = {name: {check: states[check] for check in checks} for name, checks in self._chosen.items()}
        return Facts(
            states=mine,
            failures={name: _failures(one.check) for name, one in config.services.items()},
            days=self._bars.days(connection, config, mine, now),
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


def _failures(check: Checking | Literal[False]) -> int:
    given = check.failures if isinstance(check, Checking) else None
    return given or Timing().failures


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
