"""Rules over series, on time lines with real numbers."""

from datetime import timedelta

import pytest

from daytwo.config.watching import Rule
from daytwo.core.threshold import Threshold
from daytwo.watch.numbers import Digest
from daytwo.watch.rules import State
from daytwo.watch.rules.reading import Asked, Source, of_series, shown, whole_of
from tests.watch.numbers.story import add_sketch
from tests.watch.rules.conftest import MakeWorld
from tests.watch.rules.timeline import DAY, Probe, World, clock

ABSENT = {"series": "db.size", "take": "absent", "over": "10m"}


def read(world: World, at: str, watched: str = "0:00", **rule: object) -> str:
    """What a rule reads, in words: a level, `ok`, `between`, or why it does not know."""
    made = Rule.model_validate(rule)
    name = made.series or ""
    asked = Asked(made, name, whole_of(made, name), clock(at), clock(watched), timedelta(seconds=30))
    reading = of_series(asked, Source.of(world.numbers, world.connection))
    if reading.unsure:
        return f"? {reading.why}"
    return f"{reading.level or ('ok' if reading.over else 'between')}: {reading.why}"


def fill(world: World, name: str, script: str, apart: float = 30) -> World:
    """Numbers from a time on, so far apart: `10:00 1 2 3`."""
    for line in script.strip().splitlines():
        at, *values = line.split()
        for index, value in enumerate(values):
            world.number(name, float(value), clock(at) + timedelta(seconds=index * apart))
    return world


# What is taken of a window


@pytest.mark.parametrize(
    ("take", "expected"),
    [
        ("last", "critical: web.duration is 4s (> 3s)"), ("mean", "ok: mean of web.duration over 5m is 1.9s"),
        ("min", "ok: min of web.duration over 5m is 1s"), ("max", "critical: max of web.duration over 5m is 4s (> 3s)"),
        ("p50", "ok: p50 of web.duration over 5m is 1s"), ("p95", "critical: p95 of web.duration over 5m is 4s (> 3s)"),
        ("sum", "critical: sum of web.duration over 5m is 19s (> 3s)"), ("count", "critical: count of web.duration over 5m is 10 (> 3s)"),
    ],
)  # fmt: skip
def test_what_is_taken(take: str, expected: str, world: MakeWorld) -> None:
    made = fill(world(), "web.duration", "10:00 1 1 1 1 1 1 1 4 4 4")
    assert read(made, "10:05", series="web.duration", take=take, critical="> 3s") == expected


def test_two_levels_and_what_lies_between(world: MakeWorld) -> None:
    rule = {"series": "web.share", "warning": "> 80%", "critical": "> 90%", "clear": "< 70%"}
    said = [
        read(fill(world(), "web.share", f"10:00 {value}"), "10:00:10", **rule) for value in (0.95, 0.85, 0.75, 0.65)
    ]
    assert said == [
        "critical: web.share is 95% (> 90%)", "warning: web.share is 85% (> 80%)", "between: web.share is 75%",
        "ok: web.share is 65%",
    ]  # fmt: skip


def test_restarts_in_an_hour(world: MakeWorld) -> None:
    """P14; the counter begins anew when the container is made again."""
    made = fill(world(totals="app.restarts"), "app.restarts", "9:00 7 7 7\n9:30 8 9 0 1", 60)
    rule = {"series": "app.restarts", "take": "increase", "over": "1h", "warning": "> 3", "critical": "> 4"}
    assert read(made, "9:40", **rule) == "ok: the increase of app.restarts over 1h is 3"
    fill(made, "app.restarts", "9:50 2 3")
    assert read(made, "10:00", **rule) == "critical: the increase of app.restarts over 1h is 5 (> 4)"
    assert read(made, "10:35", **rule) == "ok: the increase of app.restarts over 1h is 2"


