"""Asks every check when it is due: one loop, many probes on their way, none in the way of another."""

import asyncio
import math
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from daytwo.core.check import Check, Observation
from daytwo.core.errors import BusyError, NotFoundError, RefusedError
from daytwo.watch.asking import Asker

_SOON = 10.0
"""Seconds within which what is overdue is asked; a thousand checks are a hundred a second then."""
_STROKE = 0.2
"""Seconds between two moments at which probes begin. Those of one moment share the work of waking up: of 67 probes a
second each takes 0.55 ms of processor time instead of 1.08."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A check's observation.

    Args:
        check: what was asked.
        observation: what it said.
        at: when it was asked.
    """

    check: Check
    observation: Observation
    at: datetime


@dataclass
class Lag:
    """How late probes begin, since somebody looked last.

    Args:
        worst: seconds.
        count: how many began.
        skipped: how many were left out, since the one before was still on its way.
    """

    worst: float = 0.0
    count: int = 0
    skipped: int = 0


class Prober:
    """Asks checks, each in its own rhythm, spread so that they do not all begin at once.

    Args:
        asker: asks one.
        answered: takes the answers; called in the loop, must be quick.
        clock: the time now.
        concurrency: how many may be on their way at once; more wait, and their lag tells.
    """

    def __init__(
        self, asker: Asker, answered: Callable[[Answer], None], clock: Callable[[], datetime], concurrency: int
    ) -> None:
        self._asker = asker
        self._answered = answered
        self._clock = clock
        self._concurrency = concurrency
        self._checks: Mapping[str, Check] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._waiting: deque[tuple[Check, float]] = deque()
        self._on_their_way: dict[str, asyncio.Task[Answer]] = {}
        self._lag = Lag()

    @property
    def on_their_way(self) -> int:
        """How many probes are."""
        return len(self._on_their_way)

    def take_lag(self) -> Lag:
        """How late probes began since this was asked last."""
        lag, self._lag = self._lag, Lag()
        return lag

    async def watch(self, checks: Mapping[str, Check], ages: Mapping[str, float] | None = None) -> None:
        """Watch these from now on. What is on its way is ended, and the checks of before are closed.

        Args:
            checks: by name.
            ages: seconds since each was asked last, where it was: it goes on in its rhythm.
        """
        before = list(self._checks.values())
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._waiting.clear()
        self._checks = {}
        left = list(self._on_their_way.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for check in before:
            await check.close()
        self._checks = dict(checks)
        now = asyncio.get_running_loop().time()
        for check in self._checks.values():
            self._plan(check, _stroke(now + _first(check, (ages or {}).get(check.name))))

    async def ask_now(self, name: str) -> Answer:
        """Ask a check at once, besides its rhythm; its answer is taken as any other.

        Raises:
            NotFoundError: there is no such check.
            BusyError: it is on its way.
            RefusedError: the configuration changed while it was.
        """
        check = self._checks.get(name)
        if check is None:
            raise NotFoundError(f"there is no check {name}")
        if name in self._on_their_way:
            raise BusyError(f"{name} is being asked already", hint="Its answer comes by itself")
        task = self._begin(check, asyncio.get_running_loop().time())
        # Whoever wanted to know may go away; the probe goes on.
        await asyncio.wait((task,))
        if task.cancelled():
            raise RefusedError(f"{name} was not asked to the end: the configuration changed", hint="Ask again")
        return task.result()

    async def stop(self) -> None:
        """Ask no more, and end what is on its way."""
        await self.watch({})

    def _plan(self, check: Check, due: float) -> None:
        self._timers[check.name] = asyncio.get_running_loop().call_at(due, self._turn, check, due)

    def _turn(self, check: Check, due: float) -> None:
        every = check.timing.every
        # What was missed (a machine asleep) is not made up: one observation is enough.
        missed = max(0, int((asyncio.get_running_loop().time() - due) // every))
        self._plan(check, due + (missed + 1) * every)
        if check.name in self._on_their_way:
            self._lag.skipped += 1
        elif len(self._on_their_way) >= self._concurrency:
            self._waiting.append((check, due))
        else:
            self._begin(check, due)

    def _begin(self, check: Check, due: float) -> asyncio.Task[Answer]:
        loop = asyncio.get_running_loop()
        self._lag.count += 1
        self._lag.worst = max(self._lag.worst, loop.time() - due)
        task = loop.create_task(self._ask(check))
        self._on_their_way[check.name] = task
        task.add_done_callback(lambda done: self._ended(check.name))
        return task

    async def _ask(self, check: Check) -> Answer:
        at = self._clock()
        answer = Answer(check, await self._asker.ask(check), at)
        self._answered(answer)
        return answer

    def _ended(self, name: str) -> None:
        self._on_their_way.pop(name, None)
        while self._waiting and len(self._on_their_way) < self._concurrency:
            check, due = self._waiting.popleft()
            if check.name not in self._on_their_way:
                self._begin(check, due)


def _stroke(due: float) -> float:
    """The next moment at which probes begin."""
    return math.ceil(due / _STROKE) * _STROKE


def _first(check: Check, age: float | None) -> float:
    """Seconds until its first turn. What is overdue comes soon, but not all of it in the same moment."""
    every = check.timing.every
    if age is not None and 0 <= age < every:
        return every - age
    return zlib.crc32(check.name.encode()) / 2**32 * min(every, _SOON)
