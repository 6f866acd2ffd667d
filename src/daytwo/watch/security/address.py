"""Addresses that events come from: one spelling of each, and what each is counted as."""

import ipaddress
from functools import lru_cache

_SHARED = 64
"""Bits of an IPv6 address that a single customer has for itself: https://www.rfc-editor.org/rfc/rfc6177#section-2.
Whoever has one such network has all 2^64 addresses in it, and counting each by itself would count nothing."""


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """One spelling of an address; an IPv4 address that is written as IPv6 is an IPv4 address.

    Raises:
        ValueError: it is none.
    """
    found = ipaddress.ip_address(text.strip().partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(found)


@lru_cache(maxsize=4096)
def found_in(text: str) -> str:
    """The address that a log names, also with brackets or a port; empty when it is none, such as a host's name."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return canonical(text)
    except ValueError:
        return ""


@lru_cache(maxsize=4096)
def network_of(source: str) -> str:
    """What a canonical address is counted as: itself, or the /64 that an IPv6 address is in; empty stays empty."""
    if ":" not in source:
        return source
    return str(ipaddress.ip_network((source, _SHARED), strict=False))
