"""An http:// or https:// address in its parts."""

import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from daytwo.core.net.endpoint import Endpoint, literal

_PORTS = {"http": 80, "https": 443}
_KEPT = "%/:=&?~+!$,;'@()*[]|^`{}\"<>\\"
"""What stays as it is in a path or a query; what is beyond ASCII, spaces and controls are quoted."""
_LONGEST = 8000
"""What servers commonly take (RFC 9110, 4.1)."""


@dataclass(frozen=True, slots=True)
class Url:
    """An address.

    Args:
        scheme: `http` or `https`.
        host: the host, a name in its ASCII form.
        port: the port.
        target: path and query, as they are asked for.
    """

    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, text: str) -> "Url":
        """Read one.

        Raises:
            ValueError: it is none, holds a password, or is too long.
        """
        if len(text) > _LONGEST:
            raise ValueError(f"an address of more than {_LONGEST} characters")
        if re.search(r"[\x00-\x20\x7f]", text):
            raise ValueError("an address holds no spaces; write them as %20")
        parts = urlsplit(text)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("write an http:// or https:// address")
        if "@" in parts.netloc:
            raise ValueError("leave user and password out of the address; there are `basic` and `bearer` for them")
        try:
            port = parts.port or _PORTS[parts.scheme]
        except ValueError:
            raise ValueError("its port must be a number from 1 to 65535") from None
        target = quote(parts.path or "/", safe=_KEPT) + (f"?{quote(parts.query, safe=_KEPT)}" if parts.query else "")
        return cls(parts.scheme, _ascii(parts.hostname), port, target)

    def join(self, reference: str) -> "Url":
        """The address that a reference from here leads to.

        Raises:
            ValueError: it leads nowhere.
        """
        return type(self).parse(urljoin(str(self), reference))

    @property
    def origin(self) -> tuple[str, str, int]:
        """What must be the same for two addresses to be of one server."""
        return self.scheme, self.host, self.port

    @property
    def endpoint(self) -> Endpoint:
        """Where to connect to."""
        return Endpoint(self.host, self.port)

    @property
    def authority(self) -> str:
        """Host and port, as a request's `Host` has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def _ascii(host: str) -> str:
    if host.isascii():
        if ":" in host and literal(host) is None:
            raise ValueError("the address between [ and ] is none")
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError("its host is no name that a host can have") from None
