"""Playing rules over what was recorded."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daytwo.config.watching import Rule
from daytwo.core.check import Verdict
from daytwo.watch.observations import Stretch
from daytwo.watch.rules import Replayed, State, replay_check, replay_series
from daytwo.watch.rules import replay as module
from tests.watch.rules.conftest import MakeWorld
from tests.watch.rules.timeline import TICK, World, clock

SLOW = {"series": "web.duration", "take": "mean", "over": "1m", "warning": "> 1s", "critical": "> 2s", "every": "15s"}


def words(replayed: Replayed) -> list[str]:
    return [f"{one.at:%H:%M:%S} {one.move.new} {one.move.level}" for one in replayed.changes]


def series(world: World, rule: Rule, begin: str, end: str) -> Replayed:
    return replay_series(rule, rule.series or "", world.numbers, world.connection, clock(begin), clock(end))


def test_when_it_would_have_fired(world: MakeWorld) -> None:
    made = world()
    for minute in range(60):
        made.number("web.duration", 3 if 20 <= minute < 40 else 0.5, clock(f"10:{minute:02}"))
    rule = Rule.model_validate(SLOW | {"pending": "5m", "hold": "5m"})
    found = series(made, rule, "10:00", "11:00")
    assert words(found) == ["10:20:15 pending critical", "10:25:15 firing critical", "10:45:15 ok critical"]
    assert (found.alerts, found.firing, found.state) == (1, timedelta(minutes=20), State.OK)
    assert (found.readings, found.unsure, found.every) == (241, 1, TICK)
    assert made.book.memories(made.connection) == {}, "it is only played"


def test_an_alert_that_would_still_be(world: MakeWorld) -> None:
    made = world()
    for minute in range(10):
        made.number("web.duration", 3, clock(f"10:{minute:02}"))
    found = series(made, Rule.model_validate(SLOW), "10:00", "10:05")
    assert (found.alerts, found.state, found.firing) == (1, State.FIRING, timedelta(minutes=4, seconds=45))


def test_a_long_time_is_looked_at_less_often(world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 10)
    found = series(world(), Rule.model_validate(SLOW), "10:00", "11:00")
    assert (found.readings, found.every) == (11, timedelta(minutes=6))
    assert (found.unsure, found.why) == (11, "web.duration: no number in the last 1m")


VALUES = st.lists(st.sampled_from([0.5, 0.5, 1.5, 3.0, None]), min_size=1, max_size=40)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES, st.sampled_from(["0s", "1m"]), st.sampled_from(["0s", "2m"]), st.booleans())
def test_what_is_played_is_what_happened(
    world: MakeWorld, values: list[float | None], pending: str, hold: str, flapping: bool
) -> None:
    """Live, judged every fifteen seconds, and afterwards over the same time."""
    made = world(slow=SLOW | {"pending": pending, "hold": hold} | ({} if flapping else {"flapping": False}))
    savepoint = made.connection.begin_nested()
    # Long enough before, that the window has been watched.
    made.play("9:58 judge\n10:00 judge")
    begin = made.now
    for value in values:
        if value is not None:
            made.number("web.duration", value)
        for _ in range(2):
            made.now += TICK
            made.judge()
    found = replay_series(made.rules["slow"], "web.duration", made.numbers, made.connection, begin, made.now)
    savepoint.rollback()
    assert [(one.at, one.move) for one in found.changes] == [(one.at, one.move) for one in made.told]


def stretches(*said: tuple[str, Verdict]) -> list[Stretch]:
    return [Stretch(clock(at), verdict, "because") for at, verdict in said]


def test_a_check_over_its_history() -> None:
    history = stretches(
        ("9:00", Verdict.OK), ("10:00", Verdict.FAILED), ("10:02", Verdict.OK), ("10:10", Verdict.FAILED),
        ("10:11", Verdict.INCONCLUSIVE), ("10:20", Verdict.FAILED), ("10:30", Verdict.OK),
    )  # fmt: skip
    found = replay_check(Rule(check="web"), 3, history, clock("9:30"), clock("11:00"), timedelta(minutes=1))
    assert words(found) == [
        "10:00:00 pending critical", "10:02:00 ok critical", "10:10:00 pending critical", "10:21:00 firing critical",
        "10:30:00 ok critical",
    ]  # fmt: skip
    assert (found.readings, found.unsure, found.firing) == (91, 9, timedelta(minutes=9))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["ok", "ok", "failed", "unsure"]), min_size=1, max_size=60), st.integers(1, 4), st.data()
)
def test_a_check_played_is_a_check_observed(
    world: MakeWorld, said: list[str], needed: int, data: st.DataObject
) -> None:
    """And a restart at any point changes nothing."""
    restarts = data.draw(st.frozensets(st.integers(0, len(said) - 1)))
    made = world(web={"check": "web", "failures": needed, "hold": "2m"})
    savepoint = made.connection.begin_nested()
    made.play(
        "".join(f"{10 + at // 60}:{at % 60:02} web {verdict}\n" for at, verdict in enumerate(said)), restarts=restarts
    )
    savepoint.rollback()
    history, before = [], ""
    for at, verdict in enumerate(said):
        if verdict != before:
            meant = {"ok": Verdict.OK, "failed": Verdict.FAILED, "unsure": Verdict.INCONCLUSIVE}[verdict]
            history.append(Stretch(clock(f"{10 + at // 60}:{at % 60:02}"), meant, ""))
        before = verdict
    end = clock("10:00") + timedelta(minutes=len(said) - 1)
    found = replay_check(made.rules["web"], needed, history, clock("10:00"), end, timedelta(minutes=1))
    assert [(one.at, replace(one.move, why="")) for one in found.changes] == [
        (one.at, replace(one.move, why="")) for one in made.told
    ]
