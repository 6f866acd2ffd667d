"""Looks at every command line on this machine, those in containers too, and at what Docker tells of its execs."""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from tests.real.compose.project import Project


class Watch:
    """Looks as often as it can while its context is open.

    Args:
        project: also inspect the execs of this project's containers.
    """

    def __init__(self, project: Project | None = None) -> None:
        self._project = project
        self._seen: set[str] = set()
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._processes)]
        if project:
            self._threads.append(threading.Thread(target=self._containers, args=(project,)))

    def _processes(self) -> None:
        while not self._done.wait(0.01):
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self._seen.add(entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
                except OSError:
                    continue

    def _containers(self, project: Project) -> None:
        while not self._done.wait(0.5):
            names = (project.postgres, f"{project.name}-mariadb-1", f"{project.name}-cache-1")
            listed = project.docker.run("inspect", "-f", "{{json .ExecIDs}}{{json .Args}}", *names, check=False)
            self._seen.add(listed.stdout)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def saw(self, program: str) -> bool:
        """Whether this program ran meanwhile."""
        return any(program in line for line in self._seen)

    def holding(self, words: Iterable[str]) -> list[str]:
        """The command lines in which one of these words was."""
        known = tuple(words)
        return [line for line in self._seen if any(word in line for word in known)]
