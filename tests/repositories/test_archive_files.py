"""Archives as files: other programs open them, the guide in them is true, and what lies in the folder is not trusted."""

import json
import os
import sqlite3
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytwo.core.crypt import encrypting, new_key
from daytwo.core.errors import HostileArchiveError, IntegrityError, RefusedError
from daytwo.core.manifest import Identity, Manifest, Mark, MarkKind, Snapshot
from daytwo.core.run import Run
from daytwo.repositories.archive import ArchiveRepository
from daytwo.repositories.archive.codec import Codec, blocks, make_codec
from daytwo.repositories.archive.tarhead import content, header, padding
from tests.contract.repositories import (
    AT, DATA, Bytes, content as all_content, ids, manifest_of, noise, put_all, record_of, store,
)  # fmt: skip
from tests.repositories.archive_cases import FolderCase, files, members, need


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


def shell(line: str, folder: Path) -> str:
    """Run a line as a person would type it."""
    done = subprocess.run(["bash", "-ec", line], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{line}: {done.stderr}"
    return done.stdout


# Other programs


def test_tar_busybox_gzip_and_python_open_a_tar_gz(case: FolderCase, repository: Any, run: Run, tmp_path: Path) -> None:
    archive = repository.where(store(repository, run, DATA))
    assert Path(archive).name == "shop-20260301T030000Z.tar.gz"
    assert shell(f"gzip -t {archive}", tmp_path) == ""
    for tool in ("tar", f"{need('busybox')} tar"):
        into = tmp_path / tool.split("/")[-1].replace(" ", "-")
        into.mkdir()
        shell(f"{tool} xzf {archive}", into)
        assert {name: (into / name).read_bytes() for name in DATA} == DATA
        assert json.loads((into / "manifest.json").read_text())["sequence"] == 1
        assert sorted(os.listdir(into)) == sorted([*DATA, "RESTORE.md", "manifest.json"])
    assert {name: data for name, data in members(Path(archive)).items() if name in DATA} == DATA
    assert "A lone zero" not in shell(f"tar tvzf {archive} 2>&1", tmp_path)


def test_zstd_and_tar_open_a_tar_zst(case: FolderCase, run: Run, tmp_path: Path) -> None:
    need("zstd")
    repository = case.repository(format="tar.zst", level=1)
    archive = repository.where(store(repository, run, DATA))
    shell(f"zstd -tq {archive}", tmp_path)
    shell(f"tar --zstd -xf {archive}", tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in DATA} == DATA


@pytest.mark.parametrize("format", ["tar.gz", "tar.zst"])
def test_age_opens_an_encrypted_archive(case: FolderCase, run: Run, tmp_path: Path, format: str) -> None:
    need("age")
    key = new_key()
    (tmp_path / "KEY.txt").write_text(key.secret.reveal())
    repository = case.repository(format=format, encrypt={"age": [key.recipient]})
    archive = repository.where(store(repository, run, DATA))
    assert archive.endswith(f".{format}.age")
    flags = "xzf" if format == "tar.gz" else "--zstd -xf"
    shell(f"age -d -i KEY.txt {archive} | tar {flags} -", tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in DATA} == DATA


@pytest.mark.parametrize("format", ["tar.gz", "tar.zst"])
def test_sizes_from_8_gib_on_fit_the_slot(format: str) -> None:
    codec = make_codec(format)
    small, large = (header("db.dump", size, AT) for size in (0, 20 << 30))
    assert len(codec.slot(small)) == len(codec.slot(large))
    assert b"".join(codec.decompress([codec.slot(large)])) == large
    assert tarfile.TarInfo.frombuf(large, "utf-8", "strict").size == 20 << 30


@pytest.mark.parametrize("codec", [make_codec("tar.gz"), make_codec("tar.zst")], ids=lambda codec: codec.format)
@given(data=st.binary(max_size=3000), cuts=st.lists(st.integers(0, 3000), max_size=5))
def test_any_data_in_any_pieces_comes_back(codec: Codec, data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in zip(edges, edges[1:], strict=False)]
    assert [len(block) for block in blocks(pieces, 512)][:-1] == [512] * max(0, -(-len(data) // 512) - 1)
    packed = codec.slot(header("a", len(data), AT)) + b"".join(codec.compress(block) for block in blocks(pieces, 512))
    packed += codec.compress(padding(len(data)))
    again = blocks([packed[: len(packed) // 3], packed[len(packed) // 3 :]], 100)
    assert b"".join(content(codec.decompress(again), "a", len(data))) == data


# The guide


def test_a_person_without_daytwo_follows_the_guide(case: FolderCase, repository: Any, run: Run, tmp_path: Path) -> None:
    need("age")
    data, key = guide_data(tmp_path)
    writer = repository.begin("s-1", run)
    put_all(writer, {name: [value] for name, (value, _, _) in data.items()})
    records = []
    for name, (value, kind, format) in data.items():
        plain = name.removesuffix(".age")
        record = record_of(plain, None)
        changes = {"kind": kind, "format": format, "secret": name != plain, "source": Identity(label=f"{kind} `x`\n|")}
        records.append(record.model_copy(update=changes))
    manifest = writer.finish(manifest_of("s-1", run, repository, records))
    writer.publish(manifest)
    person = tmp_path / "person"
    person.mkdir()
    (person / "archive").symlink_to(repository.where(manifest))
    shell(f"cp archive {manifest.location['file']}", person)
    guide = members(Path(repository.where(manifest)))["RESTORE.md"].decode()
    opening, *rest = [part for part in guide.split("\n## ") if "\n    " in part][1:]
    shell("\n".join(commands(opening)), person)
    (person / "restore" / "KEY.txt").write_text(key)
    for part in rest:
        shell("\n".join(commands(part)), person / "restore")
    restored = person / "restore"
    assert (restored / "restored-files" / "picture.txt").read_text() == "a picture"
    assert sqlite3.connect(restored / "app.db").execute("select * from t").fetchall() == [(42,)]
    assert (restored / "config.env").read_text() == "PASSWORD=x\n"
    assert "first" in shell("git -C restored.git log --oneline --all", restored)


def guide_data(folder: Path) -> tuple[dict[str, tuple[bytes, str, str]], str]:
    """Real data: name to bytes, kind and format; and the recovery key."""
    made = folder / "made"
    made.mkdir()
    (made / "picture.txt").write_text("a picture")
    shell("tar cf ../uploads.tar picture.txt; git init -q repo; cd repo; git -c user.name=a -c user.email=a@b"
          " commit -q --allow-empty -m first; git bundle create -q ../../code.bundle --all", made)  # fmt: skip
    with sqlite3.connect(folder / "app.db") as db:
        db.execute("create table t (n)")
        db.execute("insert into t values (42)")
    db.close()
    key = new_key()
    secret = b"".join(encrypting([b"PASSWORD=x\n"], [key.recipient]))
    return {
        "uploads.tar": ((folder / "uploads.tar").read_bytes(), "files", "tar"),
        "code.bundle": ((folder / "code.bundle").read_bytes(), "git", "git bundle"),
        "app.db": ((folder / "app.db").read_bytes(), "sqlite", "sqlite database"),
        "config.env.age": (secret, "env", "env file"),
    }, key.secret.reveal()


def commands(part: str) -> list[str]:
    """The commands of a section; those with a path only the reader knows are left out."""
    lines = [line.strip() for line in part.splitlines() if line.startswith("    ")]
    return [line for line in lines if "/path/of" not in line and not line.startswith("#")]


# Names


def test_the_environment_is_in_the_name_and_a_second_of_the_same_second_gets_a_suffix(
    case: FolderCase, run: Run
) -> None:
    staging = case.repository("shop", "staging")
    names = [Path(staging.where(store(staging, run))).name for _ in range(3)]
    stem = "shop-staging-20260301T030000Z"
    assert names == [f"{stem}.tar.gz", f"{stem}-2.tar.gz", f"{stem}-3.tar.gz"]


def test_files_of_others_are_left_alone(case: FolderCase, repository: Any, run: Run) -> None:
    others = ["notes.txt", "shop-20260301T030000Z.tar.gz.bak", "shop-old.manifest.json", ".daytwo-staging-alive"]
    for name in others:
        (case.path / name).write_text("mine")
    store(repository, run)
    repository.remove(repository.snapshots(run), run)
    assert repository.sweep(["dead"], run) == []
    assert sorted(os.listdir(case.path)) == sorted(others)


# What lies in the folder is not trusted


@pytest.mark.parametrize("file", ["../../etc/passwd", "/etc/passwd", "other-20260301T030000Z.tar.gz", "..", ""])
def test_f10_a_manifest_that_names_another_file_is_refused(
    case: FolderCase, repository: ArchiveRepository, run: Run, file: str
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


def test_a_manifest_under_another_archives_name_is_not_listed(
    case: FolderCase, repository: ArchiveRepository, run: Run
) -> None:
    store(repository, run)
    [path] = case.path.glob("*.manifest.json")
    path.with_name("shop-20270101T000000Z.manifest.json").write_bytes(path.read_bytes())
    assert len(repository.snapshots(run)) == 1


def test_a_damaged_manifest_hides_only_itself(case: FolderCase, repository: ArchiveRepository, run: Run) -> None:
    kept = store(repository, run)
    store(repository, run)
    (case.path / "shop-20260301T030000Z-2.manifest.json").write_text("{")
    assert ids(repository, run) == [kept.id]
    assert any("-2.manifest.json cannot be read" in warning for warning in run.warnings)


@pytest.mark.parametrize("change", ["link", "other name", "longer", "shorter"])
def test_f10_a_member_that_is_something_else_is_refused(
    case: FolderCase, repository: ArchiveRepository, run: Run, change: str
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


def test_unreadable_marks_count_as_a_pin_and_are_not_written_over(
    case: FolderCase, repository: ArchiveRepository, run: Run
) -> None:
    stored = store(repository, run)
    marks = case.path / "shop-20260301T030000Z.marks.json"
    marks.write_text("{half")
    [snapshot] = repository.snapshots(run)
    assert snapshot.id == stored.id and snapshot.pinned
    with pytest.raises(IntegrityError, match="nothing is added"):
        repository.mark(snapshot, Mark(kind=MarkKind.VERIFIED, at=AT), run)
    assert marks.read_text() == "{half"


def test_marks_from_many_at_once_are_all_kept(case: FolderCase, repository: ArchiveRepository, run: Run) -> None:
    from concurrent.futures import ThreadPoolExecutor

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


# Killed at the worst moment


def publish_half_way(repository: Any, case: FolderCase, run: Run) -> Manifest:
    """What a kill between the two renames of `publish` leaves."""
    writer = repository.begin("s-dead", run)
    manifest: Manifest = writer.finish(manifest_of("s-dead", run, repository, put_all(writer, {"a": noise(200_000)})))
    staged = case.path / f".daytwo-staging-{run.id}"
    (staged / "archive").rename(case.path / str(manifest.location["file"]))
    return manifest


def test_killed_between_archive_and_manifest(case: FolderCase, repository: ArchiveRepository, run: Run) -> None:
    kept = store(repository, run)
    before = case.leftovers()
    publish_half_way(repository, case, run)
    fresh = case.repository()
    assert ids(fresh, run) == [kept.id]
    assert any("unpublished archive" in line for line in fresh.sweep([run.id], run))
    assert case.leftovers() == before


def test_killed_after_the_manifest(case: FolderCase, repository: ArchiveRepository, run: Run) -> None:
    manifest = publish_half_way(repository, case, run)
    stem = str(manifest.location["file"]).removesuffix(".tar.gz")
    (case.path / f"{stem}.manifest.json").write_text(manifest.model_dump_json())
    fresh = case.repository()
    assert fresh.sweep([run.id], run) == [f"the staging folder {case.path}/.daytwo-staging-{run.id}"]
    [snapshot] = fresh.snapshots(run)
    fresh.verify(snapshot, run)


def test_killed_while_removing(case: FolderCase, repository: ArchiveRepository, run: Run) -> None:
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


def test_another_writer_in_the_same_folder_is_not_disturbed(
    case: FolderCase, repository: ArchiveRepository, run: Run
) -> None:
    writer = repository.begin("s-1", run)
    with pytest.raises(Exception, match="is there already"):
        case.repository().begin("s-1", run)
    writer.put("a.sql", Bytes([b"abc"]))
    writer.abort()


# Copies


@pytest.fixture
def copies(case: FolderCase) -> Any:
    return case.repository(path="copies", copy_of="offsite")


def test_a_copy_is_byte_identical_and_made_once(
    case: FolderCase, repository: ArchiveRepository, copies: ArchiveRepository, run: Run
) -> None:
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
    assert all_content(copies, found[manifests[0].id], run) == DATA
    copies.verify(found[manifests[0].id], run)
    assert len(files(case.folder / "copies")) == 4


def test_a_damaged_archive_is_not_copied(
    case: FolderCase, repository: ArchiveRepository, copies: ArchiveRepository, run: Run
) -> None:
    copies.check(run)
    path = Path(repository.where(store(repository, run)))
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    [snapshot] = repository.snapshots(run)
    with pytest.raises(IntegrityError, match="read back"):
        copies.copy(repository, snapshot, run)
    assert list((case.folder / "copies").iterdir()) == []


def test_a_copy_is_not_written_to_directly(copies: ArchiveRepository, run: Run) -> None:
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
    import resource

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
    from daytwo.core.errors import SpaceError

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


def test_times_are_utc_whatever_the_manifest_says(case: FolderCase, repository: Any, run: Run) -> None:
    from datetime import timezone

    at = datetime(2026, 11, 21, 5, 0, tzinfo=timezone(timedelta(hours=2)))
    assert "shop-20261121T030000Z" in repository.where(store(repository, run, at=at))
    assert at.astimezone(UTC).hour == 3
