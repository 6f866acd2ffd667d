"""Looks at every command line on this machine, those in containers too, and at what Docker tells of a project."""

import http.client
import json
import socket
import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path
from secrets import token_hex
from typing import Self

from tests.real.compose.project import Project

FORMAT = "{{.Type}}\t{{.Actor.Attributes.name}}\t{{.Actor.ID}}\t{{.Action}}"


class Watch:
    """Looks while its context is open. Afterwards `events` is what happened to the project's containers, in order.

    Args:
        project: whose containers to look at.
    """

    def __init__(self, project: Project) -> None:
        self.events: list[tuple[str, str]] = []
        self._project = project
        self._seen: set[str] = set()
        self._done = threading.Event()
        self._end = f"daytwo-{token_hex(4)}"
        self._begun = threading.Event()
        self._threads = [
            threading.Thread(target=one, daemon=True) for one in (self._processes, self._execs, self._follow)
        ]

    def _processes(self) -> None:
        while not self._done.wait(0.01):
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self._seen.add(entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
                except OSError:
                    continue

    def _execs(self) -> None:
        """What `docker inspect` would tell of programs that were started inside, had it a way to name them."""
        names = (self._project.postgres, f"{self._project.name}-mariadb-1", f"{self._project.name}-cache-1")
        known: set[str] = set()
        while not self._done.wait(0.3):
            for name in names:
                listed = set(json.loads(self._ask(f"/containers/{name}/json")).get("ExecIDs") or [])
                for id in listed - known:
                    self._seen.add(f"exec {self._ask(f'/exec/{id}/json')}")
                known |= listed

    def _ask(self, path: str) -> str:
        connection = http.client.HTTPConnection("docker", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(str(self._project.docker.socket))
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def _follow(self) -> None:
        """The daemon keeps its last 256 events only, so they are taken as they come."""
        docker = self._project.docker
        argv = [
            str(docker.binary),
            "events",
            "--filter",
            "type=container",
            "--filter",
            "type=volume",
            "--format",
            FORMAT,
        ]
        with subprocess.Popen(argv, env=self._project.env, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            for line in process.stdout:
                kind, name, id, what = line.rstrip("\n").split("\t", 3)
                self._begun.set()
                if id == self._end and what == "destroy":
                    process.terminate()
                    return
                if kind == "container" and name.startswith(self._project.name):
                    self.events.append((name, what))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        while not self._begun.wait(0.1):  # until it is known to listen
            self._cause(f"{self._end}-begin")
        return self

    def _cause(self, name: str) -> None:
        """Have something happen that is recognised when it is heard of."""
        self._project.docker.run("volume", "create", name)
        self._project.docker.run("volume", "rm", name)

    def __exit__(self, *exc: object) -> None:
        self._cause(self._end)
        self._done.set()
        for thread in self._threads:
            thread.join()

    def saw(self, program: str) -> bool:
        """Whether this program ran meanwhile."""
        return any(program in line for line in self._seen)

    def holding(self, words: Iterable[str]) -> list[str]:
        """Of what was seen, that in which one of these words is."""
        known = tuple(words)
        return [
            line for line in (*self._seen, *(what for _, what in self.events)) if any(word in line for word in known)
        ]
