"""What is told when: at 10:00 it fails, at 10:02 it is an alert, and the message leaves."""

from datetime import timedelta

import pytest

from daytwo.respond.alerts import What
from tests.respond.alerting.conftest import MakeLine
from tests.respond.alerting.line import AT_ONCE

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)


def test_it_fails_fires_and_is_over(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.play("10:00..10:05 1m web failed")
    assert one.went() == ["10:02 chat trigger web: no answer"]
    [message] = [message for _, _, message, _ in one.paper.got]
    assert message.key == "shop/production/alert/1"
    assert message.commands == ("daytwo alerts ack 1",)
    assert {fact.name: fact.value for fact in message.facts} == {
        "service": "web", "since": "2026-11-21 10:02 UTC (0 s)", "failures in a row": "3",
    }  # fmt: skip
    one.play("10:06 web ok")
    assert one.went() == ["10:06 chat resolve web is well again, after 4 min"]
    assert one.paper.got[-1][2].key == message.key
    assert one.why("web") == [
        "fired fingerprint new", "fired depend alone", "fired group first", "fired silence not_silenced",
        "fired window no_window", "fired route routed", "fired throttle within_rate", "fired send at_once",
        "over fingerprint known", "over depend alone", "over group last", "over silence not_silenced",
        "over window no_window", "over route as_told", "over throttle within_rate", "over send at_once",
    ]  # fmt: skip
    assert [change.what for change in one.changes] == [What.FIRED, What.OVER]


def test_one_failure_tells_nobody(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.play("10:00 web failed\n10:01 web ok\n10:02 web failed\n10:03 web ok")
    assert one.went() == []
    assert one.alerts() == []


def test_a_consequence_is_told_only_if_it_stays(line: MakeLine) -> None:
    one = line(AT_ONCE, web={"check": "web", "failures": 3, "depends_on": ["db"]})
    one.play("10:00..10:10 1m db failed\n10:01..10:20 1m web failed\n10:11..10:20 1m db ok")
    assert [word for word in one.went() if "resolve" not in word] == [
        "10:02 chat trigger db: no answer",
        "10:14 chat trigger web: no answer; db is well again, and this is not",
    ]
    assert one.why("web")[1] == "fired depend consequence"
    assert [(change.what, change.because_of) for change in one.changes if change.subject == "web"] == [
        (What.FIRED, "db"), (What.FIRED, ""),
    ]  # fmt: skip


def test_a_consequence_that_goes_is_never_told(line: MakeLine) -> None:
    one = line(AT_ONCE, web={"check": "web", "failures": 3, "depends_on": ["db"]})
    one.play("10:00..10:10 1m db failed\n10:01..10:10 1m web failed\n10:11..10:20 1m db ok\n10:11..10:20 1m web ok")
    assert [word.split(" ", 2)[2] for word in one.went()] == [
        "trigger db: no answer", "resolve db is well again, after 9 min"
    ]  # fmt: skip
    assert one.why("web")[-1] == "over fingerprint never_told"


def test_a_warning_that_becomes_critical_is_told_again(line: MakeLine) -> None:
    one = line(AT_ONCE, slow={"series": "web.duration", "warning": "> 1s", "critical": "> 2s", "every": "15s"})
    one.play("10:00 web.duration 1.5\n10:02 web.duration 2.5\n10:04 web.duration 0.1")
    assert [(word.split()[0], word.split()[2]) for word in one.went()] == [
        ("10:00", "trigger"), ("10:02", "trigger"), ("10:04", "resolve")
    ]  # fmt: skip
    levels = [message.level for _, _, message, _ in one.paper.got]
    assert levels[:2] == ["warning", "critical"]
    assert len({message.key for _, _, message, _ in one.paper.got}) == 1
    assert ("threshold", "critical > 2s, warning > 1s") in [(f.name, f.value) for f in one.paper.got[0][2].facts]


def test_without_routes_critical_is_told_at_once_and_warnings_at_eight(line: MakeLine) -> None:
    one = line(slow={"series": "web.duration", "warning": "> 1s", "every": "15s"})
    one.play("06:00 web.duration 1.5\n06:00..06:03 1m db failed\n06:10 web.duration 0.1\n08:01 db failed")
    assert one.went() == ["06:02 chat trigger db: no answer", "08:00 chat notice 1 over"]
    assert one.paper.got[-1][2].sections[0].title.startswith("over: slow (web.duration)")
    one.pass_time(timedelta(hours=25), timedelta(minutes=15))
    assert [word.split()[2] for word in one.went()] == ["trigger"] * 6, "the other one is repeated, the summary is not"


def test_without_routes_what_is_only_to_be_known_is_told_on_monday(line: MakeLine) -> None:
    one = line(mail={"check": "mail", "level": "info"}, checks="mail")
    one.play("06:00..06:05 1m mail failed")  # of a Saturday
    one.pass_time(timedelta(minutes=115), timedelta(minutes=5))
    one.pass_time(timedelta(days=3), timedelta(hours=1))
    assert [f"{at:%a %H:%M}" for at, *_ in one.paper.got] == ["Mon 08:00"]
    assert one.went() == ["08:00 chat notice 1 info"]


def test_a_summary_tells_what_is_still_there(line: MakeLine) -> None:
    text = "routes: {daily: {to: [chat], when: '0 8 * * *'}}\n"
    one = line(text, checks="web db")
    one.play("06:00..06:03 1m web failed")
    one.pass_time(timedelta(minutes=117), timedelta(minutes=3))
    one.pass_time(timedelta(hours=22), timedelta(hours=1))
    one.play("+1/07:00..+1/07:03 1m db failed\n+1/08:00 db failed")
    assert one.went() == ["08:00 chat notice 1 critical", "08:00 chat notice 1 critical, 1 still there from before"]


def test_repeats_until_acknowledged(line: MakeLine) -> None:
    one = line("routes: {all: {to: [pager], repeat: 1h}}\n", channels="pager")
    one.stroke = timedelta(minutes=1)
    one.play("10:00..12:10 1m web failed")
    assert [word.split()[0] for word in one.went()] == ["10:02", "11:02", "12:02"]
    one.ack("web")
    assert one.went() == ["12:10 pager acknowledge ann takes care of web"]
    one.play("12:11..15:00 1m web failed\n15:01 web ok")
    assert [word.split()[2] for word in one.went()] == ["resolve"]
    assert [change.what for change in one.changes] == [What.FIRED, What.ACKNOWLEDGED, What.OVER]
    assert one.changes[1].by == "ann"


def test_an_acknowledgement_is_told_only_to_services_that_count_it(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.play("10:00..10:03 1m web failed")
    one.went()
    one.ack("web")
    assert one.went() == []


def test_alerts_of_a_service_share_a_message_and_the_first_is_not_held_back(line: MakeLine) -> None:
    one = line(AT_ONCE, checks="web web.login web.cart")
    one.play("10:00..10:02 1m web failed\n10:00..10:02 1m web.login failed\n10:00..10:02 1m web.cart failed")
    assert one.went() == ["10:02 chat trigger web: no answer"]
    one.pass_time(timedelta(minutes=1))
    assert one.went() == ["10:02:30 chat trigger web: 2 more: web.login, web.cart"]
    assert one.paper.got[-1][2].commands == ("daytwo alerts ack 2 3",)
    one.play("10:04 web ok")
    one.pass_time(timedelta(minutes=1))
    assert one.went() == ["10:04:30 chat notice web is well again, after 2 min"], "others of it are not over"
    one.play("10:06 web.login ok\n10:06 web.cart ok")
    one.pass_time(timedelta(minutes=1))
    assert one.went() == ["10:06 chat resolve All 3 of web are well again"]
    assert len({message.key for _, _, message, _ in one.paper.got}) == 1


def test_what_comes_again_at_once_is_not_held_back_by_what_is_over(line: MakeLine) -> None:
    one = line(AT_ONCE, web={"check": "web", "failures": 1, "flapping": False})
    one.play("10:00 web failed\n10:00:10 web ok\n10:00:20 web failed\n10:00:25 web ok")
    assert [word.split()[:3:2] for word in one.went()] == [
        ["10:00", "trigger"], ["10:00:10", "resolve"], ["10:00:20", "trigger"], ["10:00:25", "resolve"],
    ]  # fmt: skip


def test_services_do_not_wait_for_each_other(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.play("10:00..10:02 1m web failed\n10:00..10:02 1m db failed")
    assert one.went() == ["10:02 chat trigger web: no answer", "10:02 chat trigger db: no answer"]


def test_a_silence_hides_and_what_is_there_at_its_end_is_told(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.play("09:59 web ok")
    one.silence(HOUR, "web")
    one.play("10:00..11:05 1m web failed\n10:00..10:05 1m db failed\n10:06..11:05 1m db ok")
    assert one.went() == [
        "10:02 chat trigger db: no answer", "10:06 chat resolve db is well again, after 4 min",
        "10:59 chat trigger web: no answer",
    ]  # fmt: skip
    assert [word for word in one.why("web") if "silence" in word] == [
        "fired silence silenced", "later silence not_silenced"
    ]  # fmt: skip


def test_what_was_told_before_a_silence_is_told_to_be_over_in_it(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.play("10:00..10:05 1m web failed")
    one.silence(HOUR, "web")
    one.play("10:06 web ok\n12:00 web ok")
    assert [word.split()[2] for word in one.went()] == ["trigger", "resolve"]


def test_a_silenced_alert_that_goes_is_never_told(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.play("09:59 web ok")
    one.silence(HOUR, "w*")
    one.play("10:00..10:05 1m web failed\n10:06..12:00 1m web ok")
    assert one.went() == []


def test_a_forgotten_silence_is_remembered(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.play("09:59 web ok")
    one.silence(timedelta(hours=3), "web")
    one.play("10:00..11:58 1m web failed")
    assert [one.upkeep.remind(one.connection, one.now), one.went()] == [[], []]
    one.play("11:59 web failed")
    assert len(one.upkeep.remind(one.connection, one.now)) == 1
    one.send()
    assert one.went() == ["11:59 chat notice A silence of 2 h hides 1 alert: web"]
    assert one.upkeep.remind(one.connection, one.now) == []


def test_a_long_silence_is_remembered_every_week(line: MakeLine) -> None:
    one = line(AT_ONCE)
    one.play("09:59 web ok")
    one.silence(timedelta(days=30), "web")
    one.play("10:00..10:05 1m web failed")
    reminded = []
    for _ in range(16):
        one.now += timedelta(days=1)
        reminded.append(len(one.upkeep.remind(one.connection, one.now)))
    assert [day for day, count in enumerate(reminded, 1) if count] == [7, 14]


def test_f33_maintenance_mutes_and_tells_afterwards_only_what_is_new(line: MakeLine) -> None:
    """F33: at the end of maintenance, everything that had been down before was told again."""
    one = line(AT_ONCE, checks="web db cache mail")
    one.play("09:00..09:05 1m web failed\n09:00..09:05 1m cache failed")
    assert len(one.went()) == 2
    one.maintenance(timedelta(hours=8))
    one.play(  # web: down before, comes and goes, and is down after; cache: is well after; mail: came and went
        "10:00 web ok\n10:10..11:00 1m web failed\n10:00..11:00 1m db failed\n10:30 cache ok\n"
        "10:00..10:30 1m mail failed\n10:31 mail ok"
    )
    assert one.went() == []
    one.end_maintenance()
    one.tell()
    assert sorted(one.went()) == [
        "11:00 chat resolve cache is well again, after 1 h 28 min", "11:00 chat trigger db: no answer"
    ]  # fmt: skip
    one.play("11:30 web ok\n11:30 db ok")
    assert sorted(word.split(",")[0] for word in one.went()) == [
        "11:30 chat resolve db is well again", "11:30 chat resolve web is well again"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "settings",
    [
        "at: '0 2 * * sat', length: 1h",  # weekly: the day that is played is a Saturday
        "at: '0 2 * * sat#3', length: 1h",  # the third of the month
        "at: '0 2 21 2,5,8,11 *', length: 1h",  # quarterly
        "from: 2026-11-21T02:00, to: 2026-11-21T03:00",
        "at: '0 2 * * sat', length: 1h, services: [data]",
    ],
)
def test_a_window_of_the_configuration_mutes(line: MakeLine, settings: str) -> None:
    one = line(AT_ONCE + f"maintenance: {{night: {{{settings}}}}}\n", checks="data")
    one.play("02:56..03:01 1m data failed")
    assert one.went() == ["03:00 chat trigger data: no answer"]
    assert "fired window maintenance" in one.why("data")


@pytest.mark.parametrize(
    "settings",
    [
        "at: '0 2 * * sun', length: 1h",
        "at: '0 2 * * sat#1', length: 1h",
        "at: '0 2 21 1,4,7,10 *', length: 1h",
        "from: 2026-11-20T02:00, to: 2026-11-20T03:00",
        "at: '0 2 * * sat', length: 1h, services: [other]",
    ],
)
def test_a_window_of_another_time_or_service_does_not(line: MakeLine, settings: str) -> None:
    one = line(AT_ONCE + f"maintenance: {{night: {{{settings}}}}}\n", checks="data")
    one.play("02:10..02:12 1m data failed")
    assert one.went() == ["02:12 chat trigger data: no answer"]


def test_a_repeat_that_fell_into_maintenance_is_not_made_up(line: MakeLine) -> None:
    one = line("routes: {all: {to: [chat], repeat: 1h}}\nmaintenance: {night: {at: '0 2 * * *', length: 1h}}\n")
    one.play("01:20..04:00 1m web failed")
    assert [word.split()[0] for word in one.went()] == ["01:22", "03:22"]


def test_routes_by_level_service_hours_and_stop(line: MakeLine) -> None:
    text = """\
routes:
  db: {services: [db], to: [pager], stop: true}
  day: {to: [chat], hours: mon-sun 09:00-17:00}
"""
    one = line(text, channels="chat pager")
    one.play("08:00..09:05 1m web failed\n08:00..08:02 1m db failed")
    assert one.went() == ["08:02 pager trigger db: no answer", "09:00 chat trigger web: no answer"]
    assert "fired route off_hours" in one.why("web")


def test_a_route_whose_hours_are_over_is_named_beside_those_that_tell(line: MakeLine) -> None:
    one = line("routes: {night: {to: [pager]}, day: {to: [chat], hours: mon-sun 09:00-17:00}}\n", channels="chat pager")
    one.play("08:00..09:05 1m web failed")
    assert one.went() == ["08:02 pager trigger web: no answer"]
    steps = one.desk.book.steps(one.connection, one.alert("web").id)
    assert [step.detail for step in steps if step.stage == "route"] == ["night; not at this hour: day"]


def test_no_route_and_no_channel_say_so(line: MakeLine) -> None:
    one = line("routes: {db: {services: [db], to: [chat]}}\n")
    one.play("10:00..10:03 1m web failed")
    assert one.why("web")[-1] == "fired route no_route"
    bare = line(channels="", checks="mail")
    bare.play("11:00..11:03 1m mail failed")
    assert bare.why("mail")[-1] == "fired route no_channel"
    assert one.went() == bare.went() == []


def test_resolved_false_is_not_told(line: MakeLine) -> None:
    one = line("routes: {all: {to: [chat], resolved: false}}\n")
    one.play("10:00..10:03 1m web failed\n10:04 web ok")
    assert [word.split()[2] for word in one.went()] == ["trigger"]
    assert one.why("web")[-1] == "over route not_wanted"


def test_f24_a_restart_forgets_neither_what_is_pending_nor_what_was_told(line: MakeLine) -> None:
    """F24: after a restart the monitor began to count anew, or told again what it had told."""
    one = line(AT_ONCE)
    one.play("10:00..10:01 1m web failed\n10:01 restart")
    one.begin()
    one.play("10:02 web failed\n10:02 restart")
    one.begin()
    one.play("10:03..10:10 1m web failed")
    assert one.went() == ["10:02 chat trigger web: no answer"]


def test_f27_flapping_is_one_alert(line: MakeLine) -> None:
    """F27: what came and went every minute was told every minute."""
    one = line(AT_ONCE, web={"check": "web", "failures": 1, "flapping": {"changes": 4, "within": "30m"}})
    one.play("10:00..10:58 2m web failed\n10:01..10:59 2m web ok")
    assert len(one.went()) == 3, "once, that it is over, and again: from then on it is one alert"
    one.play("11:00..11:40 1m web ok")
    assert [word.split()[2] for word in one.went()] == ["resolve"], "after half an hour of quiet"


def test_f28_a_gap_of_the_monitor_makes_no_wave(line: MakeLine) -> None:
    """F28: the daemon was away for two hours; what it told before it does not tell again, and nothing is told late."""
    one = line(AT_ONCE, checks=" ".join(["web", *(f"s{n}" for n in range(20))]))
    one.play("10:00..10:05 1m web failed\n10:05 crash\n12:00 start")
    one.begin()
    one.play("12:01..12:05 1m web failed\n" + "\n".join(f"12:01..12:05 1m s{n} ok" for n in range(20)))
    assert one.went() == ["10:02 chat trigger web: no answer"]


def test_f28_repeats_and_summaries_of_the_time_away_are_told_once(line: MakeLine) -> None:
    """F28: what fell due again and again while the daemon was away is one message each when it is back."""
    text = "routes: {hourly: {to: [chat], repeat: 1h}, often: {to: [chat], when: '*/10 * * * *'}}\n"
    one = line(text)
    one.play("10:00..10:05 1m web failed\n10:05 crash\n15:00 start")
    one.begin()
    one.play("15:01..15:30 1m web failed")
    assert [word.split()[0] for word in one.went()] == ["10:02", "15:00", "15:00"]


def test_transitions_that_nobody_took_in_are_claimed(line: MakeLine) -> None:
    one = line(AT_ONCE)
    tell, one.tell = one.tell, lambda news=0: None  # type: ignore[method-assign]  # another process wrote them
    one.play("10:00..10:02 1m web failed")
    assert one.alerts() == []
    tell()
    assert one.went() == ["10:02 chat trigger web: no answer"]
    tell()
    assert one.went() == []
