"""The status page as commands see it: in the opened state, or through the daemon where that alone may open it."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from daytwo.cli.books import the_daemon_for
from daytwo.cli.output import use_zone
from daytwo.core.errors import NotFoundError
from daytwo.core.schedule import zone_of
from daytwo.respond.status_page.orders import NewUpdate, PersonData, SubscriberData, UpdateData

if TYPE_CHECKING:
    import sqlalchemy as sa

    from daytwo.config import Config
    from daytwo.respond.status_page.model import StatusView
    from daytwo.serve.client import Client
    from daytwo.store.database import Database

T = TypeVar("T")


class StatusBooks:
    """The status page in the opened state.

    Args:
        config: the configuration.
        database: the state.
    """

    def __init__(self, config: "Config", database: "Database") -> None:
        from daytwo.app import utc_now
        from daytwo.cli.access import myself
        from daytwo.ledger.audit import Audit
        from daytwo.respond.status_page.desk import StatusDesk
        from daytwo.respond.status_page.subscribers import Subscribers

        audit = Audit(database, config.app, config.environment, utc_now)
        self.config = config
        self._database = database
        self._desk = StatusDesk(lambda: config, audit)
        self._subscribers = Subscribers(lambda: config, audit)
        self._now = utc_now
        self._me = myself()

    def view(self) -> "StatusView":
        """What the page shows now."""
        from daytwo.respond.status_page.site import StatusSite

        return StatusSite(self._database, lambda: self.config, self._now).now().view

    def files(self) -> dict[str, bytes]:
        """The page as files."""
        from daytwo.respond.status_page.site import StatusSite

        return StatusSite(self._database, lambda: self.config, self._now).now().files

    def updates(self, limit: int) -> list[UpdateData]:
        """What users were told, the newest first."""
        return self._read(lambda connection: self._desk.latest(connection, limit))

    def tell(self, order: NewUpdate) -> UpdateData:
        """Tell users how things stand."""
        return self._write(lambda connection: self._desk.tell(connection, order, self._me, self._now()))

    def withdraw(self, number: int) -> UpdateData:
        """Take an update back."""
        return self._write(lambda connection: self._desk.withdraw(connection, number, self._me, self._now()))

    def subscribers(self, limit: int) -> list[SubscriberData]:
        """Who is told by mail."""
        return self._read(lambda connection: self._subscribers.all(connection, limit))

    def person(self, who: str) -> PersonData:
        """All that is stored of somebody, by address or number."""
        return self._read(
            lambda connection: self._subscribers.person(connection, self._subscribers.number(connection, who))
        )

    def add(self, address: str) -> SubscriberData:
        """Add somebody who has agreed elsewhere."""
        return self._write(lambda connection: self._subscribers.add(connection, address, self._me, self._now()))

    def remove(self, who: str) -> None:
        """Remove somebody, and all that is stored of them."""

        def work(connection: "sa.Connection") -> None:
            self._subscribers.remove(connection, self._subscribers.number(connection, who), self._me)

        self._write(work)

    def _read(self, work: "Callable[[sa.Connection], T]") -> T:
        with self._database.read() as connection:
            return work(connection)

    def _write(self, work: "Callable[[sa.Connection], T]") -> T:
        with self._database.begin() as connection:
            return work(connection)


class StatusAfar:
    """The same, asked of the daemon.

    Args:
        config: the configuration.
        client: the line to it.
    """

    def __init__(self, config: "Config", client: "Client") -> None:
        self.config = config
        self._client = client

    def view(self) -> "StatusView":
        """What the page shows now."""
        from daytwo.respond.status_page.model import StatusView

        return StatusView.model_validate(self._client.call("GET", "/api/status"))

    def files(self) -> dict[str, bytes]:
        """The page as files."""
        from daytwo.respond.status_page.render import files
        from daytwo.respond.status_page.site import outside

        return files(self.view(), outside(self.config))

    def updates(self, limit: int) -> list[UpdateData]:
        """What users were told, the newest first."""
        found, _ = self._client.listed("/api/status/updates", limit)
        return [UpdateData.model_validate(one) for one in found]

    def tell(self, order: NewUpdate) -> UpdateData:
        """Tell users how things stand."""
        body = order.model_dump(mode="json", exclude_none=True)
        return UpdateData.model_validate(self._client.call("POST", "/api/status/updates", body))

    def withdraw(self, number: int) -> UpdateData:
        """Take an update back."""
        return UpdateData.model_validate(self._client.call("POST", f"/api/status/updates/{number}/withdraw"))

    def subscribers(self, limit: int) -> list[SubscriberData]:
        """Who is told by mail."""
        found, _ = self._client.listed("/api/status/subscribers", limit)
        return [SubscriberData.model_validate(one) for one in found]

    def person(self, who: str) -> PersonData:
        """All that is stored of somebody, by address or number."""
        return PersonData.model_validate(self._client.call("GET", f"/api/status/subscribers/{self._number(who)}"))

    def add(self, address: str) -> SubscriberData:
        """Add somebody who has agreed elsewhere."""
        return SubscriberData.model_validate(self._client.call("POST", "/api/status/subscribers", {"address": address}))

    def remove(self, who: str) -> None:
        """Remove somebody, and all that is stored of them."""
        number = self._number(who)
        for _ in self._client.download(f"/api/status/subscribers/{number}", "DELETE"):
            pass

    def _number(self, who: str) -> int:
        if who.isdecimal():
            return int(who)
        found = next((one for one in self.subscribers(100_000) if one.address == who.strip().lower()), None)
        if found is None:
            raise NotFoundError(f"nobody is subscribed as {who}")
        return found.number


@contextlib.contextmanager
def opened_status(path: Path | None) -> "Iterator[StatusBooks | StatusAfar]":
    """Open the status page of an app; the daemon need not run.

    Args:
        path: the configuration file, or None to look for it.

    Raises:
        ConfigError, RefusedError
        NotFoundError: the configuration has no status page.
    """
    from daytwo.config import load
    from daytwo.store.database import open_database
    from daytwo.store.url import StateUrl

    config = load(path)
    use_zone(zone_of(config.timezone))
    if config.status_page is None:
        raise NotFoundError("there is no status page", hint="Set `status_page: {}` in the configuration")
    if client := the_daemon_for(config):
        yield StatusAfar(config, client)
        return
    with contextlib.closing(open_database(StateUrl.of(config))) as database:
        yield StatusBooks(config, database)
