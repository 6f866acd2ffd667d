"""Who is told of an incident that nobody takes, when, and how often."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daytwo.respond.incidents.model import Level, State
from daytwo.respond.incidents.orders import Acknowledge, Regrade, Reopen, Resolve
from daytwo.respond.oncall import Take
from daytwo.store.tables import notifications
from tests.respond.stage import ANNA, CONFIG, Stage, staged


def test_levels_come_in_their_time_until_somebody_takes_it(stage: Stage) -> None:
    number = stage.open().number
    escalator = stage.escalator()
    stage.tick(escalator)
    # Anna's first turn began on 5 January; 21 November is in an even week after that.
    assert stage.told() == [("trigger", "pager", ("bob",))], "level 1 at once: whoever is on call"
    stage.clock.advance(minutes=29)
    stage.tick(escalator)
    assert len(stage.told()) == 1
    stage.clock.advance(minutes=1)
    stage.tick(escalator)
    assert stage.told()[1:] == [("trigger", "pager", ("bob",))]
    stage.clock.advance(minutes=30)
    stage.tick(escalator)
    assert stage.told()[2:] == [("trigger", "mail", ("carl",))], "who has no channels is reached by e-mail"
    stage.act(number, Acknowledge())
    assert stage.told()[3:] == [("acknowledge", "pager", ("bob",)), ("acknowledge", "mail", ("carl",))]
    stage.clock.advance(hours=5)
    stage.tick(escalator)
    assert len(stage.told()) == 5, "nobody is told any more"
    levels = stage.views.get(number).levels
    assert [one.done is not None for one in levels] == [True, True, True, False]
    assert levels[3].stopped is not None
    assert "Nobody has acknowledged it for 1 h." in stage.messages()[2]["text"]
    assert stage.messages()[2]["commands"] == [f"daytwo incidents ack {number}"]


def test_everybody_who_was_told_hears_of_it_though_they_share_a_channel(tmp_path: Path) -> None:
    """Whoever was woken by a later level through the channel of an earlier one must hear that it is taken, and over."""
    text = CONFIG.replace("{after: 30m, to: [bob]}", "{after: 30m, to: [anna]}")
    with staged(tmp_path, text) as stage:
        number = stage.open().number
        stage.tick()
        stage.clock.advance(minutes=30)
        stage.tick()
        assert stage.told() == [("trigger", "pager", ("bob",)), ("trigger", "pager", ("anna",))]
        stage.act(number, Acknowledge())
        stage.act(number, Resolve(cause="x", anyway=True))
        told = stage.told()[2:]
        for event in ("acknowledge", "resolve"):
            assert {name for what, _, people in told if what == event for name in people} == {"anna", "bob"}


def test_a_fallback_that_took_it_hears_that_it_is_over(stage: Stage) -> None:
    number = stage.open().number
    stage.tick()
    took = notifications.update().values(state="sent", via="chat", sent=stage.clock())
    stage.write(lambda connection: connection.execute(took))
    stage.act(number, Resolve(cause="x", anyway=True))
    assert stage.told()[1:] == [("resolve", "pager", ("bob",)), ("resolve", "chat", ("bob",))]


def test_f25_the_auditor_finds_what_is_overdue_and_remarks_on_it(stage: Stage) -> None:
    """F25: what was due while nothing ran is carried out at once, each level once, and the timeline says how late."""
    number = stage.open().number
    stage.tick()
    stage.clock.advance(minutes=95)
    said = stage.tick()
    assert [one.split(",")[0] for one in said] == [f"incident {number} escalates"] * 2
    remarks = [one.text for one in stage.views.get(number).timeline if one.what == "remark"]
    assert remarks == [
        "level 2 comes 1 h 5 min late: it was due when nothing could carry it out",
        "level 3 comes 35 min late: it was due when nothing could carry it out",
    ]
    assert stage.tick() == [], "once"


def test_a_clock_that_was_ahead_when_it_opened_delays_nothing(stage: Stage) -> None:
    stage.clock.advance(days=1)
    number = stage.open("P2").number
    stage.clock.advance(days=-1)
    assert "the clock was set back by about 1 d" in stage.tick()[0]
    stage.clock.advance(minutes=30)
    stage.tick()
    assert stage.told() == [("trigger", "pager", ("bob",))]
    assert "remark" in stage.what(number)


def test_f25_two_daemons_at_once_carry_each_level_out_once(stage: Stage) -> None:
    """F25, F26: levels are claimed in the transaction that orders their messages."""
    for _ in range(10):
        stage.open()
    stage.clock.advance(hours=3)
    with stage.database.read() as connection:
        due = stage.desk.escalation.due(connection, stage.clock())
    assert len(due) == 40
    done: list[str] = []
    together = threading.Barrier(2)

    def carry_out(levels: list[Level]) -> None:
        together.wait()
        for level in levels:
            with stage.database.begin() as connection:
                done.append(stage.desk.escalation.carry_out(connection, level.id, stage.clock()))

    both = [threading.Thread(target=carry_out, args=(levels,)) for levels in (due, due[::-1])]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(done) == 80
    assert sum(bool(one) for one in done) == 40
    assert len(stage.told()) == 50, "the last level of each goes two ways"


def test_f25_an_acknowledgement_in_between_stops_a_level_that_was_seen_as_due(stage: Stage) -> None:
    """F25: the timer has looked, somebody acknowledges, the timer goes on."""
    number = stage.open().number
    with stage.database.read() as connection:
        [first] = stage.desk.escalation.due(connection, stage.clock())
    stage.act(number, Acknowledge())
    assert stage.write(lambda connection: stage.desk.escalation.carry_out(connection, first.id, stage.clock())) == ""
    assert stage.told() == []


def test_f25_an_acknowledgement_that_races_with_the_timer_comes_before_or_after_it_never_between(stage: Stage) -> None:
    """F25: whoever is first, nobody is told after somebody has acknowledged, and no level is half carried out."""
    numbers = [stage.open(title=f"incident {at}").number for at in range(20)]
    with stage.database.read() as connection:
        due = stage.desk.escalation.due(connection, stage.clock())
    together = threading.Barrier(2)

    def timer() -> None:
        together.wait()
        for level in due:
            with stage.database.begin() as connection:
                stage.desk.escalation.carry_out(connection, level.id, stage.clock())

    thread = threading.Thread(target=timer)
    thread.start()
    together.wait()
    for number in reversed(numbers):
        with stage.database.begin() as connection:
            stage.desk.act(connection, number, Acknowledge(), ANNA, stage.clock())
    thread.join()
    told = 0
    for number in numbers:
        first, *others = stage.views.get(number).levels
        assert (first.done is None) != (first.stopped is None), "carried out, or called off"
        assert all(one.done is None and one.stopped is not None for one in others)
        assert stage.what(number)[-1] == "acknowledged", "nothing comes after it"
        told += first.done is not None
    events = [event for event, _, _ in stage.told()]
    assert (events.count("trigger"), events.count("acknowledge")) == (told, told), "who was told hears who has it"


def test_f25_messages_and_the_level_are_one_transaction(stage: Stage) -> None:
    """F25: a daemon that dies between the two has done neither."""
    stage.open()
    with stage.database.read() as connection:
        [first] = stage.desk.escalation.due(connection, stage.clock())
    try:
        with stage.database.begin() as connection:
            assert stage.desk.escalation.carry_out(connection, first.id, stage.clock())
            raise KeyboardInterrupt  # as a process that dies before it commits
    except KeyboardInterrupt:
        pass
    assert stage.told() == []
    stage.tick()
    assert len(stage.told()) == 1


def test_one_that_is_reopened_begins_anew(stage: Stage) -> None:
    number = stage.open().number
    stage.tick()
    stage.act(number, Resolve(cause="a cable", anyway=True))
    stage.clock.advance(hours=1)
    again = stage.act(number, Reopen(why="it is down again"))
    assert (again.state, again.round, again.acknowledged) == (State.OPEN, 2, None)
    before = len(stage.told())
    stage.tick()
    assert stage.told()[before:] == [("trigger", "pager", ("bob",))]
    stage.clock.advance(minutes=30)
    stage.tick()
    assert len(stage.told()) == before + 2


def test_a_worse_severity_catches_up_and_tells_nobody_twice(stage: Stage) -> None:
    number = stage.open("P2").number
    stage.clock.advance(minutes=40)
    escalator = stage.escalator()
    stage.tick(escalator)
    assert stage.told() == [("trigger", "pager", ("bob",))]
    stage.act(number, Regrade(severity="P1", why="nobody can buy"))
    stage.tick(escalator)
    assert len(stage.told()) == 3, "levels 1 and 2 are due after 40 minutes"
    levels = [one for one in stage.views.get(number).levels if one.severity == "P1" and one.done is None]
    assert [one.due for one in levels] == [
        stage.views.get(number).incident.opened + timedelta(hours=length) for length in (1, 2)
    ]
    stage.act(number, Regrade(severity="P2", why="it is not so bad"))
    assert len([one for one in stage.views.get(number).levels if one.done is None and one.stopped is None]) == 0, (
        "the only level of P2 was carried out"
    )


def test_whoever_took_over_by_hand_is_told(stage: Stage) -> None:
    order = Take(person="carl", end=stage.clock() + timedelta(hours=4))
    stage.write(lambda connection: stage.roster.take(connection, "primary", order, ANNA))
    stage.open()
    stage.tick()
    assert stage.told() == [("trigger", "mail", ("carl",))]


def test_nobody_on_call_means_everybody_and_says_so(tmp_path: Path) -> None:
    text = CONFIG.replace(
        "primary: {people: [anna, bob]}",
        "primary: {gaps: allow, layers: [{people: [anna, bob], hours: mon-fri 09:00-17:00}]}",
    )
    with staged(tmp_path, text) as stage:
        number = stage.open().number
        stage.tick()
        assert stage.told() == [("trigger", "pager", ("anna", "bob"))]
        [entry] = [one for one in stage.views.get(number).timeline if one.what == "escalated"]
        assert "nobody is on call in primary, so everybody of it is told" in entry.text
        assert "Nobody is on call in primary" in stage.messages()[0]["text"]


def test_a_level_that_fails_does_not_hold_up_the_others(stage: Stage) -> None:
    first, second = stage.open(title="first").number, stage.open(title="second").number
    put = stage.desk.escalation._outbox.put

    def fails_for_the_first(connection, channel, message, key, about, now, due=None, until=None):
        if about == f"incident {first}":
            raise ValueError("this one cannot be told")
        return put(connection, channel, message, key, about, now, due, until)

    stage.desk.escalation._outbox.put = fails_for_the_first  # type: ignore[method-assign]
    escalator = stage.escalator()
    asyncio.run(escalator.tick())
    assert stage.views.get(first).levels[0].done is None
    assert stage.views.get(second).levels[0].done is not None
    assert list(escalator.overdue) == ["level 1 of incident 1 is overdue: ValueError"], (
        "the health of the daemon says so"
    )
    stage.desk.escalation._outbox.put = put  # type: ignore[method-assign]
    asyncio.run(escalator.tick())
    assert stage.views.get(first).levels[0].done is not None
    assert escalator.overdue == ()


def test_f25_a_level_whose_people_have_left_the_configuration_is_told_to_everybody(stage: Stage) -> None:
    """F25: an escalation is lost too when it goes nowhere: a standing incident keeps the names of its beginning."""
    number = stage.open().number
    stage.config = stage.config.model_copy(update={"oncall": {}, "people": {}})
    stage.tick()
    assert [channel for _, channel, _ in stage.told()] == ["pager", "chat", "mail"]
    [entry] = [one for one in stage.views.get(number).timeline if one.what == "escalated"]
    assert "primary cannot be reached, so every channel is told" in entry.text


MATRIX = """\
incidents:
  severities:
    P1: {escalate: [{after: 0s, to: [anna, bob, carl]}]}
    P2: {escalate: [{after: 15m, to: [primary]}]}
    P3: {escalate: [{after: 1h, to: [primary]}]}
    P4: {escalate: [{after: 24h, to: [primary]}]}
