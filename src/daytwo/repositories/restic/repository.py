"""The repository of kind `restic`."""

import shutil
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from pydantic import ValidationError

from daytwo.core.errors import BusyError, IntegrityError, RefusedError, RepositoryError
from daytwo.core.manifest import ComponentRecord, Manifest, Mark, Snapshot
from daytwo.core.process import reap
from daytwo.core.repository import Repository, Unread, Writer
from daytwo.core.run import Run
from daytwo.core.secrets import redact
from daytwo.core.service import Place
from daytwo.core.target import LOCAL
from daytwo.repositories.restic import layout
from daytwo.repositories.restic.backup import take_stream
from daytwo.repositories.restic.contact import check_version, establish, known
from daytwo.repositories.restic.layout import MANIFEST, MANIFEST_FILE, MARK, MARK_FILE, Stored, location_of
from daytwo.repositories.restic.locks import break_stale
from daytwo.repositories.restic.memory import Memory
from daytwo.repositories.restic.messages import Found
from daytwo.repositories.restic.program import Program
from daytwo.repositories.restic.reading import compare, dump, listing
from daytwo.repositories.restic.removal import exclusively, forget
from daytwo.repositories.restic.settings import ResticSettings, local_folder, location
from daytwo.repositories.restic.writer import PATIENCE, ResticWriter

_SIDE_BY_SIDE = 4
_FREE_SHARE = "5%"
"""Unused data a prune may leave in place: removing the last of it means writing much anew."""
_HINT = "Restore from another snapshot or repository; `restic check --read-data` tells more"


