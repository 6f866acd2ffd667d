"""How much of a time something worked, from its stretches: pure functions.

Uptime is `ok / (ok + failed)`. What is in neither is told beside it: time outside business hours, maintenance, and what
nobody knows. A monitor that was down, or whose own line was, makes no outage and no uptime.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from daytwo.core.check import Verdict
from daytwo.core.periods import Periods, whole
from daytwo.core.windows import Hours
from daytwo.watch.observations import Stretch

_NONE = Periods()


@dataclass(frozen=True)
class Uptime:
    """How long it was how; together that is the whole time.

    Args:
        ok: time in which it worked.
        failed: time in which it did not.
        unknown: time of which nothing is known.
        maintenance: time in a maintenance window, whatever it did then.
        closed: time outside business hours, whatever it did then.
        outages: how many times it failed in what counts.
    """

    ok: timedelta = timedelta()
    failed: timedelta = timedelta()
    unknown: timedelta = timedelta()
    maintenance: timedelta = timedelta()
    closed: timedelta = timedelta()
    outages: int = 0

    @property
    def known(self) -> timedelta:
        """The time that counts."""
        return self.ok + self.failed

    @property
    def share(self) -> float | None:
        """The fraction of the known time in which it worked; None when nothing is known."""
        return self.ok / self.known if self.known else None

    def met(self, wanted: float) -> bool | None:
        """Whether it is as much as was promised; None when nothing is known.

        Args:
            wanted: the fraction that was promised.
        """
        return self.left(wanted) >= timedelta() if self.known else None

    def budget(self, wanted: float) -> timedelta:
        """How long it may fail in the known time without breaking a promise (the error budget)."""
        # In whole microseconds: 99.9 % of 1,000 minutes allow for exactly one, whatever floating point makes of it.
        return timedelta(microseconds=round(self.known / timedelta(microseconds=1) * (1 - wanted)))

    def left(self, wanted: float) -> timedelta:
        """How much of that is left; below nothing when the promise is broken."""
        return self.budget(wanted) - self.failed


@dataclass(frozen=True)
class Counting:
    """What of a time counts.

    Args:
        begin: its first moment.
        end: the first moment after it.
        open: business hours in it.
        counted: of them, those without maintenance.
    """

    begin: datetime
    end: datetime
    open: Periods
    counted: Periods

    @classmethod
    def of(
        cls, begin: datetime, end: datetime, hours: Sequence[Hours] = (), maintenance: Periods = _NONE
    ) -> "Counting":
        """What of a time counts.

        Args:
            begin: its first moment.
            end: the first moment after it.
            hours: business hours; everything when there are none.
            maintenance: what does not count of them.
        """
        every = whole(begin, end)
        opened = every
        if hours:
            opened = Periods(one for each in hours for one in each.within(begin, end))
        return cls(begin, end, opened, opened - maintenance)

    @cached_property
    def length(self) -> timedelta:
        """How long the time is; worked out once for the many checks that it is looked at for."""
        return whole(self.begin, self.end).length

    def uptime(self, stretches: Sequence[Stretch], believed: datetime | None = None) -> Uptime:
        """Sum up stretches.

        Args:
            stretches: oldest first, those before and after the time, too.
            believed: until when the last of them lasts; until the end when absent.
        """
        until = self.end if believed is None else min(self.end, believed)
        sums, outages = dict.fromkeys(Verdict, timedelta()), 0
        for stretch, ends in _ends(stretches, until):
            length = self.counted.between(stretch.begin, min(ends, until))
            sums[stretch.verdict] += length
            outages += stretch.verdict is Verdict.FAILED and bool(length)
        ok, failed = sums[Verdict.OK], sums[Verdict.FAILED]
        return Uptime(
            ok=ok,
            failed=failed,
            unknown=self.counted.length - ok - failed,
            maintenance=self.open.length - self.counted.length,
            closed=self.length - self.open.length,
            outages=outages,
        )


def uptime(stretches: Sequence[Stretch], begin: datetime, end: datetime, hours: Hours | None = None) -> Uptime:
    """Sum up stretches; see `Counting`.

    Args:
        stretches: oldest first; the last one lasts until `end`.
        begin: of the time that is looked at.
        end: of it; not later than the newest observation may be believed.
        hours: when only these count.
    """
    return Counting.of(begin, end, (hours,) if hours else ()).uptime(stretches)


def _ends(stretches: Sequence[Stretch], end: datetime) -> Iterable[tuple[Stretch, datetime]]:
    return zip(stretches, [*(one.begin for one in stretches[1:]), end], strict=True) if stretches else ()


__all__ = ["Counting", "Hours", "Uptime", "uptime"]
