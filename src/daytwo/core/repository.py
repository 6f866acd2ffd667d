"""The contract of a repository: where snapshots live.

A kind is one module in `daytwo.repositories` with one `Repository` subclass. Whatever the kind: a snapshot is visible
only when it is complete, and it was read back before it became visible.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from daytwo.core.manifest import Manifest, Mark, Snapshot
from daytwo.core.run import Run
from daytwo.core.secrets import Secret, SecretRef, resolve
from daytwo.core.service import Dump, Place


class RepositorySettings(BaseModel):
    """The settings every kind of repository has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(description="what sort of repository it is")
    append_only: bool = Field(
        default=False, description="this machine may only add; `prune` leaves it alone and is run from elsewhere"
    )


class Unread(str):
    """A warning of a repository: there is, or was, a snapshot that cannot be read and so is not among the others."""

    __slots__ = ()


class Writer(ABC):
    """A snapshot being written. Calls to `put` for different components may come side by side."""

    @abstractmethod
    def put(self, component: str, dump: Dump) -> None:
        """Take one component's bytes.

        Raises:
            RepositoryError: they could not be stored.
            Whatever the dump raises: nothing of the component is kept.
        """

    @abstractmethod
    def finish(self, manifest: Manifest) -> Manifest:
        """Complete the stored bytes and read them back.

        Returns:
            The manifest with its sequence and the repository's own location note.

        Raises:
            IntegrityError: what was read is not what was written.
        """

    @abstractmethod
    def publish(self, manifest: Manifest) -> None:
        """Make the snapshot visible, in one indivisible act."""

    @abstractmethod
    def abort(self) -> None:
        """Leave no trace. Harmless after `publish`."""


R = TypeVar("R", bound=RepositorySettings)


class Repository(ABC, Generic[R]):
    """A place that holds snapshots of an app.

    Args:
        name: its name in the configuration.
        settings: its YAML block.
        place: what surrounds it.
    """

    kind: ClassVar[str]
    summary: ClassVar[str]
    Settings: ClassVar[type[RepositorySettings]]
    reads_trees: ClassVar[bool] = False
    """Whether it reads a local folder by path rather than as a tar stream."""
    tells_size: ClassVar[bool] = False
    """Whether the location note of its snapshots says the bytes they take, as `size`."""

    def __init__(self, name: str, settings: R, place: Place) -> None:
        self.name = name
        self.settings = settings
        self.place = place

    @abstractmethod
    def check(self, run: Run) -> None:
        """Find out whether it can be reached and written to, creating it where that is harmless.

        Raises:
            RepositoryError, MissingToolError, SecretError
        """

    def ready(self, run: Run) -> None:
        """Like `check`, before a backup for whose sake nothing is stopped: what `Writer.put` would find out, it may.

        Raises:
            RepositoryError, MissingToolError, SecretError
        """
        self.check(run)

    @abstractmethod
    def begin(self, snapshot_id: str, run: Run) -> Writer:
        """Start a snapshot."""

    @abstractmethod
    def snapshots(self, run: Run) -> list[Snapshot]:
        """All snapshots of this app and environment, oldest first by sequence."""

    @abstractmethod
    def open(self, snapshot: Snapshot, component: str, run: Run, secrets: Iterable[str] = ()) -> Iterator[bytes]:
        """The bytes that were handed to `put`.

        Args:
            snapshot: where from.
            component: its name.
            run: the run it belongs to.
            secrets: age secret keys, for a repository that encrypts whole archives.

        Raises:
            RepositoryError, IntegrityError
        """

    @abstractmethod
    def verify(self, snapshot: Snapshot, run: Run) -> None:
        """Read every stored byte of the snapshot again and compare checksums.

        Raises:
            IntegrityError: a byte is missing or different.
        """

    @abstractmethod
    def remove(self, snapshots: list[Snapshot], run: Run) -> None:
        """Remove snapshots: first out of sight, then their bytes."""

    @abstractmethod
    def mark(self, snapshot: Snapshot, mark: Mark, run: Run) -> None:
        """Add a statement about a snapshot beside it."""

    @abstractmethod
    def sweep(self, dead_runs: Iterable[str], run: Run) -> list[str]:
        """Remove what dead runs left unfinished.

        Returns:
            What was removed, in words.
        """

    @property
    def encrypts(self) -> bool:
        """Whether a key is needed to read anything it stores."""
        return False

    @property
    def copy_of(self) -> str | None:
        """The repository whose snapshots this one receives as byte-identical copies, if it is such a one."""
        value: str | None = getattr(self.settings, "copy_of", None)
        return value

    def copy(self, source: "Repository[Any]", snapshot: Snapshot, run: Run) -> Manifest:
        """Take over a published snapshot of the repository this one copies, and read the copy back.

        Raises:
            RepositoryError, IntegrityError: nothing of it is visible here then.
        """
        raise NotImplementedError(f"{self.kind} takes no copies")

    def where(self, manifest: Manifest) -> str:
        """Where a snapshot's bytes are, in words a person can follow: a path or a URL."""
        return self.name

    def free(self) -> int | None:
        """Free bytes where it stores, or None where that is unknown."""
        return None

    def check_data(self, share: str, run: Run) -> str:
        """Have the repository's own tool read a share of all its data.

        Args:
            share: such as `5%` or `1/7`.
            run: the run it belongs to.

        Returns:
            What the tool said in one line; empty for a kind that has no such tool.
        """
        return ""

    def secret(self, ref: SecretRef | None, setting: str) -> Secret | None:
        """Resolve one of its secrets, or None where none is set."""
        if ref is None:
            return None
        return resolve(ref, where=f"repositories.{self.name}.{setting}", base=self.place.folder)


AnyRepository = Repository[Any]
"""A repository whatever its settings are."""
