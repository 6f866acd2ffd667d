"""What goes wrong with a real restic repository, and what daytwo makes of it."""

import contextlib
import fcntl
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daytwo.core import process as core_process
from daytwo.core.errors import (
    BusyError,
    DaytwoError,
    IntegrityError,
    RefusedError,
    RepositoryError,
    SecretError,
    SourceError,
)
from daytwo.core.fileset import Choice
from daytwo.core.manifest import Digest
from daytwo.core.process import CHUNK
from daytwo.core.run import Run
from daytwo.core.service import DumpFacts, Place, Tree
from daytwo.repositories.restic import ResticRepository
from daytwo.repositories.restic.locks import break_stale
from daytwo.repositories.restic.program import Program
from daytwo.repositories.restic.settings import ResticSettings
from daytwo.services.files import Files, FilesSettings
from tests.contract.repositories import Bytes, content, ids, manifest_of, noise, record_of, store
from tests.parts.restic import Restic
from tests.parts.ssh import SshHost
from tests.real.repositories.test_restic import PASSWORD, ResticCase, new_run
from tests.services import folders


class Folder(Tree):
    """A local folder as a service hands it over."""

    def __init__(self, path: Path, *excludes: str) -> None:
        self.path = path
        self.excludes = excludes

    def chunks(self) -> Iterator[bytes]:
        raise AssertionError("restic reads a folder by its path")

    def facts(self) -> DumpFacts:
        raise NotImplementedError


@pytest.fixture
def case(restic_folder: Path, restic: Restic) -> ResticCase:
    return ResticCase(restic_folder, restic)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return new_run(tmp_path)


@pytest.fixture
def repository(case: ResticCase, run: Run) -> ResticRepository:
    repository = opened(case)
    repository.check(run)
    return repository


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The restic commands that were started, in order."""
    seen: list[str] = []
    init = core_process.Process.__init__

    def counting(self: Any, target: Any, inner: Any, *rest: Any, **options: Any) -> None:
        seen.append(inner.argv[1])
        init(self, target, inner, *rest, **options)

    monkeypatch.setattr(core_process.Process, "__init__", counting)
    return seen


def opened(case: ResticCase, **changes: Any) -> ResticRepository:
    repository = case.repository(**changes)
    assert isinstance(repository, ResticRepository)
    return repository


@contextlib.contextmanager
def holding(case: ResticCase) -> Iterator[subprocess.Popen[bytes]]:
    """Another restic that holds the repository, as another host's backup does, until its input ends."""
    env = {**os.environ, "RESTIC_PASSWORD": PASSWORD, "RESTIC_REPOSITORY": case.address()}
    argv = ["restic", "backup", "--stdin", "--stdin-filename", "other", "--host", "other"]
    other = subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert other.stdin
    try:
        other.stdin.write(b"something")
        other.stdin.flush()
        wait_for(lambda: any(is_whole(lock) for lock in case.lock_files()))
        yield other
    finally:
        other.kill()
        other.wait(30)
        with contextlib.suppress(OSError):
            other.stdin.close()


def is_whole(lock: Path) -> bool:
    """Whether a lock is written to its end: restic names its files after their content."""
    try:
        return hashlib.sha256(lock.read_bytes()).hexdigest() == lock.name
    except FileNotFoundError:  # it was replaced by a newer one
        return False


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def put_tree(repository: ResticRepository, tree: Tree, run: Run, snapshot_id: str = "s-1") -> None:
    writer = repository.begin(snapshot_id, run)
    writer.put("uploads.tar", tree)
    record = record_of("uploads.tar", None)
    writer.publish(writer.finish(manifest_of(snapshot_id, run, repository, [record])))


