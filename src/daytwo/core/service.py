"""The contract of a service kind: how the data of an app's part is dumped, read back and restored.

A kind is one module in `daytwo.services` with one `Service` subclass. It holds its own `Settings`, which is the YAML
block of a service of that kind. Nothing else has to be edited to add one.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from daytwo.core.check import Check, Timing
from daytwo.core.errors import IntegrityError, UsageError
from daytwo.core.manifest import ComponentRecord, Identity
from daytwo.core.run import Run
from daytwo.core.secrets import Secret, SecretRef, resolve
from daytwo.core.target import Target, make_target
from daytwo.core.units import Duration


class Phase(IntEnum):
    """When a component is dumped: databases before files, so that no row points to a file that is missing."""

    DATABASE = 1
    FILES = 2


@dataclass(frozen=True)
class DumpFacts:
    """What a dump knows of itself once it has been read to its end. See `ComponentRecord` for the fields."""

    source: Identity
    counts: Mapping[str, int] = field(default_factory=dict)
    contents: tuple[str, ...] = ()
    tools: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


class Dump(ABC):
    """One reading of a component's data: its bytes, once, and then its facts."""

    settled: bool = False
    """Whether what is written at its source from now on stays out of it, so that files may be read beside it."""

    @abstractmethod
    def chunks(self) -> Iterator[bytes]:
        """The bytes. Raises after the last one if any program of the pipeline failed."""

    @abstractmethod
    def facts(self) -> DumpFacts:
        """What is known after the last byte."""


class Tree(Dump):
    """A local folder. A repository may read `path` itself, to skip files that have not changed.

    Its `chunks` are a tar of the folder, so that a repository of streams needs to know nothing of it.
    """

    path: Path
    excludes: tuple[str, ...]


class Source:
    """A component in a repository, as something that can be read, any number of times.

    Args:
        record: its entry in the manifest.
        opener: opens the plain bytes (decompressed and decrypted).
        work: folder for a copy, when a program needs a file.
    """

    def __init__(self, record: ComponentRecord, opener: Callable[[], Iterator[bytes]], work: Path) -> None:
        self.record = record
        self._opener = opener
        self._work = work
        self._file: Path | None = None

    def chunks(self) -> Iterator[bytes]:
        """The plain bytes.

        Raises:
            IntegrityError: after the last byte, when they are not what was dumped.
        """
        digest, size = hashlib.sha256(), 0
        for chunk in self._opener():
            digest.update(chunk)
            size += len(chunk)
            yield chunk
        plain = self.record.plain
        if plain and (digest.hexdigest() != plain.sha256 or size != plain.size):
            raise IntegrityError(
                f"{self.record.name} is not what was dumped ({size} bytes, {plain.size} expected)",
                hint="Restore from another repository or snapshot",
            )

    def file(self) -> Path:
        """A private file with the plain bytes, made at first use and removed with the run's folder."""
        if self._file is None:
            self._work.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = self._work / self.record.name.replace("/", "_")
            with path.open("wb") as out:
                path.chmod(0o600)
                for chunk in self.chunks():
                    out.write(chunk)
            self._file = path
        return self._file


@dataclass(frozen=True)
class Verification:
    """What the engine's own tool said of a dump that it read to its end."""

    tool: str
    counts: Mapping[str, int] = field(default_factory=dict)
    contents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Swapped:
    """A restore that has taken effect.

    Args:
        now: what holds the restored data.
        kept: where the data from before is, or empty where there was none.
        drop: the command that removes the data from before, for people; empty where there was none.
    """

    now: str
    kept: str = ""
    drop: str = ""


class Staged(ABC):
    """Data restored beside the live data, not in use yet."""

    counts: Mapping[str, int]
    """What it holds, to be compared with the manifest."""
    warnings: tuple[str, ...] = ()

    @abstractmethod
    def swap(self) -> Swapped:
        """Put it in use by renaming, keeping what was there. The only act that touches live data."""

    @abstractmethod
    def discard(self) -> None:
        """Remove it. Never raises for something already gone."""


