"""Tar streams: passed on unchanged, and stopped before the first member that would do harm."""

import contextlib
import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytwo.core.errors import DaytwoError, HostileArchiveError, IntegrityError, UsageError
from daytwo.core.tarball import Summary, kept, listing, pick, selected, summary, validated
from daytwo.core.tarformat import END, Type, checksummed, normal
from daytwo.core.tarjudge import printable
from daytwo.core.tarname import rebased

AWKWARD = [
    "plain",
    "with space",
    "quote'\"",
    "new\nline",
    "-dash",
    "ümlaut",
    os.fsdecode(b"not\xffutf8"),
    "$(x)`y`*?[z]",
]


def cut(data: bytes, size: int = 1000) -> Iterator[bytes]:
    """The bytes in pieces that fit no block."""
    return (data[at : at + size] for at in range(0, len(data), size))


def make(*members: tuple[str, bytes, str | bytes], format: int = tarfile.GNU_FORMAT) -> bytes:
    """An archive of (path, type, link target or content)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as tar:
        for path, kind, rest in members:
            info = tarfile.TarInfo(path)
            info.type = kind
            info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
            if isinstance(rest, bytes):
                info.size = len(rest)
                tar.addfile(info, io.BytesIO(rest))
            else:
                info.linkname = rest
                tar.addfile(info)
    return out.getvalue()


def gnu_tar(folder: Path, *options: str) -> bytes:
    return subprocess.run(["tar", "-c", "-C", folder, *options, "-f", "-", "."], check=True, capture_output=True).stdout


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with everything that a backup must keep."""
    root = tmp_path / "tree"
    (root / "sub" / "empty").mkdir(parents=True)
    for name in AWKWARD:
        (root / "sub" / name).write_bytes(name.encode("utf-8", "surrogateescape"))
    deep = root.joinpath(*["d" * 120] * 3)
    deep.mkdir(parents=True)
    (deep / ("f" * 200)).write_text("deep")
    (root / "link").symlink_to("/etc/passwd")
    (root / "dangling").symlink_to("x" * 300)
    (root / "hard1").write_text("linked")
    (root / "hard2").hardlink_to(root / "hard1")
    with (root / "sparse").open("wb") as file:
        file.truncate(5_000_000)
        for at in range(0, 5_000_000, 100_000):
            file.seek(at)
            file.write(b"data" * 10)
    os.setxattr(root / "hard1", "user.note", b"\x00binary\n1=2\n")
    return root


FORMATS = {
    "gnu": ("--format=gnu",),
    "gnu sparse": ("--format=gnu", "--sparse"),
    "posix": ("--format=posix", "--xattrs", "--acls"),
    "posix sparse": ("--format=posix", "--sparse", "--xattrs"),
    "posix sparse 0.1": ("--format=posix", "--sparse", "--sparse-version=0.1"),
    "posix sparse 0.0": ("--format=posix", "--sparse", "--sparse-version=0.0"),
    "ustar prefix": ("--format=ustar", "--exclude=sparse", "--exclude=dangling", "--exclude=ddd*"),
}


@pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("piece", [1, 511, 512, 1 << 20])
def test_real_archives_pass_unchanged(tree: Path, options: tuple[str, ...], piece: int) -> None:
    data = gnu_tar(tree, *options)
    if piece == 1:
        data = data[: 3 * 512] + END if not any(data[512:1024]) else data
    assert b"".join(validated(cut(data, max(piece, 64)))) == data


@pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)
def test_listing_is_what_is_on_disk(tree: Path, options: tuple[str, ...]) -> None:
    found = {m.path: m for m in listing(cut(gnu_tar(tree, *options)))}
    left_out = {"sparse", "dangling", "d" * 120} if "--format=ustar" in options else set()
    on_disk = {
        str((Path(folder) / name).relative_to(tree))
        for folder, folders, files in os.walk(tree)
        for name in folders + files
    }
    assert set(found) - {""} == {p for p in on_disk if p.split("/")[0] not in left_out}
    if "sparse" in found:
        assert found["sparse"].size == 5_000_000
    assert found["link"].link == "/etc/passwd"
    assert found["link"].type is Type.SYMLINK
    linked = {found["hard1"].type, found["hard2"].type}
    assert linked == {Type.FILE, Type.HARDLINK}
    assert found["sub/empty"].type is Type.FOLDER


def test_summary_counts_names_and_each_hard_linked_file_once(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "a").write_bytes(b"12345")
    (tmp_path / "t" / "b").hardlink_to(tmp_path / "t" / "a")
    (tmp_path / "t" / "l").symlink_to("a")
    assert summary(cut(gnu_tar(tmp_path / "t"))) == Summary(files=3, bytes=5)


