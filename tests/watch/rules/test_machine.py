"""What holds for every rule and every course of things."""

from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from daytwo.watch.rules.machine import Memory, Move, Reading, State, Terms, after_gap, clock_was_set, step
from tests.watch.rules.timeline import DAY

MINUTES = st.integers(0, 6).map(lambda count: timedelta(minutes=count))
TERMS = st.builds(
    Terms,
    pending=MINUTES,
    hold=MINUTES,
    changes=st.sampled_from([0, 3, 6]),
    within=st.just(timedelta(minutes=10)),
    eases=st.booleans(),
    again=st.integers(1, 3),
    alone=MINUTES,
)
READINGS = st.sampled_from(
    [
        Reading(), Reading(over=False), Reading("warning", over=False), Reading("critical", over=False),
        Reading(over=False, brewing=True, row=1), Reading(unsure=True),
    ]
)  # fmt: skip
STRETCH = st.tuples(READINGS, st.sampled_from([15, 60, 150]), st.sampled_from(["", "", "db"]), st.integers(1, 6))
COURSE = st.lists(STRETCH, min_size=4, max_size=20).map(
    lambda stretches: [(reading, seconds, cause) for reading, seconds, cause, times in stretches for _ in range(times)]
)
"""Stretches of the same, so that there is time for something to begin and to end."""
Course = Sequence[tuple[Reading, int, str]]
Told = list[tuple[int, Move]]


def run(terms: Terms, course: Course, *, restarts: bool = False) -> tuple[Memory, Told]:
    """Every move with the number of its reading. `restarts`: before each reading it is all read anew."""
    memory, told, at = Memory(), Told(), DAY
    for number, (reading, seconds, because_of) in enumerate(course):
        at += timedelta(seconds=seconds)
        if restarts:
            memory = Memory.from_json(memory.to_json())
        memory, moves = step(terms, memory, reading, at, because_of)
        told += [(number, move) for move in moves]
    return memory, told


@given(TERMS, COURSE)
def test_nothing_fires_twice_without_an_end_between(terms: Terms, course: Course) -> None:
    memory, told = run(terms, course)
    state = State.OK
    for _, move in told:
        assert move.old is state, told
        assert (move.old is move.new) == (move.old is State.FIRING and move.new is State.FIRING)
        state = move.new
    assert state is (State.FIRING if memory.state is State.CLEARING else memory.state)


@given(TERMS, COURSE)
def test_f24_a_restart_at_any_point_changes_nothing(terms: Terms, course: Course) -> None:
    assert run(terms, course, restarts=True) == run(terms, course)


@given(TERMS, COURSE)
def test_levels_go_up_and_down_by_turns(terms: Terms, course: Course) -> None:
    level = None
    for _, move in run(terms, course)[1]:
        if move.old is State.FIRING and move.new is State.FIRING:
            assert move.level != level or "is well again" in move.why
        level = move.level


@given(TERMS, COURSE)
def test_nothing_happens_while_nothing_is_known(terms: Terms, course: Course) -> None:
    for number, _ in run(terms, course)[1]:
        assert not course[number][0].unsure


@given(TERMS, COURSE, st.integers(0, 120), st.integers(1, 100_000))
def test_f28_a_gap_anywhere_changes_nothing_but_the_time(
    terms: Terms, course: Course, place: int, seconds: int
) -> None:
    """What is counted in time that somebody watched happens at the same reading; flapping goes by the wall clock."""
    terms = Terms(terms.pending, terms.hold, 0, terms.within, terms.eases, terms.again, terms.alone)
    _assert_same_with(terms, course, place, timedelta(seconds=seconds), after_gap)


@given(TERMS, COURSE, st.integers(0, 120), st.integers(-100_000, -1))
def test_f34_a_clock_set_back_anywhere_changes_nothing_but_the_time(
    terms: Terms, course: Course, place: int, seconds: int
) -> None:
    _assert_same_with(terms, course, place, timedelta(seconds=seconds), clock_was_set)


def _assert_same_with(terms: Terms, course: Course, place: int, by: timedelta, change) -> None:
    memory, told, at = Memory(), Told(), DAY
    for number, (reading, seconds, because_of) in enumerate(course):
        if number == place % len(course):
            memory, at = change(memory, by), at + by
        at += timedelta(seconds=seconds)
        memory, moves = step(terms, memory, reading, at, because_of)
        told += [(number, move) for move in moves]
    assert told == run(terms, course)[1]


@given(st.integers(2, 5), st.lists(st.tuples(st.booleans(), st.integers(1, 900)), min_size=8, max_size=60))
def test_f27_a_flapping_alert_ends_only_after_quiet(changes: int, course: list[tuple[bool, int]]) -> None:
    terms = Terms(changes=changes, within=timedelta(minutes=10))
    memory, at, bad = Memory(), DAY, DAY
    for good, seconds in course:
        at += timedelta(seconds=seconds)
        before = memory
        memory, _ = step(terms, memory, Reading() if good else Reading("critical", over=False), at)
        if not good:
            bad = at
        elif before.flapping and memory.state is State.OK:
            assert at - bad >= terms.within


@given(TERMS, COURSE)
def test_what_is_well_again_is_forgotten(terms: Terms, course: Course) -> None:
    """In the end nothing stays behind that could begin anything."""
    well = [(Reading(), 700, "")] * 4
    memory, _ = run(terms, [*course, *well])
    assert memory.idle
    assert step(terms, memory, Reading(), DAY)[0] is memory


def test_each_step_of_an_alert() -> None:
    terms = Terms(pending=timedelta(minutes=2), hold=timedelta(minutes=2), eases=True)
    bad, worse, good = Reading("warning", over=False), Reading("critical", over=False), Reading()
    course = [(bad, 60, ""), (bad, 60, ""), (bad, 60, ""), (worse, 60, ""), (worse, 120, ""), (bad, 60, ""), (bad, 120, ""),
              (good, 60, ""), (bad, 60, ""), (good, 60, ""), (good, 120, "")]  # fmt: skip
    assert [(number, move.old, move.new, move.level) for number, move in run(terms, course)[1]] == [
        (0, "ok", "pending", "warning"), (2, "pending", "firing", "warning"), (4, "firing", "firing", "critical"),
        (6, "firing", "firing", "warning"), (10, "firing", "ok", "warning"),
    ]  # fmt: skip
