"""Progress on a terminal: a bar a component with bytes and rate. Plain lines, few, where there is none."""

import sys
import threading
import time
from typing import Any

from daytwo.core.run import Progress


class Display:
    """Shows `Progress` as it comes, from any thread. Use as a context manager.

    Args:
        show: whether to show anything at all.
    """

    def __init__(self, *, show: bool) -> None:
        self._show = show
        self._lock = threading.Lock()
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}
        self._ended: set[str] = set()
        self._last: dict[str, float] = {}

    def __enter__(self) -> "Display":
        if self._show and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
            from rich.progress import Progress as Bars

            self._bars = Bars(
                TextColumn("  {task.description:<24}"),
                BarColumn(24),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(compact=True),
                TextColumn("{task.fields[state]}"),
                console=Console(stderr=True),
                transient=True,
            )
            self._bars.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def update(self, progress: Progress) -> None:
        """Show one step on."""
        if not self._show:
            return
        with self._lock:
            if self._bars is not None:
                self._draw(progress)
            else:
                self._say(progress)

    def _draw(self, progress: Progress) -> None:
        task = self._tasks.get(progress.part)
        if task is None:
            task = self._tasks[progress.part] = self._bars.add_task(progress.part, total=progress.total, state="")
        fields: dict[str, Any] = {"state": progress.state}
        if progress.done:
            fields["completed"] = progress.done
        if progress.state == "done":
            fields["total"] = progress.done or 1
            fields["completed"] = progress.done or 1
        elif progress.total:
            fields["total"] = progress.total
        self._bars.update(task, **fields)

    def _say(self, progress: Progress) -> None:
        """One line when a part begins another state, and one every half minute in between."""
        key, now = f"{progress.part} {progress.state}", time.monotonic()
        if now - self._last.get(key, -60) < 30 or (progress.state == "done" and key in self._last):
            return
        self._last[key] = now
        size = f" {progress.done / 1e6:.1f} MB" if progress.done else ""
        sys.stderr.write(f"  {progress.part}: {progress.state}{size}\n")
