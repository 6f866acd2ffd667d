"""What goes wrong around archives: hostile folders, kills at the worst moment, damaged originals, full disks."""

import errno
import os
import resource
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from daytwo.core.errors import HostileArchiveError, IntegrityError, RefusedError, RepositoryError, SpaceError
from daytwo.core.manifest import Manifest, Mark, MarkKind, Snapshot
from daytwo.core.run import Run
from daytwo.repositories.archive import disk, tarhead
from daytwo.repositories.archive.codec import make_codec
from daytwo.repositories.archive.tarhead import header, padding
from tests.contract.repositories import AT, DATA, Bytes, content, ids, manifest_of, noise, put_all, store
from tests.repositories.archive_cases import FolderCase, files


@pytest.fixture
def case(tmp_path: Path) -> FolderCase:
    return FolderCase(tmp_path)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run("0123456789abcdef", tmp_path / "work", timeout=120)


@pytest.fixture
def repository(case: FolderCase, run: Run) -> Any:
    repository = case.repository()
    repository.check(run)
    return repository


# What lies in the folder is not trusted


@pytest.mark.parametrize("file", ["../../etc/passwd", "/etc/passwd", "other-20260301T030000Z.tar.gz", "..", ""])
def test_f10_a_manifest_that_names_another_file_is_refused(
    case: FolderCase, repository: Any, run: Run, file: str
) -> None:
    stored = store(repository, run)
    evil = stored.located({**stored.location, "file": file})
    [path] = case.path.glob("*.manifest.json")
    path.write_text(evil.model_dump_json())
    (case.path / "other-20260301T030000Z.tar.gz").write_text("another app's")
    assert repository.snapshots(run) == []
    assert any("is not listed" in warning for warning in run.warnings)
    snapshot = Snapshot(repository="local", manifest=evil)
    acts: list[Callable[[], object]] = [
        lambda: list(repository.open(snapshot, "db.dump", run)), lambda: repository.verify(snapshot, run),
        lambda: repository.remove([snapshot], run), lambda: repository.where(evil),
        lambda: repository.mark(snapshot, Mark(kind=MarkKind.PINNED, at=AT), run),
    ]  # fmt: skip
    for act in acts:
        with pytest.raises(HostileArchiveError):
            act()
    assert (case.path / "other-20260301T030000Z.tar.gz").exists()


def test_a_manifest_under_another_archives_name_is_not_listed(case: FolderCase, repository: Any, run: Run) -> None:
    store(repository, run)
    [path] = case.path.glob("*.manifest.json")
    path.with_name("shop-20270101T000000Z.manifest.json").write_bytes(path.read_bytes())
    assert len(repository.snapshots(run)) == 1


def test_a_damaged_manifest_hides_only_itself(case: FolderCase, repository: Any, run: Run) -> None:
    kept = store(repository, run)
    store(repository, run)
    (case.path / "shop-20260301T030000Z-2.manifest.json").write_text("{")
    assert ids(repository, run) == [kept.id]
    assert any("-2.manifest.json cannot be read" in warning for warning in run.warnings)


@pytest.mark.parametrize("change", ["link", "other name", "longer", "shorter"])
def test_f10_a_member_that_is_something_else_is_refused(
    case: FolderCase, repository: Any, run: Run, change: str
) -> None:
    stored = store(repository, run, {"a.sql": b"abc"})
    [snapshot] = repository.snapshots(run)
    path = Path(repository.where(stored))
    slot = len(make_codec("tar.gz").slot(bytes(512)))
    info = tarfile.TarInfo("b.sql" if change == "other name" else "a.sql")
    info.size = {"longer": 4, "shorter": 2}.get(change, 3)
    if change == "link":
        info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc/passwd", 0
    data = path.read_bytes()
    path.write_bytes(make_codec("tar.gz").slot(info.tobuf(tarfile.GNU_FORMAT)) + data[slot:])
    with pytest.raises(HostileArchiveError, match=r"a\.sql \(3 bytes\) should be"):
        list(repository.open(snapshot, "a.sql", run))


def test_unreadable_marks_count_as_a_pin_and_are_not_written_over(case: FolderCase, repository: Any, run: Run) -> None:
    stored = store(repository, run)
    marks = case.path / "shop-20260301T030000Z.marks.json"
    marks.write_text("{half")
    [snapshot] = repository.snapshots(run)
    assert snapshot.id == stored.id and snapshot.pinned
    with pytest.raises(IntegrityError, match="nothing is added"):
        repository.mark(snapshot, Mark(kind=MarkKind.VERIFIED, at=AT), run)
    assert marks.read_text() == "{half"


