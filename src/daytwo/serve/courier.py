"""The part that sends: messages leave here, one thread a channel, so that one that hangs keeps nobody waiting."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa

from daytwo.config import Config
from daytwo.respond.outbox import Bucket, Carrier, Outbox
from daytwo.respond.upkeep import Upkeep
from daytwo.serve.part import Part
from daytwo.serve.pulse import Pulse
from daytwo.serve.site import Site
from daytwo.store.database import Database, said_by
from daytwo.store.writer import Writer

T = TypeVar("T")
_log = logging.getLogger(__name__)
_ROUND = 2.0
_REMIND = timedelta(minutes=1)
_PRUNE = timedelta(hours=1)
_DEAD_FOR = timedelta(days=1)
_STUCK = 60.0
"""Seconds after which a channel that has not come back is given a new thread."""
_MOST_STUCK = 3
"""New threads that a channel gets; after that it has to come back by itself."""


class Sender:
    """One channel's thread: takes what is due, one message after the other, until nothing is.

    Args:
        channel: its name.
        outbox: where messages are.
        writer: the state, to claim and settle.
        owner: in whose name.
        carrier: gives what delivers, by the configuration as it is now.
        clock: the time now.
    """

    def __init__(
        self,
        channel: str,
        outbox: Outbox,
        writer: Writer,
        owner: str,
        carrier: Callable[[], Carrier],
        clock: Callable[[], datetime],
    ) -> None:
        self.channel = channel
        self.busy_since: float | None = None
        """When it began to send, on the monotonic clock; None while it does not."""
        self.left = 0
        """Threads that never came back so far."""
        self._outbox = outbox
        self._writer = writer
        self._owner = owner
        self._carrier = carrier
        self._clock = clock
        self._woken = threading.Event()
        self._ended = threading.Event()
        self._thread = self._start()

    @property
    def stuck(self) -> bool:
        """Whether a try has not come back for longer than any may take."""
        return self.busy_since is not None and time.monotonic() - self.busy_since > _STUCK

    def wake(self) -> None:
        """There is something to do."""
        self._woken.set()

    def renew(self) -> None:
        """Leave the thread that does not come back alone, and begin another one."""
        if self.left < _MOST_STUCK:
            self.left += 1
            self.busy_since = None
            self._thread = self._start()
            self._woken.set()

    def stop(self, seconds: float) -> None:
        """End after the try that is being made; wait for that, but not for ever."""
        self._ended.set()
        self._woken.set()
        self._thread.join(seconds)

    def _start(self) -> threading.Thread:
        # Not waited for at the end of the process: what it has claimed is sent by the next one.
        thread = threading.Thread(target=self._run, args=(self.left,), name=f"send-{self.channel}", daemon=True)
        thread.start()
        return thread

    def _run(self, turn: int) -> None:
        said = ""
        while self._goes_on(turn):
            self._woken.wait()
            self._woken.clear()
            try:
                while self._goes_on(turn) and self.once():
                    pass
                said = ""
            except (sa.exc.SQLAlchemyError, RuntimeError) as error:
                if said != said_by(error):
                    said = said_by(error)
                    _log.warning("messages of channel %s wait: %s", self.channel, said)
            except Exception:
                _log.exception("the sender of channel %s failed", self.channel)

    def _goes_on(self, turn: int) -> bool:
        return turn == self.left and not self._ended.is_set()

    def once(self) -> bool:
        """Send one message, if one is due.

        Returns:
            Whether there was one.
        """
        carrier, now = self._carrier(), self._clock()
        settings = carrier.config.channels.get(self.channel)
        bucket = Bucket(settings.rate, settings.burst) if settings else None
        fallback = bool(settings and settings.fallback)
        claim = self._writer.run(
            lambda connection: self._outbox.claim(
                connection, self.channel, self._owner, now, bucket=bucket, fallback=fallback
            )
        )
        if claim is None:
            return False
        one = claim.notification
        begun = self.busy_since = time.monotonic()
        try:
            failures = max(claim.failures, one.tries)
            outcome = carrier.deliver(one.message, one.key, self.channel, failures, resting=claim.resting)
        finally:
            if self.busy_since == begun:
                self.busy_since = None
        if outcome.error:
            log = _log.error if outcome.permanent and not outcome.via else _log.warning
            log("notification %d through %s: %s", one.id, self.channel, outcome.error)
        at = self._clock()
        self._writer.run(lambda connection: self._outbox.settle(connection, claim, outcome, at))
        return True


class Courier(Part):
    """Does what comes due of alerts, and has every channel send what waits for it.

    Args:
        pulse: where it shows that it goes round.
        site: the configuration.
        database: the state, to read from.
        writer: writes to the state.
        outbox: where messages are.
        upkeep: does what comes due.
        owner: in whose name messages are sent.
        is_dead: whether an owner, as it is written down, is dead for sure.
        clock: the time now.
        carrier: makes what delivers; only tests give one.
    """

    name = "courier"
    limit = 90.0

    def __init__(
        self,
        pulse: Pulse,
        site: Site,
        database: Database,
        writer: Writer,
        outbox: Outbox,
        upkeep: Upkeep,
        owner: str,
        is_dead: Callable[[str], bool],
        clock: Callable[[], datetime],
        carrier: Callable[[Config], Carrier] = Carrier,
    ) -> None:
        super().__init__(pulse)
        self._site = site
        self._database = database
        self._writer = writer
        self._outbox = outbox
        self._upkeep = upkeep
        self._owner = owner
        self._is_dead = is_dead
        self._clock = clock
        self._make_carrier = carrier
        self._carrier = carrier(site.config)
        self._senders: dict[str, Sender] = {}
        self._reminded = self._pruned = clock() - _PRUNE

    async def work(self) -> None:
        """Look, do what is due, wake those who send, sleep."""
        await self._write(self._give_back)
        try:
            while not self.stopping.is_set():
                try:
                    await self.tick()
                except sa.exc.SQLAlchemyError as error:
                    self._upkeep.forget()
                    self.beat(f"messages wait for the state: {said_by(error)}")
                await self.sleep(_ROUND)
        finally:
            senders, self._senders = self._senders, {}
            await asyncio.gather(*(asyncio.to_thread(one.stop, 5.0) for one in senders.values()))

    async def tick(self) -> None:
        """Go round once."""
        now = self._clock()
        troubles = await self._send(now)  # first: what an alert has just put there waits for nothing else
        if await asyncio.to_thread(self._upkeep.due, self._database, now):
            while await self._write(lambda connection: self._upkeep.tick(connection, now)):
                self.beat()
            troubles = await self._send(now)
        if not timedelta() <= now - self._reminded < _REMIND:
            self._reminded = now
            await self._write(lambda connection: self._upkeep.set_right(connection, now))
            await self._write(lambda connection: self._upkeep.remind(connection, now))
        if not timedelta() <= now - self._pruned < _PRUNE:
            self._pruned = now
            while await self._write(lambda connection: self._upkeep.prune(connection, now)):
                self.beat()
        self.beat("; ".join([*self._unstick(), *troubles]))

    async def _send(self, now: datetime) -> list[str]:
        """Wake those who have something to send; what is wrong with channels, in words."""
        due, troubles = await asyncio.to_thread(self._look, now)
        for name, at in due.items():
            if at <= now:
                self._sender(name).wake()
        return troubles

    def _look(self, now: datetime) -> tuple[dict[str, datetime], list[str]]:
        with self._database.read() as connection:
            return self._outbox.due(connection, now), self._outbox.troubles(connection, now - _DEAD_FOR)

    def _sender(self, name: str) -> Sender:
        if name not in self._senders:
            self._senders[name] = Sender(name, self._outbox, self._writer, self._owner, self._current, self._clock)
        return self._senders[name]

    def _current(self) -> Carrier:
        if self._carrier.config is not self._site.config:
            self._carrier = self._make_carrier(self._site.config)
        return self._carrier

    def _unstick(self) -> list[str]:
        """Channels that do not come back, in words; each gets a new thread, a few times."""
        found = []
        for one in self._senders.values():
            if one.stuck:
                one.renew()
            if one.left:
                found.append(f"channel {one.channel} did not come back from a try {one.left} times")
        return found

    def _give_back(self, connection: sa.Connection) -> None:
        """What a daemon that is dead had claimed is nobody's."""
        self._outbox.release(connection, [one for one in self._outbox.claimants(connection) if self._is_dead(one)])

    async def _write(self, work: Callable[[sa.Connection], T]) -> T:
        return await asyncio.wrap_future(self._writer.submit(work))
