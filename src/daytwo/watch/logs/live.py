"""Several logs as one, in the order of time: what is there, and what comes."""

import heapq
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from daytwo.core.errors import DaytwoError
from daytwo.watch.logs.follower import Follower
from daytwo.watch.logs.lines import Line

_ROUND = 0.2
Complain = Callable[[str, str], None]
"""Takes the name of a log that cannot be read, and why."""


class Said(NamedTuple):
    """A line of one of them.

    Args:
        log: the log's name.
        line: what it says.
    """

    log: str
    line: Line


def past(
    followers: Sequence[Follower],
    since: datetime | None,
    until: datetime | None,
    last: int | None,
    complain: Complain,
) -> Iterator[Said]:
    """What is there, the oldest first; read as it is asked for, whatever there is of it.

    Args:
        followers: of the logs, not started.
        since: nothing older, or None.
        until: nothing newer, or None.
        last: of each log the last so many lines only, or None.
        complain: called for each log that cannot be read; the others go on.
    """

    def said(one: Follower) -> Iterator[Said]:
        try:
            for line in one.past(since, until, last):
                yield Said(one.log.name, line)
        except DaytwoError as error:
            complain(one.log.name, str(error))

    return heapq.merge(*(said(one) for one in followers), key=lambda one: one.line.at)


def coming(followers: Sequence[Follower], stop: threading.Event, complain: Complain) -> Iterator[Said]:
    """What comes from now on, until `stop` is set: in the order of time within a moment.

    Args:
        followers: of the logs; they are started, and closed in the end.
        stop: ends it.
        complain: called when a log cannot be read any more, and why; they are tried again.
    """
    told = dict.fromkeys((one.log.name for one in followers), "")
    for one in followers:
        one.start()
    try:
        while not stop.is_set():
            batches = [batch for one in followers if (batch := one.take())]
            said = [Said(one.log, line) for one in batches for line in one.lines]
            yield from sorted(said, key=lambda one: one.line.at)
            for one in followers:
                if one.trouble and told[one.log.name] != one.trouble:
                    complain(one.log.name, one.trouble)
                told[one.log.name] = one.trouble
            if not any(one.full for one in followers):
                stop.wait(_ROUND)
    finally:
        for one in followers:
            one.close()


__all__ = ["Complain", "Said", "coming", "past"]
