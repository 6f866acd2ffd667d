"""One view of a container engine, shared by the checks of all its containers."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import TypeVar

from daytwo.core.check import Shared
from daytwo.core.containers.figures import Figures
from daytwo.core.containers.flight import Flight
from daytwo.core.containers.history import Earlier, Event, History, Tally
from daytwo.core.containers.listing import Container, digests, listing
from daytwo.core.containers.stream import Stream
from daytwo.core.containers.usage import Usage
from daytwo.core.errors import CancelledError, UnreachableError
from daytwo.core.run import Run
from daytwo.core.target import Target

T = TypeVar("T")
_AT_MOST = 1.0
"""Seconds between two looks, however much happens."""
_UNTOLD = 3.0
"""Seconds for which a look counts while no events are heard."""
_TOLD = 60.0
"""Seconds for which a look counts at most while the events say that nothing happened."""
_SHARED = 10.0
"""Seconds for which figures count that are fetched for all containers at once."""
_PATIENCE = 20.0
"""Seconds one look may take."""
_THREADS = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look showed.

    Args:
        containers: all of them.
        digests: of their images, by the images' ids; empty for one that was built on the machine.
    """

    containers: tuple[Container, ...]
    digests: Mapping[str, str]


class View:
    """What is known of an engine's containers. Belongs to one event loop.

    Args:
        host: where the engine is reached.
        work: a private folder.
    """

    def __init__(self, host: Target, work: Path) -> None:
        self._host = host
        self._run = Run(f"check-containers-{token_hex(6)}", work)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="containers")
        self._lock = threading.Lock()
        self._history = History()
        self._happened = time.monotonic()
        self._digests: dict[str, str] = {}
        self._figures = Figures(host)
        self._looks = Flight(lambda: self._limited(self._look), self._threads)
        self._fetches = Flight(lambda: self._limited(self._fetch), self._threads)
        self._containers: tuple[Container, ...] = ()
        hearing = Run(f"events-containers-{token_hex(6)}", work)
        self._stream = Stream(host, hearing, self._hear, self._change, lambda: self._history.until)

    @classmethod
    def of(cls, host: Target, shared: Shared, work: Path) -> "View":
        """The one view of an engine."""
        return shared.get(("containers", host), lambda: cls(host, work))

    async def seen(self, end: float) -> Seen:
        """All containers, as they are now or were when something last happened.

        Raises:
            TimeoutError: nothing is known at `end`, a time of the monotonic clock.
            UnreachableError, CommandError, MissingToolError: the engine cannot be asked.
        """
        now, steady = time.monotonic(), self._stream.steady_since
        since = now - _UNTOLD if steady is None else max(self._happened, steady, now - _TOLD)
        return await self._looks.get(min(since, now - _AT_MOST), end)

    async def usage(self, one: Container, end: float, newer_than: float | None = None) -> Usage | None:
        """What a container uses; None where nobody can tell.

        Args:
            one: a running container.
            end: when to give up, by the monotonic clock.
            newer_than: figures of an earlier time do not count.

        Raises:
            TimeoutError, UnreachableError, CommandError, MissingToolError: as for `seen`.
        """
        if self._host.is_local:
            loop = asyncio.get_running_loop()
            near = await loop.run_in_executor(self._threads, self._figures.near, one)
            if near is not None:
                return near
        since = time.monotonic() - _SHARED
        found = await self._fetches.get(since if newer_than is None else max(since, newer_than), end)
        return found.get(one.id)

    def tally(self, one: Container, earlier: Earlier | None = None) -> Tally:
        """What has happened under a container's name; see `History.take`."""
        with self._lock:
            return replace(self._history.take(one, earlier))

    async def close(self) -> None:
        """End the stream and whatever is on its way."""
        self._run.cancel("watching ends")
        await asyncio.to_thread(self._stream.close)
        await self._looks.close()
        await self._fetches.close()
        await asyncio.to_thread(self._threads.shutdown)

    def _hear(self, event: Event) -> None:
        with self._lock:
            if self._history.hear(event):
                self._happened = time.monotonic()

    def _change(self) -> None:
        self._happened = time.monotonic()

    def _look(self, run: Run) -> Seen:
        containers = listing(self._host, run)
        there = {one.image_id for one in containers}
        known = {id: digest for id, digest in self._digests.items() if id in there}
        self._digests = {**known, **digests(self._host, sorted(there - known.keys()), run)}
        with self._lock:
            now = time.monotonic()
            self._history.see(containers, now, steady=self._stream.steady_since is not None)
        self._containers = containers
        return Seen(containers, self._digests)

    def _fetch(self, run: Run) -> Mapping[str, Usage]:
        return self._figures.far([one for one in self._containers if one.runs], run)

    def _limited(self, act: Callable[[Run], T]) -> T:
        try:
            with self._run.limited(_PATIENCE) as run:
                return act(run)
        except CancelledError:
            raise UnreachableError(
                f"the container engine does not answer within {_PATIENCE:g} s", where=str(self._host)
            ) from None
