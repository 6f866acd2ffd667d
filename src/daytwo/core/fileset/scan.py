"""Counts a local folder without reading its files."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from daytwo.core.errors import SourceError
from daytwo.core.fileset.choice import Choice
from daytwo.core.tarball import Tally
from daytwo.core.tarformat import Member, Type


@dataclass(frozen=True)
class Scan:
    """What a folder holds.

    Args:
        files: entries that are no folders; sockets, FIFOs and devices not counted.
        bytes: their sizes, a hard-linked file counted once.
        hard_links: names of files that have another name in the folder already.
        changed: files and folders that changed since a moment.
        contents: the top-level entries with their sizes.
    """

    files: int
    bytes: int
    hard_links: int
    changed: int
    contents: tuple[str, ...]


def scan(path: Path, choice: Choice, mounted: tuple[str, ...], since: float) -> Scan:
    """Count a folder.

    Args:
        path: the folder.
        choice: what is left out.
        mounted: paths from the folder on, each beginning with a slash, that are left out with what is below them.
        since: seconds since 1970; what changed then or later is counted as changed.

    Raises:
        SourceError: a folder cannot be read.
    """
    tally, seen, changed, hard_links = Tally(), set[tuple[int, int]](), int(path.stat().st_ctime >= since), 0
    for relative, entry in _walk(path, choice, mounted):
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            changed += 1
            continue
        kind = _kind(status.st_mode)
        if kind is None:
            continue
        changed += status.st_ctime >= since
        size = status.st_size if kind is Type.FILE else 0
        if kind is Type.FILE and status.st_nlink > 1:
            if (status.st_dev, status.st_ino) in seen:
                hard_links, size = hard_links + 1, 0
            seen.add((status.st_dev, status.st_ino))
        tally.add(Member(relative, size, 0, kind))
    counted = tally.summary
    return Scan(counted.files, counted.bytes, hard_links, changed, tally.contents)


def special_files(path: Path, choice: Choice) -> tuple[str, ...]:
    """Sockets, FIFOs and devices in a folder, as exclude patterns.

    Raises:
        SourceError: a folder cannot be read.
    """
    return tuple(
        "/" + escape(relative)
        for relative, entry in _walk(path, choice, ())
        if not entry.is_file(follow_symlinks=False)
        and not entry.is_dir(follow_symlinks=False)
        and not entry.is_symlink()
    )


def _kind(mode: int) -> Type | None:
    if stat.S_ISREG(mode):
        return Type.FILE
    if stat.S_ISDIR(mode):
        return Type.FOLDER
    return Type.SYMLINK if stat.S_ISLNK(mode) else None


def _walk(path: Path, choice: Choice, mounted: tuple[str, ...]) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """Every entry below a folder that is not left out, with its path from there."""
    folders = [""]
    while folders:
        folder = folders.pop()
        for entry in _entries(path / folder if folder else path):
            relative = f"{folder}/{entry.name}" if folder else entry.name
            if choice.leaves_out(relative):
                continue
            yield relative, entry
            if entry.is_dir(follow_symlinks=False) and "/" + relative not in mounted:
                folders.append(relative)


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []  # it vanished; the folder above has changed and is counted
    except PermissionError:
        raise SourceError(f"{folder} may not be read", hint="Run as root, or leave it out with `exclude`") from None