def test_marks_from_many_at_once_are_all_kept(case: FolderCase, repository: Any, run: Run) -> None:
    store(repository, run)
    [snapshot] = repository.snapshots(run)

    def add(number: int) -> None:
        mine = Run(f"run-{number}", run.work)
        note = Mark(kind=MarkKind.VERIFIED, at=AT + timedelta(seconds=number), note=str(number))
        case.repository().mark(snapshot, note, mine)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(24)))
    [snapshot] = repository.snapshots(run)
    assert [mark.note for mark in snapshot.marks] == [str(number) for number in range(24)]


# Reading back


@pytest.mark.parametrize("data", [b"", b"ab", b"abc", b"abcd", b"abcde", b"abcdef!", b"abcdeF", b"Abcdef"])
@pytest.mark.parametrize("step", [1, 2, 7])
def test_read_back_takes_nothing_but_what_was_written(data: bytes, step: int) -> None:
    segments = [disk.Segment(3, sha256(b"abc").hexdigest()), disk.Segment(3, sha256(b"def").hexdigest())]

    def pieces(whole: bytes) -> Iterator[bytes]:
        return (whole[at : at + step] for at in range(0, len(whole), step))

    whole = disk.read_back(pieces(b"abcdef"), segments, "here")
    assert (whole.size, whole.sha256) == (6, sha256(b"abcdef").hexdigest())
    with pytest.raises(IntegrityError, match="here"):
        disk.read_back(pieces(data), segments, "here")


