"""The right follower for each log."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from daytwo.watch.logs.container import ContainerFollower
from daytwo.watch.logs.files import FileFollower
from daytwo.watch.logs.follower import Follower
from daytwo.watch.logs.journal import JournalFollower
from daytwo.watch.logs.replicas import ServiceFollower
from daytwo.watch.logs.sources import Kind, Log

_KINDS: dict[Kind, type[Follower]] = {
    "container": ContainerFollower,
    "journal": JournalFollower,
    "file": FileFollower,
}


def follower_of(log: Log, position: str, work: Path, clock: Callable[[], datetime]) -> Follower:
    """The follower of a log, not started yet.

    Args:
        log: which one.
        position: up to where it has been read; empty for the first time.
        work: a private folder.
        clock: the time now.
    """
    kind = ServiceFollower if log.kind == "container" and not log.wanted.name else _KINDS[log.kind]
    return kind(log, position, work, clock)


__all__ = ["follower_of"]
