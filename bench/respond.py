"""`make bench-respond`: how soon people hear of it, and what ten thousand alerts in a minute come to.

A real daemon watches the paths of a local web server, each a service of its own, and tells a local receiver. One after
the other is made to fail. The time is taken from the answer to the probe that crosses the threshold (the third failed
one) to the arrival of the message, both by the clock of this machine. Debian's Prometheus, blackbox exporter and
Alertmanager are measured in the same way, in turns; see `alertmanager`. Then ten thousand transitions of rules are put
into the daemon's state within a minute, as if its rules had reported them.
"""

import argparse
import contextlib
import os
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.alertmanager import DEFAULTS, FASTEST, Pace, missing, watching
from bench.serve import Running, running

P95_MS = 1000
RATE, BURST = 60, 60
"""Of the channel: generous, so that it is not what is measured first."""
MESSAGES = 2 * (BURST + RATE * 3 // 2)
"""A minute and the half after it: what may be sent at once, and for each of those one message of what follows."""
GROWTH_MB = 200
FAILURES = 3
_APART = 0.37
"""Seconds between two that begin to fail: no multiple of anybody's rhythm."""


@dataclass
class Local:
    """A web server of which single paths can fail, and a receiver of webhooks, in one."""

    failing: set[str] = field(default_factory=set)
    failed: dict[str, list[float]] = field(default_factory=dict)
    got: list[tuple[float, str]] = field(default_factory=list)
    port: int = 0

    @contextlib.contextmanager
    def open(self) -> Iterator["Local"]:
        """Listen."""
        local = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.strip("/")
                fails = name in local.failing
                self._answer(503 if fails else 200)
                if fails:
                    local.failed.setdefault(name, []).append(time.time())

            def do_POST(self) -> None:
                at, body = time.time(), self.rfile.read(int(self.headers["Content-Length"]))
                local.got.append((at, body.decode()))
                self._answer(200)

            def _answer(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 256
            daemon_threads = True

        with Server(("127.0.0.1", 0), Handler) as server:
            self.port = server.server_address[1]
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()

    def outages(self, names: list[str], seconds: float) -> list[float]:
        """Have all fail, one after the other; the seconds from each one's third failed probe to its message."""
        self.failing.clear()
        self.failed.clear()
        before = len(self.got)
        for name in names:
            self.failing.add(name)
            time.sleep(_APART)
        told: dict[str, float] = {}

        def all_told() -> bool:
            for at, body in self.got[before:]:
                for name in names:
                    if name not in told and (f"/{name}" in body or f'"{name}"' in body):
                        told[name] = at
            return len(told) == len(names)

        _until(all_told, "a message of each", seconds)
        self.failing.clear()
        return [told[name] - self.failed[name][FAILURES - 1] for name in names]


def main() -> int:
    """Measure, and print what was found beside what is wanted."""
    parser = argparse.ArgumentParser(prog="bench.respond", description="Measure alerts.")
    parser.add_argument("--targets", type=int, default=50, help="services that fail in a round (50)")
    parser.add_argument("--rounds", type=int, default=2, help="how often everyone is measured (2)")
    parser.add_argument("--alerts", type=int, default=10_000, help="alerts in a minute (10000)")
    parser.add_argument("--services", type=int, default=100, help="of so many services (100)")
    options = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    with Local().open() as local:
        _race(local, options.targets, options.rounds)
        _storm(local, options.alerts, options.services)
    return 0


def _race(local: Local, targets: int, rounds: int) -> None:
    names = [f"w{number:03}" for number in range(targets)]
    runs: dict[str, Callable[[], list[float]]] = {"daytwo": lambda: _ours(local, names)}
    if lacking := missing():
        print(f"not installed: {', '.join(lacking)}; daytwo is measured alone")
    else:
        for pace in (FASTEST, DEFAULTS):
            runs[f"alertmanager {pace.name}"] = lambda pace=pace: _theirs(local, names, pace)  # type: ignore[misc]
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            found[name] += run()
    print(f"{targets} services fail one after the other, {rounds} times; from the failing probe to the message:")
    ours = statistics.median(found["daytwo"])
    for name, times in found.items():
        middle = statistics.median(times)
        ratio = "" if name == "daytwo" else f", {middle / ours:.0f} times ours"
        print(f"  {name}: median {middle * 1000:.0f} ms, p95 {_share(times, 0.95) * 1000:.0f} ms{ratio}")
    _line("  p95 of daytwo", _share(found["daytwo"], 0.95) * 1000, P95_MS, "ms")


def _ours(local: Local, names: list[str]) -> list[float]:
    services = "".join(
        f"  {name}: {{kind: http, url: 'http://127.0.0.1:{local.port}/{name}', "
        f"check: {{every: 1s, timeout: 900ms, failures: {FAILURES}, retries: 0}}}}\n"
        for name in names
    )
    with _daemon(local, services) as (one, _):
        _until(lambda: _well(one) >= len(names), "every check well")
        return local.outages(names, 60)


def _well(one: Running) -> int:
    return sum(check["verdict"] == "ok" for check in one.client.call("GET", "/api/checks?limit=500"))


def _theirs(local: Local, names: list[str], pace: Pace) -> list[float]:
    targets = [urllib.parse.urljoin(f"http://127.0.0.1:{local.port}", name) for name in names]
    with watching(pace, targets, f"http://127.0.0.1:{local.port}/", FAILURES):
        return local.outages(names, 60 + pace.every * 10)


@contextlib.contextmanager
def _daemon(local: Local, services: str = "") -> Iterator[tuple[Running, Path]]:
    with tempfile.TemporaryDirectory(prefix="bench-respond-") as name:
        folder = Path(name)
        (folder / "url").write_text(f"http://127.0.0.1:{local.port}/")
        more = (
            f"channels: {{chat: {{kind: webhook, url: {{file: url}}, rate: {RATE}, burst: {BURST}}}}}\n"
            "routes: {all: {to: [chat], level: critical}}\n"
        )
        with running(folder, 0, more, services) as one:
            yield one, folder


def _storm(local: Local, count: int, services: int) -> None:
    with _daemon(local) as (one, folder):
        before, memory, begun = len(local.got), one.memory(), time.monotonic()
        with contextlib.closing(sqlite3.connect(folder / ".daytwo" / "state.db", timeout=60)) as state:
            for part in range(10):
                _fire(state, part * count // 10, (part + 1) * count // 10, services)
                time.sleep(max(0.0, begun + (part + 1) * 6 - time.monotonic()))
            _until(lambda: _account(state).get("told in a message that was sent", 0) >= count, "all of them told", 300)
            took, account = time.monotonic() - begun, _account(state)
        print(f"{count} alerts of {services} services in a minute:")
        _line("  messages", len(local.got) - before, MESSAGES, "")
        for what, alerts in sorted(account.items()):
            print(f"  {what}: {alerts} alerts")
        _line("  alerts of which nothing is known", count - sum(account.values()), 0, "")
        print(f"  the last was told {took - 60:.1f} s after the minute")
        _line("  memory that took", one.memory("VmHWM") - memory, GROWTH_MB, "MB")


def _fire(state: sqlite3.Connection, first: int, last: int, services: int) -> None:
    at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    rows = [
        ("bench", "production", f"s{n % services}.c{n}", f"s{n % services}.c{n}", at)
        for n in range(first, last)
    ]  # fmt: skip
    with state:
        state.executemany(
            "INSERT INTO transitions (app, environment, rule, subject, at, old, new, level, why, because_of)"
            " VALUES (?, ?, ?, ?, ?, 'pending', 'firing', 'critical', 'no answer', '')",
            rows,
        )


def _account(state: sqlite3.Connection) -> dict[str, int]:
    """What became of the alerts: how many were told, are still to be told, or are kept back, and why."""
    asked = """
        SELECT CASE
            WHEN max(n.state = 'sent') THEN 'told in a message that was sent'
            WHEN max(n.state IS NOT NULL) THEN 'in a message that is ' || max(n.state)
            WHEN count(t.id) THEN 'to be told in ' || max(t.batch)
            ELSE 'not told: ' || coalesce(
                (SELECT reason FROM alert_steps s WHERE s.alert = a.id ORDER BY s.id DESC LIMIT 1), 'nobody knows why')
            END AS what
        FROM alerts a LEFT JOIN tellings t ON t.alert = a.id LEFT JOIN outbox n ON n.id = t.notification
        WHERE a.rule LIKE 's%.c%' GROUP BY a.id"""
    found: dict[str, int] = {}
    for (what,) in state.execute(asked):
        found[what] = found.get(what, 0) + 1
    return found


def _until(what: Callable[[], object], why: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise TimeoutError(f"there was never {why}")
        time.sleep(0.05)


def _share(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def _line(what: str, value: float, wanted: float, unit: str) -> None:
    print(f"{what}: {value:.1f} {unit} (wanted at most {wanted:g}) {'met' if value <= wanted else 'NOT MET'}")


if __name__ == "__main__":
    sys.exit(main())
