"""`make bench-respond`: how soon people hear of it, and what ten thousand alerts in a minute come to.

A real daemon watches a local web server that is made to fail, and tells a local receiver. The time is taken from the
answer to the probe that crosses the threshold to the arrival of the message, both by the clock of this machine. Then
ten thousand transitions of rules are put into its state within a minute, as if its rules had reported them.
"""

import argparse
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from daytwo.serve.client import Client

P95_MS = 1000
RATE, BURST = 60, 60
"""Of the channel: generous, so that it is not what is measured first."""
MESSAGES = 2 * (BURST + RATE * 3 // 2)
"""A minute and the half after it: what may be sent at once, and for each of those one message of what follows."""
GROWTH_MB = 200
FAILURES = 3
_PROGRAM = "import sys; from daytwo.cli.main import run; sys.exit(run(sys.argv[1:]))"


@dataclass
class Local:
    """A web server that can fail, and a receiver of webhooks, in one."""

    failing: bool = False
    failed: list[float] = field(default_factory=list)
    got: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    port: int = 0

    @contextlib.contextmanager
    def open(self) -> Iterator["Local"]:
        """Listen."""
        local = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(503 if local.failing else 200)
                if local.failing:
                    local.failed.append(time.time())

            def do_POST(self) -> None:
                at, body = time.time(), self.rfile.read(int(self.headers["Content-Length"]))
                local.got.append((at, json.loads(body)))
                self._answer(200)

            def _answer(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.port = server.server_address[1]
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


def main() -> int:
    """Measure, and print what was found beside what is wanted."""
    parser = argparse.ArgumentParser(prog="bench.respond", description="Measure alerts.")
    parser.add_argument("--rounds", type=int, default=40, help="how often it fails and is mended (40)")
    parser.add_argument("--alerts", type=int, default=10_000, help="alerts in a minute (10000)")
    parser.add_argument("--services", type=int, default=100, help="of so many services (100)")
    options = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="bench-respond-") as name, Local().open() as local:
        folder = Path(name)
        with _daemon(folder, local) as daemon:
            _latency(local, options.rounds)
            before = _memory(daemon.pid)
            _storm(folder, local, options.alerts, options.services)
            grown = _memory(daemon.pid, "VmHWM") - before
            _line("memory that took", grown, GROWTH_MB, "MB")
    return 0


def _latency(local: Local, rounds: int) -> None:
    down, up = [], []
    for _ in range(rounds):
        count = len(local.got)
        local.failed.clear()
        local.failing = True
        _until(lambda: len(local.got) > count, "a message")  # noqa: B023 - called before the next round
        down.append(local.got[count][0] - local.failed[FAILURES - 1])
        mended = time.time()
        local.failing = False
        _until(lambda: len(local.got) > count + 1, "its end")  # noqa: B023
        up.append(local.got[count + 1][0] - mended)
    print(f"{rounds} outages of a check that is asked every 200 ms, {FAILURES} failures are an alert:")
    print(f"  failing probe to message: p50 {_share(down, 0.5) * 1000:.0f} ms, most {max(down) * 1000:.0f} ms")
    _line("  p95", _share(down, 0.95) * 1000, P95_MS, "ms")
    print(f"  mended to message (with the wait for the next probe): p50 {_share(up, 0.5) * 1000:.0f} ms")


def _storm(folder: Path, local: Local, count: int, services: int) -> None:
    before, begun = len(local.got), time.monotonic()
    with contextlib.closing(sqlite3.connect(folder / ".daytwo" / "state.db", timeout=60)) as state:
        for part in range(10):
            at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
            rows = [
                ("shop", "production", f"s{n % services}.c{n}", f"s{n % services}.c{n}", at)
                for n in range(part * count // 10, (part + 1) * count // 10)
            ]
            with state:
                state.executemany(
                    "INSERT INTO transitions (app, environment, rule, subject, at, old, new, level, why, because_of)"
                    " VALUES (?, ?, ?, ?, ?, 'pending', 'firing', 'critical', 'no answer', '')",
                    rows,
                )
            time.sleep(max(0.0, begun + (part + 1) * 6 - time.monotonic()))
        asked = (
            "SELECT count(DISTINCT t.alert) FROM tellings t JOIN notifications n ON n.id = t.notification"
            " JOIN alerts a ON a.id = t.alert WHERE n.state = 'sent' AND a.rule <> 'web'"
        )
        _until(lambda: state.execute(asked).fetchone()[0] >= count, "all of them told", 300)
        took = time.monotonic() - begun
        told = state.execute(asked).fetchone()[0]
    print(f"{count} alerts of {services} services in a minute:")
    _line("  messages", len(local.got) - before, MESSAGES, "")
    _line("  alerts that no message tells", count - told, 0, "")
    print(f"  the last was told {took - 60:.1f} s after the minute")


@contextlib.contextmanager
def _daemon(folder: Path, local: Local) -> Iterator["subprocess.Popen[bytes]"]:
    (folder / "url").write_text(f"http://127.0.0.1:{local.port}/")
    config = folder / "daytwo.yaml"
    config.write_text(
        "app: shop\ntimezone: UTC\nservices:\n  web:\n    kind: http\n"
        f"    url: http://127.0.0.1:{local.port}/\n    check: {{every: 200ms, timeout: 5s, retries: 0}}\n"
        f"rules: {{web: {{check: web, failures: {FAILURES}, flapping: false}}}}\n"
        f"channels: {{chat: {{kind: webhook, url: {{file: url}}, rate: {RATE}, burst: {BURST}}}}}\n"
        "routes: {all: {to: [chat]}}\nserve: {listen: '127.0.0.1:0'}\n"
    )
    with (folder / "serve.log").open("wb") as log:
        daemon = subprocess.Popen([sys.executable, "-c", _PROGRAM, "serve", "--config", str(config)], stderr=log)
        try:
            client = Client(folder / ".daytwo")
            _until(client.there, "an answer")
            _until(lambda: any(one["verdict"] == "ok" for one in client.call("GET", "/api/checks")), "a check")
            yield daemon
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(30)


def _memory(pid: int, which: str = "VmRSS") -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith(which))) / 1000


def _until(what: Callable[[], object], why: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise TimeoutError(f"there was never {why}")
        time.sleep(0.002)


def _share(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def _line(what: str, value: float, wanted: float, unit: str) -> None:
    print(f"{what}: {value:.1f} {unit} (wanted at most {wanted:g}) {'met' if value <= wanted else 'NOT MET'}")


if __name__ == "__main__":
    sys.exit(main())
