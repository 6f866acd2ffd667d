"""What is watched as the daemon tells it: what `Views` has from the state, asked over the Unix socket."""

from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from daytwo.serve.client import Client
    from daytwo.watch.views import (
        AlertData,
        ChartData,
        CheckData,
        CheckHistory,
        PerformanceData,
        SeriesData,
        Status,
        UptimeData,
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
        from daytwo.watch.views import UptimeData

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
        from daytwo.watch.views import PerformanceData

        return self._get(PerformanceData, "/api/monitoring/performance", since=since)

    def _get(self, kind: type[T], path: str, **query: Any) -> T:
        from daytwo.serve.client import address

        return TypeAdapter(kind).validate_python(self._client.call("GET", address(path, **query)))
