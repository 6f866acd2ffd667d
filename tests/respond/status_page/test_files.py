"""The files: whole at every moment, also when their writer is killed."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from daytwo.core.errors import RefusedError
from daytwo.respond.status_page.files import tidy, write

WRITER = """
import sys
from pathlib import Path
from daytwo.respond.status_page.files import write
at = 0
while True:
    at += 1
    write(Path(sys.argv[1]), {"index.html": (f"<{at}>" + "x" * 3_000_000 + f"</{at}>").encode()})
"""


def test_kill_9_in_the_middle_leaves_the_page_whole(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    write(tmp_path, {"index.html": b"<0></0>"})
    for least in (0, 0, 1, 2, 3, 5):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)])
        try:
            # Wait until it is in the middle of writing.
            end = time.monotonic() + 60
            while _number(page) < least or not _halves(tmp_path):
                assert time.monotonic() < end and writer.poll() is None
        finally:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        assert page.read_bytes().endswith(f"</{_number(page)}>".encode())
        write(tmp_path, {"index.html": b"<0></0>"})
    tidy(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["index.html"]


def _number(page: Path) -> int:
    content = page.read_bytes()
    return int(content[1 : content.index(b">")])


def _halves(folder: Path) -> bool:
    for one in folder.glob(".status-*.part"):
        with contextlib.suppress(FileNotFoundError):
            if one.stat().st_size:
                return True
    return False


def test_others_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write(tmp_path / "public", {"index.html": b"hi"})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "public" / "index.html").stat().st_mode) == 0o644


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RefusedError, match="cannot be written"):
        write(tmp_path / "file" / "public", {"index.html": b"hi"})


def test_a_failed_write_leaves_the_old_one_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"index.html": b"old"})

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RefusedError, match="No space left"):
        write(tmp_path, {"index.html": b"new"})
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("index.html", b"old")]
