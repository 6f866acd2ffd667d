"""What people and programs are shown of alerts, silences, windows and messages: the same for all faces."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta

from pydantic import BaseModel, Field

from daytwo.config import Config
from daytwo.core.windows import next_of
from daytwo.respond.alerts import Alert, AlertBook, Step
from daytwo.respond.outbox import Notification, Outbox, State
from daytwo.respond.pipeline import WORDS, Reason, Tellings
from daytwo.respond.silences import Silence, Silences
from daytwo.respond.windows import ByHand, Maintenances
from daytwo.store.database import Database

_PAST = timedelta(days=7)
"""How long silences and windows that are over are listed."""


class AlertRow(BaseModel):
    """An alert."""

    id: int
    rule: str
    subject: str
    service: str
    level: str
    begin: datetime
    end: datetime | None = Field(description="when it was over")
    value: float | None = Field(description="the number that was compared")
    why: str
    because_of: str = Field(description="what it is put down to; then nobody is told of it")
    acknowledged: datetime | None = Field(description="when somebody took care of it")
    acknowledged_by: str
    note: str = Field(description="what they said")
    incident: int | None
    told: datetime | None = Field(description="when somebody was last told of it")
    held: str = Field(description="why nobody is told for now, as a word; empty where that is not so")


class StepData(BaseModel):
    """What a stage of the pipeline said of an alert."""

    at: datetime
    what: str = Field(description="of which change: `fired`, `worse`, `over`, `repeat`, ...")
    stage: str
    reason: str
    words: str = Field(description="the reason in words")
    detail: str


class TellingData(BaseModel):
    """That an alert is told, to whom."""

    at: datetime
    what: str
    route: str
    channel: str
    batch: str = Field(description="what it is told together with; empty where it is told by itself")
    due: datetime
    notification: int | None = Field(description="the message that tells it, once that is made")
    state: str | None = Field(description="how that message stands")
    sent: datetime | None
    via: str | None = Field(description="the channel that took it")
    error: str | None


class AlertDetail(AlertRow):
    """An alert, and why it was told to whom, or not."""

    steps: list[StepData]
    tellings: list[TellingData]


class SilenceData(BaseModel):
    """A silence."""

    id: int
    rules: list[str]
    subjects: list[str]
    services: list[str]
    levels: list[str]
    begin: datetime
    until: datetime
    by: str
    why: str
    active: bool
    hides: list[int] = Field(description="the open alerts that it hides")


class WindowData(BaseModel):
    """A maintenance window: one of the configuration, or one that was begun by hand."""

    id: int | None = Field(description="its number, if it was begun by hand")
    name: str
    services: list[str] = Field(description="of which services; of all when empty")
    begin: datetime
    until: datetime
    by: str
    why: str
    active: bool


class NotificationData(BaseModel):
    """A message on its way, or there."""

    id: int
    channel: str
    event: str
    about: str
    title: str
    level: str
    state: str
    created: datetime
    due: datetime
    until: datetime
    tries: int
    sent: datetime | None
    via: str
    error: str


class AlertViews:
    """Looks at what is told of one app and environment.

    Args:
        database: the state.
        config: gives the configuration as it is now.
        clock: the time now.
    """

    def __init__(self, database: Database, config: Callable[[], Config], clock: Callable[[], datetime]) -> None:
        own = (config().app, config().environment)
        self._database = database
        self._config = config
        self._clock = clock
        self._book = AlertBook(*own)
        self._tellings = Tellings(*own)
        self._silences = Silences(*own)
        self._maintenances = Maintenances(*own)
        self._outbox = Outbox(*own)

    def alerts(self, since: timedelta | None = None, limit: int = 500) -> list[AlertRow]:
        """Alerts, the newest first: those that are not over; with `since`, also those that began in that time."""
        with self._database.read() as connection:
            if since is None:
                return [_alert(one) for one in self._book.open(connection)[::-1][:limit]]
            return [_alert(one) for one in self._book.since(connection, self._clock() - since, limit)]

    def alert(self, number: int) -> AlertDetail:
        """One alert, and why it was told to whom, or not.

        Raises:
            NotFoundError: there is none.
        """
        with self._database.read() as connection:
            one = self._book.get(connection, number)
            steps = self._book.steps(connection, number)
            rows = self._tellings.of(connection, number)
        told = [TellingData.model_validate(row, from_attributes=True) for row in rows]
        return AlertDetail(**_alert(one).model_dump(), steps=[_step(step) for step in steps], tellings=told)

    def silences(self) -> list[SilenceData]:
        """Silences that count, or did in the last week; the newest first."""
        now = self._clock()
        with self._database.read() as connection:
            standing = self._book.open(connection)
            return [_silence(one, standing, now) for one in self._silences.since(connection, now - _PAST)]

    def windows(self) -> list[WindowData]:
        """Maintenance windows: those that are open or next by the configuration, and those begun by hand."""
        now, config = self._clock(), self._config()
        with self._database.read() as connection:
            found = [_by_hand(one, now) for one in self._maintenances.since(connection, now - _PAST)]
        for name, one in config.maintenance.items():
            period = next_of(one.window(config.timezone), now)
            if period is not None:
                found.append(
                    WindowData(
                        id=None, name=name, services=list(one.services), begin=period.begin, until=period.end,
                        by="", why="", active=now in period,
                    )
                )  # fmt: skip
        return found

    def notifications(self, state: State | None = None, limit: int = 50) -> list[NotificationData]:
        """Messages, the newest first."""
        with self._database.read() as connection:
            return [notification_data(one) for one in self._outbox.latest(connection, limit, state=state)]


def _alert(one: Alert) -> AlertRow:
    return AlertRow.model_validate(one, from_attributes=True)


def _step(one: Step) -> StepData:
    words = WORDS.get(Reason(one.reason), "") if one.reason in set(Reason) else ""
    return StepData(
        at=one.at, what=one.what.value, stage=one.stage, reason=one.reason, words=words, detail=one.detail
    )  # fmt: skip


def _silence(one: Silence, standing: list[Alert], now: datetime) -> SilenceData:
    active = one.active(now)
    return SilenceData(
        id=one.id, **{name: list(globs) for name, globs in asdict(one.matchers).items()}, begin=one.begin,
        until=one.ended or one.until, by=one.by, why=one.why, active=active,
        hides=[alert.id for alert in standing if active and one.matchers.fits(alert)],
    )  # fmt: skip


def _by_hand(one: ByHand, now: datetime) -> WindowData:
    return WindowData(
        id=one.id, name=f"by hand {one.id}", services=list(one.services), begin=one.begin,
        until=one.ended or one.until, by=one.by, why=one.why, active=one.active(now),
    )  # fmt: skip


def notification_data(one: Notification) -> NotificationData:
    """A message, as it is shown."""
    return NotificationData(
        id=one.id, channel=one.channel, event=one.event.value, about=one.about, title=one.message.title,
        level=one.message.level, state=one.state.value, created=one.created, due=one.due, until=one.until,
        tries=one.tries, sent=one.sent, via=one.via,
        # What a mail server says of a subscriber names their address, which only admins may see.
        error="it was not taken" if one.error and one.about.startswith("subscriber ") else one.error,
    )  # fmt: skip
