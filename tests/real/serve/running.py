"""A real daemon on a small real app, in a process of its own."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from daytwo.serve.client import Client
from tests.parts.ready import Python, python

PROGRAM = "import sys; from daytwo.cli.main import run; sys.exit(run(sys.argv[1:]))"


def until(what: Callable[[], Any], why: str, seconds: float = 60) -> Any:
    """Wait until something is true, and give it back."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError(f"it never came about: {why}")


@dataclass
class Place:
    """An app in a folder: uploads, an archive repository, a schedule.

    Args:
        folder: where.
        extra: more lines of configuration.
    """

    folder: Path
    extra: str = ""
    at: str = "0 3 * * *"
    daemons: list[Python] = field(default_factory=list)
    lines: list[httpx.Client] = field(default_factory=list)

    def write(self, *, before: str = "") -> "Place":
        """Write the configuration and some data."""
        (self.folder / "uploads").mkdir(exist_ok=True)
        (self.folder / "uploads" / "a.txt").write_text("hello")
        hooks = f", before: [[sh, -c, '{before}']]" if before else ""
        self.config.write_text(
            "app: shop\ntimezone: UTC\nservices: {uploads: {kind: files, path: uploads}}\n"
            "repositories: {local: {kind: archive, path: backups}}\n"
            f'backups: {{nightly: {{at: "{self.at}", floor: 1MB{hooks}}}}}\n'
            f'serve: {{listen: "127.0.0.1:0", stop_within: 10s}}\n{self.extra}'
        )
        return self

    @property
    def config(self) -> Path:
        """Its daytwo.yaml."""
        return self.folder / "daytwo.yaml"

    @property
    def client(self) -> Client:
        """The line to its daemon."""
        return Client(self.folder / ".daytwo")

    def start(self, *argv: str) -> Python:
        """Start a daemon, and wait until it answers."""
        daemon = self.spawn(*argv)
        until(lambda: daemon.poll() is not None or self.client.there(), "the daemon answers")
        assert daemon.poll() is None, self.log
        return daemon

    def spawn(self, *argv: str) -> Python:
        """Start a daemon."""
        with (self.folder / "serve.log").open("ab") as log:
            daemon = Python(PROGRAM, ["serve", "--config", self.config, *argv], stderr=log, start_new_session=True)
        self.daemons.append(daemon)
        return daemon

    @property
    def log(self) -> str:
        """What the daemons said."""
        return (self.folder / "serve.log").read_text()

    @property
    def web(self) -> httpx.Client:
        """The HTTP side."""
        line = next(line for line in reversed(self.log.splitlines()) if "answers at" in line)
        self.lines.append(httpx.Client(base_url=line.split()[-1], timeout=30))
        return self.lines[-1]

    def run(self, *argv: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """A command of its own process."""
        done = python(PROGRAM, [*argv, "--config", self.config])
        assert code is None or done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}\n{self.log}"
        return done

    def json(self, *argv: str, code: int | None = 0) -> Any:
        """The JSON document a command prints."""
        return json.loads(self.run(*argv, "--json", code=code).stdout)

    def runs(self) -> list[dict[str, Any]]:
        """The ledger, newest first."""
        found: list[dict[str, Any]] = self.json("runs")
        return found

    def outcomes(self) -> list[str]:
        """How the runs stand, newest first."""
        return [one["outcome"] for one in self.runs()]

    def children(self) -> list[int]:
        """The processes that work for this app's daemons."""
        found = []
        for process in Path("/proc").iterdir():
            try:
                line = (process / "cmdline").read_bytes().split(b"\0")
                if b"daytwo.cli.work" in line and (process / "cwd").readlink() == Path.cwd():
                    parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
                    if parent in [one.pid for one in self.daemons] or parent == 1:
                        found.append(int(process.name))
            except (OSError, ValueError):
                continue
        return found

    def archives(self) -> list[str]:
        """What is visible in the repository."""
        return sorted(path.name for path in (self.folder / "backups").glob("*.tar.gz"))

    def end(self) -> None:
        """Leave nothing behind."""
        for line in self.lines:
            line.close()
        for daemon in self.daemons:
            if daemon.poll() is None:
                daemon.send_signal(signal.SIGTERM)
                try:
                    daemon.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(daemon.pid, signal.SIGKILL)
                    daemon.wait()


@contextmanager
def place(folder: Path, **options: Any) -> Iterator[Place]:
    """A place whose daemons are ended."""
    made = Place(folder, **options)
    try:
        yield made
    finally:
        made.end()
