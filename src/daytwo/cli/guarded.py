"""Security events as the daemon tells them: what `SecurityViews` has from the state, asked over the Unix socket."""

from typing import TYPE_CHECKING

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from daytwo.serve.client import Client
    from daytwo.watch.security.event import EventData, EventFilter, FindingData, Submission, Taken
    from daytwo.watch.security.views import SecurityReport, Standing


class AfarSecurity:
    """`SecurityViews` as the daemon tells them.

    Args:
        client: the line to the daemon.
    """

    def __init__(self, client: "Client") -> None:
        self._client = client

    def add(self, given: "Submission") -> "Taken":
        """Record an event."""
        from daytwo.watch.security.event import Taken

        told, _ = self._client.made("/api/security/events", given.model_dump(mode="json"))
        return TypeAdapter(Taken).validate_python(told)

    def events(
        self, wanted: "EventFilter", limit: int = 50, after: str | None = None
    ) -> "tuple[list[EventData], str | None]":
        """Events, the newest first."""
        from daytwo.watch.security.event import EventData

        found, following = self._client.listed("/api/security/events", limit, after, **vars(wanted))
        return [EventData.model_validate(one) for one in found], following

    def findings(
        self, standing: "Standing" = "open", limit: int = 50, after: str | None = None
    ) -> "tuple[list[FindingData], str | None]":
        """Limits that are crossed now, or also were."""
        from daytwo.watch.security.event import FindingData

        found, following = self._client.listed("/api/security/findings", limit, after, status=standing)
        return [FindingData.model_validate(one) for one in found], following

    def report(self, since: str) -> "SecurityReport":
        """The security check."""
        from daytwo.serve.client import address
        from daytwo.watch.security.views import SecurityReport

        return SecurityReport.model_validate(self._client.call("GET", address("/api/security/report", since=since)))
