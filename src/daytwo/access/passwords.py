"""Password hashes: argon2id, two at a time, loaded when the first password is checked."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from daytwo.core.errors import ThrottledError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MEMORY = 47104
"""KiB a hash fills: 46 MiB, the most that OWASP's Password Storage Cheat Sheet lists, with one more pass."""
PASSES = 2
AT_ONCE = 2
"""Hashes side by side: they bound what memory logins can take."""
_MOST_WAITING = 40
NOBODYS = "$argon2id$v=19$m=47104,t=2,p=1$/QSKaHr5FTdbNxeg6186zQ$xJq3TBOCpK8MFny4RCVNhypaRXhbgm02YBOJMlHVUS0"
"""A hash that no password is known for, of the same cost: an unknown user takes as long as a known one."""


class Passwords:
    """Hashes and verifies beside the caller, so that an event loop can go on."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
        self._room = threading.BoundedSemaphore(_MOST_WAITING)

    def close(self) -> None:
        """End the threads; what has not begun is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def hash(self, password: str) -> "Future[str]":
        """Make a hash with a new salt."""
        return self._pool.submit(lambda: _hasher().hash(_bytes(password)))

    def verify(self, hashed: str, password: str) -> "Future[bool]":
        """Whether a password is the one that was hashed; an empty `hashed` takes as long and is never right.

        Raises:
            ThrottledError: too many logins wait already.
        """
        if not self._room.acquire(blocking=False):
            raise ThrottledError("too many people log in right now", hint="Try again in a moment", retry_after=5)
        future = self._pool.submit(_verify, hashed or NOBODYS, password)
        future.add_done_callback(lambda done: self._room.release())
        return future


def is_outdated(hashed: str) -> bool:
    """Whether a hash was made with other costs than today's and should be made anew at the next login."""
    return _hasher().check_needs_rehash(hashed)


def _verify(hashed: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(hashed, _bytes(password)) and hashed != NOBODYS
    except (VerificationError, InvalidHashError):
        return False


def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY, parallelism=1)


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