def test_a_rate_and_a_share(world: MakeWorld) -> None:
    made = world(totals="web.errors web.requests")
    fill(made, "web.requests", "10:00 0 300 600 900 1200 1500 1800 2100 2400 2700 3000")
    fill(made, "web.errors", "10:00 0 0 0 0 90 90 180 180 180 180 210")
    rate = {"series": "web.requests", "take": "rate", "critical": "< 5"}
    assert read(made, "10:05:01", **rate) == "ok: the rate of web.requests over 5m is 10"
    share = {"series": "web.errors", "take": "ratio", "of": "web.requests", "warning": "> 5%", "critical": "> 10%"}
    assert read(made, "10:05:01", **share) == "warning: ratio of web.errors of web.requests over 5m is 7% (> 5%)"


def test_a_share_of_minutes_that_were_handed_in(world: MakeWorld) -> None:
    """Traffic comes summed up: what it counts is added up, and there may have been no error at all."""
    made = world()
    for minute in range(5):
        at = clock(f"10:{minute:02}")
        for name, value in (("traffic.requests", 50.0), ("traffic.errors", 3.0 if minute < 2 else 0.0)):
            digest = Digest()
            digest.add_many([value])
            add_sketch(made.numbers, made.connection, name, "", at, digest, at + timedelta(minutes=1))
    share = {"series": "traffic.errors", "take": "ratio", "of": "traffic.requests", "critical": "> 2%"}
    assert (
        read(made, "10:05", **share) == "critical: ratio of traffic.errors of traffic.requests over 5m is 2.4% (> 2%)"
    )


def test_a_share_of_almost_nothing_says_nothing(world: MakeWorld) -> None:
    made = world(totals="web.errors web.requests")
    fill(made, "web.requests", "10:00 0 1 2 2 2 2 2 2 2 2")
    fill(made, "web.errors", "10:00 0 1 1 1 1 1 1 1 1 1")
    rule = {"series": "web.errors", "take": "ratio", "of": "web.requests", "critical": "> 10%"}
    assert read(made, "10:05", **rule).startswith("critical: ")
    assert read(made, "10:05", least=20, **rule).endswith(
        "web.requests is 2 in the last 5m, too little to compare with"
    )
    assert read(made, "11:00", **rule).startswith("? web.errors: web.requests is 0")


@pytest.mark.parametrize(
    ("values", "reaching", "expected"),
    [
        ("0.5 0.6 0.7 0.8", ">= 95%", "critical: web.disk will be >= 95% in 1h30m (< 3h)"),
        ("0.90 0.90 0.90 0.90", ">= 95%", "ok: web.disk will be >= 95% never, as it looks"),
        ("0.90 0.91 0.9 0.91", ">= 95%", "ok: web.disk will be >= 95%"),
        ("0.8 0.7 0.6 0.5", ">= 95%", "ok: web.disk will be >= 95% never, as it looks"),
        ("0.96 0.96 0.96 0.96", ">= 95%", "critical: web.disk will be >= 95% now (< 3h)"),
        ("0.4 0.3 0.2 0.1", "<= 0", "critical: web.disk will be <= 0 in"),
    ],
    ids=["grows", "stands", "grows slowly", "shrinks", "is there", "falls"],
)  # fmt: skip
def test_when_a_disk_will_be_full(values: str, reaching: str, expected: str, world: MakeWorld) -> None:
    made = fill(world(), "web.disk", f"10:00 {values}", 3600)
    rule = {"series": "web.disk", "take": "forecast", "over": "4h", "reaching": reaching, "critical": "< 3h"}
    assert read(made, "13:00:01", **rule).startswith(expected)


def test_a_bare_number_is_reached_from_below() -> None:
    rule = Rule.model_validate({"series": "x.y", "take": "forecast", "reaching": 0.95, "critical": "< 3d"})
    assert rule.reaching == ">= 0.95"


# What cannot be told


