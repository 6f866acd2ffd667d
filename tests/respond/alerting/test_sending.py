"""Receivers that are down, refuse, or ask to be left alone: what was to be told is told later, elsewhere, or seen."""

from datetime import timedelta

import pytest

from daytwo.core.channel import Event, RejectedError, UnavailableError
from daytwo.core.errors import SecretError
from daytwo.respond.outbox import State
from tests.respond.alerting.conftest import MakeLine
from tests.respond.alerting.line import AT_ONCE, NOON, message

pytestmark = pytest.mark.slow


def test_f21_a_receiver_that_is_down_for_an_hour_gets_it_when_it_is_back(line: MakeLine) -> None:
    """F21: the provider was down, and the notification was lost."""
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
    """F21: what is told late is told as it is by then."""
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
    one.with_fallback()
    one.desk.outbox.retry(one.connection, row.id, one.now)
    one.send()
    assert one.went() == ["10:03 mail trigger web: no answer"]
    [row] = one.notifications()
    assert (row.state, row.via) == (State.SENT, "mail")


def test_f21_the_fallback_takes_over_and_hears_of_the_end_too(line: MakeLine) -> None:
    """F21: another channel is asked after three failures."""
    one = line(AT_ONCE, channels="chat mail").with_fallback()
    one.paper.fails["chat"] = UnavailableError("no answer", where="chat")
    one.play("10:00..10:05 1m web failed")
    assert one.went() == ["10:03 mail trigger web: no answer"], "after three tries"
    del one.paper.fails["chat"]
    one.play("10:06..10:20 1m web ok")
    assert sorted(word.split()[1] for word in one.went()) == ["chat", "mail"]


def test_a_secret_that_is_not_there_goes_to_the_fallback_at_once(line: MakeLine) -> None:
    one = line(AT_ONCE, channels="chat mail").with_fallback()
    one.paper.fails["chat"] = SecretError("the variable URL is not set", where="channels.chat.url")
    one.play("10:00..10:03 1m web failed")
    assert one.went() == ["10:02 mail trigger web: no answer"]


def test_f21_what_nobody_takes_for_a_day_is_dead_and_seen(line: MakeLine) -> None:
    """F21: what could not be told for a day is shown as that."""
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
    troubles = " ".join(one.desk.outbox.troubles(one.connection, one.now - timedelta(days=2)))
    assert "1 message reached nobody; `daytwo notifications --dead`" in troubles


def test_a_defect_of_a_plug_in_loses_nothing(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.paper.fails["chat"] = ZeroDivisionError("oops")
    one.play("10:00..10:02 1m web failed")
    del one.paper.fails["chat"]
    one.play("10:03..10:04 1m web failed")
    assert [word.split()[2] for word in one.went()] == ["trigger"]


def test_f26_what_somebody_took_care_of_is_not_sent_any_more(line: MakeLine) -> None:
    """F26: every try is preceded by a look whether it is still wanted; one that was acknowledged meanwhile is not."""
    one = line(AT_ONCE)
    one.paper.fails["chat"] = UnavailableError("no answer", where="chat")
    one.play("10:00..10:02 1m web failed")
    one.desk.book.change(one.connection, one.alert("web").id, acknowledged=one.now, acknowledged_by="ann")
    del one.paper.fails["chat"]
    one.play("10:03..10:08 1m web failed")
    assert one.went() == []
    [row] = one.notifications()
    assert (row.state, row.error) == (State.MOOT, "somebody took care of it before this could be sent")


def test_f26_what_got_worse_since_somebody_took_care_of_it_is_sent(line: MakeLine) -> None:
    """F26: the acknowledgement of a warning says nothing of what came later."""
    one = line(AT_ONCE, slow={"series": "web.duration", "warning": "> 1s", "critical": "> 2s", "every": "15s"})
    one.play("10:00 web.duration 1.5")
    one.ack("web.duration")
    one.went()
    one.paper.fails["chat"] = UnavailableError("no answer", where="chat")
    one.play("10:02 web.duration 2.5")
    del one.paper.fails["chat"]
    one.pass_time(timedelta(minutes=1))
    assert [word.split()[2] for word in one.went()] == ["trigger"]


def test_f26_of_an_incident_that_somebody_took_only_that_is_told(line: MakeLine) -> None:
    """F26: the page of an incident that could not leave before it was acknowledged is not sent after that."""
    one = line(AT_ONCE)
    one.now = NOON
    for event in (Event.TRIGGER, Event.ACKNOWLEDGE):
        told = message(event.value, event)
        one.desk.outbox.put(one.connection, "chat", told, event.value, "incident 1", NOON)
    one.tell()
    assert one.went() == ["12:00 chat acknowledge acknowledge"]
