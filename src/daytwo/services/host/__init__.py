"""A machine: this one, or one that is reached over SSH."""

import re
from typing import Self

from pydantic import Field, field_validator, model_validator

from daytwo.core.check import Check
from daytwo.core.service import Service, ServiceSettings

_SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*)(?::[0-9]{1,5})?")


class HostSettings(ServiceSettings):
    """Settings of kind `host`."""

    ntp: str | None = Field(
        default=None, description="a time server, as `host` or `host:port`, with which the clock is compared"
    )
    ignore: tuple[str, ...] = Field(
        default=(), description="file systems that are not looked at: folders, or patterns such as `/mnt/*`"
    )

    @field_validator("ntp")
    @classmethod
    def _a_server(cls, value: str | None) -> str | None:
        if value is not None and not _SERVER.fullmatch(value):
            raise ValueError("write it like ntp.example.org, 192.0.2.1:123 or [2001:db8::1]")
        return value

    @model_validator(mode="after")
    def _a_machine(self) -> Self:
        if self.container or self.container_user:
            raise ValueError("a host is a machine; give `ssh`, or nothing for this one")
        return self


class Host(Service[HostSettings]):
    """This machine, or one on the other side of SSH."""

    kind = "host"
    summary = "a machine: processors, memory, disks, clock, units"
    Settings = HostSettings

    def checks(self) -> tuple[Check, ...]:
        """How it is, and whether its clock is right."""
        from daytwo.services.host.checks import READY, HostCheck
        from daytwo.services.host.clock import ClockCheck

        return (
            HostCheck(self.name, self.name, self.timing(READY), self.target, self.settings.ignore),
            ClockCheck(f"{self.name}.clock", self.name, self.target, self.settings.ntp),
        )
