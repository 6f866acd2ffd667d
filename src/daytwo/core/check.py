"""The contract of a check: one question asked of a service again and again, and the answer to it.

A check never decides whether anybody is told: it observes, and rules judge. What it could not find out is
`inconclusive`: neither a success nor an outage of the service.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar

from daytwo.core.errors import ConfigError, DaytwoError, MissingToolError, NoRightError, SecretError, UsageError
from daytwo.core.net.words import plain
from daytwo.core.run import Run


class Verdict(StrEnum):
    """What an observation says of the service."""

    OK = "ok"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    """It could not be found out: our tool, our rights or our network is at fault."""


class Unit(StrEnum):
    """What a number counts, in base units."""

    SECONDS = "s"
    BYTES = "B"
    RATIO = "ratio"
    """A fraction of one; shown as percent."""
    COUNT = "count"
    PER_SECOND = "/s"


@dataclass(frozen=True)
class Measure:
    """One number that a check takes.

    Args:
        name: how it is called after the check's name: `duration`, `connections_used`.
        unit: what it counts.
        about: what it means, in a few words.
        total: it only ever grows until it begins anew (a counter): its increase is what counts.
    """

    name: str
    unit: Unit
    about: str
    total: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """One answer.

    Args:
        verdict: what it says of the service.
        why: one sentence for a person when it is not ok; without secrets.
        numbers: values by the name of their measure, in base units.
        facts: short texts that go with it: a version, a status, an address.
    """

    verdict: Verdict
    why: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def ok(cls, numbers: Mapping[str, float] | None = None, facts: Mapping[str, str] | None = None) -> "Observation":
        """All is well."""
        return cls(Verdict.OK, "", numbers or {}, facts or {})

    @classmethod
    def failed(
        cls, why: str, numbers: Mapping[str, float] | None = None, facts: Mapping[str, str] | None = None
    ) -> "Observation":
        """The service does not do what it should."""
        return cls(Verdict.FAILED, why, numbers or {}, facts or {})

    @classmethod
    def inconclusive(cls, why: str) -> "Observation":
        """Nobody knows."""
        return cls(Verdict.INCONCLUSIVE, why)


@dataclass(frozen=True)
class Timing:
    """When a check is asked, and what counts as an answer.

    Args:
        every: seconds from one observation to the next.
        timeout: seconds after which one attempt has failed.
        retries: attempts more, at once, before it is an observation.
        failures: failed observations in a row that are an alert.
    """

    every: float = 60
    timeout: float = 10
    retries: int = 0
    failures: int = 3


class Shareable(Protocol):
    """Something that several checks use side by side, such as one stream of a container engine's events."""

    async def close(self) -> None:
        """End it. Never raises."""


T = TypeVar("T", bound=Shareable)
_LONGEST = 500
"""Characters of an error that a reason keeps: it is stored with each change."""


class Shared:
    """What checks share for as long as they are watched."""

    def __init__(self) -> None:
        self._held: dict[Hashable, Shareable] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The one thing of this key, made at first use.

        Args:
            key: begins with the name of its class, so that no two sorts meet.
            make: makes it; called in the event loop.
        """
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = make()
        return held  # type: ignore[return-value]  # the key says what it is

    async def close(self) -> None:
        """End all of it."""
        while self._held:
            _, held = self._held.popitem()
            await held.close()


@dataclass(frozen=True, slots=True)
class Around:
    """What a probe is given.

    Args:
        end: when its time is up, as `time.monotonic()` counts.
        shared: what it shares with other checks.
        work: a private folder.
    """

    end: float
    shared: Shared
    work: Path

    def remaining(self) -> float:
        """Seconds left."""
        return max(0.0, self.end - time.monotonic())


class Check(ABC):
    """One question.

    Args:
        name: unique in the app: the service's name, or it and what is asked: `db.tables`.
        service: the service it is asked of.
        timing: when it is asked.
    """

    about: ClassVar[str]
    """What it asks, in a few words."""
    measures: tuple[Measure, ...] = ()
    """The numbers it may take; each is a series `CHECK.MEASURE`. One that finds more while it looks, such as a disk
    each, adds them here before it answers."""
    outside: bool = False
    """Whether the way to it leaves this machine's own network: an outage of ours then says nothing of it."""

    def __init__(self, name: str, service: str, timing: Timing) -> None:
        self.name = name
        self.service = service
        self.timing = timing

    @abstractmethod
    async def probe(self, around: Around) -> Observation:
        """Ask once. Cancelled when its time is up; holds nothing open after that.

        Raises:
            DaytwoError: see `observed`.
        """

    def recall(self, before: Observation) -> None:
        """Hear its newest observation of an earlier daemon, before it is asked for the first time. Never raises."""
        return

    async def close(self) -> None:
        """Give back what it keeps open between two probes. Never raises."""
        return


class ProgramCheck(Check):
    """A check that runs programs or blocks otherwise: it is asked in a thread."""

    async def probe(self, around: Around) -> Observation:
        """Not asked directly: whoever probes calls `look` in a thread of its own choice."""
        raise NotImplementedError("use look")

    @abstractmethod
    def look(self, run: Run) -> Observation:
        """Ask once. The run is cancelled when its time is up, and ends the programs it has started.

        Raises:
            DaytwoError: see `observed`.
        """


def observed(error: DaytwoError) -> Observation:
    """The observation that an error means: what is wrong with us is no failure of the service."""
    why = plain(" ".join(str(error).split()), _LONGEST)
    if isinstance(error, MissingToolError | NoRightError | SecretError | ConfigError | UsageError):
        return Observation.inconclusive(why)
    return Observation.failed(why)
