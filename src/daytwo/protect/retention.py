"""Which snapshots stay, and why: a pure planner.

A rule keeps the newest snapshot of each of its newest periods that have one; rules do not take from each other, and a
snapshot that any rule keeps stays. (The same reading of the same words as restic's `forget`, so that numbers can be
carried over.) Beyond the rules:

- Only whole snapshots fill a period. A damaged one stays until a whole one is newer.
- The newest verified snapshot stays whatever the rules say; where none is verified, the newest stored one.
- Order is the repository's sequence, which no clock can change. When the times in the repository cannot be right,
  nothing at all is removed and the plan says why (`doubt`).
- A snapshot of some services only (`daytwo backup --service`) never takes the place of a whole one; whole ones, and
  later ones of the same services, take its place.
- Safety snapshots, taken by restores and deploys, are outside every rule: they stay for some days, the newest always.
- What is pinned stays.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from zoneinfo import ZoneInfo

from daytwo.config.models import Keep
from daytwo.core.manifest import Level, Snapshot
from daytwo.core.units import Duration

SAFETY = timedelta(days=7)
"""How long safety snapshots stay unless told otherwise."""
SLACK = timedelta(hours=1)
"""Clocks of two machines, or two runs side by side, may differ by this much before a time is not believed."""
_SHORTEST_JUMP = timedelta(days=8)
_UNKNOWN_JUMP = timedelta(days=35)
_JUMP_FACTOR = 3
_BELIEVED_AFTER = 3
_RECENT = 5
_TRUSTED = (Level.VERIFIED, Level.DRILLED)
_Rule = Callable[[Sequence["Candidate"]], Iterator[tuple["Candidate", str]]]
"""Which of the counted snapshots (newest first) a rule keeps, with the reason for each."""


@dataclass(frozen=True)
class Candidate:
    """What retention needs to know of a snapshot; see `Snapshot` and `Manifest` for the fields."""

    id: str
    sequence: int
    at: datetime
    ended: datetime
    level: Level = Level.STORED
    pinned: bool = False
    safety: bool = False
    only: tuple[str, ...] = ()

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Candidate":
        """The candidate that a snapshot is."""
        manifest = snapshot.manifest
        return cls(snapshot.id, manifest.sequence, manifest.at, manifest.ended, snapshot.level, snapshot.pinned,
                   manifest.safety, tuple(sorted(manifest.only)))  # fmt: skip

    @property
    def whole(self) -> bool:
        """Whether it counts: at least stored, and no damage found since."""
        return self.level is not Level.DAMAGED


@dataclass(frozen=True)
class Decision:
    """Whether one snapshot stays, and why, in plain words."""

    candidate: Candidate
    kept: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class RetentionPlan:
    """What retention decided.

    Args:
        decisions: one for each snapshot, newest first.
        doubt: why the times are not believed, so that nothing is removed; empty when they are.
    """

    decisions: tuple[Decision, ...]
    doubt: str = ""

    @property
    def kept(self) -> tuple[Candidate, ...]:
        """What stays, newest first."""
        return tuple(one.candidate for one in self.decisions if one.kept)

    @property
    def removed(self) -> tuple[Candidate, ...]:
        """What goes, newest first."""
        return tuple(one.candidate for one in self.decisions if not one.kept)


def plan(
    snapshots: Iterable[Snapshot | Candidate],
    keep: Keep | None,
    now: datetime,
    zone: ZoneInfo,
    last_seen: datetime | None = None,
    *,
    safety: timedelta = SAFETY,
    trust_clock: bool = False,
) -> RetentionPlan:
    """Decide which snapshots of one backup in one repository stay.

    Args:
        snapshots: all of them, in any order.
        keep: the rules; without them, everything stays.
        now: the time, aware.
        zone: where days, weeks and months begin.
        last_seen: the newest time that is on record anywhere (the end of the last run), so that a clock that went back
            is noticed.
        safety: how long safety snapshots stay.
        trust_clock: a person has looked: remove although the times are in doubt.
    """
    newest_first = sorted(map(_candidate, snapshots), key=_order, reverse=True)
    if keep is None:
        return RetentionPlan(tuple(Decision(one, True, ("there is no keep rule",)) for one in newest_first))
    decisions = tuple(_decide(newest_first, _rules(keep, zone), now, zone, safety))
    doubt = "" if trust_clock else clock_doubt(newest_first, now, zone, last_seen)
    if doubt:
        held = "nothing is removed while the clock is in doubt"
        decisions = tuple(one if one.kept else replace(one, kept=True, reasons=(held,)) for one in decisions)
    return RetentionPlan(decisions, doubt)


def clock_doubt(
    snapshots: Sequence[Candidate], now: datetime, zone: ZoneInfo, last_seen: datetime | None = None
) -> str:
    """Why the times of snapshots, or the time it is now, cannot be right; empty when they can.

    Args:
        snapshots: all of them.
        now: the time, aware.
        zone: for the times in the answer.
        last_seen: the newest time that is on record anywhere.
    """
    ordered = sorted(snapshots, key=_order)
    if last_seen is not None and last_seen > now + SLACK:
        return f"it is {_when(now, zone)} by the clock, but the last run was at {_when(last_seen, zone)}"
    for one in ordered:
        if one.at > now + SLACK:
            future = f"which is in the future: it is {_when(now, zone)} by the clock"
            return f"snapshot {one.id} is of {_when(one.at, zone)}, {future}"
    latest: Candidate | None = None
    for one in ordered:
        # Compared with the end: a run that began first may well be published second.
        if latest and latest.at > one.ended + SLACK:
            return (f"snapshot {one.id} was made after {latest.id}, but is of {_when(one.at, zone)}, "
                    f"before {_when(latest.at, zone)}")  # fmt: skip
        if latest is None or one.at > latest.at:
            latest = one
    return _jump(ordered, now, zone, last_seen)


def _jump(ordered: Sequence[Candidate], now: datetime, zone: ZoneInfo, last_seen: datetime | None) -> str:
    """Whether time jumped ahead, measured against the usual time from one snapshot to the next.

    Sequences count the removed ones too, so thinning out does not look like a jump. A jump that has some snapshots
    behind it is history and believed: the machine was off.
    """
    paces = [_pace(a, b) for a, b in pairwise(ordered)]
    for index in range(max(0, len(paces) - _BELIEVED_AFTER + 1), len(paces)):
        if paces[index] > _limit(paces[:index]):
            a, b = ordered[index], ordered[index + 1]
            jump = f"the time jumped from {_when(a.at, zone)} (snapshot {a.id}) to {_when(b.at, zone)} ({b.id})"
            return f"{jump}, much more than usual; it is believed once {_BELIEVED_AFTER} snapshots are behind it"
    if ordered:
        reference = max(ordered[-1].at, last_seen or ordered[-1].at)
        if now - reference > _limit(paces):
            return (
                f"it is {_when(now, zone)} by the clock, but the last thing on record was at {_when(reference, zone)}"
            )
    return ""


def _pace(a: Candidate, b: Candidate) -> timedelta:
    return (b.at - a.at) / max(1, b.sequence - a.sequence)


def _limit(paces: Sequence[timedelta]) -> timedelta:
    if not paces:
        return _UNKNOWN_JUMP
    usual = median(pace.total_seconds() for pace in paces[-_RECENT:])
    return max(_SHORTEST_JUMP, timedelta(seconds=_JUMP_FACTOR * usual))


def _rules(keep: Keep, zone: ZoneInfo) -> tuple[_Rule, ...]:
    periods: tuple[tuple[str, int | None, Callable[[datetime], str]], ...] = (
        ("hourly", keep.hourly, lambda at: f"{at:%Y-%m-%d %H:00%z}"),
        ("daily", keep.daily, lambda at: f"{at:%Y-%m-%d}"),
        ("weekly", keep.weekly, lambda at: f"{at:%G-W%V}"),
        ("monthly", keep.monthly, lambda at: f"{at:%Y-%m}"),
        ("yearly", keep.yearly, lambda at: f"{at:%Y}"),
    )
    rules = [_last(keep.last)] if keep.last else []
    rules += [_periodic(name, count, label, zone) for name, count, label in periods if count]
    rules += [_within(keep.within.delta)] if keep.within else []
    return tuple(rules)


def _last(count: int) -> _Rule:
    def pick(counted: Sequence[Candidate]) -> Iterator[tuple[Candidate, str]]:
        for number, one in enumerate(counted[:count], start=1):
            yield one, f"last {number} of {count}"

    return pick


def _periodic(name: str, count: int, label: Callable[[datetime], str], zone: ZoneInfo) -> _Rule:
    def pick(counted: Sequence[Candidate]) -> Iterator[tuple[Candidate, str]]:
        seen: set[str] = set()
        for one in counted:
            period = label(one.at.astimezone(zone))
            if period in seen:
                continue
            if len(seen) == count:
                return
            seen.add(period)
            yield one, f"{name} {period}"

    return pick


def _within(span: timedelta) -> _Rule:
    def pick(counted: Sequence[Candidate]) -> Iterator[tuple[Candidate, str]]:
        # Measured from the newest snapshot and not from now: when backups fail for weeks, nothing expires meanwhile.
        for one in counted:
            if counted[0].at - one.at <= span:
                yield one, f"within {_span(span)} of the newest"

    return pick


def _decide(
    newest_first: Sequence[Candidate], rules: Sequence[_Rule], now: datetime, zone: ZoneInfo, safety: timedelta
) -> Iterator[Decision]:
    reasons: dict[Candidate, list[str]] = {one: [] for one in newest_first}
    counted: dict[tuple[str, ...], list[Candidate]] = {}
    for only in {one.only for one in newest_first}:
        counted[only] = [one for one in newest_first if one.whole and not one.safety and one.only in ((), only)]
        for one, reason in _picked(counted[only], rules):
            if one.only == only:
                reasons[one].append(f"{reason} (only {', '.join(only)})" if only else reason)
    safeties = [one for one in newest_first if one.safety and one.whole]
    for one in safeties:
        reasons[one] += _safety_reasons(one, one is safeties[0], now, safety)
    for one in newest_first:
        kept = reasons[one] + (["pinned"] if one.pinned else [])
        if not one.whole and not any(other.sequence > one.sequence for other in counted[one.only][:1]):
            kept.append("damaged, but no whole snapshot is newer")
        yield Decision(one, bool(kept), tuple(kept) or (_why_not(one, safety),))


def _picked(counted: Sequence[Candidate], rules: Sequence[_Rule]) -> Iterator[tuple[Candidate, str]]:
    for rule in rules:
        yield from rule(counted)
    if floor := next((one for one in counted if one.level in _TRUSTED), None):
        yield floor, "newest verified"
    elif counted:
        yield counted[0], "newest stored, none is verified"


def _safety_reasons(one: Candidate, newest: bool, now: datetime, safety: timedelta) -> Iterator[str]:
    if now - one.at < safety:
        yield f"safety snapshot, younger than {_span(safety)}"
    elif newest:
        yield "newest safety snapshot"


def _why_not(one: Candidate, safety: timedelta) -> str:
    if not one.whole:
        return "damaged, and a whole snapshot is newer"
    if one.safety:
        return f"safety snapshot, older than {_span(safety)}"
    return "not in any rule"


def _order(one: Candidate) -> tuple[int, datetime]:
    return one.sequence, one.at


def _candidate(snapshot: Snapshot | Candidate) -> Candidate:
    return snapshot if isinstance(snapshot, Candidate) else Candidate.of(snapshot)


def _when(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def _span(span: timedelta) -> str:
    days = span / timedelta(days=1)
    if days < 1 or days != int(days):
        return str(Duration(span.total_seconds()))
    return "a day" if days == 1 else f"{days:g} days"
