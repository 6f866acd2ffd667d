"""Time lines of alerts: real rules, a real state, the real pipeline and outbox; only the receivers are stand-ins."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.config.loading import parsed
from daytwo.config.watching import Rule
from daytwo.core.channel import AnyChannel, Channel, ChannelSettings, Event, Message
from daytwo.core.service import Place
from daytwo.respond.alerts import Alert, AlertBook, AlertChange
from daytwo.respond.intake import Intake
from daytwo.respond.outbox import Bucket, Carrier, Notification
from daytwo.respond.pipeline import Desk
from daytwo.respond.silences import Matchers, Silence, Silences
from daytwo.respond.upkeep import Upkeep
from daytwo.respond.windows import Maintenances
from daytwo.store.database import Database
from daytwo.watch.rules import rules_of
from tests.watch.rules.timeline import World

OWN = ("shop", "production")
HEAD = """\
app: shop
timezone: UTC
services:
  data: {kind: files, path: ./data}
  other: {kind: files, path: ./other}
"""
AT_ONCE = "routes: {all: {to: [chat]}}\n"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def message(title: str = "hello", event: Event = Event.NOTICE) -> Message:
    """A message of no alert."""
    return Message(event=event, key="k", app="shop", environment="production", level="info", title=title, at=NOON)


@dataclass
class Paper:
    """What stand-ins for receivers got, and how they answer."""

    got: list[tuple[datetime, str, Message, str]] = field(default_factory=list)
    fails: dict[str, Exception] = field(default_factory=dict)
    tries: list[tuple[datetime, str]] = field(default_factory=list)


class StandInChannel(Channel[ChannelSettings]):
    """Stand-in for a receiver: writes down what it gets, or fails as it is told."""

    kind = "stand-in"
    summary = "a receiver for tests"
    Settings = ChannelSettings

    def __init__(self, name: str, place: Place, paper: Paper, now: datetime) -> None:
        super().__init__(name, ChannelSettings(kind="stand-in"), place)
        self._paper = paper
        self._now = now

    def send(self, message: Message, key: str, timeout: float) -> None:
        self._paper.tries.append((self._now, self.name))
        if self.name in self._paper.fails:
            raise self._paper.fails[self.name]
        self._paper.got.append((self._now, self.name, message, key))


def config_of(folder: Path, text: str, channels: str = "chat") -> Config:
    """A configuration with channels of these names; `pager` is a PagerDuty."""
    kinds = {"pager": "{kind: pagerduty, key: {env: KEY}"}
    lines = [f"  {name}: {kinds.get(name, '{kind: webhook, url: {env: URL}')}}}" for name in channels.split()]
    whole = HEAD
    whole += ("channels:\n" + "\n".join(lines) + "\n") if lines else ""
    return parsed(whole + text, folder / "daytwo.yaml")


class Line(World):
    """Rules, alerts and receivers on one clock."""

    def __init__(
        self, database: Database, connection: sa.Connection, config: Config, checks: str, rules: dict[str, Any]
    ) -> None:
        super().__init__(database, connection, checks.split(), [], rules)
        self.stroke = timedelta(seconds=30)
        self.config = config
        self.paper = Paper()
        self.changes: list[AlertChange] = []
        self.messages = 0
        self.begin()

    def begin(self) -> None:
        """The daemon begins: nothing of before is in its memory."""
        known: dict[str, Rule] = rules_of(self.rules, self.checks.values())
        self.desk = Desk(*OWN, lambda: self.config, lambda: known)
        self.intake = Intake(*OWN, self.desk, [lambda connection, change, now: self.changes.append(change)])
        self.upkeep = Upkeep(*OWN, self.desk, self.intake)

    def with_fallback(self) -> "Line":
        """`chat` falls back to `mail`."""
        settings = dict(self.config.channels)
        settings["chat"] = settings["chat"].model_copy(update={"fallback": "mail"})
        self.config = self.config.model_copy(update={"channels": settings})
        return self

    def judge(self) -> None:
        before = len(self.told)
        super().judge()
        if self.evaluator is not None:
            self.tell(len(self.told) - before)

    def _happen(self, words: list[str]) -> None:
        before = len(self.told)
        super()._happen(words)
        self.tell(len(self.told) - before)

    def tell(self, news: int = 0) -> None:
        """What the daemon does after each transaction."""
        if news:
            self.intake(self.connection, self.told[-news:], self.now)
        while self.upkeep.tick(self.connection, self.now):
            pass
        self.send()

    def send(self) -> None:
        """What the senders do."""
        carrier = Carrier(self.config, self._make)
        outbox = self.desk.outbox
        for name, settings in self.config.channels.items():
            bucket, fallback = Bucket(settings.rate, settings.burst), settings.fallback is not None
            while claim := outbox.claim(
                self.connection, name, "me", self.now, bucket=bucket, fallback=fallback
            ):  # fmt: skip
                one = claim.notification
                failures = max(claim.failures, one.tries)
                outcome = carrier.deliver(one.message, one.key, name, failures, resting=claim.resting)
                outbox.settle(self.connection, claim, outcome, self.now)

    def _make(self, name: str) -> AnyChannel:
        return StandInChannel(name, self.config.place, self.paper, self.now)

    def went(self) -> list[str]:
        """What receivers got since the last time, in words: `10:03 chat trigger web: no answer`."""
        new, self.messages = self.paper.got[self.messages :], len(self.paper.got)
        return [f"{at:%H:%M:%S} {name} {one.event} {one.title}".replace(":00 ", " ", 1) for at, name, one, _ in new]

    def pass_time(self, length: timedelta, step: timedelta = timedelta(seconds=15)) -> None:
        """Let time pass with nothing happening but what the daemon does by itself."""
        end = self.now + length
        while self.now < end:
            self.now += step
            self.judge()

    def alerts(self) -> list[Alert]:
        """All of them, oldest first."""
        return AlertBook(*OWN).since(self.connection, self.now - timedelta(days=9), 100_000)[::-1]

    def alert(self, subject: str) -> Alert:
        """The newest one of a subject."""
        return [one for one in self.alerts() if one.subject == subject][-1]

    def why(self, subject: str) -> list[str]:
        """What stages said of the newest alert of a subject: `fired silence silenced`."""
        steps = AlertBook(*OWN).steps(self.connection, self.alert(subject).id)
        return [f"{one.what} {one.stage} {one.reason}" for one in steps]

    def silence(self, length: timedelta, *rules: str) -> Silence:
        return Silences(*OWN).add(self.connection, Matchers(rules), length, self.now, by="ann", why="known")

    def maintenance(self, length: timedelta) -> None:
        Maintenances(*OWN).begin(self.connection, (), length, self.now, by="ann")

    def end_maintenance(self) -> None:
        Maintenances(*OWN).end(self.connection, None, self.now)

    def ack(self, subject: str, by: str = "ann") -> None:
        self.desk.book.change(self.connection, self.alert(subject).id, acknowledged=self.now, acknowledged_by=by)
        self.tell()

    def notifications(self) -> list[Notification]:
        return self.desk.outbox.latest(self.connection, 10_000)[::-1]
