"""Prometheus, its blackbox exporter and Alertmanager, as Debian packages them, at work on a local server.

Needs the packages `prometheus`, `prometheus-blackbox-exporter` and `prometheus-alertmanager` (`make parts`). What
delays them, by their documentation: how often is asked (`scrape_interval`) and judged (`evaluation_interval`), and how
long the first message of a group is held back for others to join it (`group_wait`).
"""

import contextlib
import json
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.blackbox import SCRAPES, free

PROGRAMS = ("prometheus", "prometheus-blackbox-exporter", "prometheus-alertmanager")
_PROMETHEUS = (
    """\
global: {{scrape_interval: {every}s, scrape_timeout: {timeout}s, evaluation_interval: {every}s}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{alertmanager}"]}}]}}]}}
"""
    + SCRAPES
)
_RULES = "groups: [{{name: up, rules: [{{alert: Down, expr: probe_success == 0, for: {pending}s}}]}}]\n"
_ALERTMANAGER = """\
route: {{receiver: local, group_by: [instance], group_wait: {wait}, group_interval: {interval}, repeat_interval: 3h}}
receivers: [{{name: local, webhook_configs: [{{url: "{receiver}", send_resolved: true}}]}}]
"""


@dataclass(frozen=True)
class Pace:
    """How fast they are set.

    Args:
        name: what it is called.
        every: seconds between two probes, and between two judgements.
        wait: `group_wait`.
        interval: `group_interval`.
    """

    name: str
    every: int
    wait: str
    interval: str


DEFAULTS = Pace("at their defaults", 15, "30s", "5m")
"""As in the files that Debian installs."""
FASTEST = Pace("at their fastest", 1, "0s", "1s")
"""A second is the shortest time that their documentation speaks of; nothing is held back."""


def missing() -> list[str]:
    """Their packages that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


@contextlib.contextmanager
def watching(pace: Pace, targets: Sequence[str], receiver: str, failures: int) -> Iterator[None]:
    """All three at work, and every target found well.

    Args:
        pace: how fast they are set.
        targets: addresses to ask.
        receiver: where messages go.
        failures: after so many failed probes in a row it is an alert.
    """
    with tempfile.TemporaryDirectory(prefix="bench-alertmanager-") as name:
        folder, (web, probe, alerts, cluster) = Path(name), (free(), free(), free(), free())
        listed = ", ".join(f'"{one}"' for one in targets)
        (folder / "prometheus.yml").write_text(
            _PROMETHEUS.format(
                every=pace.every, timeout=min(pace.every, 10), alertmanager=alerts, port=probe, targets=listed
            )
        )
        (folder / "rules.yml").write_text(_RULES.format(pending=(failures - 1) * pace.every))
        (folder / "blackbox.yml").write_text("modules: {http_2xx: {prober: http, timeout: 5s}}\n")
        settings = _ALERTMANAGER.format(wait=pace.wait, interval=pace.interval, receiver=receiver)
        (folder / "alertmanager.yml").write_text(settings)
        commands = [
            [PROGRAMS[1], f"--config.file={folder}/blackbox.yml", f"--web.listen-address=127.0.0.1:{probe}"],
            [PROGRAMS[2], f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/alerts",
             f"--web.listen-address=127.0.0.1:{alerts}", f"--cluster.listen-address=127.0.0.1:{cluster}"],
            [PROGRAMS[0], f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{web}"],
        ]  # fmt: skip
        with (folder / "log").open("wb") as log:
            started = [subprocess.Popen(one, stdout=log, stderr=log) for one in commands]
        try:
            _until_well(web, len(targets), 120)
            yield
        finally:
            for one in started:
                one.send_signal(signal.SIGTERM)
            for one in started:
                one.wait(30)


def _until_well(port: int, count: int, seconds: float) -> None:
    address = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.parse.quote('count(probe_success == 1)')}"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if _number(address) >= count:
            return
        time.sleep(0.1)
    raise TimeoutError("Prometheus did not find every target well")


def _number(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return int(json.load(answer)["data"]["result"][0]["value"][1])
    except (urllib.error.URLError, ConnectionError, IndexError):
        return 0
