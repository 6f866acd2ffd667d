"""What every kind of repository must do, as one suite: a kind's test is a `RepositoryCase` and a subclass of it."""

import contextlib
import json
import random
import signal
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from daytwo.core.errors import CancelledError, DaytwoError, IntegrityError
from daytwo.core.manifest import ComponentRecord, Digest, Identity, Level, Manifest, Mark, MarkKind, Snapshot
from daytwo.core.process import CHUNK
from daytwo.core.registry import repository_class
from daytwo.core.repository import Repository, RepositorySettings, Writer
from daytwo.core.run import Run
from daytwo.core.service import Dump, DumpFacts, Place, Source

AT = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


class Damage(StrEnum):
    """What happens to stored bytes."""

    FLIPPED = "flipped"
    TRUNCATED = "truncated"
    MISSING = "missing"


class RepositoryCase(ABC):
    """A real repository, empty at first, and ways to look at it and to hurt it.

    Args:
        folder: a private folder: where the configuration would be.
    """

    kind: ClassVar[str]
    secrets: tuple[str, ...] = ()
    """Values that must never show in an error."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The YAML block of the repository under test, without `kind`; what JSON can hold."""

    @abstractmethod
    def broken(self) -> list[Repository[Any]]:
        """Repositories that cannot work: each a different reason (wrong password, unwritable place, ...)."""

    @abstractmethod
    def damage(self, how: Damage) -> None:
        """Hurt the newest large stored file, whether its snapshot is published or not; a flip is near its middle."""

    @abstractmethod
    def leftovers(self) -> object:
        """What an unfinished snapshot could leave behind (files, the tool's snapshots, locks), comparable with `==`."""

    def repository(self, app: str = "shop", environment: str = "production", **changes: Any) -> Repository[Any]:
        """The repository under test as a user would configure it, opened afresh."""
        return make(self.kind, {**self.settings(), **changes}, Place(self.folder, app, environment))


def make(kind: str, settings: Mapping[str, Any], place: Place) -> Repository[Any]:
    """A repository from its YAML block, as the application makes it."""
    cls = repository_class(kind)
    block: RepositorySettings = cls.Settings.model_validate({"kind": kind, **settings})
    return cls("offsite", block, place)


class Bytes(Dump):
    """A dump of given chunks; an exception among them is raised where it stands."""

    def __init__(self, chunks: Iterable[bytes | BaseException]) -> None:
        self._chunks = chunks
        self.digest, self.size = sha256(), 0

    def chunks(self) -> Iterator[bytes]:
        """The given chunks, hashed as they pass."""
        for chunk in self._chunks:
            if isinstance(chunk, BaseException):
                raise chunk
            self.digest.update(chunk)
            self.size += len(chunk)
            yield chunk

    def facts(self) -> DumpFacts:
        """Next to nothing."""
        return DumpFacts(Identity(label="made up"))


def noise(size: int, seed: int = 1) -> Iterator[bytes]:
    """Bytes that cannot be compressed, in chunks whose sizes fit nothing."""
    generator = random.Random(seed)
    while size > 0:
        chunk = generator.randbytes(min(size, 700_001))
        size -= len(chunk)
        yield chunk


DATA: dict[str, bytes] = {
    "empty.sql": b"",
    "one.rdb": b"\0",
    "text.sql": b"INSERT INTO t VALUES (1);\n" * 100_000,
    "db.dump": b"".join(noise(2 * CHUNK + 17)),
}


def record_of(name: str, plain: Digest | None) -> ComponentRecord:
    """A component's entry in the manifest."""
    return ComponentRecord(
        name=name,
        service=name.partition(".")[0],
        kind="postgres",
        format="sql",
        plain=plain,
        stored=plain,
        begun=AT,
        ended=AT + timedelta(seconds=1),
    )


def manifest_of(
    snapshot_id: str, run: Run, repository: Repository[Any], components: Iterable[ComponentRecord], at: datetime = AT
) -> Manifest:
    """What the backup knows before a repository adds its own."""
    return Manifest(
        id=snapshot_id,
        run=run.id,
        sequence=0,
        app=repository.place.app,
        environment=repository.place.environment,
        backup="nightly",
        at=at,
        ended=at + timedelta(seconds=2),
        host="box",
        daytwo="0.1.0",
        config="c0ffee",
        components=tuple(components),
    )


