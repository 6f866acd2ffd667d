"""Incidents and on-call for commands: from the state, or as the daemon tells them."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter

from daytwo.core.errors import UsageError

if TYPE_CHECKING:
    from daytwo.access.roles import Principal
    from daytwo.config import Config
    from daytwo.ledger.audit import Audit
    from daytwo.respond.incidents.model import Action, Detail, Figures, Incident, Summary
    from daytwo.respond.incidents.orders import Open, Order
    from daytwo.respond.oncall import OnCall, RotaData, Take
    from daytwo.serve.client import Client
    from daytwo.store.database import Database

T = TypeVar("T", bound=BaseModel)


class HereIncidents:
    """Incidents in the opened state.

    Args:
        config: the configuration.
        database: the state.
        audit: the record of who did what.
    """

    def __init__(self, config: "Config", database: "Database", audit: "Audit") -> None:
        from daytwo.app import utc_now
        from daytwo.respond.incidents.review import Reviews
        from daytwo.respond.incidents.views import IncidentViews
        from daytwo.respond.incidents.wiring import desk_of

        self._database = database
        self._now = utc_now
        self._desk = desk_of(lambda: config, audit)
        self._views = IncidentViews(database, self._desk, lambda: config, utc_now)
        self._reviews = Reviews(database, self._views, lambda: config, utc_now)

    def all(self, *, over: bool, limit: int) -> "tuple[Summary, ...]":
        """Incidents, the newest first; `over`: also those that are resolved."""
        return self._views.all(over=over, limit=limit)

    def get(self, number: int) -> "Detail":
        """All of one."""
        return self._views.get(number)

    def actions(self, *, done: bool) -> "tuple[Action, ...]":
        """Action items; `done`: also those that are done."""
        return self._views.actions(done=done)

    def figures(self, days: int) -> "Figures":
        """How fast incidents were dealt with."""
        return self._views.figures(days)

    def review(self, number: int) -> str:
        """A draft of a review."""
        return self._reviews.draft(number)

    def open(self, order: "Open", by: "Principal") -> "Incident":
        """Open one."""
        with self._database.begin() as connection:
            return self._desk.open(connection, order, by, self._now())

    def act(self, number: int, order: "Order", by: "Principal") -> "Incident":
        """Do something with one."""
        with self._database.begin() as connection:
            return self._desk.act(connection, number, order, by, self._now())

    def finish(self, action: int, by: "Principal") -> None:
        """Say that an action item is done."""
        with self._database.begin() as connection:
            self._desk.finish_action(connection, action, by, self._now())


class AfarIncidents:
    """Incidents as the daemon tells them.

    Args:
        client: the line to the daemon.
    """

    def __init__(self, client: "Client") -> None:
        self._client = client

    def all(self, *, over: bool, limit: int) -> "tuple[Summary, ...]":
        """Incidents, the newest first; `over`: also those that are resolved."""
        from daytwo.respond.incidents.model import Summary

        found, _ = self._client.listed("/api/incidents", limit, all=over)
        return tuple(Summary.model_validate(one) for one in found)

    def get(self, number: int) -> "Detail":
        """All of one."""
        from daytwo.respond.incidents.model import Detail

        return Detail.model_validate(self._client.call("GET", f"/api/incidents/{number}"))

    def actions(self, *, done: bool) -> "tuple[Action, ...]":
        """Action items; `done`: also those that are done."""
        from daytwo.respond.incidents.model import Action
        from daytwo.serve.client import address

        told = self._client.call("GET", address("/api/incidents/actions", done=done))
        return TypeAdapter(tuple[Action, ...]).validate_python(told)

    def figures(self, days: int) -> "Figures":
        """How fast incidents were dealt with."""
        from daytwo.respond.incidents.model import Figures
        from daytwo.serve.client import address

        return Figures.model_validate(self._client.call("GET", address("/api/incidents/report", days=days)))

    def review(self, number: int) -> str:
        """A draft of a review."""
        return b"".join(self._client.download(f"/api/incidents/{number}/review")).decode()

    def open(self, order: "Open", by: "Principal") -> "Incident":
        """Open one."""
        from daytwo.respond.incidents.model import Incident

        return Incident.model_validate(self._client.call("POST", "/api/incidents", order.model_dump(mode="json")))

    def act(self, number: int, order: "Order", by: "Principal") -> "Incident":
        """Do something with one."""
        from daytwo.respond.incidents.model import Incident

        path = f"/api/incidents/{number}/{order.word}"
        return Incident.model_validate(self._client.call("POST", path, order.model_dump(mode="json")))

    def finish(self, action: int, by: "Principal") -> None:
        """Say that an action item is done."""
        self._client.call("POST", f"/api/incidents/actions/{action}/done")


class HereOncall:
    """Who is on call, from the opened state.

    Args:
        config: the configuration.
        database: the state.
        audit: the record of who did what.
    """

    def __init__(self, config: "Config", database: "Database", audit: "Audit") -> None:
        from daytwo.app import utc_now
        from daytwo.respond.oncall import Roster

        self._database = database
        self._roster = Roster(database, lambda: config, audit, utc_now)

    def now(self, at: datetime | None) -> "tuple[OnCall, ...]":
        """Who is on call in each rota."""
        return self._roster.now(at)

    def rota(self, name: str, begin: datetime | None, days: int) -> "RotaData":
        """A rota, and who has which turn."""
        return self._roster.rota(name, begin, days)

    def calendar(self, name: str) -> str:
        """A rota as an iCalendar feed."""
        return self._roster.calendar(name)

    def take(self, name: str, order: "Take", by: "Principal") -> "OnCall":
        """Have somebody take over."""
        with self._database.begin() as connection:
            return self._roster.take(connection, name, order, by)


class AfarOncall:
    """Who is on call, as the daemon tells it.

    Args:
        client: the line to the daemon.
    """

    def __init__(self, client: "Client") -> None:
        self._client = client

    def now(self, at: datetime | None) -> "tuple[OnCall, ...]":
        """Who is on call in each rota."""
        from daytwo.respond.oncall import OnCall
        from daytwo.serve.client import address

        return TypeAdapter(tuple[OnCall, ...]).validate_python(
            self._client.call("GET", address("/api/oncall", at=_text(at)))
        )

    def rota(self, name: str, begin: datetime | None, days: int) -> "RotaData":
        """A rota, and who has which turn."""
        from daytwo.respond.oncall import RotaData
        from daytwo.serve.client import address

        path = address(f"/api/oncall/{quote(name, safe='')}", begin=_text(begin), days=days)
        return RotaData.model_validate(self._client.call("GET", path))

    def calendar(self, name: str) -> str:
        """A rota as an iCalendar feed."""
        return b"".join(self._client.download(f"/api/oncall/{quote(name, safe='')}.ics")).decode()

    def take(self, name: str, order: "Take", by: "Principal") -> "OnCall":
        """Have somebody take over."""
        from daytwo.respond.oncall import OnCall

        body: Any = order.model_dump(mode="json")
        return OnCall.model_validate(self._client.call("POST", f"/api/oncall/{quote(name, safe='')}/takeovers", body))


def made(kind: type[T], **values: object) -> T:
    """An order, as somebody typed it.

    Raises:
        UsageError: it cannot be.
    """
    from pydantic import ValidationError

    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        said = str(first["msg"]).removeprefix("Value error, ")
        if first["type"] == "string_pattern_mismatch":
            said = f"{first['input']!r} has characters that do not belong there"
        raise UsageError(said, where=str(first["loc"][0]) if first["loc"] else "") from None


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
