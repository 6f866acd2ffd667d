"""Writes one snapshot into one archive."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from daytwo.core.crypt import new_key
from daytwo.core.errors import IntegrityError, RepositoryError
from daytwo.core.manifest import ComponentRecord, Manifest
from daytwo.core.repository import Writer
from daytwo.core.run import Run
from daytwo.core.service import Dump, Place
from daytwo.repositories.archive import disk
from daytwo.repositories.archive.codec import WORKERS, Codec
from daytwo.repositories.archive.guide import restore_guide
from daytwo.repositories.archive.naming import Location, check_member, new_stem
from daytwo.repositories.archive.parts import Assembled, Joined, Part, assemble, locate, write_part, write_sealed
from daytwo.repositories.archive.publication import Publication
from daytwo.repositories.archive.seal import Seal
from daytwo.repositories.archive.storage import Storage
from daytwo.repositories.archive.tarhead import END, header, padding


@dataclass(frozen=True)
class Shelf:
    """What a writer needs of its repository.

    Args:
        place: which app.
        storage: where archives go.
        codec: how they are compressed.
        seal: how they are encrypted, if they are.
        suffix: how their names end.
        next_sequence: asks the repository for the next number.
    """

    place: Place
    storage: Storage
    codec: Codec
    seal: Seal | None
    suffix: str
    next_sequence: Callable[[], int]


class ArchiveWriter(Writer):
    """A snapshot being written.

    Args:
        shelf: where to.
        run: the run it belongs to.
    """

    def __init__(self, shelf: Shelf, run: Run) -> None:
        self._shelf = shelf
        self._run = run
        self._key = new_key() if shelf.seal else None
        self._publication = Publication(shelf.storage, run)
        self._pool = ThreadPoolExecutor(WORKERS, "compress")
        self._numbers = itertools.count(1)
        self._lock = Lock()
        self._parts: dict[str, Part] = {}

    def put(self, component: str, dump: Dump) -> None:
        """Compress a component into a part file.

        Raises:
            SpaceError, RepositoryError: it could not be written.
            Whatever the dump raises: nothing of the component is kept.
        """
        check_member(component)
        if component in self._parts:
            raise RepositoryError(f"{component} was handed over twice", where=self._shelf.storage.label)
        path = self._publication.folder / f"{next(self._numbers):04d}.part"
        part = write_part(path, component, dump.chunks(), self._shelf.codec, self._key, self._pool, self._run)
        with self._lock:
            self._parts[component] = part

    def finish(self, manifest: Manifest) -> Manifest:
        """Make one archive of the parts, bring it to its storage and read it back there."""
        shelf, publication = self._shelf, self._publication
        records = self._records(manifest)
        manifest = manifest.model_copy(update={"sequence": shelf.next_sequence()})
        with shelf.storage.session(self._run) as session:
            stem = new_stem(shelf.place, manifest.at, [entry.name for entry in session.entries()])
        headers = {
            name: shelf.codec.slot(header(name, part.size, records[name].ended)) for name, part in self._parts.items()
        }
        assembled = self._assemble(headers, self._tail(manifest, f"{stem}{shelf.suffix}"))
        where = str(publication.folder.parent)
        digest = disk.read_back(disk.from_disk(publication.archive, self._run), assembled.segments, where)
        seal = shelf.seal.name if shelf.seal else None
        note = locate(f"{stem}{shelf.suffix}", digest, shelf.codec, seal, assembled.members)
        with shelf.storage.session(self._run) as session:
            publication.store(session, publication.archive, note.file, digest)
        return manifest.located(note.model_dump(mode="json"))

    def publish(self, manifest: Manifest) -> None:
        """Rename (or, elsewhere, upload) archive and manifest into place, the manifest last."""
        note = Location.model_validate(manifest.location)
        with self._shelf.storage.session(self._run) as session:
            self._publication.reveal(session, manifest, note)
        self._pool.shutdown()

    def abort(self) -> None:
        """Leave no trace. Harmless after `publish`."""
        self._pool.shutdown(cancel_futures=True)
        self._publication.undo()

    def _records(self, manifest: Manifest) -> dict[str, ComponentRecord]:
        """The manifest's entries by file name; each must have arrived, of the same size. Others are dropped."""
        records = {record.stored_name: record for record in manifest.components}
        for name in self._parts.keys() - records.keys():
            self._parts.pop(name).path.unlink(missing_ok=True)
        for name, record in records.items():
            part = self._parts.get(name)
            if part is None or (record.stored and record.stored.size != part.size):
                raise IntegrityError(f"{name} did not arrive whole", where=self._shelf.storage.label,
                                     hint="Run the backup again")  # fmt: skip
        return records

    def _assemble(self, headers: dict[str, bytes], tail: bytes) -> Assembled:
        path, parts = self._publication.archive, list(self._parts.values())
        if self._key is None or self._shelf.seal is None:
            return assemble(path, parts, headers, tail)
        joined = Joined(parts, headers, tail, self._key, self._run)
        segment = write_sealed(path, self._shelf.seal.encrypt(joined.chunks(), self._run))
        return Assembled([segment], joined.members)

    def _tail(self, manifest: Manifest, file: str) -> bytes:
        """The guide for people, a copy of the manifest, and the archive's end."""
        taken = set(self._parts)
        guide = restore_guide(manifest, file).encode()
        copy = manifest.model_dump_json(indent=2).encode() + b"\n"
        members = ((_unused("RESTORE.md", taken), guide), (_unused("manifest.json", taken), copy))
        return b"".join(self._small(name, data, manifest.ended) for name, data in members) + (
            self._shelf.codec.compress(END)
        )

    def _small(self, name: str, data: bytes, at: datetime) -> bytes:
        codec = self._shelf.codec
        return codec.slot(header(name, len(data), at)) + codec.compress(data + padding(len(data)))


def _unused(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"daytwo-{name}"
    return name
