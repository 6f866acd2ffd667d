"""Blocking calls beside the event loop."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


async def aside(call: Callable[[], T]) -> T:
    """Make a blocking call in a thread of its own, so that one that hangs keeps nobody waiting for a place in a pool.

    Cancelled, it no longer waits; the thread ends when the call does, and never keeps the process from ending.

    Args:
        call: what to call; what it raises is raised here.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def succeed(result: T) -> None:
        if not done.done():
            done.set_result(result)

    def fail(error: Exception) -> None:
        if not done.done():
            done.set_exception(error)

    def work() -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            try:
                result = call()
            except Exception as error:
                loop.call_soon_threadsafe(fail, error)
            else:
                loop.call_soon_threadsafe(succeed, result)

    threading.Thread(target=work, name="aside", daemon=True).start()
    return await done


class Once(Generic[T]):
    """The result of a blocking call: made once however many wait for it, and anew when it has grown old.

    Args:
        call: what to call.
        fresh: seconds for which a result counts. What it raises is never kept.
    """

    def __init__(self, call: Callable[[], T], fresh: float) -> None:
        self._call = call
        self._fresh = fresh
        self._task: asyncio.Task[T] | None = None
        self._made = 0.0

    @property
    def grown_old(self) -> bool:
        """Whether the next who asks has it called."""
        task = self._task
        if task is None or not task.done():
            return task is None
        return task.cancelled() or task.exception() is not None or self._age() > self._fresh

    async def get(self) -> T:
        """The result.

        Raises:
            Exception: what the call raised.
        """
        if self._task is None or self.grown_old:
            self._task = asyncio.create_task(aside(self._call))
            self._task.add_done_callback(self._ended)
        if self._task.done():
            return self._task.result()
        return await asyncio.shield(self._task)

    def forget(self) -> None:
        """Have it called anew for the next who asks."""
        if self._task is not None and self._task.done():
            self._task = None

    async def close(self) -> None:
        """Wait for it no longer. Never raises."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})
        self._task = None

    def _age(self) -> float:
        return asyncio.get_running_loop().time() - self._made

    def _ended(self, task: asyncio.Task[T]) -> None:
        self._made = task.get_loop().time()
        if not task.cancelled():
            task.exception()  # seen, even if everybody who waited has gone
