"""Making one snapshot: dump, store, read back, publish, record, copy, thin out."""

import platform
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from importlib.metadata import version
from threading import Event

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from daytwo.core.errors import CancelledError, DaytwoError, RefusedError, RepositoryError
from daytwo.core.manifest import ComponentRecord, Manifest, Snapshot
from daytwo.core.repository import Writer
from daytwo.core.run import Run
from daytwo.core.service import Phase
from daytwo.core.target import LOCAL
from daytwo.ledger.runs import Outcome
from daytwo.protect import facts, space
from daytwo.protect.fanout import Fanned, fan_out
from daytwo.protect.plan import BackupPlan
from daytwo.protect.prune import apply_retention
from daytwo.protect.quiesce import Paused, observe, put_back, stop
from daytwo.protect.verify import verify_components
from daytwo.protect.workbench import Workbench


class BackupResult(BaseModel):
    """How a backup ended.

    Args:
        run: the run's id.
        snapshot: the snapshot's id.
        outcome: succeeded, or partial when a repository or a later step failed.
        stored: by repository, where the snapshot is (a path, or the repository's own words).
        size: plain bytes.
        components: what it holds.
        at: when it was begun.
        ended: when it was complete everywhere.
        seconds: how long it took.
        warnings: what the user should know.
        failures: by repository or step, what went wrong.
        removed: by repository, the snapshots that retention removed.
    """

    model_config = ConfigDict(frozen=True)

    run: str
    snapshot: str
    outcome: Outcome
    stored: dict[str, str]
    size: int
    components: tuple[str, ...]
    at: datetime
    ended: datetime
    seconds: float
    warnings: tuple[str, ...] = ()
    failures: dict[str, str] = {}
    removed: dict[str, tuple[str, ...]] = {}


