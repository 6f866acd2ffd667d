"""F20: thousands of alerts in one outage, and what other parts have to tell: few messages, and nothing lost."""

import random
from datetime import timedelta

import pytest
import sqlalchemy as sa

from daytwo.core.channel import Event, UnavailableError
from daytwo.respond.intake import MOST
from daytwo.respond.outbox import Bucket, State
from daytwo.store.tables import transitions
from tests.respond.alerting.conftest import MakeLine
from tests.respond.alerting.line import AT_ONCE, NOON, Line, message

pytestmark = pytest.mark.slow


def flood(one: Line, count: int, services: int) -> None:
    """So many rules fire at once; the daemon takes them in."""
    before = one.connection.execute(sa.select(sa.func.count()).select_from(transitions)).scalar_one()
    rows = [
        {"app": "shop", "environment": "production", "rule": f"s{n % services}.r{n}",
         "subject": f"s{n % services}.r{n}", "at": one.now, "old": "pending", "new": "firing",
         "level": "critical", "why": "no answer", "because_of": ""}
        for n in range(before, before + count)
    ]  # fmt: skip
    one.connection.execute(transitions.insert(), rows)
    one.tell()


def ebb(one: Line) -> None:
    """All of them are over."""
    t = transitions.c
    ended = sa.select(
        t.app, t.environment, t.rule, t.subject, sa.literal(one.now, t.at.type), sa.literal("firing"), sa.literal("ok"),
        t.level,
    )  # fmt: skip
    names = ["app", "environment", "rule", "subject", "at", "old", "new", "level"]
    one.connection.execute(transitions.insert().from_select(names, ended))
    one.tell()


def quietly(one: Line, rounds: int) -> None:
    """Time passes; nothing happens but what the daemon does by itself."""
    for _ in range(rounds):
        one.now += timedelta(seconds=15)
        one.tell()


def all_told(one: Line) -> bool:
    """Whether a message that was sent tells of each alert."""
    told = one.desk.tellings.told(one.connection, [alert.id for alert in one.alerts()])
    sent = {row.id for row in one.notifications() if row.state is State.SENT}
    some = random.Random(1).sample(sorted(told), 50)
    rows = [row for number in some for row in one.desk.tellings.of(one.connection, number)]
    pending = any(telling.pending for several in told.values() for telling in several)
    return len(told) == len(one.alerts()) and not pending and {row.notification for row in rows} <= sent


@pytest.mark.slow
@pytest.mark.parametrize(("services", "most"), [(1, 4), (1000, 60)])
def test_f20_a_storm_is_a_bounded_number_of_messages_and_loses_nothing(
    line: MakeLine, services: int, most: int
) -> None:
    """F20: 3,000 alerts in a minute, all of one service or of a thousand."""
    one, count = line(AT_ONCE), 3000
    assert count > MOST, "more than one transaction"
    one.now = NOON
    for _ in range(3):
        flood(one, count // 3, services)
        one.now += timedelta(seconds=20)
    quietly(one, 10)
    assert len(one.alerts()) == count
    assert len(one.paper.got) <= most
    assert all_told(one)
    before = len(one.paper.got)
    ebb(one)
    quietly(one, 10)
    assert len(one.paper.got) - before <= most
    assert not any(alert.open for alert in one.alerts())
    opened: dict[str, bool] = {}
    for _, _, told, _ in one.paper.got:
        if told.event in (Event.TRIGGER, Event.RESOLVE):
            opened[told.key] = told.event is Event.TRIGGER
    assert not any(opened.values()), "nothing stays open at a receiver that counts keys"


def test_f20_too_many_requests_is_waited_out_and_what_came_meanwhile_is_one_summary(line: MakeLine) -> None:
    """F20: the provider answers 429 with Retry-After for half an hour, while 1,200 alerts come."""
    one = line(AT_ONCE)
    one.now = NOON
    one.paper.fails["chat"] = UnavailableError("429 Too Many Requests", where="chat", retry_after=1800)
    for _ in range(12):
        flood(one, 100, 1200)
        quietly(one, 8)
    assert (len(one.paper.tries), one.paper.got) == (1, []), "it asked to be left alone for half an hour, and is"
    assert len(one.notifications()) == 10, "no more than it may be sent at once waits in messages of their own"
    del one.paper.fails["chat"]
    quietly(one, 30)
    assert len(one.paper.got) == 11
    assert one.went()[-1].endswith("Too many messages for one each: 1190 critical")
    assert all_told(one)


def test_f20_while_another_channel_takes_over_nothing_is_held_back(line: MakeLine) -> None:
    """F20: the bucket of a channel that rests is not emptied where its fallback sends."""
    one = line(AT_ONCE, channels="chat mail").with_fallback()
    one.now = NOON
    one.paper.fails["chat"] = UnavailableError("429 Too Many Requests", where="chat", retry_after=1800)
    for _ in range(15):
        flood(one, 1, 1000)
        quietly(one, 4)
    assert len(one.went()) == 15


def test_a_crowd_of_other_messages_becomes_one(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.now = NOON
    for number in range(200):
        one.desk.outbox.put(one.connection, "chat", message(f"m{number}"), f"k{number}", f"incident {number}", NOON)
    one.tell()
    assert one.went() == ["12:00 chat notice 200 messages at once"]
    assert {row.state for row in one.notifications()} == {State.SENT, State.FOLDED}


def test_a_crowd_is_not_folded_where_keys_are_counted(line: MakeLine) -> None:
    one = line(AT_ONCE.replace("chat", "pager"), channels="pager")
    one.now = NOON
    for number in range(15):
        told = message(f"m{number}", Event.TRIGGER)
        one.desk.outbox.put(one.connection, "pager", told, f"k{number}", f"incident {number}", NOON)
    one.tell()
    assert len(one.went()) == 10
    quietly(one, 4)
    assert len(one.went()) == 5, "nobody could resolve a summary"


def test_other_messages_keep_to_the_rate(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.now = NOON
    for batch in range(3):
        for number in range(8):
            name = f"{batch}.{number}"
            one.desk.outbox.put(one.connection, "chat", message(name), name, f"incident {name}", one.now)
        one.tell()
    assert len(one.went()) == 10
    quietly(one, 8)
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


def test_the_bucket_of_what_does_not_work_is_not_filled() -> None:
    bucket, sent = Bucket(20, 10, since=NOON), 0
    for second in range(3600):
        allowed, bucket = bucket.take(NOON + timedelta(seconds=second))
        sent += allowed
    assert sent == 10
