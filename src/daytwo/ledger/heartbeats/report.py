"""What a job says of itself, and what is made of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from daytwo.core.secrets import redact

EXCERPT = 10_000
"""The last so many bytes of what a job printed are kept."""
_MOST_OPEN = 20
"""Runs of one heartbeat that have begun and not ended: more are not told apart."""


class Kind(StrEnum):
    """What a ping says. The last two are the watchman's own."""

    START = "start"
    SUCCESS = "success"
    FAIL = "fail"
    LOG = "log"
    LATE = "late"
    DOWN = "down"

    @property
    def ends(self) -> bool:
        """Whether it says that a run has ended."""
        return self in (Kind.SUCCESS, Kind.FAIL)


@dataclass(frozen=True)
class Report:
    """What a job says of itself.

    Args:
        kind: start, success, fail or log.
        exit_code: of the job, where it gave one.
        rid: names the run, so that its end is matched with its start; empty when the job does not.
        duration: milliseconds, where the job measured it itself.
        excerpt: the end of what it printed.
        source: the address it came from.
        agent: the program that sent it.
    """

    kind: Kind
    exit_code: int | None = None
    rid: str = ""
    duration: int | None = None
    excerpt: str = ""
    source: str = ""
    agent: str = ""

    @classmethod
    def exited(cls, code: int) -> "Report":
        """The report of an exit code: 0 is success."""
        return cls(Kind.FAIL if code else Kind.SUCCESS, code)


@dataclass(frozen=True)
class Begun:
    """A run that has begun.

    Args:
        rid: its name, or empty.
        at: when.
    """

    rid: str
    at: datetime


def begin(open: Sequence[Begun], one: Begun) -> tuple[Begun, ...]:
    """The open runs when one more has begun. A run that says so twice began the second time."""
    others = [other for other in open if other.rid != one.rid] if one.rid else list(open)
    # The first stays whatever happens: a job that always begins and never ends must not look well.
    kept = others if len(others) < _MOST_OPEN else [others[0], *others[2 - _MOST_OPEN :]]
    return (*kept, one)


def end(open: Sequence[Begun], rid: str) -> tuple[Begun | None, tuple[Begun, ...]]:
    """The run that has ended, and those still open.

    With one run those that began before it are given up as well: whatever became of them, the job has worked since.
    An end whose start is not known closes all.
    """
    for number in reversed(range(len(open))):
        if open[number].rid == rid:
            return open[number], tuple(open[number + 1 :])
    return None, ()


def milliseconds(length: timedelta) -> int | None:
    """A length of time; None for one that cannot be, because the clock was set meanwhile."""
    return None if length < timedelta() else round(length / timedelta(milliseconds=1))


def excerpt_of(text: str) -> str:
    """The end of a text, fit to be kept: secrets blanked, no null characters, `EXCERPT` bytes of UTF-8 at most."""
    kept = redact(text).replace("\x00", "").encode(errors="replace")[-EXCERPT:]
    return kept.decode(errors="ignore")


def open_from(text: str) -> tuple[Begun, ...]:
    """The open runs from their stored form."""
    return tuple(Begun(rid, datetime.fromisoformat(at)) for rid, at in json.loads(text))


def open_text(open: Sequence[Begun]) -> str:
    """The stored form of open runs."""
    return json.dumps([(one.rid, one.at.isoformat()) for one in open], separators=(",", ":"))
