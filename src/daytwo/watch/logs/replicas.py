"""Follows a Compose service: all of its containers as one log, however many there are and whenever they are made."""

import heapq
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from daytwo.core.command import command
from daytwo.core.containers import Wanted
from daytwo.core.errors import UnreachableError
from daytwo.core.reading import ask
from daytwo.watch.logs.container import ContainerFollower, Marks
from daytwo.watch.logs.follower import Batch, Follower
from daytwo.watch.logs.lines import Line

_ROUND = 2.0
"""Seconds between two looks at which containers there are."""
_PATIENCE = 30.0
_LABEL = "com.docker.compose."
_SHORT = 12


class ServiceFollower(Follower):
    """Follows the containers of a Compose service, each by its id: one that is made anew is another one."""

    def resume(self, position: str) -> None:
        """Take up where a position says."""
        self._lock = threading.Lock()
        self._followers: dict[str, ContainerFollower] = {}
        self._waiting: dict[str, ContainerFollower] = {}
        self._gone: list[ContainerFollower] = []
        self._positions = _read(position)
        self._empty = False

    def follow(self) -> None:
        """See to it that each container is followed, until it is closed."""
        while not self.closing.is_set():
            there = self._containers()
            self._begin([id for id in there if id not in self._followers], whole=self._positions is not None)
            with self._lock:
                self._empty |= self._positions is None and not there  # those that come are read from their beginning
                kept = {*there, *self._followers}
                self._positions = {id: at for id, at in (self._positions or {}).items() if id in kept}
            self._end([id for id in self._followers if id not in there])
            if not there:
                raise UnreachableError("there is no such container", where=self.log.place)
            self.trouble = next((one.trouble for one in self._followers.values() if one.trouble), "")
            self.closing.wait(_ROUND)

    def past(self, since: datetime | None, until: datetime | None, last: int | None) -> Iterator[Line]:
        """What they have said, in the order of time."""
        there = self._containers()
        if not there:
            raise UnreachableError("there is no such container", where=self.log.place)
        self._positions = {}
        made = [self._follower(id, "") for id in there]
        lines = heapq.merge(*(one.past(since, until, last) for one in made), key=lambda line: line.at)
        if last is None:
            yield from lines
        else:
            found = list(lines)  # each tells its last ones only
            yield from found[max(0, len(found) - last) :]
        self._waiting = dict(zip(there, made, strict=True))

    @property
    def full(self) -> bool:
        """Whether one of them waits for somebody to take what it has."""
        with self._lock:
            return any(one.full for one in self._followers.values())

    def take(self) -> Batch | None:
        """What has come since the last time, of all of them."""
        with self._lock:
            taken = [(id, batch) for id, one in self._followers.items() if (batch := one.take())]
            left = [batch for one in self._gone if (batch := one.take())]
            self._gone.clear()
            if not (taken or left or self._empty):
                return None
            self._empty = False
            positions = (self._positions or {}) | {id: batch.position for id, batch in taken}
            self._positions = positions
        lines = sorted((line for batch in (*left, *(one for _, one in taken)) for line in batch.lines), key=_at)
        return Batch(self.log.name, lines, json.dumps(positions, separators=(",", ":")))

    def close(self) -> None:
        """End it, and wait for that. Never raises."""
        super().close()
        for one in self._followers.values():
            one.close()

    def _begin(self, ids: Sequence[str], whole: bool) -> None:
        """Follow containers: from where they were left, else from their beginning, or from now on."""
        for id in ids:
            one = self._waiting.pop(id, None) or self._follower(id, Marks().position if whole else "")
            one.start()
            with self._lock:
                self._followers[id] = one

    def _end(self, ids: Sequence[str]) -> None:
        """Follow those no more that have been removed, once they have told all that they had."""
        for id in ids:
            if self._followers[id].trouble:
                self._followers[id].close()
                with self._lock:
                    self._gone.append(self._followers.pop(id))
                    (self._positions or {}).pop(id, None)

    def _follower(self, id: str, otherwise: str) -> ContainerFollower:
        position = (self._positions or {}).get(id, otherwise)
        return ContainerFollower(replace(self.log, wanted=Wanted(id)), position, self.run.work, self.clock)

    def _containers(self) -> list[str]:
        """The ids of the service's containers, without those of `docker compose run`."""
        labels = {"project": self.log.wanted.project, "service": self.log.wanted.service}
        filters = [word for key, value in labels.items() for word in ("--filter", f"label={_LABEL}{key}={value}")]
        shown = f'{{{{.ID}}}} {{{{.Label "{_LABEL}oneoff"}}}}'
        inner = command("docker", "ps", "--all", "--no-trunc", filters, "--format", shown, where=self.log.place)
        with self.run.limited(_PATIENCE) as run:
            told = [line.split() for line in ask(self.log.host, inner, run).text.splitlines()]
        return sorted(line[0][:_SHORT] for line in told if line and line[1:] != ["True"])


def _read(position: str) -> dict[str, str] | None:
    """The positions of containers by id; None for the first time, or where it tells of none."""
    try:
        told = json.loads(position)
        return {str(id): str(at) for id, at in told.items()}
    except (ValueError, AttributeError):
        return None


def _at(line: Line) -> int:
    return line.at


__all__ = ["ServiceFollower"]
