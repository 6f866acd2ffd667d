"""What an archive repository needs of the place its files are in. Small, so that a place is easy to add."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from daytwo.core.errors import RepositoryError
from daytwo.core.manifest import Digest
from daytwo.core.run import Run

PARTIAL = ".daytwo-partial-"
"""What the names of files begin with that are not whole yet; the run's id follows."""


class FirmError(RepositoryError):
    """The storage said no and will say it again: another try is of no use."""

    permanent = True


class GoneError(RepositoryError):
    """There is no such file."""

    permanent = True


@dataclass(frozen=True)
class Entry:
    """A file in the repository."""

    name: str
    size: int


class Session(ABC):
    """An open connection to the place. Names are plain file names, directly in the repository's folder."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the folder where that is harmless, and find out whether it can be written to.

        Raises:
            RepositoryError, UnreachableError, SecretError
        """

    @abstractmethod
    def entries(self) -> list[Entry]:
        """All files, without folders; none where the folder is missing."""

    @abstractmethod
    def read(self, name: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """A stretch of a file, from where it is stored.

        Raises:
            GoneError: there is none.
        """

    def load(self, names: Iterable[str]) -> dict[str, bytes]:
        """Small files, whole; those that went away meanwhile are left out."""
        found = {}
        for name in names:
            with contextlib.suppress(GoneError):
                found[name] = b"".join(self.read(name))
        return found

    def exclusive(self) -> AbstractContextManager[object]:
        """Keep other daytwo processes from changing a file between reading and writing it, where that is possible."""
        return contextlib.nullcontext()

    @abstractmethod
    def write(self, name: str, data: bytes, *, lock: bool = False) -> None:
        """Put a small file, whole or not at all, replacing one of that name.

        Args:
            name: its name.
            data: its content.
            lock: whether it gets the configured protection from removal.
        """

    @abstractmethod
    def store(self, path: Path, name: str, digest: Digest) -> None:
        """Bring an archive from the staging folder to where it stays, and compare what is there with its digest.

        Raises:
            IntegrityError: what was read back is not what was written.
        """

    @abstractmethod
    def reveal(self, path: Path, name: str, manifest: str, data: bytes) -> None:
        """Make a stored archive visible by putting its manifest."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove a file; one that is gone already is fine."""

    @abstractmethod
    def sweep(self, run_id: str, name: str | None) -> list[str]:
        """Remove what a dead run was uploading.

        Args:
            run_id: the dead run.
            name: the archive it was about to publish, if it had come so far.

        Returns:
            What was removed, in words.
        """

    def locked_until(self, name: str) -> datetime | None:
        """Until when the storage refuses to remove a file, or None."""
        return None


class Storage(ABC):
    """A place for archives.

    Args (attributes):
        label: what to call it in errors: a path or a URL.
        staging: the folder under which a run's staging folder is made.
    """

    local: ClassVar[bool] = False
    """Whether the staging folder is in the same file system, so that publishing is a rename."""
    label: str

    @abstractmethod
    def session(self, run: Run) -> AbstractContextManager[Session]:
        """Connect."""

    @abstractmethod
    def staging(self, run_id: str) -> Path:
        """Where a run writes before it publishes."""

    def address(self, name: str) -> str:
        """A file's path or URL, for people."""
        return f"{self.label.rstrip('/')}/{name}"


def gone(name: str, label: str) -> GoneError:
    """The error for a file that is not there."""
    return GoneError(f"there is no {name}", where=label, hint="Someone removed it; restore from another repository")
