"""1,000 checks as others ask for them: /metrics, performance, uptime. `python -m bench.watched`."""

import gc
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.web.conftest import World, world_in
from tests.web.ui.staging import CONFIG, fill

from bench.overview import CHECKS, many
from daytwo.access.roles import Role
from daytwo.core.check import Unit
from daytwo.store.tables import checks
from daytwo.watch.numbers import Numbers, Point

_HOURS = 3
ROUNDS = 15


def numbers(world: World) -> int:
    """Give each check a few hours of numbers, one a minute.

    Returns:
        How many series that makes.
    """
    config = world.house.current()
    book = Numbers(world.house.database, config.app, config.environment)
    now = world.clock()
    with world.house.database.begin() as connection:
        names = list(connection.execute(checks.select().with_only_columns(checks.c.name)).scalars())
    for minute in range(_HOURS * 60, -1, -1):
        moment = now - timedelta(minutes=minute)
        at = round(moment.timestamp() * 1000)
        points = []
        for index, name in enumerate(names):
            took = 0.05 + (index * 7 + minute * 13) % 100 / 1000
            points += [
                Point(f"{name}.duration", Unit.SECONDS, False, at, took),
                Point(f"{name}.connect", Unit.SECONDS, False, at, took / 3),
                Point(f"{name}.bytes", Unit.BYTES, False, at, 1000.0 + index),
            ]
        with world.house.database.begin() as connection:
            book.add(connection, points, moment)
        if minute % 10 == 0:
            with world.house.database.begin() as connection:
                while book.roll(connection, moment, 1000):
                    pass
    return 3 * len(names)


def measured(what: str, act: Callable[[], object]) -> None:
    """Print the median of the processor's and of the clock's time."""
    act()
    wall, used = [], []
    for _ in range(ROUNDS):
        gc.collect()
        begun, cpu = time.perf_counter(), time.process_time()
        act()
        wall.append((time.perf_counter() - begun) * 1000)
        used.append((time.process_time() - cpu) * 1000)
    print(f"{what}: {statistics.median(wall):.0f} ms, of the processor {statistics.median(used):.0f} ms")


def main() -> None:
    """Measure, and say so."""
    with tempfile.TemporaryDirectory() as folder, world_in(Path(folder), "", CONFIG) as world:
        world.clock.now = datetime.now(UTC)
        fill(world)
        many(world)
        print(f"{CHECKS} checks, {numbers(world)} series, {_HOURS} hours of numbers")
        client = world.bearer(Role.VIEWER)
        for path in (
            "/metrics",
            "/api/monitoring/performance",
            "/api/monitoring/metrics",
            "/api/monitoring/report",
            "/api/uptime",
            "/api/checks",
            "/api/series",
        ):

            def ask(path: str = path) -> None:
                answer = client.get(path)
                assert answer.status_code == 200, answer.text

            measured(path, ask)


if __name__ == "__main__":
    main()