def test_too_little_is_no_answer(world: MakeWorld) -> None:
    made = fill(world(totals="web.n"), "web.v", "10:00 5 5")
    critical = {"critical": "> 1"}
    assert read(made, "10:10", series="web.v", take="mean", **critical) == "? web.v: no number in the last 5m"
    assert (
        read(made, "10:01", series="web.v", take="mean", least=3, **critical)
        == "? web.v: only 2 numbers in the last 5m"
    )
    assert read(made, "10:10", series="web.v", **critical) == "? web.v: no number since 2026-11-21 10:00:30 UTC"
    assert read(made, "10:10", series="web.w", **critical) == "? web.w: no number yet"
    assert read(made, "10:10", series="web.w", take="increase", **critical) == "? web.w: no number yet"
    assert "no counter" in read(made, "10:01", series="web.v", take="rate", **critical)
    one = {"series": "web.v", "take": "forecast", "reaching": ">= 9", "critical": "< 1d"}
    assert read(made, "10:10", **one) == "? web.v: no number in the last 5m"
    fill(made, "web.x", "10:00 1")
    assert "too few numbers" in read(made, "10:01", **(one | {"series": "web.x"}))


def test_events_that_do_not_happen_are_none(world: MakeWorld) -> None:
    """C3: ten failed logins in a minute; a minute without any is no lack of numbers."""
    made = fill(world(), "security.logins", "10:00 1 1 1 1 1 1 1 1 1 1 1", 1)
    rule = {"series": "security.logins", "take": "count", "over": "1m", "critical": "> 10"}
    assert read(made, "10:00:30", **rule).startswith("critical: count of security.logins over 1m is 11")
    assert read(made, "10:02", **rule) == "ok: count of security.logins over 1m is 0"


def test_the_newest_number_of_a_slow_check_is_not_old(world: MakeWorld) -> None:
    made = world(
        cert={"series": "web.left", "warning": "< 14d", "pending": "10m"}, silent=ABSENT | {"series": "web.left"}
    )
    made.checks["web"] = Probe("web", every=6 * 3600)
    assert made.play("8:00 web.left 864000\n14:00 web.left 2000000\n20:00 judge") == [
        "08:00 cert (web.left) pending",
        "08:10 cert (web.left) firing warning",
        "14:00 cert (web.left) ok",
    ]


def test_f28_a_window_that_was_not_watched(world: MakeWorld) -> None:
    made = fill(world(), "web.v", "10:00 5 5 5")
    rule = {"series": "web.v", "take": "p95", "critical": "> 1"}
    assert read(made, "10:01:01", "9:59", **rule) == "? web.v: it has been watched for only 2m1s of 5m"
    assert read(made, "10:01:31", "9:59", **rule).startswith("critical")


def test_f28_what_grew_while_nobody_watched_did_not_grow_now(world: MakeWorld) -> None:
    made = world(totals="app.restarts")
    fill(made, "app.restarts", "9:00 0\n12:00:20 5 5 5")
    rule = {"series": "app.restarts", "take": "increase", "over": "1h", "critical": "> 3"}
    assert read(made, "12:01:30", "12:00", **rule) == "? app.restarts: it has been watched for only 1m30s of 1h"
    fill(made, "app.restarts", "12:05 6 7 8 9")
    assert read(made, "12:07", "12:00", **rule).startswith("critical: the increase of app.restarts over 1h is 4")
    assert read(made, "12:07", "12:00", **(rule | {"critical": "< 9"})).startswith("? ")


# Time lines


def test_p95_over_two_seconds_for_five_minutes(world: MakeWorld) -> None:
    """C2, N16: a warning that becomes critical, and back."""
    slow = {
        "series": "web.duration",
        "take": "p95",
        "over": "2m",
        "pending": "5m",
        "hold": "5m",
        "warning": "> 1s",
        "critical": "> 2s",
    }
    assert world(slow=slow).play("""
        10:00..10:10 30s web.duration 0.5
        10:10:30..10:20 30s web.duration 1.5
        10:20:30..10:30 30s web.duration 3
        10:30:30..10:45 30s web.duration 1.5
        10:45:30..11:00 30s web.duration 0.5
    """) == [
        "10:11:30 slow (web.duration) pending", "10:16:30 slow (web.duration) firing warning",
        "10:26:30 slow (web.duration) firing critical", "10:37 slow (web.duration) firing warning",
        "10:52 slow (web.duration) ok",
    ]  # fmt: skip


