"""The part that looks whether there are too many security events, and keeps them no longer than wanted."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa

from daytwo.serve.part import Part
from daytwo.serve.pulse import Pulse
from daytwo.serve.site import Site
from daytwo.store.database import Database, said_by
from daytwo.store.writer import Writer
from daytwo.watch.security.book import Book
from daytwo.watch.security.sentry import Found, Sentry

T = TypeVar("T")
_log = logging.getLogger(__name__)
_ROUND = 1.0
_PRUNE = timedelta(minutes=10)


class Guard(Part):
    """Judges security events by the limits of the configuration.

    Args:
        pulse: where it shows that it goes round.
        site: the configuration.
        database: the state, to read from.
        writer: writes to the state.
        book: where events are.
        sentry: judges.
        clock: the time now.
    """

    name = "security"
    limit = 60.0

    def __init__(
        self,
        pulse: Pulse,
        site: Site,
        database: Database,
        writer: Writer,
        book: Book,
        sentry: Sentry,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(pulse)
        self._site = site
        self._database = database
        self._writer = writer
        self._book = book
        self._sentry = sentry
        self._clock = clock
        self._pruned = clock() - _PRUNE

    async def work(self) -> None:
        """Judge, remove, sleep."""
        while not self.stopping.is_set():
            try:
                await self.tick()
                self.beat()
            except sa.exc.SQLAlchemyError as error:
                self.beat(f"security events wait to be judged: {said_by(error)}")
            await self.sleep(_ROUND)

    async def tick(self) -> list[Found]:
        """Do once what is due.

        Returns:
            Findings that have begun or ended.
        """
        now, security = self._clock(), self._site.config.security
        found: list[Found] = []
        if await asyncio.to_thread(self._waits):
            found = await self._write(lambda connection: self._sentry.judge(connection, security.limits, now))
        for one in found:
            _log.warning("%s", one)
        if not timedelta() <= now - self._pruned < _PRUNE:
            self._pruned = now
            before = now - security.keep.delta
            await self._write(lambda connection: self._book.prune(connection, before, now))
            await self._write(lambda connection: self._sentry.prune(connection, before))
        return found

    def _waits(self) -> bool:
        with self._database.read() as connection:
            return self._sentry.waits(connection)

    async def _write(self, work: Callable[[sa.Connection], T]) -> T:
        return await asyncio.wrap_future(self._writer.submit(work))
