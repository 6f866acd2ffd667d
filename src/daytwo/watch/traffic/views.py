"""What people and programs are shown of real traffic: the same for the API and the command line."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa
from pydantic import BaseModel, Field

from daytwo.core.errors import NotFoundError
from daytwo.store.database import Database
from daytwo.watch.numbers import Numbers, Summary
from daytwo.watch.traffic.names import SOURCE, logs_in, routes_of, series_of
from daytwo.watch.traffic.request import Unread
from daytwo.watch.views import length


class TrafficData(BaseModel):
    """Requests of a log, or of one of its routes, over a time; times in seconds."""

    name: str = Field(description="of the log, or of the route")
    requests: int
    per_second: float
    errors: int = Field(description="answers of 5xx")
    client_errors: int = Field(description="answers of 4xx")
    error_rate: float | None = Field(description="errors / requests; null when there was no request")
    client_error_rate: float | None = Field(description="client_errors / requests; null when there was no request")
    p50: float | None
    p95: float | None
    p99: float | None


class LogTraffic(TrafficData):
    """Requests of a log."""

    begin: datetime
    end: datetime
    users: float | None = Field(description="different users in a minute, on average over minutes with requests")
    bytes: float = Field(description="content of answers")
    unread: int = Field(description="lines that are no requests")
    reasons: dict[str, int] = Field(description="of those, by why they are none")


class RoutedTraffic(LogTraffic):
    """Requests of a log, and of its routes."""

    routes: list[TrafficData] = Field(description="the worst first: most errors, then slowest")


class TrafficViews:
    """Looks at the traffic of one app and environment.

    Args:
        database: the state.
        app: the app's name.
        environment: the environment's name.
        clock: the time now.
    """

    def __init__(self, database: Database, app: str, environment: str, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._numbers = Numbers(database, app, environment)
        self._clock = clock

    def logs(self, since: str) -> list[LogTraffic]:
        """Every access log that ever had a request or a line that is none, the worst first.

        Args:
            since: how far back, as people write it.

        Raises:
            UsageError: `since` is not written like that.
        """
        begin, end = self._window(since)
        with self._database.read() as connection:
            look = _Look(self._numbers, connection, begin, end)
            return _worst_first([look.log(one) for one in logs_in(look.names)])

    def log(self, name: str, since: str) -> RoutedTraffic:
        """An access log and its routes.

        Raises:
            NotFoundError: there is none.
            UsageError: see `logs`.
        """
        begin, end = self._window(since)
        with self._database.read() as connection:
            look = _Look(self._numbers, connection, begin, end)
            known = logs_in(look.names)
            key = series_of(name).partition(".")[2]
            if key not in known:
                raise NotFoundError(
                    f"there is no traffic of a log {name}", hint=f"There is: {', '.join(known) or 'none yet'}"
                )
            routes = [look.route(key, one) for one in routes_of(look.names, key)]
            asked = _worst_first([one for one in routes if one.requests])
            return RoutedTraffic(**look.log(key).model_dump(), routes=asked)

    def _window(self, since: str) -> tuple[datetime, datetime]:
        now = self._clock()
        return (now - length(since)).replace(second=0, microsecond=0), now


T = TypeVar("T", bound=TrafficData)


class _Look:
    """One look at the numbers of a window; it begins with a whole minute."""

    def __init__(self, numbers: Numbers, connection: sa.Connection, begin: datetime, end: datetime) -> None:
        self._numbers = numbers
        self._connection = connection
        self._begin = begin
        self._end = end
        self.names = frozenset(numbers.names(connection, f"{SOURCE}.*"))

    def _summary(self, name: str) -> Summary | None:
        if name not in self.names:
            return None
        return self._numbers.summary(self._connection, name, self._begin, self._end)

    def _sum(self, name: str) -> float:
        found = self._summary(name)
        return found.sum if found else 0.0

    def log(self, name: str) -> LogTraffic:
        """A log."""
        series = series_of(name)
        told = {one.value: round(self._sum(f"{series}.unread.{one}")) for one in Unread}
        return LogTraffic(
            **self._traffic(name, series).model_dump(),
            begin=self._begin,
            end=self._end,
            users=self._users(series),
            bytes=self._sum(f"{series}.bytes"),
            unread=round(self._sum(f"{series}.unread")),
            reasons={reason: count for reason, count in told.items() if count},
        )

    def route(self, log: str, slug: str) -> TrafficData:
        """A route of a log."""
        return self._traffic(slug, f"{series_of(log)}.{slug}")

    def _traffic(self, name: str, series: str) -> TrafficData:
        requests, errors = self._sum(f"{series}.requests"), self._sum(f"{series}.errors")
        refused = self._sum(f"{series}.client_errors")
        took = self._summary(f"{series}.duration")
        return TrafficData(
            name=name,
            requests=round(requests),
            per_second=requests / (self._end - self._begin).total_seconds(),
            errors=round(errors),
            client_errors=round(refused),
            error_rate=errors / requests if requests else None,
            client_error_rate=refused / requests if requests else None,
            p50=took.quantile(0.5) if took else None,
            p95=took.quantile(0.95) if took else None,
            p99=took.quantile(0.99) if took else None,
        )

    def _users(self, series: str) -> float | None:
        """A user counts once in each minute: their mean needs the minutes, not the requests."""
        name = f"{series}.users"
        users = self._sum(name)
        if not users:
            return None
        minutes = self._numbers.chart(self._connection, name, self._begin, self._end, _FINEST)
        span = (self._end - self._begin).total_seconds() / 60
        # Coarser points than minutes tell the mean over all minutes only.
        return users / (len(minutes) if span <= _FINEST else span)


_FINEST = 300
"""Points of a chart in which minutes are told apart."""


def _worst_first(found: Sequence[T]) -> list[T]:
    return sorted(found, key=lambda one: (-(one.error_rate or 0), -(one.p95 or 0), -one.requests, one.name))


__all__ = ["LogTraffic", "RoutedTraffic", "TrafficData", "TrafficViews"]
