"""The records of an app as the daemon tells them: what `Books` has from the state, asked over the Unix socket."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter

from daytwo.cli.alert_books import AfarAlerts
from daytwo.cli.guarded import AfarSecurity
from daytwo.cli.incident_books import AfarIncidents, AfarOncall
from daytwo.cli.watched import AfarLogs, AfarTraffic, AfarViews
from daytwo.core.errors import NotFoundError, RefusedError
from daytwo.core.records import Head
from daytwo.ledger.glance import Glance, SeenAlert, SeenIncident, SeenRun, SeenSnapshot, Wrong, newest_first
from daytwo.serve.client import Client, address

if TYPE_CHECKING:
    from daytwo.access.roles import Principal
    from daytwo.config import Config
    from daytwo.config.serving import Records
    from daytwo.ledger.audit import Filter, Recorded, Verdict
    from daytwo.ledger.audit.prune import Pruned
    from daytwo.ledger.exports import Added, By, ExportFilter, ExportRecord, Submission, Totals
    from daytwo.ledger.heartbeats import Heartbeat, Ping
    from daytwo.ledger.runs import Outcome, RunRow
    from daytwo.serve.overview import ScheduleView
    from daytwo.watch.security.event import Submission as SecuritySubmission
    from daytwo.watch.security.event import Taken

T = TypeVar("T")


class Afar:
    """The records of an app whose state only the daemon may open.

    Args:
        config: the configuration.
        client: the line to the daemon.
    """

    daemon = True

    def __init__(self, config: "Config", client: Client) -> None:
        self.config = config
        self.runs = _Runs(config, client)
        self.audit = _Audit(client)
        self.exports = _Exports(client)
        self.heartbeats = _Heartbeats(client)
        self.alerts = AfarAlerts(client)
        self.incidents = AfarIncidents(client)
        self.oncall = AfarOncall(client)
        self.views = AfarViews(client)
        self.security = AfarSecurity(client)
        self.traffic = AfarTraffic(client)
        self.logs = AfarLogs(client)
        self._client = client

    def schedules(self) -> "list[ScheduleView]":
        """What is due when."""
        from daytwo.serve.overview import ScheduleView

        return [_as(ScheduleView, one) for one in self._client.call("GET", "/api/schedules")]

    def record(self, given: "Submission", by: "Principal") -> "Added":
        """Record that data left the app.

        Raises:
            ConflictError: the key was used for something else.
        """
        return self.exports.record(given)

    def report_event(self, given: "SecuritySubmission", by: "Principal") -> "Taken":
        """Record a security event.

        Raises:
            ConflictError: the key was used for something else.
        """
        return self.security.add(given)

    def glance(self) -> Glance:
        """The newest runs, the snapshots as last seen, and what is paused."""
        runs, _ = self._client.listed("/api/runs", 50)
        backups, _ = self._client.listed("/api/runs", 500, kind="backup")
        return Glance(
            newest_first(_as(SeenRun, one) for one in (*runs, *backups)),
            tuple(_as(SeenSnapshot, one) for one in self._client.call("GET", "/api/snapshots")),
            {one.name: one.paused_by for one in self.schedules() if one.paused},
        )

    def wrong(self) -> Wrong:
        """What is wrong now."""
        alerts = self._client.call("GET", "/api/alerts?limit=50")
        incidents, _ = self._client.listed("/api/incidents", 50)
        return Wrong(
            tuple(_as(SeenAlert, one) for one in alerts if not one["because_of"]),
            tuple(_as(SeenIncident, one["incident"] | {"id": one["incident"]["number"]}) for one in incidents),
        )


class _Runs:
    def __init__(self, config: "Config", client: Client) -> None:
        self._client = client
        # What a person is not told of: what its way back needs, and the order in the words of the program.
        self._rest = {"app": config.app, "environment": config.environment, "journal": (), "request": ""}

    def latest(self, kind: str | None = None, *, limit: int = 20, outcome: "Outcome | None" = None) -> "list[RunRow]":
        """The newest runs first."""
        found, _ = self._client.listed("/api/runs", limit, kind=kind, outcome=outcome)
        return [self._row(one) for one in found]

    def get(self, id: str) -> "RunRow | None":
        """One run."""
        try:
            return self._row(self._client.call("GET", f"/api/runs/{quote(id, safe='')}"))
        except NotFoundError:
            return None

    def _row(self, told: dict[str, Any]) -> "RunRow":
        from daytwo.ledger.runs import RunRow

        return _as(RunRow, told | self._rest)


class _Exports:
    def __init__(self, client: Client) -> None:
        self._client = client

    def record(self, given: "Submission") -> "Added":
        """Record that data left the app."""
        from daytwo.ledger.exports import Added

        told, new = self._client.made("/api/exports", given.model_dump(mode="json"))
        return Added(self._record(told), new)

    def page(
        self, wanted: "ExportFilter", limit: int = 50, after: str | None = None
    ) -> "tuple[tuple[ExportRecord, ...], str | None]":
        """Exports, the newest first."""
        found, following = self._client.listed("/api/exports", limit, after, **vars(wanted))
        return tuple(self._record(one) for one in found), following

    def get(self, number: int) -> "ExportRecord":
        """One record."""
        return self._record(self._client.call("GET", f"/api/exports/{number}"))

    def csv(self, wanted: "ExportFilter") -> Iterator[str]:
        """Exports as CSV, the newest first."""
        return _text(self._client.download(address("/api/exports.csv", **vars(wanted))))

    def report(self, by: "By", since: date | None = None, until: date | None = None, limit: int = 100) -> "Totals":
        """Sum exports up, over all time or whole days (UTC)."""
        from daytwo.ledger.exports import Totals

        path = address("/api/exports/report", by=by, since=since, until=until, limit=limit)
        return _as(Totals, self._client.call("GET", path))

    def _record(self, told: Any) -> "ExportRecord":
        from daytwo.ledger.exports import ExportRecord

        return _as(ExportRecord, told)


class _Audit:
    def __init__(self, client: Client) -> None:
        self._client = client

    def page(
        self, wanted: "Filter", limit: int = 50, after: str | None = None
    ) -> "tuple[tuple[Recorded, ...], str | None]":
        """Events, the newest first."""
        found, following = self._client.listed("/api/audit", limit, after, **vars(wanted))
        return tuple(self._event(one) for one in found), following

    def get(self, id: str) -> "Recorded":
        """One event, by its id (`CHAIN/SEQ`)."""
        chain, _, seq = (quote(part, safe="") for part in id.partition("/"))
        return self._event(self._client.call("GET", f"/api/audit/events/{chain or '-'}/{seq or '-'}"))

    def export(self, wanted: "Filter", form: str = "jsonl") -> Iterator[str]:
        """Events as lines of `jsonl` or `csv`, the oldest first."""
        return _text(self._client.download(address("/api/audit/export", format=form, **vars(wanted))))

    def heads(self) -> tuple[Head, ...]:
        """Where each chain ends now."""
        return tuple(_as(Head, one) for one in self._client.call("GET", "/api/audit/heads"))

    def verify(self, anchors: Sequence[Head] = ()) -> "Verdict":
        """Look for whatever is not as it was recorded."""
        from daytwo.ledger.audit import Verdict

        body = {"heads": [one.model_dump(mode="json") for one in anchors]}
        return _as(Verdict, self._client.call("POST", "/api/audit/verify", body))

    def prune(self, now: datetime, records: "Records", *, actor: str = "", via: str = "") -> "tuple[Pruned, ...]":
        """The daemon does that by itself, once a day.

        Raises:
            RefusedError: always.
        """
        raise RefusedError(
            "the state is not yours to open", hint="The daemon prunes once a day; or run this as its user or as root"
        )

    def _event(self, told: Any) -> "Recorded":
        from daytwo.ledger.audit import Recorded

        return _as(Recorded, told)


class _Heartbeats:
    def __init__(self, client: Client) -> None:
        self._client = client

    def all(self) -> "list[Heartbeat]":
        """All that were ever in the configuration, by name."""
        found = [self._heartbeat(one) for one in self._client.call("GET", "/api/heartbeats")]
        return sorted(found, key=lambda one: one.name)

    def get(self, name: str) -> "Heartbeat":
        """One of them."""
        return self._heartbeat(self._client.call("GET", f"/api/heartbeats/{quote(name, safe='')}")["heartbeat"])

    def pings(self, name: str, limit: int) -> "list[Ping]":
        """Its newest pings, the newest first."""
        from daytwo.ledger.heartbeats import Ping

        path = address(f"/api/heartbeats/{quote(name, safe='')}", limit=limit)
        told = self._client.call("GET", path)["pings"]["data"]
        return [_as(Ping, one | {"duration": one["duration_ms"]}) for one in told]

    def _heartbeat(self, told: dict[str, Any]) -> "Heartbeat":
        from daytwo.ledger.heartbeats import Heartbeat

        # Its ping id is as good as a password: a viewer is not told.
        ping = (told["url"] or "").rpartition("/")[2]
        return _as(Heartbeat, told | {"ping": ping, "duration": told["duration_ms"]})


def _text(chunks: Iterator[bytes]) -> Iterator[str]:
    import codecs

    return codecs.iterdecode(chunks, "utf-8")


def _as(kind: type[T], told: Any) -> T:
    """What the daemon told, as the ledger's own; it may tell more."""
    return TypeAdapter(kind).validate_python(told)
