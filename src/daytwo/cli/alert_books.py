"""Alerts as commands see them: from the state, or as the daemon tells."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter

from daytwo.app import utc_now
from daytwo.cli.access import myself
from daytwo.core.units import Duration
from daytwo.respond.acts import Acknowledge, Acts, NewSilence, NewWindow
from daytwo.respond.outbox import State
from daytwo.respond.views import (
    AlertDetail,
    AlertRow,
    AlertViews,
    NotificationData,
    SilenceData,
    WindowData,
    notification_data,
)
from daytwo.serve.client import address

if TYPE_CHECKING:
    import sqlalchemy as sa

    from daytwo.config import Config
    from daytwo.ledger.audit import Audit
    from daytwo.serve.client import Client
    from daytwo.store.database import Database

T = TypeVar("T")


class HereAlerts:
    """Alerts from the state.

    Args:
        config: the configuration.
        database: the state.
        audit: the record of who did what.
    """

    def __init__(self, config: "Config", database: "Database", audit: "Audit") -> None:
        self._views = AlertViews(database, lambda: config, utc_now)
        self._database = database
        self._acts = Acts(lambda: config, audit, utc_now)
        self.alerts = self._views.alerts
        self.alert = self._views.alert
        self.silences = self._views.silences
        self.windows = self._views.windows
        self.notifications = self._views.notifications

    def acknowledge(self, number: int, note: str) -> AlertDetail:
        """Take care of an alert."""
        self._do(lambda connection: self._acts.acknowledge(connection, myself(), number, note))
        return self.alert(number)

    def silence(self, given: NewSilence) -> SilenceData:
        """Silence alerts."""
        made = self._do(lambda connection: self._acts.silence(connection, myself(), given))
        return next(one for one in self.silences() if one.id == made.id)

    def end_silence(self, number: int) -> None:
        """Take a silence away."""
        self._do(lambda connection: self._acts.end_silence(connection, myself(), number))

    def begin_maintenance(self, given: NewWindow) -> WindowData:
        """Begin maintenance."""
        made = self._do(lambda connection: self._acts.begin_maintenance(connection, myself(), given))
        return next(one for one in self.windows() if one.id == made.id)

    def end_maintenance(self, number: int | None) -> int:
        """End maintenance that was begun by hand; how many."""
        return len(self._do(lambda connection: self._acts.end_maintenance(connection, myself(), number)))

    def retry(self, number: int) -> NotificationData:
        """Try a message again."""
        return notification_data(self._do(lambda connection: self._acts.retry(connection, myself(), number)))

    def _do(self, work: "Callable[[sa.Connection], T]") -> T:
        with self._database.begin() as connection:
            return work(connection)


class AfarAlerts:
    """Alerts as the daemon tells.

    Args:
        client: the line to the daemon.
    """

    def __init__(self, client: "Client") -> None:
        self._client = client

    def alerts(self, since: timedelta | None = None, limit: int = 500) -> list[AlertRow]:
        """Alerts, the newest first."""
        back = None if since is None else str(Duration(since.total_seconds()))
        return self._told(list[AlertRow], "GET", address("/api/alerts", since=back, limit=min(limit, 500)))

    def alert(self, number: int) -> AlertDetail:
        """One alert."""
        return self._told(AlertDetail, "GET", f"/api/alerts/{number}")

    def silences(self) -> list[SilenceData]:
        """Silences."""
        return self._told(list[SilenceData], "GET", "/api/silences")

    def windows(self) -> list[WindowData]:
        """Maintenance windows."""
        return self._told(list[WindowData], "GET", "/api/maintenance")

    def notifications(self, state: State | None = None, limit: int = 50) -> list[NotificationData]:
        """Messages, the newest first."""
        path = address("/api/notifications", state=state, limit=min(limit, 500))
        return self._told(list[NotificationData], "GET", path)

    def acknowledge(self, number: int, note: str) -> AlertDetail:
        """Take care of an alert."""
        return self._told(AlertDetail, "POST", f"/api/alerts/{number}/acknowledge", Acknowledge(note=note))

    def silence(self, given: NewSilence) -> SilenceData:
        """Silence alerts."""
        return self._told(SilenceData, "POST", "/api/silences", given)

    def end_silence(self, number: int) -> None:
        """Take a silence away."""
        self._client.call("DELETE", f"/api/silences/{number}")

    def begin_maintenance(self, given: NewWindow) -> WindowData:
        """Begin maintenance."""
        return self._told(WindowData, "POST", "/api/maintenance", given)

    def end_maintenance(self, number: int | None) -> int:
        """End maintenance that was begun by hand; how many."""
        if number is None:
            return len(self._client.call("DELETE", "/api/maintenance"))
        self._client.call("DELETE", f"/api/maintenance/{number}")
        return 1

    def retry(self, number: int) -> NotificationData:
        """Try a message again."""
        return self._told(NotificationData, "POST", f"/api/notifications/{number}/retry")

    def _told(self, kind: type[T], method: str, path: str, given: Any = None) -> T:
        body = None if given is None else given.model_dump(mode="json")
        return TypeAdapter(kind).validate_python(self._client.call(method, path, body))