@pytest.mark.parametrize("refusal", [errno.EXDEV, errno.ENOSYS])
def test_parts_are_joined_where_the_kernel_cannot_copy(
    case: FolderCase, repository: Any, run: Run, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    def refuse(*args: object) -> int:
        raise OSError(refusal, "not here")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    store(repository, run, DATA)
    [snapshot] = repository.snapshots(run)
    assert content(repository, snapshot, run) == DATA


def test_bytes_after_a_members_end_are_refused() -> None:
    whole = header("a.sql", 3, AT) + b"abc" + padding(3)
    assert list(tarhead.content(iter([whole]), "a.sql", 3)) == [b"abc"]
    for odd in (whole + b"x", whole[:-1], whole[:-1] + b"x", whole[:514], whole[:100], b""):
        with pytest.raises(IntegrityError):
            list(tarhead.content(iter([odd]), "a.sql", 3))


def test_f01_a_failed_component_takes_no_room(case: FolderCase, repository: Any, run: Run) -> None:
    writer = repository.begin("s-1", run)
    with pytest.raises(ZeroDivisionError):
        writer.put("db.dump", Bytes([*noise(3 << 20), ZeroDivisionError()]))
    assert files(case.path) == []
    writer.abort()


# Killed at the worst moment


def publish_half_way(repository: Any, case: FolderCase, run: Run) -> Manifest:
    """What a kill between the two renames of `publish` leaves."""
    writer = repository.begin("s-dead", run)
    manifest: Manifest = writer.finish(manifest_of("s-dead", run, repository, put_all(writer, {"a": noise(200_000)})))
    staged = case.path / f".daytwo-staging-{run.id}"
    (staged / "archive").rename(case.path / str(manifest.location["file"]))
    return manifest


def test_killed_between_archive_and_manifest(case: FolderCase, repository: Any, run: Run) -> None:
    kept = store(repository, run)
    before = case.leftovers()
    publish_half_way(repository, case, run)
    fresh = case.repository()
    assert ids(fresh, run) == [kept.id]
    assert any("unpublished archive" in line for line in fresh.sweep([run.id], run))
    assert case.leftovers() == before


def test_killed_after_the_manifest(case: FolderCase, repository: Any, run: Run) -> None:
    manifest = publish_half_way(repository, case, run)
    stem = str(manifest.location["file"]).removesuffix(".tar.gz")
    (case.path / f"{stem}.manifest.json").write_text(manifest.model_dump_json())
    fresh = case.repository()
    assert fresh.sweep([run.id], run) == [f"the staging folder {case.path}/.daytwo-staging-{run.id}"]
    [snapshot] = fresh.snapshots(run)
    fresh.verify(snapshot, run)


def test_killed_while_removing(case: FolderCase, repository: Any, run: Run) -> None:
    kept = store(repository, run)
    before = case.leftovers()
    store(repository, run, {"a.sql": b"abc"})
    stem = "shop-20260301T030000Z-2"
    (case.path / f"{stem}.removing.json").write_text(f"{stem}.tar.gz")
    fresh = case.repository()
    assert fresh.sweep([], run) == [] and len(fresh.snapshots(run)) == 2, "it was not out of sight yet: it stays"
    (case.path / f"{stem}.removing.json").write_text(f"{stem}.tar.gz")
    (case.path / f"{stem}.manifest.json").unlink()
    assert fresh.sweep([], run) == [f"the rest of the removed archive {stem}.tar.gz"]
    assert ids(fresh, run) == [kept.id] and case.leftovers() == before


def test_another_writer_in_the_same_folder_is_not_disturbed(case: FolderCase, repository: Any, run: Run) -> None:
    writer = repository.begin("s-1", run)
    with pytest.raises(RepositoryError, match="is there already"):
        case.repository().begin("s-1", run)
    writer.put("a.sql", Bytes([b"abc"]))
    writer.abort()


# Copies


@pytest.fixture
def copies(case: FolderCase) -> Any:
    return case.repository(path="copies", copy_of="offsite")


def test_a_copy_is_byte_identical_and_made_once(case: FolderCase, repository: Any, copies: Any, run: Run) -> None:
    copies.check(run)
    manifests = [store(repository, run, DATA), store(repository, run)]
    for snapshot in repository.snapshots(run)[1:]:
        assert copies.copy(repository, snapshot, run).sequence == 1
    [newest] = repository.snapshots(run)[1:]
    assert copies.copy(repository, newest, run).sequence == 1, "copied already"
    first = copies.copy(repository, repository.snapshots(run)[0], run)
    assert first.sequence == 2 and first.id == manifests[0].id
    for manifest in manifests:
        assert Path(copies.where(manifest)).read_bytes() == Path(repository.where(manifest)).read_bytes()
    found = {one.id: one for one in copies.snapshots(run)}
    assert content(copies, found[manifests[0].id], run) == DATA
    copies.verify(found[manifests[0].id], run)
    assert len(files(case.folder / "copies")) == 4


def test_a_damaged_archive_is_not_copied(case: FolderCase, repository: Any, copies: Any, run: Run) -> None:
    copies.check(run)
    path = Path(repository.where(store(repository, run)))
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    [snapshot] = repository.snapshots(run)
    with pytest.raises(IntegrityError, match="read back"):
        copies.copy(repository, snapshot, run)
    assert list((case.folder / "copies").iterdir()) == []


def test_a_copy_is_not_written_to_directly(copies: Any, run: Run) -> None:
    with pytest.raises(RefusedError, match="receives copies of offsite"):
        copies.begin("s-1", run)
    assert copies.copy_of == "offsite"


# Full disks


def fill(repository: Any, run: Run, size: int) -> None:
    """A snapshot of two incompressible components."""
    writer = repository.begin("s-big", run)
    try:
        records = put_all(writer, {"a.bin": noise(size, 1), "b.bin": noise(size, 2)})
        writer.publish(writer.finish(manifest_of("s-big", run, repository, records)))
    finally:
        writer.abort()


@pytest.fixture
def small_disk(case: FolderCase) -> Iterator[int]:
    """The repository's folder on a disk of 8 MiB; a stand-in (a limit on the size of one file) without root."""
    case.path.mkdir()
    if os.geteuid() == 0:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", case.path], check=True)
        yield 8 << 20
        subprocess.run(["umount", case.path], check=True)
    else:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, before[1]))
        yield 8 << 20
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(("share", "when"), [(0.7, "while putting"), (0.4, "while joining the parts")])
def test_f05_a_full_disk(case: FolderCase, run: Run, small_disk: int, share: float, when: str) -> None:
    repository = case.repository()
    kept = store(repository, run, {"a.sql": b"abc"})
    before = case.leftovers()
    with pytest.raises(SpaceError) as caught:
        fill(repository, run, int(small_disk * share))
    assert str(case.path) in str(caught.value) and "bytes" in str(caught.value) and caught.value.hint
    assert case.leftovers() == before
    [snapshot] = repository.snapshots(run)
    assert snapshot.id == kept.id
    repository.verify(snapshot, run)


def test_f05_a_disk_that_just_suffices(case: FolderCase, run: Run, small_disk: int) -> None:
    fill(case.repository(), run, int(small_disk * 0.3))
    assert ids(case.repository(), run) == ["s-big"]
