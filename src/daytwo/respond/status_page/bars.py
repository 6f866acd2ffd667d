"""How components were on each of 90 days: days that are over are worked out once, today and yesterday each time."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.core.check import Verdict
from daytwo.core.periods import Period, Periods
from daytwo.core.schedule import zone_of
from daytwo.core.windows import instant
from daytwo.respond.status_page.matching import touches
from daytwo.respond.status_page.model import Day
from daytwo.respond.windows import Maintenances
from daytwo.store.database import Database
from daytwo.watch.observations import Observations, State, Stretch, window_end
from daytwo.watch.uptime import Counting, Uptime

DAYS = 90
_DAY = timedelta(days=1)
_NEW = 2
"""Days that are looked at each time: what was observed just before midnight may be written just after it."""
_Seconds = tuple[float, float, float, float]
"""Of a day: ok, failed, unknown, maintenance."""


class Bars:
    """The days of components. It remembers those that are over: they do not change any more.

    Args:
        database: the state.
        app: the app's name.
        environment: the environment's name.
    """

    def __init__(self, database: Database, app: str, environment: str) -> None:
        self._observations = Observations(database, app, environment)
        self._by_hand = Maintenances(app, environment)
        self._of: object = None
        self._known: dict[date, dict[str, Day]] = {}

    def days(
        self, connection: sa.Connection, config: Config, shown: Mapping[str, Mapping[str, State]], now: datetime
    ) -> dict[str, tuple[Day, ...]]:
        """How each component was, oldest day first.

        Args:
            connection: to read with.
            config: the configuration.
            shown: the checks that count, by component and check.
            now: the time now, aware.
        """
        of = (config.fingerprint, {name: tuple(states) for name, states in shown.items()})
        if of != self._of:
            self._known, self._of = {}, of
        zone = zone_of(config.timezone)
        today = now.astimezone(zone).date()
        days = [today - _DAY * back for back in range(DAYS - 1, -1, -1)]
        over = [one in self._known for one in days[:-_NEW]]
        first = over.index(False) if False in over else len(over)
        bounds = [instant(datetime.combine(one, datetime.min.time()), zone) for one in (*days[first:], today + _DAY)]
        looked = self._looked(connection, config, shown, [*bounds[:-1], now], now)
        self._known = {day: one for day, one in self._known.items() if day >= days[0]}
        for at, day in enumerate(days[first:]):
            self._known[day] = {
                name: _mean(day, [looked[check][at] for check in states]) for name, states in shown.items()
            }
        return {name: tuple(self._known[day][name] for day in days) for name in shown}

    def _looked(
        self, connection: sa.Connection, config: Config, shown: Mapping[str, Mapping[str, State]],
        bounds: Sequence[datetime], now: datetime,
    ) -> dict[str, list[_Seconds]]:  # fmt: skip
        """By check, the days between bounds."""
        histories = self._observations.histories(connection, bounds[0], now)
        kept = _Kept(config, self._by_hand.since(connection, bounds[0]), bounds)
        checks = {name: state for states in shown.values() for name, state in states.items()}
        return {
            name: _History(histories.get(name, ()), window_end(state, now)).days(kept.spans(state.service))
            for name, state in checks.items()
        }


class _Span:
    """A day, as it counts for services with the same maintenance."""

    def __init__(self, begin: datetime, end: datetime, maintenance: Periods) -> None:
        self.begin, self.end = begin, end
        self.counting = Counting.of(begin, end, (), maintenance)
        self.all = {one: _seconds(self.counting.uptime([Stretch(begin, one, "")])) for one in Verdict}
        """How it is when one verdict held from its first moment to its last: nearly every day of every check."""


class _Kept:
    """Which part of each day is maintenance, worked out once for all services that have the same."""

    def __init__(self, config: Config, by_hand: Sequence[Any], bounds: Sequence[datetime]) -> None:
        self._config = config
        self._windows = [(one.services, one.window(config.timezone)) for one in config.maintenance.values()]
        self._by_hand = by_hand
        self._bounds = list(pairwise(bounds))
        self._known: dict[tuple[bool, ...], list[_Span]] = {}

    def spans(self, service: str) -> list[_Span]:
        """The days of a service."""
        whose = (*(services for services, _ in self._windows), *(one.services for one in self._by_hand))
        key = tuple(touches(services, service) for services in whose)
        if key not in self._known:
            self._known[key] = [
                _Span(begin, end, Periods(self._maintenance(key, begin, end))) for begin, end in self._bounds
            ]
        return self._known[key]

    def _maintenance(self, touched: Sequence[bool], begin: datetime, end: datetime) -> Iterable[Period]:
        windows = len(self._windows)
        for (_, window), mine in zip(self._windows, touched[:windows], strict=True):
            if mine:
                yield from window.within(begin, end)
        for one, mine in zip(self._by_hand, touched[windows:], strict=True):
            ended = one.ended or one.until
            if mine and one.begin < end and ended > begin:
                yield Period(max(one.begin, begin), min(ended, end))


class _History:
    """What a check observed.

    Args:
        stretches: oldest first.
        believed: until when the last of them lasts.
    """

    def __init__(self, stretches: Sequence[Stretch], believed: datetime) -> None:
        self._stretches = stretches
        self._begins = [one.begin for one in stretches]
        self._believed = believed

    def days(self, spans: Sequence[_Span]) -> list[_Seconds]:
        """How it was in each."""
        return [self._day(one) for one in spans]

    def _day(self, span: _Span) -> _Seconds:
        first = bisect_right(self._begins, span.begin) - 1
        last = bisect_left(self._begins, span.end) - 1
        if first == last and (first < 0 or self._believed >= span.end):
            return span.all[self._stretches[first].verdict if first >= 0 else Verdict.INCONCLUSIVE]
        within = self._stretches[max(0, first) : last + 1]
        return _seconds(span.counting.uptime(within, self._believed if last + 1 == len(self._stretches) else None))


def _seconds(one: Uptime) -> _Seconds:
    found = (one.ok, one.failed, one.unknown, one.maintenance)
    ok, failed, unknown, maintenance = (length.total_seconds() for length in found)
    return ok, failed, unknown, maintenance


def _mean(day: date, found: Sequence[_Seconds]) -> Day:
    ok, failed, unknown, maintenance = (
        (sum(one) / len(found) for one in zip(*found, strict=True)) if found else (0.0,) * 4
    )
    return Day(day=day, ok=ok, failed=failed, unknown=unknown, maintenance=maintenance)
