"""Messages on their way: receivers that are down, refuse, hang or are asked too much; senders that are killed."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from daytwo.core.channel import Event, Message, RejectedError, UnavailableError
from daytwo.core.errors import SecretError
from daytwo.respond.intake import MOST
from daytwo.respond.outbox import Bucket, Carrier, Outbox, State
from daytwo.respond.outbox.carrier import pause
from daytwo.respond.outbox.outbox import CLAIMED
from daytwo.serve.courier import Sender
from daytwo.store.database import Database, open_database
from daytwo.store.tables import transitions
from daytwo.store.url import StateUrl
from daytwo.store.writer import Writer
from tests.respond.alerting.conftest import MakeLine
from tests.respond.alerting.line import OWN, Line, Paper, StandInChannel, config_of

AT_ONCE = "routes: {all: {to: [chat]}}\n"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def message(title: str = "hello", event: Event = Event.NOTICE) -> Message:
    return Message(event=event, key="k", app="shop", environment="production", level="info", title=title, at=NOON)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(StateUrl.parse("state.db", tmp_path))
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.5)


def with_fallback(one: Line) -> None:
    """`chat` falls back to `mail`."""
    settings = dict(one.config.channels)
    settings["chat"] = settings["chat"].model_copy(update={"fallback": "mail"})
    one.config = one.config.model_copy(update={"channels": settings})


def test_f21_a_receiver_that_is_down_for_an_hour_gets_it_when_it_is_back(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.paper.fails["chat"] = UnavailableError("no answer", where="chat")
    one.play("10:00..11:02 1m web failed")
    assert one.went() == []
    assert 10 < len(one.paper.tries) < 30, "it is tried again and again, and not all the time"
    [trouble] = one.desk.outbox.troubles(one.connection, one.now - timedelta(days=1))
    assert "channel chat does not work: chat: no answer" in trouble
    del one.paper.fails["chat"]
    one.play("11:03..11:10 1m web failed")
    assert [word.split()[2] for word in one.went()] == ["trigger"], "within five minutes, once"
    assert one.desk.outbox.troubles(one.connection, one.now - timedelta(days=1)) == []


def test_f21_what_is_over_meanwhile_is_told_once_as_that(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.paper.fails["chat"] = UnavailableError("no answer", where="chat")
    one.play("10:00..10:20 1m web failed\n10:21..10:40 1m web ok")
    del one.paper.fails["chat"]
    one.play("10:41..10:50 1m web ok")
    [(_, _, told, _)] = one.paper.got
    assert (told.event, told.title) == (Event.RESOLVE, "web is well again, after 19 min")
    assert [row.state for row in one.notifications()] == [State.MOOT, State.SENT]


def test_retry_after_is_kept_to(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.paper.fails["chat"] = UnavailableError("too many", where="chat", retry_after=600)
    one.play("10:00..10:11 1m web failed")
    assert len(one.paper.tries) == 1
    one.play("10:12..10:13 1m web failed")
    assert len(one.paper.tries) == 2


def test_refused_is_dead_at_once_seen_and_told_by_the_fallback(line: MakeLine) -> None:
    one = line(AT_ONCE, channels="chat mail")
    one.paper.fails["chat"] = RejectedError("no such room", where="chat")
    one.play("10:00..10:03 1m web failed")
    assert (len(one.paper.tries), one.went()) == (1, [])
    [row] = one.notifications()
    assert (row.state, row.error) == (State.DEAD, "chat: no such room")
    [trouble] = one.desk.outbox.troubles(one.connection, one.now - timedelta(days=1))
    assert "1 message reached nobody" in trouble
    with_fallback(one)
    one.desk.outbox.retry(one.connection, row.id, one.now)
    one.send()
    assert one.went() == ["10:03 mail trigger web: no answer"]
    [row] = one.notifications()
    assert (row.state, row.via) == (State.SENT, "mail")


def test_the_fallback_takes_over_and_hears_of_the_end_too(line: MakeLine) -> None:
    one = line(AT_ONCE, channels="chat mail")
    with_fallback(one)
    one.paper.fails["chat"] = UnavailableError("no answer", where="chat")
    one.play("10:00..10:05 1m web failed")
    assert one.went() == ["10:02:30 mail trigger web: no answer"], "after three tries"
    del one.paper.fails["chat"]
    one.play("10:06..10:20 1m web ok")
    assert sorted(word.split()[1] for word in one.went()) == ["chat", "mail"]


def test_a_secret_that_is_not_there_goes_to_the_fallback_at_once(line: MakeLine) -> None:
    one = line(AT_ONCE, channels="chat mail")
    with_fallback(one)
    one.paper.fails["chat"] = SecretError("the variable URL is not set", where="channels.chat.url")
    one.play("10:00..10:03 1m web failed")
    assert one.went() == ["10:02 mail trigger web: no answer"]


def test_what_nobody_takes_for_a_day_is_dead(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.paper.fails["chat"] = UnavailableError("no answer", where="chat")
    one.play("10:00..10:02 1m web failed")
    for _ in range(24 * 12 - 1):  # nobody judges; only the outbox works
        one.now += timedelta(minutes=5)
        one.send()
    [row] = one.notifications()
    assert row.state is State.WAITING
    one.now += timedelta(minutes=5)
    one.send()
    assert [row.state for row in one.notifications()] == [State.DEAD]


def test_a_defect_of_a_plug_in_loses_nothing(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.paper.fails["chat"] = ZeroDivisionError("oops")
    one.play("10:00..10:02 1m web failed")
    del one.paper.fails["chat"]
    one.play("10:03..10:04 1m web failed")
    assert [word.split()[2] for word in one.went()] == ["trigger"]


@pytest.mark.parametrize(("services", "most"), [(1, 4), (1000, 60)])
def test_f20_a_storm_is_a_bounded_number_of_messages_and_loses_nothing(
    line: MakeLine, services: int, most: int
) -> None:
    one, count = line(AT_ONCE), 3000
    assert count > MOST, "more than one transaction"
    one.now = NOON
    for _ in range(3):
        flood_part = count // 3
        rows_before = one.connection.execute(sa.select(sa.func.count()).select_from(transitions)).scalar_one()
        rows = [
            {"app": "shop", "environment": "production", "rule": f"s{n % services}.r{n}",
             "subject": f"s{n % services}.r{n}", "at": one.now, "old": "pending", "new": "firing",
             "level": "critical", "why": "no answer", "because_of": ""}
            for n in range(rows_before, rows_before + flood_part)
        ]  # fmt: skip
        one.connection.execute(transitions.insert(), rows)
        one.tell()
        one.now += timedelta(seconds=20)
    for _ in range(10):
        one.now += timedelta(seconds=15)
        one.tell()
    assert len(one.alerts()) == count
    assert len(one.paper.got) <= most
    told = one.desk.tellings.told(one.connection, [alert.id for alert in one.alerts()])
    assert len(told) == count
    assert not any(telling.pending for several in told.values() for telling in several)
    sent = {row.id for row in one.notifications() if row.state is State.SENT}
    for number in random.Random(1).sample(sorted(told), 50):
        assert {row.notification for row in one.desk.tellings.of(one.connection, number)} <= sent
    before = len(one.paper.got)
    one.connection.execute(
        transitions.insert().from_select(
            ["app", "environment", "rule", "subject", "at", "old", "new", "level"],
            sa.select(
                transitions.c.app, transitions.c.environment, transitions.c.rule, transitions.c.subject,
                sa.literal(one.now, transitions.c.at.type), sa.literal("firing"), sa.literal("ok"), transitions.c.level,
            ),
        )
    )  # fmt: skip
    for _ in range(10):
        one.now += timedelta(seconds=15)
        one.tell()
    assert len(one.paper.got) - before <= most
    assert not any(alert.open for alert in one.alerts())
    opened: dict[str, bool] = {}
    for _, _, told_message, _ in one.paper.got:
        if told_message.event in (Event.TRIGGER, Event.RESOLVE):
            opened[told_message.key] = told_message.event is Event.TRIGGER
    assert not any(opened.values()), "nothing stays open at a receiver that counts keys"


def test_a_crowd_of_other_messages_becomes_one(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.now = NOON
    for number in range(200):
        one.desk.outbox.put(one.connection, "chat", message(f"m{number}"), f"k{number}", f"incident {number}", NOON)
    one.tell()
    assert one.went() == ["12:00 chat notice 200 messages at once"]
    assert {row.state for row in one.notifications()} == {State.SENT, State.FOLDED}


def test_other_messages_keep_to_the_rate(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.now = NOON
    for batch in range(3):
        for number in range(8):
            name = f"{batch}.{number}"
            one.desk.outbox.put(one.connection, "chat", message(name), name, f"incident {name}", one.now)
        one.tell()
    assert len(one.went()) == 10
    for _ in range(8):
        one.now += timedelta(seconds=15)
        one.tell()
    assert len(one.went()) <= 14


def test_the_bucket() -> None:
    bucket, sent = Bucket(20, 10), 0
    for second in range(120):
        for _ in range(10):
            allowed, bucket = bucket.take(NOON + timedelta(seconds=second))
            sent += allowed
    assert sent == 10 + 20 * 2 - 1
    allowed, _ = bucket.take(NOON - timedelta(days=1))
    assert allowed, "a clock that was set back does not block it"


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


def test_f26_two_senders_one_message(database: Database) -> None:
    outbox, taken = Outbox(*OWN), []
    with database.begin() as connection:
        for number in range(20):
            outbox.put(connection, "chat", message(), f"k{number}", f"x{number}", NOON)
    barrier = threading.Barrier(4)

    def send(owner: str) -> None:
        barrier.wait()
        while True:
            with database.begin() as connection:
                claim = outbox.claim(connection, "chat", owner, NOON)
            if claim is None:
                return
            taken.append(claim.notification.id)

    threads = [threading.Thread(target=send, args=(f"d{n}",)) for n in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(taken) == sorted(set(taken))
    assert len(taken) == 20


def test_f26_who_saw_a_message_too_late_does_not_get_it(database: Database) -> None:
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


def until(what: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)


def test_f22_a_channel_that_hangs_delays_no_other_and_no_check(tmp_path: Path, database: Database) -> None:
    config, outbox, paper = config_of(tmp_path, "", "chat mail"), Outbox(*OWN), Paper()
    hanging, let_go = threading.Event(), threading.Event()

    class HangingChannel(StandInChannel):
        def send(self, told: Message, key: str, timeout: float) -> None:
            if self.name == "chat":
                hanging.set()
                let_go.wait(20)
            super().send(told, key, timeout)

    carrier = Carrier(config, lambda name: HangingChannel(name, config.place, paper, NOON))
    with Writer(database) as writer:
        senders = [Sender(name, outbox, writer, "me", lambda: carrier, lambda: NOON) for name in ("chat", "mail")]
        try:
            for name in ("chat", "mail"):
                writer.run(lambda connection: outbox.put(connection, name, message(), name, name, NOON))
            senders[0].wake()
            assert hanging.wait(20)
            senders[1].wake()
            until(lambda: [name for _, name, _, _ in paper.got] == ["mail"])
            begun = time.monotonic()
            writer.run(lambda connection: connection.execute(sa.select(1)))
            assert time.monotonic() - begun < 5, "whoever writes what a check said does not wait for it"
            assert not senders[0].stuck
            let_go.set()
            until(lambda: len(paper.got) == 2)
        finally:
            let_go.set()
            for one in senders:
                one.stop(20)
    with database.read() as connection:
        assert {row.state for row in outbox.latest(connection, 10)} == {State.SENT}


def test_a_channel_that_never_comes_back_gets_another_thread(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daytwo.serve.courier._STUCK", 0.05)
    config, outbox, paper, let_go = config_of(tmp_path, ""), Outbox(*OWN), Paper(), threading.Event()
    began = threading.Event()

    class HangingOnceChannel(StandInChannel):
        def send(self, told: Message, key: str, timeout: float) -> None:
            if told.title == "first":
                began.set()
                let_go.wait(20)
            super().send(told, key, timeout)

    carrier = Carrier(config, lambda name: HangingOnceChannel(name, config.place, paper, NOON))
    with Writer(database) as writer:
        sender = Sender("chat", outbox, writer, "me", lambda: carrier, lambda: NOON)
        try:
            writer.run(lambda connection: outbox.put(connection, "chat", message("first"), "a", "a", NOON))
            sender.wake()
            assert began.wait(20)
            writer.run(lambda connection: outbox.put(connection, "chat", message("second"), "b", "b", NOON))
            until(lambda: sender.stuck)
            sender.renew()
            until(lambda: [told.title for _, _, told, _ in paper.got] == ["second"])
        finally:
            let_go.set()
            until(lambda: len(paper.got) == 2)
            sender.stop(20)
