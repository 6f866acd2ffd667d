"""What is shown of traffic."""

from datetime import timedelta

import pytest

from daytwo.core.errors import NotFoundError, UsageError
from tests.watch.traffic.conftest import NOW, MakeStage, nginx_line


def test_by_log_and_by_route_worst_first(stage: MakeStage) -> None:
    web = stage(routes={"fast": "/fast", "slow": "/slow", "broken": "/broken"})
    web.read(*(nginx_line("/fast", rest=" 0.010") for _ in range(80)))
    web.read(*(nginx_line("/slow", rest=" 2.000", who=f"192.0.2.{n}") for n in range(10)))
    web.read(*(nginx_line("/broken", 500 if n else 404, rest=" 0.100") for n in range(10)))
    [whole] = web.views.logs("1h")
    assert (whole.name, whole.requests, whole.errors, whole.client_errors) == ("web", 100, 9, 1)
    assert whole.error_rate == 0.09
    assert whole.users == 11
    assert whole.per_second == pytest.approx(100 / 3630), "the hour begins with its minute"
    assert whole.p50 == pytest.approx(0.01, rel=0.02)
    assert whole.p99 == pytest.approx(2, rel=0.02)
    found = web.views.log("web", "1h")
    assert [one.name for one in found.routes] == ["broken", "slow", "fast"]
    assert found.routes[0].error_rate == 0.9
    assert found.routes[1].p95 == pytest.approx(2, rel=0.02)


def test_users_are_the_mean_of_the_minutes(stage: MakeStage) -> None:
    web = stage()
    for minute in range(3):
        at = (NOW - timedelta(minutes=minute)).strftime("%d/%b/%Y:%H:%M:%S +0000")
        web.read(*(nginx_line(at=at, who=f"192.0.2.{n}") for n in range(10 * (minute + 1)) for _ in range(2)))
    assert web.views.log("web", "1h").users == 20


def test_a_window_without_requests(stage: MakeStage) -> None:
    web = stage()
    web.read(nginx_line(rest=" 1.0"))
    web.now = NOW + timedelta(hours=3)
    [one] = web.views.logs("1h")
    assert (one.requests, one.error_rate, one.p95, one.users) == (0, None, None, None)
    assert web.views.log("web", "1h").routes == []


def test_what_is_not_there(stage: MakeStage) -> None:
    web = stage()
    assert web.views.logs("1h") == []
    with pytest.raises(NotFoundError, match="no traffic of a log wib"):
        web.views.log("wib", "1h")
    with pytest.raises(UsageError):
        web.views.logs("soon")
