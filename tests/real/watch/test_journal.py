"""Units of a real journal: systemd-journald with a `/run` of its own, read by the real `journalctl`."""

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daytwo.watch.logs.sources import Log
from tests.parts.need import missing, require, require_root
from tests.watch.logs.following import heard

SHOP = Log("shop", "journal", unit="shop.service")
BEGIN = 'mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && exec "$0"'


class Journal:
    """A journal, and words put into it as if units had said them."""

    def __init__(self, run: Path) -> None:
        self.folder = run / "log" / "journal"
        self.socket = run / "systemd" / "journal" / "socket"

    def say(self, *words: tuple[str, str]) -> None:
        """What units say, in their order; read only after it has been written."""
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as line:
            for unit, text in words:
                line.sendto(f"MESSAGE={text}\nOBJECT_SYSTEMD_UNIT={unit}.service\n".encode(), str(self.socket))
        self._wait(lambda: words[-1][1] in self._told(), f"{words[-1][1]} is written")

    def ready(self) -> None:
        """Wait until it can be used."""
        self._wait(self.socket.exists, "journald listens")

    def _told(self) -> str:
        program = ("/usr/bin/journalctl", "--directory", str(self.folder), "--output=cat", "--no-pager")
        return subprocess.run(program, check=False, capture_output=True, text=True).stdout

    @staticmethod
    def _wait(holds: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < end, f"it never came about that {what}"
            time.sleep(0.02)


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    require_root("a journal of its own")
    daemon = require("systemd-journald", "/lib/systemd", "/usr/lib/systemd", package="systemd")
    real, unshare = require("journalctl", package="systemd"), require("unshare", package="util-linux")
    if not Path("/etc/machine-id").exists():
        missing("there is no /etc/machine-id: run systemd-machine-id-setup")
    process = subprocess.Popen((unshare, "--mount", "sh", "-c", BEGIN, daemon), stderr=subprocess.DEVNULL)
    try:
        made = Journal(Path(f"/proc/{process.pid}/root/run"))
        made.ready()
        folder = tmp_path / "bin"
        folder.mkdir()
        wrapper = folder / "journalctl"
        wrapper.write_text(f'#!/bin/sh\nexec {real} --directory={made.folder} "$@"\n')
        wrapper.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=":")
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_the_first_line_is_heard_whoever_spoke_last(journal: Journal, tmp_path: Path) -> None:
    """systemd before 254 leaves out the line after a cursor that is of another unit."""
    journal.say(("shop", "history"), ("other", "noise"))
    with heard(SHOP, tmp_path) as here:
        journal.say(("shop", "one"), ("other", "more noise"), ("shop", "two"))
        here.hears("one", "two")
    journal.say(("other", "still more"), ("shop", "three"), ("other", "and more"))
    with heard(SHOP, tmp_path, here.position) as again:
        again.hears("three")


def test_a_unit_that_has_said_nothing_yet(journal: Journal, tmp_path: Path) -> None:
    journal.say(("other", "noise"))
    with heard(SHOP, tmp_path) as here:
        pass
    journal.say(("other", "more noise"), ("shop", "one"))
    with heard(SHOP, tmp_path, here.position) as again:
        again.hears("one")
        journal.say(("shop", "two"))
        again.hears("one", "two")
