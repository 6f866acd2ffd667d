"""daytwo beside Prometheus and its blackbox exporter, on the same HTTP targets: `python -m bench.blackbox`.

All three ask 1,000 addresses of one server every 15 seconds over fresh connections, keep what they find, and judge each
target by a rule. They take turns; what counts is the processor time of their processes for one probe that is stored and
judged. Afterwards daytwo alone asks 10,000 times a minute, on one processor.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.probes import server
from bench.serve import Running, running

SHARE = 1 / 3
"""Of the peers' processor time, at most."""
LAG_MS = 250
MEMORY_MB = 250
TARGETS = 1000
_EVERY = 15
_FAST = 6
"""Seconds: 10,000 probes a minute of 1,000 targets."""
_TICK = os.sysconf("SC_CLK_TCK")
_PEERS = ("prometheus", "prometheus-blackbox-exporter")
SCRAPES = """\
scrape_configs:
  - job_name: blackbox
    metrics_path: /probe
    params: {{module: [http_2xx]}}
    static_configs: [{{targets: [{targets}]}}]
    relabel_configs:
      - {{source_labels: [__address__], target_label: __param_target}}
      - {{source_labels: [__param_target], target_label: instance}}
      - {{target_label: __address__, replacement: "127.0.0.1:{port}"}}
"""
"""What Prometheus asks through its blackbox exporter, at `port`: `targets`."""
_SCRAPE = (
    """\
global: {{scrape_interval: {every}s, scrape_timeout: 10s, evaluation_interval: 15s}}
rule_files: [rules.yml]
"""
    + SCRAPES
)
_RULES = "groups: [{name: up, rules: [{alert: Down, expr: probe_success == 0, for: 45s}]}]\n"


@dataclass(frozen=True)
class Sample:
    """What was used in a time: processor seconds, probes, megabytes."""

    seconds: float
    probes: float
    memory: float

    @property
    def each(self) -> float:
        """Milliseconds of processor time for one probe."""
        return self.seconds / self.probes * 1000


def main() -> int:
    """Measure, and print what was found beside what is wanted."""
    parser = argparse.ArgumentParser(prog="bench.blackbox", description="Race daytwo against Prometheus and blackbox.")
    parser.add_argument("--rounds", type=int, default=2, help="how often everyone runs (2)")
    parser.add_argument("--seconds", type=int, default=60, help="how long each run is measured (60)")
    options = parser.parse_args()
    peers = [path for name in _PEERS if (path := shutil.which(name))]
    if len(peers) < len(_PEERS):
        print(f"{' and '.join(_PEERS)} are not both installed: daytwo is measured alone")
    ours: list[Sample] = []
    theirs: list[Sample] = []
    with server() as port:
        for _ in range(options.rounds):
            ours.append(_ours(port, options.seconds))
            print(f"daytwo: {ours[-1].each:.2f} ms of processor time a probe, {ours[-1].memory:.0f} MB", flush=True)
            if len(peers) == len(_PEERS):
                theirs.append(_theirs(peers, port, options.seconds))
                print(f"prometheus and blackbox: {theirs[-1].each:.2f} ms, {theirs[-1].memory:.0f} MB", flush=True)
        if theirs:
            share = statistics.median(one.each for one in ours) / statistics.median(one.each for one in theirs)
            _line("processor time of a probe, as a share of theirs", share, SHARE, "")
        _line(f"memory with {TARGETS} checks", max(one.memory for one in ours), MEMORY_MB, "MB")
        _fast(port, options.seconds)
    return 0


def _line(what: str, value: float, wanted: float, unit: str) -> None:
    print(f"{what}: {value:.2f} {unit} (wanted at most {wanted:.2f}) {'met' if value <= wanted else 'NOT MET'}")


@contextmanager
def _watching(port: int, every: int) -> Iterator[Running]:
    """daytwo with a check for each target."""
    services = "".join(
        f"  w{number}: {{kind: http, url: 'http://127.0.0.1:{port}', health: '/api/health?n={number}', "
        f"check: {{every: {every}s}}}}\n"
        for number in range(TARGETS)
    )
    with tempfile.TemporaryDirectory(prefix="bench-watch-") as folder, running(Path(folder), 10, "", services) as one:
        yield one


def _ours(port: int, seconds: int) -> Sample:
    with _watching(port, _EVERY) as one:
        return _measured([one.pid], seconds, lambda: seconds * TARGETS / _EVERY, lambda: _probes(one))


def _probes(one: Running) -> float:
    """Probes of the last whole minute, as the daemon counts them."""
    return float(one.client.call("GET", "/api/series/daytwo.probes?since=10m")["max"])


def _fast(port: int, seconds: int) -> None:
    """10,000 probes a minute, on one processor."""
    with _watching(port, _FAST) as one:
        os.sched_setaffinity(one.pid, {0})
        for task in Path(f"/proc/{one.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {0})
        sample = _measured([one.pid], max(seconds, 120), lambda: 0, lambda: _probes(one))
        lag = one.client.call("GET", "/api/series/daytwo.lag?since=90s")["max"] * 1000
        print(
            f"10,000 checks a minute: {sample.seconds / max(seconds, 120):.0%} of a processor, {sample.memory:.0f} MB"
        )
        _line(f"  worst start lag of the last minutes ({_probes(one):.0f} probes in a minute)", lag, LAG_MS, "ms")


def _theirs(programs: list[str], port: int, seconds: int) -> Sample:
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as name:
        folder, (web, probe) = Path(name), (free(), free())
        targets = ", ".join(f'"http://127.0.0.1:{port}/api/health?n={number}"' for number in range(TARGETS))
        (folder / "prometheus.yml").write_text(_SCRAPE.format(every=_EVERY, targets=targets, port=probe))
        (folder / "rules.yml").write_text(_RULES)
        (folder / "blackbox.yml").write_text("modules: {http_2xx: {prober: http, timeout: 5s}}\n")
        commands = [
            [programs[1], f"--config.file={folder}/blackbox.yml", f"--web.listen-address=127.0.0.1:{probe}"],
            [programs[0], f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{web}"],
        ]  # fmt: skip
        with (folder / "log").open("wb") as log:
            started = [subprocess.Popen(one, stdout=log, stderr=log) for one in commands]
        try:
            counted = f"sum(count_over_time(probe_success[{seconds}s]))"
            return _measured([one.pid for one in started], seconds, lambda: _query(web, counted), lambda: 1)
        finally:
            for one in started:
                one.send_signal(signal.SIGTERM)
                one.wait(30)


def _query(port: int, expression: str) -> float:
    address = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.parse.quote(expression)}"
    with urllib.request.urlopen(address, timeout=30) as answer:
        return float(json.load(answer)["data"]["result"][0]["value"][1])


def _measured(
    pids: list[int], seconds: int, probes: Callable[[], float], working: Callable[[], float], warm: float = 40
) -> Sample:
    """What processes use in a time, after they have settled."""
    time.sleep(warm)
    before, begun = sum(map(_cpu, pids)), time.monotonic()
    time.sleep(seconds)
    used, took = sum(map(_cpu, pids)) - before, time.monotonic() - begun
    if not working():
        raise RuntimeError("nothing was asked")
    return Sample(used * seconds / took, probes(), sum(map(_memory, pids)))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(fields[index]) for index in (11, 12, 13, 14)) / _TICK


def _memory(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1]) / 1000


def free() -> int:
    """A port of this machine that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
