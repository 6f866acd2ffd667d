"""Archive repositories for the contract suite: what all of their cases share."""

import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from daytwo.core.repository import Repository
from tests.contract.repositories import Damage, RepositoryCase


def hurt(path: Path, how: Damage) -> None:
    """Damage a file."""
    if how is Damage.MISSING:
        path.unlink()
    elif how is Damage.TRUNCATED:
        os.truncate(path, path.stat().st_size // 2)
    else:
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 0x55]))


def files(*folders: Path) -> list[Path]:
    """All files below these folders."""
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())


def newest_large(*folders: Path) -> Path | None:
    """The newest file of more than 100 kB."""
    large = [path for path in files(*folders) if path.stat().st_size > 100_000]
    return max(large, key=lambda path: path.stat().st_mtime_ns, default=None)


class FolderCase(RepositoryCase):
    """A local folder."""

    kind = "archive"
    extra: dict[str, Any] = {}

    @property
    def path(self) -> Path:
        """The repository's folder."""
        return self.folder / "backups"

    def settings(self) -> dict[str, Any]:
        """A relative path, as people write it."""
        return {"path": "backups", **self.extra}

    def broken(self) -> list[Repository[Any]]:
        """A file where the folder should be; a place nobody can write to."""
        (self.folder / "a-file").write_text("not a folder")
        return [
            self.repository(path="a-file"),
            self.repository(path="a-file/below"),
            self.repository(path="/proc/none"),
        ]

    def damage(self, how: Damage) -> None:
        """Hurt the newest large file."""
        path = newest_large(self.path)
        assert path
        hurt(path, how)

    def leftovers(self) -> object:
        """Every path in the folder."""
        return sorted(self.path.rglob("*"))


def need(tool: str) -> str:
    """A program of the system, or a visible skip."""
    found = shutil.which(tool)
    if not found:
        from tests.parts.need import missing

        missing(f"{tool} is not installed")
    return str(found)


def members(path: Path) -> dict[str, bytes]:
    """What Python's own tarfile finds in a plain tar.gz."""
    found = {}
    with tarfile.open(path) as tar:
        for one in tar:
            file = tar.extractfile(one)
            assert file
            found[one.name] = file.read()
    return found


__all__ = ["FolderCase", "files", "hurt", "members", "need", "newest_large", "pytest"]