class Component(ABC):
    """One stream of bytes of a service that a backup must hold.

    Args:
        service: the service's name.
        name: the file name inside a snapshot, such as `db.dump`, unique in the app.
        format: what the bytes are: `pg_dump custom`, `tar`, `sql`, `rdb`, ...
        phase: when it is dumped.
        secret: whether it must be encrypted wherever it is stored.
        smallest: a dump of fewer bytes is not believed.
    """

    additive: bool = False
    """Whether a restore only adds what is missing, so that there is nothing to keep of what was there before."""

    def __init__(
        self, service: str, name: str, *, kind: str, format: str, phase: Phase, secret: bool = False, smallest: int = 1
    ) -> None:
        self.service = service
        self.name = name
        self.kind = kind
        self.format = format
        self.phase = phase
        self.secret = secret
        self.smallest = smallest

    @abstractmethod
    def dump(self, run: Run) -> AbstractContextManager[Dump]:
        """Begin to read the data. Leaving the context ends every process of it, inside containers too.

        Raises:
            SourceError, UnreachableError, MissingToolError, CommandError
        """

    @abstractmethod
    def verify(self, source: Source, run: Run) -> Verification:
        """Read the stored dump to its end with the engine's own tool.

        Raises:
            IntegrityError: the tool does not take it.
        """

    @abstractmethod
    def identity(self, run: Run) -> Identity:
        """What place this is, right now: shown before a restore writes to it."""

    def obstacles(self, record: ComponentRecord, run: Run) -> tuple[str, ...]:
        """What would stop a restore here (a missing right, too little disk), each as a sentence with its remedy."""
        return ()

    @abstractmethod
    def stage(self, source: Source, run: Run, only: tuple[str, ...] = ()) -> Staged:
        """Restore beside the live data.

        Args:
            source: the component in a repository.
            run: the restore's run; names made from its id.
            only: tables or paths to restore; everything when empty.

        Raises:
            CommandError: at the first real error, after removing what was staged.
        """

    def sweep(self, dead_run: str, run: Run) -> tuple[str, ...]:
        """Remove what a dead run staged here and never put in use.

        Args:
            dead_run: its id; staged names are made from it.
            run: the run that cleans.

        Returns:
            What was removed, in words.
        """
        return ()

    def extract(self, source: Source, item: str, run: Run) -> Iterator[bytes]:
        """The bytes of one file or table out of the component, without restoring.

        Raises:
            UsageError: there is no such item, or this format holds none.
        """
        raise UsageError(f"{self.name} is one piece; extract it whole")


class Checking(BaseModel):
    """When a service is checked; what is left out is what its kind finds right."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    every: Duration | None = Field(default=None, gt=0, description="how long from one observation to the next")
    timeout: Duration | None = Field(default=None, gt=0, description="how long one attempt may take")
    retries: int | None = Field(default=None, ge=0, description="attempts more, at once, before it is an observation")
    failures: int | None = Field(default=None, ge=1, description="failed observations in a row that are an alert")

    def timing(self, usual: Timing) -> Timing:
        """What counts: what is set, and `usual` for the rest."""
        return replace(
            usual, **{name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}
        )


class ServiceSettings(BaseModel):
    """The settings every kind of service has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(description="what sort of service it is")
    container: str | None = Field(default=None, description="name of the container its commands run in")
    ssh: str | None = Field(default=None, description="SSH destination (alias or user@host) of the machine it is on")
    container_user: str | None = Field(default=None, description="user for commands inside the container")
    secret: bool = Field(default=False, description="encrypt its data to the recovery recipients wherever it is stored")
    check: Checking | Literal[False] = Field(default=Checking(), description="when it is checked; `false`: not at all")


S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True)
class Place:
    """What a plug-in may know of the configuration around it.

    Args:
        folder: where the configuration file is; relative paths begin there.
        app: the app's name.
        environment: the environment's name.
    """

    folder: Path
    app: str
    environment: str

    def path(self, path: Path | str) -> Path:
        """A path from the configuration, absolute."""
        expanded = Path(path).expanduser()
        return expanded if expanded.is_absolute() else self.folder / expanded


class Service(ABC, Generic[S]):
    """A running part or a holder of data of the app.

    Args:
        name: its name in the configuration.
        settings: its YAML block.
        place: what surrounds it.
    """

    kind: ClassVar[str]
    summary: ClassVar[str]
    Settings: ClassVar[type[ServiceSettings]]

    def __init__(self, name: str, settings: S, place: Place) -> None:
        self.name = name
        self.settings = settings
        self.place = place
        self.target: Target = make_target(settings.container, settings.ssh, settings.container_user)

    def components(self) -> tuple[Component, ...]:
        """What a backup of this service must hold; empty for a kind without data."""
        return ()

    def checks(self) -> tuple[Check, ...]:
        """What is asked of it while it is watched; the first bears its name. Empty where nothing can be asked."""
        return ()

    def timing(self, usual: Timing) -> Timing:
        """When it is asked: its settings, and for the rest what its kind finds right."""
        return self.settings.check.timing(usual) if isinstance(self.settings.check, Checking) else usual

    def tools(self) -> tuple[str, ...]:
        """Programs that must be installed at its target, for `daytwo doctor`."""
        return ()

    def secret(self, ref: SecretRef | None, setting: str) -> Secret | None:
        """Resolve one of its secrets, or None where none is set.

        Raises:
            SecretError: it is set and cannot be had.
        """
        if ref is None:
            return None
        return resolve(ref, where=f"services.{self.name}.{setting}", base=self.place.folder)


AnyService = Service[Any]
"""A service whatever its settings are."""
