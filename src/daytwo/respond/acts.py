"""What people do about alerts: acknowledge, silence, maintain, try a message again. Each act is in the audit trail.

Only rows are written. What follows (an acknowledgement is passed on, what a silence hid is told) the daemon does in its
next round, whoever wrote them.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from daytwo.access.roles import Principal
from daytwo.config import Config
from daytwo.config.problems import nearest
from daytwo.config.watching import SOURCES
from daytwo.core.channel import Level
from daytwo.core.errors import ConflictError, UsageError
from daytwo.core.units import Duration
from daytwo.ledger.audit import Audit
from daytwo.respond.alerts import Alert, AlertBook
from daytwo.respond.incidents import orders
from daytwo.respond.incidents.wiring import desk_of
from daytwo.respond.outbox import Notification, Outbox
from daytwo.respond.silences import Matchers, Silence, Silences
from daytwo.respond.windows import ByHand, Maintenances


class Given(BaseModel):
    """What somebody wants; nothing is ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Acknowledge(Given):
    """Somebody takes care of an alert."""

    note: str = Field(default="", max_length=1000, description="what they say")


class NewSilence(Given):
    """Nobody is to be told of some alerts for a time. All names may be patterns such as `db.*`."""

    rules: tuple[str, ...] = Field(default=(), max_length=50, description="of these rules; of all when absent")
    subjects: tuple[str, ...] = Field(
        default=(), max_length=50, description="of these checks or series; of all when absent"
    )
    services: tuple[str, ...] = Field(default=(), max_length=50, description="of these services; of all when absent")
    levels: tuple[Level, ...] = Field(default=(), max_length=3, description="only of these levels; of all when absent")
    length: str = Field(max_length=20, description="for how long: `2h`")
    why: str = Field(default="", max_length=1000, description="the reason")
    everything: bool = Field(
        default=False, description="that it may fit every alert, or every critical one; then for 24 hours at most"
    )


class NewWindow(Given):
    """Maintenance begins."""

    services: tuple[str, ...] = Field(default=(), max_length=50, description="of these services; of all when absent")
    length: str = Field(max_length=20, description="for how long: `1h`")
    why: str = Field(default="", max_length=1000, description="the reason")


class Acts:
    """What can be done in one app and environment.

    Args:
        config: gives the configuration as it is now.
        audit: the record of who did what.
        clock: the time now.
    """

    def __init__(self, config: Callable[[], Config], audit: Audit, clock: Callable[[], datetime]) -> None:
        own = (config().app, config().environment)
        self._config = config
        self._audit = audit
        self._incidents = desk_of(config, audit)
        self._clock = clock
        self._book = AlertBook(*own)
        self._silences = Silences(*own)
        self._maintenances = Maintenances(*own)
        self._outbox = Outbox(*own)

    def acknowledge(self, connection: sa.Connection, who: Principal, number: int, note: str = "") -> Alert:
        """Take care of an alert, and of the incident that it belongs to: nobody is told of either again.

        Raises:
            NotFoundError: there is none.
            ConflictError: it is over, or somebody does already.
        """
        one = self._book.get(connection, number)
        if not one.open:
            raise ConflictError(f"alert {number} is over")
        if one.acknowledged is not None:
            raise ConflictError(f"{one.acknowledged_by} takes care of alert {number} already")
        self._book.change(connection, number, acknowledged=self._clock(), acknowledged_by=who.name, note=note)
        self._record(connection, who, "alert.acknowledge", str(number), note=note)
        if one.incident is not None and not self._incidents.book.get(connection, one.incident).over:
            self._incidents.act(connection, one.incident, orders.Acknowledge(), who, self._clock())
        return self._book.get(connection, number)

    def silence(self, connection: sa.Connection, who: Principal, given: NewSilence) -> Silence:
        """Silence alerts.

        Raises:
            UsageError, RefusedError: it makes no sense, or fits everything.
        """
        matchers = Matchers(given.rules, given.subjects, given.services, given.levels)
        made = self._silences.add(
            connection, matchers, _length(given.length), self._clock(), by=who.name, why=given.why,
            everything=given.everything,
        )  # fmt: skip
        told = {"fits": str(matchers), "length": given.length, "why": given.why}
        self._record(connection, who, "silence.add", str(made.id), **told)
        return made

    def end_silence(self, connection: sa.Connection, who: Principal, number: int) -> Silence:
        """Take a silence away.

        Raises:
            NotFoundError: there is none that lasts.
        """
        ended = self._silences.end(connection, number, self._clock())
        self._record(connection, who, "silence.end", str(number))
        return ended

    def begin_maintenance(self, connection: sa.Connection, who: Principal, given: NewWindow) -> ByHand:
        """Begin maintenance.

        Raises:
            UsageError: it makes no sense, or is of nothing that there is.
        """
        known = [*self._config().services, *SOURCES]
        for one in given.services:
            if not any(fnmatchcase(name, one) for name in known):
                raise UsageError(f"there is no service {one}", hint=nearest(one, known))
        made = self._maintenances.begin(
            connection, given.services, _length(given.length), self._clock(), by=who.name, why=given.why
        )
        self._record(connection, who, "maintenance.begin", str(made.id), length=given.length, why=given.why)
        return made

    def end_maintenance(self, connection: sa.Connection, who: Principal, number: int | None) -> list[ByHand]:
        """End maintenance that was begun by hand: one, or all of it.

        Raises:
            NotFoundError: there is none.
        """
        ended = self._maintenances.end(connection, number, self._clock())
        for one in ended:
            self._record(connection, who, "maintenance.end", str(one.id))
        return ended

    def retry(self, connection: sa.Connection, who: Principal, number: int) -> Notification:
        """Try a message again that reached nobody.

        Raises:
            NotFoundError, ConflictError: there is none, or it is not dead.
        """
        one = self._outbox.retry(connection, number, self._clock())
        self._record(connection, who, "notification.retry", str(number))
        return one

    def _record(self, connection: sa.Connection, who: Principal, action: str, subject: str, **detail: str) -> None:
        told = {name: value for name, value in detail.items() if value}
        self._audit.append(
            connection, action, subject, actor=who.name, via=who.via.value, source=who.source, detail=told
        )


def _length(text: str) -> timedelta:
    try:
        return Duration.parse(text).delta
    except ValueError as error:
        raise UsageError(f"length: {error}") from None