def test_python_and_docker_like_archives_pass() -> None:
    for format in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
        data = make(("a/", tarfile.DIRTYPE, ""), ("a/b", tarfile.REGTYPE, b"x"), format=format)
        assert b"".join(validated(cut(data))) == data
    unpadded = make(("a", tarfile.REGTYPE, b"x"))[:1024] + END  # Go writes no padding after the end
    assert b"".join(validated(cut(unpadded))) == unpadded


def _pax(records: bytes, header: bytes, kind: bytes = b"x") -> bytes:
    block = bytearray(512)
    block[:3] = b"pax"
    block[100:108] = b"0000644\0"
    block[124:136] = b"%011o\0" % len(records)
    block[156:157] = kind
    block[257:265] = b"ustar\x0000"
    return checksummed(bytes(block)) + records + bytes(-len(records) % 512) + header


def _plain(name: bytes, content: bytes = b"pwned", kind: bytes = b"0", link: bytes = b"", **fields: bytes) -> bytes:
    block = bytearray(512)
    block[: len(name)] = name
    block[100:108] = b"0000644\0"
    block[124:136] = fields.get("size", b"%011o\0" % len(content))
    block[156:157] = kind
    block[157 : 157 + len(link)] = link
    block[257:265] = fields.get("magic", b"ustar\x0000")
    prefix = fields.get("prefix", b"")
    block[345 : 345 + len(prefix)] = prefix
    return checksummed(bytes(block)) + content + bytes(-len(content) % 512)


def _record(key: str, value: str) -> bytes:
    size = len(key) + len(value) + 3
    while len(str(size)) + len(key) + len(value) + 3 != size:
        size = len(str(size)) + len(key) + len(value) + 3
    return f"{size} {key}={value}\n".encode()


REG, DIR, SYM, LNK = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
ESCAPES: dict[str, Callable[[str], bytes]] = {
    "absolute path": lambda out: make((f"{out}/pwned", REG, b"x")),
    "dot dot": lambda out: make(("../outside/pwned", REG, b"x")),
    "dot dot in the middle": lambda out: make(("a/", DIR, ""), ("a/../../outside/pwned", REG, b"x")),
    "long name": lambda out: make(("./" * 60 + "../outside/pwned", REG, b"x")),
    "pax name": lambda out: _pax(_record("path", "../outside/pwned"), _plain(b"harmless")) + END,
    "pax sparse name": lambda out: (
        _pax(
            _record("GNU.sparse.major", "1") + _record("GNU.sparse.minor", "0")
            + _record("GNU.sparse.name", "../outside/pwned") + _record("GNU.sparse.realsize", "5"),
            _plain(b"harmless", b"1\n0\n5\n".ljust(512, b"\0") + b"pwned"),
        ) + END
    ),
    "ustar prefix": lambda out: _plain(b"outside/pwned", prefix=b"..") + END,
    "through a symbolic link": lambda out: make(("x", SYM, out), ("x/pwned", REG, b"x")),
    "through a relative symbolic link": lambda out: make(("x", SYM, "../outside"), ("x/pwned", REG, b"x")),
    "through two symbolic links": lambda out: make(
        ("a", SYM, "."), ("b", SYM, "a/../outside"), ("b/pwned", REG, b"x")
    ),
    "behind a symbolic link, deep": lambda out: make(
        ("d/", DIR, ""), ("d/x", SYM, out), ("ok", REG, b""), ("d/x/y/z/pwned", REG, b"x")
    ),
    "symbolic link spelt otherwise": lambda out: make(("./x", SYM, out), (".//x/./pwned", REG, b"x")),
    "folder in place of its symbolic link": lambda out: make(("x", SYM, out), ("x/", DIR, ""), ("x/pwned", REG, b"x")),
    "hard link to a symbolic link": lambda out: make(("x", SYM, out), ("y", LNK, "x"), ("y/pwned", REG, b"x")),
}  # fmt: skip


