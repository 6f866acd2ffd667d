"""The first page with 1,000 checks: the server's time, and what goes over the wire. `python -m bench.overview`."""

import re
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.web.conftest import World, world_in
from tests.web.ui.staging import CONFIG, check, fill, stretch

from daytwo.access import passwords
from daytwo.access.roles import Role
from daytwo.store.tables import checks, stretches

CHECKS = 1000
ROUNDS = 200


def many(world: World, count: int = CHECKS) -> None:
    """Add checks, some of which failed in the last day."""
    now = world.clock()
    with world.house.database.begin() as connection:
        names = [f"svc{index % 100:02}.check{index:04}" for index in range(count - 8)]
        bad = set(names[::50])
        connection.execute(
            checks.insert(),
            [
                check(name, now, "failed" if name in bad else "ok", "no answer within 10s" if name in bad else "")
                for name in names
            ],
        )
        past = [stretch(name, now - timedelta(days=4)) for name in names]
        past += [
            stretch(name, now - timedelta(hours=hour), "failed" if hour % 2 else "ok")
            for name in bad
            for hour in range(1, 9)
        ]
        connection.execute(stretches.insert(), past)


def main() -> None:
    """Measure, and say so."""
    passwords.MEMORY, passwords.PASSES = 64, 1
    with tempfile.TemporaryDirectory() as folder, world_in(Path(folder), "", CONFIG) as world:
        world.clock.now = datetime.now(UTC)
        fill(world)
        many(world)
        client = world.person(Role.ADMIN, "alice")
        page = client.get("/", headers={"Accept": "text/html"})
        files = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page.text))
        wire = len(page.content) + sum(len(client.get(one).content) for one in files)
        print(f"{CHECKS} checks: page {len(page.content) / 1000:.1f} kB, with {len(files)} files {wire / 1000:.1f} kB")
        for what in ("nothing has changed", "something has changed"):
            took = []
            for _ in range(ROUNDS):
                if what.startswith("something"):
                    world.app.state.lookout = None
                begun = time.perf_counter()
                assert client.get("/", headers={"Accept": "text/html"}).status_code == 200
                took.append((time.perf_counter() - begun) * 1000)
            found = statistics.quantiles(took, n=100)
            print(f"{what}: p50 {found[49]:.1f} ms, p95 {found[94]:.1f} ms, p99 {found[98]:.1f} ms")


if __name__ == "__main__":
    main()
