"""Uptime, objectives and scores as Prometheus is told of them."""

import threading
from datetime import timedelta

import pytest

from daytwo.access.roles import Role
from daytwo.watch.views import Views
from daytwo.web.promised import FRESH, Standing
from tests.watch.reports.conftest import Shop
from tests.web.conftest import CONFIG, Build

HOUR = timedelta(hours=1)


def test_the_exposition(build: Build) -> None:
    world = build(config=CONFIG + "objectives: {uptime: 90%}\n")
    shop, now = Shop(world.stage.database), world.clock()
    shop.observe("data", now - HOUR, "x" * 3 + "o" * 57)
    shop.number("data.duration", now - HOUR, [0.5] * 60)
    client = world.bearer(Role.VIEWER)
    first = client.get("/metrics")
    assert first.status_code == 200
    assert "daytwo_check_uptime_ratio{" not in first.text, "a scrape waits for nothing"
    world.house.promised.settle(30)
    found = client.get("/metrics").text.splitlines()
    for line in (
        'daytwo_check_uptime_ratio{app="shop",check="data",environment="production",window="24h"} 0.95',
        'daytwo_check_objective_ratio{app="shop",check="data",environment="production"} 0.9',
        'daytwo_check_error_budget_left_seconds{app="shop",check="data",environment="production",window="30d"} 180.0',
        'daytwo_check_score{app="shop",check="data",environment="production"} 95.0',
        'daytwo_score{app="shop",environment="production"} 95.0',
        'daytwo_check_p95_seconds{app="shop",check="data",environment="production"} 0.5',
    ):
        assert line in found, line


class Blocks(Views):
    """Views that take as long as they are told to."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop.database, "shop", "production", lambda: NotImplemented)
        self.asked = 0
        self.go = threading.Event()

    def uptimes(self) -> dict:
        self.asked += 1
        assert self.go.wait(30)
        raise self.trouble

    trouble: Exception


def test_nobody_waits_and_only_one_is_at_work(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    views = Blocks(Shop(build().stage.database))
    from daytwo.core.errors import RefusedError

    views.trouble = RefusedError("the state is away")
    now = [0.0]
    made = Standing(views, ("shop", "production"), lambda: now[0])
    for at in (0, 1, FRESH, 2 * FRESH):
        now[0] = at
        assert made.text() == ""
    assert views.asked == 1, "the first is still at work"
    views.go.set()
    made.settle(30)
    now[0] += FRESH - 1
    made.text()
    made.settle(30)
    assert views.asked == 2, "what failed is tried again when it is due"
    made.text()
    made.settle(30)
    assert views.asked == 2
