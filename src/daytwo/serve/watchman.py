"""The part that notices when a heartbeat stays away."""

import asyncio
import logging
import platform
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.config.serving import Serve
from daytwo.ledger.heartbeats import Book, Heartbeat, Promise, Verdict, Watch, Watches
from daytwo.serve.part import Part
from daytwo.serve.pulse import Pulse
from daytwo.serve.site import Site
from daytwo.store.writer import Writer

_log = logging.getLogger(__name__)
_ROUND = 3.0
_WRITE = timedelta(seconds=20)
"""How often it is written down that somebody listens: after a crash, that is how far off the time of it is."""
_SET = timedelta(seconds=60)
"""A clock that goes wrong by more has been set."""


def promises(config: Config) -> dict[str, Promise]:
    """What the heartbeats of a configuration promise, by name."""
    return {name: Promise.of(one, config.timezone) for name, one in config.heartbeats.items()}


def ping_url(settings: Serve, ping: str) -> str:
    """Where a job reports.

    Args:
        settings: of the daemon.
        ping: the heartbeat's ping id.
    """
    host, _, port = settings.listen.rpartition(":")
    host = platform.node() if host in ("0.0.0.0", "[::]") else host  # noqa: S104 - compared, not bound
    base = settings.url or f"{'https' if settings.tls else 'http'}://{host}:{port}"
    return f"{base}/ping/{ping}"


def follow(site: Site, book: Book, writer: Writer, clock: Callable[[], datetime]) -> None:
    """Have the heartbeats that the configuration names, now and after each reload."""

    def synchronise() -> "Future[None]":
        promised, now = promises(site.config), clock()
        return writer.submit(lambda connection: book.synchronise(connection, promised, now))

    def again() -> None:
        synchronise().add_done_callback(_log_failure)

    synchronise().result()
    site.on_change(again)


def _log_failure(future: "Future[None]") -> None:
    if error := future.exception():
        _log.error("the heartbeats of the new configuration were not taken over: %s", error)


def elapsed() -> float:
    """Seconds on a clock that nobody sets and that goes on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Watchman(Part):
    """Looks at every heartbeat, and writes down which are late, and which are down.

    What stays away while no daemon listens, or the machine sleeps, has its whole grace time again; when the clock is
    set, every promise counts anew from there.

    Args:
        pulse: where it shows that it goes round.
        site: the configuration.
        book: the heartbeats.
        watches: how long somebody has been listening.
        writer: writes to the state.
        clock: the time now.
        elapsed: seconds, on a clock that nobody sets.
    """

    name = "watchman"
    limit = 60.0

    def __init__(
        self,
        pulse: Pulse,
        site: Site,
        book: Book,
        watches: Watches,
        writer: Writer,
        clock: Callable[[], datetime],
        elapsed: Callable[[], float] = elapsed,
    ) -> None:
        super().__init__(pulse)
        self._site = site
        self._book = book
        self._watches = watches
        self._writer = writer
        self._clock = clock
        self._elapsed = elapsed
        self._watch: Watch | None = None
        self._written: datetime | None = None
        self._before: tuple[datetime, float] | None = None

    async def work(self) -> None:
        """Look, write, sleep."""
        while not self.stopping.is_set():
            await self.tick()
            self.beat()
            await self.sleep(_ROUND)
        if self._watch is not None and self._site.config.heartbeats:
            await self._write(self._watch)

    async def tick(self) -> list[tuple[Heartbeat, Verdict]]:
        """Look once.

        Returns:
            The heartbeats whose state changed, as they were, and how they stand now.
        """
        promised = promises(self._site.config)
        rows = await asyncio.to_thread(self._book.all)
        now = self._clock()
        was_set = await self._clock_was_set(now) or any(row.ahead_of(now + _SET) for row in rows)
        if was_set:
            _log.warning("the clock was set: every heartbeat counts from now on")
            self._watch = Watch(now, now)
            await asyncio.wrap_future(self._writer.submit(lambda connection: self._book.clock_was_set(connection, now)))
        else:
            self._watch = self._watch.on(now) if self._watch else Watch(now, now)
        watch = self._watch
        if promised and (was_set or self._written is None or now - self._written >= _WRITE):
            await self._write(watch)
        if not was_set and not any(row.news(promised, watch.since, now) for row in rows):
            return []
        return await self._judge(promised, watch.since, now)

    async def _judge(
        self, promised: dict[str, Promise], since: datetime, now: datetime
    ) -> list[tuple[Heartbeat, Verdict]]:
        def judge(connection: sa.Connection) -> list[tuple[Heartbeat, Verdict]]:
            return self._book.judge(connection, promised, since, now)

        found = await asyncio.wrap_future(self._writer.submit(judge))
        for row, verdict in found:
            level = logging.INFO if verdict.state.good else logging.WARNING
            _log.log(level, "heartbeat %s was %s and is %s", row.name, row.state, verdict.state)
        return found

    async def _write(self, watch: Watch) -> None:
        await asyncio.wrap_future(self._writer.submit(lambda connection: self._watches.write(connection, watch)))
        self._written = watch.seen

    async def _clock_was_set(self, now: datetime) -> bool:
        """Whether the clock shows something else than the time that has passed; the first time, whether it is behind
        what it showed when somebody listened last."""
        at, before = self._elapsed(), self._before
        self._before = (now, at)
        if before is None:
            self._watch = await asyncio.to_thread(self._watches.last)
            return self._watch is not None and self._watch.seen > now + _SET
        wrong = (now - before[0]) - timedelta(seconds=at - before[1])
        return abs(wrong) > _SET
