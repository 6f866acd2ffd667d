"""What a `daytwo.yaml` holds: the models that validate it, describe it to editors and document it."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    PrivateAttr,
    SerializeAsAny,
    Tag,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from daytwo.config.acting import Action, Blocking
from daytwo.config.listening import LogSource, Pattern, Security
from daytwo.config.objectives import Maintenance, Objective, Objectives, Opening
from daytwo.config.responding import Incidents, Person, Rota, Route, StatusPage
from daytwo.config.serving import Heartbeat, Records, Serve
from daytwo.config.types import Count, Model, Name, Names, PingUrl, Slug, Span
from daytwo.config.watching import Rule, Watch
from daytwo.config.zone import host_zone
from daytwo.core.channel import ChannelSettings
from daytwo.core.repository import RepositorySettings
from daytwo.core.schedule import Cron, zone_of
from daytwo.core.secrets import SecretRef
from daytwo.core.service import Place, ServiceSettings
from daytwo.core.units import Duration, Size

SHELL_WORDS = frozenset({"|", "||", "&&", "&", ";", ">", ">>", "<", "2>", "2>&1", "&>"})
"""Words that only a shell understands."""


class Hook(Model):
    """A command that is run around a backup: an argv list, a line that is split into one, or a map."""

    run: tuple[str, ...] = Field(min_length=1, description="program and arguments; no shell reads them")
    service: str | None = Field(default=None, description="the service whose target it runs in; this host when absent")
    timeout: Span = Field(default=Duration(600), description="how long it may take")

    @model_validator(mode="before")
    @classmethod
    def _written_short(cls, value: object) -> object:
        if isinstance(value, str | list | tuple):
            value = {"run": value}
        if isinstance(value, Mapping) and isinstance(value.get("run"), str):
            return {**value, "run": _split(value["run"])}
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        whole = handler.resolve_ref_schema(handler(schema))
        words: JsonSchemaValue = {"type": "array", "items": {"type": "string"}, "minItems": 1}
        line: JsonSchemaValue = {"type": "string", "minLength": 1}
        whole["properties"]["run"] = {**whole["properties"]["run"], "anyOf": [words, line]}
        for key in ("type", "items", "minItems"):
            whole["properties"]["run"].pop(key, None)
        return {"anyOf": [words, line, whole], "description": whole.get("description", "")}


def _split(line: str) -> list[str]:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise ValueError(f"a quote is not closed ({str(error).lower()})") from None
    for word in words:
        if word in SHELL_WORDS:
            raise ValueError(f"no shell reads this, so `{word}` means nothing; write [sh, -c, '...'] to use one")
    return words


def _hooks(value: object) -> object:
    return [value] if isinstance(value, str | Mapping) else value


Hooks = Annotated[tuple[Hook, ...], BeforeValidator(_hooks)]


Event = Literal["start", "success", "failure"]


@dataclass(frozen=True)
class PingTarget:
    """What to request for one event: an address and what is appended to its path."""

    address: str | SecretRef
    suffix: str = ""


class Ping(Model):
    """Addresses that are requested when a backup starts, succeeds and fails, as heartbeat services want it."""

    url: PingUrl | None = Field(
        default=None, description="base address as healthchecks.io has it: /start and /fail are appended"
    )
    start: PingUrl | None = Field(default=None, description="address for the start, instead of url with /start")
    success: PingUrl | None = Field(default=None, description="address for success, instead of url")
    failure: PingUrl | None = Field(default=None, description="address for failure, instead of url with /fail")

    @model_validator(mode="before")
    @classmethod
    def _written_short(cls, value: object) -> object:
        references = set(SecretRef.model_fields)
        if isinstance(value, str | SecretRef) or (isinstance(value, Mapping) and set(value) & references):
            return {"url": value}
        return value

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.url or self.start or self.success or self.failure):
            raise ValueError("give an address")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        whole = handler.resolve_ref_schema(handler(schema))
        url = next(one for one in whole["properties"]["url"]["anyOf"] if one.get("type") != "null")
        return {"anyOf": [url, whole], "description": whole.get("description", "")}

    def target(self, event: Event) -> PingTarget | None:
        """What to request for an event, or None where nothing is."""
        own = getattr(self, event)
        if own is not None:
            return PingTarget(own)
        if self.url is None:
            return None
        return PingTarget(self.url, {"start": "/start", "success": "", "failure": "/fail"}[event])


class Keep(Model):
    """How many snapshots are kept. A snapshot that any of the rules keeps stays."""

    last: Count | None = Field(default=None, description="the newest so many")
    hourly: Count | None = Field(default=None, description="the newest of each of the last so many hours with one")
    daily: Count | None = Field(default=None, description="the newest of each of the last so many days with one")
    weekly: Count | None = Field(default=None, description="the newest of each of the last so many weeks with one")
    monthly: Count | None = Field(default=None, description="the newest of each of the last so many months with one")
    yearly: Count | None = Field(default=None, description="the newest of each of the last so many years with one")
    within: Span | None = Field(default=None, description="all that are at most this much older than the newest")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise ValueError("say how many to keep, for instance `last: 7`; leave `keep` out to keep everything")
        return self


class Backup(Model):
    """Which services are backed up, when, to where, and how long it is kept."""

    services: Names | None = Field(
        default=None, min_length=1, description="what is backed up; every service that holds data when absent"
    )
    at: Cron | None = Field(
        default=None, description="when: a cron expression, for instance `0 3 * * *`; by hand only when absent"
    )
    to: Names | None = Field(default=None, min_length=1, description="repositories; all of them when absent")
    keep: Keep | None = Field(default=None, description="how many snapshots are kept; everything when absent")
    before: Hooks = Field(default=(), description="commands to run first; a failure stops the backup")
    after: Hooks = Field(default=(), description="commands to run when the snapshot is stored")
    on_failure: Hooks = Field(default=(), description="commands to run when the backup has failed")
    stop: Names = Field(
        default=(),
        description="containers, or services whose container is stopped during the dump and put back as it was",
    )
    ping: Ping | None = Field(default=None, description="addresses of a heartbeat service to request")
    timeout: Span = Field(default=Duration(6 * 3600), description="how long it may take before it is stopped")
    parallel: Count = Field(default=4, description="how many components are dumped side by side")
    floor: Size = Field(default=Size(500_000_000), description="space that stays free in each local repository")
    verify: bool = Field(default=False, description="after storing, read every component with its engine's own tool")
    state: bool = Field(
        default=True, description="whether daytwo's own state goes along in the snapshots that the daemon makes"
    )
    missed: Literal["run", "report"] = Field(
        default="run",
        description="what the daemon does when it was down at the time: make one run up, or only report it",
    )
    missed_after: Span | None = Field(default=None, description="how late a backup may be before it counts as missed")


class Recovery(Model):
    """Who can read what is encrypted."""

    recipients: Names = Field(
        default=(),
        description="age public keys (age1...); `daytwo init` writes the first and shows its secret key once",
    )


@dataclass(frozen=True)
class Origin:
    """Where a configuration came from.

    Args:
        path: the file.
        fingerprint: SHA-256 of the merged content, in hexadecimal.
        sources: what was read: the file, and recipes as `recipe NAME`.
    """

    path: Path
    fingerprint: str
    sources: tuple[str, ...] = field(default=())


def _known_state(value: str) -> str:
    if value.startswith(("postgresql://", "postgres://")):
        return value
    path = value.removeprefix("sqlite:///")
    if "://" in path or not path.strip() or path.endswith("/"):
        raise ValueError("write the path of a SQLite file, or a postgresql:// address")
    return value


def _known_zone(value: str) -> str:
    zone_of(value)
    return value


class Config(Model):
    """One app in one environment: what is in its `daytwo.yaml`, with recipes merged under it."""

    app: Slug = Field(description="the app's name: lower-case letters, digits, `-` and `_`")
    environment: Slug = Field(default="production", description="which of the app's installations this is")
    timezone: Annotated[str, AfterValidator(_known_zone)] = Field(
        default_factory=host_zone, description="IANA zone of all times in this file; the host's when absent"
    )
    extends: Names = Field(default=(), description="packaged recipes, or files, that are merged under this file")
    services: dict[Name, SerializeAsAny[ServiceSettings]] = Field(
        min_length=1, description="the app's parts and holders of data, by name"
    )
    recovery: Recovery = Field(default=Recovery(), description="who can read what is encrypted")
    repositories: dict[Name, SerializeAsAny[RepositorySettings]] = Field(
        default={}, description="where snapshots live, by name"
    )
    backups: dict[Name, Backup] = Field(default={}, description="what is backed up when and to where, by name")
    heartbeats: dict[Slug, Heartbeat] = Field(
        default={}, description="jobs elsewhere that report to the daemon, by name"
    )
    rules: dict[Name, Rule] = Field(default={}, description="what is an alert, by name")
    watch: Watch = Field(default=Watch(), description="how it is watched")
    objectives: Objectives = Field(default=Objectives(), description="what is promised: uptime, business hours, speed")
    maintenance: dict[Name, Maintenance] = Field(
        default={}, description="maintenance windows by name: times in which nothing is promised"
    )
    logs: dict[Name, LogSource] = Field(
        default={}, description="logs that are followed, by name; containers of services are, without being named"
    )
    patterns: dict[Name, Pattern] = Field(default={}, description="what is looked for in logs, by name")
    security: Security = Field(default=Security(), description="security events, and what is too much of them")
    channels: dict[Name, SerializeAsAny[ChannelSettings]] = Field(
        default={}, description="ways to reach people, by name"
    )
    routes: dict[Name, Route] = Field(
        default={}, description="which alert goes to which channel, and how soon; every route that fits is taken"
    )
    people: dict[Name, Person] = Field(default={}, description="who can be reached, and how, by name")
    oncall: dict[Name, Rota] = Field(default={}, description="who is on call when, by the name of the rota")
    incidents: Incidents = Field(default=Incidents(), description="how incidents are graded, opened and escalated")
    actions: dict[Name, Action] = Field(
        default={}, description="what is done by itself about security findings and alerts, by name"
    )
    blocking: Blocking = Field(default=Blocking(), description="shutting addresses out")
    status_page: StatusPage | None = Field(default=None, description="the page that shows users how things stand")
    records: Records = Field(default=Records(), description="how long the audit trail and export records are kept")
    serve: Serve = Field(default=Serve(), description="the daemon")
    state: Annotated[
        Annotated[str, AfterValidator(_known_state), Tag("address")] | Annotated[SecretRef, Tag("reference")],
        Discriminator(lambda value: "reference" if isinstance(value, Mapping | SecretRef) else "address"),
    ] = Field(
        default=".daytwo/state.db",
        description="where runs are recorded: a SQLite file, or a reference to a postgresql:// address",
    )

    _origin: Origin = PrivateAttr(default=Origin(Path("daytwo.yaml"), ""))

    @property
    def origin(self) -> Origin:
        """Where it came from."""
        return self._origin

    @property
    def path(self) -> Path:
        """The file, absolute."""
        return self._origin.path

    @property
    def folder(self) -> Path:
        """The file's folder; relative paths begin there."""
        return self._origin.path.parent

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the merged content, in hexadecimal: the same for the same meaning, whatever the layout."""
        return self._origin.fingerprint

    @property
    def own_name(self) -> str:
        """APP/ENVIRONMENT: what locks, messages and a person who confirms call it."""
        return f"{self.app}/{self.environment}"

    @property
    def place(self) -> Place:
        """What plug-ins may know of it."""
        return Place(folder=self.folder, app=self.app, environment=self.environment)

    def of(self, origin: Origin) -> Self:
        """The same configuration, with where it came from. Only for `load`."""
        made = self.model_copy()
        made._origin = origin
        return made


__all__ = [
    "Backup", "Config", "Event", "Heartbeat", "Hook", "Keep", "LogSource", "Maintenance", "Objective", "Objectives",
    "Opening", "Origin", "Pattern", "Ping", "PingTarget",
    "Records", "Recovery", "Rule", "Security", "Serve", "Watch",
]  # fmt: skip
