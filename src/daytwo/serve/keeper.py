"""The part that keeps the state small: what its data class no longer needs is removed, once a day."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from daytwo.ledger.audit import Audit
from daytwo.serve.part import Part
from daytwo.serve.pulse import Pulse
from daytwo.serve.site import Site

_log = logging.getLogger(__name__)
_DAY = timedelta(days=1)
_ROUND = 60.0


class Keeper(Part):
    """Prunes the audit trail and the export records by the `records` of the configuration.

    Args:
        pulse: where it shows that it goes round.
        site: the configuration.
        audit: the record of who did what.
        clock: the time now.
    """

    name = "keeper"
    limit = 3600.0

    def __init__(self, pulse: Pulse, site: Site, audit: Audit, clock: Callable[[], datetime]) -> None:
        super().__init__(pulse)
        self._site = site
        self._audit = audit
        self._clock = clock
        self._next = clock()

    async def work(self) -> None:
        """Look once a minute whether a day has gone by."""
        while not self.stopping.is_set():
            await self.tick()
            self.beat()
            await self.sleep(_ROUND)

    async def tick(self) -> bool:
        """Prune if it is time; also when the clock was set back by more than a day.

        Returns:
            Whether it was.
        """
        now = self._clock()
        if now < self._next and self._next - now <= _DAY:
            return False
        self._next = now + _DAY
        for one in await asyncio.to_thread(self._audit.prune, now, self._site.config.records):
            _log.info("pruned %d events of %s, segment %d", one.events, one.chain.value, one.segment)
        return True
