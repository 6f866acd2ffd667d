"""The part that keeps the status page: takes over what was written in incidents, orders mails, writes the files."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.core.errors import DaytwoError
from daytwo.respond.status_page.desk import StatusDesk
from daytwo.respond.status_page.files import tidy, write
from daytwo.respond.status_page.mail import Letters
from daytwo.respond.status_page.model import StatusView
from daytwo.respond.status_page.site import StatusSite
from daytwo.respond.status_page.subscribers import Subscribers
from daytwo.serve.part import Part
from daytwo.serve.pulse import Pulse
from daytwo.store.database import Database, said_by
from daytwo.store.writer import Writer

T = TypeVar("T")
_log = logging.getLogger(__name__)
_ROUND = 2.0
_SWEEP = timedelta(hours=1)


class Publisher(Part):
    """Looks every two seconds; does nothing without `status_page`.

    Args:
        pulse: where it shows that it goes round.
        database: the state, to read from.
        writer: writes to the state.
        config: gives the configuration as it is now.
        desk: what users are told.
        subscribers: who is told by mail.
        clock: the time now.
    """

    name = "publisher"

    def __init__(
        self,
        pulse: Pulse,
        database: Database,
        writer: Writer,
        config: Callable[[], Config],
        desk: StatusDesk,
        subscribers: Subscribers,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(pulse)
        self._database = database
        self._writer = writer
        self._config = config
        self._desk = desk
        self._subscribers = subscribers
        self._letters = Letters(config, subscribers)
        self._site = StatusSite(database, config, clock)
        self._clock = clock
        self._swept: datetime | None = None
        self._written: tuple[Path, str] | None = None

    async def work(self) -> None:
        """Look, carry out, sleep."""
        while not self.stopping.is_set():
            try:
                await self.tick()
                self.beat()
            except sa.exc.SQLAlchemyError as error:
                self.beat(f"the status page waits: {said_by(error)}")
            except DaytwoError as error:
                self.beat(str(error))
            await self.sleep(_ROUND)

    async def tick(self) -> None:
        """Do once what is due.

        Raises:
            RefusedError: the files cannot be written.
        """
        page = self._config().status_page
        if page is None:
            return
        now = self._clock()
        await self._write(lambda connection: self._desk.adopt(connection, now) + self._desk.follow(connection, now))
        waiting = await asyncio.to_thread(self._waiting)
        if waiting:
            await self._tell(waiting, now)
        if page.folder is not None:
            await asyncio.to_thread(self._publish, self._config().folder / page.folder)
        if self._swept is None or not timedelta() <= now - self._swept < _SWEEP:
            await self._write(lambda connection: self._subscribers.sweep(connection, now))
            self._swept = now

    async def _tell(self, waiting: list[int], now: datetime) -> None:
        shot = await asyncio.to_thread(self._site.now, anew=True)
        for number in waiting:
            more = True
            while more and not self.stopping.is_set():
                # Each bit in a transaction of its own: others write between them.
                more = await self._write(partial(self._spread, number, shot.view, now))
                self.beat()

    def _spread(self, number: int, shown: StatusView, now: datetime, connection: sa.Connection) -> bool:
        return self._letters.spread(connection, number, shown, now)

    def _waiting(self) -> list[int]:
        with self._database.read() as connection:
            return self._letters.waiting(connection)

    def _publish(self, folder: Path) -> None:
        shot = self._site.now()
        if self._written == (folder, shot.tag):
            return
        if self._written is None or self._written[0] != folder:
            tidy(folder)
        write(folder, shot.files)
        self._written = (folder, shot.tag)

    async def _write(self, work: Callable[[sa.Connection], T]) -> T:
        return await asyncio.wrap_future(self._writer.submit(work))
