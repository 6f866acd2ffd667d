"""The settings of the daemon: where it listens, who may do what over its socket, what it expects to hear."""

import ipaddress
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from daytwo.config.types import Model, Names, PingUrl, Span
from daytwo.core.schedule import Cron
from daytwo.core.units import Duration


def _an_address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError("write it as address:port, for instance 127.0.0.1:8470 or [::]:8470")
    return value


def _a_base(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ValueError("write an http:// or https:// address")
    return value.rstrip("/")


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for one in value:
        try:
            ipaddress.ip_network(one, strict=False)
        except ValueError:
            raise ValueError(f"'{one}' is no IP address or network") from None
    return value


class Tls(Model):
    """Files for TLS, in PEM form."""

    cert: str = Field(description="the certificate with its chain; relative to the configuration file")
    key: str = Field(description="its private key")


class Serve(Model):
    """How the daemon (`daytwo serve`) is reached and how it behaves."""

    listen: Annotated[str, AfterValidator(_an_address)] = Field(
        default="127.0.0.1:8470", description="address and port of the API and the pages"
    )
    public: bool = Field(
        default=False, description="allow listening beyond this machine without TLS; better is `tls` or a proxy"
    )
    tls: Tls | None = Field(default=None, description="serve HTTPS with these files")
    url: Annotated[str, AfterValidator(_a_base)] | None = Field(
        default=None, description="the address that people use, for links; needed behind a proxy"
    )
    trusted_proxies: Annotated[Names, AfterValidator(_networks)] = Field(
        default=(), description="addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed"
    )
    local: dict[str, Literal["viewer", "operator", "admin"]] = Field(
        default={},
        description="what local users may do over the Unix socket: a user name, or @ and a group's, and a role; "
        "root and the daemon's own user are always admin",
    )
    log: Literal["text", "json"] = Field(default="text", description="the form of the daemon's log lines")
    stop_within: Span = Field(
        default=Duration(30), description="how long a stop may take; what is at work then is ended and made up later"
    )
    session: Span = Field(default=Duration(12 * 3600), description="how long a login lasts")
    ping: PingUrl | None = Field(
        default=None,
        description="an address that is requested while every part of the daemon is fresh: its silence is heard",
    )
    ping_every: Span = Field(default=Duration(60), description="how often")


class Heartbeat(Model):
    """A job elsewhere that reports to the daemon; its silence is noticed."""

    every: Span | None = Field(default=None, description="how long between two reports")
    at: Cron | None = Field(default=None, description="when a report is due, instead of `every`")
    grace: Span = Field(default=Duration(300), description="how late a report, or how long a run, may be")

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.every is None) == (self.at is None):
            raise ValueError("give `every` or `at`")
        return self


class Records(Model):
    """How long the audit trail and the export records are kept, by data class; for ever when absent."""

    public: Span | None = Field(default=None, description="what anybody may know")
    internal: Span | None = Field(default=None, description="what only the team may know; most events")
    confidential: Span | None = Field(default=None, description="what only some may know")
    restricted: Span | None = Field(default=None, description="what the law or a contract protects")


__all__ = ["Heartbeat", "Records", "Serve", "Tls"]
