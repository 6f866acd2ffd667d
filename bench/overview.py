"""Pages with 1,000 checks: the server's time for each, and what the first load of the overview sends.

`python -m bench.overview`. What is wanted: the overview within 50 ms (p95), in less than 100 kB with all that it loads;
every other page within 200 ms.
"""

import re
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.web.client import TestClient
from tests.web.conftest import World, world_in
from tests.web.ui.staging import CONFIG, check, fill, stretch

from daytwo.access import passwords
from daytwo.access.roles import Role
from daytwo.store.tables import checks, stretches
from daytwo.watch.numbers import Numbers
from daytwo.watch.numbers.points import Point

CHECKS = 1000
ROUNDS, FEWER = 200, 30
OVERVIEW_MS, OTHERS_MS, WIRE_KB = 50, 200, 100
OTHERS = (
    "/services", "/services?q=svc07", "/checks/web", "/checks/svc07.check0107", "/numbers", "/numbers/web.duration",
    "/alerts", "/incidents", "/incidents/1", "/oncall", "/heartbeats", "/traffic", "/logs", "/security", "/backups",
    "/backups/nightly", "/restore", "/runs", "/exports", "/audit", "/settings", "/reports",
)  # fmt: skip
HTML = {"Accept": "text/html"}


def many(world: World, count: int = CHECKS) -> None:
    """Add checks with a number each, some of which failed in the last day."""
    now = world.clock()
    names = [f"svc{index % 100:02}.check{index:04}" for index in range(count - 8)]
    bad = set(names[::50])
    rows = [
        check(name, now, "failed" if name in bad else "ok", "no answer within 10s" if name in bad else "")
        for name in names
    ]
    past = [stretch(name, now - timedelta(days=4)) for name in names]
    past += [
        stretch(name, now - timedelta(hours=hour), "failed" if hour % 2 else "ok")
        for name in bad
        for hour in range(1, 9)
    ]
    at = round((now - timedelta(seconds=30)).timestamp() * 1000)
    points = [Point(f"{name}.duration", "s", False, at, 0.042) for name in names]
    with world.house.database.begin() as connection:
        connection.execute(checks.insert(), rows)
        connection.execute(stretches.insert(), past)
        Numbers(world.house.database, "shop", "production").add(connection, points, now)


def main() -> int:
    """Measure, and say so; 1 when something is not as it is wanted."""
    passwords.MEMORY, passwords.PASSES = 64, 1
    with tempfile.TemporaryDirectory() as folder, world_in(Path(folder), "", CONFIG) as world:
        world.clock.now = datetime.now(UTC)
        fill(world)
        many(world)
        client = world.person(Role.ADMIN, "alice")
        good = [_wire(client)]
        good += [
            _line("overview, something has changed", _times(client, "/", ROUNDS, lambda: _forget(world)), OVERVIEW_MS),
            _line("overview, nothing has changed", _times(client, "/", ROUNDS), OVERVIEW_MS),
        ]
        good += [_line(path, _times(client, path, FEWER), OTHERS_MS) for path in OTHERS]
    return 0 if all(good) else 1


def _wire(client: TestClient) -> bool:
    page = client.get("/", headers=HTML)
    files = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page.text))
    whole = (len(page.content) + sum(len(client.get(one).content) for one in files)) / 1000
    print(f"overview of {CHECKS:,} checks: page {len(page.content) / 1000:.1f} kB; with its {len(files)} files "
          f"{whole:.1f} kB, wanted < {WIRE_KB} kB")  # fmt: skip
    return whole < WIRE_KB


def _forget(world: World) -> None:
    """Have the overview made anew, as after a change."""
    world.app.state.lookout = None


def _times(client: TestClient, path: str, rounds: int, before: Callable[[], None] = lambda: None) -> list[float]:
    """Milliseconds of each round."""
    took = []
    for _ in range(rounds):
        before()
        begun = time.perf_counter()
        status = client.get(path, headers=HTML).status_code
        took.append((time.perf_counter() - begun) * 1000)
        assert status == 200, (path, status)
    return took


def _line(what: str, took: list[float], wanted: float) -> bool:
    found = statistics.quantiles(took, n=20)
    print(f"{what}: p50 {found[9]:.1f} ms, p95 {found[18]:.1f} ms, wanted < {wanted} ms")
    return found[18] < wanted


if __name__ == "__main__":
    raise SystemExit(main())
