"""The records of an app, opened to read and to add to: from the state, or through the daemon where that alone may.

The daemon runs as a user of its own, and the state is that user's only. Whoever has a role by `serve.local` sees the
same through its socket: `the_daemon_for` decides, once for all commands.
"""

import contextlib
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from daytwo.cli.output import use_zone
from daytwo.core.errors import RefusedError, SecretError
from daytwo.core.schedule import zone_of

if TYPE_CHECKING:
    from daytwo.access.roles import Principal
    from daytwo.cli.afar import Afar
    from daytwo.cli.alert_books import HereAlerts
    from daytwo.cli.incident_books import HereIncidents, HereOncall
    from daytwo.config import Config
    from daytwo.ledger.audit import Audit
    from daytwo.ledger.exports import Added, Exports, Submission
    from daytwo.ledger.glance import Glance, Wrong
    from daytwo.ledger.heartbeats import Book
    from daytwo.ledger.runs import Runs
    from daytwo.serve.client import Client
    from daytwo.serve.overview import ScheduleView
    from daytwo.store.database import Database
    from daytwo.watch.logs.views import LogViews
    from daytwo.watch.security.event import Submission as SecuritySubmission
    from daytwo.watch.security.event import Taken
    from daytwo.watch.security.views import SecurityViews
    from daytwo.watch.traffic.views import TrafficViews
    from daytwo.watch.views import Views


def the_daemon_for(config: "Config") -> "Client | None":
    """The daemon, if it is to be asked instead of the state: it answers, and the state is not this user's to open."""
    if _is_ours(config):
        return None
    client = _client(config)
    return client if client.there() else None


def _client(config: "Config") -> "Client":
    from daytwo.serve.client import Client

    return Client.of(config)


def _is_ours(config: "Config") -> bool:
    from daytwo.store.url import StateUrl

    try:
        url = StateUrl.of(config)
        if url.is_sqlite:
            url.file.stat()
    except FileNotFoundError:
        return True  # there is none yet
    except (PermissionError, SecretError):
        return False
    # Also who only reads must be able to write: SQLite keeps its readers in a file beside it.
    return not url.is_sqlite or os.access(url.file, os.R_OK | os.W_OK)


class Books:
    """The records of an app in the opened state.

    Args:
        config: the configuration.
        database: the state.
    """

    def __init__(self, config: "Config", database: "Database") -> None:
        self.config = config
        self.database = database
        self._own = (config.app, config.environment)

    @cached_property
    def audit(self) -> "Audit":
        """Who did what."""
        from daytwo.app import utc_now
        from daytwo.ledger.audit import Audit

        return Audit(self.database, *self._own, utc_now)

    @cached_property
    def exports(self) -> "Exports":
        """That data left the app."""
        from daytwo.app import utc_now
        from daytwo.ledger.exports import Exports

        return Exports(self.database, self.audit, *self._own, utc_now)

    @cached_property
    def runs(self) -> "Runs":
        """What was done."""
        from daytwo.ledger.runs import Runs

        return Runs(self.database, *self._own)

    @cached_property
    def heartbeats(self) -> "Book":
        """Jobs elsewhere that report."""
        from daytwo.ledger.heartbeats import Book

        return Book(self.database, *self._own)

    @cached_property
    def views(self) -> "Views":
        """What is watched."""
        from daytwo.app import utc_now
        from daytwo.watch.reports import Terms
        from daytwo.watch.views import Views

        return Views(self.database, *self._own, utc_now, lambda: Terms.of(self.config))

    @cached_property
    def logs(self) -> "LogViews":
        """Logs, and what was found in them."""
        from daytwo.app import utc_now
        from daytwo.watch.logs.views import LogViews

        return LogViews(self.database, lambda: self.config, utc_now)

    @cached_property
    def traffic(self) -> "TrafficViews":
        """Real traffic."""
        from daytwo.app import utc_now
        from daytwo.watch.traffic.views import TrafficViews

        return TrafficViews(self.database, *self._own, utc_now)

    @cached_property
    def security(self) -> "SecurityViews":
        """Security events."""
        from daytwo.app import utc_now
        from daytwo.watch.security.views import SecurityViews

        return SecurityViews(self.database, *self._own, utc_now)

    @cached_property
    def alerts(self) -> "HereAlerts":
        """Alerts, silences, windows and messages."""
        from daytwo.cli.alert_books import HereAlerts

        return HereAlerts(self.config, self.database, self.audit)

    @cached_property
    def incidents(self) -> "HereIncidents":
        """Incidents."""
        from daytwo.cli.incident_books import HereIncidents

        return HereIncidents(self.config, self.database, self.audit)

    @cached_property
    def oncall(self) -> "HereOncall":
        """Who is on call."""
        from daytwo.cli.incident_books import HereOncall

        return HereOncall(self.config, self.database, self.audit)

    def report_event(self, given: "SecuritySubmission", by: "Principal") -> "Taken":
        """Record a security event.

        Raises:
            ConflictError: the key was used for something else.
        """
        from daytwo.app import utc_now
        from daytwo.watch.numbers import Numbers
        from daytwo.watch.security.book import Book

        book = Book(self.database, *self._own, Numbers(self.database, *self._own))
        with self.database.begin() as connection:
            return book.take(connection, [given], f"cli {by.name}", utc_now())

    @cached_property
    def daemon(self) -> bool:
        """Whether a daemon answers."""
        return _client(self.config).there()

    def schedules(self) -> "list[ScheduleView]":
        """What is due when."""
        from daytwo.app import utc_now
        from daytwo.ledger.schedules import Schedules
        from daytwo.serve.overview import overview

        return overview(self.config, Schedules(self.database, *self._own), self.runs, utc_now())

    def record(self, given: "Submission", by: "Principal") -> "Added":
        """Record that data left the app.

        Raises:
            ConflictError: the key was used for something else.
        """
        with self.database.begin() as connection:
            return self.exports.add(connection, given, actor=by.name, via=by.via)


@contextlib.contextmanager
def opened_books(path: Path | None) -> "Iterator[Books | Afar]":
    """Open the records of an app; the daemon need not run, unless the state is not this user's to open.

    Args:
        path: the configuration file, or None to look for it.

    Raises:
        ConfigError, RefusedError
    """
    from daytwo.config import glimpse

    config = glimpse(path)
    use_zone(zone_of(config.timezone))
    if client := the_daemon_for(config):
        from daytwo.cli.afar import Afar

        yield Afar(config, client)
        return
    from sqlalchemy.exc import DBAPIError

    from daytwo.store.database import open_database, said_by
    from daytwo.store.url import StateUrl

    url = StateUrl.of(config)
    with contextlib.closing(open_database(url)) as database:
        try:
            yield Books(config, database)
        except DBAPIError as error:
            raise RefusedError(
                f"the state {url} cannot be used: {said_by(error)}; nothing was recorded",
                hint="Look at its disk and its rights, then do it again",
            ) from None


def glanced(config: "Config") -> "tuple[Glance, Wrong]":
    """A quick look at an app and at what is wrong with it, from its state or from the daemon.

    Raises:
        RefusedError: there is a state and it cannot be read.
    """
    if client := the_daemon_for(config):
        from daytwo.cli.afar import Afar

        afar = Afar(config, client)
        return afar.glance(), afar.wrong()
    from daytwo.ledger.glance import glance_and_wrong
    from daytwo.store.url import StateUrl

    return glance_and_wrong(StateUrl.of(config), config.app, config.environment)
