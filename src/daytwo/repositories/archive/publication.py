"""An archive on its way from the staging folder to where everyone sees it, and back if that fails.

The staging folder is named after the run and, once the archive's final name is decided, holds it in a note: so what a
killed process left is found, and nothing else is ever taken for it.
"""

import contextlib
import os
import shutil
from pathlib import Path

from daytwo.core.errors import DaytwoError, RepositoryError
from daytwo.core.manifest import Digest, Manifest
from daytwo.core.run import Run
from daytwo.repositories.archive import disk
from daytwo.repositories.archive.naming import MANIFEST, SUFFIXES, Location, stem_of
from daytwo.repositories.archive.storage import Session, Storage

_NOTE = "publishing"
_CLEANING = 120.0
"""Seconds that cleaning up may take, whatever time the run has left."""


class Publication:
    """One snapshot's staging folder.

    Args:
        storage: where the archive goes.
        run: the run it belongs to.

    Raises:
        RepositoryError, SpaceError: the folder cannot be made.
    """

    def __init__(self, storage: Storage, run: Run) -> None:
        self._storage = storage
        self._run = run
        self._done = False
        self.folder = storage.staging(run.id)
        with disk.errors(self.folder.parent):
            try:
                self.folder.mkdir(parents=True, mode=0o700)
            except FileExistsError:
                raise RepositoryError(
                    f"{self.folder.name} is there already", where=str(self.folder.parent),
                    hint="Two repositories share this folder, or a run was interrupted: `daytwo status` cleans up",
                ) from None  # fmt: skip

    @property
    def archive(self) -> Path:
        """The archive before it is published."""
        return self.folder / "archive"

    def store(self, session: Session, path: Path, name: str, digest: Digest) -> None:
        """Bring the archive to where it stays and compare it there."""
        with disk.errors(self.folder.parent, len(name)):
            (self.folder / _NOTE).write_text(name, encoding="utf-8")
            _sync(self.folder / _NOTE)
        session.store(path, name, digest)

    def reveal(self, session: Session, manifest: Manifest, place: Location) -> None:
        """Put the manifest: from here on the snapshot exists."""
        data = manifest.model_dump_json(indent=2).encode() + b"\n"
        session.reveal(self.archive, place.file, f"{place.stem}{MANIFEST}", data)
        self._done = True
        clear(self.folder)

    def undo(self) -> None:
        """Leave no trace, unless the snapshot is visible."""
        if self._done or not self.folder.exists():
            return
        cleaner = Run(self._run.id, self._run.work, timeout=_CLEANING)
        try:
            withdraw(self._storage, self.folder, cleaner)
        except DaytwoError as error:
            self._run.warn(f"an unfinished archive could not be removed: {error}")
            return  # the note stays, so that a later sweep finds it
        clear(self.folder)


def withdraw(storage: Storage, folder: Path, run: Run) -> list[str]:
    """Remove an archive that was brought to its place without its manifest.

    Args:
        storage: where it is.
        folder: the staging folder of the run that brought it there.
        run: the run that cleans.

    Returns:
        What was removed, in words.
    """
    name = noted(folder)
    if name is None or (storage.local and (folder / "archive").exists()):
        return []
    stem = stem_of(name)
    with storage.session(run) as session:
        names = {entry.name for entry in session.entries()}
        if name not in names or f"{stem}{MANIFEST}" in names:
            return []
        session.delete(name)
    return [f"the unpublished archive {storage.address(name)}"]


def noted(folder: Path) -> str | None:
    """The final name of the archive that a staging folder was for, once it was decided."""
    with contextlib.suppress(OSError):
        name = (folder / _NOTE).read_text(encoding="utf-8")
        return name if name.endswith(SUFFIXES) and "/" not in name else None
    return None


def clear(folder: Path) -> None:
    """Remove a staging folder, and the run's folder above it when nothing else is in that."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.parent.parent.name == "spool":
        with contextlib.suppress(OSError):
            folder.parent.rmdir()


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