class ResticRepository(Repository[ResticSettings]):
    """Snapshots in a restic repository; see `layout` for how they lie there."""

    kind = "restic"
    summary = "deduplicated and encrypted snapshots, on any back end that restic reaches"
    Settings = ResticSettings
    reads_trees = True
    patience = 60.0
    """Seconds that a removal waits for another process."""

    def __init__(self, name: str, settings: ResticSettings, place: Place) -> None:
        super().__init__(name, settings, place)
        self._program = Program(name, settings, place)
        self._memory = Memory(settings, place)
        self._checked: set[str] = set()
        self._lock = threading.Lock()

    def check(self, run: Run) -> None:
        """Open the repository, or make it where there is none; one start of restic."""
        self._program = Program(self.name, self.settings, self.place)
        establish(self._program, self._memory, run)
        if self._memory.debts():
            for line in self.sweep((), run):
                run.warn(f"{self._program.where}: {line}")

    def ready(self, run: Run) -> None:
        """As `check`, but a local repository is not opened for that alone, unless something is new about it."""
        self._program = Program(self.name, self.settings, self.place)
        if known(self._program, self._memory):
            check_version(self._program, run)
        else:
            self.check(run)

    def begin(self, snapshot_id: str, run: Run) -> Writer:
        """Start a snapshot."""
        return ResticWriter(self._program, self._memory, snapshot_id, run)

    def snapshots(self, run: Run) -> list[Snapshot]:
        """All snapshots, oldest first by sequence; one start of restic, and one for each manifest not seen before."""
        app = layout.app_tags(self.place)
        found = listing(self._program, run, layout.select((*app, MANIFEST), (*app, MARK)))
        heads = [one for one in found if MANIFEST in one.tags]
        marks: dict[str | None, list[Mark]] = {}
        for one in sorted(found, key=lambda one: one.time):
            if MARK in one.tags and (mark := layout.mark_of(one)):
                marks.setdefault(one.tag("snapshot"), []).append(mark)
        with ThreadPoolExecutor(_SIDE_BY_SIDE, "manifests") as pool:
            manifests = [one for one in pool.map(lambda head: self._manifest(head, run), heads) if one]
        self._memory.forget_others(head.id for head in heads)
        manifests.sort(key=lambda manifest: (manifest.sequence, manifest.at))
        return [
            Snapshot(repository=self.name, manifest=manifest, marks=tuple(marks.get(manifest.id, ())))
            for manifest in manifests
        ]

    def open(self, snapshot: Snapshot, component: str, run: Run, secrets: Iterable[str] = ()) -> Iterator[bytes]:
        """The bytes of a component; a folder read by path as a tar with members relative to it."""
        yield from dump(self._program, run, self._stored(snapshot, component))

    def verify(self, snapshot: Snapshot, run: Run) -> None:
        """Read the manifest and every component to their ends, then have restic check its structure.

        What restic finds wrong elsewhere in the repository is a warning: it says nothing against this snapshot.
        """
        self._verify_manifest(snapshot, run)

        def read(record: ComponentRecord) -> None:
            compare(self._program, run, record, self._stored(snapshot, record.stored_name))

        with ThreadPoolExecutor(2, "verify") as pool:
            list(pool.map(read, snapshot.manifest.components))
        self._check_structure(run)

    def remove(self, snapshots: list[Snapshot], run: Run) -> None:
        """Remove snapshots: their manifests first, then the rest, then the data nothing needs any more."""
        if not snapshots:
            return
        if self.settings.append_only:
            raise RefusedError(
                "this repository may only be added to from here",
                where=self._program.where,
                hint="Prune it from a machine that has it without append_only",
            )
        app = layout.app_tags(self.place)
        wanted = [(*app, f"snapshot:{layout.quoted(snapshot.id)}") for snapshot in snapshots]
        found = listing(self._program, run, layout.select(*wanted))
        heads = [one.id for one in found if MANIFEST in one.tags]
        rest = [one.id for one in found if MANIFEST not in one.tags]
        broken = forget(self._program, heads, run, self.patience)
        broken += forget(self._program, rest, run, self.patience)
        broken += exclusively(self._program, run, self.patience, "prune", f"--max-unused={_FREE_SHARE}")
        for line in broken:
            run.warn(f"{self._program.where}: {line}")

    def mark(self, snapshot: Snapshot, mark: Mark, run: Run) -> None:
        """Add a statement about a snapshot, as a tiny restic snapshot: an append-only repository takes it too."""
        tags = layout.mark_tags(self.place, snapshot.id, mark)
        take_stream(self._program, run, MARK_FILE, tags, iter((mark.model_dump_json().encode(),)))

    def sweep(self, dead_runs: Iterable[str], run: Run) -> list[str]:
        """Remove the restic snapshots of dead runs that no manifest names, and locks of dead processes."""
        runs = list(dict.fromkeys([*dead_runs, *self._memory.debts()]))
        for dead in runs:
            # A restic that outlived its daytwo takes its cut-off input for whole and would store it after this.
            if dead != run.id:
                reap(LOCAL, dead)
        done = break_stale(self._program, run)
        if not runs:
            return done
        app = layout.app_tags(self.place)
        found = listing(self._program, run, layout.select(*((*app, f"run:{layout.quoted(dead)}") for dead in runs)))
        strays = self._strays(found, run)
        try:
            done += forget(self._program, [one.id for one in strays], run, PATIENCE)
        except BusyError as error:
            for dead in runs:
                self._memory.owe(dead)
            return [*done, f"left {len(strays)} unfinished restic snapshots for later, because {error.what}"]
        self._memory.paid()
        if strays:
            names = ", ".join(sorted({one.tag("component") or "manifest" for one in strays}))
            done.append(f"removed {len(strays)} unfinished restic snapshots ({names}) from {self._program.where}")
        return done

    def where(self, manifest: Manifest) -> str:
        """How to find it with restic itself."""
        return redact(f"{location(self.settings, self.place)} (restic snapshots --tag snapshot:{manifest.id})")

    def free(self) -> int | None:
        """Free bytes of a local folder's file system."""
        folder = local_folder(self.settings, self.place)
        if folder is None:
            return None
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def check_data(self, share: str, run: Run) -> str:
        """`restic check` of the structure and of a share of all data."""
        done = self._program.capture(run, "check", f"--read-data-subset={share}")
        return done.text.splitlines()[-1] if done.text else ""

    def _stored(self, snapshot: Snapshot, component: str) -> Stored:
        stored = location_of(snapshot.manifest).components.get(component)
        if stored is None:
            raise RepositoryError(
                f"snapshot {snapshot.id} has no component {component}",
                where=self._program.where,
                hint="`daytwo snapshots show` lists what it has",
            )
        return stored

    def _manifest(self, head: Found, run: Run) -> Manifest | None:
        """The manifest in a restic snapshot; None, with a warning, for one that is damaged: it hides no other."""
        known = self._memory.manifest(head.id)
        if known is not None:
            return known
        try:
            manifest = self._read_manifest(head.id, run, fresh=False)
        except (IntegrityError, ValidationError) as error:
            what = error.what if isinstance(error, IntegrityError) else "it is no manifest"
            run.warn(
                Unread(f"the manifest of snapshot {head.tag('snapshot')} is damaged: {what} ({self._program.where})")
            )
            return None
        self._memory.keep(head.id, manifest)
        return manifest

    def _read_manifest(self, restic_id: str, run: Run, *, fresh: bool) -> Manifest:
        stored = Stored(restic=restic_id, path=f"/{MANIFEST_FILE}")
        return Manifest.model_validate_json(b"".join(dump(self._program, run, stored, fresh=fresh)))

    def _verify_manifest(self, snapshot: Snapshot, run: Run) -> None:
        app = layout.app_tags(self.place)
        wanted = (*app, MANIFEST, f"snapshot:{layout.quoted(snapshot.id)}")
        heads = listing(self._program, run, layout.select(wanted))
        try:
            same = [self._read_manifest(head.id, run, fresh=True) == snapshot.manifest for head in heads]
        except ValidationError:
            same = []
        if not any(same):
            raise IntegrityError(
                f"the manifest of snapshot {snapshot.id} is missing or not what was written",
                where=self._program.where,
                hint=_HINT,
            )

    def _check_structure(self, run: Run) -> None:
        """Once in a run, however many snapshots it verifies."""
        with self._lock:
            if run.id in self._checked:
                return
            self._checked.add(run.id)
        try:
            self._program.capture(run, "check", "--with-cache")
        except BusyError as error:
            run.warn(f"{self._program.where}: `restic check` was left out, because {error.what}")
        except IntegrityError as error:
            run.warn(
                f"{self._program.where}: restic check found errors elsewhere: {error.what}; "
                "run `restic check --read-data`"
            )

    def _strays(self, found: list[Found], run: Run) -> list[Found]:
        """What no manifest names: everything of an unpublished snapshot, and failed components of a published one."""
        named: dict[str | None, set[str]] = {}
        for head in found:
            if MANIFEST not in head.tags:
                continue
            manifest = self._manifest(head, run)
            ids = (
                {one.restic for one in location_of(manifest).components.values()}
                if manifest
                else {one.id for one in found if one.tag("snapshot") == head.tag("snapshot")}
            )
            named.setdefault(head.tag("snapshot"), set()).update(ids, (head.id,))
        return [one for one in found if one.id not in named.get(one.tag("snapshot"), ())]
