"""What must not be left open, or untold, when several things share messages."""

from datetime import timedelta

import pytest

from daytwo.core.channel import Event, PartlyTakenError, Person, UnavailableError
from daytwo.respond.silences import Matchers, Silences
from tests.respond.alerting.conftest import MakeLine
from tests.respond.alerting.line import AT_ONCE, OWN, Line, message

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
SLOW = {"series": "web.duration", "warning": "> 1s", "critical": "> 2s", "every": "15s"}
APART = """\
routes:
  bad: {level: critical, to: [pager, chat]}
  other: {level: warning, to: [chat]}
"""


def left_open(one: Line) -> list[tuple[str, str]]:
    """What receivers that count keys take to be wrong still: the channel, and the key."""
    found: dict[tuple[str, str], bool] = {}
    for _, name, told, _ in one.paper.got:
        if told.event in (Event.TRIGGER, Event.RESOLVE):
            found[name, told.key] = told.event is Event.TRIGGER
    return [key for key, standing in found.items() if standing]


@pytest.mark.parametrize("first", ["web ok", "web.duration 0.1"], ids=["the worse one", "the other one"])
def test_a_channel_that_was_told_of_a_part_of_a_group_hears_when_that_part_is_over(line: MakeLine, first: str) -> None:
    one = line(APART, channels="pager chat", checks="web", slow=SLOW)
    one.play("10:00..10:02 1m web failed\n10:02 web.duration 1.5")
    one.pass_time(timedelta(minutes=2))
    assert {(name, told.title.split(":")[0]) for _, name, told, _ in one.paper.got} == {
        ("pager", "web"), ("chat", "web"), ("chat", "slow (web.duration)"),
    }  # fmt: skip
    then = "web.duration 0.1" if first == "web ok" else "web ok"
    one.play(f"10:06 {first}")
    one.pass_time(timedelta(minutes=2))
    pager = [] if first == "web ok" else [("pager", "shop/production/alert/1")]
    assert [key for key in left_open(one) if key[0] == "pager"] == pager
    one.play(f"10:10 {then}")
    one.pass_time(timedelta(minutes=2))
    assert left_open(one) == []


def test_who_was_told_of_another_part_of_a_group_hears_of_its_end(line: MakeLine) -> None:
    text = """\
people:
  ann: {email: ann@example.com, channels: [chat]}
  bob: {email: bob@example.com, channels: [chat]}
oncall: {app: {people: [ann]}, logins: {people: [bob]}}
routes:
  login: {rules: [web.login], to: [logins], stop: true}
  all: {to: [app]}
"""
    one = line(text, checks="web web.login")
    one.play("10:00..10:02 1m web failed\n10:00..10:02 1m web.login failed")
    one.pass_time(timedelta(minutes=2))
    one.play("10:06 web ok\n10:06:15 web.login ok")
    one.pass_time(timedelta(minutes=2))
    ends = {(told.to[0].name, told.event) for at, _, told, _ in one.paper.got if at > one.now - timedelta(minutes=3)}
    assert {name for name, _ in ends} == {"ann", "bob"}


def test_what_a_silence_of_its_level_hid_is_told_when_its_level_is_another(line: MakeLine) -> None:
    one = line(AT_ONCE, checks="web", slow=SLOW)
    one.now = one.now.replace(hour=9)
    Silences(*OWN).add(one.connection, Matchers(("slow",), levels=("critical",)), 12 * HOUR, one.now, by="ann")
    one.play("10:00 web.duration 2.5\n10:10 web.duration 1.5\n10:20 web.duration 1.5")
    assert [word.split()[2] for word in one.went()] == ["trigger"]


def test_a_daily_and_a_weekly_summary_both_tell_it(line: MakeLine) -> None:
    text = "routes:\n  day: {to: [chat], when: '0 13 * * *'}\n  week: {to: [chat], when: '0 14 * * *'}\n"
    one = line(text)
    one.play("10:00..10:03 1m web failed\n14:01 db ok")
    assert [word.split()[0] for word in one.went()] == ["13:00", "14:00"]


