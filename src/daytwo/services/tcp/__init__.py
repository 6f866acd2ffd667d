"""Anything that listens on a TCP port or a socket: whether it takes connections, and what it says first."""

from typing import Self

from pydantic import Field, model_validator

from daytwo.core.check import Check
from daytwo.core.net.settings import HostAndPort, WatchedSettings
from daytwo.core.service import Service

MOST = 4096
"""Bytes in which an expected text is looked for."""


class TcpSettings(WatchedSettings):
    """Settings of kind `tcp`."""

    address: HostAndPort | None = Field(default=None, description="`host:port` to connect to")
    socket: str | None = Field(default=None, description="socket of this machine to connect to instead")
    send: str | None = Field(default=None, description="text that is sent, such as `PING\\r\\n`")
    expect: str | None = Field(
        default=None, min_length=1, description=f"text that it must say, within the first {MOST} bytes, such as `220 `"
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.address is None) == (self.socket is None):
            raise ValueError("give `address` or `socket`")
        return self


class Tcp(Service[TcpSettings]):
    """A listener. It holds no data."""

    kind = "tcp"
    summary = "anything that listens on a TCP port or a socket"
    Settings = TcpSettings

    def checks(self) -> tuple[Check, ...]:
        """Whether it takes connections, and says what it should."""
        from daytwo.services.tcp.check import TcpCheck

        return (TcpCheck(self),)
