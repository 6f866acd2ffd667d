"""Finds SQLite databases on disk by what they begin with."""

import os
from collections.abc import Iterator
from pathlib import Path

_MAGIC = b"SQLite format 3\0"
_ENDINGS = (".db", ".db3", ".sqlite", ".sqlite3", ".s3db")
_DEEPEST = 4
_MOST_FILES = 20_000
_SKIPPED = frozenset({".git", "node_modules", "__pycache__", ".venv", "venv", "backups", ".daytwo", ".cache"})


def databases_in(folder: Path) -> list[Path]:
    """The SQLite databases in a folder and a few levels below, sorted; unreadable folders are passed by."""
    return sorted(file for file in _files(folder) if file.suffix.lower() in _ENDINGS and is_sqlite(file))


def is_sqlite(file: Path) -> bool:
    """Whether a file is a SQLite database that has been written to."""
    try:
        with file.open("rb") as opened:
            return opened.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _files(folder: Path) -> Iterator[Path]:
    seen = 0
    for root, folders, names in os.walk(folder):
        here = Path(root)
        folders[:] = sorted(one for one in folders if one not in _SKIPPED)
        if len(here.relative_to(folder).parts) >= _DEEPEST:
            folders[:] = []
        for name in names:
            seen += 1
            if seen > _MOST_FILES:
                return
            yield here / name