class SnapshotMaker:
    """One snapshot in the making. Its methods are the steps of the backup workflow, in their order.

    Args:
        bench: the workbench.
        plan: what was decided.
        run: the run it belongs to.
    """

    def __init__(self, bench: Workbench, plan: BackupPlan, run: Run) -> None:
        self.bench = bench
        self.plan = plan
        self.run = run
        self.settings = bench.config.backups[plan.backup]
        self.failures: dict[str, DaytwoError] = {}
        self.writers: dict[str, Writer] = {}
        self.paused: list[Paused] = []
        self.records: list[ComponentRecord] = []
        self.published: dict[str, Manifest] = {}
        self.removed: dict[str, tuple[str, ...]] = {}
        self.begun = time.monotonic()

    def check(self) -> list[str]:
        """Find out which repositories can be written to, and whether there is room."""
        recipients = self.bench.config.recovery.recipients
        if any(part.secret for part in self.plan.components) and not recipients:
            raise RefusedError(
                "there is no recovery recipient to encrypt secret data to",
                hint="Run `daytwo keys new`, or set recovery.recipients",
            )
        for name in self.plan.stores:
            repository = self.bench.repositories[name]
            try:
                if self.plan.stop or self.settings.before:
                    repository.check(self.run)
                else:
                    repository.ready(self.run)
                last = self._looked_at(name) if repository.tells_size else None
                space.guard(repository, last, self.settings.floor, [part.name for part in self.plan.components])
                self.writers[name] = repository.begin(self.plan.snapshot, self.run)
            except DaytwoError as error:
                self.failures[name] = error
        self._some_left()
        return sorted(self.writers)

    def _looked_at(self, name: str) -> Manifest | None:
        """The newest snapshot in a repository; one that is empty all at once is told of, and stored in nevertheless."""
        there = self.bench.repositories[name].snapshots(self.run)
        if error := facts.vanished(self.bench, name, there):
            self.failures[f"{name} is empty"] = error
        return facts.latest_manifest(there, self.plan.backup)

    def quiesce(self) -> list[str]:
        """Stop the containers that must not write during the dump."""
        for name in self.plan.stop:
            service = self.bench.services.get(name)
            container = service.settings.container if service and service.settings.container else name
            host = service.target.host if service else LOCAL
            self.paused.append(observe(container, host, self.run))
        stop(self.paused, lambda line: self.bench.runs.note(self.plan.run, line), self.run)
        return [one.container for one in self.paused if one.was == "running"]

    def dump(self) -> list[str]:
        """Dump every component once into all repositories, side by side, databases before files.

        Files are read once every database dump is settled: what a row in it points to was written before that.
        """
        workers = max(1, min(self.settings.parallel, len(self.plan.components)))
        with ThreadPoolExecutor(workers, "dump") as pool:
            going: list[Future[Fanned]] = []
            for phase in Phase:
                going += self._begin_phase(pool, [part.name for part in self.plan.components if part.phase is phase])
                if all(future.done() for future in going):
                    self._gather(going)
                    going = []
            self._gather(going)
        return [record.name for record in self.records]

    def _begin_phase(self, pool: ThreadPoolExecutor, names: list[str]) -> "list[Future[Fanned]]":
        """Begin to dump these; they are settled when this returns, or have ended."""
        readers = frozenset(name for name in self.writers if self.bench.repositories[name].reads_trees)
        settled = [Event() for _ in names]
        futures = [pool.submit(self._dump_one, *one, readers) for one in zip(names, settled, strict=True)]
        for future, event in zip(futures, settled, strict=True):
            future.add_done_callback(lambda _, event=event: event.set())  # type: ignore[misc]
        for event in settled:
            event.wait()
        return futures

    def _gather(self, futures: "list[Future[Fanned]]") -> None:
        """Wait for dumps, and leave out the repositories that failed.

        Raises:
            DaytwoError: a source failed, which ended all dumps.
        """
        errors = [error for future in futures if (error := future.exception())]
        if errors:
            raise next((error for error in errors if not isinstance(error, CancelledError)), errors[0])
        for fanned in (future.result() for future in futures):
            self.records.append(fanned.record)
            for name, error in fanned.failed.items():
                self._drop(name, error)
        self._some_left()

    def _dump_one(self, name: str, settled: Event, readers: frozenset[str]) -> Fanned:
        component = self.bench.component(name)
        assert component is not None
        self.run.report(name, "running")
        try:
            fanned = fan_out(
                component,
                dict(self.writers),
                readers,
                self.bench.config.recovery.recipients,
                self.run,
                self.bench.clock,
                self._watched,
                lambda dump: settled.set() if dump.settled else None,
            )
        except BaseException as error:
            self.run.report(name, "failed")
            if isinstance(error, DaytwoError):
                error.where = error.where or f"{component.service} ({name})"
            self.run.cancel(f"another component failed: {error}")
            raise
        size = fanned.record.plain.size if fanned.record.plain else 0
        self.run.report(name, "done", size)
        return fanned

    def _watched(self, name: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
        repository = self.bench.repositories[name]
        # A small floor is watched more closely: between two looks it must not be used up.
        every = min(space.LOOK_EVERY, max(1 << 20, int(self.settings.floor) // 8))
        return space.watching(chunks, repository.free, self.settings.floor, f"repository {name}", every)

    def release(self) -> list[str]:
        """Put the stopped containers back into the state they were in."""
        trouble = put_back(self.paused, Run(self.plan.run, self.run.work, timeout=120))
        self.paused = []
        for line in trouble:
            self.failures["containers"] = RepositoryError(line)
        return trouble

    def publish(self) -> list[str]:
        """Complete, read back and make visible, in every repository side by side."""
        manifest = self._manifest()

        def one(name: str) -> None:
            self.run.report(f"repository {name}", "reading back")
            try:
                finished = self.writers[name].finish(manifest)
                self.writers[name].publish(finished)
                self.published[name] = finished
                self.run.report(f"repository {name}", "done", manifest.size)
            except DaytwoError as error:
                self._drop(name, error)

        with ThreadPoolExecutor(max(1, len(self.writers)), "publish") as pool:
            list(pool.map(one, list(self.writers)))
        self._some_left()
        return sorted(self.published)

    def copy(self) -> list[str]:
        """Bring the copies up to date: this snapshot, and whatever an earlier run could not copy."""
        for name in self.plan.copies:
            repository = self.bench.repositories[name]
            source = repository.copy_of or ""
            try:
                if source not in self.published:
                    raise RepositoryError(f"nothing to copy: {source} has no new snapshot", where=f"repository {name}")
                self.run.report(f"repository {name}", "copying")
                repository.check(self.run)
                self._looked_at(name)
                origin = self.bench.repositories[source]
                for snapshot in facts.missing_copies(repository, origin, self.plan.backup, self.run):
                    self.published[name] = repository.copy(origin, snapshot, self.run)
                    if (pin := snapshot.pin) is not None:
                        there = Snapshot(repository=name, manifest=self.published[name])
                        repository.mark(there, pin, self.run)
                self.run.report(f"repository {name}", "done")
            except DaytwoError as error:
                self._drop(name, error)
        return sorted(self.published)

    def verify(self) -> list[str]:
        """Have every engine's own tool read what was stored, where the configuration asks for it."""
        checked = []
        for name, manifest in self.published.items():
            snapshot = Snapshot(repository=name, manifest=manifest)
            try:
                verify_components(self.bench, snapshot, self.run, identities=())
                checked.append(name)
            except DaytwoError as error:
                self.failures[f"verify {name}"] = error
        return checked

    def prune(self) -> dict[str, tuple[str, ...]]:
        """Thin out by the configured retention; a failure here is reported and harms nothing."""
        if self.settings.keep is None:
            return {}
        for name in self.published:
            try:
                self.removed[name] = apply_retention(self.bench, name, self.plan.backup, self.run)
            except DaytwoError as error:
                self.failures[f"prune {name}"] = error
        return self.removed

    def record(self, connection: sa.Connection) -> None:
        """Write the snapshot's facts in the transaction of this step's checkpoint."""
        for name, manifest in self.published.items():
            facts.record(connection, self.bench, Snapshot(repository=name, manifest=manifest))

    def abort(self) -> None:
        """Leave no trace in any repository that has not published."""
        for name, writer in self.writers.items():
            if name not in self.published:
                writer.abort()

    def result(self) -> BackupResult:
        """How it ended."""
        manifest = next(iter(self.published.values()))
        warnings = [w for record in self.records for w in (f"{record.name}: {text}" for text in record.warnings)]
        return BackupResult(
            run=self.plan.run,
            snapshot=self.plan.snapshot,
            outcome=Outcome.PARTIAL if self.failures else Outcome.SUCCEEDED,
            stored={name: self.bench.repositories[name].where(one) for name, one in self.published.items()},
            size=manifest.size,
            components=tuple(r.stored_name for r in self.records),
            at=manifest.at,
            ended=self.bench.clock(),
            seconds=time.monotonic() - self.begun,
            warnings=(*warnings, *self.run.warnings),
            failures={name: str(error) for name, error in self.failures.items()},
            removed=self.removed,
        )

    def _manifest(self) -> Manifest:
        return Manifest(
            id=self.plan.snapshot,
            run=self.plan.run,
            sequence=0,
            app=self.bench.config.app,
            environment=self.bench.config.environment,
            backup=self.plan.backup,
            at=self.plan.at,
            ended=self.bench.clock(),
            host=platform.node(),
            daytwo=version("daytwo"),
            config=self.bench.config.fingerprint,
            safety=self.plan.safety,
            only=self.plan.only,
            components=tuple(self.records),
            warnings=tuple(self.run.warnings),
            audit=self.bench.audit.heads(),
        )

    def _drop(self, name: str, error: DaytwoError) -> None:
        self.run.report(f"repository {name}", "failed")
        self.failures.setdefault(name, error)
        if writer := self.writers.pop(name, None):
            writer.abort()

    def _some_left(self) -> None:
        if not self.writers:
            raise next(iter(self.failures.values()))


def store_now(bench: Workbench, plan: BackupPlan, run: Run) -> str:
    """Make a snapshot within another run, without hooks, stops and retention.

    Returns:
        The snapshot's id.

    Raises:
        DaytwoError: it could not be stored; no trace is left.
    """
    work = SnapshotMaker(bench, plan, run)
    try:
        work.check()
        work.dump()
        work.publish()
    except BaseException:
        work.abort()
        raise
    with bench.database.begin() as connection:
        work.record(connection)
    return plan.snapshot
