"""Subscribers: they confirm, are told once, leave with a click; strangers learn nothing and get no mail."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from daytwo.channels.email.mail import compose
from daytwo.core.errors import NotFoundError, ThrottledError, UsageError
from daytwo.respond.status_page.orders import NewUpdate
from daytwo.respond.status_page.subscribers import mail_address
from daytwo.store.tables import audit_events, notifications, status_links, status_subscribers
from tests.respond.status_page.stage import ANN, Stage


def ask(stage: Stage, address: str = "eve@example.com", source: str = "192.0.2.7") -> None:
    with stage.database.begin() as connection:
        stage.subscribers.ask(connection, address, source, stage.clock())


def secret(stage: Stage, purpose: str, at: int = -1) -> str:
    found = re.findall(
        rf"https://daytwo.example.com/status/{purpose}/([\w-]+)", stage.mails()[at].message.model_dump_json()
    )
    return str(found[-1])


def confirm(stage: Stage, given: str) -> None:
    with stage.database.begin() as connection:
        stage.subscribers.confirm(connection, given, stage.clock())


def leave(stage: Stage, given: str) -> bool:
    with stage.database.begin() as connection:
        return stage.subscribers.leave(connection, given, stage.clock())


def joined(stage: Stage, address: str = "eve@example.com") -> None:
    ask(stage, address, source=f"192.0.2.{len(stage.mails()) % 250}")
    confirm(stage, secret(stage, "confirm"))


def test_from_asking_to_leaving(stage: Stage) -> None:
    joined(stage)
    assert [one.message.to[0].email for one in stage.mails()] == ["eve@example.com"]
    stage.clock.advance(60)
    stage.tell("We are looking")
    stage.spread()
    mail = stage.mails()[-1]
    assert mail.message.text == "We are looking"
    assert [one.email for one in mail.message.to] == ["eve@example.com"]
    written = compose(mail.message, mail.key, "status@example.com", ["eve@example.com"])
    assert written["List-Unsubscribe"] == f"<{mail.message.unsubscribe}>"
    assert written["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert written["Subject"] == "The Shop: Investigating: Disturbance"
    assert leave(stage, secret(stage, "unsubscribe"))
    stage.tell("Still looking")
    stage.spread()
    assert stage.mails() == [], "nothing is kept of who has left"
    with stage.database.read() as connection:
        assert "eve@" not in str(connection.execute(sa.select(audit_events.c.detail, audit_events.c.subject)).all())


def test_a_link_to_confirm_works_once_and_for_48_hours(stage: Stage) -> None:
    ask(stage)
    given = secret(stage, "confirm")
    stage.clock.advance(48 * 3600)
    with pytest.raises(NotFoundError):
        confirm(stage, given)
    ask(stage)
    given = secret(stage, "confirm")
    stage.clock.advance(48 * 3600 - 1)
    confirm(stage, given)
    with pytest.raises(NotFoundError):
        confirm(stage, given)


def test_one_purpose_is_not_another(stage: Stage) -> None:
    ask(stage)
    assert not leave(stage, secret(stage, "confirm"))
    assert not leave(stage, "made-up")


def test_who_has_not_confirmed_is_told_nothing(stage: Stage) -> None:
    ask(stage)
    stage.tell("We are looking")
    stage.spread()
    assert len(stage.mails()) == 1


def test_who_comes_later_is_not_told_of_what_was_before(stage: Stage) -> None:
    stage.tell("We are looking")
    stage.clock.advance(60)
    joined(stage)
    stage.spread()
    assert len(stage.mails()) == 1


def test_nobody_gets_more_than_a_few_letters(stage: Stage) -> None:
    for at in range(9):
        ask(stage, source=f"192.0.2.{at}")
    assert len(stage.mails()) == 2
    joined(stage, "bob@example.com")
    before = len(stage.mails())
    stage.clock.advance(7 * 3600)
    ask(stage, "bob@example.com")
    assert len(stage.mails()) == before, "who is subscribed gets no letter"


def test_one_source_and_all_together_are_slowed(stage: Stage) -> None:
    for at in range(10):
        ask(stage, f"someone{at}@example.com")
    with pytest.raises(ThrottledError):
        ask(stage, "another@example.com")
    for at in range(190):
        ask(stage, f"more{at}@example.com", source=f"198.51.100.{at}")
    with pytest.raises(ThrottledError):
        ask(stage, "last@example.com", source="203.0.113.1")
    stage.clock.advance(3601)
    ask(stage, "last@example.com")


def test_a_whole_network_of_ipv6_is_one_source(stage: Stage) -> None:
    for at in range(10):
        ask(stage, f"someone{at}@example.com", source=f"2001:db8::{at}")
    with pytest.raises(ThrottledError):
        ask(stage, "another@example.com", source="2001:db8::ffff")
    ask(stage, "another@example.com", source="2001:db8:0:1::1")


@pytest.mark.parametrize(
    "address",
    [
        "", "eve", "eve@", "@example.com", "eve@localhost", "eve@[127.0.0.1]", "eve@127.0.0.1", "a@b@example.com",
        "eve@example.com, bob@example.com", "eve@example.com\nBcc: all@example.com", "eve\r\n@example.com",
        "Eve <eve@example.com>", '"eve x"@example.com', "eve@exa mple.com", "é@example.com", "eve@éxample.com",
        f"{'a' * 65}@example.com", f"eve@{'a' * 64}.com", f"eve@{'a.' * 130}com", "eve@example.com\0", ".e@example.com",
        "eve@-example.com", "eve;@example.com", "eve@example.com>",
    ],
)  # fmt: skip
def test_what_is_no_plain_address_is_refused(stage: Stage, address: str) -> None:
    with pytest.raises(UsageError):
        ask(stage, address)
    assert stage.mails() == []


@given(st.text(max_size=60) | st.from_regex(r"[^@]{1,10}@[^@]{1,20}\.com", fullmatch=True))
def test_what_is_taken_is_one_address_on_one_line(text: str) -> None:
    try:
        found = mail_address(text)
    except UsageError:
        return
    assert found.isascii() and found.isprintable() and found.count("@") == 1
    assert not set(found) & set(' ,;:<>()[]\\"\r\n')


def test_two_ways_of_writing_are_one(stage: Stage) -> None:
    joined(stage, " Eve@Example.COM ")
    with pytest.raises(Exception, match="subscribed already"), stage.database.begin() as connection:
        stage.subscribers.add(connection, "eve@example.com", ANN, stage.clock())


def test_each_is_told_once_however_often_it_is_begun(stage: Stage) -> None:
    from daytwo.respond.status_page import mail

    for at in range(5):
        with stage.database.begin() as connection:
            stage.subscribers.add(connection, f"p{at}@example.com", ANN, stage.clock())
    made = stage.tell("We are looking")
    shown = stage.view()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mail, "AT_ONCE", 2)
        with pytest.raises(RuntimeError), stage.database.begin() as connection:
            stage.letters.spread(connection, made.number, shown, stage.clock())
            raise RuntimeError("the daemon is killed before it is written")
        assert stage.mails() == []
        stage.spread()
        stage.spread()
    keys = [one.key for one in stage.mails()]
    assert keys == [f"status update {made.number} subscriber {one}" for one in range(1, 6)]
    assert [len(one.message.to) for one in stage.mails()] == [1] * 5, "nobody sees who else is told"


def test_what_is_withdrawn_or_old_or_not_public_is_not_told(stage: Stage) -> None:
    from daytwo.respond.incidents import orders

    with stage.database.begin() as connection:
        stage.subscribers.add(connection, "eve@example.com", ANN, stage.clock())
        made = stage.desk.tell(connection, _order("oops"), ANN, stage.clock())
        stage.desk.withdraw(connection, made.number, ANN, stage.clock())
    number = stage.incident(public=False)
    stage.act(number, orders.Update(phase="identified", text="for ourselves"))
    stage.spread()
    assert stage.mails() == []
    stage.clock.advance(3700)
    stage.act(number, orders.Publish())
    stage.spread()
    assert stage.mails() == [], "shown, and too old to be told"
    assert "for ourselves" in stage.view().model_dump_json()


def _order(text: str) -> NewUpdate:
    return NewUpdate(state="investigating", text=text)


def test_of_links_only_a_digest_is_kept(stage: Stage) -> None:
    ask(stage)
    given = secret(stage, "confirm")
    with stage.database.read() as connection:
        for table in (status_links, status_subscribers):
            assert given not in str(connection.execute(sa.select(table)).all())


def test_who_never_confirmed_is_forgotten_with_the_letter(stage: Stage) -> None:
    ask(stage)
    stage.clock.advance(timedelta(hours=49).total_seconds())
    with stage.database.begin() as connection:
        stage.subscribers.sweep(connection, stage.clock())
    with stage.database.read() as connection:
        assert stage.subscribers.all(connection, 10) == []
    assert stage.mails() == []


def test_a_person_can_see_and_have_removed_all_of_theirs(stage: Stage) -> None:
    joined(stage)
    stage.tell("We are looking")
    stage.spread()
    with stage.database.begin() as connection:
        dead = notifications.update().where(notifications.c.event == "notice").values(state="dead", error="no such box")
        connection.execute(dead)
    with stage.database.read() as connection:
        found = stage.subscribers.person(connection, stage.subscribers.number(connection, "eve@example.com"))
        assert stage.subscribers.all(connection, 10)[0].trouble == "no such box"
    assert (found.subscriber.address, len(found.mails)) == ("eve@example.com", 2)
    with stage.database.begin() as connection:
        stage.subscribers.remove(connection, found.subscriber.number, ANN)
    assert stage.mails() == []
    with stage.database.read() as connection:
        assert connection.execute(sa.select(status_links)).all() == []