def test_between_the_two_thresholds_nothing_begins_and_nothing_ends(world: MakeWorld) -> None:
    full = {"series": "db.memory", "warning": "> 80%", "clear": "< 70%", "every": "15s"}
    assert world(full=full).play("""
        10:00..10:04 1m db.memory 0.75
        10:05 db.memory 0.85
        10:06..10:20 1m db.memory 0.75
        10:21 db.memory 0.65
        10:22..10:30 1m db.memory 0.75
    """) == ["10:05 full (db.memory) firing warning", "10:21 full (db.memory) ok"]


def test_what_has_one_level_does_not_get_another(world: MakeWorld) -> None:
    full = {"series": "db.memory", "critical": "> 90%", "clear": "< 70%", "every": "15s"}
    assert world(full=full).play("10:00 db.memory 0.95\n10:01..10:20 1m db.memory 0.8\n10:21 db.memory 0.6") == [
        "10:00 full (db.memory) firing critical",
        "10:21 full (db.memory) ok",
    ]


def test_f24_pending_of_a_series_survives_a_restart(world: MakeWorld) -> None:
    slow = {"series": "web.duration", "pending": "5m", "warning": "> 1s"}
    script = "10:00..10:10 30s web.duration 2\n"
    alone = world(slow=slow).play(script)
    again = world(slow=slow)
    again.book.__init__("shop", "again")  # type: ignore[misc]
    assert again.play(script + "10:02 restart\n10:04:50 restart") == alone
    assert alone == ["10:00 slow (web.duration) pending", "10:05 slow (web.duration) firing warning"]


def test_numbers_that_stay_away(world: MakeWorld) -> None:
    made = world(silent=ABSENT)
    assert made.play("10:00..10:10 1m db.size 1\n10:30 db.size 1") == [
        "10:20 silent (db.size) firing critical",
        "10:30 silent (db.size) ok",
    ]
    assert "none since 2026-11-21 10:10:00 UTC" in made.told[0].move.why


def test_numbers_that_never_came(world: MakeWorld) -> None:
    assert world(silent=ABSENT).play("10:00 judge\n10:11 judge") == ["10:10 silent (db.size) firing critical"]


def test_f28_numbers_could_not_come_while_nobody_watched(world: MakeWorld) -> None:
    made = world(silent=ABSENT)
    assert (
        made.play("""
        10:00..10:05 1m db.size 1
        10:05 stop
        12:05 start
        12:06..12:12 1m db.size 1
    """)
        == []
    )
    assert made.play("12:12 stop\n14:00 start\n14:12 judge") == ["14:10:15 silent (db.size) firing critical"]
    assert made.play("14:13 restart\n14:14 judge\n14:20 stop\n16:00 start\n16:05 judge") == []
    assert made.play("16:06 db.size 1\n16:06:30 judge") == ["16:06:15 silent (db.size) ok"]


def test_f34_numbers_dated_ahead_do_not_count(world: MakeWorld) -> None:
    made = world(
        silent=ABSENT,
        newest={"series": "db.size", "critical": "> 5"},
        mean={"series": "db.size", "take": "mean", "critical": "> 5"},
    )
    made.play("10:00..10:02 1m db.size 1")
    for minute in range(5):
        made.number("db.size", 1e9, clock(f"20:{minute:02}"))
    assert made.play("10:03..10:04 1m db.size 1\n10:15 judge") == ["10:14 silent (db.size) firing critical"]


def test_f34_a_clock_set_back_hides_no_silence_and_makes_none(world: MakeWorld) -> None:
    made = world(silent=ABSENT)
    assert made.play("10:00..10:05 1m db.size 1\n8:00 back\n8:01..8:09 1m db.size 1") == []
    assert made.play("8:20 judge") == ["08:19 silent (db.size) firing critical"]


