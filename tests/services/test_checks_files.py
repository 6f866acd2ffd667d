"""Kind `files` while it is watched."""

from pathlib import Path

import pytest

from daytwo.core.check import Verdict
from daytwo.core.service import AnyService, Place
from daytwo.services.files import Files, FilesSettings
from tests.contract.checks import CheckCase, CheckContract
from tests.services.watched import observe


def files(folder: Path, path: str, **settings: object) -> Files:
    made = FilesSettings.model_validate({"kind": "files", "path": path, **settings})
    return Files("uploads", made, Place(folder, "shop", "test"))


class FilesCase(CheckCase):
    sometimes = frozenset({"inodes"})
    """Not every file system counts them."""

    def __init__(self, base: Path) -> None:
        self.base = base
        (base / "my files").mkdir()
        for name in ("a.txt", "b.txt", "-n", "[x]"):
            (base / "my files" / name).write_text("data")
        (base / "link").symlink_to("my files")
        (base / "dangling").symlink_to("nowhere")

    def good(self) -> list[AnyService]:
        names = ("my files", "my files/a.txt", "my files/*.txt", "my*/a.txt", "link", "my files/-n")
        return [files(self.base, name) for name in names]

    def broken(self) -> list[AnyService]:
        return [files(self.base, "dangling")]

    def absent(self) -> list[AnyService]:
        names = ("missing", "missing/too", "my files/*.jpg", "no*/a.txt", "my files/a.txt/x")
        return [*(files(self.base, name) for name in names), files(self.base, "/x", container="daytwo-no-such-one")]

    def slow(self) -> list[AnyService]:
        return []


class TestFiles(CheckContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> FilesCase:
        return FilesCase(tmp_path)


def test_its_own_file_system_is_told(tmp_path: Path) -> None:
    there = observe(files(tmp_path, str(tmp_path)), tmp_path).numbers
    assert 0 < there["disk"] < 1 and there["free"] > 1e6
    elsewhere = observe(files(tmp_path, "/dev/shm"), tmp_path).numbers
    assert elsewhere["free"] != there["free"], "/dev/shm is mounted, and not what its parent is on"
    assert observe(files(tmp_path, "/proc"), tmp_path).verdict is Verdict.OK, "where nothing is counted, all is well"
