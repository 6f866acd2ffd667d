"""A status page on a real state, with a clock that a test sets."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from daytwo.access.roles import Principal, Role, Via
from daytwo.config import Config, load
from daytwo.core.check import Verdict
from daytwo.ledger.audit import Audit
from daytwo.respond.incidents import orders as incident_orders
from daytwo.respond.incidents.desk import IncidentDesk
from daytwo.respond.incidents.wiring import desk_of
from daytwo.respond.outbox import Outbox
from daytwo.respond.outbox.outbox import Notification
from daytwo.respond.status_page.desk import StatusDesk
from daytwo.respond.status_page.mail import Letters
from daytwo.respond.status_page.model import StatusView
from daytwo.respond.status_page.orders import NewUpdate, UpdateData
from daytwo.respond.status_page.site import StatusSite
from daytwo.respond.status_page.subscribers import Subscribers
from daytwo.store.database import Database, open_database
from daytwo.store.tables import checks, stretches
from daytwo.store.url import StateUrl
from tests.access.people import Clock

ANN = Principal("ann", Via.SESSION, Role.OPERATOR)
CONFIG = """\
app: shop
timezone: UTC
services:
  web: {kind: http, url: "http://internal.example:5000", check: {failures: 2}}
  api: {kind: http, url: "http://internal.example:5001", check: {failures: 2}}
  db: {kind: files, path: ./data}
channels:
  mail: {kind: email, host: 127.0.0.1, tls: none, from: status@example.com, to: [ops@example.com]}
status_page:
  title: The Shop
  url: https://status.example.com/
  subscribe: mail
  components:
    front: {title: Shop front, services: [web, api]}
    store: {title: Storage, services: db}
serve: {url: "https://daytwo.example.com"}
"""


@dataclass(frozen=True)
class Stage:
    """The page, and what it stands on."""

    config: Config
    database: Database
    clock: Clock
    site: StatusSite
    desk: StatusDesk
    subscribers: Subscribers
    letters: Letters

    @property
    def own(self) -> dict[str, str]:
        return {"app": "shop", "environment": "production"}

    def view(self) -> StatusView:
        return self.site.now(anew=True).view

    def seen(self, check: str, verdict: Verdict, *, service: str = "", failures: int = 5, ago: float = 0) -> None:
        """A check answered; a reason with internals in it comes along."""
        at = self.clock.now - timedelta(seconds=ago)
        row = {
            **self.own, "name": check, "service": service or check, "verdict": verdict.value,
            "why": "SECRET-HOST 10.0.0.1 refused", "since": at, "at": at, "every": 60.0,
            "failures": failures if verdict is Verdict.FAILED else 0, "detail": '{"numbers": {"x": 1}, "facts": {}}',
        }  # fmt: skip
        with self.database.begin() as connection:
            connection.execute(checks.delete().filter_by(name=check))
            connection.execute(checks.insert().values(**row))

    def was(self, check: str, *history: tuple[datetime, Verdict]) -> None:
        """What a check answered since when."""
        with self.database.begin() as connection:
            for begin, verdict in history:
                row = {**self.own, "check": check, "begin": begin, "verdict": verdict.value, "why": "SECRET-HOST"}
                connection.execute(stretches.insert().values(**row))

    def tell(self, text: str | None = None, **values: object) -> UpdateData:
        order = NewUpdate.model_validate({"state": "investigating", "text": text, **values})
        with self.database.begin() as connection:
            return self.desk.tell(connection, order, ANN, self.clock())

    def incident(self, title: str = "db-internal-7 is broken", **values: object) -> int:
        """An incident that a person opened."""
        order = incident_orders.Open.model_validate({"title": title, "severity": "P1", **values})
        with self.database.begin() as connection:
            number: int = self.incidents.open(connection, order, ANN, self.clock()).number
        return number

    def act(self, number: int, order: incident_orders.Order) -> None:
        with self.database.begin() as connection:
            self.incidents.act(connection, number, order, ANN, self.clock())

    @property
    def incidents(self) -> IncidentDesk:
        return desk_of(lambda: self.config, Audit(self.database, **self.own, clock=self.clock))

    def spread(self) -> None:
        """Order all mails that are due."""
        with self.database.begin() as connection:
            self.desk.adopt(connection, self.clock())
            self.desk.follow(connection, self.clock())
        with self.database.read() as connection:
            waiting = self.letters.waiting(connection)
        for number in waiting:
            more = True
            while more:
                with self.database.begin() as connection:
                    more = self.letters.spread(connection, number, self.view(), self.clock())

    def mails(self) -> list[Notification]:
        """What is in the outbox, oldest first."""
        with self.database.read() as connection:
            return Outbox(**self.own).latest(connection, 1000)[::-1]


@contextlib.contextmanager
def staged(folder: Path, config: str = CONFIG) -> Iterator[Stage]:
    """Open a page in a folder."""
    path = folder / "daytwo.yaml"
    path.write_text(config)
    loaded, clock = load(path), Clock()
    with contextlib.closing(open_database(StateUrl.of(loaded))) as database:
        audit = Audit(database, loaded.app, loaded.environment, clock)
        subscribers = Subscribers(lambda: loaded, audit)
        yield Stage(
            loaded, database, clock, StatusSite(database, lambda: loaded, clock, float), StatusDesk(lambda: loaded, audit),
            subscribers, Letters(lambda: loaded, subscribers),
        )  # fmt: skip