def put_all(writer: Writer, data: Mapping[str, Iterable[bytes]]) -> list[ComponentRecord]:
    """Hand over all components side by side."""

    def put(name: str, chunks: Iterable[bytes]) -> ComponentRecord:
        dump = Bytes(chunks)
        writer.put(name, dump)
        return record_of(name, Digest(sha256=dump.digest.hexdigest(), size=dump.size))

    with ThreadPoolExecutor(len(data)) as pool:
        return [done.result() for done in [pool.submit(put, name, chunks) for name, chunks in data.items()]]


def store(
    repository: Repository[Any], run: Run, data: Mapping[str, bytes] | None = None, at: datetime = AT
) -> Manifest:
    """One whole snapshot, as a backup makes it."""
    snapshot_id = f"s-{uuid4().hex[:12]}"
    writer = repository.begin(snapshot_id, run)
    records = put_all(writer, {name: [value] for name, value in (data or {"db.dump": DATA["db.dump"]}).items()})
    manifest = writer.finish(manifest_of(snapshot_id, run, repository, records, at))
    writer.publish(manifest)
    return manifest


def ids(repository: Repository[Any], run: Run) -> list[str]:
    """The visible snapshots, in the repository's order."""
    return [snapshot.id for snapshot in repository.snapshots(run)]


def content(repository: Repository[Any], snapshot: Snapshot, run: Run) -> dict[str, bytes]:
    """All components of a snapshot, read as a restore reads them."""
    found = {}
    for record in snapshot.manifest.components:

        def opener(name: str = record.name) -> Iterator[bytes]:
            return repository.open(snapshot, name, run)

        found[record.name] = b"".join(Source(record, opener, run.work / "source").chunks())
    return found


