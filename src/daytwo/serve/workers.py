"""Hands orders to child processes, and sees to it that each ends in the ledger."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from daytwo.ledger.queue import Queue
from daytwo.ledger.runs import Outcome, RunRow, Runs
from daytwo.serve.child import Child, Job
from daytwo.serve.hub import Hub, RunEvent
from daytwo.serve.part import Part
from daytwo.serve.pulse import Pulse
from daytwo.serve.site import Site
from daytwo.store.writer import Writer

_log = logging.getLogger(__name__)
_MOST = 2
"""Runs side by side: one that changes something, and one that reads beside it."""
_ROUND = 5.0
_TIDY_AGAIN = 60.0
"""Seconds until leftovers that could not be removed are tried again."""
_KEEP_PROGRESS = 2.0
"""Seconds between two writes of how far a run is."""
WAIT = 6 * 3600.0
"""Seconds that a run waits for others of its app, unless whoever ordered it is less patient."""
_LAST_WORD = 5.0
"""Seconds that a child asked to stop has less than the daemon itself."""


class Workers(Part):
    """The part that has the work done.

    Args:
        pulse: where it shows that it goes round.
        site: the configuration.
        program: what a child is.
        queue: the orders.
        runs: the ledger.
        writer: writes to the state.
        hub: hears of progress.
        is_dead: tells of an owner whether it is proven dead.
        clock: the time now.
    """

    name = "workers"

    def __init__(
        self,
        pulse: Pulse,
        site: Site,
        program: tuple[str, ...],
        queue: Queue,
        runs: Runs,
        writer: Writer,
        hub: Hub,
        is_dead: Callable[[str], bool],
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(pulse)
        self._site = site
        self._program = program
        self._queue = queue
        self._runs = runs
        self._writer = writer
        self._hub = hub
        self._is_dead = is_dead
        self._clock = clock
        self._children: dict[str, Child] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._keys: dict[str, tuple[str, ...]] = {}
        self._waits: dict[str, float] = {}
        self._written: dict[str, float] = {}
        self.at_work = False
        """Whether runs are begun in this process; in one that only answers, they are not."""
        self._look_for_orphans = True
        self._tidying = False
        self._not_before = 0.0
        self._left = ""
        """What keeps the leftovers of interrupted runs from being removed."""

    @property
    def busy(self) -> tuple[str, ...]:
        """The ids of the runs at work here."""
        return tuple(self._children)

    def lend(self, run: str, keys: tuple[str, ...], wait: float | None) -> None:
        """Keep what a run is lent until it begins, in memory only: recovery keys, and the caller's patience."""
        if keys:
            self._keys[run] = keys
        if wait is not None:
            self._waits[run] = wait

    def take_back(self, run: str) -> None:
        """Forget what a run was lent that will not be."""
        self._keys.pop(run, None)
        self._waits.pop(run, None)

    async def work(self) -> None:
        """Begin what waits, as soon as there is room."""
        self.at_work = True
        while not self.stopping.is_set():
            if self._look_for_orphans and not self._tidying and time.monotonic() >= self._not_before:
                self._look_for_orphans, self._tidying = False, True
                self._spawn(self._tidy())  # beside: it may have to wait for a run that is at work
            waiting = await asyncio.to_thread(self._queue.waiting)
            for row in waiting:
                if row.id not in self._children and len(self._children) < _MOST and not self.stopping.is_set():
                    self._begin(row)
            self.beat(self._left)
            await self.sleep(_ROUND)

    def child(self, order: str, actor: str, via: str, keys: tuple[str, ...] = (), out: int = -1) -> Child:
        """A child for something that is in no queue: a question; `out` is an open file for what is no JSON."""
        job = Job(
            path=str(self._site.path), text=self._site.text, order=order, actor=actor, via=via, keys=keys, out=out
        )
        return Child(self._program, job, lambda event: None)

    def _begin(self, row: RunRow) -> None:
        job = Job(
            path=str(self._site.path), text=self._site.text, run=row.id, order=row.request, actor=row.actor,
            via=row.via, keys=self._keys.pop(row.id, ()), wait=self._waits.pop(row.id, WAIT),
        )  # fmt: skip
        child = Child(self._program, job, self._heard)
        self._children[row.id] = child
        _log.info("run %s begins: %s %s, for %s", row.id, row.kind, row.subject, row.actor)
        self._spawn(self._see_through(row, child))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _see_through(self, row: RunRow, child: Child) -> None:
        try:
            code = await child.run()
        except OSError as error:
            code, child.last = -1, {"what": f"no process could be started: {error.strerror}"}
        finally:
            del self._children[row.id]
            self._written.pop(row.id, None)
        end = await asyncio.wrap_future(
            self._writer.submit(lambda connection: self._settle(connection, row, child, code))
        )
        self._hub.publish(RunEvent(row.id, "end", end))
        self.wake()

    def _settle(self, connection: Any, row: RunRow, child: Child, code: int) -> dict[str, Any]:
        """Whatever became of the child, the ledger has an end, and what the daemon itself stopped is ordered anew."""
        said = str(child.last.get("what") or f"its process ended with code {code}")
        now = self._clock()
        if child.last.get("code") != "conflict":  # another daemon has begun it
            found = self._queue.outcome(connection, row.id)
            if found is Outcome.QUEUED:
                outcome = Outcome.CANCELLED if child.stopped else Outcome.FAILED
                self._queue.close(connection, row.id, outcome, child.stopped or said, now)
            elif found is Outcome.RUNNING:
                self._look_for_orphans = True
            if child.stopped == STOPPED:
                self._queue.again(connection, row, now)
        _log.info("run %s ended with code %d", row.id, code)
        return {
            **child.last,
            "outcome": (self._queue.outcome(connection, row.id) or Outcome.FAILED).value,
            "exit": code,
        }

    async def _tidy(self) -> None:
        """Order anew what a dead process left, and have its leftovers removed; again and again, until they are.

        As long as a run has no end, the next one of the same backup is not begun.
        """
        try:
            self._left = await self._tidied()
        except Exception as error:
            self._left = f"{type(error).__name__}: {error}"
            _log.exception("what interrupted runs left was not looked at")
        finally:
            self._tidying = False
        if self._left:
            self._look_for_orphans, self._not_before = True, time.monotonic() + _TIDY_AGAIN
        self.wake()

    async def _tidied(self) -> str:
        """What went wrong, or nothing."""
        rows = await asyncio.to_thread(self._queue.orphans, self._is_dead)
        if not rows:
            return ""
        now = self._clock()
        for row in rows:
            _log.warning("run %s (%s %s) was interrupted", row.id, row.kind, row.subject)
        await asyncio.wrap_future(
            self._writer.submit(lambda connection: [self._queue.again(connection, row, now) for row in rows])
        )
        job = Job(path=str(self._site.path), text=self._site.text)
        child = self._children["tidy"] = Child(self._program, job, self._heard)
        try:
            failed = await child.run()
            said = child.last.get("what", "its process died")
            return f"what interrupted runs left could not be removed: {said}" if failed else ""
        finally:
            del self._children["tidy"]

    def _heard(self, event: RunEvent) -> None:
        if event.run:  # tidying up is no run that anybody could watch
            self._hub.publish(event)
        now = time.monotonic()
        if event.run and event.name == "progress" and now - self._written.get(event.run, 0) >= _KEEP_PROGRESS:
            self._written[event.run] = now
            parts = self._hub.progress(event.run)
            self._writer.submit(lambda connection: self._runs.progress(connection, event.run, parts))
        elif event.name == "note":
            _log.info("run %s: %s", event.run or "tidy", event.data.get("text", ""))

    def cancel(self, run: str, reason: str) -> bool:
        """Stop a run that is at work here; False when it is not."""
        child = self._children.get(run)
        if child is not None:
            child.stop(reason)
        return child is not None

    async def finish(self, seconds: float) -> None:
        """Let what is at work come to its end, or end it when the time is up; it is made up after the next start."""
        self.stop()
        tasks: Iterable[asyncio.Task[None]] = set(self._tasks)
        if tasks:
            _log.info("stopping: %d runs are at work", len(self._children))
            for child in list(self._children.values()):
                child.stop(STOPPED)
            _, late = await asyncio.wait(tasks, timeout=max(1.0, seconds - _LAST_WORD))
            for child in list(self._children.values()):
                _log.warning("run %s did not end in time and is killed", child.job.run)
                child.kill()
            if late:
                await asyncio.wait(late, timeout=_LAST_WORD)


STOPPED = "the daemon was stopped; it is made up at the next start"
"""Why a run ends when the daemon does."""
