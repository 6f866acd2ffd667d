"""The daemon: begins its parts, tells systemd, hears signals, and comes to an orderly end."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from daytwo.core.errors import BusyError, DaytwoError
from daytwo.core.owner import Owner
from daytwo.ledger.locks import Lock, Locks
from daytwo.serve import notify
from daytwo.serve.part import Part
from daytwo.serve.site import Site
from daytwo.serve.workers import Workers

_log = logging.getLogger(__name__)
_LAST_PARTS = 5.0


@contextlib.contextmanager
def only_one(locks: Locks, site: Site, owner: Owner, clock: Callable[[], datetime], role: str) -> Iterator[Lock | None]:
    """Hold the daemon's place: two that do the same for an app on one host would only be in each other's way.

    Yields:
        The place of one that died and did not give it back, or None.

    Raises:
        BusyError: another one runs.
    """
    name = f"serve {site.config.own_name} {role} {owner.host}"
    lock = Lock(name, str(owner), f"serve {role}", "daytwo serve", clock())
    try:
        stale = locks.take(lock)
    except BusyError as error:
        held = locks.held(name)
        who = f"{Owner.parse(held.owner).human}, since {held.since:%Y-%m-%d %H:%M:%S %Z}" if held else error.what
        raise BusyError(
            f"a daemon with the role {role} runs already: {who}",
            hint="Stop it first; `systemctl status` with its process id tells its unit",
        ) from None
    try:
        yield stale
    finally:
        locks.release(name, f"serve {role}")


class Daemon:
    """Runs the parts until it is told to stop.

    Args:
        site: the configuration.
        parts: what it consists of, in the order they begin; they end in the opposite one.
        reloaded: called when a signal had it read its configuration again, and that counts now.
    """

    def __init__(self, site: Site, parts: Sequence[Part], reloaded: Callable[[], object] = lambda: None) -> None:
        self._site = site
        self._parts = parts
        self._reloaded = reloaded
        self._stop = asyncio.Event()
        self._begun = time.monotonic()

    async def run(self) -> None:
        """Begin, stay, end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        tasks = {part: asyncio.create_task(part.run(), name=part.name) for part in self._parts}
        self._site.on_change(self._wake)
        try:
            await asyncio.gather(*(part.started() for part in self._parts))
            names = ", ".join(part.name for part in self._parts)
            _log.info("ready after %.2f s: %s", time.monotonic() - self._begun, names)
            notify.ready(f"{self._site.config.app} ({self._site.config.environment}): {names}")
            await self._stop.wait()
        finally:
            await self._end(tasks)

    async def _end(self, tasks: dict[Part, "asyncio.Task[None]"]) -> None:
        notify.notify("STOPPING=1", "STATUS=ending")
        seconds = float(self._site.config.serve.stop_within)
        _log.info("ending, within %.0f s", seconds)
        for part in reversed(self._parts):
            if isinstance(part, Workers):
                await part.finish(seconds - min(_LAST_PARTS, seconds / 4))
            part.stop()
            await asyncio.wait([tasks[part]], timeout=_LAST_PARTS)
            if not tasks[part].done():
                _log.warning("%s did not end in time", part.name)
                tasks[part].cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        _log.info("ended")

    def reload(self) -> None:
        """Read the configuration again; a wrong one is logged and changes nothing."""
        notify.reloading()
        with contextlib.suppress(DaytwoError):  # logged by the site
            for name in self._site.reload():
                _log.warning("%s has changed and counts from the next start on", name)
            self._reloaded()
        notify.ready("the configuration was reloaded" if not self._site.refused else "the configuration was refused")

    def _wake(self) -> None:
        for part in self._parts:
            part.wake()
