"""What is watched, as a command sees it: from the state, or through the daemon where that alone may open it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter

from daytwo.cli.output import use_zone
from daytwo.core.schedule import zone_of

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
        Views,
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


@contextlib.contextmanager
def watched(path: Path | None) -> "Iterator[Views | AfarViews]":
    """Look at what is watched; the daemon need not run.

    Args:
        path: the configuration file, or None to look for it.

    Raises:
        ConfigError, RefusedError
    """
    from daytwo.cli.books import the_daemon_for
    from daytwo.config import glimpse

    config = glimpse(path)
    use_zone(zone_of(config.timezone))
    if client := the_daemon_for(config):
        yield AfarViews(client)
        return
    from daytwo.app import utc_now
    from daytwo.store.database import open_database
    from daytwo.store.url import StateUrl
    from daytwo.watch.views import Views

    with contextlib.closing(open_database(StateUrl.of(config))) as database:
        yield Views(database, config.app, config.environment, utc_now)
