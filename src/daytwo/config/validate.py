"""From a document to a `Config`, or to all its mistakes at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from daytwo.config.document import Document
from daytwo.config.models import Backup, Config
from daytwo.config.problems import Path, Problem, nearest
from daytwo.config.wording import problems_of
from daytwo.core.channel import ChannelSettings
from daytwo.core.registry import channel_class, kinds, repository_class, service_class
from daytwo.core.repository import RepositorySettings
from daytwo.core.service import ServiceSettings

M = TypeVar("M", bound=BaseModel)


@dataclass
class Parts:
    """What could be made of a document: each block that is right by itself, although others may be wrong.

    Args:
        document: the merged document.
        services: the settings of services by name.
        repositories: the settings of repositories by name.
        channels: the settings of channels by name.
        backups: the backups by name.
        config: the whole, when every block is right.
        problems: what is wrong.
    """

    document: Document
    services: dict[str, ServiceSettings] = field(default_factory=dict)
    repositories: dict[str, RepositorySettings] = field(default_factory=dict)
    channels: dict[str, ChannelSettings] = field(default_factory=dict)
    backups: dict[str, Backup] = field(default_factory=dict)
    config: Config | None = None
    problems: list[Problem] = field(default_factory=list)

    def problem(self, what: str, *path: str | int, key: bool = False) -> None:
        """Note a mistake at a path."""
        self.problems.append(Problem(what, path, self.document.spot(path, key=key)))

    def names(self, section: str) -> list[str]:
        """The names that a section declares, whether their blocks are right or not."""
        block = self.document.data.get(section) if isinstance(self.document.data, Mapping) else None
        return list(block) if isinstance(block, Mapping) else []


def validate(document: Document, *, plugins: bool = True) -> Parts:
    """Check every block by itself, then the whole.

    Args:
        document: the merged document, without mistakes of its own.
        plugins: look at services, repositories and channels, which takes importing their kinds.
    """
    parts = Parts(document)
    data = document.data
    if not isinstance(data, Mapping):
        parts.problem("must be a map of settings, beginning with `app: NAME`")
        return parts
    whole: dict[str, Any] = dict(data)
    if plugins:
        parts.services = _plugins(parts, "services", lambda kind: service_class(kind).Settings)
        parts.repositories = _plugins(parts, "repositories", lambda kind: repository_class(kind).Settings)
        parts.channels = _plugins(parts, "channels", lambda kind: channel_class(kind).Settings)
    parts.backups = _blocks(parts, "backups", lambda block, path: _made(parts, Backup, block, path))
    # A block that is missing here was wrong, which is told already, or not looked at: an empty one stands in for it.
    whole |= _sections(parts, "services", parts.services, ServiceSettings(kind="?"))
    whole |= _sections(parts, "repositories", parts.repositories, RepositorySettings(kind="?"))
    whole |= _sections(parts, "channels", parts.channels, ChannelSettings(kind="?"))
    whole |= _sections(parts, "backups", parts.backups, Backup())
    config = _made(parts, Config, whole, ())
    parts.config = config if not parts.problems else None
    return parts


def _sections(parts: Parts, section: str, made: Mapping[str, BaseModel], stand_in: BaseModel) -> dict[str, Any]:
    block = parts.document.data.get(section)
    if not isinstance(block, Mapping):
        return {}
    return {section: {name: made[name] if name in made else _alike(stand_in, one) for name, one in block.items()}}


def _alike(stand_in: BaseModel, block: Any) -> BaseModel:
    """A stand-in of the kind that its block names: that much is known without looking at the rest."""
    kind = block.get("kind") if isinstance(block, Mapping) else None
    known = isinstance(kind, str) and "kind" in type(stand_in).model_fields
    return stand_in.model_copy(update={"kind": kind}) if known else stand_in


def _plugins(parts: Parts, section: str, settings: Callable[[str], type[M]]) -> dict[str, M]:
    def one(block: Any, path: Path) -> M | None:
        if not isinstance(block, Mapping):
            parts.problem("must be a map of settings, with at least `kind`", *path, key=True)
            return None
        kind = block.get("kind")
        if kind is None:
            example = {"services": "postgres", "repositories": "archive", "channels": "email"}[section]
            parts.problem(f"is missing: what sort it is, for instance `kind: {example}`", *path, "kind", key=True)
            return None
        if not isinstance(kind, str) or kind not in kinds(section):
            noun = {"services": "service", "repositories": "repository", "channels": "channel"}[section]
            known = nearest(str(kind), kinds(section), there="there are")
            parts.problem(f"no kind of {noun} is called {kind}; {known}", *path, "kind")
            return None
        return _made(parts, settings(kind), block, path)

    return _blocks(parts, section, one)


def _blocks(parts: Parts, section: str, make: Callable[[Any, Path], M | None]) -> dict[str, M]:
    block = parts.document.data.get(section) if isinstance(parts.document.data, Mapping) else None
    if not isinstance(block, Mapping):
        return {}
    made = {name: make(one, (section, name)) for name, one in block.items()}
    return {name: one for name, one in made.items() if one is not None}


def _made(parts: Parts, model: type[M], block: Any, path: Path) -> M | None:
    try:
        return model.model_validate(block)
    except ValidationError as error:
        parts.problems += problems_of(error, model, path, parts.document)
        return None
