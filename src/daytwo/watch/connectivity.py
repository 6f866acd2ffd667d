"""Whether our own line works: without it, silence from outside says nothing of those outside."""

import asyncio
import contextlib
from collections.abc import Sequence

_SECONDS = 3.0
"""For one connection."""
_FRESH = 5.0
"""Seconds for which an answer counts for the next who asks."""


class Connectivity:
    """Asks whether any of a few places that are always there can be reached.

    Args:
        places: as `host:port`; without any, the line is taken to work.
    """

    def __init__(self, places: Sequence[str]) -> None:
        self.places = tuple(places)
        self._asked = -_FRESH
        self._answer: asyncio.Task[bool] | None = None

    async def works(self) -> bool:
        """Whether one of them answers. Many who ask at the same time share one answer."""
        if not self.places:
            return True
        now = asyncio.get_running_loop().time()
        if self._answer is None or (self._answer.done() and now - self._asked > _FRESH):
            self._asked = now
            self._answer = asyncio.create_task(self._ask(), name="connectivity")
        return await asyncio.shield(self._answer)

    async def _ask(self) -> bool:
        waiting = {asyncio.create_task(_reached(place)) for place in self.places}
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if any(task.result() for task in done):
                    return True
            return False
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def close(self) -> None:
        """Stop asking."""
        if self._answer is not None and not self._answer.done():
            self._answer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._answer


async def _reached(place: str) -> bool:
    host, _, port = place.rpartition(":")
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