def test_everybody_who_is_reached_through_a_channel_is_reminded_of_a_silence(line: MakeLine) -> None:
    text = """\
people:
  ann: {email: ann@example.com, channels: [chat]}
oncall: {app: {people: [ann]}}
routes:
  all: {to: [chat, app]}
"""
    one = line(text)
    one.now = one.now.replace(hour=9)
    one.silence(4 * HOUR, "web")
    one.play("10:00..10:03 1m web failed")
    one.now = one.now.replace(hour=12, minute=30)
    one.upkeep.remind(one.connection, one.now)
    one.send()
    assert sorted(tuple(person.name for person in told.to) for _, _, told, _ in one.paper.got) == [(), ("ann",)]


def test_a_clock_that_was_ahead_when_a_channel_failed_does_not_silence_it_afterwards(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.now = one.now.replace(year=2036)
    one.paper.fails["chat"] = UnavailableError("no answer", where="chat")
    one.desk.outbox.put(one.connection, "chat", message("ahead"), "k1", "incident 1", one.now)
    one.send()
    del one.paper.fails["chat"]
    one.now = one.now.replace(year=2026)
    one.desk.outbox.put(one.connection, "chat", message("now"), "k2", "incident 2", one.now)
    one.send()
    assert [told.title for _, _, told, _ in one.paper.got] == ["now"]


def test_what_was_told_both_by_itself_and_as_too_much_is_over_in_both(line: MakeLine) -> None:
    one = line("routes: {all: {to: [pager]}}\n", channels="pager", checks="web", slow=SLOW)
    slow = one.config.channels["pager"].model_copy(update={"rate": 1, "burst": 1})
    one.config = one.config.model_copy(update={"channels": {"pager": slow}})
    one.play("10:00 web.duration 1.5\n10:00:15 web.duration 2.5")
    one.pass_time(timedelta(minutes=2))
    assert len(left_open(one)) == 2
    one.play("10:04 web.duration 0.1")
    one.pass_time(timedelta(minutes=2))
    assert left_open(one) == []


def test_what_was_ordered_while_the_clock_was_ahead_does_not_wait_for_that_time(line: MakeLine) -> None:
    one = line(AT_ONCE, checks="web web.login db")
    one.play("+1/10:00..+1/10:02 1m web failed\n+1/10:00..+1/10:02 1m web.login failed")
    one.paper.fails["chat"] = UnavailableError("no answer", where="chat")
    one.play("+1/10:02:10 db ok")
    one.desk.outbox.put(one.connection, "chat", message("ahead"), "k1", "incident 1", one.now)
    one.send()
    one.went()
    one.paper.fails.clear()
    one.now -= timedelta(days=1)  # the clock is set right
    one.upkeep.set_right(one.connection, one.now)
    one.tell()
    titles = [told.title for _, _, told, _ in one.paper.got]
    assert any("web.login" in title for title in titles) and "ahead" in titles
    assert one.upkeep.set_right(one.connection, one.now) == 0


def test_who_cannot_have_it_now_gets_it_later_and_the_others_not_twice(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.now = one.now.replace(hour=12)
    ann, bob = (Person(name=name, email=f"{name}@example.com") for name in ("ann", "bob"))
    both = message("hello").model_copy(update={"to": (ann, bob)})
    one.paper.fails["chat"] = PartlyTakenError("450 greylisted", ["bob@example.com"], where="chat")
    one.desk.outbox.put(one.connection, "chat", both, "k1", "incident 1", one.now)
    one.send()
    one.paper.fails.clear()
    one.pass_time(timedelta(minutes=2))
    one.send()
    assert [told.to for _, _, told, _ in one.paper.got] == [(bob,)]
    assert [told.state for told in one.notifications()] == ["sent", "sent"]
