"""What is promised when: objectives, business hours and maintenance windows of a configuration, applied to a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from daytwo.config import Config
from daytwo.config.objectives import Maintenance, Objective, Objectives, Opening
from daytwo.core.periods import Periods
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


class Calendar:
    """Terms, applied to times. It remembers what it has worked out: many checks share the same terms.

    Args:
        terms: what is promised when.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
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
        key = (hours, windows, begin, end)
        if key not in self._known:
            zone = self._terms.zone
            opened = [one.hours(zone) for one in hours]
            self._known[key] = Counting.of(begin, end, opened, self._maintenance(windows, begin, end))
        return self._known[key]

    def _maintenance(self, names: tuple[str, ...], begin: datetime, end: datetime) -> Periods:
        windows = (self._terms.maintenance[name].window(self._terms.zone) for name in names)
        return Periods(period for window in windows for period in window.within(begin, end))
