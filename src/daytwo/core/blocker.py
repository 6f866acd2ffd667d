"""The contract of a blocker: something that keeps an address out, for a time.

A kind is one module in `daytwo.blockers` with one `Blocker` subclass, which holds its own `Settings`. A blocker is told
what to do and judges nothing: which addresses may be blocked at all, `daytwo.respond.actions` has decided before.
"""

import ipaddress
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from daytwo.core.errors import DaytwoError
from daytwo.core.service import Place

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class BlockerError(DaytwoError):
    """An address could not be shut out or let in again."""

    permanent = False


@dataclass(frozen=True)
class Blocked:
    """A network that is kept out.

    Args:
        network: which.
        until: when that ends by itself; None where the blocker does not know.
    """

    network: Network
    until: datetime | None = None


class BlockerSettings(BaseModel):
    """The settings every kind of blocker has."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: str = Field(description="what sort of blocker it is")


S = TypeVar("S", bound=BlockerSettings)


class Blocker(ABC, Generic[S]):
    """What shuts addresses out.

    Args:
        settings: its YAML block.
        place: the app, and the folder that paths begin in.
    """

    kind: ClassVar[str]
    """As in the configuration."""
    summary: ClassVar[str]
    """One line for the reference and editors."""
    Settings: ClassVar[type[Any]]

    def __init__(self, settings: S, place: Place) -> None:
        self.settings = settings
        self.place = place

    @property
    def where(self) -> str:
        """What to name in errors."""
        return f"blocker {self.kind}"

    @property
    def tells(self) -> bool:
        """Whether it knows what is kept out, so that `blocked` without an address means none."""
        return True

    @abstractmethod
    def block(self, network: Network, until: datetime, now: datetime) -> None:
        """Keep a network out until a time; one that is kept out already is from now on until then.

        Raises:
            BlockerError, MissingToolError
        """

    @abstractmethod
    def unblock(self, network: Network) -> None:
        """Let a network in again; harmless when it is not kept out.

        Raises:
            BlockerError, MissingToolError
        """

    @abstractmethod
    def blocked(self, now: datetime) -> tuple[Blocked, ...]:
        """What is kept out now.

        Raises:
            BlockerError, MissingToolError
        """


AnyBlocker = Blocker[Any]


def network_of(text: str) -> Network:
    """What an address is blocked as: itself, or the /64 that an IPv6 address is in, which is one customer's.

    Args:
        text: an address, or a network that is written with its own first address.

    Raises:
        ValueError: it is neither, or an IPv6 network that is smaller than /64 is not written as an address.
    """
    if "%" in text:  # the zone of an IPv6 address, which Python takes to be any text
        raise ValueError("an address without a zone is wanted")
    found: Network = ipaddress.ip_network(text.strip())
    if isinstance(found, ipaddress.IPv6Network):
        mapped = found.network_address.ipv4_mapped
        if mapped is not None and found.prefixlen >= 96:
            return ipaddress.IPv4Network((mapped, found.prefixlen - 96), strict=False)
        if found.prefixlen > 64:
            return found.supernet(new_prefix=64)
    return found


def shown(network: Network) -> str:
    """A network as it is written: a single address without its length."""
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
