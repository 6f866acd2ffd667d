"""`make bench-serve`: how fast the daemon answers while it works, and what it needs.

One real daemon on a small app with about half a gigabyte of uploads. Over a minute, 100 requests a second are sent
open-loop while backups run one after the other.
"""

import argparse
import asyncio
import itertools
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.load import Outcome, Request, fire
from daytwo.serve.client import Client

P95_MS = 50
MEMORY_MB = 200
START_S = 3
_PROGRAM = "import sys; from daytwo.cli.main import run; sys.exit(run(sys.argv[1:]))"
READ = (
    "/api/health", "/api/runs", "/api/monitoring/health/detailed", "/api/schedules", "/api/snapshots", "/metrics",
    "/api/config", "/api/session",
)  # fmt: skip


def main() -> int:
    """Measure, and print what was found beside what is wanted."""
    parser = argparse.ArgumentParser(prog="bench.serve", description="Measure the daemon under load.")
    parser.add_argument("--seconds", type=int, default=60, help="how long the load lasts (60)")
    parser.add_argument("--rate", type=int, default=100, help="requests a second (100)")
    parser.add_argument("--megabytes", type=int, default=500, help="size of the app's uploads (500)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-serve-") as folder, running(Path(folder), options.megabytes) as one:
        print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
        _line("start until it answers", one.started, START_S, "s")
        _line("memory, idle", one.memory(), MEMORY_MB, "MB")
        requests = list(itertools.islice(_requests(one.token), options.seconds * options.rate))
        outcome, backups = asyncio.run(_under_load(one, requests, options.rate))
        print(f"{len(requests)} requests at {options.rate}/s while {backups} backups ran:")
        print(f"  p50 {outcome.share(0.5) * 1000:.1f} ms, p99 {outcome.share(0.99) * 1000:.1f} ms")
        for name in outcome.names:
            p50, p95 = (outcome.share(part, name) * 1000 for part in (0.5, 0.95))
            print(f"    {name:<40} p50 {p50:6.1f}  p95 {p95:6.1f}")
        _line("  p95", outcome.share(0.95) * 1000, P95_MS, "ms")
        _line("  errors", len(outcome.errors), 0, "")
        _line("memory, most of all", one.memory("VmHWM"), MEMORY_MB, "MB")
        for error in outcome.errors[:5]:
            print(f"  {error}", file=sys.stderr)
    return 0


def _line(what: str, value: float, wanted: float, unit: str) -> None:
    print(f"{what}: {value:.1f} {unit} (wanted at most {wanted:g}) {'met' if value <= wanted else 'NOT MET'}")


def _requests(token: str) -> Iterator[Request]:
    """Mostly reading; every tenth writes."""
    for number in itertools.count():
        if number % 10 == 9:
            body = f'{{"who": "bench", "what": "orders", "rows": {number}, "destination": "s3://bench"}}'
            yield Request.post("/api/exports", token, body.encode())
        else:
            yield Request.get(READ[number % len(READ)], token)


class Running:
    """A daemon at work, and how to talk to it."""

    def __init__(self, client: Client, token: str, pid: int, port: int, started: float) -> None:
        self.client, self.token, self.pid, self.port, self.started = client, token, pid, port, started

    def memory(self, which: str = "VmRSS") -> float:
        """The daemon's own process, in megabytes."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line for line in text.splitlines() if line.startswith(which)).split()[1]) / 1000


async def _under_load(one: Running, requests: list[Request], rate: float) -> tuple[Outcome, int]:
    stop = asyncio.Event()
    backups = asyncio.create_task(_backups(one, stop))
    outcome = await fire("127.0.0.1", one.port, requests, rate)
    stop.set()
    return outcome, await backups


async def _backups(one: Running, stop: asyncio.Event) -> int:
    done = 0
    while not stop.is_set():
        await asyncio.to_thread(one_backup, one.client)
        done += 1
    return done


def one_backup(client: Client) -> None:
    """Have a backup made, and wait for its end."""
    taken = client.call("POST", "/api/schedules/nightly/run")
    end = [data for name, data in client.events(taken["events"]) if name == "end"]
    if end[0]["outcome"] != "succeeded":
        raise RuntimeError(f"the backup failed: {end[0]}")


@contextmanager
def running(folder: Path, megabytes: int, more: str = "", services: str = "") -> Iterator[Running]:
    """A daemon at work.

    Args:
        folder: an empty folder, for its app.
        megabytes: of the app's uploads.
        more: further blocks of its configuration.
        services: further services.
    """
    (folder / "uploads").mkdir()
    for number in range(megabytes // 10):
        (folder / "uploads" / f"{number}.bin").write_bytes(secrets.token_bytes(10_000_000))
    (folder / "daytwo.yaml").write_text(
        f"app: bench\ntimezone: UTC\nservices:\n  uploads: {{kind: files, path: uploads}}\n{services}"
        "repositories: {local: {kind: archive, path: backups}}\n"
        'backups: {nightly: {at: "0 3 * * *", keep: {last: 2}, floor: 1MB}}\n'
        'serve: {listen: "127.0.0.1:0"}\n' + more
    )
    client = Client(folder / ".daytwo")
    log = folder / "serve.log"
    begun = time.monotonic()
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-c", _PROGRAM, "serve"], cwd=folder, stderr=file)
    try:
        while not client.there():
            if process.poll() is not None:
                raise RuntimeError(log.read_text())
            time.sleep(0.01)
        started = time.monotonic() - begun
        port = int(next(line for line in log.read_text().splitlines() if "answers at" in line).rpartition(":")[2])
        token = client.call("POST", "/api/tokens", {"name": "bench", "role": "operator"})["secret"]
        yield Running(client, token, process.pid, port, started)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


if __name__ == "__main__":
    sys.exit(main())
