"""The kind `archive`: plain files that people can open without daytwo, in a folder, an S3 bucket or on an SSH host.

In the folder: `<app>-20261121T030000Z.tar.gz`, beside it `<same>.manifest.json`, and what was said of it later in
`<same>.marks.json`. A snapshot exists when its manifest does. Files of other apps in the same folder are left alone.
"""

import contextlib
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from daytwo.core.errors import ConfigError, IntegrityError, RefusedError, RepositoryError, UsageError
from daytwo.core.manifest import Manifest, Mark, Snapshot
from daytwo.core.repository import Repository, RepositorySettings
from daytwo.core.run import Run
from daytwo.repositories.archive import catalog, disk, marks
from daytwo.repositories.archive.codec import make_codec
from daytwo.repositories.archive.local import LocalStorage
from daytwo.repositories.archive.naming import Location, Member, location
from daytwo.repositories.archive.publication import Publication, clear, noted, withdraw
from daytwo.repositories.archive.seal import make_seal, unseal
from daytwo.repositories.archive.settings import ArchiveSettings
from daytwo.repositories.archive.storage import GoneError, Session, Storage
from daytwo.repositories.archive.tarhead import content
from daytwo.repositories.archive.writer import ArchiveWriter, Shelf

__all__ = ["ArchiveRepository", "ArchiveSettings"]


