"""The part that follows logs, has them read, and writes what was found together with the place that was reached."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.serve.part import Part
from daytwo.serve.pulse import Pulse
from daytwo.serve.site import Site
from daytwo.store.database import said_by
from daytwo.store.writer import Writer
from daytwo.watch.logs.counting import counted
from daytwo.watch.logs.follower import Batch, Follower
from daytwo.watch.logs.following import follower_of
from daytwo.watch.logs.lines import Reader, Write
from daytwo.watch.logs.records import LogBook
from daytwo.watch.logs.sources import Log, logs_of
from daytwo.watch.numbers import Numbers

_log = logging.getLogger(__name__)
_ROUND = 1.0
T = TypeVar("T")
Readers = Callable[[Config], Sequence[Reader]]


@dataclass(frozen=True)
class _Read:
    """What came of a round: it is written as a whole, and waits as a whole while that fails.

    Args:
        batches: what was read.
        writes: what readers have to write for them.
    """

    batches: Sequence[Batch]
    writes: Sequence[Write]


class Listener(Part):
    """Follows the logs of the configuration.

    Args:
        pulse: where it shows that it goes round.
        site: the configuration.
        numbers: where numbers are.
        readers: makes those who read, from a configuration.
        writer: writes to the state.
        work: a private folder.
        clock: the time now.
    """

    name = "logs"

    def __init__(
        self,
        pulse: Pulse,
        site: Site,
        numbers: Numbers,
        readers: Readers,
        writer: Writer,
        work: Path,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(pulse)
        self._site = site
        self._numbers = numbers
        self._make_readers = readers
        self._writer = writer
        self._work = work
        self._clock = clock
        self._book = LogBook(site.config.app, site.config.environment)
        self._config: Config | None = None
        self._readers: Sequence[Reader] = ()
        self._followers: dict[str, Follower] = {}
        self._held: _Read | None = None
        self._told: dict[str, str] = {}

    async def work(self) -> None:
        """Collect, have it read, write, once a second; at once while there is more."""
        try:
            while not self.stopping.is_set():
                if self._site.config is not self._config and self._held is None:
                    await self._follow()
                more, trouble = await self.tick()
                self.beat(trouble)
                if not more:
                    await self.sleep(_ROUND)
        finally:
            await self._close(self._followers.values())
            self._followers, self._config = {}, None
            if self._held is not None:
                await self._write()
                self._held = None  # otherwise it will be read again

    async def tick(self) -> tuple[bool, str]:
        """Go round once.

        Returns:
            Whether there is more to be read already, and what is wrong.
        """
        more = False
        if self._held is None:
            more = any(one.full for one in self._followers.values())
            batches = [batch for one in self._followers.values() if (batch := one.take())]
            if batches:
                self._held = await asyncio.to_thread(self._read, batches)
        troubles = {name: one.trouble for name, one in self._followers.items()}
        said = await self._write(troubles)
        found = [said, *(f"{name}: {trouble}" for name, trouble in troubles.items() if trouble), *self._complaints()]
        return more and not said, "; ".join(one for one in found if one)

    async def _follow(self) -> None:
        """Follow what the configuration has now; what it had before and has still goes on."""
        config = self._site.config
        logs = logs_of(config)
        gone = [one for name, one in self._followers.items() if logs.get(name) != one.log]
        # What those have that is not written yet is read again, if they are followed again.
        await self._close(gone)
        self._followers = {name: one for name, one in self._followers.items() if one not in gone}
        positions = await self._submit(lambda connection: self._book.keep(connection, logs))
        self._readers = self._make_readers(config)
        for name, log in logs.items():
            if name not in self._followers:
                self._followers[name] = self._started(log, positions[name])
        self._told = {}
        self._config = config

    def _started(self, log: Log, position: str) -> Follower:
        follower = follower_of(log, position, self._work, self._clock)
        follower.start()
        return follower

    def _read(self, batches: Sequence[Batch]) -> _Read:
        """Have everybody look at what came. Runs in a thread."""
        writes = [counted(self._numbers, batches)]
        for batch in batches:
            for reader in self._readers:
                try:
                    write = reader.read(batch.log, batch.lines) if batch.lines else None
                except Exception:
                    _log.exception("%s could not read what came from %s", type(reader).__name__, batch.log)
                    continue
                if write is not None:
                    writes.append(write)
        return _Read(batches, writes)

    async def _write(self, troubles: dict[str, str] | None = None) -> str:
        """Write what is held, and what is new of troubles.

        Returns:
            What is wrong with the state.
        """
        held = self._held
        news = {name: one for name, one in (troubles or {}).items() if self._told.get(name, "") != one}
        if held is None and not news:
            return ""
        try:
            await self._submit(lambda connection: self._take(connection, held, news))
        except sa.exc.SQLAlchemyError as error:
            return f"what was read waits to be written: {said_by(error)}"
        self._held = None
        self._told |= news
        return ""

    def _take(self, connection: sa.Connection, held: _Read | None, news: dict[str, str]) -> None:
        now = self._clock()
        self._book.troubled(connection, news)
        if held is None:
            return
        for write in held.writes:
            savepoint = connection.begin_nested()
            try:
                write(connection, now)
                savepoint.commit()
            except sa.exc.OperationalError:
                raise  # the state itself: all of it waits
            except Exception as error:
                if isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated:
                    raise
                # A defect of a reader, which would come again each time and hold up all logs.
                savepoint.rollback()
                _log.exception("what was read in logs could not be written, and is left out")
        for batch in held.batches:
            self._book.reached(connection, batch.log, batch.position, now if batch.lines else None)

    async def _submit(self, work: Callable[[sa.Connection], T]) -> T:
        return await asyncio.wrap_future(self._writer.submit(work))

    async def _close(self, followers: Iterable[Follower]) -> None:
        await asyncio.gather(*(asyncio.to_thread(one.close) for one in list(followers)))

    def _complaints(self) -> list[str]:
        """What readers have trouble with, where they tell."""
        return [trouble for one in self._readers if (trouble := getattr(one, "trouble", ""))]


__all__ = ["Listener"]