def members(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Names, modes and contents of a tar."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = {}
        for member in archive:
            file = archive.extractfile(member) if member.isreg() else None
            found[member.name] = (member.mode, file.read() if file else member.linkname.encode())
        return found


@contextlib.contextmanager
def at_opening(path: Path, do: Callable[[], None]) -> Iterator[None]:
    """Call `do` when another program opens `path`, which waits in its `open` meanwhile (a lease, fcntl(2))."""
    descriptor = os.open(path, os.O_RDWR)
    finished = threading.Event()

    def hold() -> None:
        lease = fcntl.F_WRLCK
        while lease == fcntl.F_WRLCK and not finished.wait(0.01):
            lease = fcntl.fcntl(descriptor, fcntl.F_GETLEASE)
        do()
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)

    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)  # instead of SIGIO, which ends a process
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        holder = threading.Thread(target=hold)
        holder.start()
        try:
            yield
        finally:
            finished.set()
            holder.join()
    finally:
        os.close(descriptor)


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    folder = tmp_path / "srv" / "up [1]*"
    (folder / "-dash" / "deep").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "-dash" / "deep" / "ü.txt").write_text("umlaut")
    (folder / "plain.bin").write_bytes(b"".join(noise(CHUNK)))
    (folder / ("long" * 30)).write_text("long name")
    (folder / "cache").mkdir()
    (folder / "cache" / "x").write_text("left out")
    (folder / "-dash" / "cache").write_text("kept: another cache")
    (folder / "link").symlink_to("plain.bin")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o750)
    folder.chmod(0o710)
    return folder


def test_a_folder_is_read_by_path_and_comes_back_relative(
    repository: ResticRepository, run: Run, uploads: Path, tmp_path: Path
) -> None:
    put_tree(repository, Folder(uploads, "/cache", "*.none"), run)
    [snapshot] = repository.snapshots(run)
    assert snapshot.manifest.components[0].plain is None, "restic makes its tar anew each time"
    found = members(b"".join(repository.open(snapshot, "uploads.tar", run)))
    assert found.pop(".") == (0o710, b"")
    assert set(found) == {
        "-dash", "-dash/deep", "-dash/deep/ü.txt", "-dash/cache", "empty", "plain.bin", "long" * 30, "link", "run.sh",
    }  # fmt: skip
    assert found["run.sh"] == (0o750, b"#!/bin/sh\n")
    assert found["plain.bin"][1] == (uploads / "plain.bin").read_bytes()
    assert found["link"][1] == b"plain.bin"
    repository.verify(snapshot, run)
    assert run.warnings == []


def test_an_unchanged_folder_adds_next_to_nothing(
    case: ResticCase, repository: ResticRepository, tmp_path: Path, uploads: Path
) -> None:
    put_tree(repository, Folder(uploads), new_run(tmp_path), "s-1")
    before = case.size()
    put_tree(repository, Folder(uploads), new_run(tmp_path), "s-2")
    assert case.size() - before < 10_000
    listed = json.loads(case.restic("snapshots", "--json", "--tag", "snapshot:s-2", "--path", str(uploads)))
    assert "parent" in listed[0], "restic compares with the folder's last snapshot"


def test_f01_an_exclude_named_like_a_folder_above_leaves_out_no_more_than_it_says(
    repository: ResticRepository, run: Run, uploads: Path
) -> None:
    (uploads / "-dash" / "srv").mkdir()
    (uploads / "-dash" / "srv" / "x").write_text("left out")
    (uploads / "srv").write_text("left out")
    put_tree(repository, Folder(uploads, uploads.parent.name, "tmp", "-dash/deep"), run)
    [snapshot] = repository.snapshots(run)
    found = members(b"".join(repository.open(snapshot, "uploads.tar", run)))
    assert {"-dash", "-dash/cache", "cache/x", "plain.bin"} <= set(found)
    assert not {"srv", "-dash/srv", "-dash/deep/ü.txt"} & set(found)


