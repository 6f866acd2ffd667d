"""Who has which turn of a rota, and when nobody has one. Pure functions.

Turns change by the clock on the wall: a week that begins on Monday at 09:00 begins then on every Monday, and is an hour
shorter or longer when the clocks change in it. What begins at a time that comes twice begins at the first; what begins
at one that is skipped begins as long after the jump as it lay behind it: 02:30 is 03:30 then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from daytwo.config.objectives import DAYS
from daytwo.config.responding import Layer, Override, Rota
from daytwo.core.periods import Period, Periods, whole
from daytwo.core.schedule import zone_of
from daytwo.core.windows import instant

_DAY = timedelta(days=1)
_A_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Takeover:
    """Somebody takes over a rota for a time; of several the first in its order counts.

    Args:
        person: who.
        begin: the first moment, aware.
        end: the first moment after it.
    """

    person: str
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Shift:
    """A time in which somebody is on call.

    Args:
        person: who; a name of the configuration.
        begin: the first moment, in UTC.
        end: the first moment after it.
        layer: which layer it is of, counted from 1; 0 for somebody who took over.
    """

    person: str
    begin: datetime
    end: datetime
    layer: int


def shifts(
    rota: Rota, zone: str, begin: datetime, end: datetime, takeovers: Sequence[Takeover] = ()
) -> tuple[Shift, ...]:
    """Who is on call in a time, each shift cut to it, in their order; none overlaps another.

    Args:
        rota: of the configuration.
        zone: IANA name of the app's zone, for a rota without one.
        begin: the first moment, aware.
        end: the first moment after it.
        takeovers: by hand; they go before those of the configuration, the first before the others.
    """
    # In UTC: two times of one zone are compared, and added to, as the clock on the wall shows them.
    begin, end = begin.astimezone(UTC), end.astimezone(UTC)
    taken, found = Periods(), []
    for layer, person, period in _claims(rota, zone_of(rota.zone or zone), rota.zone or zone, begin, end, takeovers):
        own = Periods([period]) & whole(begin, end)
        found += [Shift(person, free.begin, free.end, layer) for free in own - taken]
        taken = taken | own
    return tuple(_joined(sorted(found, key=lambda shift: shift.begin)))


def gaps(
    rota: Rota, zone: str, begin: datetime, end: datetime, takeovers: Sequence[Takeover] = ()
) -> tuple[Period, ...]:
    """The times in which nobody is on call; the arguments are those of `shifts`."""
    held = Periods(Period(one.begin, one.end) for one in shifts(rota, zone, begin, end, takeovers))
    return tuple(whole(begin, end) - held)


def on_call(rota: Rota, zone: str, now: datetime, takeovers: Sequence[Takeover] = ()) -> str | None:
    """Who is on call at a moment; None when nobody is. The arguments are those of `shifts`."""
    now = now.astimezone(UTC)
    found = shifts(rota, zone, now, now + _A_MOMENT, takeovers)
    return found[0].person if found else None


def members(rota: Rota) -> tuple[str, ...]:
    """Everybody who ever has a turn, in their order, once each."""
    return tuple(dict.fromkeys(person for layer in rota.turns for person in layer.people))


def _claims(
    rota: Rota, wall: tzinfo, zone: str, begin: datetime, end: datetime, takeovers: Sequence[Takeover]
) -> Iterator[tuple[int, str, Period]]:
    """Who would be on call, whoever counts first before the others."""
    for one in (*takeovers, *(_takeover(override, wall) for override in rota.overrides)):
        if one.begin < one.end and one.begin < end and one.end > begin:
            yield 0, one.person, Period(one.begin, one.end)
    for number, layer in enumerate(rota.turns, 1):
        open_ = Periods(part for hours in layer.hours for part in hours.hours(zone).within(begin, end))
        for person, turn in _turns(layer, wall, begin, end):
            parts = open_ & Periods([turn]) if layer.hours else (turn,)
            for part in parts:
                yield number, person, part


def _takeover(override: Override, wall: tzinfo) -> Takeover:
    return Takeover(override.person, instant(override.from_, wall), instant(override.to, wall, last=True))


def _turns(layer: Layer, wall: tzinfo, begin: datetime, end: datetime) -> Iterator[tuple[str, Period]]:
    """The turns that have a part in a time, each whole."""
    first, length = _first(layer, wall), _length(layer)
    # A turn that begins in an hour that is skipped has not begun when the clock shows its time: look at the one before.
    number = (begin.astimezone(wall).replace(tzinfo=None) - _DAY - first) // length
    opens = instant(first + number * length, wall)
    while opens < end:
        closes = instant(first + (number + 1) * length, wall)
        if closes > begin and opens < closes:
            yield layer.people[number % len(layer.people)], Period(opens, closes)
        opens, number = closes, number + 1


def _first(layer: Layer, wall: tzinfo) -> datetime:
    """When the first person's first turn begins, by the clock on the wall."""
    since = layer.since if layer.since.tzinfo is None else layer.since.astimezone(wall).replace(tzinfo=None)
    first = datetime.combine(since.date(), layer.at)
    return first + _DAY * ((DAYS.index(layer.day) - first.weekday()) % 7) if layer.every == "week" else first


def _length(layer: Layer) -> timedelta:
    if layer.every == "week":
        return 7 * _DAY
    return _DAY if layer.every == "day" else timedelta(seconds=float(layer.every))


def _joined(found: Sequence[Shift]) -> Iterator[Shift]:
    """Shifts that follow each other and are the same person's, as one."""
    waiting: Shift | None = None
    for one in found:
        if waiting is not None and (waiting.person, waiting.layer, waiting.end) == (one.person, one.layer, one.begin):
            waiting = Shift(waiting.person, waiting.begin, one.end, waiting.layer)
            continue
        if waiting is not None:
            yield waiting
        waiting = one
    if waiting is not None:
        yield waiting
