"""Pings a second that a real daemon acknowledges after commit: `python -m bench.pings`.

An open loop: requests are sent at a fixed rate whatever the answers do, over connections that stay open, and a
request's time counts from when it was to be sent. Afterwards every acknowledged ping is looked for in the state.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_JOBS = 20
_CONFIG = """app: bench
timezone: UTC
services: {data: {kind: files, path: ./data}}
serve: {listen: "127.0.0.1:0", public: false}
heartbeats:
"""
_READY_WITHIN = 30.0
_BODY = b"a few lines of what a job prints\n" * 10
WANTED = 250.0
"""Acknowledged pings a second."""


@dataclass
class Result:
    """What came of a run; times in seconds."""

    sent: int = 0
    failed: int = 0
    times: list[float] = field(default_factory=list)
    refusals: set[str] = field(default_factory=set)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Acknowledged pings a second."""
        return len(self.times) / self.seconds if self.seconds else 0.0

    def quantile(self, part: float) -> float:
        """The time within which this part of all was answered."""
        return statistics.quantiles(self.times, n=1000, method="inclusive")[round(part * 1000) - 1]


@dataclass(frozen=True)
class Server:
    """A daemon at work in a folder of its own."""

    folder: Path
    port: int
    pings: tuple[str, ...]
    process: "subprocess.Popen[bytes]"


@contextlib.contextmanager
def daemon(folder: Path) -> Iterator[Server]:
    """Run `daytwo serve` on a new SQLite state."""
    (folder / "data").mkdir()
    names = [f"job{number}" for number in range(_JOBS)]
    (folder / "daytwo.yaml").write_text(_CONFIG + "".join(f"  {name}: {{every: 1h}}\n" for name in names))
    log = (folder / "serve.log").open("wb")
    process = subprocess.Popen(
        [Path(sys.executable).with_name("daytwo"), "serve"],
        cwd=folder, stdout=log, stderr=log, env={**os.environ, "DAYTWO_CONFIG": str(folder / "daytwo.yaml")},
    )  # fmt: skip
    try:
        port = _port(folder / "serve.log", process)
        yield Server(folder, port, _ids(folder), process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _port(log: Path, process: "subprocess.Popen[bytes]") -> int:
    deadline = time.monotonic() + _READY_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        text = log.read_text()
        if "ready after" in text:
            line = next(one for one in text.splitlines() if one.startswith("daytwo answers at "))
            return int(line.rpartition(":")[2])
        time.sleep(0.05)
    raise RuntimeError(f"the daemon is not ready: {log.read_text()}")


def _ids(folder: Path) -> tuple[str, ...]:
    with contextlib.closing(sqlite3.connect(folder / ".daytwo" / "state.db")) as connection:
        return tuple(row[0] for row in connection.execute("select ping from heartbeats order by name"))


def acknowledged_in(folder: Path) -> int:
    """How many pings the state has counted."""
    with contextlib.closing(sqlite3.connect(folder / ".daytwo" / "state.db")) as connection:
        return int(connection.execute("select sum(pings) from heartbeats").fetchone()[0])


def processor_seconds(process: "subprocess.Popen[bytes]") -> float:
    """What the daemon has cost so far, user and system (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def load(server: Server, rate: float, seconds: float, connections: int) -> Result:
    """Send pings at a rate for some time."""
    result = Result()
    todo: asyncio.Queue[tuple[float, str] | None] = asyncio.Queue()
    begun = time.perf_counter()
    workers = [asyncio.create_task(_worker(server, todo, result)) for _ in range(connections)]
    for number in range(int(rate * seconds)):
        at = begun + number / rate
        if (pause := at - time.perf_counter()) > 0:
            await asyncio.sleep(pause)
        todo.put_nowait((at, server.pings[number % len(server.pings)]))
        result.sent += 1
    for _ in workers:
        todo.put_nowait(None)
    await asyncio.gather(*workers)
    result.seconds = time.perf_counter() - begun
    return result


async def _worker(server: Server, todo: "asyncio.Queue[tuple[float, str] | None]", result: Result) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        while (one := await todo.get()) is not None:
            at, ping = one
            head = f"POST /ping/{ping} HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(_BODY)}\r\n\r\n"
            writer.write(head.encode() + _BODY)
            refused = await _answer(reader)
            if refused:
                result.failed += 1
                result.refusals.add(refused)
            else:
                result.times.append(time.perf_counter() - at)
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> str:
    """What it says when it is no acknowledgement."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length"))
    body = await reader.readexactly(length)
    return "" if lines[0].split()[1] == "200" else f"{lines[0]} {body.decode(errors='replace')}"


def main() -> int:
    """Measure, print, and judge.

    Returns:
        0 when the wanted rate was acknowledged and nothing is missing.
    """
    parser = argparse.ArgumentParser(description="Pings a second that a daemon acknowledges after commit.")
    parser.add_argument("--rate", type=float, default=300.0, help="pings sent a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="daytwo-pings-") as name, daemon(Path(name)) as server:
        before = processor_seconds(server.process)
        result = asyncio.run(load(server, given.rate, given.seconds, given.connections))
        there = acknowledged_in(server.folder)
        cost = (processor_seconds(server.process) - before) / max(1, len(result.times))
    figures = {
        "sent": result.sent, "acknowledged": len(result.times), "in_state": there, "failed": result.failed,
        "rate": round(result.rate, 1), "p50_ms": round(1000 * result.quantile(0.5), 1),
        "p95_ms": round(1000 * result.quantile(0.95), 1), "p99_ms": round(1000 * result.quantile(0.99), 1),
        "cpu_ms_each": round(1000 * cost, 2),
    }  # fmt: skip
    if given.json:
        sys.stdout.write(json.dumps(figures) + "\n")
    else:
        sys.stdout.write("".join(f"{key:<14}{value}\n" for key, value in figures.items()))
    for refusal in sorted(result.refusals):
        sys.stderr.write(f"refused: {refusal}\n")
    whole = result.failed == 0 and there >= len(result.times)
    return 0 if whole and result.rate >= min(WANTED, 0.95 * given.rate) else 1


if __name__ == "__main__":
    sys.exit(main())
