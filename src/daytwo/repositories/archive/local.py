"""A local folder."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from daytwo.core.errors import DaytwoError, RepositoryError
from daytwo.core.manifest import Digest
from daytwo.core.run import Run
from daytwo.repositories.archive import disk
from daytwo.repositories.archive.storage import PARTIAL, Entry, Session, Storage, gone

STAGING = ".daytwo-staging-"


class LocalStorage(Storage):
    """A folder on this machine.

    Args:
        folder: absolute path.
    """

    local = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.label = str(folder)

    @contextlib.contextmanager
    def session(self, run: Run) -> Iterator[Session]:
        """Nothing to connect to."""
        yield LocalSession(self.folder, run)

    def staging(self, run_id: str) -> Path:
        """Inside the folder, so that publishing is a rename."""
        return self.folder / f"{STAGING}{run_id}"


class LocalSession(Session):
    """A folder on this machine, for one run."""

    def __init__(self, folder: Path, run: Run) -> None:
        self._folder = folder
        self._run = run

    def prepare(self) -> None:
        """Make the folder and try to write in it."""
        with disk.errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            probe = self._folder / f"{PARTIAL}{self._run.id}-probe"
            probe.touch()
            probe.unlink()

    def entries(self) -> list[Entry]:
        """The regular files."""
        with disk.errors(self._folder):
            try:
                with os.scandir(self._folder) as found:
                    return [Entry(one.name, one.stat().st_size) for one in found if one.is_file(follow_symlinks=False)]
            except FileNotFoundError:
                return []

    def read(self, name: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """From the disk."""
        path = self._folder / name
        try:
            if offset == 0 and length is None:
                yield from disk.from_disk(path, self._run)
            else:
                yield from disk.read(path, self._run, offset, length)
        except FileNotFoundError:
            raise gone(name, str(self._folder)) from None
        except OSError as error:
            raise disk.explain(error, self._folder, 0) from None

    def write(self, name: str, data: bytes, *, lock: bool = False) -> None:
        """Write aside, then rename."""
        aside = self._folder / f"{PARTIAL}{self._run.id}-{name}"
        try:
            with disk.errors(self._folder, len(data)):
                _write_synced(aside, data)
                aside.replace(self._folder / name)
                disk.sync_folder(self._folder)
        except DaytwoError:
            aside.unlink(missing_ok=True)
            raise

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """A lock on the folder, which the system drops when the process ends."""
        with disk.errors(self._folder):
            fd = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def store(self, path: Path, name: str, digest: Digest) -> None:
        """It is in its file system, and was read back there."""

    def reveal(self, path: Path, name: str, manifest: str, data: bytes) -> None:
        """Rename the archive, then the manifest; neither replaces a file."""
        with disk.errors(self._folder, len(data)):
            aside = path.with_name("manifest")
            _write_synced(aside, data)
            for source, final in ((path, self._folder / name), (aside, self._folder / manifest)):
                if final.exists():
                    raise RepositoryError(f"{final.name} came into being meanwhile", where=str(self._folder),
                                          hint="Two apps share this folder; run the backup again")  # fmt: skip
                source.rename(final)
                disk.sync_folder(self._folder)

    def delete(self, name: str) -> None:
        """Unlink it."""
        with disk.errors(self._folder):
            (self._folder / name).unlink(missing_ok=True)
            disk.sync_folder(self._folder)

    def sweep(self, run_id: str, name: str | None) -> list[str]:
        """Files that were written aside."""
        removed = []
        with disk.errors(self._folder):
            for path in self._folder.glob(f"{PARTIAL}{run_id}-*"):
                path.unlink(missing_ok=True)
                removed.append(f"the unfinished file {path}")
        return removed


def _write_synced(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        disk.write_all(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)
