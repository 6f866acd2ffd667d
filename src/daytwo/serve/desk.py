"""Where orders are taken, from people, programs and pages alike."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from datetime import datetime
from secrets import token_hex
from typing import Any

from daytwo.access.roles import Principal
from daytwo.core.errors import (
    BusyError,
    ConflictError,
    DaytwoError,
    NotFoundError,
    RefusedError,
    UnreachableError,
    error_class,
)
from daytwo.ledger.audit import Audit
from daytwo.ledger.queue import Entry, Queue
from daytwo.ledger.runs import Outcome, RunRow, Runs
from daytwo.serve.hub import Hub, RunEvent
from daytwo.serve.workers import Workers
from daytwo.store.writer import Writer

_ASK = 300.0
"""Seconds that a question may take."""
_QUESTIONS = 2
"""Questions answered side by side: each takes a process."""
_DOWNLOADS = 2
"""The same of downloads, which last as long as whoever reads them likes."""
_CHUNK = 1 << 16
"""Bytes."""
_LOOK = 2.0
"""Seconds between two looks into the ledger, for what other processes do."""
_QUIET = 15.0
"""Seconds after which a watcher is told that the line still stands."""


def told(said: Mapping[str, Any]) -> DaytwoError:
    """The error that a child told of."""
    kind = error_class(str(said.get("code", "")))
    where, hint = str(said.get("where", "")), str(said.get("hint", ""))
    return kind(str(said.get("what", "its process died")), where=where, hint=hint)


async def _pieces(file: int) -> AsyncIterator[bytes]:
    """What comes out of a pipe, until nobody writes to it any more."""
    reader = asyncio.StreamReader(_CHUNK)
    pipe = os.fdopen(file, "rb", 0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        while piece := await asyncio.wait_for(reader.read(_CHUNK), _ASK):
            yield piece
    except TimeoutError:
        raise UnreachableError("nothing more came in time", hint="Look at the repositories") from None
    finally:
        transport.close()


class Desk:
    """Takes orders for runs, tells how they go, and stops them.

    Args:
        queue: where orders go.
        runs: the ledger.
        workers: carry them out.
        hub: hears of progress.
        audit: the record of who did what.
        writer: writes to the state.
        clock: the time now.
    """

    def __init__(
        self, queue: Queue, runs: Runs, workers: Workers, hub: Hub, audit: Audit, writer: Writer,
        clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._questions = asyncio.Semaphore(_QUESTIONS)
        self._downloads = asyncio.Semaphore(_DOWNLOADS)
        self.queue = queue
        self.runs = runs
        self.workers = workers
        self.hub = hub
        self._audit = audit
        self._writer = writer
        self._clock = clock

    async def order(
        self,
        who: Principal,
        kind: str,
        subject: str,
        request: str,
        keys: tuple[str, ...] = (),
        run: str | None = None,
        wait: float | None = None,
    ) -> str:
        """Take an order. Once this returns, it is committed and will be carried out.

        Args:
            who: on whose behalf.
            kind: what sort of run.
            subject: what it is about.
            request: what exactly, as JSON.
            keys: recovery keys; kept in memory only.
            run: the run's id, to order the same thing only once.
            wait: seconds to wait for other runs of the app; hours when absent.

        Returns:
            The run's id.

        Raises:
            BusyError: a run about the same is waiting or at work.
            RefusedError: keys are given, and runs are begun by another process, which never sees them.
        """
        if keys and not self.workers.at_work:
            raise RefusedError(
                "this daemon only answers, and cannot hand a recovery key to the one that works",
                hint="Start one with both roles (`daytwo serve --roles web,work`), or stop them and run it again",
            )
        entry = Entry(run or token_hex(8), kind, subject, request, who.name, who.via.value)

        def take(connection: Any) -> None:
            if open := self.queue.open(connection, kind, subject):
                if open == entry.id:
                    return
                raise BusyError(f"{kind} {subject} is on its way already: run {open}", hint="Wait for its end")
            if self.queue.add(connection, entry, self._clock()):
                detail = {"run": entry.id}
                self._audit.append(
                    connection, f"{kind}.order", subject, actor=who.name, via=who.via.value, source=who.source,
                    detail=detail,
                )  # fmt: skip

        self.workers.lend(entry.id, keys, wait)
        try:
            await asyncio.wrap_future(self._writer.submit(take))
        except Exception:
            self.workers.take_back(entry.id)
            raise
        self.workers.wake()
        return entry.id

    async def ask(self, who: Principal, question: str, keys: tuple[str, ...] = ()) -> Any:
        """Have a question answered by a child process.

        Args:
            who: on whose behalf.
            question: as JSON.
            keys: recovery keys; kept in memory only.

        Returns:
            JSON values.

        Raises:
            DaytwoError: it cannot be answered.
        """
        async with self._questions:
            child = self.workers.child(question, who.name, who.via.value, keys)
            try:
                await asyncio.wait_for(child.run(), _ASK)
            except TimeoutError:
                raise UnreachableError("there was no answer in time", hint="Look at the repositories") from None
            finally:
                child.kill()
        if "result" not in child.last:
            raise told(child.last)
        return child.last["result"]

    async def fetch(self, who: Principal, question: str, keys: tuple[str, ...] = ()) -> AsyncGenerator[bytes]:
        """Have a child process fetch something, as it comes; it waits for a slow reader.

        Args:
            who: on whose behalf.
            question: as JSON.
            keys: recovery keys; kept in memory only.

        Raises:
            BusyError: others are at it.
            DaytwoError: it cannot be had; after the first piece, its end cannot.
        """
        if self._downloads.locked():
            raise BusyError(f"{_DOWNLOADS} downloads are on their way", hint="Wait for the end of one")
        async with self._downloads:
            ours, theirs = os.pipe()
            child = self.workers.child(question, who.name, who.via.value, keys, theirs)
            task = asyncio.create_task(child.run(lambda: os.close(theirs)))
            try:
                async for piece in _pieces(ours):
                    yield piece
                await task
            finally:
                child.kill()
                await asyncio.gather(task, return_exceptions=True)
            if "result" not in child.last:
                raise told(child.last)

    def row(self, run: str) -> RunRow:
        """A run.

        Raises:
            NotFoundError: there is none of this id.
        """
        row = self.runs.get(run)
        if row is None:
            raise NotFoundError(f"there is no run {run}")
        return row

    async def cancel(self, who: Principal, run: str) -> None:
        """Stop a run that waits or is at work.

        Raises:
            NotFoundError: there is none of this id.
            ConflictError: it has ended, or another process is at work on it.
        """
        row = await asyncio.to_thread(self.row, run)
        if not row.outcome.open:
            raise ConflictError(f"run {run} has ended: {row.outcome}")
        reason = f"stopped by {who.name}"

        def note(connection: Any) -> bool:
            busy = run in self.workers.busy
            if not busy and self.queue.outcome(connection, run) is not Outcome.QUEUED:
                raise ConflictError(f"run {run} is at work in another process: {row.owner}", hint="End that process")
            self._audit.append(
                connection, f"{row.kind}.cancel", row.subject, actor=who.name, via=who.via.value, source=who.source,
                detail={"run": run},
            )  # fmt: skip
            return not busy and self.queue.close(connection, run, Outcome.CANCELLED, reason, self._clock())

        if await asyncio.wrap_future(self._writer.submit(note)):
            self.hub.publish(RunEvent(run, "end", {"outcome": Outcome.CANCELLED.value, "what": reason, "exit": 130}))
        elif not self.workers.cancel(run, reason):
            raise ConflictError(f"run {run} is at work in another process: {row.owner}", hint="End that process")

    async def events(self, run: str) -> AsyncIterator[RunEvent | None]:
        """What happens in a run until its end; None now and then while nothing does.

        A run of another process is looked at in the ledger.

        Raises:
            NotFoundError: there is none of this id.
        """
        with self.hub.watch(run) as queue:
            quiet = 0.0
            while True:
                row = await asyncio.to_thread(self.row, run)
                if not row.outcome.open and queue.empty():
                    yield RunEvent(
                        run, "end", {"outcome": row.outcome.value, "what": row.summary, "result": row.detail}
                    )
                    return
                if run not in self.workers.busy:
                    for part in row.progress.values():
                        yield RunEvent(run, "progress", part)
                try:
                    event = await asyncio.wait_for(queue.get(), _LOOK)
                except TimeoutError:
                    quiet += _LOOK
                    if quiet >= _QUIET:
                        quiet = 0.0
                        yield None
                    continue
                yield event
                if event.name == "end":
                    return
