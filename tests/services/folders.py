"""Folders with everything in them that a backup must keep, and a way to compare them."""

import os
import stat
from pathlib import Path

AWKWARD = [
    *("plain", "with space", "quote'\"", "new\nline", "-dash", "ümlaut", os.fsdecode(b"not\xffutf8"), "$(x)`y`*?[z]"),
    *("*", "back\\slash", " lead", "#c", "~"),
]


def fill(root: Path) -> None:
    """Put files of every sort into a folder."""
    (root / "sub" / "empty").mkdir(parents=True)
    for name in AWKWARD:
        (root / "sub" / name).write_bytes(name.encode("utf-8", "surrogateescape") * 10)
    (root / AWKWARD[6]).mkdir()
    (root / AWKWARD[6] / "in").write_text("x")
    deep = root.joinpath(*["d" * 120] * 3)
    deep.mkdir(parents=True)
    (deep / ("f" * 200)).write_text("deep")
    (root / ".hidden").write_text("hidden")
    (root / "zero").touch()
    (root / "big").write_bytes(os.urandom(3 << 20))
    (root / "link").symlink_to("/etc/passwd")
    (root / "folder-link").symlink_to("sub")
    (root / "dangling").symlink_to("x" * 300)
    (root / "hard1").write_text("linked")
    (root / "hard2").hardlink_to(root / "hard1")
    (root / "sub" / "hard3").hardlink_to(root / "hard1")
    with (root / "sparse").open("wb") as file:
        file.truncate(50_000_000)
        for at in range(0, 50_000_000, 5_000_000):
            file.seek(at)
            file.write(b"data")
    (root / "sub" / "readonly").write_text("r")
    (root / "sub" / "readonly").chmod(0o400)
    (root / "program").write_text("#!/bin/sh\n")
    (root / "program").chmod(0o755)
    (root / "closed").mkdir(mode=0o700)
    (root / "sticky").mkdir()
    (root / "sticky").chmod(0o1777)
    if os.geteuid() == 0:
        (root / "setuid").write_text("s")
        os.chown(root / "setuid", 12345, 23456)
        (root / "setuid").chmod(0o4755)
        os.chown(root / "sub", 1234, 2345)
        os.lchown(root / "link", 1234, 2345)
    os.utime(root / "sub" / "plain", ns=(1_000_000_000, 1_234_567_890_123_456_789))
    os.utime(root / "sub", ns=(1_000_000_000, 1_034_567_890_123_456_789))


def add_attributes(root: Path) -> None:
    """Extended attributes, where the file system takes them."""
    os.setxattr(root / "hard1", "user.note", b"\x00binary\n1=2\n")
    os.setxattr(root / "sub", "user.folder", b"yes")


def look(root: Path, *, attributes: bool = True, fractions: bool = True) -> dict[bytes, tuple[object, ...]]:
    """Everything about every entry of a folder, comparable with `==`. What daytwo leaves beside is passed over."""
    found: dict[bytes, tuple[object, ...]] = {}
    inodes: dict[tuple[int, int], bytes] = {}
    base = os.fsencode(root)
    for folder, folders, files in sorted(os.walk(base)):
        for name in [b".", *sorted(folders), *sorted(files)]:
            if b".daytwo-" in folder + name or (name == b"." and folder != base):
                continue
            path = os.path.join(folder, name)  # noqa: PTH118
            relative = os.path.relpath(path, base)
            found[relative] = entry(path, inodes, relative, attributes, fractions)
    return found


def entry(
    path: bytes, inodes: dict[tuple[int, int], bytes], name: bytes, attributes: bool, fractions: bool
) -> tuple[object, ...]:
    """Everything about one file."""
    status = os.lstat(path)
    kind = stat.S_IFMT(status.st_mode)
    content: object = None
    same: object = None
    if kind == stat.S_IFREG:
        with open(path, "rb") as file:  # noqa: PTH123
            content = hash(file.read())
        if status.st_nlink > 1:
            same = inodes.setdefault((status.st_dev, status.st_ino), name)
    elif kind == stat.S_IFLNK:
        content = os.readlink(path)  # noqa: PTH115
    extra: object = None
    if attributes:
        extra = {key: os.getxattr(path, key, follow_symlinks=False)
                 for key in os.listxattr(path, follow_symlinks=False) if key != "security.selinux"}  # fmt: skip
    changed = status.st_mtime_ns if fractions else status.st_mtime_ns // 10**9
    return (status.st_mode, status.st_uid, status.st_gid, changed, content, same, extra)


def leftovers(*folders: Path) -> list[str]:
    """What daytwo left in and beside some folders."""
    around = {path for folder in folders for path in (folder, folder.parent) if path.is_dir()}
    found = set()
    for top in around:
        for folder, subfolders, files in os.walk(top):
            found |= {str(Path(folder) / name) for name in subfolders + files if "daytwo-" in name}
    return sorted(found)


EXCLUDES: list[tuple[list[str], set[str]]] = [
    (["*.log"], {"c/e.log", "logs/1.log"}),
    (["cache"], {"cache", "cache/x", "c/cache", "c/cache/y"}),
    (["/cache"], {"cache", "cache/x"}),
    (["cache/"], {"cache", "cache/x", "c/cache", "c/cache/y"}),
    (["c/cache"], {"c/cache", "c/cache/y"}),
    (["logs/*.log"], {"logs/1.log"}),
    (["**/cache/**"], {"cache", "cache/x", "c/cache", "c/cache/y"}),
    (["./b"], {"b"}),
    (["[ab]"], {"a", "b"}),
    (["[!ab]"], {"c", "c/d", "c/e.log", "c/cache", "c/cache/y", "cache/x", "logs/é"}),
    (["[^ab]"], {"c", "c/d", "c/e.log", "c/cache", "c/cache/y", "cache/x", "logs/é"}),
    (["logs/?"], {"logs/é"}),
    (["/logs/??"], set()),
    (["[à-ÿ]"], {"logs/é"}),
    (["logs//é"], {"logs/é"}),
    (["c?che/*"], {"cache/x"}),
    (["*/e.log"], {"c/e.log"}),
    (["nothing"], set()),
]
"""Patterns, and what they leave out of the folder that `fill_for_excludes` makes."""


def fill_for_excludes(root: Path) -> None:
    """Make a folder with a few files."""
    for name in ("a", "b", "c/d", "c/e.log", "cache/x", "c/cache/y", "logs/1.log", "logs/é"):
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).write_text(name)
