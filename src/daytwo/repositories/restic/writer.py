"""A snapshot on its way into a restic repository."""

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from daytwo.core.errors import DaytwoError, IntegrityError, RepositoryError
from daytwo.core.manifest import ComponentRecord, Manifest
from daytwo.core.repository import Writer
from daytwo.core.run import Run
from daytwo.core.service import Dump, Tree
from daytwo.repositories.restic import layout
from daytwo.repositories.restic.backup import Taken, Waiting, take_stream, take_tree
from daytwo.repositories.restic.contact import remember
from daytwo.repositories.restic.layout import Location, Stored
from daytwo.repositories.restic.locks import break_stale
from daytwo.repositories.restic.memory import Memory, Seen
from daytwo.repositories.restic.messages import Found
from daytwo.repositories.restic.program import Program
from daytwo.repositories.restic.readback import LocalReadBack, ReadBack, RemoteReadBack, Whole
from daytwo.repositories.restic.reading import compare, dump, listing
from daytwo.repositories.restic.removal import forget_or_owe
from daytwo.repositories.restic.settings import local_folder

CLEANING_SECONDS = 300
PATIENCE = 20.0
_HINT = "Nothing of it is visible; run the backup again"


class ResticWriter(Writer):
    """A snapshot being written: one restic for each component, side by side.

    Args:
        program: restic.
        memory: what is remembered of the repository.
        snapshot_id: the snapshot's id.
        run: the backup's run.
    """

    def __init__(self, program: Program, memory: Memory, snapshot_id: str, run: Run) -> None:
        self._program = program
        self._memory = memory
        self._id = snapshot_id
        self._run = run
        self._lock = threading.Lock()
        self._taken: dict[str, Taken] = {}
        self._touched = False
        self._published = False
        self._waiting: Waiting | None = None
        self._sequence = 0
        self._seen = memory.seen()
        self._accounted: frozenset[str] = frozenset()
        folder = local_folder(program.settings, program.place)
        self._read_back: ReadBack = (
            RemoteReadBack(program, run) if folder is None else LocalReadBack(folder, program.where, run)
        )

    def put(self, component: str, dump: Dump) -> None:
        """Take one component's bytes; a folder is read by its path."""
        tags = layout.component_tags(self._program.place, self._id, self._run.id, component)
        self._touched = True
        try:
            if isinstance(dump, Tree):
                taken = take_tree(self._program, self._run, component, tags, dump)
            else:
                taken = take_stream(self._program, self._run, component, tags, iter(dump.chunks()))
                if not taken.restic:
                    self._clean_locks()
        except BaseException:
            self._clean_locks()
            raise
        with self._lock:
            self._taken[component] = taken
            self._read_back.note()
            there = self._read_back.snapshots()
            if there and there.before <= self._seen.ids:
                self._expect_manifest(self._seen.sequence + 1)

    def finish(self, manifest: Manifest) -> Manifest:
        """Read back what is new, and look that restic finds all of it.

        Raises:
            IntegrityError: what was read is not what was written.
        """
        try:
            return self._finished(manifest)
        except BaseException:
            self._expect_nothing()
            raise

    def _finished(self, manifest: Manifest) -> Manifest:
        records = {record.stored_name: record for record in manifest.components}
        for name, record in records.items():
            self._same_size(name, record)
        located = self._located(records)
        with ThreadPoolExecutor(1, "finish") as pool:
            reading = pool.submit(self._check_files, records, located)
            newest, strays = self._newest_known(located) or self._newest_found(located)
            if not strays:
                self._expect_manifest(newest + 1)
            components = tuple(self._recorded(record) for record in manifest.components)
            reading.result()
        if strays:  # forgetting needs the repository for itself
            self._expect_nothing()
            forget_or_owe(self._program, self._memory, strays, self._run.id, self._run, PATIENCE)
            self._expect_manifest(newest + 1)
        return manifest.located(located.note()).model_copy(update={"sequence": newest + 1, "components": components})

    def publish(self, manifest: Manifest) -> None:
        """Store the manifest; from then on the snapshot exists. Read back at once, and taken away if that fails."""
        assert self._waiting is not None, "finish comes first"
        data = manifest.model_dump_json(indent=1).encode()
        taken = self._waiting.give(data)
        self._waiting.close()
        stored = Stored(restic=self._read_back.full_ids([taken.restic])[taken.restic], path=taken.path)

        def read() -> None:
            if b"".join(dump(self._program, self._run, stored, fresh=True)) != data:
                raise IntegrityError(
                    "the stored manifest is not what was written", where=self._program.where, hint=_HINT
                )

        self._read_back.note()
        self._read_back.check([stored.restic], Whole(len(data), read), added=True)
        self._published = True
        self._memory.keep(stored.restic, manifest)
        remember(self._program, self._memory)
        if self._accounted:
            self._memory.saw(Seen(ids=self._accounted | {stored.restic}, sequence=manifest.sequence))

    def abort(self) -> None:
        """Leave no trace but unreferenced data, which the next prune removes. Harmless after `publish`."""
        if self._published or not self._touched:
            return
        run = self._cleaner()
        try:
            self._expect_nothing()
            ours = [one for one in self._listing(run) if one.tag("snapshot") == self._id]
            # The manifest first: out of sight before it is incomplete.
            ids = [one.id for one in sorted(ours, key=lambda one: layout.MANIFEST not in one.tags)]
            forget_or_owe(self._program, self._memory, ids, self._run.id, run, PATIENCE)
        except DaytwoError as error:
            self._memory.owe(self._run.id)
            run.warn(f"{self._program.where}: unfinished restic snapshots of this run may stay for now: {error}")
        for warning in run.warnings:
            self._run.warn(warning)
        self._touched = False

    def _same_size(self, name: str, record: ComponentRecord) -> None:
        taken = self._taken.get(name)
        if taken is None:
            raise RepositoryError(f"{name} was not stored", where=self._program.where, hint=_HINT)
        if taken.folder:
            # Counted by a scan; none where it changed meanwhile, or has hard links.
            counted = record.counts.get("bytes")
            if counted is not None and taken.size < counted:
                raise IntegrityError(
                    f"restic took {taken.size} bytes of {name}, and the folder holds {counted}",
                    where=self._program.where,
                    hint=_HINT,
                )
        elif record.stored and taken.size != record.stored.size:
            raise IntegrityError(
                f"restic took {taken.size} bytes of {name}, not {record.stored.size}",
                where=self._program.where,
                hint=_HINT,
            )

    def _located(self, names: Iterable[str]) -> Location:
        taken = {name: self._taken[name] for name in names}
        full = self._read_back.full_ids({one.restic for one in taken.values() if one.restic})
        return Location(
            components={
                name: Stored(restic=full[one.restic] if one.restic else "", path=one.path, folder=one.folder)
                for name, one in taken.items()
            }
        )

    def _check_files(self, records: dict[str, ComponentRecord], located: Location) -> None:
        taken = [self._taken[name] for name in records]

        def read() -> None:
            for name, stored in located.components.items():
                compare(self._program, self._run, records[name], stored)

        whole = Whole(sum(one.size for one in taken), read)
        ids = {one.restic for one in located.components.values()} - {""}
        self._read_back.check(sorted(ids), whole, added=any(one.added for one in taken))

    def _expect_manifest(self, sequence: int) -> None:
        """Start the restic that will store the manifest: its start goes on beside other work."""
        if self._waiting and self._sequence == sequence:
            return
        self._expect_nothing()
        tags = layout.manifest_tags(self._program.place, self._id, self._run.id, sequence)
        self._waiting, self._sequence = Waiting(self._program, self._run, layout.MANIFEST_FILE, tags), sequence

    def _expect_nothing(self) -> None:
        """End the restic that waits, with the lock it leaves."""
        if self._waiting:
            self._waiting.close()
            self._waiting = None
            self._clean_locks()

    def _newest_known(self, located: Location) -> tuple[int, list[str]] | None:
        """The highest sequence so far, where every restic snapshot there is known; else restic must be asked."""
        there = self._read_back.snapshots()
        if there is None:
            return None
        self._accounted = there.before | there.since
        ours = {one.restic for one in located.components.values()} - {""}
        return (self._seen.sequence, []) if there.since == ours and there.before <= self._seen.ids else None

    def _newest_found(self, located: Location) -> tuple[int, list[str]]:
        """Ask restic for the highest sequence so far, and for what is ours and not in the manifest."""
        found = self._listing(self._run)
        ours = [one for one in found if one.tag("snapshot") == self._id]
        wanted = {one.restic for one in located.components.values()} - {""}
        if lost := wanted - {one.id for one in ours}:
            raise IntegrityError(
                f"restic does not find {', '.join(sorted(lost))} any more", where=self._program.where, hint=_HINT
            )
        strays = [one.id for one in ours if one.id not in wanted]
        return max((layout.sequence_of(one) for one in found if one not in ours), default=0), strays

    def _recorded(self, record: ComponentRecord) -> ComponentRecord:
        """A folder read by path has no digest: its tar is made anew by restic at each reading."""
        taken = self._taken[record.stored_name]
        if not taken.folder:
            return record
        warnings = (*record.warnings, *taken.warnings)
        return record.model_copy(update={"plain": None, "stored": None, "warnings": warnings})

    def _clean_locks(self) -> None:
        """A restic that was ended leaves its lock, which would stand in the way of every later prune."""
        try:
            break_stale(self._program, self._cleaner())
        except DaytwoError as error:
            self._run.warn(f"{self._program.where}: a lock may have stayed behind: {error}")

    def _cleaner(self) -> Run:
        """The run once more, in case it is cancelled or over time: cleaning up goes on."""
        return Run(self._run.id, self._run.work, timeout=CLEANING_SECONDS)

    def _listing(self, run: Run) -> list[Found]:
        """Everything of this snapshot, and all manifests of the app."""
        app = layout.app_tags(self._program.place)
        wanted = layout.select((*app, layout.MANIFEST), (*app, f"snapshot:{layout.quoted(self._id)}"))
        return listing(self._program, run, wanted)
