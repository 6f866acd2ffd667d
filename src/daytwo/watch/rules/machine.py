"""How an alert comes and goes: a pure state machine, one step a reading.

    ok -> pending -> firing -> clearing -> ok

A condition must be true for `pending` before it is an alert, and over for `hold` before the alert is. Both are measured
in time that somebody watched: a stretch of which nothing is known (an inconclusive reading, a monitor that was down, a
clock that was set) is taken off, whichever way it would have counted. So a memory written down and read again later
goes on where it stopped.
"""

import json
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from daytwo.config.watching import Level, Rule

_NOTHING = timedelta()
_AGAIN = 2
"""Readings of a series that must be bad once more when what they were put down to is well again."""


class State(StrEnum):
    """How a rule stands for one of its subjects."""

    OK = "ok"
    """There is no alert."""
    PENDING = "pending"
    """Its condition is true, or on its way to be, and not yet for long enough."""
    FIRING = "firing"
    """There is an alert."""
    CLEARING = "clearing"
    """There is an alert; its condition is over, and not yet for long enough."""

    @property
    def alert(self) -> bool:
        """Whether there is an alert."""
        return self in (State.FIRING, State.CLEARING)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a rule asks of time.

    Args:
        pending: how long its condition must be true before it is an alert.
        hold: how long it must be over before the alert is.
        changes: so many changes within `within` are flapping; never when 0.
        within: the time for that, and how long a flapping alert must be quiet before it is over.
        eases: whether a critical alert may become a warning.
        again: readings, and
        alone: time, for which an alert must stay bad after what it was put down to is well again, to be one by itself.
        mild: what an alert is that is not critical.
    """

    pending: timedelta = _NOTHING
    hold: timedelta = _NOTHING
    changes: int = 0
    within: timedelta = _NOTHING
    eases: bool = False
    again: int = _AGAIN
    alone: timedelta = _NOTHING
    mild: Level = "warning"

    @classmethod
    def of(cls, rule: Rule) -> "Terms":
        """Those of a rule of the configuration."""
        pending = rule.pending.delta
        return cls(
            pending=pending,
            hold=rule.hold.delta,
            changes=rule.flapping.changes if rule.flapping else 0,
            within=rule.flapping.within.delta if rule.flapping else _NOTHING,
            eases=rule.check is not None or rule.warning is not None,
            mild="info" if rule.level == "info" else "warning",
            again=rule.failures or _AGAIN,
            # A window still holds what happened while the other was down.
            alone=pending + (rule.over.delta if rule.series is not None else _NOTHING),
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule is told at one moment.

    Args:
        level: the worst threshold that is crossed.
        over: whether what must hold before an alert is over does hold.
        brewing: failures have begun to count, and are not enough yet.
        unsure: nothing could be told; the rest means nothing.
        row: failures in a row.
        value: the number that was compared.
        why: one sentence for a person.
    """

    level: Level | None = None
    over: bool = True
    brewing: bool = False
    unsure: bool = False
    row: int = 0
    value: float | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered from one reading to the next. Times of clocks move when time is taken off.

    Args:
        state: how it stands.
        since: when that began.
        level: of the alert.
        fired: when the alert began.
        because_of: what the alert was put down to when it began.
        row: failures in a row.
        warning: since when the condition of any level has been true.
        critical: since when that of the critical one has.
        over: since when the alert's condition has been over.
        calm: since when a critical alert has not been critical.
        unsure: since when nothing can be told.
        alone: readings that were bad although what the alert was put down to is well again.
        alone_since: when the first of them was.
        changes: when the newest changes were.
        flapping: whether it stays one alert until it has been quiet.
    """

    state: State = State.OK
    since: datetime | None = None
    level: Level | None = None
    fired: datetime | None = None
    because_of: str = ""
    row: int = 0
    warning: datetime | None = None
    critical: datetime | None = None
    over: datetime | None = None
    calm: datetime | None = None
    unsure: datetime | None = None
    alone: int = 0
    alone_since: datetime | None = None
    changes: tuple[datetime, ...] = ()
    flapping: bool = False

    @property
    def idle(self) -> bool:
        """Whether a reading without news leaves it as it is."""
        return self.state is State.OK and self.row == 0 and self.unsure is None

    def to_json(self) -> str:
        """All of it, as text for the state."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        held = {name: value for name, value in values.items() if value not in (None, "", 0, ())}
        return json.dumps(held, default=datetime.isoformat, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Memory":
        """What `to_json` wrote; what a newer version added to it is left out."""
        known = {field.name for field in fields(cls)}
        values: dict[str, Any] = {name: value for name, value in json.loads(text).items() if name in known}
        for name in values.keys() & _TIMES:
            values[name] = datetime.fromisoformat(values[name])
        values["changes"] = tuple(datetime.fromisoformat(one) for one in values.get("changes", ()))
        return cls(**values | {"state": State(values["state"])})


_CLOCKS = ("warning", "critical", "over", "calm", "unsure", "alone_since")
_TIMES = {*_CLOCKS, "since", "fired"}


@dataclass(frozen=True, slots=True)
class Move:
    """A change that somebody may want to hear of.

    Args:
        old: the state before.
        new: the state now. When both are `firing`, the level has changed, or the alert is no consequence any more.
        level: of the alert, or of the one that threatens.
        value: the number that was compared.
        why: one sentence for a person.
        because_of: what it is a consequence of; then it is no news.
    """

    old: State
    new: State
    level: Level
    value: float | None = None
    why: str = ""
    because_of: str = ""


Step = tuple[Memory, tuple[Move, ...]]


def step(terms: Terms, memory: Memory, reading: Reading, now: datetime, because_of: str = "") -> Step:
    """Take one reading.

    Args:
        terms: of the rule.
        memory: what was remembered; returned as it is when nothing changes.
        reading: what is told now.
        now: the time now, aware; not before that of the last reading (see `clock_was_set`).
        because_of: what the subject depends on that fails now, or empty.

    Returns:
        What to remember, and what has changed.
    """
    if reading.unsure:
        return (memory if memory.idle or memory.unsure else replace(memory, unsure=now)), ()
    if memory.idle and reading.over and reading.level is None:
        return memory, ()
    timed = _timed(_sure_again(memory, now), reading, now)
    after, moves = (_alert if memory.state.alert else _quiet)(terms, timed, reading, now, because_of)
    return (memory if after == memory else after), moves


def after_gap(memory: Memory, gap: timedelta) -> Memory:
    """The memory after a time in which nobody watched: its clocks have stood still.

    Args:
        memory: from before.
        gap: how long that was.
    """
    moved = {name: at + gap for name in _CLOCKS if (at := getattr(memory, name)) is not None}
    return replace(memory, **moved) if moved else memory


def clock_was_set(memory: Memory, by: timedelta) -> Memory:
    """The memory after the machine's clock was set: everything happened as long ago as it did before.

    Args:
        memory: from before.
        by: how much more the clock shows now; negative when it was set back.
    """
    moved = {name: at + by for name in ("since", "fired") if (at := getattr(memory, name)) is not None}
    return replace(after_gap(memory, by), **moved, changes=tuple(at + by for at in memory.changes))


def _sure_again(memory: Memory, now: datetime) -> Memory:
    if memory.unsure is None:
        return memory
    return replace(after_gap(memory, max(_NOTHING, now - memory.unsure)), unsure=None)


def _timed(memory: Memory, reading: Reading, now: datetime) -> Memory:
    """The memory with its clocks started and stopped."""
    alert = memory.state.alert
    return replace(
        memory,
        row=reading.row,
        warning=_clock(memory.warning, reading.level is not None, now),
        critical=_clock(memory.critical, reading.level == "critical", now),
        over=_clock(memory.over, alert and reading.over, now),
        calm=_clock(memory.calm, alert and memory.level == "critical" and reading.level != "critical", now),
    )


def _clock(since: datetime | None, runs: bool, now: datetime) -> datetime | None:
    return (since or now) if runs else None


def _ran(since: datetime | None, now: datetime, least: timedelta) -> bool:
    return since is not None and now - since >= least


def _due(terms: Terms, memory: Memory, now: datetime) -> Level | None:
    """The worst level that has been true for long enough."""
    if _ran(memory.critical, now, terms.pending):
        return "critical"
    return terms.mild if _ran(memory.warning, now, terms.pending) else None


def _quiet(terms: Terms, memory: Memory, reading: Reading, now: datetime, because_of: str) -> Step:
    """A step while there is no alert."""
    threatens: Level = reading.level or "critical"
    due = _due(terms, memory, now)
    if due is not None:
        changes, flapping = _changed(terms, memory, now)
        move = Move(memory.state, State.FIRING, due, reading.value, reading.why, because_of)
        after = replace(
            memory, state=State.FIRING, since=now, level=due, fired=now, because_of=because_of, changes=changes,
            flapping=flapping, alone=0, alone_since=None,
        )  # fmt: skip
        return after, (move,)
    if reading.level is not None or reading.brewing:
        if memory.state is State.PENDING:
            return memory, ()
        move = Move(memory.state, State.PENDING, threatens, reading.value, reading.why, because_of)
        return replace(memory, state=State.PENDING, since=now), (move,)
    if memory.state is State.PENDING:
        move = Move(State.PENDING, State.OK, threatens, reading.value, reading.why)
        return replace(memory, state=State.OK, since=now), (move,)
    return memory, ()


def _alert(terms: Terms, memory: Memory, reading: Reading, now: datetime, because_of: str) -> Step:
    """A step while there is an alert."""
    if reading.over:
        return _ending(terms, memory, reading, now)
    if memory.state is State.CLEARING:
        memory = replace(memory, state=State.FIRING, since=now)
    memory, levels = _level(terms, memory, reading, now)
    memory, alone = _by_itself(terms, memory, reading, now, because_of)
    return memory, levels + alone


def _ending(terms: Terms, memory: Memory, reading: Reading, now: datetime) -> Step:
    memory = replace(memory, alone=0, alone_since=None)
    clearing = memory if memory.state is State.CLEARING else replace(memory, state=State.CLEARING, since=now)
    if not _ran(memory.over, now, max(terms.hold, terms.within) if memory.flapping else terms.hold):
        return clearing, ()
    changes, flapping = _changed(terms, memory, now)
    if flapping and not memory.flapping:
        return replace(clearing, flapping=True, changes=changes), ()
    why = f"{reading.why}; it had come and gone, and is quiet now" if memory.flapping else reading.why
    move = Move(State.FIRING, State.OK, memory.level or "critical", reading.value, why, memory.because_of)
    return Memory(since=now, row=reading.row, changes=changes), (move,)


def _level(terms: Terms, memory: Memory, reading: Reading, now: datetime) -> Step:
    """A warning that becomes critical, or the other way round."""
    changes, flapping = _changed(terms, memory, now)
    if memory.level != "critical" and _due(terms, memory, now) == "critical":
        after = replace(memory, level="critical", changes=changes, flapping=memory.flapping or flapping)
        return after, (_same(memory, "critical", reading),)
    eased = memory.level == "critical" and terms.eases and _ran(memory.calm, now, terms.hold)
    if not eased or memory.flapping or reading.brewing:
        return memory, ()
    if flapping:
        return replace(memory, changes=changes, flapping=True), ()
    return replace(memory, level=terms.mild, calm=None, changes=changes), (_same(memory, terms.mild, reading),)


def _same(memory: Memory, level: Level, reading: Reading) -> Move:
    return Move(State.FIRING, State.FIRING, level, reading.value, reading.why, memory.because_of)


def _by_itself(terms: Terms, memory: Memory, reading: Reading, now: datetime, because_of: str) -> Step:
    """An alert that was put down to something becomes news when that is well again and the alert stays."""
    if not memory.because_of or reading.level is None:
        return memory, ()
    if because_of:
        return replace(memory, alone=0, alone_since=None), ()
    memory = replace(memory, alone=min(memory.alone + 1, terms.again), alone_since=memory.alone_since or now)
    if memory.alone < terms.again or not _ran(memory.alone_since, now, terms.alone):
        return memory, ()
    why = f"{reading.why}; {memory.because_of} is well again, and this is not"
    move = Move(State.FIRING, State.FIRING, memory.level or "critical", reading.value, why)
    return replace(memory, because_of="", alone=0, alone_since=None), (move,)


def _changed(terms: Terms, memory: Memory, now: datetime) -> tuple[tuple[datetime, ...], bool]:
    """The changes with one more, and whether they are so many that it flaps."""
    if not terms.changes:
        return (), False
    changes = (*(at for at in memory.changes if now - at < terms.within), now)[-terms.changes :]
    return changes, len(changes) >= terms.changes
