"""Playing rules over what was recorded."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daytwo.config.watching import Rule
from daytwo.core.check import Verdict
from daytwo.core.periods import Period, Periods
from daytwo.watch import observations
from daytwo.watch.gaps import unwatched
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


SILENT = {"series": "db.rows", "take": "absent", "over": "10m", "every": "1m"}
OFTEN = {"web": 60.0, "db": 60.0, "db.tables": 3600.0}


def states(**rhythms: float) -> dict[str, observations.State]:
    at = clock("12:00")
    return {
        name: observations.State(name, name, Verdict.OK, "", at, at, 0, every, {}, {})
        for name, every in (rhythms or OFTEN).items()
    }


def stopped(*said: tuple[str, Verdict]) -> list[Stretch]:
    """A history in which whatever is inconclusive is as nobody looked."""
    return [
        Stretch(clock(at), verdict, observations.NOBODY if verdict is Verdict.INCONCLUSIVE else "")
        for at, verdict in said
    ]


def test_silence_while_nobody_looked_is_no_news(world: MakeWorld) -> None:
    """The daemon was down for an hour, and came back: the rows did, too, a little later."""
    made = world()
    for minute in (*range(30), *range(95, 120)):
        made.number("db.rows", 1, clock("10:00") + timedelta(minutes=minute))
    rule = Rule.model_validate(SILENT)
    gap = Periods([Period(clock("10:30"), clock("11:30"))])
    played = [
        replay_series(rule, "db.rows", made.numbers, made.connection, clock("10:05"), clock("12:00"), gaps=gaps)
        for gaps in (Periods(), gap)
    ]
    assert words(played[0]) == ["10:39:00 firing critical", "11:35:00 ok critical"], "what is not told of the gap"
    assert (words(played[1]), played[1].readings) == ([], 116 - 60)


def test_silence_that_goes_on_after_a_gap_is_news(world: MakeWorld) -> None:
    made = world()
    for minute in range(30):
        made.number("db.rows", 1, clock(f"10:{minute:02}"))
    rule = Rule.model_validate(SILENT)
    gap = Periods([Period(clock("10:30"), clock("11:30"))])
    found = replay_series(rule, "db.rows", made.numbers, made.connection, clock("10:05"), clock("12:00"), gaps=gap)
    assert words(found) == ["11:40:00 firing critical"], "ten minutes after somebody began to look again"


@pytest.mark.parametrize("gap", [(10, 40), (10, 12), (25, 27), (1, 60)])
def test_a_gap_played_is_a_gap_that_happened(world: MakeWorld, gap: tuple[int, int]) -> None:
    """Live: the daemon is stopped and started, and pending times stand still meanwhile."""
    made = world(
        slow=SLOW | {"pending": "10m", "hold": "5m"}, silent=SILENT | {"series": "web.duration", "every": "15s"}
    )
    savepoint = made.connection.begin_nested()
    begin, down, up = clock("10:00"), *(clock("10:00") + timedelta(minutes=one) for one in gap)
    script = [f"{at:%H:%M} {word}" for at, word in ((down, "stop"), (up, "start"))]
    for minute in range(-20, 120):
        at = begin + timedelta(minutes=minute)
        if (at < down or at >= up) and minute < 80:
            script.append(f"{at:%H:%M} web.duration {3 if minute > 5 else 0.5}")
    made.play("9:40 judge\n" + "\n".join(script) + "\n12:00 judge")
    gaps = Periods([Period(down, up)])
    found = {
        name: replay_series(rule, "web.duration", made.numbers, made.connection, begin, clock("12:00"), gaps=gaps)
        for name, rule in made.rules.items()
    }
    savepoint.rollback()
    for name, one in found.items():
        told = [(change.at, change.move.new) for change in made.told if change.key.rule == name]
        played = [(change.at, change.move.new) for change in one.changes]
        assert [new for _, new in played] == [new for _, new in told], name
        assert all(abs(a - b) <= 2 * TICK for (a, _), (b, _) in zip(played, told, strict=True)), (name, played, told)


def test_when_nobody_looked() -> None:
    """What is asked every hour does not show that daytwo was down for ten minutes; what is asked every minute does."""
    ok, nobody = Verdict.OK, Verdict.INCONCLUSIVE
    histories = {
        "web": stopped(("9:00", ok), ("10:00", nobody), ("10:10", ok), ("11:00", nobody), ("11:05", ok)),
        "db": stopped(("9:30", Verdict.FAILED), ("10:01", nobody), ("10:10", ok)),
        "db.tables": stopped(("9:30", ok)),
        "gone": stopped(("8:00", ok)),
    }
    found = unwatched(histories, states(), clock("8:30"), clock("12:00"))
    both = Periods([Period(clock("8:30"), clock("9:00")), Period(clock("10:01"), clock("10:10"))])
    assert found[""] == both
    assert found["db.tables"] == both
    assert found["web"] == both | Periods(
        [Period(clock("10:00"), clock("10:01")), Period(clock("11:00"), clock("11:05"))]
    )
    assert unwatched({}, {}, clock("8:30"), clock("12:00")) == {"": Periods()}
