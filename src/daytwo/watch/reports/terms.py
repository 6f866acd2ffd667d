"""What is promised when: objectives, business hours and maintenance windows of a configuration, applied to a time."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.config.objectives import Maintenance, Objective, Objectives, Opening
from daytwo.core.periods import Period, Periods
from daytwo.store.tables import maintenances
from daytwo.watch.uptime import Counting


@dataclass(frozen=True)
class Terms:
    """What reports need of a configuration.

    Args:
        zone: IANA name of the app's zone.
        objectives: what is promised.
        maintenance: windows by name.
    """

    zone: str = "UTC"
    objectives: Objectives = field(default_factory=Objectives)
    maintenance: Mapping[str, Maintenance] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Config) -> "Terms":
        """Those of a configuration."""
        return cls(config.timezone, config.objectives, config.maintenance)


@dataclass(frozen=True)
class ByHand:
    """Maintenance that somebody began.

    Args:
        services: of which services, by name or pattern; of all when empty.
        period: from when until when.
    """

    services: tuple[str, ...]
    period: Period

    def fits(self, service: str) -> bool:
        """Whether it is of a service."""
        return not self.services or any(fnmatchcase(service, one) for one in self.services)


def by_hand(connection: sa.Connection, app: str, environment: str) -> tuple[ByHand, ...]:
    """All maintenance of an app that was ever begun by hand."""
    columns = (maintenances.c.services, maintenances.c.begin, maintenances.c.until, maintenances.c.ended)
    query = sa.select(*columns).filter_by(app=app, environment=environment).order_by(maintenances.c.id)
    return tuple(
        ByHand(tuple(json.loads(services)), Period(begin, end))
        for services, begin, until, ended in connection.execute(query)
        if begin < (end := ended or until)
    )


class Calendar:
    """Terms, applied to times. It remembers what it has worked out: many checks share the same terms.

    Args:
        terms: what is promised when.
        begun: maintenance that was begun by hand.
    """

    def __init__(self, terms: Terms, begun: Sequence[ByHand]) -> None:
        self._terms = terms
        self._begun = begun
        self._known: dict[tuple[object, ...], Counting] = {}

    def counting(self, service: str, objective: Objective | None, begin: datetime, end: datetime) -> Counting:
        """What of a time counts for a check.

        Args:
            service: whom it asks.
            objective: what is promised of it.
            begin: the first moment.
            end: the first moment after it.
        """
        hours: tuple[Opening, ...] = objective.hours if objective is not None else ()
        windows = tuple(
            name for name, one in self._terms.maintenance.items() if not one.services or service in one.services
        )
        begun = tuple(one.period for one in self._begun if one.fits(service))
        key = (hours, windows, begun, begin, end)
        if key not in self._known:
            zone = self._terms.zone
            opened = [one.hours(zone) for one in hours]
            maintained = self._maintenance(windows, begin, end) | Periods(begun)
            self._known[key] = Counting.of(begin, end, opened, maintained)
        return self._known[key]

    def _maintenance(self, names: tuple[str, ...], begin: datetime, end: datetime) -> Periods:
        windows = (self._terms.maintenance[name].window(self._terms.zone) for name in names)
        return Periods(period for window in windows for period in window.within(begin, end))
