"""Escalation in a state on PostgreSQL, which a second daemon shares: each level is carried out once."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.respond.incidents.model import Level, State
from daytwo.respond.incidents.orders import Acknowledge, Resolve
from daytwo.store.url import StateUrl
from tests.parts.postgres import PostgresServer
from tests.respond.stage import Stage, staged


@pytest.fixture
def stage(postgres18: PostgresServer, tmp_path: Path) -> Iterator[Stage]:
    url = StateUrl.parse(postgres18.url(postgres18.create_database()), tmp_path)
    with staged(tmp_path, url=url) as made:
        yield made


def test_a_life(stage: Stage) -> None:
    stage.alert()
    stage.tick()
    stage.act(1, Acknowledge())
    stage.act(1, Resolve(cause="a cable", anyway=True))
    [one] = stage.views.all(over=True)
    assert one.incident.state is State.RESOLVED
    assert "A cable" in stage.reviews.draft(1) or "a cable" in stage.reviews.draft(1)
    assert [event for event, _, _ in stage.told()] == ["trigger", "acknowledge", "resolve"]


def test_f25_two_daemons_and_an_acknowledgement_at_once(stage: Stage) -> None:
    """F25, F26: on a state that many can write to at once."""
    for _ in range(6):
        stage.open()
    stage.clock.advance(hours=3)
    with stage.database.read() as connection:
        due = stage.desk.escalation.due(connection, stage.clock())
    done: list[str] = []
    together = threading.Barrier(3)

    def carry_out(levels: list[Level]) -> None:
        together.wait(20)
        for level in levels:
            with stage.database.begin() as connection:
                done.append(stage.desk.escalation.carry_out(connection, level.id, stage.clock()))

    def acknowledge() -> None:
        together.wait(20)
        stage.act(3, Acknowledge())

    threads = [threading.Thread(target=carry_out, args=(levels,)) for levels in (due, due[::-1])]
    threads.append(threading.Thread(target=acknowledge))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == 48
    with_it = sum(one.done is not None for one in stage.views.get(3).levels)
    assert sum(bool(one) for one in done) == 5 * 4 + with_it
    triggers = [one for one in stage.told() if one[0] == "trigger"]
    assert len(triggers) == 5 * 5 + with_it + (with_it == 4)
    assert all((one.done is None) != (one.stopped is None) for one in stage.views.get(3).levels)
