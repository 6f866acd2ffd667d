"""One security event, as it is handed in and as it is kept."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from daytwo.core.moments import only_moment
from daytwo.watch.security.address import canonical

AUTH_FAILURE = "auth_failure"
"""Somebody could not prove who they are."""
RATE_LIMIT = "rate_limit"
"""Somebody asked more than they may."""
SUSPICIOUS = "suspicious"
"""Nobody honest would do that."""
KEY_EXPOSURE = "key_exposure"
"""A key or token where it should not be."""

EVIDENCE = 2000
"""Characters of evidence that are kept."""
_KIND = r"^[a-z0-9][a-z0-9_-]{0,62}$"


def _address(value: str) -> str:
    try:
        return canonical(value) if value else ""
    except ValueError:
        raise ValueError("write an IPv4 or IPv6 address, without a port") from None


def _line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("write one line of printable text")
    return value


def _text(value: str) -> str:
    if any(ord(letter) < 32 and letter not in "\n\t" for letter in value):
        raise ValueError("control characters have no place here")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("this is not whole Unicode text") from None
    return value


_Line = Annotated[str, AfterValidator(_line)]


class Submission(BaseModel):
    """What an app reports."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(
        pattern=_KIND, description="`auth_failure`, `rate_limit`, `suspicious`, `key_exposure`, or a word of one's own"
    )
    source: Annotated[str, Field(max_length=100), AfterValidator(_address)] = Field(
        default="", description="the address it came from, IPv4 or IPv6"
    )
    user: Annotated[_Line, Field(max_length=200)] = Field(default="", description="as whom, or the name that was tried")
    route: Annotated[_Line, Field(max_length=500)] = Field(default="", description="on what: a path, a resource")
    detail: Annotated[str, Field(max_length=EVIDENCE), AfterValidator(_text)] = Field(
        default="", description="the evidence; what looks like a secret is masked"
    )
    at: Annotated[AwareDatetime | None, BeforeValidator(only_moment)] = Field(
        default=None, description="when it happened; now when absent"
    )
    key: Annotated[_Line, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="makes repeating safe for a day: the same key and content count once"
    )

    @property
    def digest(self) -> str:
        """SHA-256 of what it says, in hexadecimal."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Happening:
    """Events of a kind, from one source, in one minute.

    Args:
        kind: what sort of thing.
        source: canonical address, or empty.
        at: when, and of several the first.
        via: how it is known: `log NAME`, `api NAME`.
        user: as whom.
        route: on what.
        evidence: masked.
        count: how many.
        last: the last of several; `at` when None.
        newest: evidence of the last of several.
        fingerprint: of a key that was seen: the same one is one event for ever.
    """

    kind: str
    source: str
    at: datetime
    via: str
    user: str = ""
    route: str = ""
    evidence: str = ""
    count: int = 1
    last: datetime | None = None
    newest: str = ""
    fingerprint: str = ""


@dataclass(frozen=True)
class Taken:
    """What became of events that were handed in.

    Args:
        new: how many were recorded.
        known: how many had been before, with the same key.
        ahead: how many of the new ones claim to be from the future: recorded as of now, and counting for no limit.
    """

    new: int = 0
    known: int = 0
    ahead: int = 0


class EventData(BaseModel):
    """A security event, or many like it in the same minute."""

    id: int
    kind: str
    source: str = Field(description="the address it came from; empty when that is not known")
    network: str = Field(description="what the address is counted as: itself, or the /64 of an IPv6 address")
    at: datetime
    last: datetime = Field(description="when the last of them happened")
    received: datetime = Field(description="when it was written down first")
    count: int = Field(description="how many they are")
    counted: bool = Field(description="whether they count for limits; what claims to be from the future does not")
    via: str = Field(description="how it is known: `log NAME`, `api NAME`, `daytwo`")
    user: str
    route: str
    evidence: str = Field(description="of the first, without secrets")
    newest: str = Field(description="of the last, where there are several")
    fingerprint: str = Field(description="of a key that was seen: the same for the same key, and nothing tells the key")


class FindingData(BaseModel):
    """A limit that was crossed."""

    id: int
    kind: str
    source: str = Field(description="address or network; empty when no address is known, or the whole app is counted")
    per: str = Field(description="`source` or `app`")
    state: str = Field(description="`open` or `over`")
    begin: datetime = Field(description="the first event")
    last: datetime = Field(description="when the limit was reached last")
    found: datetime = Field(description="when it was noticed")
    count: int = Field(description="events from `begin` to `last`")
    limit: int
    within: float = Field(description="seconds")
    first_event: int = Field(description="id of the first event")
    last_event: int = Field(description="id of the last one")
    claimed: datetime | None = Field(description="when somebody took it on")


@dataclass(frozen=True)
class EventFilter:
    """Which events. What is None does not matter.

    Args:
        kind: of this kind.
        source: from this address, or this network of IPv6.
        since: which were not over before.
    """

    kind: str | None = None
    source: str | None = None
    since: datetime | None = None


__all__ = [
    "AUTH_FAILURE", "EVIDENCE", "KEY_EXPOSURE", "RATE_LIMIT", "SUSPICIOUS", "EventData", "EventFilter", "FindingData",
    "Happening", "Submission", "Taken",
]  # fmt: skip
