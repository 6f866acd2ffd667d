"""Reports from the state, and in words."""

from datetime import date, timedelta

import pytest

from daytwo.config.watching import Kept
from daytwo.core.units import Duration
from daytwo.watch.numbers import Numbers
from daytwo.watch.reports import ReportData, words
from tests.watch.reports.conftest import MINUTE, OWN, Shop, utc

DAY = utc("2026-11-19T00:00")
NOW = utc("2026-11-20T09:00")
HOUR = timedelta(hours=1)
FIVE = timedelta(minutes=5)


def two_days(shop: Shop) -> ReportData:
    """The day before: web was fast, db failed; the day itself: web failed for an hour and was slow, db was well."""
    for day, web, db in (
        (DAY - 24 * HOUR, "o" * 288, "o" * 276 + "x" * 12),
        (DAY, "o" * 240 + "x" * 12 + "o" * 36, "o" * 288),
    ):
        shop.observe("web", day, web, FIVE)
        shop.observe("db", day, db, FIVE)
    shop.observe("api", DAY, "o" * 288, FIVE)
    for check in ("web", "db", "api"):
        shop.observe(check, DAY + 24 * HOUR, "o" * 108, FIVE)
    shop.number("web.duration", DAY - 24 * HOUR, [0.2] * 288, every=FIVE)
    shop.number("web.duration", DAY, [0.5] * 200 + [5.0] * 88, every=FIVE)
    for day in (DAY - 24 * HOUR, DAY):
        shop.number("db.duration", day, [0.002, 0.003] * 144, every=FIVE)
    shop.number("web.container.memory_limit", DAY, [0.4, 0.6] * 144, "ratio", every=FIVE)
    shop.number("web.container.cpu", DAY - 24 * HOUR, [0.1] * 288, "ratio", every=FIVE)
    shop.number("gone.cpu", DAY, [1.0] * 288, "ratio", every=FIVE)
    shop.number("traffic.site.requests", DAY - 24 * HOUR, [n * 10.0 for n in range(576)], "count", True, FIVE)
    shop.number("traffic.site.errors", DAY - 24 * HOUR, [n * 1.0 for n in range(576)], "count", True, FIVE)
    shop.number("traffic.site.duration", DAY, [0.1] * 288, every=FIVE)
    shop.tell(
        "web", "web",
        (DAY + 20 * HOUR, "ok", "pending", "critical"), (DAY + 20 * HOUR + 10 * MINUTE, "pending", "firing", "warning"),
        (DAY + 20 * HOUR + 20 * MINUTE, "firing", "firing", "critical"), (DAY + 21 * HOUR, "firing", "clearing", "critical"),
        (DAY + 21 * HOUR + MINUTE, "clearing", "firing", "critical"), (DAY + 21 * HOUR + 10 * MINUTE, "firing", "ok", "critical"),
        (DAY + 22 * HOUR, "ok", "firing", "critical"), (DAY + 22 * HOUR + MINUTE, "firing", "ok", "critical"),
    )  # fmt: skip
    shop.tell("slow", "web.duration", (DAY + 23 * HOUR, "ok", "firing", "warning"))
    shop.tell("old", "db", (DAY - HOUR, "ok", "firing", "critical"), (DAY + HOUR, "firing", "ok", "critical"))
    shop.promise(uptime="99.9%", p95="2s", errors="5%")
    return shop.views(NOW).report("daily")


def test_a_day(shop: Shop) -> None:
    found = two_days(shop)
    assert (found.begin, found.end, found.first, found.over) == (DAY, DAY + 24 * HOUR, date(2026, 11, 19), True)
    checks = {one.check: one for one in found.checks}
    assert list(checks) == ["api", "db", "web"]
    web = checks["web"]
    assert (web.uptime.failed, web.uptime.outages, web.uptime.share) == pytest.approx((3600, 1, 23 / 24))
    assert (web.count, web.p50, web.p95) == pytest.approx((288, 0.5, 5), rel=0.01)
    assert (found.slowest, found.failing) == (["web", "db"], ["web"])
    assert found.score == pytest.approx((100 + 100 * 23 / 24 * 0.5) / 2)
    assert found.score_before == pytest.approx((100 + 100 * 23 / 24) / 2)
    assert found.status == "degraded"
    assert found.grain == 0


def test_what_changed(shop: Shop) -> None:
    found = [(one.check, one.what, one.before, one.now) for one in two_days(shop).changes]
    assert found == [
        ("api", "new", None, None),
        ("db", "recovered", 3600, 0),
        ("web", "failing", 0, 3600),
        ("web", "slower", pytest.approx(0.2, rel=0.01), pytest.approx(5, rel=0.01)),
    ]


def test_alerts_that_came(shop: Shop) -> None:
    found = [(one.rule, one.level, one.times, one.seconds, one.lasts) for one in two_days(shop).alerts]
    assert found == [("web", "critical", 2, 3660, False), ("slow", "warning", 1, 3600, True)]


def test_promises(shop: Shop) -> None:
    found = {(one.of, one.what): (one.met, one.found) for one in two_days(shop).objectives}
    assert found == {
        ("web", "uptime"): (False, pytest.approx(23 / 24)), ("web", "p95"): (False, pytest.approx(5, rel=0.01)),
        ("traffic.site", "errors"): (False, pytest.approx(0.1)), ("traffic.site", "p95"): (True, pytest.approx(0.1)),
        ("db", "uptime"): (True, 1.0), ("db", "p95"): (True, pytest.approx(0.003, rel=0.01)), ("api", "uptime"): (True, 1.0),
    }  # fmt: skip