# Patterns


def test_each_series_of_a_pattern_stands_by_itself(world: MakeWorld) -> None:
    made = world(full={"series": "*.memory", "critical": "> 90%"})
    assert made.play("""
        10:00 web.memory 0.95
        10:00:30 db.memory 0.5
        10:01 other.memory 0.99          # nothing of that name is watched
        10:01:30 db.memory 0.95
        10:02 web.memory 0.5
    """) == [
        "10:00 full (web.memory) firing critical", "10:01:30 full (db.memory) firing critical",
        "10:02 full (web.memory) ok",
    ]  # fmt: skip


def test_the_whole_of_a_pattern(world: MakeWorld) -> None:
    rule = Rule.model_validate(
        {"series": "*.http.*.errors", "take": "ratio", "of": "*.http.*.requests", "critical": "> 10%"}
    )
    assert whole_of(rule, "web.http.checkout.errors") == "web.http.checkout.requests"
    made = world(
        totals="web.errors web.requests",
        share={"series": "*.errors", "take": "ratio", "of": "*.requests", "critical": "> 10%", "every": "15s"},
    )
    fill(made, "web.requests", "9:55 0 100 200 300 400 500 600 700 800 900 1000")
    fill(made, "web.errors", "9:55 0 0 0 0 0 0 0 50 100 150 200")
    assert made.play("9:55 judge\n10:00:20 judge") == ["09:59:15 share (web.errors) firing critical"]


def test_a_series_that_is_gone_ends_its_alert(world: MakeWorld) -> None:
    made = world(full={"series": "*.memory", "critical": "> 90%"}, absent={"series": "*.memory", "take": "absent"})
    made.play("10:00 web.memory 0.95")
    del made.checks["web"]
    assert made.play("10:05 reload\n11:00 judge") == ["10:05 full (web.memory) ok"]
    assert made.told[-1].move.why == "web.memory is not watched any more"


def test_a_series_of_a_pattern_without_numbers_for_a_day(world: MakeWorld) -> None:
    """A container that was removed; the service is still there."""
    made = world(full={"series": "*.memory", "critical": "> 90%", "every": "1h"})
    assert made.play("10:00 web.memory 0.95\n+1/12:00 judge") == [
        "10:00 full (web.memory) firing critical",
        "11:00 full (web.memory) ok",
    ]
    assert "is not there any more" in made.told[-1].move.why
    assert made.state("full") is State.OK


def test_absence_by_pattern_is_of_what_came_while_somebody_watched(world: MakeWorld) -> None:
    made = world(silent={"series": "*.size", "take": "absent", "over": "5m"})
    made.number("web.size", 1, clock("8:00"))
    assert made.play("10:00 judge\n10:01 db.size 1\n10:20 judge") == ["10:06 silent (db.size) firing critical"]


def test_a_rule_is_judged_as_often_as_it_says(world: MakeWorld) -> None:
    made = world(slow={"series": "web.v", "critical": "> 1", "every": "10m"})
    assert made.play("10:00 judge\n10:01..10:20 1m web.v 5") == ["10:10 slow (web.v) firing critical"]


def test_looking_and_settling_apart(world: MakeWorld) -> None:
    made = world(slow={"series": "web.v", "critical": "> 1"})
    made.start(DAY)
    evaluator = made.evaluator
    assert evaluator is not None
    made.number("web.v", 5)
    look = evaluator.look(made.connection, DAY)
    assert [one.subject for one in look.found] == ["web.v"]
    made.rules = {}
    evaluator.follow(made.connection, made.rules, made.checks, DAY)
    assert evaluator.settle(made.connection, look, DAY) == []


