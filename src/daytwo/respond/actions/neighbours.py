"""Who must never be shut out because of where they are: people who are logged in to this machine, proxies, and servers.

F36: a rule that drops what comes from an address drops the answers of a server there as well. A visitor who has the app
write the database's address into its log as their own must not cut it off.
"""

import ipaddress
import os
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from platform import machine

from daytwo.config import Config
from daytwo.core.blocker import Network, network_of

Known = tuple[tuple[Network, str], ...]
"""Networks, and what each is: `where ada is logged in from`."""

RECORD = struct.Struct(
    "hi32s4s32s256shhlll16s20x0l" if machine() in ("aarch64", "riscv64") else "hi32s4s32s256shhiii16s20x"
)
"""A record of utmp(5): 384 bytes, or 400 where times never had 32 bits (glibc's `__WORDSIZE_TIME64_COMPAT32`)."""
_USER_PROCESS = 7
_FIELDS = ("host", "url", "address", "server", "endpoint", "ssh")
"""Settings of services, repositories and channels that name a server; secret ones are references, and not looked at."""
_HOST = re.compile(r"(?:[a-z0-9+]+:(?=[a-z]+://))?(?:[a-z0-9+]+://)?(?:[^@/]*@)?(\[[^\]]+\]|[^:/?#@]+)", re.IGNORECASE)
_STALE = 300.0
"""Seconds after which a name is looked up anew."""


def ssh_client(environ: Mapping[str, str] = os.environ) -> str:
    """The address that whoever types is logged in from, by sshd(8)'s variables; empty when they are not, or by sudo."""
    told = environ.get("SSH_CONNECTION") or environ.get("SSH_CLIENT") or ""
    return told.partition(" ")[0]


def logins(
    records: Path = Path("/run/utmp"), sessions: Path = Path("/run/systemd/sessions"), processes: Path = Path("/proc")
) -> tuple[tuple[str, str], ...]:
    """The hosts from which people are logged in to this machine, and who; a try to log in is no login.

    Args:
        records: utmp(5), which systems without systemd, and older ones, keep.
        sessions: what systemd-logind keeps.
        processes: tells whether who is in `records` is still there.
    """
    return tuple(dict.fromkeys([*_utmp(records, processes), *_logind(sessions)]))


def _utmp(path: Path, processes: Path) -> Iterator[tuple[str, str]]:
    try:
        data = path.read_bytes()
    except OSError:
        return
    for at in range(0, len(data) - RECORD.size + 1, RECORD.size):
        kind, process, _, _, user, *_, raw = RECORD.unpack_from(data, at)
        if kind == _USER_PROCESS and any(raw) and (processes / str(process)).exists():
            family, raw = (socket.AF_INET6, raw) if any(raw[4:]) else (socket.AF_INET, raw[:4])
            yield socket.inet_ntop(family, raw), user.rstrip(b"\0").decode("utf-8", "replace")


def _logind(folder: Path) -> Iterator[tuple[str, str]]:
    try:
        files = [one for one in folder.iterdir() if one.is_file()]
        texts = [one.read_text(encoding="utf-8", errors="replace") for one in files]
    except OSError:
        return
    for text in texts:
        told = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        if told.get("REMOTE_HOST"):
            yield told["REMOTE_HOST"].strip('"'), told.get("USER", "somebody")


def proxies(config: Config) -> Known:
    """Through what visitors come: to shut it out is to shut everybody out."""
    found = (ipaddress.ip_network(one, strict=False) for one in config.serve.trusted_proxies)
    return tuple((one, "a proxy, by `serve.trusted_proxies`") for one in found)


def servers(config: Config) -> dict[str, str]:
    """The hosts that the configuration names, and what each is: `service db`."""
    found: dict[str, str] = {}
    groups = (("service", config.services), ("repository", config.repositories), ("channel", config.channels))
    for noun, members in groups:
        for name, settings in members.items():
            for field in _FIELDS:
                value = getattr(settings, field, None)
                if isinstance(value, str) and (host := _HOST.match(value)):
                    found.setdefault(host[1].strip("[]"), f"{noun} {name}")
    return found


class Names:
    """The addresses of hosts, looked up besides whatever is done, and kept: a guard must not wait for a name server.

    Args:
        look: looks a name up; raises OSError where it cannot.
        clock: seconds, for durations.
    """

    def __init__(
        self, look: Callable[[str], Iterable[str]] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look = look or _addresses
        self._clock = clock
        self._lock = threading.Lock()
        self._found: dict[str, tuple[Network, ...]] = {}
        self._at: dict[str, float] = {}
        self._thread: threading.Thread | None = None

    def learn(self, hosts: Iterable[str], patience: float = 2.0) -> None:
        """Look up what is not known or long known.

        Args:
            hosts: names; addresses among them are known by themselves.
            patience: seconds to wait for; what is found later is known later.
        """
        with self._lock:
            now = self._clock()
            stale = [one for one in hosts if not _networks(one) and now - self._at.get(one, -_STALE) >= _STALE]
            if stale and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._look_up, args=(stale,), name="names", daemon=True)
                self._thread.start()
            thread = self._thread
        if stale and thread is not None:
            thread.join(patience)

    def known(self, host: str) -> tuple[Network, ...]:
        """The addresses of a host, as far as they are known; what was known before while it cannot be looked up."""
        return _networks(host) or self._found.get(host, ())

    def _look_up(self, hosts: Iterable[str]) -> None:
        for host in hosts:
            try:
                found = tuple(network for one in self._look(host) for network in _networks(one))
            except (OSError, UnicodeError):
                found = ()
            with self._lock:
                self._at[host] = self._clock()
                if found:
                    self._found[host] = found


def hosts(config: Config) -> dict[str, str]:
    """All hosts that are known, and what each is: servers, and from where people are logged in."""
    found = {host: f"the server of {what}" for host, what in servers(config).items()}
    return found | {host: f"where {user} is logged in from" for host, user in logins() if host}


def known(config: Config, names: Names) -> Known:
    """All that is known, with the addresses as far as they are."""
    near = [(network, what) for host, what in hosts(config).items() for network in names.known(host)]
    return (*near, *proxies(config))


def _addresses(host: str) -> Iterable[str]:
    return {str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return (network_of(text.partition("%")[0]),)
    except ValueError:
        return ()
