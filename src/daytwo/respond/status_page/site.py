"""The page as it is now: worked out when something changed or a while has passed, however often it is asked for."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from daytwo.access.links import base_url
from daytwo.config import Config
from daytwo.respond.status_page.facts import Reader
from daytwo.respond.status_page.model import StatusView
from daytwo.respond.status_page.render import FEED, Subscribing, files
from daytwo.respond.status_page.view import view
from daytwo.store.database import Database

FRESH = timedelta(seconds=5)
"""So long it is not worked out again."""
ROUND = timedelta(seconds=60)
"""So often it is written although nothing has changed, so that its time tells that somebody is there."""


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
    """

    def __init__(self, database: Database, config: Callable[[], Config], clock: Callable[[], datetime]) -> None:
        self._database = database
        self._config = config
        self._clock = clock
        self._reader = Reader(database, config().app, config().environment)
        self._lock = threading.Lock()
        self._looked: datetime | None = None
        self._what = ""
        self._shot: Shot | None = None

    def now(self, *, anew: bool = False) -> Shot:
        """The page.

        Args:
            anew: look again, even if it was worked out a moment ago.
        """
        with self._lock:
            now = self._clock()
            if anew or self._shot is None or not _within(self._looked, now, FRESH):
                self._look(now)
            assert self._shot is not None
            return self._shot

    def _look(self, now: datetime) -> None:
        config = self._config()
        with self._database.read() as connection:
            facts = self._reader.facts(connection, config, now)
        shown = view(config, facts, now, page_url(config))
        what = _fingerprint(shown, config)
        if self._shot is None or what != self._what or not _within(self._shot.view.at, now, ROUND):
            self._shot = _shot(shown, config)
        self._what, self._looked = what, now


def page_url(config: Config) -> str:
    """Where the page is, for links from elsewhere."""
    page = config.status_page
    return page.url if page is not None and page.url else f"{base_url(config.serve).rstrip('/')}/status"


def _shot(shown: StatusView, config: Config) -> Shot:
    told = config.status_page is not None and config.status_page.subscribe is not None
    base = base_url(config.serve).rstrip("/")
    outside = files(shown, Subscribing(f"{base}/status/subscribe" if told else "", FEED))
    served = files(shown, Subscribing("/status/subscribe" if told else "", f"/status/{FEED}"))
    return Shot(shown, outside, served, hashlib.sha256(b"".join(served.values())).hexdigest()[:32])


def _fingerprint(shown: StatusView, config: Config) -> str:
    """Of what would be shown, without the time and without what runs along with it."""
    still = shown.model_dump(mode="json", exclude={"at": True, "components": {"__all__": {"days", "uptime"}}})
    return hashlib.sha256(f"{still}{config.fingerprint}".encode()).hexdigest()


def _within(last: datetime | None, now: datetime, length: timedelta) -> bool:
    return last is not None and timedelta() <= now - last < length
