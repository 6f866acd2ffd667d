"""The rows of the outbox: ordered once, claimed by one sender, in their order."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from daytwo.core.channel import Event
from daytwo.respond.outbox import Bucket, Outbox, Outcome
from daytwo.respond.outbox.carrier import pause
from daytwo.respond.outbox.outbox import CLAIMED
from daytwo.store.database import Database, open_database
from daytwo.store.url import StateUrl
from tests.respond.alerting.line import NOON, OWN, message


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.real)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An open state, of either sort."""
    if request.param == "sqlite":
        url = StateUrl.parse("state.db", tmp_path)
    else:
        server = request.getfixturevalue("postgres15")
        url = StateUrl.parse(server.url(server.create_database()), tmp_path)
    opened = open_database(url)
    yield opened
    opened.close()


def test_pauses_grow_and_end() -> None:
    seconds = [pause(n, None, lambda: 0.5).total_seconds() for n in range(1, 12)]
    assert seconds == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300, 300]
    assert pause(1, 90, lambda: 0.5).total_seconds() == 90
    assert pause(1, 1e9, lambda: 0.5) == timedelta(hours=1)


def test_ordering_twice_is_sending_once(database: Database) -> None:
    outbox = Outbox(*OWN)
    with database.begin() as connection:
        first = outbox.put(connection, "chat", message(), "k", "x", NOON)
        assert outbox.put(connection, "chat", message("other"), "k", "x", NOON) == first
        assert len(outbox.latest(connection, 10)) == 1


def test_f26_two_daemons_at_once_take_each_message_once(database: Database) -> None:
    """F26: two workers on one state told everybody twice."""
    outbox, taken = Outbox(*OWN), []
    with database.begin() as connection:
        for number in range(20):
            outbox.put(connection, "chat", message(), f"k{number}", f"x{number}", NOON)
    barrier = threading.Barrier(4)

    def send(owner: str) -> None:
        barrier.wait()
        mine = []
        while True:
            with database.begin() as connection:
                claim = outbox.claim(connection, "chat", owner, NOON, bucket=Bucket(1000, 1000))
            if claim is None:
                break
            mine.append(claim)
        for one in mine:
            taken.append(one.notification.id)
            with database.begin() as connection:
                outbox.settle(connection, one, Outcome(via="chat", own=True), NOON)

    threads = [threading.Thread(target=send, args=(f"d{n}",)) for n in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(taken) == sorted(set(taken))
    assert len(taken) == 20


def test_f26_who_saw_a_message_too_late_does_not_get_it(database: Database) -> None:
    """F26: two saw that it was free; the claim says who has it."""
    outbox = Outbox(*OWN)
    with database.begin() as connection:
        number = outbox.put(connection, "chat", message(), "k", "x", NOON)
        assert outbox._take(connection, number, "first", NOON)
        assert not outbox._take(connection, number, "second", NOON), "both saw it free, and one has it"


def test_what_a_killed_sender_had_is_sent_again_with_the_same_key(database: Database) -> None:
    outbox = Outbox(*OWN)
    with database.begin() as connection:
        outbox.put(connection, "chat", message(), "k", "x", NOON)
        first = outbox.claim(connection, "chat", "dead", NOON)
        assert first is not None
        assert outbox.claim(connection, "chat", "me", NOON) is None
        later = outbox.claim(connection, "chat", "me", NOON + CLAIMED)
        assert later is not None
        assert later.notification.key == first.notification.key
        outbox.release(connection, ["me"])
        assert outbox.claim(connection, "chat", "third", NOON) is not None, "or at once, when it is known to be dead"


def test_a_matter_keeps_its_order(database: Database) -> None:
    outbox = Outbox(*OWN)
    with database.begin() as connection:
        outbox.put(connection, "chat", message("down", Event.TRIGGER), "k1", "alert 1", NOON)
        assert outbox.claim(connection, "chat", "other", NOON) is not None
        outbox.put(connection, "chat", message("up", Event.RESOLVE), "k2", "alert 1", NOON)
        outbox.put(connection, "chat", message("else", Event.TRIGGER), "k3", "alert 2", NOON)
        claim = outbox.claim(connection, "chat", "me", NOON)
        assert claim is not None
        assert claim.notification.message.title == "else", "the end does not overtake the beginning"
