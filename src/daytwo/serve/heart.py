"""The daemon's own heartbeat: systemd and a monitor elsewhere hear from it only while every part goes round."""

import asyncio
import logging
import time
from collections.abc import Callable

from daytwo.serve import notify
from daytwo.serve.part import Part
from daytwo.serve.pulse import Pulse

_log = logging.getLogger(__name__)
_ROUND = 5.0


class Heart(Part):
    """Speaks for the whole daemon.

    Args:
        pulse: how fresh each part is.
        every: gives the seconds between two pings of the monitor elsewhere.
        ping: requests its address; returns what went wrong, or an empty text. Blocks.
    """

    name = "heart"
    limit = 60.0

    def __init__(self, pulse: Pulse, every: Callable[[], float], ping: Callable[[], str]) -> None:
        super().__init__(pulse)
        self._every = every
        self._ping = ping
        self._last = 0.0
        self._silent: tuple[str, ...] = ()

    async def work(self) -> None:
        """Say that all is well, as long as it is."""
        asked = notify.watchdog_seconds()
        pause = min(_ROUND, asked / 3) if asked else _ROUND
        while not self.stopping.is_set():
            self.beat()
            trouble = await self.speak()
            if trouble:
                self.beat(trouble)
            await self.sleep(pause)

    async def speak(self) -> str:
        """Speak once, or keep silent because a part has stopped.

        Returns:
            What went wrong with the ping; empty when nothing did.
        """
        stale = tuple(f"{one.part} has not gone round for {one.age:.0f} s" for one in self.pulse.stale)
        if stale:
            if stale != self._silent:
                _log.error("no heartbeat is sent: %s", "; ".join(stale))
            self._silent = stale
            return ""
        self._silent = ()
        notify.notify("WATCHDOG=1")
        now = time.monotonic()
        if self._last and now - self._last < self._every():
            return ""
        self._last = now
        return await asyncio.to_thread(self._ping)
