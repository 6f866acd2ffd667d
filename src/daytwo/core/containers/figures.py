"""Reads what containers use, where the engine runs: the files of this machine, or of another one over SSH."""

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from daytwo.core.command import Command
from daytwo.core.containers.listing import Container
from daytwo.core.containers.told import told
from daytwo.core.containers.usage import MEMINFO, Group, Usage, group_of, membership, usage
from daytwo.core.reading import ask
from daytwo.core.run import Run
from daytwo.core.target import Target

_ROTATED = 5
"""Rotated log files that are counted besides the newest one, packed or not."""
_MOST = 64 << 20

# The sizes of the files in the first line, then the text of all other files; what cannot be read is left out.
_READER = (
    'IFS= read -r logs; set -f; [ -z "$logs" ] || stat -c "%n:%s" $logs 2>/dev/null; '
    'xargs -0 grep -sH "" /dev/null; exit 0'
)


class Figures:
    """Reads figures, remembering where each container's are. Its methods block.

    Args:
        host: where the engine is reached.
    """

    def __init__(self, host: Target) -> None:
        self._host = host
        self._groups: dict[tuple[str, int], Group | None] = {}
        self._seen_any = False

    def near(self, one: Container) -> Usage | None:
        """What a container of this machine uses; None where it cannot be seen from here."""
        group = self._remembered(one, lambda path: _read((path,)).get(path, ""))
        if group is None:
            # Where others can be seen, it has only just ended.
            return Usage(time.monotonic()) if self._seen_any else None
        at = time.monotonic()
        texts = _read((*group.paths.values(), MEMINFO))
        return usage(one, group, texts, _size(_logs(one)), at)

    def far(self, containers: Sequence[Container], run: Run) -> Mapping[str, Usage]:
        """What containers use, by id: read over SSH all at once, or else as `docker stats` tells.

        Raises:
            UnreachableError, CommandError, MissingToolError: neither can be had.
        """
        found = {} if self._host.is_local else self._over_ssh(containers, run)
        if len(found) < len(containers):
            by_engine = told(self._host, run, time.monotonic())
            missing = [one for one in containers if one.id not in found]
            found |= {one.id: by_engine[one.id[:12]] for one in missing if one.id[:12] in by_engine}
        return found

    def _over_ssh(self, containers: Sequence[Container], run: Run) -> dict[str, Usage]:
        unknown = [one for one in containers if (one.id, one.pid) not in self._groups]
        if unknown:
            told_of = self._fetch([membership(one) for one in unknown], (), run)
            for one in unknown:
                self._remembered(one, lambda path: told_of.get(path, ""))
        groups = {one.id: group for one in containers if (group := self._groups.get((one.id, one.pid)))}
        if not groups:
            return {}
        paths = [path for group in groups.values() for path in group.paths.values()]
        logs = [path for one in containers for path in _logs(one)]
        at = time.monotonic()
        texts = self._fetch([*paths, MEMINFO], logs, run)
        return {
            one.id: usage(one, groups[one.id], texts, _sum(texts.get(path) for path in _logs(one)), at)
            for one in containers
            if one.id in groups
        }

    def _remembered(self, one: Container, read: Callable[[str], str]) -> Group | None:
        key = (one.id, one.pid)
        if key not in self._groups:
            if len(self._groups) > 10_000:
                self._groups.clear()
            group = group_of(one, read(membership(one)))
            if group is None:
                return None
            self._groups[key] = group
            self._seen_any = True
        return self._groups[key]

    def _fetch(self, paths: Sequence[str], logs: Sequence[str], run: Run) -> dict[str, str]:
        # The shell splits the first line into words, so a path that holds a blank stays out.
        first = " ".join(path for path in logs if path.isprintable() and " " not in path and "\\" not in path)
        fed = first.encode() + b"\n" + b"\0".join(path.encode() for path in paths)
        done = ask(self._host, Command(("sh", "-c", _READER), where=str(self._host)), run, stdin=fed, most=_MOST)
        return _sorted_out(done.stdout.decode("utf-8", "replace"), {*paths, *logs})


def _sorted_out(text: str, known: Iterable[str]) -> dict[str, str]:
    """The texts of files from lines that each begin with a path and a colon; a path may hold colons itself."""
    paths = frozenset(known)
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        at = line.find(":")
        while at >= 0 and line[:at] not in paths:
            at = line.find(":", at + 1)
        if at >= 0:
            found.setdefault(line[:at], []).append(line[at + 1 :])
    return {path: "\n".join(lines) for path, lines in found.items()}


def _read(paths: Iterable[str]) -> dict[str, str]:
    texts = {}
    for path in paths:
        with contextlib.suppress(OSError), Path(path).open("rb", buffering=0) as file:
            texts[path] = file.read().decode("utf-8", "replace")
    return texts


def _logs(one: Container) -> list[str]:
    """The files a container's output may be in: the newest, and rotated ones."""
    if not one.log:
        return []
    rotated = [f"{one.log}.{number}" for number in range(1, _ROTATED + 1)]
    return [one.log, *rotated, *(f"{path}.gz" for path in rotated)]


def _size(paths: Iterable[str]) -> float | None:
    def size(path: str) -> str | None:
        try:
            return str(Path(path).stat().st_size)
        except OSError:
            return None

    return _sum(size(path) for path in paths)


def _sum(sizes: Iterable[str | None]) -> float | None:
    known = [float(size) for size in sizes if size is not None and size.isdigit()]
    return sum(known) if known else None
