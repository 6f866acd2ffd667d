"""The daemon's memory over an hour's work, done in two minutes: `python -m bench.hour`.

The work of an hour: 100 checks twice a minute, a read and a ping every second, an export every five seconds, a backup
every five minutes. A first hour fills caches; over the second one, memory must not grow.
"""

import asyncio
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.load import Request, fire
from bench.serve import READ, Running, one_backup, running

MOST_GROWTH_MB = 3.0
"""Over the second hour. What it observed and answered would be several times as much, were it kept."""
_CHECKS = 100
_QUARTER = 900
"""Seconds of a quarter of an hour."""
_FASTER = 30
"""So many times as fast as the clock: checks that are asked twice a minute are asked once a second."""


def main() -> int:
    """Work, and print the memory after each quarter beside what is wanted."""
    with tempfile.TemporaryDirectory(prefix="bench-hour-") as folder, _listening() as port:
        checks = "".join(
            f"  c{number}: {{kind: tcp, address: '127.0.0.1:{port}', check: {{every: 1s}}}}\n"
            for number in range(_CHECKS)
        )
        jobs = "heartbeats: {job: {every: 1h}}\n"
        with running(Path(folder), 20, jobs, checks) as one:
            ping = one.client.call("GET", "/api/heartbeats/job")["heartbeat"]["url"].partition("/ping/")[2]
            memory = []
            for _ in range(8):
                asyncio.run(_quarter(one, ping))
                memory.append(one.memory())
                print(f"after {len(memory)} quarters: {memory[-1]:.1f} MB", flush=True)
            probes = one.client.call("GET", "/api/series/daytwo.probes?since=10m")["max"]
    growth = memory[-1] - memory[3]
    said = "met" if growth <= MOST_GROWTH_MB else "NOT MET"
    print(f"growth over the second hour: {growth:.1f} MB (wanted at most {MOST_GROWTH_MB:g}) {said}")
    print(f"probes in a minute, most: {probes:.0f}")
    return 0


async def _quarter(one: Running, ping: str) -> None:
    """What happens in a quarter of an hour."""
    requests = []
    for second in range(_QUARTER):
        requests.append(Request.get(READ[second % len(READ)], one.token))
        requests.append(Request.post(f"/ping/{ping}", one.token, b"done\n"))
        if second % 5 == 0:
            body = f'{{"who": "bench", "what": "orders", "rows": {second}, "destination": "s3://bench"}}'
            requests.append(Request.post("/api/exports", one.token, body.encode()))
    load = asyncio.create_task(fire("127.0.0.1", one.port, requests, len(requests) * _FASTER / _QUARTER))
    for _ in range(3):
        await asyncio.to_thread(one_backup, one.client)
    if errors := (await load).errors:
        raise RuntimeError(f"{len(errors)} errors, the first: {errors[0]}")


@contextmanager
def _listening() -> Iterator[int]:
    """A port where connections are taken, and nothing is said."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as server:
        yield server.getsockname()[1]


if __name__ == "__main__":
    sys.exit(main())
