"""Where to connect to: a host and port, or a socket in the file system."""

import ipaddress
import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """An address of a host.

    Args:
        family: `socket.AF_INET` or `socket.AF_INET6`.
        ip: the address; with its scope where it has one.
        loopback: it is this machine.
    """

    family: socket.AddressFamily
    ip: str
    loopback: bool


def literal(host: str) -> Found | None:
    """The address that a host is written as, if it is."""
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return None
    return Found(socket.AF_INET if ip.version == 4 else socket.AF_INET6, host, ip.is_loopback)


def is_outside(host: str) -> bool:
    """Whether the way to a host leaves the own network, as far as its name tells.

    An address is outside when it is a public one. A name without a dot is a container's, or one of the own network;
    so are names under the domains that are set aside for that (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`).
    """
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        name = host.rstrip(".").lower()
        own = ("localhost", "local", "internal", "home.arpa", "lan", "test", "intranet", "corp", "home")
        return "." in name and not name.endswith(tuple(f".{domain}" for domain in own))
    return ip.is_global


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect to.

    Args:
        host: a name or an address.
        port: its port.
        path: a socket of this machine instead.
    """

    host: str
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str, usual_port: int | None = None) -> "Endpoint":
        """Read `host:port`, `[::1]:port`, or where there is a usual port, the host alone.

        Raises:
            ValueError: it is not written like that.
        """
        alone = usual_port is not None and (":" not in text or text.endswith("]") or literal(text) is not None)
        host, _, port = (text, "", str(usual_port)) if alone else text.rpartition(":")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        colons = ":" in bare and (literal(bare) is None or (bare == host and not alone))
        if not bare or colons or any(sign.isspace() or sign in "/@[]" for sign in bare):
            raise ValueError("write it as host:port, for instance mail.example.com:25 or [::1]:5432")
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError("the port must be a number from 1 to 65535")
        return cls(bare, int(port))

    @property
    def outside(self) -> bool:
        """Whether the way to it leaves the own network."""
        return not self.path and is_outside(self.host)

    def __str__(self) -> str:
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
