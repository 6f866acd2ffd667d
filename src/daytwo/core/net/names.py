"""From a host's name to its addresses, with the system's own resolver: /etc/hosts, search domains and all."""

import ipaddress
import socket
from collections import OrderedDict

from daytwo.core.errors import UnreachableError
from daytwo.core.net.aside import Once
from daytwo.core.net.endpoint import Found

FRESH = 30.0
"""Seconds for which an address is believed: a name that has gone is noticed by the next probe of a minute's rhythm."""
MOST_NAMES = 4096
"""Names that are remembered. A target may redirect to ever new ones."""
MOST_ADDRESSES = 8
"""Addresses of one name that are tried."""


class Names:
    """Looks names up, each in a thread of its own: the system's resolver blocks, and may hang for half a minute."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Once[tuple[Found, ...]]] = OrderedDict()

    async def addresses(self, host: str) -> tuple[Found, ...]:
        """Where a host is; at least one address.

        Raises:
            UnreachableError: nobody knows.
        """
        once = self._known.get(host)
        if once is None:
            once = self._known[host] = Once(lambda: look_up(host), FRESH)
            while len(self._known) > MOST_NAMES:
                _, oldest = self._known.popitem(last=False)
                await oldest.close()
        return await once.get()

    def knows(self, host: str) -> bool:
        """Whether an answer is at hand."""
        once = self._known.get(host)
        return once is not None and not once.grown_old

    async def close(self) -> None:
        """Wait for no more answers."""
        while self._known:
            _, once = self._known.popitem()
            await once.close()


def look_up(host: str) -> tuple[Found, ...]:
    """Ask the system's resolver; blocks.

    Raises:
        UnreachableError: it knows no address.
    """
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise UnreachableError(_why(host, error)) from None
    except (UnicodeError, ValueError):
        raise UnreachableError(f"{host!r} is no name that a host can have") from None
    unique = OrderedDict.fromkeys((family, str(place[0])) for family, _, _, _, place in answers)
    found = tuple(
        Found(family, ip, ipaddress.ip_address(ip.partition("%")[0]).is_loopback)
        for family, ip in unique
        if family in (socket.AF_INET, socket.AF_INET6)
    )
    if not found:
        raise UnreachableError(f"the name {host} has no address")
    return found[:MOST_ADDRESSES]


def _why(host: str, error: socket.gaierror) -> str:
    if error.errno == socket.EAI_AGAIN:
        return f"the name {host} could not be looked up: no name server gave an answer"
    if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)):
        return f"the name {host} resolves to nothing"
    return f"the name {host} could not be looked up: {error.strerror}"
