"""A part of the daemon: one loop that does one thing, and shows that it goes round."""

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod

import sqlalchemy as sa

from daytwo.serve.pulse import Pulse
from daytwo.store.database import said_by

_log = logging.getLogger(__name__)
_PAUSE = 5.0
"""Seconds before a part that failed is begun again."""


class Part(ABC):
    """One part. Its loop calls `beat` each time it goes round."""

    name: str
    """One word, as shown to people."""
    limit: float = 90.0
    """Seconds without a beat after which it counts as stopped."""

    def __init__(self, pulse: Pulse) -> None:
        self.pulse = pulse
        self.stopping = asyncio.Event()
        self._woken = asyncio.Event()

    @abstractmethod
    async def work(self) -> None:
        """Go round until `stopping` is set."""

    async def started(self) -> None:
        """Return when it does what it is there for; at once unless a part says otherwise."""
        return

    def beat(self, trouble: str = "") -> None:
        """It went round; `trouble` says what failed."""
        self.pulse.beat(self.name, trouble)

    def wake(self) -> None:
        """Go round now. To be called in the event loop."""
        self._woken.set()

    async def sleep(self, seconds: float) -> None:
        """Wait until woken, stopped, or the time is over."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)
        self._woken.clear()

    def stop(self) -> None:
        """Come to an end."""
        self.stopping.set()
        self._woken.set()

    async def run(self) -> None:
        """Work until stopped; what fails is logged, shown as trouble, and begun again."""
        self.pulse.expect(self.name, self.limit)
        while not self.stopping.is_set():
            try:
                await self.work()
            except sa.exc.DBAPIError as error:  # the state's trouble is no defect of the part
                _log.error("%s waits for the state: %s", self.name, said_by(error))
                self.pulse.trouble(self.name, f"it waits for the state: {said_by(error)}")
                await self.sleep(_PAUSE)
            except Exception as error:
                _log.exception("%s failed and is begun again in %.0f s", self.name, _PAUSE)
                self.pulse.trouble(self.name, f"{type(error).__name__}: {error}")
                await self.sleep(_PAUSE)
        self.pulse.forget(self.name)
