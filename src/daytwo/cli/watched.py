"""What is watched as the daemon tells it: what `Views` has from the state, asked over the Unix socket."""

from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from datetime import date

    from daytwo.serve.client import Client
    from daytwo.watch.logs.views import LogData, PatternData, PatternDetail
    from daytwo.watch.reports import Every, PerformanceData, ReportData, UptimeData
    from daytwo.watch.traffic.views import LogTraffic, RoutedTraffic
    from daytwo.watch.views import (
        AlertData,
        ChartData,
        CheckData,
        CheckHistory,
        SeriesData,
        Status,
    )

T = TypeVar("T")


class AfarViews:
    """`Views` as the daemon tells them.

    Args:
        client: the line to the daemon.
    """

    def __init__(self, client: "Client") -> None:
        self._client = client

    def checks(self) -> "list[CheckData]":
        """Every check as it stands."""
        from daytwo.watch.views import CheckData

        return self._get(list[CheckData], "/api/checks")

    def check(self, name: str, since: str) -> "CheckHistory":
        """A check, and how it stood before."""
        from daytwo.watch.views import CheckHistory

        return self._get(CheckHistory, f"/api/checks/{quote(name, safe='')}", since=since)

    def uptimes(self) -> "dict[str, dict[str, UptimeData]]":
        """Uptime of every check."""
        from daytwo.watch.reports import UptimeData

        return self._get(dict[str, dict[str, UptimeData]], "/api/uptime")

    def series(self, pattern: str) -> "list[SeriesData]":
        """Series and their newest numbers."""
        from daytwo.watch.views import SeriesData

        return self._get(list[SeriesData], "/api/series", pattern=pattern)

    def chart(self, name: str, since: str, points: int) -> "ChartData":
        """The numbers of a series over a time."""
        from daytwo.watch.views import ChartData

        return self._get(ChartData, f"/api/series/{quote(name, safe='')}", since=since, points=points)

    def alerts(self, status: "Status") -> "list[AlertData]":
        """Alerts."""
        from daytwo.watch.views import AlertData

        return self._get(list[AlertData], "/api/monitoring/alerts", status=status)

    def performance(self, since: str) -> "PerformanceData":
        """How fast and how reliably everything answered."""
        from daytwo.watch.reports import PerformanceData

        return self._get(PerformanceData, "/api/monitoring/performance", since=since)

    def report(self, period: "Every", day: "date | None" = None) -> "ReportData":
        """How a day, a week or a month was."""
        from daytwo.watch.reports import ReportData

        return self._get(ReportData, "/api/monitoring/report", period=period, date=day)

    def _get(self, kind: type[T], path: str, **query: Any) -> T:
        return _told(self._client, kind, path, **query)


class AfarTraffic:
    """`TrafficViews` as the daemon tells them.

    Args:
        client: the line to the daemon.
    """

    def __init__(self, client: "Client") -> None:
        self._client = client

    def logs(self, since: str) -> "list[LogTraffic]":
        """Every access log."""
        from daytwo.watch.traffic.views import LogTraffic

        return _told(self._client, list[LogTraffic], "/api/traffic", since=since)

    def log(self, name: str, since: str) -> "RoutedTraffic":
        """An access log and its routes."""
        from daytwo.watch.traffic.views import RoutedTraffic

        return _told(self._client, RoutedTraffic, f"/api/traffic/{quote(name, safe='')}", since=since)


class AfarLogs:
    """`LogViews` as the daemon tells them.

    Args:
        client: the line to the daemon.
    """

    def __init__(self, client: "Client") -> None:
        self._client = client

    def logs(self) -> "list[LogData]":
        """The logs that the daemon follows."""
        from daytwo.watch.logs.views import LogData

        return _told(self._client, list[LogData], "/api/logs")

    def patterns(self) -> "list[PatternData]":
        """What is looked for, and how often it was found."""
        from daytwo.watch.logs.views import PatternData

        return _told(self._client, list[PatternData], "/api/logs/patterns")

    def pattern(self, name: str) -> "PatternDetail":
        """A pattern with samples."""
        from daytwo.watch.logs.views import PatternDetail

        return _told(self._client, PatternDetail, f"/api/logs/patterns/{quote(name, safe='')}")


def _told(client: "Client", kind: type[T], path: str, **query: Any) -> T:
    from daytwo.serve.client import address

    return TypeAdapter(kind).validate_python(client.call("GET", address(path, **query)))
