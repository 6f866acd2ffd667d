"""Where a request comes from, believing only the proxies that the configuration trusts."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from starlette.requests import Request

from daytwo.access.entry import Caller
from daytwo.config.serving import Serve

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_MOST_HOPS = 50


def caller(request: Request, settings: Serve) -> Caller:
    """The address and the browser of a request."""
    return Caller(address(request, settings), request.headers.get("user-agent", ""))


def address(request: Request, settings: Serve) -> str:
    """The address of the client: the last hop that is no trusted proxy; empty over the Unix socket.

    `X-Forwarded-For` is read from its end, and only as far as trusted proxies wrote it: what a client claims itself is
    further left and never reached.
    """
    peer = _read(request.client.host) if request.client else None
    if peer is None:
        return ""
    said = ",".join(request.headers.getlist("x-forwarded-for"))
    for hop in reversed(said.split(",")[-_MOST_HOPS:] if said else []):
        if not _is_trusted(peer, settings):
            break
        before = _read(hop)
        if before is None:
            break
        peer = before
    return str(peer)


def is_secure(request: Request, settings: Serve) -> bool:
    """Whether the client speaks TLS, to the daemon or to a trusted proxy."""
    if request.url.scheme == "https":
        return True
    peer = _read(request.client.host) if request.client else None
    if peer is None or not _is_trusted(peer, settings):
        return False
    return request.headers.get("x-forwarded-proto", "").split(",")[-1].strip().lower() == "https"


def _is_trusted(peer: _Address, settings: Serve) -> bool:
    return any(peer in network for network in _networks(settings.trusted_proxies))


@lru_cache(maxsize=8)
def _networks(names: Sequence[str]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(one, strict=False) for one in names)


def _read(text: str) -> _Address | None:
    """An address as proxies write it: bare, with a port, or in brackets."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if found.version == 6 else None
    return mapped or found
