"""Small types that the configuration's models share."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
)

from daytwo.core.secrets import SecretRef
from daytwo.core.units import Duration

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
"""A name that is also part of file names."""
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]


def _no_truth(value: object) -> object:
    """`last: true` would be 1 otherwise."""
    if isinstance(value, bool):
        raise ValueError("must be a whole number")
    return value


Count = Annotated[int, Field(ge=1), BeforeValidator(_no_truth)]


class Model(BaseModel):
    """Frozen; unknown keys are mistakes; a wrong value is never repeated in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _listed(value: object) -> object:
    """One of something may be written without the list around it."""
    return [value] if isinstance(value, str) else value


def _positive(value: Duration) -> Duration:
    if value <= 0:
        raise ValueError("must be longer than nothing")
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Span = Annotated[Duration, AfterValidator(_positive)]


def web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("write an http:// or https:// address")
    return value


PingUrl = Annotated[
    Annotated[str, AfterValidator(web_address), Tag("address")] | Annotated[SecretRef, Tag("reference")],
    Discriminator(lambda value: "reference" if isinstance(value, Mapping | SecretRef) else "address"),
]
"""An address that is pinged. It is as good as a password, so it may be a reference."""
