"""The page as it is now: worked out when something changed or a while has passed, however often it is asked for.

It is public, and asked for most when much is broken. So visitors never wait for the state, but the first: they get
what was worked out last while it is worked out anew, and when it cannot be, as the database is what is broken.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from daytwo.access.links import base_url
from daytwo.config import Config
from daytwo.respond.status_page.facts import Reader
from daytwo.respond.status_page.model import StatusView
from daytwo.respond.status_page.render import FEED, Subscribing, several
from daytwo.respond.status_page.view import view
from daytwo.store.database import Database

FRESH = timedelta(seconds=5)
"""So long it is not worked out again."""
_SHARE = 20
"""Working it out takes one part in so many of the time at most: a large one is worked out more rarely."""
ROUND = timedelta(seconds=60)
"""So often it is written although nothing has changed, so that its time tells that somebody is there."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shot:
    """The page at a time.

    Args:
        view: what it shows.
        files: as they are written into a folder.
        served: as the daemon answers with them.
        tag: the same while nothing has changed.
    """

    view: StatusView
    files: dict[str, bytes]
    served: dict[str, bytes]
    tag: str


class StatusSite:
    """The page of one app.

    Args:
        database: the state.
        config: gives the configuration as it is now.
        clock: the time now.
        monotonic: seconds, on a clock that nobody sets.
    """

    def __init__(
        self,
        database: Database,
        config: Callable[[], Config],
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._config = config
        self._clock = clock
        self._monotonic = monotonic
        self._reader = Reader(database, config().app, config().environment)
        self._lock = threading.Lock()
        self._looked: datetime | None = None
        self._fresh = FRESH
        self._what = ""
        self._shot: Shot | None = None

    def now(self, *, anew: bool = False) -> Shot:
        """The page.

        Args:
            anew: look again, even if it was worked out a moment ago.

        Raises:
            SQLAlchemyError: the state cannot be read, and it was never worked out or is to be anew.
        """
        known = self._shot
        if not self._lock.acquire(blocking=anew or known is None) and known is not None:
            return known
        try:
            now = self._clock()
            if anew or self._shot is None or not _within(self._looked, now, self._fresh):
                self._look(now, anew or self._shot is None)
            assert self._shot is not None
            return self._shot
        finally:
            self._lock.release()

    def _look(self, now: datetime, must: bool) -> None:
        began = self._monotonic()
        try:
            self._draw(now)
        except sa.exc.SQLAlchemyError as error:
            if must:
                raise
            _log.warning("the status page stays as it was: %s", type(error).__name__)
        self._looked = now
        took = timedelta(seconds=self._monotonic() - began)
        self._fresh = min(max(FRESH, _SHARE * took), ROUND)

    def _draw(self, now: datetime) -> None:
        config = self._config()
        with self._database.read() as connection:
            facts = self._reader.facts(connection, config, now)
        shown = view(config, facts, now, page_url(config))
        what = _fingerprint(shown, config)
        if self._shot is None or what != self._what or not _within(self._shot.view.at, now, ROUND):
            self._shot = _shot(shown, config)
        self._what = what


def page_url(config: Config) -> str:
    """Where the page is, for links from elsewhere."""
    page = config.status_page
    return page.url if page is not None and page.url else f"{base_url(config.serve).rstrip('/')}/status"


def outside(config: Config) -> Subscribing:
    """How to be told, as seen from files anywhere: the form leads to the daemon."""
    return Subscribing(f"{base_url(config.serve).rstrip('/')}/status/subscribe" if _told(config) else "", FEED)


def _shot(shown: StatusView, config: Config) -> Shot:
    inside = Subscribing("/status/subscribe" if _told(config) else "", f"/status/{FEED}")
    files, served = several(shown, [outside(config), inside])
    return Shot(shown, files, served, hashlib.sha256(b"".join(served.values())).hexdigest()[:32])


def _told(config: Config) -> bool:
    return config.status_page is not None and config.status_page.subscribe is not None


def _fingerprint(shown: StatusView, config: Config) -> str:
    """Of what would be shown, without the time and without what runs along with it."""
    still = shown.model_dump(mode="json", exclude={"at": True, "components": {"__all__": {"days", "uptime"}}})
    return hashlib.sha256(f"{still}{config.fingerprint}".encode()).hexdigest()


def _within(last: datetime | None, now: datetime, length: timedelta) -> bool:
    return last is not None and timedelta() <= now - last < length
