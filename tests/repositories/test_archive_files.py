"""Archives as files: other programs open them, the guide in them is true, names follow the rule."""

import json
import sqlite3
import subprocess
import tarfile
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytwo.core.crypt import encrypting, new_key
from daytwo.core.manifest import Identity
from daytwo.core.run import Run
from daytwo.repositories.archive.codec import Codec, blocks, make_codec
from daytwo.repositories.archive.tarhead import content, header, padding
from tests.contract.repositories import AT, DATA, manifest_of, put_all, record_of, store
from tests.repositories.archive_cases import FolderCase, members, need


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
    done = subprocess.run(["bash", "-ec", line], check=False, cwd=folder, capture_output=True, text=True, timeout=60)
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
        assert sorted(path.name for path in into.iterdir()) == sorted([*DATA, "RESTORE.md", "manifest.json"])
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
    pieces = [data[a:b] for a, b in pairwise(edges)]
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
    assert sorted(path.name for path in case.path.iterdir()) == sorted(others)


def test_times_are_utc_whatever_the_manifest_says(case: FolderCase, repository: Any, run: Run) -> None:
    at = datetime(2026, 11, 21, 5, 0, tzinfo=timezone(timedelta(hours=2)))
    assert "shop-20261121T030000Z" in repository.where(store(repository, run, at=at))
