"""Which addresses may be shut out: never our own, never the way to the internet, never somebody who is logged in.

F36: an address that was blocked by itself was the administrator's. So there is an allow-list, an end to each block, and
nobody is shut out from whose address this daemon was used a short while ago, or who is logged in to this machine.
"""

import contextlib
import ipaddress
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from daytwo.config.acting import Blocking
from daytwo.core.blocker import Network, network_of, shown
from daytwo.respond.actions.neighbours import Known
from daytwo.store.tables import audit_events, sessions, tokens

_PRIVATE = tuple(
    ipaddress.ip_network(one)
    for one in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "fc00::/7",
    )
)
"""RFC 1918, RFC 6598 (behind which a provider has many customers), RFC 4193 and link-local addresses."""
_NEVER = tuple(
    ipaddress.ip_network(one) for one in ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/127", "fe80::/10", "ff00::/8")
)
"""Link-local ones of IPv6 among them: routers make themselves known by these."""
_WIDEST = {4: 16, 6: 32}


@dataclass(frozen=True)
class Around:
    """What is known of an address's surroundings.

    Args:
        own: of this host, its gateways and its name servers.
        people: addresses from which somebody used this daemon, and who.
        others: further ones that are known, and what each is; see `neighbours`.
        active: so many networks are shut out now.
    """

    own: tuple[Network, ...] = ()
    people: tuple[tuple[Network, str], ...] = field(default=())
    others: Known = ()
    active: int = 0


def objection(network: Network, settings: Blocking, here: Around) -> str:
    """Why a network may not be shut out; nothing when it may. Pure."""
    if any(meet(network, one) for one in _NEVER):
        return "it is loopback, link-local, multicast or no address at all"
    if network.prefixlen < _WIDEST[network.version]:
        return f"a network of more than /{_WIDEST[network.version]} is too much"
    for one, why in _spared(settings, here):
        if meet(network, one):
            return why
    if not settings.private and any(meet(network, one) for one in _PRIVATE):
        return "it is of a private network, and `blocking.private` is not set"
    if here.active >= settings.most:
        return f"{here.active} are shut out already, and `blocking.most` is {settings.most}"
    return ""


def _spared(settings: Blocking, here: Around) -> Iterator[tuple[Network, str]]:
    yield from ((one, f"`blocking.allow` has {shown(one)}") for one in settings.allow)
    yield from ((one, f"{shown(one)} belongs to this host, or is its gateway or name server") for one in here.own)
    yield from ((one, f"{who} used this daemon from {shown(one)}") for one, who in here.people)
    yield from ((one, f"{shown(one)} is {what}") for one, what in here.others)


def meet(one: Network, other: Network) -> bool:
    """Whether two networks have an address in common."""
    return one.version == other.version and one.overlaps(other)


def around(
    connection: sa.Connection,
    own: Mapping[str, str],
    settings: Blocking,
    active: int,
    now: datetime,
    asking: str = "",
    others: Known = (),
) -> Around:
    """Look around.

    Args:
        connection: the state.
        own: the app and environment whose audit trail is looked at; users and tokens are the daemon's.
        settings: the configuration's.
        active: how many networks are shut out.
        now: the time now, aware.
        asking: the address of whoever wants it done, who must not shut themselves out.
        others: what else is known.
    """
    since = now - settings.keep.delta
    found: list[tuple[str, str]] = [(asking, "whoever asks")] if asking else []
    query = sa.select(sessions.c.source, sessions.c.user).where(
        sa.or_(sessions.c.expires > now, sessions.c.begun > since)
    )
    found += [(row.source, row.user) for row in connection.execute(query)]
    query = sa.select(tokens.c.used_from, tokens.c.name).where(tokens.c.revoked.is_(None), tokens.c.used > since)
    found += [(row.used_from, f"the token {row.name}") for row in connection.execute(query)]
    query = sa.select(audit_events.c.source, audit_events.c.actor).distinct().filter_by(**own).where(
        audit_events.c.at > since, audit_events.c.source != "", audit_events.c.via.in_(("session", "token")),
        audit_events.c.outcome == "ok",
    )  # fmt: skip
    found += [(row.source, row.actor) for row in connection.execute(query.limit(10_000))]
    people = tuple((network, who) for text, who in dict.fromkeys(found) if (network := _read(text)) is not None)
    return Around(own_networks(), people, others, active)


def _read(text: str) -> Network | None:
    try:
        return network_of(text.partition("%")[0])
    except ValueError:
        return None


def own_networks(root: Path = Path("/proc/net"), resolvers: Path = Path("/etc/resolv.conf")) -> tuple[Network, ...]:
    """The addresses of this host, its default gateways and its name servers, as Linux tells them.

    Args:
        root: where the kernel tells of the network.
        resolvers: where name servers are named.
    """
    texts = {*_own4(_lines(root / "fib_trie")), *_gateways4(_lines(root / "route"))}
    for line in _lines(root / "if_inet6"):
        texts.add(_six(line.split()[0]))
    for line in _lines(root / "ipv6_route"):
        words = line.split()
        if len(words) > 4 and words[1] == "00" and int(words[4], 16):
            texts.add(_six(words[4]))
    for line in _lines(resolvers):
        if line.startswith("nameserver"):
            texts.add(line.split()[1])
    found = {network for text in texts if (network := _exact(text)) is not None}
    return tuple(sorted(found, key=str))


def _exact(text: str) -> Network | None:
    """The address by itself: of our own /64 only our own address is ours, and yet nobody in it may be shut out."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_network(text.partition("%")[0])
    return None


def _own4(lines: Iterable[str]) -> Iterable[str]:
    """`fib_trie` has each address in the line before the one that says that it is local."""
    last = ""
    for line in lines:
        if line.lstrip().startswith("|--"):
            last = line.split()[-1]
        elif "/32 host LOCAL" in line:
            yield last


def _gateways4(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        words = line.split()
        if len(words) > 2 and words[1] == "00000000" and words[2] not in ("00000000", "Gateway"):
            yield socket.inet_ntoa(struct.pack("<L", int(words[2], 16)))


def _six(text: str) -> str:
    return str(ipaddress.IPv6Address(bytes.fromhex(text)))


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except OSError:
        return []
