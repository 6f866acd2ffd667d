"""Counting restarts: from events, from looks, from both, in whatever order they come."""

import json
from dataclasses import replace

import pytest

from daytwo.core.containers.history import ACTIONS, Earlier, Event, History
from daytwo.core.containers.listing import Container

SECOND = 1_000_000_000
T = 1_795_255_598 * SECOND
OLD, NEW = "a" * 64, "b" * 64


def start(at: float, id: str = OLD, name: str = "web", action: str = "start") -> Event:
    return Event(action, id, name, int(T + at * SECOND))


def running(started: float, id: str = OLD, name: str = "web") -> Container:
    return Container(id, name, "running", 1, started=int(T + started * SECOND))


def line(**attributes: str) -> bytes:
    actor = {"ID": OLD, "Attributes": {"name": "web", **attributes}}
    return json.dumps({"Type": "container", "Action": "die", "Actor": actor, "timeNano": T}).encode()


def test_an_event_is_read() -> None:
    assert Event.parse(line(exitCode="137", image="x")) == Event("die", OLD, "web", T, 137)
    health = {"Action": "health_status: unhealthy", "Actor": {"ID": OLD, "Attributes": {"name": "web"}}, "timeNano": T}
    event = Event.parse(json.dumps(health).encode())
    assert event is not None
    assert event.action == "health_status"
    assert event.action in ACTIONS


@pytest.mark.parametrize(
    "garbage", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"Action":"start"}', b'{"Action":1,"Actor":[],"timeNano":1}']
)
def test_what_is_no_event_is_none(garbage: bytes) -> None:
    assert Event.parse(garbage) is None


def test_the_first_start_is_no_restart_and_each_further_one_is() -> None:
    history = History()
    for at in (0, 10, 20):
        history.hear(start(at))
    assert history.of("web").restarts == 2
    assert history.of("other").restarts == 0


def test_what_runs_when_watching_begins_has_started_once() -> None:
    history = History()
    history.see([running(0)], 1.0, steady=True)
    history.hear(start(60))
    assert history.of("web").restarts == 1


def test_a_container_made_anew_goes_on_with_the_count_of_its_name() -> None:
    history = History()
    history.see([running(0)], 1.0, steady=True)
    history.hear(start(60, NEW))
    history.see([running(60 - 0.01, NEW)], 61.0, steady=True)
    history.hear(start(90, NEW))
    assert history.of("web").restarts == 2


@pytest.mark.parametrize("event_first", [True, False])
def test_a_start_that_is_seen_and_told_of_counts_once(event_first: bool) -> None:
    history = History()
    history.see([running(0)], 1.0, steady=True)
    again = (lambda: history.hear(start(60.008)), lambda: history.see([running(60)], 61.0, steady=True))
    for act in again if event_first else reversed(again):
        act()
    history.see([running(60)], 100.0, steady=True)
    history.see([running(60)], 200.0, steady=True)
    assert history.of("web").restarts == 1


def test_the_event_of_the_start_that_was_seen_first_is_no_restart() -> None:
    history = History()
    history.see([running(0)], 1.0, steady=False)
    history.hear(start(0.02))
    assert history.of("web").restarts == 0


def test_a_crash_loop_counts_every_start_also_when_they_are_close() -> None:
    history = History()
    history.see([running(0)], 1.0, steady=True)
    for at in (0.01, 0.3, 0.8, 1.7):
        history.hear(start(at))
        history.hear(start(at + 0.1, action="die"))
    assert history.of("web").restarts == 3


def test_what_the_engine_repeats_after_a_reconnection_counts_once() -> None:
    history = History()
    events = [start(0), start(5), start(6, action="oom"), start(9)]
    assert [history.hear(event) for event in events] == [True] * 4
    assert [history.hear(event) for event in events] == [False] * 4
    assert (history.of("web").restarts, history.of("web").oom_kills) == (2, 1)
    assert history.until == events[-1].at


