"""What is known of runs right now, and who watches them."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

Name = Literal["progress", "note", "end"]


@dataclass(frozen=True)
class RunEvent:
    """Something happened in a run.

    Args:
        run: the run's id.
        name: `progress` (a part moved on), `note` (something people should know) or `end` (with result or error).
        data: as JSON values.
    """

    run: str
    name: Name
    data: dict[str, Any]


_MOST = 1000
"""Events that a slow watcher may lag behind before it loses the oldest; every event tells a whole state."""


class Hub:
    """Hands the events of runs to whoever watches. Lives in the event loop."""

    def __init__(self) -> None:
        self._watchers: dict[str, set[asyncio.Queue[RunEvent]]] = defaultdict(set)
        self._parts: dict[str, dict[str, dict[str, Any]]] = {}

    def publish(self, event: RunEvent) -> None:
        """Tell everybody who watches this run, or all runs."""
        if event.name == "progress":
            self._parts.setdefault(event.run, {})[event.data["part"]] = event.data
        elif event.name == "end":
            self._parts.pop(event.run, None)
        for key in (event.run, ""):
            for queue in self._watchers.get(key, ()):
                if queue.full():
                    queue.get_nowait()
                queue.put_nowait(event)

    def progress(self, run: str) -> dict[str, dict[str, Any]]:
        """How far the parts of a run are, by part."""
        return dict(self._parts.get(run, {}))

    @contextmanager
    def watch(self, run: str = "") -> Iterator["asyncio.Queue[RunEvent]"]:
        """A queue of the events of a run, or of all runs, beginning with how far the parts are."""
        queue: asyncio.Queue[RunEvent] = asyncio.Queue(_MOST)
        for id in [run] if run else list(self._parts):
            for data in self.progress(id).values():
                queue.put_nowait(RunEvent(id, "progress", data))
        self._watchers[run].add(queue)
        try:
            yield queue
        finally:
            self._watchers[run].discard(queue)
            if not self._watchers[run]:
                del self._watchers[run]
