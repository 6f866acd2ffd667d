"""A connection to a host and port, or to a socket in the file system."""

import asyncio
import errno
import os
import socket
from collections.abc import Sequence

from daytwo.core.check import Shared
from daytwo.core.errors import ConfigError, UnreachableError
from daytwo.core.net.endpoint import Endpoint, Found, literal
from daytwo.core.net.names import Names
from daytwo.core.net.stopwatch import Stopwatch

NEXT_AFTER = 0.25
"""Seconds after which the next address of a name is tried beside the one before (RFC 8305)."""


def shared_names(shared: Shared) -> Names:
    """The names that all checks look up together."""
    return shared.get(("Names",), Names)


async def dial(endpoint: Endpoint, shared: Shared, watch: Stopwatch) -> socket.socket:
    """Connect.

    Args:
        endpoint: where to.
        shared: has the names.
        watch: gets the phases `resolve`, where a name was looked up, and `connect`.

    Returns:
        A connected socket that does not block; it is the caller's to close.

    Raises:
        UnreachableError: nobody is there, or nobody knows where it is.
        ConfigError: this process may not.
    """
    if endpoint.path:
        watch.enter("connect", f"connecting to {endpoint}")
        return await _connect(socket.AF_UNIX, endpoint.path, endpoint)
    own = literal(endpoint.host)
    if own is not None:
        found: Sequence[Found] = (own,)
    else:
        names = shared_names(shared)
        watch.enter("" if names.knows(endpoint.host) else "resolve", f"looking up the name {endpoint.host}")
        found = await names.addresses(endpoint.host)
    watch.enter("connect", f"connecting to {endpoint}")
    if len(found) == 1:
        return await _to(found[0], endpoint)
    if all(one.loopback for one in found):  # a refusal comes at once: no need to try two at a time
        return await _in_turn(found, endpoint)
    return await _race(found, endpoint)


async def _in_turn(found: Sequence[Found], endpoint: Endpoint) -> socket.socket:
    for one in found[:-1]:
        try:
            return await _to(one, endpoint)
        except UnreachableError:
            continue
    return await _to(found[-1], endpoint)


async def _race(found: Sequence[Found], endpoint: Endpoint) -> socket.socket:
    """The first connection that any address gives, each begun a little after the one before or when that has failed."""
    left = list(found)
    tasks: set[asyncio.Task[socket.socket]] = set()
    all_tasks: list[asyncio.Task[socket.socket]] = []
    winner: socket.socket | None = None
    failure: BaseException | None = None
    try:
        while left or tasks:
            if left:
                task = asyncio.create_task(_to(left.pop(0), endpoint))
                tasks.add(task)
                all_tasks.append(task)
            done, tasks = await asyncio.wait(
                tasks, timeout=NEXT_AFTER if left else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                failure = failure or task.exception()
                if task.exception() is None:
                    winner = task.result()
                    return winner
        raise failure or UnreachableError(f"{endpoint} has no address")
    finally:
        for task in all_tasks:
            task.add_done_callback(lambda done: _close_but(winner, done))
            task.cancel()


def _close_but(winner: socket.socket | None, done: "asyncio.Task[socket.socket]") -> None:
    if not done.cancelled() and done.exception() is None and done.result() is not winner:
        done.result().close()


async def _to(found: Found, endpoint: Endpoint) -> socket.socket:
    place: tuple[str, int] | tuple[str, int, int, int] = (found.ip, endpoint.port)
    if found.family == socket.AF_INET6:
        ip, _, scope = found.ip.partition("%")
        place = (ip, endpoint.port, 0, _scope(scope))
    return await _connect(found.family, place, endpoint)


def _scope(name: str) -> int:
    if not name or name.isdigit():
        return int(name or 0)
    try:
        return socket.if_nametoindex(name)
    except OSError:
        raise UnreachableError(f"this machine has no network interface {name}") from None


async def _connect(family: int, place: object, endpoint: Endpoint) -> socket.socket:
    try:
        made = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigError(f"no socket can be opened: {error.strerror}", where=str(endpoint)) from None
    try:
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, place)  # type: ignore[arg-type]  # of whichever family
    except OSError as error:
        made.close()
        raise _failure(error, endpoint) from None
    except BaseException:
        made.close()
        raise
    return made


_OURS = frozenset({errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL})
_WORDS = {
    errno.ECONNREFUSED: "the connection is refused: nothing listens there",
    errno.ENOENT: "there is no such socket: nothing listens there",
    errno.EHOSTUNREACH: "there is no way to it",
    errno.ENETUNREACH: "there is no way to its network",
    errno.ETIMEDOUT: "it does not answer",
    errno.ECONNRESET: "it reset the connection",
}


def _failure(error: OSError, endpoint: Endpoint) -> UnreachableError | ConfigError:
    code = error.errno or 0
    words = _WORDS.get(code) or error.strerror or os.strerror(code)
    if code in _OURS:
        return ConfigError(f"cannot connect: {words}", where=str(endpoint))
    return UnreachableError(words, where=str(endpoint))
