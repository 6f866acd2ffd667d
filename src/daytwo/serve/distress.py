"""The part that says that the daemon itself cannot work, past the outbox: that needs a state that can be written.

A full disk is what people are to be told of, and what keeps every message from being written down. So this one message
is delivered from memory, through the channels of critical alerts, and again each hour until it is over. Where nothing
of the daemon goes on at all, only its own heartbeat tells (`serve: ping:`, the watchdog of systemd).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime

from daytwo.config import Config
from daytwo.core.channel import Event, Message
from daytwo.core.shown import lasting
from daytwo.respond.oncall import Delivery, reach
from daytwo.respond.outbox import Carrier
from daytwo.respond.pipeline import routes_of
from daytwo.serve.part import Part
from daytwo.serve.pulse import Pulse
from daytwo.serve.site import Site
from daytwo.store.writer import Trouble

_log = logging.getLogger(__name__)
_ROUND = 5.0
_PATIENCE = 60.0
"""Seconds that the state may take no writes: a long transaction of somebody else is no distress."""
_AGAIN = 3600.0
_RETRY = 60.0
_SURE = 2
_FALL_BACK = 9
"""As many failures as have the fallback asked at once."""


class Distress(Part):
    """Looks every five seconds whether the daemon can work; tells people when it cannot, and when it can again.

    Args:
        pulse: how fresh each part is.
        site: the configuration.
        trouble: gives what keeps the state from being written, or None.
        clock: the time now.
        monotonic: seconds, on a clock that nobody sets.
        carrier: makes what delivers; only tests give one.
    """

    name = "distress"
    limit = 300.0

    def __init__(
        self,
        pulse: Pulse,
        site: Site,
        trouble: Callable[[], Trouble | None],
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        carrier: Callable[[Config], Carrier] = Carrier,
    ) -> None:
        super().__init__(pulse)
        self._site = site
        self._trouble = trouble
        self._clock = clock
        self._monotonic = monotonic
        self._carrier = carrier
        self._rounds = 0
        """In how many rounds one after the other something was wrong."""
        self._told: dict[tuple[str, tuple[str, ...]], float] = {}
        """By receiver, when the call reached it."""
        self._next = 0.0

    async def work(self) -> None:
        """Look, tell, sleep."""
        while not self.stopping.is_set():
            await self.tick()
            self.beat()
            await self.sleep(_ROUND)

    async def tick(self) -> None:
        """Look once, and tell whoever has to hear of it."""
        wrong = "; ".join(self._wrong())
        # After the process was held up, every part looks late for a moment.
        self._rounds = self._rounds + 1 if wrong else 0
        if self._rounds == _SURE:
            _log.error("%s; people are told without the state", wrong)
        now = self._monotonic()
        if now < self._next:
            return
        if self._rounds >= _SURE:
            self._next = now + _RETRY
            await asyncio.gather(*(self._call(one, wrong) for one in self._receivers() if self._due(one, now)))
        elif self._told and not wrong:
            self._next = now + _RETRY
            await asyncio.gather(*(self._recall(one) for one in self._receivers() if _key(one) in self._told))

    def _wrong(self) -> Iterator[str]:
        trouble = self._trouble()
        if trouble is not None and (lasts := self._monotonic() - trouble.since) >= _PATIENCE:
            yield f"the state has refused writes for {lasting(lasts)}: {trouble.said}"
        for one in self.pulse.stale:
            if one.part != self.name:
                yield f"the {one.part} has not gone round for {lasting(one.age)}"

    def _receivers(self) -> tuple[Delivery, ...]:
        """Whoever hears of critical alerts at once. Takeovers by hand are in the state, and are not asked for."""
        config = self._site.config
        routes = [one for one in routes_of(config).values() if one.when == "at once"]
        names = [name for one in routes if not one.level or "critical" in one.level for name in one.to]
        return reach(config, tuple(dict.fromkeys(names)), self._clock())

    def _due(self, one: Delivery, now: float) -> bool:
        told = self._told.get(_key(one))
        return told is None or now - told >= _AGAIN

    async def _call(self, one: Delivery, wrong: str) -> None:
        text = (
            f"{wrong[0].upper()}{wrong[1:]}. While that lasts, alerts are not written down and not told, and backups"
            " may not begin. Look at the disk and the memory of the machine that daytwo runs on, then at its log."
        )
        if await self._send(one, Event.TRIGGER, "daytwo itself cannot work", text):
            self._told[_key(one)] = self._monotonic()

    async def _recall(self, one: Delivery) -> None:
        if await self._send(one, Event.RESOLVE, "daytwo does its work again", ""):
            del self._told[_key(one)]

    async def _send(self, one: Delivery, event: Event, title: str, text: str) -> bool:
        config, now = self._site.config, self._clock()
        message = Message(
            event=event, key=f"{config.own_name}/daytwo", app=config.app,
            environment=config.environment, level="critical", title=title, text=text, at=now, to=one.to,
            commands=("daytwo doctor",) if event is Event.TRIGGER else (),
        )  # fmt: skip
        people = ",".join(person.name for person in one.to)
        carrier, key = self._carrier(config), f"{message.key} {event} {now.timestamp():.0f} {one.channel} {people}"
        outcome = await asyncio.to_thread(carrier.deliver, message, key, one.channel, _FALL_BACK)
        if not outcome.via:
            _log.error("nobody is told through %s: %s", one.channel, outcome.error)
        return bool(outcome.via)


def _key(one: Delivery) -> tuple[str, tuple[str, ...]]:
    return one.channel, tuple(person.name for person in one.to)
