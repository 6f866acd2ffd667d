"""How often containers were started again and ran out of memory, counted from the engine's events.

The engine's own counter is of one container and of its restart policy alone: it begins anew when the container is made
anew, and knows nothing of a restart by hand. So what counts here is every start under the same name but the first.
Only of what happened while nobody watched, that counter is all there is.
"""

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from daytwo.core.containers.listing import Container

ACTIONS = (
    *("create", "start", "restart", "die", "oom", "pause", "unpause", "rename", "update", "destroy", "health_status"),
)
"""The events that change what is known of a container. The many of `exec`, as health probes make them, do not."""
_SOON = 30_000_000_000
"""Nanoseconds within which the event of a start follows the start; it is milliseconds where nothing is busy."""
_PATIENCE = 5.0
"""Seconds after which the event of a start that was seen will not come any more."""
_MOST = 10_000
"""Names that are remembered; a machine that builds makes a new one for every container."""
_BACKLOG = 512
"""Events that are remembered to tell repeated ones; the engine repeats 256 at most (`eventsLimit` in its source)."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a container.

    Args:
        action: `start`, `die`, `oom` or another of `ACTIONS`.
        id: the container's id.
        name: its name.
        at: when, in nanoseconds since 1970 by the engine's clock.
        exit_code: of a `die`.
    """

    action: str
    id: str
    name: str
    at: int
    exit_code: int | None = None

    @classmethod
    def parse(cls, line: bytes) -> "Event | None":
        """Read a line of `docker events`; None for one that is none."""
        try:
            told = json.loads(line)
            actor = told["Actor"]
            attributes = actor.get("Attributes") or {}
            code = attributes.get("exitCode")
            return cls(
                str(told["Action"]).partition(":")[0],
                str(actor["ID"]),
                str(attributes.get("name", "")),
                int(told["timeNano"]),
                int(code) if code is not None else None,
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return None


@dataclass(slots=True)
class Tally:
    """What happened under one name since somebody watches.

    Args:
        restarts: starts but the first.
        oom_kills: how often it ran out of memory.
        exit_code: of its last end, or None where none was seen.
        started: the last start known, in nanoseconds by the engine's clock.
        id: the container that was started.
        awaited: that start was seen by looking, and its event may still come: until that container ends.
        doubtful: a later start that was seen by looking and of which no event has come yet.
        doubted: when it was seen first, by a monotonic clock in seconds.
    """

    restarts: int = 0
    oom_kills: int = 0
    exit_code: int | None = None
    started: int = 0
    id: str = ""
    awaited: bool = False
    doubtful: int = 0
    doubted: float = 0.0


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was known of a container when somebody watched last.

    Args:
        name: its name.
        id: its id, or the beginning of it.
        started: its start, in whole seconds since 1970.
        policy: restarts by its restart policy until then.
        restarts: starts under its name but the first.
        oom_kills: how often it had run out of memory.
    """

    name: str
    id: str
    started: int
    policy: int
    restarts: int
    oom_kills: int

    def starts_until(self, one: Container) -> int:
        """How often it was started since, at least: several restarts by hand cannot be told from one."""
        if not one.id.startswith(self.id):
            return 1 + one.restarts if one.started else 0
        again = one.started // 1_000_000_000 > self.started
        return max(one.restarts - self.policy, int(again))


class History:
    """The tallies of an engine's containers, by name."""

    def __init__(self) -> None:
        self._tallies: dict[str, Tally] = {}
        self._taken: set[str] = set()
        self._heard: deque[Event] = deque(maxlen=_BACKLOG)
        self.until = 0
        """The time of the newest event, in nanoseconds by the engine's clock."""

    def of(self, name: str) -> Tally:
        """What happened under a name."""
        return self._tallies.setdefault(name, Tally())

    def take(self, one: Container, earlier: Earlier | None = None) -> Tally:
        """What happened under the name of a container, as going on from what was known earlier.

        Args:
            one: the container as it is now.
            earlier: what was known before; it counts the first time that the name is asked for.
        """
        tally = self.of(one.name)
        if one.name not in self._taken:
            self._taken.add(one.name)
            if earlier is not None and earlier.name == one.name:
                tally.restarts = earlier.restarts + max(tally.restarts, earlier.starts_until(one))
                tally.oom_kills += earlier.oom_kills
        return tally

    def hear(self, event: Event) -> bool:
        """Take an event.

        Returns:
            Whether it is a new one; after a reconnection the engine repeats some.
        """
        if event in self._heard:
            return False
        self._heard.append(event)
        self.until = max(self.until, event.at)
        tally = self.of(event.name)
        if event.action == "start":
            _started(tally, event)
        elif event.action == "oom":
            tally.oom_kills += 1
        elif event.action == "die":
            tally.exit_code = event.exit_code
            if event.at > tally.started:
                tally.awaited = False
        return True

    def see(self, containers: Sequence[Container], now: float, *, steady: bool) -> None:
        """Take what a look showed: a start of which no event came counts as well.

        Args:
            containers: all of them.
            now: a monotonic clock, in seconds.
            steady: the events come; while they do not, what is missing may still be told.
        """
        for one in containers:
            if one.started:
                _seen(self.of(one.name), one, now, steady)
        if len(self._tallies) > _MOST:
            there = {one.name for one in containers}
            self._tallies = {name: tally for name, tally in self._tallies.items() if name in there}
            self._taken &= there


def _started(tally: Tally, event: Event) -> None:
    if tally.awaited and event.id == tally.id and 0 <= event.at - tally.started < _SOON:
        tally.started, tally.awaited = event.at, False
    elif event.at > tally.started:
        tally.restarts += tally.started > 0
        tally.started, tally.id, tally.awaited = event.at, event.id, False


def _seen(tally: Tally, one: Container, now: float, steady: bool) -> None:
    # A start is a little earlier than its event, so one that the event has told of is never later than `started`.
    if not tally.started:
        tally.started, tally.id, tally.awaited = one.started, one.id, True
    elif one.started > tally.started and steady:
        if tally.doubtful != one.started:
            tally.doubtful, tally.doubted = one.started, now
        elif now - tally.doubted > _PATIENCE:
            tally.restarts += 1
            tally.started, tally.id, tally.awaited = one.started, one.id, True
