"""Asks one check once, with its deadline and its retries: whatever happens becomes an observation."""

import asyncio
import logging
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex

from daytwo.core.check import Around, Check, Observation, ProgramCheck, Shared, Verdict, observed
from daytwo.core.errors import CancelledError, DaytwoError
from daytwo.core.run import Run
from daytwo.core.units import Duration
from daytwo.watch.connectivity import Connectivity

_log = logging.getLogger(__name__)
_THREADS = 32
"""How many checks that run programs are asked at once."""


class Asker:
    """Asks checks. Use as an asynchronous context manager.

    Args:
        connectivity: tells whether our own line works.
    """

    def __init__(self, connectivity: Connectivity) -> None:
        self._connectivity = connectivity
        self._shared = Shared()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="probe")
        self._work = Path()
        self._running: set[Run] = set()

    async def __aenter__(self) -> "Asker":
        self._work = Path(tempfile.mkdtemp(prefix="daytwo-watch-"))
        return self

    async def __aexit__(self, *exc: object) -> None:
        for run in list(self._running):
            run.cancel("watching ends")
        await asyncio.to_thread(self._threads.shutdown)
        await self._shared.close()
        await self._connectivity.close()
        await asyncio.to_thread(shutil.rmtree, self._work, ignore_errors=True)

    async def ask(self, check: Check) -> Observation:
        """One observation: the last attempt's. Never raises but when it is cancelled."""
        timing = check.timing
        answer = await self._attempt(check, timing.timeout)
        for _ in range(timing.retries):
            if answer.verdict is not Verdict.FAILED:
                break
            answer = await self._attempt(check, timing.timeout)
        if answer.verdict is Verdict.FAILED and check.outside and not await self._connectivity.works():
            places = ", ".join(self._connectivity.places)
            return Observation.inconclusive(
                f"our own line is down: no answer from {places}. The check said: {answer.why}"
            )
        return answer

    async def _attempt(self, check: Check, seconds: float) -> Observation:
        try:
            if isinstance(check, ProgramCheck):
                return await self._look(check, seconds)
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(seconds):
                return await check.probe(Around(loop.time() + seconds, self._shared, self._work))
        except TimeoutError:
            return Observation.failed(f"no answer within {Duration(seconds)}")
        except DaytwoError as error:
            return observed(error)
        except Exception as error:  # ours, whatever it is: the service is not to blame
            _log.exception("check %s failed by a mistake of its own", check.name)
            return Observation.inconclusive(f"the check itself failed: {type(error).__name__}: {error}")

    async def _look(self, check: ProgramCheck, seconds: float) -> Observation:
        run = Run(f"check-{token_hex(6)}", self._work)
        self._running.add(run)
        looking = asyncio.get_running_loop().run_in_executor(self._threads, _looked, check, run, seconds)
        try:
            return await asyncio.shield(looking)
        except asyncio.CancelledError:
            run.cancel("nobody waits for it any more")
            looking.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise
        finally:
            self._running.discard(run)


def _looked(check: ProgramCheck, run: Run, seconds: float) -> Observation:
    """What a check sees. Its time begins when a thread has taken it on: that others hang is no failure of its own.

    Raises:
        TimeoutError: its time is up.
    """
    with run.limited(seconds) as part:
        try:
            return check.look(part)
        except CancelledError as error:
            if part.remaining() == 0:
                raise TimeoutError from error
            raise
