"""Incidents and rotas on a real state, with a clock that a test sets."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from daytwo.access.roles import Principal, Role, Via
from daytwo.config import Config
from daytwo.config.loading import parsed
from daytwo.ledger.audit import Audit
from daytwo.respond.incidents.desk import IncidentDesk
from daytwo.respond.incidents.model import Incident
from daytwo.respond.incidents.opening import Opener
from daytwo.respond.incidents.orders import Open, Order
from daytwo.respond.incidents.review import Reviews
from daytwo.respond.incidents.views import IncidentViews
from daytwo.respond.incidents.wiring import desk_of
from daytwo.respond.oncall import Roster
from daytwo.serve.escalator import Escalator
from daytwo.serve.pulse import Pulse
from daytwo.store.database import Database, open_database
from daytwo.store.tables import alerts, audit_events, notifications
from daytwo.store.url import StateUrl
from daytwo.store.writer import Writer

ANNA = Principal("anna", Via.SESSION, Role.OPERATOR)
BEGIN = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
CONFIG = """\
app: shop
timezone: Europe/Berlin
services:
  web: {kind: http, url: "http://127.0.0.1:1/"}
  db: {kind: files, path: data}
channels:
  pager: {kind: webhook, url: {env: HOOK}}
  chat: {kind: webhook, url: {env: HOOK}}
  mail: {kind: email, host: localhost, from: ops@example.com, to: [all@example.com]}
people:
  anna: {email: anna@example.com, channels: [pager]}
  bob: {email: bob@example.com, channels: [pager]}
  carl: {email: carl@example.com}
oncall:
  primary: {people: [anna, bob]}
incidents:
  severities:
    P1:
      respond: 15m
      resolve: 4h
      public: true
      escalate:
        - {after: 0s, to: [primary]}
        - {after: 30m, to: [bob]}
        - {after: 1h, to: [carl]}
        - {after: 2h, to: [chat, carl]}
    P2: {respond: 1h, escalate: [{after: 30m, to: [primary]}]}
    P3: {}
  open:
    - {rules: ["*"], services: [web], severity: P1}
    - {rules: [db], severity: P2, after: 10m}
    - {security: ["brute*"], severity: P2}
"""


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime = BEGIN

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **length: float) -> None:
        self.now += timedelta(**length)


@dataclass
class Stage:
    """The state, and all who work with incidents in it."""

    folder: Path
    config: Config
    database: Database
    writer: Writer
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        own = (self.config.app, self.config.environment)
        self.audit = Audit(self.database, *own, self.clock)
        self.desk: IncidentDesk = desk_of(lambda: self.config, self.audit)
        self.views = IncidentViews(self.database, self.desk, lambda: self.config, self.clock)
        self.reviews = Reviews(self.database, self.views, lambda: self.config, self.clock)
        self.roster = Roster(self.database, lambda: self.config, self.audit, self.clock)

    def escalator(self) -> Escalator:
        """A daemon's part, as after a start."""
        opener = Opener(self.desk, lambda: self.config)
        return Escalator(Pulse(), self.database, self.writer, self.desk, opener, self.clock)

    def tick(self, escalator: Escalator | None = None) -> list[str]:
        return asyncio.run((escalator or self.escalator()).tick())

    def write(self, work: Callable[[sa.Connection], Any]) -> Any:
        return self.writer.run(work)

    def open(self, severity: str = "P1", title: str = "The shop is down", **more: Any) -> Incident:
        order = Open(title=title, severity=severity, **more)
        made: Incident = self.write(lambda connection: self.desk.open(connection, order, ANNA, self.clock()))
        return made

    def act(self, number: int, order: Order, who: Principal = ANNA) -> Incident:
        made: Incident = self.write(lambda connection: self.desk.act(connection, number, order, who, self.clock()))
        return made

    def alert(self, rule: str = "web", service: str = "web", level: str = "critical", **more: Any) -> int:
        row = {
            "app": "shop", "environment": "production", "fingerprint": rule, "rule": rule, "subject": rule,
            "service": service, "level": level, "begin": self.clock(), "why": "no answer within 10s",
        }  # fmt: skip
        made = alerts.insert().values(**{**row, **more}).returning(alerts.c.id)
        number: int = self.write(lambda connection: connection.execute(made).scalar_one())
        return number

    def over(self, alert: int) -> None:
        end = alerts.update().where(alerts.c.id == alert).values(end=self.clock())
        self.write(lambda connection: connection.execute(end))

    def alert_row(self, number: int) -> Any:
        with self.database.read() as connection:
            return connection.execute(sa.select(alerts).where(alerts.c.id == number)).one()

    def told(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """What is in the outbox: the event, the channel, and whom to reach."""
        with self.database.read() as connection:
            rows = connection.execute(sa.select(notifications).order_by(notifications.c.id)).all()
        return [
            (row.event, row.channel, tuple(one["name"] for one in json.loads(row.message).get("to", ())))
            for row in rows
        ]

    def messages(self) -> list[Any]:
        with self.database.read() as connection:
            rows = connection.execute(sa.select(notifications.c.message).order_by(notifications.c.id)).scalars().all()
        return [json.loads(one) for one in rows]

    def actions(self) -> list[str]:
        with self.database.read() as connection:
            return list(connection.execute(sa.select(audit_events.c.action).order_by(audit_events.c.seq)).scalars())

    def what(self, number: int) -> list[str]:
        """The incident's own lines of its timeline."""
        return [one.what for one in self.views.get(number).timeline if one.source == "incident"]


@contextlib.contextmanager
def staged(folder: Path, text: str = CONFIG, url: StateUrl | None = None) -> Iterator[Stage]:
    """Open a state with a configuration."""
    (folder / "data").mkdir(exist_ok=True)
    config = parsed(text, folder / "daytwo.yaml")
    database = open_database(url or StateUrl.parse("state.db", folder))
    with contextlib.closing(database), Writer(database) as writer:
        yield Stage(folder, config, database, writer)
