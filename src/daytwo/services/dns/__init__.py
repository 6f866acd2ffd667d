"""Names: whether a name server knows one, and answers what it should."""

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from daytwo.core.check import Check
from daytwo.core.net.endpoint import Endpoint
from daytwo.core.net.settings import WatchedSettings
from daytwo.core.service import Service

USUAL_PORT = 53


def _server(text: str) -> str:
    try:
        ipaddress.ip_address(Endpoint.parse(text, USUAL_PORT).host)
    except ValueError:
        raise ValueError("write the name server as its address, such as 9.9.9.9 or [2620:fe::fe]:53") from None
    return text


def _name(text: str) -> str:
    import dns.exception
    import dns.name

    try:
        dns.name.from_text(text)
    except (dns.exception.DNSException, UnicodeError):
        raise ValueError("is no name that can be looked up") from None
    return text


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class DnsSettings(WatchedSettings):
    """Settings of kind `dns`."""

    name: Annotated[str, AfterValidator(_name)] = Field(min_length=1, description="the name that is looked up, in full")
    type: Literal["A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"] = Field(
        default="A", description="which records"
    )
    server: Annotated[str, AfterValidator(_server)] | None = Field(
        default=None, description="address of the name server that is asked; the system's own when absent"
    )
    expect: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=(), description="values that must be among the answers, such as `192.0.2.1` or `10 mail.example.com.`"
    )
    exactly: bool = Field(default=False, description="there must be no other answers than those")


class Dns(Service[DnsSettings]):
    """A name. It holds no data."""

    kind = "dns"
    summary = "a name in the DNS: that it is known, and what it leads to"
    Settings = DnsSettings

    def checks(self) -> tuple[Check, ...]:
        """One query."""
        from daytwo.services.dns.check import DnsCheck

        return (DnsCheck(self),)
