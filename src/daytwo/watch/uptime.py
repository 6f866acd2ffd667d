"""How much of a time something worked, from its stretches: pure functions.

Uptime is `ok / (ok + failed)`. What nobody knows is in neither, and is told beside it: a monitor that was down, or
whose own line was, makes no outage and no uptime.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from daytwo.core.check import Verdict
from daytwo.watch.observations import Stretch

_WORKDAYS = 5


@dataclass(frozen=True)
class Hours:
    """Business hours: those that count.

    Args:
        begin: of a working day, as the clock on the wall shows it.
        end: of it; not before `begin`.
        days: Monday is 0.
        zone: whose clock.
    """

    begin: time
    end: time
    zone: tzinfo
    days: tuple[int, ...] = tuple(range(_WORKDAYS))

    def within(self, begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """The parts of a time that are business hours."""
        found = []
        day = begin.astimezone(self.zone).date()
        # In UTC: times of one zone are subtracted as the clock on the wall shows them.
        while (opens := datetime.combine(day, self.begin, self.zone).astimezone(UTC)) < end:
            closes = datetime.combine(day, self.end, self.zone).astimezone(UTC)
            if day.weekday() in self.days and closes > begin:
                found.append((max(begin, opens), min(end, closes)))
            day += timedelta(days=1)
        return [(one, other) for one, other in found if one < other]


@dataclass(frozen=True)
class Uptime:
    """How long it was how.

    Args:
        ok: time in which it worked.
        failed: time in which it did not.
        unknown: time of which nothing is known, or that does not count.
        outages: how many times it failed.
    """

    ok: timedelta = timedelta()
    failed: timedelta = timedelta()
    unknown: timedelta = timedelta()
    outages: int = 0

    @property
    def share(self) -> float | None:
        """The fraction of the known time in which it worked; None when nothing is known."""
        known = self.ok + self.failed
        return self.ok / known if known else None


def uptime(stretches: Sequence[Stretch], begin: datetime, end: datetime, hours: Hours | None = None) -> Uptime:
    """Sum up stretches.

    Args:
        stretches: oldest first; the last one lasts until `end`.
        begin: of the time that is looked at.
        end: of it; not later than the newest observation may be believed.
        hours: when only these count.
    """
    sums = dict.fromkeys(Verdict, timedelta())
    first = stretches[0].begin if stretches else end
    sums[Verdict.INCONCLUSIVE] += _counted(begin, min(max(first, begin), end), hours)
    outages = 0
    for stretch, until in _ends(stretches, end):
        length = _counted(max(stretch.begin, begin), min(until, end), hours)
        sums[stretch.verdict] += length
        outages += stretch.verdict is Verdict.FAILED and bool(length)
    return Uptime(sums[Verdict.OK], sums[Verdict.FAILED], sums[Verdict.INCONCLUSIVE], outages)


def _ends(stretches: Sequence[Stretch], end: datetime) -> Iterable[tuple[Stretch, datetime]]:
    return zip(stretches, [*(one.begin for one in stretches[1:]), end], strict=True) if stretches else ()


def _counted(begin: datetime, end: datetime, hours: Hours | None) -> timedelta:
    if begin >= end:
        return timedelta()
    if hours is None:
        return end - begin
    return sum((other - one for one, other in hours.within(begin, end)), timedelta())