@pytest.mark.parametrize(
    ("value", "like", "expected"),
    [
        (0.123456, "> 10%", "12.3%"), (2.5e9, "> 2GB", "2.5 GB"), (2.5, "> 1s", "2.5s"), (0.0123, "> 1s", "12.3ms"), (90, "> 1m", "1m30s"),
        (5429, "< 3h", "1h30m"), (-864000, "< 14d", "-1w3d"),
        (3, "> 3", "3"), (3.14159265, None, "3.14159"),
    ],
)  # fmt: skip
def test_a_number_in_the_unit_of_its_threshold(value: float, like: str | None, expected: str) -> None:
    assert shown(value, Threshold(like) if like else None) == expected


def test_the_newest_of_events_is_how_many_came_in_a_minute(world: MakeWorld) -> None:
    """As it is shown everywhere; each of them by itself is a 1."""
    made = world()
    for minute, count in ((0, 3), (1, 12)):
        digest = Digest()
        digest.add_many([1.0] * count)
        at = clock(f"10:{minute:02}")
        add_sketch(made.numbers, made.connection, "logs.oauth", "count", at, digest, at + timedelta(minutes=1))
    rule = {"series": "logs.oauth", "critical": "> 10"}
    assert read(made, "10:01:30", **rule) == "ok: logs.oauth is 3"
    assert read(made, "10:02", **rule) == "critical: logs.oauth is 12 (> 10)"
    assert read(made, "10:09", **rule) == "ok: logs.oauth is 0"


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        ({"take": "sum", "critical": ">= 20"}, [1.0] * 20),
        ({"take": "count", "critical": ">= 20"}, [1.0] * 20),
        ({"take": "p95", "critical": "> 2s"}, [9.0] * 20),
        ({"take": "mean", "critical": "> 2s"}, [9.0] * 20),
        ({"take": "ratio", "of": "logs.all", "critical": "> 5%"}, [1.0] * 20),
    ],
)
@pytest.mark.parametrize("seconds", [0, 1, 14, 29])
def test_what_comes_at_the_end_of_a_minute_is_in_a_window_of_a_minute(
    world: MakeWorld, rule: dict[str, str], values: list[float], seconds: int
) -> None:
    made = world()
    for name, of in (("logs.burst", values), ("logs.all", [1.0] * 100)):
        digest = Digest()
        digest.add_many(of)
        add_sketch(made.numbers, made.connection, name, "count", clock("10:10"), digest, clock("10:11"))
    whole = {"series": "logs.burst", "over": "1m", **rule}
    assert read(made, f"10:11:{seconds:02}", **whole).startswith("critical: ")
    assert not read(made, f"10:12:{seconds:02}", **whole).startswith("critical: "), "and in the next one no more"


@pytest.mark.parametrize("at", ["10:10:00", "10:10:20", "10:10:59"])
def test_no_window_of_minutes_is_longer_than_it_says(world: MakeWorld, at: str) -> None:
    """Eight a minute are never more than eight in a minute, nor forty in five."""
    made = world()
    for minute in range(11):
        digest = Digest()
        digest.add_many([1.0] * 8)
        add_sketch(made.numbers, made.connection, "logs.app", "count", clock(f"10:{minute:02}"), digest, clock("10:11"))
    for over, most in (("1m", 8), ("5m", 40), ("10m", 80)):
        for take in ("sum", "count"):
            reading = read(made, at, series="logs.app", take=take, over=over, critical=f"> {most}")
            assert reading.startswith("ok: ") and reading.endswith(f"is {most}"), reading


def test_the_newest_of_durations_of_real_requests_is_the_mean_of_their_minute(world: MakeWorld) -> None:
    """As `daytwo metrics` shows it, not that of whoever happened to come last."""
    made = world()
    digest = Digest()
    digest.add_many([9.0, 9.0, 0.1])
    name = "traffic.web.duration"
    add_sketch(made.numbers, made.connection, name, "s", clock("10:00"), digest, clock("10:01"))
    ((_, shown_as),) = made.numbers.newest(made.connection, clock("10:01"), name)
    assert shown_as is not None
    told = read(made, "10:01", series=name, take="last", critical="> 5s")
    assert told == f"critical: {name} is {shown(shown_as.value, Threshold('> 5s'))} (> 5s)"