class ArchiveRepository(Repository[ArchiveSettings]):
    """A folder of archives."""

    kind: ClassVar[str] = "archive"
    summary: ClassVar[str] = "plain tar.gz or tar.zst files in a folder, an S3 bucket or on an SSH host"
    Settings: ClassVar[type[RepositorySettings]] = ArchiveSettings
    tells_size = True

    @cached_property
    def storage(self) -> Storage:
        """The place its files are in."""
        settings = self.settings
        if settings.path is not None:
            return LocalStorage(self.place.path(settings.path))
        spool = self.place.folder / ".daytwo" / "spool"
        if (address := settings.s3) is not None:
            from daytwo.repositories.archive.s3 import S3Storage

            keys = (self.secret(settings.access_key, "access_key"), self.secret(settings.secret_key, "secret_key"))
            return S3Storage(address, settings, keys, spool, self.name)
        assert settings.sftp is not None
        from daytwo.repositories.archive.sftp import SftpStorage

        config = str(self.place.path(settings.ssh_config)) if settings.ssh_config else None
        return SftpStorage(settings.sftp, config, spool, self.name)

    def check(self, run: Run) -> None:
        """Make the folder where that is harmless, and find out whether it can be written and encrypted to."""
        with self.storage.session(run) as session:
            session.prepare()
        if seal := make_seal(self.settings.encrypt, f"repositories.{self.name}.encrypt"):
            seal.check(run)

    def begin(self, snapshot_id: str, run: Run) -> ArchiveWriter:
        """Start a snapshot.

        Raises:
            RefusedError: this repository receives copies of another one.
        """
        if self.copy_of:
            raise RefusedError(f"{self.name} receives copies of {self.copy_of} and is not written to directly",
                               hint=f"Back up to {self.copy_of}")  # fmt: skip
        settings = self.settings
        shelf = Shelf(
            self.place, self.storage, make_codec(settings.format, settings.level),
            make_seal(settings.encrypt, f"repositories.{self.name}.encrypt"), settings.suffix,
            lambda: self._next_sequence(run),
        )  # fmt: skip
        return ArchiveWriter(shelf, run)

    def snapshots(self, run: Run) -> list[Snapshot]:
        """All snapshots of this app and environment, oldest first by sequence."""
        with self.storage.session(run) as session:
            return catalog.read(session, self.name, self.place, run)

    def open(self, snapshot: Snapshot, component: str, run: Run, secrets: Iterable[str] = ()) -> Iterator[bytes]:
        """The bytes that were handed to `put`, read from where they are in the archive."""
        note = location(snapshot.manifest, self.place)
        member = note.members.get(component)
        if member is None:
            raise UsageError(f"the snapshot {snapshot.id} has no {component}", where=self.storage.address(note.file),
                             hint=f"It has: {', '.join(sorted(note.members)) or 'nothing'}")  # fmt: skip
        return self._content(note, component, member, run, tuple(secrets))

    def verify(self, snapshot: Snapshot, run: Run) -> None:
        """Read the whole archive again and compare its digest."""
        note = location(snapshot.manifest, self.place)
        where = self.storage.address(note.file)
        try:
            with self.storage.session(run) as session:
                disk.read_back(session.read(note.file), [disk.Segment(note.size, note.sha256)], where)
        except GoneError as error:
            raise IntegrityError(error.what, where=where, hint=error.hint) from None

    def remove(self, snapshots: list[Snapshot], run: Run) -> None:
        """Remove snapshots: all out of sight first, then their bytes.

        Raises:
            RefusedError: the repository is append-only; or object lock still protects some, which are named, while
                the others were removed.
        """
        if not snapshots:
            return
        if self.settings.append_only:
            raise RefusedError("this repository is append-only for this machine", where=self.storage.label,
                               hint="Prune it from a machine whose configuration does not say append_only")  # fmt: skip
        notes = [location(snapshot.manifest, self.place) for snapshot in snapshots]
        with self.storage.session(run) as session:
            held = catalog.remove(session, notes)
        if held:
            lines = "; ".join(f"{file} until {until:%Y-%m-%d %H:%M} UTC" for file, until in held.items())
            raise RefusedError(f"object lock protects {len(held)} of {len(notes)} snapshots: {lines}",
                               where=self.storage.label, hint="They can be removed after that")  # fmt: skip

    def mark(self, snapshot: Snapshot, mark: Mark, run: Run) -> None:
        """Add a statement about a snapshot beside it."""
        note = location(snapshot.manifest, self.place)
        with self.storage.session(run) as session:
            marks.add(session, note.stem, mark, apart=not self.storage.local)

    def sweep(self, dead_runs: Iterable[str], run: Run) -> list[str]:
        """Remove what dead runs left unfinished, and end removals that were cut short."""
        removed: list[str] = []
        with self.storage.session(run) as session:
            for dead in dead_runs:
                removed += self._sweep_one(session, dead, run)
            if not self.settings.append_only:
                removed += catalog.end_removals(session, self.place)
        return removed

    def copy(self, source: Repository[RepositorySettings], snapshot: Snapshot, run: Run) -> Manifest:
        """Take over a published archive of the repository this one copies, byte by byte, and read the copy back."""
        if not isinstance(source, ArchiveRepository):
            raise ConfigError(f"{source.name} is no archive repository, so its snapshots cannot be copied as files",
                              where=f"repositories.{self.name}.copy_of", hint="Name an archive repository")  # fmt: skip
        existing = next((one for one in self.snapshots(run) if one.id == snapshot.id), None)
        if existing:
            return existing.manifest
        note = location(snapshot.manifest, source.place)
        publication = Publication(self.storage, run)
        try:
            return self._copy(source, snapshot.manifest, note, publication, run)
        finally:
            publication.undo()

    def where(self, manifest: Manifest) -> str:
        """The archive's path or URL."""
        return self.storage.address(location(manifest, self.place).file)

    def free(self) -> int | None:
        """Free bytes where archives are made; unknown for a copy that is elsewhere."""
        if self.copy_of and not self.storage.local:
            return None
        return disk.free(self.storage.staging("any").parent)

    def _next_sequence(self, run: Run) -> int:
        return max((one.manifest.sequence for one in self.snapshots(run)), default=0) + 1

    def _content(
        self, note: Location, component: str, member: Member, run: Run, secrets: tuple[str, ...]
    ) -> Iterator[bytes]:
        where = self.storage.address(note.file)
        try:
            with self.storage.session(run) as session, _ended(self._raw(session, note, member, secrets, run)) as raw:
                yield from content(make_codec(note.format).decompress(raw), component, member.size)
        except GoneError as error:
            raise IntegrityError(error.what, where=where, hint=error.hint) from None

    def _raw(
        self, session: Session, note: Location, member: Member, secrets: tuple[str, ...], run: Run
    ) -> Iterator[bytes]:
        """A member's compressed bytes."""
        if not note.encrypted:
            yield from session.read(note.file, member.offset, member.length)
            return
        where = self.storage.address(note.file)
        with _ended(unseal(note.encrypted, session.read(note.file), secrets, where, run)) as plain:
            yield from _stretch(plain, member.offset, member.length)

    def _copy(
        self, source: "ArchiveRepository", manifest: Manifest, note: Location, publication: Publication, run: Run
    ) -> Manifest:
        path = _original(source, note) if not self.storage.local else None
        if path is None:
            path = publication.archive
            with source.storage.session(run) as session:
                _fetch(session, note.file, path, note.size)
        with disk.errors(path.parent):  # before the upload: what object lock protects is not to be garbage
            whole = [disk.Segment(note.size, note.sha256)]
            disk.read_back(disk.from_disk(path, run), whole, source.storage.address(note.file))
        with self.storage.session(run) as session:
            if any(entry.name.startswith(f"{note.stem}.") for entry in session.entries()):
                raise RepositoryError(f"{note.file} is there already, without its manifest", where=self.storage.label,
                                      hint="Look where it is from, and move it away")  # fmt: skip
            publication.store(session, path, note.file, note.digest)
            copied = manifest.model_copy(update={"sequence": self._next_sequence(run)})
            publication.reveal(session, copied, note)
        return copied

    def _sweep_one(self, session: Session, dead: str, run: Run) -> list[str]:
        folder = self.storage.staging(dead)
        removed = withdraw(self.storage, folder, run) + session.sweep(dead, noted(folder))
        if folder.exists():
            clear(folder)
            removed.append(f"the staging folder {folder}")
        return removed


@contextlib.contextmanager
def _ended(chunks: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    """End a stream where it is used, before what it reads from is closed."""
    try:
        yield chunks
    finally:
        close = getattr(chunks, "close", None)
        if close:
            close()


def _stretch(chunks: Iterator[bytes], offset: int, length: int) -> Iterator[bytes]:
    """A part of a stream that cannot be sought in."""
    for chunk in chunks:
        if offset >= len(chunk):
            offset -= len(chunk)
            continue
        piece = chunk[offset : offset + length]
        offset, length = 0, length - len(piece)
        yield piece
        if length == 0:
            return


def _original(source: ArchiveRepository, note: Location) -> Path | None:
    """The archive itself, where it can be read by path."""
    return source.storage.folder / note.file if isinstance(source.storage, LocalStorage) else None


def _fetch(session: Session, name: str, path: Path, size: int) -> None:
    with disk.errors(path.parent.parent, size), path.open("xb") as out:
        path.chmod(0o600)
        for chunk in session.read(name):
            out.write(chunk)