"""


def test_all_of_the_team_at_once_others_in_15_minutes_an_hour_a_day(tmp_path: Path) -> None:
    with staged(tmp_path, CONFIG[: CONFIG.index("incidents:")] + MATRIX) as stage:
        for severity in ("P4", "P3", "P2", "P1"):
            stage.open(severity)
        escalator, seen = stage.escalator(), []
        for minutes in (0, 14, 1, 44, 1, 23 * 60 - 1, 1):
            stage.clock.advance(minutes=minutes)
            stage.tick(escalator)
            seen.append(len(stage.told()))
        assert stage.told()[:2] == [("trigger", "pager", ("anna", "bob")), ("trigger", "mail", ("carl",))]
        assert seen == [2, 2, 3, 3, 4, 4, 5]


def test_a_gap_is_told_to_everybody_of_the_rota_once(tmp_path: Path) -> None:
    text = CONFIG.replace(
        "primary: {people: [anna, bob]}", "primary: {layers: [{people: [anna, bob], hours: mon-fri 09:00-17:00}]}"
    )
    with staged(tmp_path, text) as stage:
        stage.clock.now = datetime(2026, 11, 20, 15, 59, tzinfo=UTC)  # Friday, 16:59 in Berlin
        escalator = stage.escalator()
        assert stage.tick(escalator) == []
        stage.clock.advance(minutes=1)
        [said] = stage.tick(escalator)
        assert said == "nobody is on call in primary until Mon 2026-11-23 09:00 CET"
        for _ in range(3):
            stage.clock.advance(minutes=5)
            assert stage.tick(escalator) == []
        stage.tick()  # a daemon that was started meanwhile
        assert stage.told() == [("notice", "pager", ("anna", "bob"))]
        stage.clock.now = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
        stage.tick(escalator)
        assert len(stage.told()) == 2, "the next evening is another gap"


@pytest.mark.parametrize("taken", [True, False])
def test_a_gap_that_is_meant_or_filled_is_not_told(tmp_path: Path, taken: bool) -> None:
    text = CONFIG.replace(
        "primary: {people: [anna, bob]}",
        f"primary: {{gaps: {'warn' if taken else 'allow'}, layers: [{{people: [anna], hours: mon-fri 09:00-17:00}}]}}",
    )
    with staged(tmp_path, text) as stage:
        if taken:
            order = Take(person="bob", end=stage.clock() + timedelta(hours=8))
            stage.write(lambda connection: stage.roster.take(connection, "primary", order, ANNA))
        assert stage.tick() == []
        assert stage.told() == []
