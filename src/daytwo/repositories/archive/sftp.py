"""A folder on an SSH host."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from daytwo.core.command import command
from daytwo.core.manifest import Digest
from daytwo.core.process import Process
from daytwo.core.run import Run
from daytwo.core.target import LOCAL, Ssh
from daytwo.repositories.archive import disk
from daytwo.repositories.archive.settings import SftpAddress
from daytwo.repositories.archive.sftp_client import SftpClient
from daytwo.repositories.archive.storage import PARTIAL, Entry, GoneError, Session, Storage


class SftpStorage(Storage):
    """A folder on an SSH host.

    Args:
        address: destination and path.
        config: an ssh configuration file instead of the user's.
        spool: the folder in which archives are made.
        name: the repository's name.
    """

    def __init__(self, address: SftpAddress, config: str | None, spool: Path, name: str) -> None:
        self._path = address.path.rstrip("/") or "/"
        self._host = Ssh(address.destination, config)
        self.label = f"sftp:{address.destination.removeprefix('ssh://')}:{self._path}"
        self._spool = spool
        self._name = name

    @contextlib.contextmanager
    def session(self, run: Run) -> Iterator[Session]:
        """One ssh connection for as long as it is needed."""
        host = self._host
        inner = command("ssh", host.options(), "-s", "--", host.destination, "sftp", where=self.label)
        with Process(LOCAL, inner, run, keep_stdin=True) as process:
            yield SftpSession(SftpClient(process, self.label), self._path, self.label, self._name, run)
            process.close_stdin()
            process.finish()

    def staging(self, run_id: str) -> Path:
        """Beside the configuration."""
        return self._spool / run_id / self._name


class SftpSession(Session):
    """A folder on an SSH host, for one run."""

    def __init__(self, client: SftpClient, path: str, label: str, name: str, run: Run) -> None:
        self._client = client
        self._path = path
        self._label = label
        self._name = name
        self._run = run

    def prepare(self) -> None:
        """Make the folder and try to write in it."""
        self._client.make_folders(self._path)
        probe = self._at(self._aside("probe"))
        with contextlib.suppress(GoneError):
            self._client.remove(probe)
        self._client.write(probe, iter(()))
        self._client.remove(probe)

    def entries(self) -> list[Entry]:
        """The regular files."""
        try:
            return [Entry(one.name, one.size) for one in self._client.listing(self._path) if one.regular]
        except GoneError:
            return []

    def read(self, name: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """From the host."""
        for chunk in self._client.read(self._at(name), offset, length):
            self._run.check()
            yield chunk

    def write(self, name: str, data: bytes, *, lock: bool = False) -> None:
        """Write aside, then rename."""
        self._upload(name, iter((data,)))

    def store(self, path: Path, name: str, digest: Digest) -> None:
        """Upload aside, rename, read back from the host and compare."""
        with disk.errors(path.parent):
            self._upload(name, self._counted("uploading", disk.read(path, self._run), digest.size))
        back = self._counted("reading back", self.read(name), digest.size)
        disk.read_back(back, [disk.Segment(digest.size, digest.sha256)], f"{self._label}/{name}")

    def reveal(self, path: Path, name: str, manifest: str, data: bytes) -> None:
        """Put the manifest."""
        self.write(manifest, data)

    def delete(self, name: str) -> None:
        """Remove it."""
        with contextlib.suppress(GoneError):
            self._client.remove(self._at(name))

    def sweep(self, run_id: str, name: str | None) -> list[str]:
        """Uploads that were begun."""
        begun = [entry.name for entry in self.entries() if entry.name.startswith(f"{PARTIAL}{run_id}-")]
        for one in begun:
            self.delete(one)
        return [f"the unfinished upload {self._label}/{one}" for one in begun]

    def _upload(self, name: str, chunks: Iterator[bytes]) -> None:
        aside = self._aside(name)
        try:
            self._client.write(self._at(aside), chunks)
            self._client.rename(self._at(aside), self._at(name))
        except BaseException:
            with contextlib.suppress(Exception):
                self.delete(aside)
            raise

    def _counted(self, state: str, chunks: Iterator[bytes], total: int) -> Iterator[bytes]:
        done = 0
        for chunk in chunks:
            done += len(chunk)
            self._run.report(f"repository {self._name}", state, done, total)
            yield chunk

    def _aside(self, name: str) -> str:
        return f"{PARTIAL}{self._run.id}-{name}"

    def _at(self, name: str) -> str:
        return f"{self._path.rstrip('/')}/{name}"
