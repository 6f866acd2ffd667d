"""The part that acts on findings and alerts by itself, and keeps the blocker in line with what should be shut out."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.core.blocker import shown
from daytwo.core.errors import DaytwoError
from daytwo.respond.actions.acting import Actor
from daytwo.respond.actions.blocks import BlockDesk, blocker_of, carry_out
from daytwo.serve.part import Part
from daytwo.serve.pulse import Pulse
from daytwo.store.database import said_by
from daytwo.store.writer import Writer

T = TypeVar("T")
_log = logging.getLogger(__name__)
_ROUND = 2.0
_HISTORY = timedelta(days=400)
_PRUNE = timedelta(hours=6)
_AGAIN = timedelta(minutes=1)
"""How often it is looked whether the blocker still does what it was told: a firewall that is loaded anew forgets."""


class ActorPart(Part):
    """Looks every two seconds for what is to be done.

    Args:
        pulse: where it shows that it goes round.
        config: gives the configuration as it is now.
        writer: writes to the state.
        actor: acts.
        blocks: what should be shut out.
        clock: the time now.
    """

    name = "actor"
    limit = 180.0

    def __init__(
        self, pulse: Pulse, config: Callable[[], Config], writer: Writer, actor: Actor, blocks: BlockDesk,
        clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        super().__init__(pulse)
        self._config = config
        self._writer = writer
        self._actor = actor
        self._blocks = blocks
        self._clock = clock
        self._looked: datetime | None = None
        self._spared: Config | None = None
        self._pruned: datetime | None = None

    async def work(self) -> None:
        """Claim, carry out, sleep. What was shut out before is told to the blocker again at the beginning."""
        await self._write(self._blocks.forget)
        while not self.stopping.is_set():
            try:
                self.beat(await self.tick())
            except sa.exc.SQLAlchemyError as error:
                self.beat(f"actions wait: {said_by(error)}")
            await self.sleep(_ROUND)

    async def tick(self) -> str:
        """Do once what is to be done.

        Returns:
            What the blocker does not do, or nothing.
        """
        now = self._clock()
        if await self._write(lambda connection: self._actor.claim(connection, now)):
            await asyncio.to_thread(self._blocks.look)
            for number in await self._write(self._actor.waiting):
                await self._perform(number, now)
        await self._write(lambda connection: self._blocks.end(connection, now))
        if (config := self._config()) is not self._spared:
            await self._write(lambda connection: self._blocks.spare(connection, now))
            self._spared = config
        if self._pruned is None or not timedelta() <= now - self._pruned < _PRUNE:
            self._pruned = now
            await self._write(lambda connection: self._actor.prune(connection, now - _HISTORY))
        return await self._keep_out(now)

    async def _perform(self, number: int, now: datetime) -> None:
        try:
            if said := await self._write(lambda connection: self._actor.perform(connection, number, now)):
                _log.warning("%s", said)
        except sa.exc.SQLAlchemyError:
            raise
        except Exception as error:
            _log.exception("act %d failed", number)
            text = f"{type(error).__name__}: {error}"
            await self._write(lambda connection: self._actor.failed(connection, number, text, now))

    async def _keep_out(self, now: datetime) -> str:
        config = self._config()
        blocker = blocker_of(config)
        if blocker is None:
            return ""
        if self._looked is None or not timedelta() <= now - self._looked < _AGAIN:
            self._looked = now
            await self._remind(config, now)
        trouble = ""
        for block in await self._write(self._blocks.waiting):
            error = await asyncio.to_thread(carry_out, blocker, block, now)
            trouble = trouble or error
            if error and error != block.error:
                _log.warning("%s: %s", block.network, error)
            await self._write(partial(self._blocks.told, block=block, now=now, error=error))
        return trouble

    async def _remind(self, config: Config, now: datetime) -> None:
        """Have the blocker told again of what it has forgotten, where it tells what it knows."""
        blocker = blocker_of(config)
        standing = await self._write(self._blocks.active)
        if blocker is None or not standing:
            return
        try:
            there = {shown(one.network) for one in await asyncio.to_thread(blocker.blocked, now)}
        except DaytwoError:
            return
        gone = [one.id for one in standing if one.applied is not None and one.network not in there]
        if gone and blocker.tells:
            await self._write(lambda connection: self._blocks.forget(connection, gone))

    async def _write(self, work: Callable[[sa.Connection], T]) -> T:
        return await asyncio.wrap_future(self._writer.submit(work))
