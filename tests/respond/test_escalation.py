"""Who is told of an incident that nobody takes, when, and how often."""

import asyncio
import threading
from datetime import timedelta
from pathlib import Path

from daytwo.respond.incidents.model import Level, State
from daytwo.respond.incidents.orders import Acknowledge, Regrade, Reopen, Resolve
from daytwo.respond.oncall import Take
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


def test_what_is_overdue_after_a_stop_is_carried_out_at_once_with_a_remark(stage: Stage) -> None:
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


def test_two_daemons_at_once_carry_each_level_out_once(stage: Stage) -> None:
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


def test_an_acknowledgement_in_between_stops_a_level_that_was_seen_as_due(stage: Stage) -> None:
    number = stage.open().number
    with stage.database.read() as connection:
        [first] = stage.desk.escalation.due(connection, stage.clock())
    stage.act(number, Acknowledge())
    assert stage.write(lambda connection: stage.desk.escalation.carry_out(connection, first.id, stage.clock())) == ""
    assert stage.told() == []


def test_messages_and_the_level_are_one_transaction(stage: Stage) -> None:
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
        "primary: {people: [anna, bob]}", "primary: {layers: [{people: [anna, bob], hours: mon-fri 09:00-17:00}]}"
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
    asyncio.run(stage.escalator().tick())
    assert stage.views.get(first).levels[0].done is None
    assert stage.views.get(second).levels[0].done is not None
