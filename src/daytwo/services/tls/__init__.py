"""Servers that speak TLS, whatever they speak over it: whom their certificate is for, and for how long."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from daytwo.core.check import Check
from daytwo.core.net.endpoint import Endpoint
from daytwo.core.net.settings import TrustSettings
from daytwo.core.service import Service

USUAL_PORT = 443


def _address(text: str) -> str:
    Endpoint.parse(text, USUAL_PORT)
    return text


class TlsSettings(TrustSettings):
    """Settings of kind `tls`."""

    address: Annotated[str, AfterValidator(_address)] = Field(
        description=f"`host` or `host:port` of the server; port {USUAL_PORT} when it is left out"
    )
    server_name: str | None = Field(
        default=None, min_length=1, description="the name that is asked for and verified, when it is not the host"
    )
    at_least: Literal["TLSv1.2", "TLSv1.3"] = Field(default="TLSv1.2", description="the oldest version that is right")


class TlsServer(Service[TlsSettings]):
    """A TLS server. It holds no data."""

    kind = "tls"
    summary = "a server's TLS handshake: version, chain, host name, days until its certificate ends"
    Settings = TlsSettings

    def checks(self) -> tuple[Check, ...]:
        """One handshake."""
        from daytwo.services.tls.check import TlsCheck

        return (TlsCheck(self),)