def test_traffic_and_resources(shop: Shop) -> None:
    found = two_days(shop)
    flows = {one.series: one for one in found.traffic}
    assert list(flows) == ["traffic.site.duration", "traffic.site.errors", "traffic.site.requests"]
    assert (flows["traffic.site.requests"].rise, flows["traffic.site.requests"].before) == (2880, 2870)
    assert found.resources == [], "of what is watched: nobody watches that container here"
    shop.observe("web.container", DAY, "o" * 288, FIVE)
    (memory,) = shop.views(NOW).report("daily").resources
    assert (memory.series, memory.before) == ("web.container.memory_limit", None)
    assert (memory.mean, memory.max) == pytest.approx((0.5, 0.6))


def test_a_period_of_which_nothing_is_known(shop: Shop) -> None:
    found = shop.views(NOW).report("monthly")
    assert (found.status, found.score, found.checks, found.alerts) == ("unknown", None, [], [])
    assert "Nothing was watched." in words.text(found)
    assert words.markdown(found).startswith("# shop (production): October 2026\n")


def test_one_that_is_not_over(shop: Shop) -> None:
    two_days(shop)
    found = shop.views(NOW).report("daily", date(2026, 11, 20))
    assert (found.over, found.end) == (False, NOW)
    assert found.checks[0].uptime.ok == 9 * 3600
    assert "not over yet" in words.text(found)


def test_in_words(shop: Shop) -> None:
    said = words.text(two_days(shop))
    assert said.splitlines()[0] == "shop (production): 2026-11-19"
    for piece in (
        "Performance: 74.0 of 100, before 97.9 (degraded)", "Objectives: 3 of 7 broken", "Checks: 1 of 3 failed",
        "web is slower: 95 % took up to ", "db did not fail; before, it had for 1 h",
        "95.833 %", "1 h, still", "+2880",
    ):  # fmt: skip
        assert piece in said, piece
    assert max(map(len, said.splitlines())) < 140


def test_as_markdown(shop: Shop) -> None:
    shop.observe("web", DAY - 24 * HOUR, "o")
    said = words.markdown(two_days(shop))
    assert said.startswith("# shop (production): 2026-11-19\n")
    assert said.count("\n# ") == 0
    assert "\n## Slowest\n\n| CHECK | UPTIME |" in said
    rows = [line for line in said.splitlines() if line.startswith("|")]
    assert all(line.replace("\\|", "").count("|") >= 5 for line in rows)


def test_what_others_said_lays_nothing_out(shop: Shop) -> None:
    """A reason may hold anything: it is shown as it is."""
    shop.observe("web", DAY, "o" * 288, FIVE)
    shop.tell("a|b", "<script>", (DAY + HOUR, "ok", "firing", "critical"))
    said = words.markdown(shop.views(NOW).report("daily"))
    assert "a\\|b" in said
    assert "<script>" not in said.replace("\\<script\\>", "")


def test_a_month_of_which_only_hours_are_kept(shop: Shop) -> None:
    """What is kept of it is enough: uptime is exact, percentiles come from the sums of hours."""
    begin = utc("2026-10-01T00:00")
    later = utc("2026-11-03T00:00")
    shop.observe("web", begin, "o" * 24 * 33, HOUR)
    values = [0.1 if n % 10 else 2.0 for n in range(24 * 4 * 33)]
    shop.number("web.duration", begin, values, every=15 * MINUTE)
    shop.roll(later)
    short = Duration(3600.0)
    kept = Kept(raw=short, five_minutes=short)
    with shop.database.begin() as connection:
        while Numbers(shop.database, *OWN).prune(connection, later, kept, 1000):
            pass
    shop.promise(zone="Asia/Kolkata")  # half an hour off: its days begin within hours of UTC
    found = shop.views(later).report("monthly")
    (web,) = found.checks
    assert found.begin == utc("2026-09-30T18:30")
    assert web.count == pytest.approx(31 * 96 - 22, abs=2)
    assert (web.p50, web.p95) == pytest.approx((0.1, 2.0), rel=0.01)
    assert found.grain == 3600
    assert "may be off by up to 1 h" in words.text(found)


def test_what_is_slow_by_a_hair_is_no_change(shop: Shop) -> None:
    for day, took in ((DAY - 24 * HOUR, 0.002), (DAY, 0.006)):
        shop.observe("db", day, "o" * 288, FIVE)
        shop.number("db.duration", day, [took] * 288, every=FIVE)
    assert shop.views(NOW).report("daily").changes == []


def test_what_was_down_all_the_time_has_a_score_of_zero(shop: Shop) -> None:
    """Of a database that nobody reaches no duration is measured."""
    begin = NOW - 48 * HOUR
    for check, said in (("web", "o" * 576), ("db", "o" * 100 + "x" * 476), ("db.container", "x" * 576)):
        shop.observe(check, begin, said, FIVE)
    shop.number("web.duration", begin, [0.1] * 576, every=FIVE)
    shop.number("db.duration", begin, [0.1] * 100, every=FIVE)
    found = shop.views(NOW).performance("24h")
    assert [(one.check, one.score, one.p95) for one in found.checks] == [("db", 0, None), ("web", 100, 0.1)]
    assert (found.overall.score, found.status) == (50, "poor")
    day = shop.views(NOW).report("daily", (NOW - 12 * HOUR).date())
    assert (day.score, day.slowest) == (50, ["web"])
    assert {one.check: one.score for one in day.checks} == {"web": 100, "db": 0, "db.container": None}
    assert "Performance: 50.0 of 100" in words.text(day)
