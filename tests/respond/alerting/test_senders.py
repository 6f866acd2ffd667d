"""Senders: one thread a channel, so that one that hangs keeps nobody waiting."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from daytwo.core.channel import Message
from daytwo.respond.outbox import Carrier, Outbox, State
from daytwo.serve.courier import Sender
from daytwo.store.database import Database, open_database
from daytwo.store.url import StateUrl
from daytwo.store.writer import Writer
from tests.respond.alerting.line import NOON, OWN, Paper, StandInChannel, config_of, message


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(StateUrl.parse("state.db", tmp_path))
    yield opened
    opened.close()


def until(what: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)


def test_f22_a_channel_that_hangs_delays_no_other_and_no_check(tmp_path: Path, database: Database) -> None:
    """F22: a notifier that hung blocked the check."""
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


def test_f22_a_channel_that_never_comes_back_gets_another_thread(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F22: what hangs for ever does not end what its channel tells."""
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