def test_excludes_mean_the_same_to_restic(repository: ResticRepository, run: Run, tmp_path: Path) -> None:
    root = tmp_path / "data"
    folders.fill_for_excludes(root)
    everything = {".", *(str(path.relative_to(root)) for path in root.rglob("*"))}
    for number, (exclude, gone) in enumerate(folders.EXCLUDES):
        put_tree(repository, Folder(root, *Choice((str(root),), tuple(exclude)).left_out), run, f"s-{number}")
        snapshot = repository.snapshots(run)[-1]
        assert everything - set(members(b"".join(repository.open(snapshot, "uploads.tar", run)))) == gone, exclude


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_what_is_no_data_and_what_is_mounted_inside_is_not_read(
    case: ResticCase, repository: ResticRepository, run: Run, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    mount = root / "other [1]"
    mount.mkdir(parents=True)
    (root / "file").write_text("data")
    os.mkfifo(root / "back\\slash[!x]")
    settings = FilesSettings(kind="files", path=str(root), one_file_system=True)
    (component,) = Files("uploads", settings, Place(tmp_path, "app", "test")).components()
    subprocess.run(["mount", "-t", "tmpfs", "none", mount], check=True)
    try:
        (mount / "inside").write_text("of another file system")
        with component.dump(run) as dump:
            assert isinstance(dump, Tree)
            put_tree(repository, dump, run)
    finally:
        subprocess.run(["umount", mount], check=True)
    [snapshot] = repository.snapshots(run)
    found = members(b"".join(repository.open(snapshot, "uploads.tar", run)))
    assert set(found) == {".", "file", "other [1]"}
    assert json.loads(case.restic("find", "*slash*", "--json")) == []


@pytest.mark.parametrize("stream", [None, Digest(sha256="0" * 64, size=10240)], ids=["alone", "beside a stream"])
def test_f01_fewer_bytes_than_the_folder_holds_are_an_error(
    case: ResticCase, repository: ResticRepository, run: Run, uploads: Path, stream: Digest | None
) -> None:
    before = case.leftovers()
    writer = repository.begin("s-1", run)
    writer.put("uploads.tar", Folder(uploads, "plain.bin"))
    record = record_of("uploads.tar", stream).model_copy(update={"counts": {"files": 7, "bytes": CHUNK + 52}})
    with pytest.raises(IntegrityError, match=r"restic took 52 bytes of uploads\.tar, and the folder holds"):
        writer.finish(manifest_of("s-1", run, repository, [record]))
    writer.abort()
    assert repository.snapshots(run) == []
    assert case.leftovers() == before


def test_an_empty_folder_is_kept(repository: ResticRepository, run: Run, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir(mode=0o755)
    put_tree(repository, Folder(tmp_path / "nothing"), run)
    [snapshot] = repository.snapshots(run)
    assert set(members(b"".join(repository.open(snapshot, "uploads.tar", run)))) == {"."}


def test_f01_a_missing_folder_is_an_error(repository: ResticRepository, run: Run, tmp_path: Path) -> None:
    writer = repository.begin("s-1", run)
    with pytest.raises(SourceError, match="not there"):
        writer.put("uploads.tar", Folder(tmp_path / "absent"))
    writer.abort()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_f01_files_that_cannot_be_read_are_an_error(case: ResticCase, run: Run, tmp_path: Path) -> None:
    # The real restic, without root's right to read everything.
    powerless = tmp_path / "powerless-restic"
    drop = "--bounding-set=-dac_override,-dac_read_search --inh-caps=-dac_override,-dac_read_search"
    powerless.write_text(f'#!/bin/sh\nexec setpriv {drop} restic "$@"\n')
    powerless.chmod(0o755)
    repository = opened(case, binary=str(powerless))
    repository.check(run)
    source = tmp_path / "source"
    source.mkdir()
    (source / "open").write_text("open")
    (source / "closed").write_text("closed")
    (source / "closed").chmod(0)
    before = case.leftovers()
    writer = repository.begin("s-1", run)
    with pytest.raises(SourceError, match="closed"):
        writer.put("uploads.tar", Folder(source))
    writer.abort()
    assert case.leftovers() == before


def test_f14_a_file_that_vanishes_meanwhile_is_a_warning(
    repository: ResticRepository, run: Run, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "aa").write_text("stays")
    (source / "zz").write_text("gone soon")
    # restic lists the folder, then opens file after file: when it opens the first, the last is still to come.
    with at_opening(source / "aa", (source / "zz").unlink):
        put_tree(repository, Folder(source), run)
    [snapshot] = repository.snapshots(run)
    assert snapshot.manifest.components[0].warnings == (f"{source}/zz vanished while it was read",)
    assert "zz" not in members(b"".join(repository.open(snapshot, "uploads.tar", run)))


def test_f01_restic_would_store_half_a_dump_and_daytwo_does_not(
    case: ResticCase, repository: ResticRepository, run: Run
) -> None:
    half = b"".join(noise(3 * CHUNK))
    env = {**os.environ, "RESTIC_PASSWORD": PASSWORD, "RESTIC_REPOSITORY": case.address()}
    script = "(cat half; exit 1) | restic backup --stdin --stdin-filename db.dump --tag by-hand"
    (case.folder / "half").write_bytes(half)
    subprocess.run(["sh", "-c", script], cwd=case.folder, env=env, check=True, capture_output=True, timeout=60)
    assert len(json.loads(case.restic("snapshots", "--json", "--tag", "by-hand"))) == 1, "the trap is real"
    writer = repository.begin("s-1", run)
    with pytest.raises(DaytwoError, match="died"):
        writer.put("db.dump", Bytes([half, DaytwoError("the producer died")]))
    assert json.loads(case.restic("snapshots", "--json", "--tag", f"run:{run.id}")) == []
    assert case.lock_files() == [], "the killed restic's lock is gone too"


def test_f06_a_stale_lock_is_removed_and_reported(case: ResticCase, repository: ResticRepository, run: Run) -> None:
    stored = store(repository, run)
    with holding(case) as other:
        other.send_signal(signal.SIGKILL)
        other.wait(30)
        assert case.lock_files(), "a killed restic leaves its lock"
        repository.remove(repository.snapshots(run), run)
    assert ids(repository, run) == [] and stored
    assert any("stale lock" in warning and str(other.pid) in warning for warning in run.warnings)
    assert case.lock_files() == []


def test_a_lock_that_vanishes_while_it_is_looked_at_is_not_waited_for(case: ResticCase, tmp_path: Path) -> None:
    """restic 0.14 asks ten times for a lock that another one has just taken away: three quarters of a minute."""
    (case.folder / "store" / "locks" / ("ab" * 32)).symlink_to("gone")
    settings = ResticSettings.model_validate({"kind": "restic", **case.settings()})
    program = Program("offsite", settings, Place(case.folder, "shop", "production"))
    assert break_stale(program, Run("run-1", tmp_path, timeout=20)) == []


def test_f06_the_lock_of_a_living_process_is_respected(
    case: ResticCase, repository: ResticRepository, run: Run
) -> None:
    stored = store(repository, run)
    with holding(case) as other:
        repository.patience = 1.0
        with pytest.raises(BusyError, match=f"PID {other.pid}"):
            repository.remove(repository.snapshots(run), run)
        assert other.poll() is None and case.lock_files()
        assert ids(repository, run) == [stored.id]
        assert store(repository, run).sequence == 2, "backups go on side by side"


def test_what_could_not_be_cleaned_is_cleaned_later(
    case: ResticCase, repository: ResticRepository, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daytwo.repositories.restic.writer.PATIENCE", 0.5)
    writer = repository.begin("s-1", run)
    writer.put("a.sql", Bytes([b"abc"]))
    with holding(case):
        writer.abort()
        assert any("stay for now" in warning for warning in run.warnings)
    case.restic("unlock")
    later = new_run(tmp_path)
    opened(case).check(later)
    assert any("removed 1 unfinished" in warning for warning in later.warnings)
    assert json.loads(case.restic("snapshots", "--json", "--tag", f"run:{run.id}")) == []


def test_a_disk_that_is_not_mounted_gets_no_new_repository(
    case: ResticCase, repository: ResticRepository, run: Run
) -> None:
    (case.folder / "store").rename(case.folder / "elsewhere")
    (case.folder / "store").mkdir()
    with pytest.raises(RepositoryError, match="was here and is gone") as caught:
        opened(case).check(run)
    assert "Mount" in caught.value.hint
    assert list((case.folder / "store").iterdir()) == []


def test_a_wrong_password_never_makes_a_repository(case: ResticCase, repository: ResticRepository, run: Run) -> None:
    with pytest.raises(SecretError, match="password"):
        opened(case, password={"file": "wrong"}).check(run)
    assert len(case.restic("list", "keys", "--no-lock").split()) == 1


def test_f11_no_password_in_argv(case: ResticCase, repository: ResticRepository, run: Run) -> None:
    seen: list[bytes] = []

    def chunks() -> Iterator[bytes]:
        yield b"x" * CHUNK
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                seen.append((entry / "cmdline").read_bytes())
        yield b"y"

    writer = repository.begin("s-1", run)
    writer.put("a.sql", Bytes(chunks()))
    writer.abort()
    assert any(b"restic\0backup" in line for line in seen)
    assert not any(PASSWORD.encode() in line for line in seen)


def test_removed_data_leaves_the_disk(case: ResticCase, repository: ResticRepository, run: Run) -> None:
    store(repository, run, {"db.dump": b"".join(noise(20 * CHUNK))})
    full = case.size()
    repository.remove(repository.snapshots(run), run)
    assert case.size() < full - 19 * CHUNK


def test_append_only_takes_backups_and_marks_but_removes_nothing(case: ResticCase, run: Run) -> None:
    repository = opened(case, append_only=True)
    repository.check(run)
    store(repository, run)
    with pytest.raises(RefusedError, match="only be added"):
        repository.remove(repository.snapshots(run), run)
    assert len(ids(repository, run)) == 1


def test_known_manifests_are_not_read_again(
    case: ResticCase, repository: ResticRepository, run: Run, tmp_path: Path, starts: list[str]
) -> None:
    for _ in range(3):
        store(repository, new_run(tmp_path), {"a.sql": b"abc"})
    starts.clear()
    assert len(ids(opened(case), run)) == 3
    assert starts == ["snapshots"]
    shutil.rmtree(os.environ["XDG_CACHE_HOME"])
    starts.clear()
    assert len(ids(opened(case), run)) == 3
    assert sorted(starts) == ["dump", "dump", "dump", "snapshots"], "a machine without the cache reads them once"
    assert len(ids(opened(case), run)) == 3
    assert len(starts) == 5


def test_a_backup_starts_restic_as_seldom_as_can_be(repository: ResticRepository, run: Run, starts: list[str]) -> None:
    repository.check(run)
    store(repository, run, {"a.sql": b"a", "b.sql": b"b"})
    assert sorted(starts) == ["backup", "backup", "backup", "cat", "version"]
    starts.clear()
    repository.ready(run)
    store(repository, run, {"a.sql": b"c", "b.sql": b"d"})
    assert sorted(starts) == ["backup", "backup", "backup", "version"], "the repository is known"


def test_snapshots_nobody_here_has_seen_are_asked_for(
    case: ResticCase, repository: ResticRepository, run: Run, tmp_path: Path, starts: list[str]
) -> None:
    assert store(repository, run).sequence == 1
    shutil.rmtree(os.environ["XDG_CACHE_HOME"])
    starts.clear()
    assert store(opened(case), new_run(tmp_path)).sequence == 2
    assert starts.count("snapshots") == 1
    starts.clear()
    assert store(opened(case), new_run(tmp_path)).sequence == 3
    assert starts.count("snapshots") == 0


def test_another_repository_in_its_place_or_a_lock_has_it_opened(
    case: ResticCase, repository: ResticRepository, run: Run, starts: list[str]
) -> None:
    repository.ready(run)
    store_folder, lock = case.folder / "store", case.folder / "store" / "locks" / ("0" * 64)
    starts.clear()
    lock.write_bytes(b"of someone")
    with contextlib.suppress(DaytwoError):
        repository.ready(run)
    assert "cat" in starts
    lock.unlink(missing_ok=True)
    starts.clear()
    repository.ready(run)
    assert starts == ["version"]
    (store_folder / "config").unlink()
    with pytest.raises(RepositoryError, match="was here and is gone"):
        repository.ready(run)


def test_a_local_repository_met_for_the_first_time_is_opened_by_what_stores_in_it(
    case: ResticCase, repository: ResticRepository, run: Run, tmp_path: Path, starts: list[str]
) -> None:
    def first_contact(**changes: Any) -> ResticRepository:
        shutil.rmtree(os.environ["XDG_CACHE_HOME"])
        starts.clear()
        met = opened(case, **changes)
        met.ready(run)
        assert starts == ["version"]
        return met

    wrong = first_contact(password={"file": "wrong"}).begin("s-1", run)
    with pytest.raises(SecretError, match="password"):
        wrong.put("a.sql", Bytes([b"a"]))
    wrong.abort()
    assert case.lock_files() == []

    store(first_contact(), run)
    starts.clear()
    opened(case).ready(run)
    assert starts == ["version"], "it is known from then on"

    (case.folder / "store" / "config").unlink()
    with pytest.raises(RepositoryError, match="was here and is gone"):
        opened(case).ready(run)
    shutil.rmtree(case.folder / "store")
    case.restic("init")
    later = new_run(tmp_path)
    opened(case).ready(later)
    assert any("another repository than at the last time" in warning for warning in later.warnings)


def test_restic_begins_while_the_producer_gets_ready(
    case: ResticCase, repository: ResticRepository, run: Run, starts: list[str]
) -> None:
    def chunks() -> Iterator[bytes]:
        wait_for(lambda: "backup" in starts)
        yield b"a"

    writer = repository.begin("s-1", run)
    writer.put("a.sql", Bytes(chunks()))
    writer.abort()


def test_nothing_is_stored_of_a_stream_without_a_byte_and_no_lock_stays(
    case: ResticCase, repository: ResticRepository, run: Run
) -> None:
    seen: list[Path] = []

    def chunks() -> Iterator[bytes]:
        wait_for(lambda: any(is_whole(lock) for lock in case.lock_files()))
        seen.extend(case.lock_files())
        yield b""

    writer = repository.begin("s-1", run)
    writer.put("empty.sql", Bytes(chunks()))
    assert seen and not set(seen) & set(case.lock_files()), "what waits for the manifest has another"
    writer.abort()
    assert case.lock_files() == []
    assert json.loads(case.restic("snapshots", "--json", "--tag", f"run:{run.id}")) == []


def test_a_damaged_manifest_hides_no_other_snapshot(
    case: ResticCase, repository: ResticRepository, run: Run, tmp_path: Path
) -> None:
    first = store(repository, new_run(tmp_path), {"a.sql": b"abc"})
    second = store(repository, new_run(tmp_path), {"b.sql": b"abd"})
    for pack in case.packs()[-2:]:  # the manifest's data and its tree
        pack.chmod(0o600)
        pack.write_bytes(bytes(pack.stat().st_size))
    shutil.rmtree(os.environ["XDG_CACHE_HOME"])
    shutil.rmtree(os.environ["RESTIC_CACHE_DIR"])
    assert ids(opened(case), run) == [first.id]
    assert any(second.id in warning and "damaged" in warning for warning in run.warnings)


def test_verify_reads_what_is_stored_and_no_cache(case: ResticCase, repository: ResticRepository, run: Run) -> None:
    store(repository, run, {"a.sql": b"abc"})
    [snapshot] = repository.snapshots(run)
    trees = set()
    for index in case.restic("list", "index", "--no-lock").split():
        packs = json.loads(case.restic("cat", "index", index, "--no-lock"))["packs"]
        trees |= {pack["id"] for pack in packs if pack["blobs"][0]["type"] == "tree"}
    hurt = [pack for pack in case.packs() if pack.name in trees]
    for pack in hurt:
        pack.chmod(0o600)
        pack.write_bytes(bytes(pack.stat().st_size))
    assert hurt and content(repository, snapshot, run), "restic's own cache hides it"
    with pytest.raises(IntegrityError):
        opened(case).verify(snapshot, run)


def test_check_data_reads_a_share(case: ResticCase, repository: ResticRepository, run: Run) -> None:
    store(repository, run)
    assert "no errors" in repository.check_data("100%", run)
    case.damage_all()
    with pytest.raises(IntegrityError):
        repository.check_data("100%", run)


def test_other_repositories_in_the_callers_environment_do_not_matter(
    case: ResticCase, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(case.folder / "store")
    (tmp_path / "other").write_text("/nonexistent")
    monkeypatch.setenv("RESTIC_REPOSITORY_FILE", str(tmp_path / "other"))
    monkeypatch.setenv("RESTIC_PASSWORD_FILE", str(tmp_path / "other"))
    repository = opened(case)
    repository.check(run)
    for name in ("RESTIC_REPOSITORY_FILE", "RESTIC_PASSWORD_FILE"):
        monkeypatch.delenv(name)
    assert case.restic("list", "keys", "--no-lock"), "made at its own place, with its own password"


def test_over_sftp(restic_folder: Path, ssh_host: SshHost, restic: Restic, run: Run) -> None:
    case = ResticCase(restic_folder, restic)
    ssh = f"ssh -F {ssh_host.config} {ssh_host.name} -s sftp"
    settings = {"url": f"sftp:{ssh_host.name}:{restic_folder}/store", "options": ["-o", f"sftp.command={ssh}"]}
    repository = opened(case, **settings)
    repository.check(run)
    data = {"a.sql": b"abc", "db.dump": b"".join(noise(2 * CHUNK))}
    store(repository, run, data)
    [snapshot] = repository.snapshots(run)
    assert content(repository, snapshot, run) == data
    writer = repository.begin("s-2", run)
    writer.put("db.dump", Bytes([b"".join(noise(2 * CHUNK, seed=9))]))
    pack = max(case.packs()[-4:], key=lambda path: path.stat().st_size)
    pack.chmod(0o600)
    pack.write_bytes(bytes(pack.stat().st_size))
    with pytest.raises(IntegrityError):
        writer.finish(manifest_of("s-2", run, repository, [record_of("db.dump", None)]))
    writer.abort()
    assert ids(repository, run) == [snapshot.id]
