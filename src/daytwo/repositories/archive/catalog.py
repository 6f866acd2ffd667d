"""Which snapshots a folder holds, and their removal."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import ValidationError

from daytwo.core.errors import DaytwoError
from daytwo.core.manifest import Manifest, Snapshot
from daytwo.core.repository import Unread
from daytwo.core.run import Run
from daytwo.core.service import Place
from daytwo.repositories.archive import marks
from daytwo.repositories.archive.naming import MANIFEST, REMOVING, SUFFIXES, Location, location, own_stem
from daytwo.repositories.archive.storage import Session


def read(session: Session, repository: str, place: Place, run: Run) -> list[Snapshot]:
    """All snapshots of one app and environment, oldest first by sequence.

    A manifest that cannot be read, or that does not belong to the archive beside it, is warned of and left out: it
    neither hides the others nor is ever taken for something to remove.
    """
    names = [entry.name for entry in session.entries()]
    stems = [stem for name in names if (stem := own_stem(place, name, MANIFEST))]
    mark_files = {stem: marks.names_of(stem, names) for stem in stems}
    wanted = [f"{stem}{MANIFEST}" for stem in stems] + [name for files in mark_files.values() for name in files]
    contents = session.load(wanted)
    found = []
    for stem in stems:
        data = contents.get(f"{stem}{MANIFEST}")
        manifest = _manifest(stem, data, place, run) if data is not None else None
        if manifest is None:
            continue
        said, unreadable = marks.parse({name: contents[name] for name in mark_files[stem] if name in contents})
        for name in unreadable:
            run.warn(f"{name} in repository {repository} cannot be read; its snapshot is kept as if it were pinned")
        found.append(Snapshot(repository=repository, manifest=manifest, marks=said))
    return sorted(found, key=lambda snapshot: (snapshot.manifest.sequence, snapshot.at))


def _manifest(stem: str, data: bytes, place: Place, run: Run) -> Manifest | None:
    name = f"{stem}{MANIFEST}"
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError:
        run.warn(Unread(f"{name} cannot be read, so its snapshot is not listed"))
        return None
    if (manifest.app, manifest.environment) != (place.app, place.environment):
        return None
    try:
        if location(manifest, place).stem != stem:
            run.warn(Unread(f"{name} belongs to another archive, so it is not listed"))
            return None
    except DaytwoError as error:
        run.warn(Unread(f"{name} is not listed: {error}"))
        return None
    return manifest


def remove(session: Session, notes: list[Location]) -> dict[str, datetime]:
    """Remove archives with all that belongs to them.

    A file beside each says that it is being removed, so that a removal cut short is ended by `end_removals`.

    Returns:
        The archives that the storage's lock protects, and until when; they are untouched.
    """
    held = {}
    free = []
    for note in notes:
        until = [u for name in (note.file, f"{note.stem}{MANIFEST}") if (u := session.locked_until(name))]
        if until:
            held[note.file] = max(until)
        else:
            free.append(note)
    for note in free:
        session.write(f"{note.stem}{REMOVING}", note.file.encode())
    for note in free:
        session.delete(f"{note.stem}{MANIFEST}")
    names = [entry.name for entry in session.entries()]
    for note in free:
        _remove_bytes(session, note.stem, note.file, names)
    return held


def end_removals(session: Session, place: Place) -> list[str]:
    """End removals that were cut short.

    Returns:
        What was removed, in words.
    """
    names = [entry.name for entry in session.entries()]
    removed = []
    for stem in [stem for name in names if (stem := own_stem(place, name, REMOVING))]:
        if f"{stem}{MANIFEST}" in names:  # it did not come as far as to hide the snapshot
            session.delete(f"{stem}{REMOVING}")
            continue
        for file in [f"{stem}{suffix}" for suffix in SUFFIXES if f"{stem}{suffix}" in names]:
            _remove_bytes(session, stem, file, names)
            removed.append(f"the rest of the removed archive {file}")
        session.delete(f"{stem}{REMOVING}")
    return removed


def _remove_bytes(session: Session, stem: str, file: str, names: Iterable[str]) -> None:
    session.delete(file)
    for name in marks.names_of(stem, names):
        session.delete(name)
    session.delete(f"{stem}{REMOVING}")
