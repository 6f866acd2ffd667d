"""The settings of listening: whose logs are followed, what is looked for in them, and what is too much of it."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from daytwo.config.types import Count, Model, Names, Slug, Span
from daytwo.core.units import Duration

AccessFormat = Literal["caddy", "nginx", "nginx-json", "traefik"]
Detector = Literal["caddy", "nginx", "nginx-json", "postgres", "sshd", "traefik", "wordpress"]
"""What knows the lines in which a program says that it refused somebody."""
SecurityKind = Slug
"""What sort of thing happened: `auth_failure`, `rate_limit`, `suspicious`, `key_exposure`, or a word of one's own."""


class LogSource(Model):
    """A log that is followed. The container of each service is one already, called as the service."""

    container: str | None = Field(default=None, min_length=1, description="what a container says")
    journal: str | None = Field(default=None, min_length=1, description="what a systemd unit says: `ssh.service`")
    file: str | None = Field(default=None, min_length=1, description="a file; it may be rotated")
    ssh: str | None = Field(default=None, description="the host it is on, as `ssh` knows it; this one when absent")
    access: AccessFormat | None = Field(
        default=None, description="it is an access log of this form: its requests become the numbers of `traffic.NAME`"
    )
    routes: dict[Slug, str] = Field(
        default={},
        description="routes of an access log by name, each a path such as `/api/posts/{id}` or `/static/*`; those "
        "that are used most when absent",
    )
    off: bool = Field(default=False, description="do not follow it, for instance the container of a service")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        named = [one for one in (self.container, self.journal, self.file) if one is not None]
        if self.off:
            return self
        if len(named) > 1:
            raise ValueError("give one of `container`, `journal` and `file`")
        if not named and not (self.access or self.routes):
            raise ValueError("give `container`, `journal` or `file`")
        if self.routes and self.access is None:
            raise ValueError("`routes` goes with `access`")
        return self


def _an_expression(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"this is no regular expression: {error}") from None
    return value


class Pattern(Model):
    """Something that is looked for in logs."""

    match: Annotated[str, AfterValidator(_an_expression)] = Field(
        min_length=1,
        description="a regular expression; of its named groups, `source` is the address that it came from",
    )
    logs: Names = Field(default=(), description="in which logs, by name; in all when absent")
    about: str = Field(default="", description="what it means and what to do, in words")
    security: SecurityKind | None = Field(
        default=None, description="each match is a security event of this kind, such as `auth_failure`"
    )


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class SecurityLimit(Model):
    """How much of a kind of security event is too much."""

    count: Count = Field(default=10, description="so many events")
    within: Span = Field(default=Duration(60), description="in so long")
    per: Literal["source", "app"] = Field(
        default="source", description="counted for each address by itself, or for the whole app"
    )
    about: str = Field(default="", description="what it means and what to do, in words")


class Security(Model):
    """Security events: from logs, and as apps report them."""

    limits: Mapping[SecurityKind, SecurityLimit] = Field(
        default={}, description="what is too much, by kind; one that is not named is recorded only"
    )
    detect: Mapping[str, Annotated[tuple[Detector, ...], BeforeValidator(_listed)]] = Field(
        default={},
        description="built-in detectors by log: `{ssh: sshd, db: postgres, web: [nginx, wordpress]}`",
    )
    keys: bool = Field(default=True, description="look for keys and tokens in logs: each found is `key_exposure`")
    keep: Span = Field(default=Duration(90 * 86400), description="how long events are kept")


__all__ = ["AccessFormat", "Detector", "LogSource", "Pattern", "Security", "SecurityLimit"]
