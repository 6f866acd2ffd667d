"""The settings of acting: what is done by itself about security findings and alerts, and what is never shut out."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationError, WithJsonSchema, model_validator

from daytwo.config.responding import Grade
from daytwo.config.types import Count, Model, Names, Span
from daytwo.core.blocker import BlockerSettings, Network, network_of
from daytwo.core.registry import blocker_class, kinds
from daytwo.core.units import Duration

LONGEST = Duration(30 * 86400)
"""How long an address is shut out at most: whoever wants more has a firewall for it."""


def _settings(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in kinds("blockers"):
        raise ValueError(f"`kind` is one of {', '.join(kinds('blockers'))}")
    try:
        return blocker_class(kind).Settings.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ValueError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _limited(value: object) -> object:
    found = Duration.parse(value) if isinstance(value, str | int | float) else value
    if isinstance(found, Duration) and found > LONGEST:
        raise ValueError("at most 30 days")
    return value


NetworkName = Annotated[
    Network, BeforeValidator(lambda value: network_of(value) if isinstance(value, str) else value),
    WithJsonSchema({"type": "string"}),
]  # fmt: skip
BlockSpan = Annotated[Span, BeforeValidator(_limited)]
Doing = Literal["alert", "investigate", "block_ip"]


class Blocking(Model):
    """Shutting addresses out."""

    by: Annotated[
        SerializeAsAny[BlockerSettings] | None,
        BeforeValidator(_settings),
        WithJsonSchema({"type": "object", "properties": {"kind": {"type": "string"}}, "required": ["kind"]}),
    ] = Field(default=None, description="what does it: `{kind: nftables}`; nothing is shut out when absent")
    allow: Annotated[tuple[NetworkName, ...], BeforeValidator(_listed)] = Field(
        default=(), description="addresses and networks that are never shut out: your own, your monitoring"
    )
    private: bool = Field(default=False, description="whether addresses of private networks may be shut out, too")
    most: Count = Field(default=1000, description="so many at once, at most")
    keep: Span = Field(default=Duration(86400), description="how long after a login its address is not shut out")


class Action(Model):
    """What is done by itself about something."""

    security: Names = Field(default=(), description="about security findings of these kinds, by name or pattern")
    rules: Names = Field(default=(), description="about alerts of these rules, by name or pattern")
    do: Annotated[tuple[Doing, ...], BeforeValidator(_listed)] = Field(
        min_length=1, description="what: tell somebody, open an incident, shut the address out"
    )
    to: Names = Field(default=(), description="with `alert`: channels, people or rotas; every channel when absent")
    severity: Grade | None = Field(default=None, description="with `investigate`: how the incident is graded")
    for_: BlockSpan = Field(
        default=Duration(3600), alias="for", description="with `block_ip`: for how long; at most 30 days"
    )
    dry_run: bool = Field(default=False, description="only record what would be done")
    off: bool = Field(default=False, description="do nothing, for instance of what a recipe brings")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.off:
            return self
        if not (self.security or self.rules):
            raise ValueError("say about what: `security` or `rules`")
        if "block_ip" in self.do and not self.security:
            raise ValueError("`block_ip` goes with `security`: an alert of a rule has no address")
        return self


__all__ = ["LONGEST", "Action", "Blocking"]
