"""What `daytwo ps` shows of an observation, and where its restarts come from."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daytwo.cli import ps
from daytwo.config import load
from daytwo.core.check import Observation, Timing
from daytwo.core.containers import ContainerCheck, Wanted
from daytwo.core.target import LOCAL
from daytwo.store.database import open_database
from daytwo.store.url import StateUrl
from daytwo.watch.numbers import Numbers, Point

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CONFIG = """
app: shop
environment: test
services:
  web: {kind: container, container: shop-web-1}
  cache: {kind: redis, container: shop-cache-1}
repositories:
  here: {kind: archive, path: ./backups}
"""
CHECK = ContainerCheck("cache.container", "cache", Timing(), Wanted("shop-cache-1"), LOCAL)


def test_a_row_says_what_is_known() -> None:
    numbers = {"uptime": 60.4, "cpu": 0.5, "memory": 1000.0, "memory_limit": 0.25, "log_size": 7.0}
    facts = {"state": "running", "health": "healthy", "container": "shop-cache-1", "image": "redis:8"}
    shown = ps.row(CHECK, Observation.ok(numbers, facts), 4, NOW)
    assert (shown.service, shown.container, shown.state, shown.health) == (
        "cache",
        "shop-cache-1",
        "running",
        "healthy",
    )
    assert shown.up_since == NOW - timedelta(seconds=60)
    assert (shown.memory, shown.memory_limit, shown.restarts_24h) == (1000, 4000, 4)


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (Observation.failed("there is no container shop-cache-1"), "missing"),
        (Observation.inconclusive("the Docker daemon does not answer"), "unknown"),
        (Observation.failed("x", {}, {"state": "exited"}), "exited"),
    ],
)
def test_a_row_of_what_does_not_run(seen: Observation, state: str) -> None:
    shown = ps.row(CHECK, seen, None, NOW)
    assert (shown.state, shown.container, shown.why) == (state, "shop-cache-1", seen.why)
    assert (shown.up_since, shown.cpu, shown.memory_limit, shown.restarts_24h) == (None, None, None, None)


def test_restarts_are_those_the_daemon_has_counted_in_a_day(tmp_path: Path) -> None:
    path = tmp_path / "daytwo.yaml"
    path.write_text(CONFIG)
    config = load(path)
    checks = ps._checks(config)
    assert [check.name for check in checks] == ["web", "cache.container"]
    assert ps._restarts(config, path, checks) == {}
    now = datetime.now(UTC)
    database = open_database(StateUrl.of(config))
    try:
        with database.begin() as connection:
            numbers = Numbers(database, "shop", "test")
            for hours, value in ((30, 1.0), (25, 5.0), (3, 7.0), (2, 0.0), (1, 1.0)):
                at = int((now - timedelta(hours=hours)).timestamp() * 1000)
                numbers.add(connection, [Point("cache.container.restarts", "count", True, at, value)], now)
    finally:
        database.close()
    assert ps._restarts(config, path, checks) == {"cache.container": 2 + 1}, "a counter that begins anew is no loss"
