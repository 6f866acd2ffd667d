"""Settings that kinds watched over the network share. Light: every command reads the configuration."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from daytwo.core.net.endpoint import Endpoint
from daytwo.core.net.trust import Trust
from daytwo.core.net.url import Url
from daytwo.core.secrets import SecretRef
from daytwo.core.service import Place, ServiceSettings


class WatchedSettings(ServiceSettings):
    """Settings of a kind that is asked over the network, from this machine."""

    container: str | None = Field(
        default=None, description="name of the container it is; it is asked from this machine all the same"
    )

    @model_validator(mode="after")
    def _from_here(self) -> Self:
        if self.ssh or self.container_user:
            raise ValueError("it is asked from this machine: leave out `ssh` and `container_user`")
        if self.secret:
            raise ValueError("it holds no data that could be secret: leave out `secret`")
        return self


def _endpoint(text: str) -> str:
    Endpoint.parse(text)
    return text


HostAndPort = Annotated[str, AfterValidator(_endpoint)]
"""`host:port`."""


class TrustSettings(WatchedSettings):
    """Settings of a kind that may speak TLS."""

    ca: str | None = Field(
        default=None, description="file with the authorities that are trusted (PEM), instead of the system's"
    )
    insecure: bool = Field(default=False, description="believe any certificate; its age is told all the same")

    @model_validator(mode="after")
    def _one_trust(self) -> Self:
        if self.ca and self.insecure:
            raise ValueError("`ca` says whom to believe and `insecure` to believe anybody: leave one of them out")
        return self

    def trust(self, place: Place) -> Trust:
        """Whom to believe."""
        return Trust(place.path(self.ca) if self.ca else None, self.insecure)


def _address(text: str) -> str:
    Url.parse(text)
    return text


def _header_names(headers: Mapping[str, Any]) -> Mapping[str, Any]:
    for name, value in headers.items():
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
            raise ValueError(f"'{name}' is no name of a header")
        if isinstance(value, str):
            header_text(value)
    return headers


def header_text(value: str) -> str:
    """A header's value, if it can be one.

    Raises:
        ValueError: it has more than one line, or signs that a header cannot have.
    """
    if not value.isprintable() or any(ord(sign) > 255 for sign in value):
        raise ValueError("a header is one line of plain text")
    return value


def _sort(value: object) -> str:
    return "reference" if isinstance(value, Mapping | SecretRef) else "text"


Text = Annotated[Annotated[str, Tag("text")] | Annotated[SecretRef, Tag("reference")], Discriminator(_sort)]
"""Text, or a reference to a secret one."""
Headers = Annotated[dict[str, Text], AfterValidator(_header_names)]


class Basic(BaseModel):
    """A user and a password, sent with every request."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    user: str = Field(description="the user's name")
    password: SecretRef = Field(description="the user's password")


class WebSettings(TrustSettings):
    """Settings of a kind that is asked over HTTP."""

    url: Annotated[str, AfterValidator(_address)] = Field(description="its address: http://... or https://...")
    socket: str | None = Field(
        default=None, description="socket of this machine to connect to instead of the address's host and port"
    )
    headers: Headers = Field(default={}, description="headers that are sent; a value is a text or a secret reference")
    bearer: SecretRef | None = Field(default=None, description="token that is sent as `Authorization: Bearer`")
    basic: Basic | None = Field(default=None, description="user and password that are sent as `Authorization: Basic`")
    connection: Literal["fresh", "kept"] = Field(
        default="fresh",
        description="`fresh`: a new connection for each probe, so that all of the way is watched; `kept`: one for many",
    )

    @model_validator(mode="after")
    def _one_authorization(self) -> Self:
        named = any(name.lower() == "authorization" for name in self.headers)
        if (self.bearer is not None) + (self.basic is not None) + named > 1:
            raise ValueError("give one of `bearer`, `basic` and the header Authorization")
        return self
