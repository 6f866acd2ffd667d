"""Requests become numbers: by log, by route, by minute, over restarts; and rules judge them."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from daytwo.config.watching import Rule
from daytwo.watch.logs import Line
from daytwo.watch.rules import Book, Evaluator
from tests.watch.traffic.conftest import MS, NOW, MakeStage, Stage, nginx_line


def stamp(at: datetime) -> str:
    return at.strftime("%d/%b/%Y:%H:%M:%S +0000")


def test_the_numbers_of_a_log(stage: MakeStage) -> None:
    web = stage()
    web.read(
        nginx_line("/a", 200, rest=" 0.100", size=100), nginx_line("/a", 200, rest=" 0.300", size=200),
        nginx_line("/a", 404, rest=" 0.001", size=50), nginx_line("/a", 502, rest=" 2.000", size=50, who="192.0.2.1"),
        nginx_line("/a", 200, user="ann", size=0),
    )  # fmt: skip
    names = ("requests", "errors", "client_errors", "bytes", "users")
    assert {name: web.sum(name) for name in names} == {
        "requests": 5, "errors": 1, "client_errors": 1, "bytes": 400, "users": 3,
    }  # fmt: skip
    assert web.summary("duration").count == 4, "of those whose duration is known"
    assert web.summary("duration").max == 2.0
    assert web.summary("bytes").max == 200


def test_what_comes_in_pieces_adds_up(stage: MakeStage) -> None:
    web = stage()
    for _ in range(10):
        web.read(nginx_line(rest=" 0.1"), nginx_line(rest=" 0.3", status=500))
    assert web.sum("requests") == 20
    assert web.sum("errors") == 10
    assert web.sum("users") == 1, "one user, in ten pieces of a minute"
    assert web.summary("duration").mean == pytest.approx(0.2)


def test_a_user_counts_once_in_each_minute(stage: MakeStage) -> None:
    web = stage()
    for minute in (10, 11, 12, 13, 10):
        web.read(nginx_line(at=f"21/Nov/2026:14:{minute}:00 +0000"), nginx_line(at=f"21/Nov/2026:14:{minute}:59 +0000"))
    assert web.sum("users") == 5, "the fifth came too late to be remembered"


def test_a_write_may_be_called_again_after_a_rollback(stage: MakeStage) -> None:
    web = stage()
    write = web.reader.read("web", [Line(MS, nginx_line(rest=" 0.5")), Line(MS, "nonsense")])
    assert write is not None
    with pytest.raises(ZeroDivisionError), web.database.begin() as connection:
        write(connection, NOW)
        raise ZeroDivisionError
    with web.database.begin() as connection:
        write(connection, NOW)
    assert (web.sum("requests"), web.sum("users"), web.sum("unread"), web.sum("duration")) == (1, 1, 1, 0.5)


def test_times_are_those_of_the_lines(stage: MakeStage) -> None:
    web = stage()
    web.read(nginx_line(at="21/Nov/2026:13:10:30 +0000"), nginx_line(at="21/Nov/2026:15:11:30 +0100"))
    for hour, minute in ((13, 10), (14, 11)):
        begin = datetime(2026, 11, 21, hour, minute, tzinfo=UTC)
        with web.database.read() as connection:
            found = web.numbers.summary(connection, "traffic.web.requests", begin, begin + timedelta(minutes=1))
        assert found.sum == 1


def test_a_line_without_a_time_counts_when_it_was_read(stage: MakeStage) -> None:
    web = stage("nginx-json")
    web.read('{"status": 200, "uri": "/"}', at=MS - 600_000)
    assert web.summary("requests", NOW - timedelta(minutes=9)).sum == 0
    assert web.summary("requests", NOW - timedelta(minutes=11)).sum == 1


def test_lines_that_are_no_requests_are_counted_with_their_reason(
    stage: MakeStage, caplog: pytest.LogCaptureFixture
) -> None:
    web = stage("caddy")
    with caplog.at_level(logging.WARNING, "daytwo"):
        for _ in range(3):
            web.read("password=hunter2", '{"level": "info", "msg": "serving initial configuration"}')
        web.read('{"status": 200', cut=True)
    assert web.sum("unread") == 7
    found = web.views.log("web", "1h")
    assert found.requests == 0
    assert found.reasons == {"no-json": 3, "no-request": 3, "too-long": 1}
    assert len(caplog.records) == 3, "each is told once"
    assert "log web: lines that are no requests: they are no JSON" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("at", ["21/Nov/2026:14:33:31 +0000", "21/Nov/2199:00:00:00 +0000"])
def test_f34_what_claims_to_be_from_the_future_is_unread(stage: MakeStage, at: str) -> None:
    web = stage()
    web.read(nginx_line(), nginx_line(at=at))
    assert (web.sum("requests"), web.sum("unread"), web.sum("unread.time")) == (1, 1, 1)


def test_what_is_older_than_minutes_are_kept_is_unread(stage: MakeStage) -> None:
    from daytwo.config.watching import Kept

    web = stage()
    web.read(nginx_line(at=stamp(NOW - timedelta(days=9))))
    with web.database.begin() as connection:
        while web.numbers.roll(connection, NOW) or web.numbers.prune(connection, NOW, Kept()):
            pass
    web.read(nginx_line(at=stamp(NOW - timedelta(days=8))), nginx_line())
    assert (web.sum("requests"), web.sum("unread.time")) == (1, 1)


def test_routes_have_numbers_of_their_own(stage: MakeStage) -> None:
    web = stage(routes={"post": "/posts/{id}"})
    web.read(*(nginx_line(f"/posts/{n}", 500 if n == 3 else 200, rest=" 0.2") for n in range(10)))
    web.read(*(nginx_line("/about", 200, rest=" 0.1") for _ in range(4)), nginx_line("/.git/config", 404))
    assert web.sum("post.requests") == 10
    assert web.sum("post.errors") == 1
    assert web.summary("post.duration").max == pytest.approx(0.2)
    assert web.sum("about.requests") == 2
    assert web.sum("other.requests") == 3
    assert web.sum("other.client_errors") == 1
    parts = [web.sum(f"{route}.requests") for route in ("post", "about", "other")]
    assert sum(parts) == web.sum("requests") == 15


def test_routes_stay_over_a_restart(stage: MakeStage) -> None:
    web = stage()
    web.read(*(nginx_line("/about") for _ in range(3)))
    web.start()
    web.read(nginx_line("/about", 404))
    assert web.sum("about.requests") == 2
    web.now = NOW + timedelta(days=9)
    web.read(*(nginx_line("/new", at=stamp(web.now)) for _ in range(3)))
    web.start()
    web.read(nginx_line("/about", 404, at=stamp(web.now)))
    assert web.sum("other.requests") == 2 + 2 + 1, "nobody has asked for it in a week: its place is free"


def test_a_scanner_makes_no_series(stage: MakeStage) -> None:
    web = stage()
    web.read(*(nginx_line(f"/{n:x}/{n * 7919:x}.php?x={n}", 404) for n in range(5000)))
    assert web.names() == [
        "bytes", "client_errors", "other.client_errors", "other.requests", "requests", "users",
    ]  # fmt: skip


def test_how_long_a_web_socket_was_open_is_no_time_to_answer(stage: MakeStage) -> None:
    web = stage()
    web.read(nginx_line("/ws", 101, rest=" 7200.000"), nginx_line(rest=" 0.010"))
    assert web.summary("duration").max == 0.01
    assert web.sum("requests") == 2


def test_names_of_series_are_never_too_long(stage: MakeStage) -> None:
    web = stage(routes={"r" * 63: "/x"})
    web.reader = type(web.reader)({"l" * 63: web.source}, web.database, web.numbers, lambda: NOW)
    path = "/" + "/".join(["words" * 7] * 6)
    write = web.reader.read("l" * 63, [Line(MS, nginx_line(path)) for _ in range(5)] + [Line(MS, nginx_line("/x"))])
    assert write is not None
    with web.database.begin() as connection:
        write(connection, NOW)
        names = web.numbers.names(connection, "traffic.*")
    assert any("wordswords" in name for name in names)
    assert max(map(len, names)) <= 200


def test_other_logs_are_none_of_its_business(stage: MakeStage) -> None:
    web = stage()
    assert web.reader.read("db", [Line(MS, "hello")]) is None
    assert web.reader.read("web", []) is None


def judge(web: Stage, rule: Mapping[str, object], minutes: int) -> list[str]:
    """What a rule has told after so many minutes of somebody watching, from ten minutes before now on."""
    evaluator, told = Evaluator(Book("shop", "production"), web.numbers), []
    with web.database.begin() as connection:
        begin = NOW - timedelta(minutes=minutes)
        evaluator.follow(connection, {"rule": Rule.model_validate(rule)}, {}, begin)
        for second in range(0, minutes * 60 + 1, 30):
            at = begin + timedelta(seconds=second)
            told += [
                f"{one.move.new} {one.move.level}: {one.move.why}"
                for one in evaluator.judge(connection, at)
                if one.move.new.alert
            ]
    return told


SLOW = {"series": "traffic.web.duration", "take": "p95", "over": "5m", "warning": "> 1s", "critical": "> 2s"}
FAULTY = {
    "series": "traffic.web.errors", "take": "ratio", "of": "traffic.web.requests", "over": "5m", "least": 50,
    "warning": "> 5%", "critical": "> 10%",
}  # fmt: skip


def traffic(web: Stage, share: float, seconds: float, each: int = 60) -> Stage:
    """So many requests in each of ten minutes; a share of them fails and takes so long."""
    for minute in range(10):
        at = stamp(NOW - timedelta(minutes=minute))
        bad = round(each * share)
        web.read(*(nginx_line(status=500, at=at, rest=f" {seconds:.3f}") for _ in range(bad)))
        web.read(*(nginx_line(at=at, rest=" 0.050") for _ in range(each - bad)))
    return web


@pytest.mark.parametrize(
    ("share", "seconds", "slow", "faulty"),
    [
        (0.0, 3.0, "", ""),
        (0.04, 3.0, "", ""),
        (0.07, 1.5, "warning", "warning"),
        (0.2, 3.0, "critical", "critical"),
    ],
)
def test_rules_judge_the_percentile_and_the_error_rate(
    stage: MakeStage, share: float, seconds: float, slow: str, faulty: str
) -> None:
    web = traffic(stage(), share, seconds)
    assert [one.split()[1].strip(":") for one in judge(web, SLOW, 10)] == [slow] * bool(slow)
    assert [one.split()[1].strip(":") for one in judge(web, FAULTY, 10)] == [faulty] * bool(faulty)


def test_a_few_requests_say_nothing_of_an_error_rate(stage: MakeStage) -> None:
    web = traffic(stage(), 0.5, 0.1, each=8)
    assert judge(web, FAULTY, 10) == []
    assert judge(web, {**FAULTY, "least": 10}, 10) != []


def test_requests_a_second_do_not_depend_on_when_they_are_looked_at(stage: MakeStage) -> None:
    web = stage()
    for second in range(0, 1200, 2):
        web.read(nginx_line(at=stamp(NOW - timedelta(minutes=20) + timedelta(seconds=second))))
    quiet = {"series": "traffic.web.requests", "take": "rate", "over": "1m", "critical": "< 0.4"}
    busy = {**quiet, "critical": "> 0.6"}
    web.now = NOW
    # Each look is at half a minute: without a whole minute, half of the requests would be missing.
    assert judge_now(web, quiet) == []
    assert judge_now(web, busy) == []
    assert "the rate of traffic.web.requests over 1m is 0.5" in judge_now(web, {**quiet, "critical": "< 0.6"})[0]


def judge_now(web: Stage, rule: Mapping[str, object]) -> list[str]:
    """What a rule tells now, when somebody has watched all the time."""
    from daytwo.watch.rules.reading import Asked, Source, of_series

    made = Rule.model_validate(rule)
    asked = Asked(made, made.series or "", "", NOW, NOW - timedelta(hours=1))
    with web.database.read() as connection:
        reading = of_series(asked, Source.of(web.numbers, connection))
    assert not reading.unsure, reading.why
    return [reading.why] if reading.level else []
