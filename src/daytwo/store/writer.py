"""Many small writes in few commits: whoever writes waits for the commit, and shares it with the others who wait.

A commit that reaches the disk costs the same for one row as for a hundred. One thread takes everything that waits,
runs each piece of work in a savepoint of one transaction, commits, and only then lets the callers go on: an
acknowledged write is on the disk.
"""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import sqlalchemy as sa

from daytwo.store.database import Database, said_by

T = TypeVar("T")
_FORGET = 30.0
_MOST = 200
"""Pieces of work in one transaction: more would only make the first of them wait longer."""


@dataclass(frozen=True)
class Trouble:
    """The state refuses writes.

    Args:
        since: when that began, in seconds on the clock that nobody sets.
        last: when it last did.
        said: what the database says.
    """

    since: float
    last: float
    said: str


@dataclass(frozen=True)
class _Job:
    work: Callable[[sa.Connection], Any]
    future: "Future[Any]"


class Writer:
    """One thread that writes for everybody in this process. Use as a context manager.

    Args:
        database: the state.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._closed = False
        self._trouble: Trouble | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        self._waiting.put(None)
        self._thread.join()
        while not self._waiting.empty():  # whoever came in the very last moment
            job = self._waiting.get()
            if job is not None:
                job.future.set_exception(RuntimeError("the writer has been closed"))

    @property
    def trouble(self) -> Trouble | None:
        """What keeps the state from being written; None when it has been for half a minute.

        A single commit that succeeds proves nothing: one that changed nothing succeeds on a full disk, too.
        """
        found = self._trouble
        return found if found and time.monotonic() - found.last < _FORGET else None

    def submit(self, work: Callable[[sa.Connection], T]) -> "Future[T]":
        """Have something written.

        Args:
            work: writes on the connection it is given; what it raises undoes its own writes only.

        Returns:
            What `work` returns, once that is committed; or what it, or the commit, raised.
        """
        future: Future[T] = Future()
        if self._closed:
            future.set_exception(RuntimeError("the writer has been closed"))
        else:
            self._waiting.put(_Job(work, future))
        return future

    def run(self, work: Callable[[sa.Connection], T]) -> T:
        """Have something written and wait until it is committed."""
        return self.submit(work).result()

    def _work(self) -> None:
        while True:
            first = self._waiting.get()
            jobs = [] if first is None else [first, *self._more()]
            if jobs:
                self._commit(jobs)
            if first is None:
                return

    def _more(self) -> list[_Job]:
        jobs: list[_Job] = []
        while len(jobs) < _MOST:
            try:
                job = self._waiting.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._waiting.put(None)
                break
            jobs.append(job)
        return jobs

    def _commit(self, jobs: list[_Job]) -> None:
        # From here on nobody can withdraw what waited: a caller that has gone gets its work done all the same.
        jobs = [job for job in jobs if job.future.set_running_or_notify_cancel()]
        done: list[tuple[_Job, Any]] = []
        try:
            with self._database.begin() as connection:
                for job in jobs:
                    savepoint = connection.begin_nested()
                    try:
                        result = job.work(connection)
                        savepoint.commit()
                    except sa.exc.OperationalError:
                        raise  # the state itself (full, locked): the whole transaction is gone, savepoints and all
                    except Exception as error:
                        savepoint.rollback()
                        job.future.set_exception(error)
                    else:
                        done.append((job, result))
        except BaseException as error:
            if isinstance(error, sa.exc.DBAPIError):
                now, before = time.monotonic(), self.trouble
                self._trouble = Trouble(before.since if before else now, now, said_by(error))
            for job in jobs:
                if not job.future.done():
                    job.future.set_exception(error)
            return
        for job, result in done:
            job.future.set_result(result)