class RepositoryContract:
    """Subclass in a test module and give a fixture `case` that yields a `RepositoryCase`."""

    @pytest.fixture
    def new_run(self, tmp_path: Path) -> Callable[..., Run]:
        """Makes runs, each with an id of its own, as every execution has."""

        def make_run(**options: Any) -> Run:
            run_id = uuid4().hex[:16]
            work = tmp_path / f"work-{run_id}"
            work.mkdir()
            return Run(run_id, work, timeout=300, **options)

        return make_run

    @pytest.fixture
    def run(self, new_run: Callable[..., Run]) -> Run:
        return new_run()

    @pytest.fixture
    def repository(self, case: RepositoryCase, run: Run) -> Repository[Any]:
        """The repository, checked (and so created) as every backup does first."""
        repository = case.repository()
        repository.check(run)
        return repository

    # Writing

    def test_put_side_by_side_then_open_gives_exactly_those_bytes(
        self, case: RepositoryCase, repository: Repository[Any], run: Run
    ) -> None:
        stored = store(repository, run, DATA)
        fresh = case.repository()
        [snapshot] = fresh.snapshots(run)
        assert snapshot.manifest == stored
        assert snapshot.level is Level.STORED and not snapshot.pinned
        assert content(fresh, snapshot, run) == DATA

    def test_components_may_have_awkward_names(self, repository: Repository[Any], run: Run) -> None:
        data = {
            "-n.tar": b"dash",
            "a b,c.sql": b"comma",
            "ü:[x]*.bin": b"pattern",
            "manifest.json": b"not the manifest",
        }
        store(repository, run, data)
        [snapshot] = repository.snapshots(run)
        assert content(repository, snapshot, run) == data

    def test_nothing_is_visible_before_publish(
        self, case: RepositoryCase, repository: Repository[Any], run: Run
    ) -> None:
        writer = repository.begin("s-1", run)
        records = put_all(writer, {"db.dump": noise(CHUNK)})
        assert ids(case.repository(), run) == []
        manifest = writer.finish(manifest_of("s-1", run, repository, records))
        assert ids(case.repository(), run) == []
        writer.publish(manifest)
        assert ids(case.repository(), run) == ["s-1"]

    def test_abort_leaves_no_trace(self, case: RepositoryCase, repository: Repository[Any], run: Run) -> None:
        before = case.leftovers()
        writer = repository.begin("s-1", run)
        writer.abort()
        assert case.leftovers() == before
        writer = repository.begin("s-2", run)
        put_all(writer, {"db.dump": noise(CHUNK), "b.sql": [b"x"]})
        writer.abort()
        writer.abort()
        assert case.leftovers() == before
        writer = repository.begin("s-3", run)
        writer.finish(manifest_of("s-3", run, repository, put_all(writer, {"db.dump": noise(CHUNK)})))
        writer.abort()
        assert case.leftovers() == before
        assert ids(case.repository(), run) == []

    def test_abort_after_publish_harms_nothing(self, repository: Repository[Any], run: Run) -> None:
        writer = repository.begin("s-1", run)
        manifest = writer.finish(manifest_of("s-1", run, repository, put_all(writer, {"a.sql": [b"abc"]})))
        writer.publish(manifest)
        writer.abort()
        [snapshot] = repository.snapshots(run)
        assert content(repository, snapshot, run) == {"a.sql": b"abc"}

    def test_f01_a_producer_that_fails_half_way_leaves_nothing(
        self, case: RepositoryCase, repository: Repository[Any], run: Run
    ) -> None:
        before = case.leftovers()
        writer = repository.begin("s-1", run)
        chunks: list[bytes | BaseException] = [*noise(3 * CHUNK), DaytwoError("pg_dump ended with code 1")]
        with pytest.raises(DaytwoError, match="pg_dump ended with code 1"):
            writer.put("db.dump", Bytes(chunks))
        with pytest.raises(ZeroDivisionError):
            writer.put("other.dump", Bytes([ZeroDivisionError()]))
        writer.abort()
        assert case.leftovers() == before
        assert ids(case.repository(), run) == []

    def test_a_failed_component_can_be_left_out(self, repository: Repository[Any], run: Run) -> None:
        writer = repository.begin("s-1", run)
        with pytest.raises(DaytwoError, match="gone"):
            writer.put("db.dump", Bytes([*noise(2 * CHUNK), DaytwoError("gone")]))
        manifest = writer.finish(manifest_of("s-1", run, repository, put_all(writer, {"a.sql": [b"abc"]})))
        writer.publish(manifest)
        [snapshot] = repository.snapshots(run)
        assert content(repository, snapshot, run) == {"a.sql": b"abc"}
        with pytest.raises(DaytwoError):
            list(repository.open(snapshot, "db.dump", run))

    def test_a_cancelled_run_ends_at_once_and_leaves_nothing(
        self, case: RepositoryCase, repository: Repository[Any], run: Run, new_run: Callable[..., Run]
    ) -> None:
        before = case.leftovers()
        doomed = new_run()

        def endless() -> Iterator[bytes]:
            for number, chunk in enumerate(noise(1 << 40)):
                if number == 5:
                    doomed.cancel("Ctrl-C")
                doomed.check()
                yield chunk

        writer = repository.begin("s-1", doomed)
        with pytest.raises(CancelledError):
            writer.put("db.dump", Bytes(endless()))
        writer.abort()
        assert case.leftovers() == before
        assert ids(case.repository(), run) == []

    @pytest.mark.parametrize("how", Damage)
    def test_finish_reads_back_what_was_stored(
        self, case: RepositoryCase, repository: Repository[Any], run: Run, how: Damage
    ) -> None:
        writer = repository.begin("s-1", run)
        records = put_all(writer, {"db.dump": noise(2 * CHUNK)})
        case.damage(how)
        with pytest.raises(DaytwoError) as caught:
            writer.finish(manifest_of("s-1", run, repository, records))
        assert isinstance(caught.value, IntegrityError)
        assert ids(case.repository(), run) == []

    # Order, and who sees what

    def test_f07_order_is_by_sequence_whatever_the_clock_said(
        self, case: RepositoryCase, repository: Repository[Any], run: Run, new_run: Callable[..., Run]
    ) -> None:
        clocks = [AT, AT + timedelta(days=9000), AT - timedelta(days=9000)]
        made = [store(repository, new_run(), {"a.sql": str(at).encode()}, at) for at in clocks]
        found = case.repository().snapshots(run)
        assert [snapshot.id for snapshot in found] == [manifest.id for manifest in made]
        sequences = [snapshot.manifest.sequence for snapshot in found]
        assert sequences == list(range(sequences[0], sequences[0] + 3))
        assert [snapshot.at for snapshot in found] == clocks

    def test_apps_and_environments_in_one_repository_do_not_see_each_other(
        self, case: RepositoryCase, repository: Repository[Any], run: Run, new_run: Callable[..., Run]
    ) -> None:
        places = [("shop", "production"), ("shop", "production-eu"), ("shop-production", "eu"), ("sho", "production")]
        for app, environment in places:
            other = case.repository(app, environment)
            other.check(run)
            assert store(other, new_run()).sequence == 1
        for app, environment in places:
            [snapshot] = case.repository(app, environment).snapshots(run)
            assert (snapshot.manifest.app, snapshot.manifest.environment) == (app, environment)
        repository.remove(repository.snapshots(run), run)
        for app, environment in places[1:]:
            other = case.repository(app, environment)
            [snapshot] = other.snapshots(run)
            assert content(other, snapshot, run) == {"db.dump": DATA["db.dump"]}

    # Marks

    def test_marks_survive_and_tell_the_level(
        self, case: RepositoryCase, repository: Repository[Any], run: Run
    ) -> None:
        for _ in range(2):
            store(repository, run, {"a.sql": b"abc"})
        first, second = repository.snapshots(run)

        def again(*marks: MarkKind) -> Snapshot:
            for number, kind in enumerate(marks):
                at = AT + timedelta(minutes=10 * len(first.marks) + number, microseconds=5)
                repository.mark(first, Mark(kind=kind, at=at, note="by ü, a person"), run)
            return case.repository().snapshots(run)[0]

        first = again(MarkKind.VERIFIED, MarkKind.PINNED)
        assert first.level is Level.VERIFIED and first.pinned
        assert {mark.note for mark in first.marks} == {"by ü, a person"}
        first = again(MarkKind.DRILLED, MarkKind.UNPINNED)
        assert first.level is Level.DRILLED and not first.pinned
        first = again(MarkKind.DAMAGED)
        assert first.level is Level.DAMAGED and len(first.marks) == 5
        untouched = case.repository().snapshots(run)[1]
        assert untouched.id == second.id and untouched.marks == ()

    # Removing

    def test_remove_takes_only_what_it_was_given(
        self, case: RepositoryCase, repository: Repository[Any], run: Run, new_run: Callable[..., Run]
    ) -> None:
        before = case.leftovers()
        for number in range(4):
            store(repository, new_run(), {"db.dump": b"".join(noise(CHUNK, seed=number)), "same.sql": b"same"})
        all_of_them = repository.snapshots(run)
        repository.mark(all_of_them[1], Mark(kind=MarkKind.VERIFIED, at=AT), run)
        repository.remove([all_of_them[1], all_of_them[2]], run)
        left = case.repository().snapshots(run)
        assert [snapshot.id for snapshot in left] == [all_of_them[0].id, all_of_them[3].id]
        for snapshot, seed in zip(left, (0, 3), strict=True):
            repository.verify(snapshot, run)
            found = content(repository, snapshot, run)
            assert found == {"db.dump": b"".join(noise(CHUNK, seed=seed)), "same.sql": b"same"}
        repository.remove(left, run)
        assert ids(case.repository(), run) == []
        assert case.leftovers() == before, "the bytes and the marks go too"
        repository.remove([], run)

    def test_append_only_refuses_to_remove_and_says_what_to_do(
        self, case: RepositoryCase, repository: Repository[Any], run: Run
    ) -> None:
        stored = store(repository, run, {"a.sql": b"abc"})
        careful = case.repository(append_only=True)
        with pytest.raises(DaytwoError) as caught:
            careful.remove(careful.snapshots(run), run)
        assert caught.value.hint
        assert ids(case.repository(), run) == [stored.id]

    # Damage

    def test_verify_passes_what_is_whole(self, repository: Repository[Any], run: Run) -> None:
        store(repository, run, DATA)
        [snapshot] = repository.snapshots(run)
        repository.verify(snapshot, run)

    @pytest.mark.parametrize("how", Damage)
    def test_verify_notices_damage(
        self, case: RepositoryCase, repository: Repository[Any], run: Run, how: Damage
    ) -> None:
        store(repository, run)
        [snapshot] = repository.snapshots(run)
        case.damage(how)
        with pytest.raises(IntegrityError) as caught:
            case.repository().verify(snapshot, run)
        assert caught.value.hint or caught.value.where

    @pytest.mark.parametrize("how", Damage)
    def test_f02_damaged_bytes_are_never_handed_out_as_whole(
        self, case: RepositoryCase, repository: Repository[Any], run: Run, how: Damage
    ) -> None:
        store(repository, run)
        [snapshot] = repository.snapshots(run)
        case.damage(how)
        with pytest.raises(DaytwoError):
            content(case.repository(), snapshot, run)

    # What dead runs leave

    @pytest.mark.parametrize("stage", ["putting", "put", "finished"])
    def test_a_killed_writer_leaves_nothing_visible_and_sweep_cleans(
        self, case: RepositoryCase, repository: Repository[Any], run: Run, new_run: Callable[..., Run], stage: str
    ) -> None:
        kept = store(repository, new_run())
        before = case.leftovers()
        dead = new_run()
        with writing_elsewhere(case, dead, stage) as child:
            child.send_signal(signal.SIGKILL)
            child.wait(30)
        assert ids(case.repository(), run) == [kept.id]
        fresh = case.repository()
        assert fresh.sweep([dead.id], run), "what was removed is reported"
        assert case.leftovers() == before
        assert fresh.sweep([dead.id], run) == []
        [snapshot] = fresh.snapshots(run)
        assert content(fresh, snapshot, run) == {"db.dump": DATA["db.dump"]}
        assert store(fresh, run).sequence == kept.sequence + 1

    def test_sweep_never_touches_the_published(
        self, case: RepositoryCase, repository: Repository[Any], run: Run, new_run: Callable[..., Run]
    ) -> None:
        dead = new_run()
        stored = store(repository, dead)
        assert case.repository().sweep([dead.id], run) == []
        [snapshot] = case.repository().snapshots(run)
        assert snapshot.id == stored.id
        repository.verify(snapshot, run)

    def test_sweep_never_touches_the_work_of_a_live_run(
        self, case: RepositoryCase, repository: Repository[Any], run: Run, new_run: Callable[..., Run]
    ) -> None:
        live, half_way, swept = new_run(), threading.Event(), threading.Event()

        def slow() -> Iterator[bytes]:
            yield from noise(CHUNK)
            half_way.set()
            assert swept.wait(120)
            yield from noise(CHUNK)

        writer = repository.begin("s-live", live)
        put_all(writer, {"first.sql": [b"put already"]})
        with ThreadPoolExecutor(1) as pool:
            putting = pool.submit(put_all, writer, {"db.dump": slow()})
            assert half_way.wait(120)
            try:
                assert case.repository().sweep([run.id, "0" * 16], new_run()) == []
            finally:
                swept.set()
            records = [record_of("first.sql", Digest(sha256=sha256(b"put already").hexdigest(), size=11))]
            manifest = writer.finish(manifest_of("s-live", live, repository, [*records, *putting.result()]))
        writer.publish(manifest)
        [snapshot] = case.repository().snapshots(run)
        assert len(content(repository, snapshot, run)["db.dump"]) == 2 * CHUNK

    # What cannot work

    def test_check_makes_it_once_and_writes_nothing_more(
        self, case: RepositoryCase, repository: Repository[Any], run: Run
    ) -> None:
        before = case.leftovers()
        case.repository().check(run)
        assert case.leftovers() == before
        assert ids(repository, run) == []
        free = repository.free()
        assert free is None or free > 0

    def test_what_cannot_work_is_said_clearly_and_shows_no_secret(self, case: RepositoryCase, run: Run) -> None:
        for repository in case.broken():
            with pytest.raises(DaytwoError) as caught:
                repository.check(run)
            assert caught.value.where and caught.value.hint, f"{caught.value!r} must say where and what to do"
            shown = f"{caught.value}{caught.value!r}{caught.value.__cause__}"
            assert not any(secret in shown for secret in case.secrets)
            with pytest.raises(DaytwoError) as caught:
                store(repository, run, {"a.sql": b"abc"})
            assert not any(secret in str(caught.value) for secret in case.secrets)

    def test_an_unknown_component_is_an_error(self, repository: Repository[Any], run: Run) -> None:
        store(repository, run, {"a.sql": b"abc"})
        [snapshot] = repository.snapshots(run)
        with pytest.raises(DaytwoError):
            list(repository.open(snapshot, "b.sql", run))

    def test_open_can_be_left_early(self, case: RepositoryCase, repository: Repository[Any], run: Run) -> None:
        store(repository, run)
        [snapshot] = repository.snapshots(run)
        before = case.leftovers()
        chunks = repository.open(snapshot, "db.dump", run)
        assert next(iter(chunks))
        close = getattr(chunks, "close", None)
        assert close, "a generator, so that leaving it ends what feeds it"
        close()
        assert case.leftovers() == before


@contextlib.contextmanager
def writing_elsewhere(case: RepositoryCase, run: Run, stage: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that writes a snapshot and stands still at a stage: `putting`, `put` or `finished`."""
    task = {
        "kind": case.kind,
        "settings": case.settings(),
        "folder": str(case.folder),
        "run": run.id,
        "work": str(run.work),
        "stage": stage,
    }
    argv = [sys.executable, "-m", "tests.contract.half_writer", json.dumps(task)]
    root = Path(__file__).parents[2]
    child = subprocess.Popen(argv, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin and child.stdout
    try:
        assert child.stdout.readline() == b"here\n", "the other process failed before its stage"
        yield child
    finally:
        child.kill()
        child.wait(30)
        child.stdin.close()
        child.stdout.close()