@pytest.mark.parametrize("craft", ESCAPES.values(), ids=ESCAPES)
def test_f10_a_crafted_archive_does_not_escape(craft: Callable[[str], bytes], tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    data = craft(str(outside))
    argv = ["tar", "-x", "-P", "--keep-directory-symlink", "-C", str(inside), "-f", "-"]
    subprocess.run(argv, input=data, check=False, capture_output=True)
    assert list(outside.rglob("pwned")), "without the defence it must escape, or the test proves nothing"
    passed = b""
    with pytest.raises(HostileArchiveError):
        for chunk in validated(cut(data)):
            passed += chunk
    assert b"pwned" not in passed


def test_f10_hard_link_to_a_file_outside(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "inside").mkdir()
    victim = tmp_path / "outside" / "victim"
    victim.write_text("before")
    data = make(("h", LNK, str(victim)), ("h", REG, b"after"))
    argv = ["tar", "-x", "-P", "--overwrite", "-C", str(tmp_path / "inside"), "-f", "-"]
    subprocess.run(argv, input=data, check=False, capture_output=True)
    assert victim.read_text() == "after", "without the defence it must escape, or the test proves nothing"
    for target in (str(victim), "../outside/victim", "a/../../outside/victim"):
        with pytest.raises(HostileArchiveError):
            list(validated(cut(make(("h", LNK, target), ("h", REG, b"after")))))


REFUSED: dict[str, bytes] = {
    "character device": make(("null", tarfile.CHRTYPE, "")),
    "block device": make(("sda", tarfile.BLKTYPE, "")),
    "fifo": make(("pipe", tarfile.FIFOTYPE, "")),
    "hard link to nothing": make(("h", LNK, "missing")),
    "hard link to itself": make(("h", LNK, "h")),
    "hard link behind a symbolic link": make(("s", SYM, "/etc"), ("h", LNK, "s/passwd")),
    "one path twice": make(("a", REG, b"shown"), ("./a", REG, b"extracted")),
    "a file, then a symbolic link of its name": make(("a", REG, b"x"), ("a", SYM, "/etc")),
    "a symbolic link, then a file of its name": make(("a", SYM, "/etc/passwd"), ("a", REG, b"x")),
    "a symbolic link, then a member whose other name is its": make(("x", SYM, "/etc"))[:512]
    + _pax(_record("path", "y"), _plain(b"x", b""))
    + END,
    "hard link behind a folder that became a symbolic link": make(
        ("s/passwd", REG, b""), ("s", SYM, "/etc"), ("h", LNK, "s/passwd")
    ),
    "root folder as a symbolic link": make((".", SYM, "/etc")),
    "unknown type": _plain(b"v", kind=b"V") + END,
    "multi-volume": _plain(b"v", kind=b"M") + END,
    "two sizes": _pax(_record("size", "1024"), _plain(b"a", b"x" * 512)) + END,
    "size in words": _pax(_record("size", "+5"), _plain(b"a")) + END,
    "two paths in one header": _pax(_record("path", "a") + _record("path", "b"), _plain(b"c")) + END,
    "two extended headers": _pax(_record("path", "a"), _pax(_record("path", "b"), _plain(b"c"))) + END,
    "extended header cut short": _pax(b"99 path=a\n", _plain(b"c")) + END,
    "extended header without a number": _pax(b"path=a\n", _plain(b"c")) + END,
    "global header": _pax(_record("path", "../x"), _plain(b"c"), b"g") + END,
    "zero byte in a name": _pax(b"12 path=a\0b\n", _plain(b"c")) + END,
    "a link with data": _plain(b"l", b"data", kind=b"2", link=b"x") + END,
    "a folder with data": _plain(b"d/", b"data", kind=b"5") + END,
    "GNU header with a prefix": _plain(b"x", magic=b"ustar  \0", prefix=b"..") + END,
    "something after the end": make(("a", REG, b"x")) + make(("b", REG, b"hidden")),
    "huge extended header": _plain(b"x", b"", kind=b"x", size=b"77777777777\0") + END,
    "negative size": _plain(b"x", size=b"\xff" * 12) + END,
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_f10_what_no_backup_holds_is_refused(data: bytes) -> None:
    with pytest.raises(HostileArchiveError):
        list(validated(cut(data)))
    with pytest.raises(HostileArchiveError):
        list(listing(cut(data)))


def test_git_archive_comment_is_taken() -> None:
    data = _pax(_record("comment", "abc"), _plain(b"a"), b"g") + END
    assert b"".join(validated(cut(data))) == data


@pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)
def test_f02_a_truncated_stream_is_noticed_wherever_it_ends(tree: Path, options: tuple[str, ...]) -> None:
    data = gnu_tar(tree, *options).rstrip(b"\0")
    data += bytes(-len(data) % 512)
    for end in (*range(0, len(data) + 1, max(512, len(data) // 97 // 512 * 512)), len(data) - 1, len(data) + 512):
        with pytest.raises(IntegrityError):
            list(validated(cut((data + bytes(512))[:end])))
    list(validated(cut(data + END)))


def test_damage_is_noticed() -> None:
    data = bytearray(make(("a", REG, b"x" * 600), ("b", REG, b"y")))
    data[3 * 512 + 1] ^= 1
    with pytest.raises(IntegrityError):
        list(validated(cut(bytes(data))))
    for junk in (b"", b"no tar", b"\x1f\x8b" + bytes(600), bytes(512) + b"x" * 512, bytes(512)):
        with pytest.raises(IntegrityError):
            list(validated([junk]))


@given(st.binary(max_size=3000))
def test_any_bytes_give_an_answer_or_an_error_of_ours(data: bytes) -> None:
    with contextlib.suppress(DaytwoError):
        list(validated(cut(make(("a", REG, b"x"))[:512] + data)))


@pytest.mark.slow
def test_memory_stays_flat_for_many_members() -> None:
    import tracemalloc

    def many() -> Iterator[bytes]:
        for number in range(100_000):
            yield _plain(b"folder/file-%d" % number, b"")
        yield END

    tracemalloc.start()
    for _ in validated(many()):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 << 20


class TestPick:
    @pytest.fixture
    def data(self, tree: Path) -> bytes:
        return gnu_tar(tree, "--format=posix", "--sparse", "--sort=name")

    def test_each_file(self, data: bytes, tree: Path) -> None:
        for name in [*(f"sub/{n}" for n in AWKWARD), "hard1", "hard2", "./hard1", "sparse"]:
            assert b"".join(pick(lambda: cut(data), name)) == (tree / name).read_bytes(), name

    @pytest.mark.parametrize(
        "options", [o for n, o in FORMATS.items() if "sparse" in n], ids=[n for n in FORMATS if "sparse" in n]
    )
    def test_sparse_files_of_each_sort(self, tree: Path, options: tuple[str, ...]) -> None:
        data = gnu_tar(tree, *options)
        assert b"".join(pick(lambda: cut(data), "sparse")) == (tree / "sparse").read_bytes()

    def test_a_folder_is_a_tar(self, data: bytes, tmp_path: Path) -> None:
        tar = b"".join(pick(lambda: cut(data), "sub/"))
        assert b"".join(validated(cut(tar))) == tar
        subprocess.run(["tar", "-x", "-C", tmp_path, "-f", "-"], input=tar, check=True)
        assert sorted(path.name for path in (tmp_path / "sub").iterdir()) == sorted([*AWKWARD, "empty"])

    def test_a_folder_brings_what_its_hard_links_need(self, tmp_path: Path) -> None:
        data = make(("a", REG, b"x"), ("f/", DIR, ""), ("f/h", LNK, "a"), ("other", REG, b""))
        assert selected(lambda: cut(data), ["f"]) == {"f", "a"}
        tar = b"".join(pick(lambda: cut(data), "f"))
        assert [m.path for m in listing(cut(tar))] == ["a", "f", "f/h"]

    def test_what_is_not_there(self, data: bytes) -> None:
        for path in ("nothing", "sub/plai", "link"):
            with pytest.raises(UsageError):
                list(pick(lambda: cut(data), path))


def test_kept_leaves_members_out_and_tells_of_lost_hard_links() -> None:
    data = make(("a", REG, b"1"), ("b", LNK, "a"), ("c", REG, b"2"))
    lost: list[str] = []
    out = b"".join(kept(cut(data), lambda m: m.path != "a", lost=lambda m: lost.append(m.path)))
    assert [m.path for m in listing(cut(out))] == ["c"]
    assert lost == ["b"]


@pytest.mark.parametrize("options", [("--format=posix", "--sparse", "--xattrs"), ("--format=gnu",)])
def test_rebased_takes_the_folder_off_every_name(tree: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    inside = gnu_tar(tree, *options, "--sort=name")
    outside = subprocess.run(
        ["tar", "-c", "-C", tree.parent, *options, "--sort=name", "-f", "-", "tree"], check=True, capture_output=True
    ).stdout
    out = b"".join(rebased(cut(outside), "tree"))
    assert [replace(m, link=normal(m.link)) for m in listing(cut(out))] == [
        replace(m, link=normal(m.link)) for m in listing(cut(inside))
    ]
    (tmp_path / "new").mkdir()
    subprocess.run(["tar", "-x", "--xattrs", "-C", tmp_path / "new", "-f", "-"], input=out, check=True)
    assert gnu_tar(tmp_path / "new", "--format=gnu", "--sort=name") == gnu_tar(tree, "--format=gnu", "--sort=name")


def test_rebased_takes_off_an_absolute_path() -> None:
    data = make(
        ("/srv/data/", DIR, ""), ("/srv/data/a", REG, b"x"), ("/srv/data/h", LNK, "/srv/data/a"), ("/srv/x", REG, b"")
    )
    found = list(listing(rebased(cut(data), "/srv/data")))
    assert [(m.path, m.link) for m in found] == [("", ""), ("a", ""), ("h", "a")]


def test_printable() -> None:
    assert printable(os.fsdecode(b"a\xff\nb")) == "a\\xff\\nb"
    printable("\udcff").encode()
