"""Looks at every command line on this machine, those in containers too, and at what Docker tells of a project."""

import http.client
import json
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from secrets import token_hex
from typing import Any, Self
from urllib.parse import urlencode

from tests.real.compose.project import Project

_LOOKS = 50
"""How often a process is looked at; by then it is the program that it was started for."""
_LATEST = 60.0
"""Seconds after which the daemon should have told of an event."""


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
        self._wrong: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        # `since` makes the daemon tell what happened before it has taken note of the listener, too.
        kinds = json.dumps({"type": ["container", "volume"]})
        asked = urlencode({"since": f"{time.time():.9f}", "filters": kinds})
        stream = self._ask("GET", f"/events?{asked}")
        self._threads = [
            threading.Thread(target=self._processes, daemon=True),
            threading.Thread(target=self._follow, args=(stream,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ask("POST", "/volumes/create", {"Name": self._end}).read()  # when this is heard of, so is all before it
        self._ask("DELETE", f"/volumes/{self._end}").read()
        self._done.set()
        for thread in self._threads:
            thread.join(_LATEST)
            assert not thread.is_alive(), "Docker did not tell of the end"
        assert self._wrong == []

    def _ask(self, method: str, path: str, body: object = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("docker")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self._project.docker.socket))
        text = None if body is None else json.dumps(body)
        # The response keeps the connection open, and closes it at its end.
        connection.request(method, path, text, {"Content-Type": "application/json", "Connection": "close"})
        return connection.getresponse()

    def _processes(self) -> None:
        looks: Counter[str] = Counter()
        while not self._done.wait(0.01):
            for entry in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208
                if looks[entry] > _LOOKS:
                    continue
                looks[entry] += 1
                try:
                    command = Path("/proc", entry, "cmdline").read_bytes()
                except OSError:
                    continue
                self._seen.add(command.replace(b"\0", b" ").decode("utf-8", "replace"))

    def _follow(self, stream: http.client.HTTPResponse) -> None:
        try:
            with stream:
                for line in stream:
                    event = json.loads(line)
                    if event["Type"] == "volume" and event["Actor"]["ID"] == self._end:
                        return
                    self._take(event)
        except (OSError, ValueError, KeyError) as error:
            self._wrong.append(error)

    def _take(self, event: dict[str, Any]) -> None:
        about = event["Actor"].get("Attributes", {})
        if event["Type"] != "container" or not about["name"].startswith(self._project.name):
            return
        self.events.append((about["name"], event["Action"]))
        if event["Action"].startswith("exec_start"):  # what anybody is told who asks about it
            told = self._ask("GET", f"/exec/{about['execID']}/json").read().decode()
            self._seen.add(f"exec {told}")

    def saw(self, program: str) -> bool:
        """Whether this program ran meanwhile."""
        return any(program in line for line in self._seen)

    def holding(self, words: Iterable[str]) -> list[str]:
        """Of what was seen, that in which one of these words is."""
        known = tuple(words)
        told = (what for _, what in self.events)
        return [line for line in (*self._seen, *told) if any(word in line for word in known)]