def test_a_start_of_which_no_event_ever_comes_counts() -> None:
    history = History()
    history.see([running(0)], 1.0, steady=True)
    history.see([running(60)], 61.0, steady=True)
    assert history.of("web").restarts == 0, "its event may still come"
    history.see([running(60)], 70.0, steady=True)
    assert history.of("web").restarts == 1
    history.see([running(60)], 90.0, steady=True)
    assert history.of("web").restarts == 1


def test_while_no_events_come_a_start_is_left_to_be_told_of() -> None:
    history = History()
    history.see([running(0)], 1.0, steady=True)
    for now in (61.0, 70.0, 90.0):
        history.see([running(62)], now, steady=False)
    for at in (60.01, 61.01, 62.01):  # told when the events come again
        history.hear(start(at))
    history.see([running(62)], 100.0, steady=True)
    history.see([running(62)], 110.0, steady=True)
    assert history.of("web").restarts == 3


def test_out_of_memory_and_the_last_end_are_kept() -> None:
    history = History()
    history.hear(start(0))
    history.hear(start(1, action="oom"))
    history.hear(Event("die", OLD, "web", T + SECOND, 137))
    assert history.of("web").oom_kills == 1
    assert history.of("web").exit_code == 137


def test_a_machine_that_makes_many_containers_does_not_fill_the_memory() -> None:
    history = History()
    history.hear(start(0, name="web"))
    history.hear(start(5, name="web"))
    for number in range(12_000):
        history.hear(start(number, name=f"build-{number}"))
    history.see([running(5)], 1.0, steady=True)
    assert len(history._tallies) == 1
    assert history.of("web").restarts == 1


def test_a_restart_soon_after_the_first_look_counts() -> None:
    history = History()
    history.see([running(0)], 1.0, steady=False)
    history.hear(start(1, action="die"))
    history.hear(start(1.5))
    assert history.of("web").restarts == 1
    other = History()
    other.see([running(0)], 1.0, steady=False)
    other.hear(start(1.5, NEW))
    assert other.of("web").restarts == 1, "another container under that name"


def earlier(started: float = 0, id: str = OLD, policy: int = 0, name: str = "web") -> Earlier:
    """Seven restarts under the name, when somebody watched last."""
    return Earlier(name, id[:12], (T // SECOND) + int(started), policy, 7, 2)


@pytest.mark.parametrize(
    ("known", "now", "restarts"),
    [
        (earlier(), running(0), 7),
        (earlier(), running(60), 8),
        (earlier(policy=1), replace(running(60), restarts=4), 10),
        (earlier(policy=4), replace(running(60), restarts=0), 8),
        (earlier(id=NEW), running(60), 8),
        (earlier(id=NEW), replace(running(60), restarts=2), 10),
        (earlier(id=NEW), replace(running(0), status="created", started=0), 7),
        (earlier(name="other"), running(60), 0),
    ],
    ids=[
        "the same",
        "by hand",
        "by policy",
        "by hand after policy",
        "anew",
        "anew, policy",
        "never started",
        "another",
    ],
)
def test_what_happened_while_nobody_watched(known: Earlier, now: Container, restarts: int) -> None:
    history = History()
    history.see([now], 1.0, steady=True)
    assert history.take(now, known).restarts == restarts
    assert history.take(now, known).restarts == restarts, "once"
    history.hear(start(90))
    assert history.take(now, known).restarts == restarts + bool(now.started)


def test_a_start_that_was_heard_and_is_in_the_container_s_count_is_one() -> None:
    history = History()
    history.see([running(0)], 1.0, steady=True)
    history.hear(start(60))
    assert history.take(replace(running(60), restarts=1), earlier()).restarts == 8


def test_a_new_configuration_does_not_count_again() -> None:
    """The checks are made anew then, and recall what was just observed; the view of the engine stays."""
    history = History()
    history.see([running(0)], 1.0, steady=True)
    assert history.take(running(0)).restarts == 0
    history.hear(start(60))
    assert history.take(running(60), earlier()).restarts == 1
