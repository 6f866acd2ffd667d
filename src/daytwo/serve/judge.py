"""The part that judges series by the rules, and keeps the numbers in order: summed up, and no longer than wanted."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa

from daytwo.respond.intake import Taker, nobody
from daytwo.serve.part import Part
from daytwo.serve.pulse import Pulse
from daytwo.serve.site import Site
from daytwo.store.database import Database, said_by
from daytwo.store.writer import Writer
from daytwo.watch.numbers import Numbers
from daytwo.watch.observations import Observations
from daytwo.watch.rules import Book, Evaluator, Look, Transition

T = TypeVar("T")
_log = logging.getLogger(__name__)
_ROUND = 10.0
_ROLL = timedelta(minutes=1)
_PRUNE = timedelta(hours=1)
_HISTORY = timedelta(days=400)
"""How long verdicts and alerts are remembered: a year, and what a report of it looks back to."""


class Judge(Part):
    """Judges every series that a rule looks at.

    Args:
        pulse: where it shows that it goes round.
        site: the configuration.
        database: the state, to read from.
        writer: writes to the state.
        numbers: where numbers are.
        observations: where verdicts are.
        evaluator: judges.
        book: where alerts are written down.
        clock: the time now.
        taker: makes alerts of what the rules report, in the same transaction.
        told: called when there was something, and it is committed.
    """

    name = "evaluator"
    limit = 120.0

    def __init__(
        self,
        pulse: Pulse,
        site: Site,
        database: Database,
        writer: Writer,
        numbers: Numbers,
        observations: Observations,
        evaluator: Evaluator,
        book: Book,
        clock: Callable[[], datetime],
        taker: Taker = nobody,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(pulse)
        self._site = site
        self._database = database
        self._writer = writer
        self._numbers = numbers
        self._observations = observations
        self._evaluator = evaluator
        self._book = book
        self._clock = clock
        self._taker = taker
        self._told = told
        self._rolled = self._pruned = clock() - _PRUNE

    async def work(self) -> None:
        """Judge, sum up, remove, sleep."""
        while not self.stopping.is_set():
            try:
                await self.tick()
                self.beat()
            except sa.exc.SQLAlchemyError as error:  # the state's trouble says nothing of anybody's service
                self._evaluator.forget_memory()
                self.beat(f"rules wait to be judged: {said_by(error)}")
            await self.sleep(_ROUND)
        now = self._clock()
        await self._write(lambda connection: self._evaluator.rest(connection, now))

    async def tick(self) -> list[Transition]:
        """Do once what is due.

        Returns:
            What has changed.
        """
        now = self._clock()
        look = await asyncio.to_thread(self._look, now)
        found = await self._write(lambda connection: self._settle(connection, look, now))
        for one in found:
            _log.warning("%s", one)
        if found:
            self._told()
        if not timedelta() <= now - self._rolled < _ROLL:
            self._rolled = now
            while await self._write(lambda connection: self._numbers.roll(connection, now)):
                self.beat()
        if not timedelta() <= now - self._pruned < _PRUNE:
            self._pruned = now
            await self._prune(now)
        return found

    def _look(self, now: datetime) -> Look:
        with self._database.read() as connection:
            return self._evaluator.look(connection, now)

    def _settle(self, connection: sa.Connection, look: Look, now: datetime) -> list[Transition]:
        found = self._evaluator.settle(connection, look, now)
        self._taker(connection, found, now)
        return found

    async def _prune(self, now: datetime) -> None:
        kept = self._site.config.watch.keep
        while await self._write(lambda connection: self._numbers.prune(connection, now, kept)):
            self.beat()
        gone = await self._write(lambda connection: self._numbers.forget(connection, now, self._evaluator.names))
        if gone:
            _log.info("removed series of which nothing is left: %s", ", ".join(gone))
        await self._write(lambda connection: self._observations.prune(connection, now - _HISTORY))
        await self._write(lambda connection: self._book.prune(connection, now - _HISTORY))

    async def _write(self, work: Callable[[sa.Connection], T]) -> T:
        return await asyncio.wrap_future(self._writer.submit(work))
