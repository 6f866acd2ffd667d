"""Work that is over when its time is over, whatever the other side does.

A timeout of a socket begins anew with every byte: a server that sends one now and then holds its client for ever. So
the work is done in a thread of its own, which the caller waits for no longer than agreed; then every connection that it
has opened is shut, by which it ends soon after.
"""

import contextlib
import queue
import socket
import threading
from collections.abc import Callable
from typing import TypeVar

from daytwo.core.channel import UnavailableError

T = TypeVar("T")


class Lines:
    """The connections of one piece of work, so that somebody else can shut them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._over = False

    def add(self, line: socket.socket) -> None:
        """Watch over a connection. A copy of it is kept, since TLS takes the original away."""
        copy = line.dup()
        with self._lock:
            self._open.append(copy)
            if not self._over:
                return
        self.shut()

    def shut(self) -> None:
        """End all connections, also those that are opened later."""
        with self._lock:
            self._over = True
            found, self._open = self._open, []
        for line in found:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()


def within(timeout: float, work: Callable[[Lines], T], where: str) -> T:
    """Do work that blocks.

    Args:
        timeout: seconds it may take.
        work: given what it adds its connections to.
        where: the channel, for the error.

    Raises:
        UnavailableError: its time was up; or whatever the work raises.
    """
    lines = Lines()
    answers: queue.SimpleQueue[T | BaseException] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put(work(lines))
        except BaseException as error:
            answers.put(error)
        finally:
            lines.shut()

    threading.Thread(target=run, name=f"send {where}", daemon=True).start()
    try:
        found = answers.get(timeout=max(0.0, timeout))
    except queue.Empty:
        lines.shut()
        raise UnavailableError(
            f"it was not done within {timeout:.0f} s", where=where, hint="It is tried again"
        ) from None
    if isinstance(found, BaseException):
        raise found
    return found
