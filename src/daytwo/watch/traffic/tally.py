"""Adding up requests by minute and route, and the series that come of it.

`requests`, `errors` (5xx), `client_errors` (4xx), `users` and `unread` hold a 1 for each: their sum is how many, in
however many pieces a minute came. `duration` and `bytes` hold the value of each request, so that percentiles are right.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from daytwo.core.check import Unit
from daytwo.watch.numbers import Digest, Summed

SWITCHED = 101
"""Status of a connection that goes on as something else (WebSocket): how long it lasts is no time to answer."""
MINUTE = 60


@dataclass(slots=True)
class Tally:
    """Requests of one minute and one route."""

    requests: int = 0
    errors: int = 0
    client_errors: int = 0
    durations: list[float] = field(default_factory=list)

    def add(self, status: int, seconds: float | None) -> None:
        """Count a request."""
        self.requests += 1
        if status >= 500:
            self.errors += 1
        elif status >= 400:
            self.client_errors += 1
        if seconds is not None and status != SWITCHED:
            self.durations.append(seconds)

    def merge(self, other: "Tally") -> None:
        """Count those of another route, too."""
        self.requests += other.requests
        self.errors += other.errors
        self.client_errors += other.client_errors
        self.durations += other.durations

    def summed(self, name: str, minute: int) -> Iterator[Summed]:
        """As numbers of a minute, by series."""
        yield from counted(f"{name}.requests", minute, self.requests)
        yield from counted(f"{name}.errors", minute, self.errors)
        yield from counted(f"{name}.client_errors", minute, self.client_errors)
        yield from _values(f"{name}.duration", Unit.SECONDS, minute, self.durations)


class Minute:
    """Requests of one minute."""

    __slots__ = ("routes", "sizes", "users")

    def __init__(self) -> None:
        self.routes: defaultdict[str, Tally] = defaultdict(Tally)
        self.sizes: list[float] = []
        self.users = 0
        """Those that had not been seen in this minute before."""

    @property
    def requests(self) -> int:
        """How many."""
        return sum(one.requests for one in self.routes.values())

    def summed(self, name: str, minute: int) -> Iterator[Summed]:
        """As numbers of the log and of its routes.

        Args:
            name: what its series begin with: `traffic.web`.
            minute: seconds since 1970 at which it begins.
        """
        whole = Tally()
        for route in self.routes.values():
            whole.merge(route)
        yield from whole.summed(name, minute)
        yield from _values(f"{name}.bytes", Unit.BYTES, minute, self.sizes)
        yield from counted(f"{name}.users", minute, self.users)
        for slug, route in self.routes.items():
            yield from route.summed(f"{name}.{slug}", minute)


def counted(name: str, minute: int, count: int) -> Iterator[Summed]:
    """So many events; none when there was none."""
    if count:
        digest = Digest()
        digest.take(count, float(count), 1.0, 1.0, 1.0, 0.0, None)
        yield Summed(name, Unit.COUNT, minute, digest)


def unread(name: str, minute: int, reasons: Counter[str]) -> Iterator[Summed]:
    """Lines that are no requests, in all and by reason."""
    yield from counted(f"{name}.unread", minute, reasons.total())
    for reason, count in reasons.items():
        yield from counted(f"{name}.unread.{reason}", minute, count)


def _values(name: str, unit: Unit, minute: int, values: list[float]) -> Iterator[Summed]:
    if values:
        digest = Digest()
        digest.add_many(values)
        yield Summed(name, unit, minute, digest)


__all__ = ["MINUTE", "Minute", "Tally", "counted", "unread"]
