"""Limits on a time line: when a finding begins, goes on and is over, whatever happens to clocks and to daytwo."""

from datetime import timedelta

import pytest

from daytwo.store.database import Database
from tests.watch.security.conftest import Scene, clock


def test_at_ten_in_a_minute_and_not_at_nine(scene: Scene) -> None:
    scene.fail("10:00", 9)
    assert scene.judge() == []
    scene.fail("10:00:09")
    [one] = scene.judge()
    assert str(one) == "security: auth_failure from 192.0.2.1: too much of it (10 events; the limit is 10 in 1m)"
    [finding] = scene.found()
    assert (finding.begin, finding.last, finding.found) == (clock("10:00"), clock("10:00:09"), clock("10:00:09"))
    assert (finding.per, finding.limit, finding.within, finding.claimed) == ("source", 10, 60, None)
    events = scene.events()
    assert (finding.first_event, finding.last_event) == (events[0].id, events[-1].id)


def test_ten_that_are_spread_over_more_than_the_window_are_not_too_much(scene: Scene) -> None:
    scene.fail("10:00", 60, every=6.7)
    assert scene.judge() == []
    scene.fail("10:30", 60, every=6.6)
    assert len(scene.judge()) == 1


def test_it_goes_on_and_is_over_after_a_quiet_window(scene: Scene) -> None:
    scene.fail("10:00", 10)
    assert [one.state for one in scene.judge()] == ["open"]
    scene.fail("10:00:30", 30)
    assert scene.judge() == []
    assert scene.told() == [("192.0.2.1", "open", 40)]
    assert scene.judge("10:01:59") == []
    assert [one.state for one in scene.judge("10:02:00")] == ["over"]
    assert scene.told() == [("192.0.2.1", "over", 40)]
    scene.fail("10:10", 10)
    scene.judge()
    assert scene.told() == [("192.0.2.1", "over", 40), ("192.0.2.1", "open", 10)]


def test_a_few_a_minute_afterwards_do_not_keep_it_open(scene: Scene) -> None:
    scene.fail("10:00", 10)
    scene.judge()
    for minute in range(1, 5):
        scene.fail(f"10:0{minute}:30")
        scene.judge()
    assert scene.told() == [("192.0.2.1", "over", 10)]


def test_two_sources_side_by_side_are_counted_apart(scene: Scene) -> None:
    for second in range(9):
        scene.fail(f"10:00:{second:02}", source="192.0.2.1")
        scene.fail(f"10:00:{second:02}", source="192.0.2.2")
    assert scene.judge() == []
    scene.fail("10:00:20", source="192.0.2.2")
    scene.judge()
    assert scene.told() == [("192.0.2.2", "open", 10)]


def test_an_ipv6_source_is_its_network(scene: Scene) -> None:
    for number in range(10):
        scene.fail(f"10:00:{number:02}", source=f"2001:db8::{number + 1:x}:1")
    scene.fail("10:00:20", 9, source="2001:db8:0:1::1")
    scene.judge()
    assert scene.told() == [("2001:db8::/64", "open", 10)]


def test_an_app_is_counted_as_one(database: Database) -> None:
    scene = Scene(database, {"auth_failure": {"count": 10, "within": "1m", "per": "app"}})
    for number in range(10):
        scene.fail("10:00:30", source=f"192.0.2.{number}")
    scene.judge()
    assert [(one.source, one.per, one.count) for one in scene.found()] == [("", "app", 10)]


def test_a_kind_without_a_limit_is_recorded_and_nothing_else(scene: Scene) -> None:
    scene.fail("10:00", 50, kind="suspicious")
    assert scene.judge() == []
    assert sum(one.count for one in scene.events(kind="suspicious")) == 50


def test_a_restart_in_the_middle_doubles_nothing_and_forgets_nothing(scene: Scene) -> None:
    scene.fail("10:00", 6)
    scene.judge()
    scene.restart()
    scene.fail("10:00:20", 4)
    scene.restart()
    assert len(scene.judge()) == 1
    scene.restart()
    scene.fail("10:00:40", 5)
    assert scene.judge() == []
    scene.restart()
    assert scene.judge() == []
    assert scene.told() == [("192.0.2.1", "open", 15)]


def test_f34_what_claims_to_be_from_the_future_opens_nothing(scene: Scene) -> None:
    scene.at("10:00")
    for number in range(20):
        scene.happen(clock("12:00") + timedelta(seconds=number))
    assert scene.judge() == []
    assert {(one.counted, one.at) for one in scene.events()} == {(False, clock("10:00"))}
    assert scene.judge("12:00:30") == [], "nor when that future has come"
    assert scene.views.report("24h").uncounted == 20


def test_a_clock_that_is_a_little_ahead_counts_as_now(scene: Scene) -> None:
    scene.at("10:00:30")
    for _ in range(10):
        scene.happen(clock("10:01:30"))
    assert len(scene.judge()) == 1
    assert scene.events()[0].at == clock("10:00:30")


def test_what_comes_late_is_judged_as_of_when_it_happened(scene: Scene) -> None:
    scene.at("14:00")
    for number in range(20):
        scene.happen(clock("10:00") + timedelta(minutes=number))
    assert scene.judge() == [], "twenty in twenty minutes, read in a second"
    for number in range(10):
        scene.happen(clock("11:00") + timedelta(seconds=number))
    [one] = scene.judge()
    assert one.state == "over"
    [finding] = scene.found()
    assert (finding.begin, finding.found) == (clock("11:00"), clock("14:00"))


def test_late_ones_that_belong_to_a_finding_make_no_second(scene: Scene) -> None:
    scene.fail("10:00:30", 10)
    scene.judge()
    scene.judge("10:05")
    for number in range(15):
        scene.happen(clock("10:00:00") + timedelta(seconds=number))
    assert scene.judge() == []
    assert scene.told() == [("192.0.2.1", "over", 25)]


def test_the_clock_is_set_back(scene: Scene) -> None:
    scene.fail("12:00", 10)
    scene.judge()
    scene.at("11:00")
    assert scene.judge() == []
    scene.fail("11:00:10", 9)
    scene.now = clock("11:00:20")
    assert scene.judge() == [], "those of the hour that is yet to come do not count with them"
    assert [one.state for one in scene.judge("11:01:30")] == ["over"]
    scene.fail("11:05", 10)
    assert [one.state for one in scene.judge()] == ["open"]


def test_without_its_limit_a_finding_ends(scene: Scene) -> None:
    scene.fail("10:00", 10)
    scene.judge()
    scene.limits = {}
    assert [one.state for one in scene.judge()] == ["over"]
    assert scene.judge() == []


@pytest.mark.parametrize("per", ["source", "app"])
def test_on_either_database(both: Database, per: str) -> None:
    scene = Scene(both, {"auth_failure": {"count": 30, "within": "1m", "per": per}})
    scene.fail("10:00", 59, every=0.5)
    scene.restart()
    assert [one.state for one in scene.judge()] == ["open"]
    assert scene.report({"kind": "suspicious", "key": "k"}, {"kind": "suspicious", "key": "k"}).known == 1
    assert [one.state for one in scene.judge("10:05")] == ["over"]
    assert scene.told() == [("192.0.2.1" if per == "source" else "", "over", 59)]
    report = scene.views.report("24h")
    assert [(one.kind, one.count) for one in report.kinds] == [("auth_failure", 59), ("suspicious", 1)]
    with scene.writing() as connection:
        scene.book.prune(connection, clock("11:00"), clock("11:00"))
        scene.sentry.prune(connection, clock("11:00"))
    assert (scene.events(), scene.found()) == ([], [])
