"""Kind `prometheus` against Debian's Prometheus, which scrapes itself."""

import contextlib
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.core.check import Verdict
from daytwo.core.service import AnyService
from tests.contract.checks import CheckCase, CheckContract
from tests.parts.need import require
from tests.services.net.asking import observe, service
from tests.services.net.servers import Server, free_port, hanging, saying, serving
from tests.services.net.servers import answer as http_answer

READY_WITHIN = 30.0
_CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs: [{{job_name: itself, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
"""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address, once it has scraped itself."""
    binary, folder, port = require("prometheus"), tmp_path_factory.mktemp("prometheus"), free_port()
    (folder / "prometheus.yml").write_text(_CONFIG.format(port=port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                binary, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + READY_WITHIN
        while not _has_scraped(url):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _has_scraped(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/api/v1/query?query=up", timeout=5) as reply:
        return b'"1"' in reply.read()
    return False


class PrometheusCase(CheckCase):
    """The real one, and some that are none."""

    def __init__(self, folder: Path, url: str, hangs: Server, other: Server) -> None:
        self.folder, self.url, self.hangs, self.other = folder, url, hangs, other

    def _service(self, url: str, **queries: object) -> AnyService:
        return service("prometheus", self.folder, url=url, queries=queries)

    def good(self) -> list[AnyService]:
        several = {"up": "up", "memory": {"promql": "sum(process_resident_memory_bytes)", "unit": "B"}, "two": "1 + 1"}
        return [self._service(self.url, **several)]

    def broken(self) -> list[AnyService]:
        return [self._service(self.url, nothing="no_such_series"), self._service(self.other.url, up="up")]

    def absent(self) -> list[AnyService]:
        return [self._service(f"http://127.0.0.1:{free_port()}", up="up")]

    def slow(self) -> list[AnyService]:
        return [self._service(self.hangs.url, up="up")]

    def our_fault(self) -> list[AnyService]:
        return [
            self._service(self.url, bad="sum("),
            self._service(self.url, many='{__name__=~"go_.+"}'),
            self._service(self.url, range="up[5m]"),
            self._service(self.url, text='"text"'),
        ]


class TestPrometheus(CheckContract):
    @pytest.fixture
    def case(self, tmp_path: Path, prometheus: str) -> Iterator[CheckCase]:
        with serving(hanging()) as hangs, serving(saying(http_answer(b"hello"))) as other:
            yield PrometheusCase(tmp_path, prometheus, hangs, other)


def test_a_query_that_is_wrong_is_told_in_the_servers_words(tmp_path: Path, prometheus: str) -> None:
    observation = observe("prometheus", tmp_path, url=prometheus, queries={"bad": "sum("})
    assert observation.verdict is Verdict.INCONCLUSIVE
    assert "the query is not understood" in observation.why
    assert "parse error" in observation.why


def test_numbers_are_the_servers(tmp_path: Path, prometheus: str) -> None:
    queries = {"up": "sum(up)", "two": "1 + 1", "small": "vector(1e-9)"}
    observation = observe("prometheus", tmp_path, url=prometheus, queries=queries)
    assert {name: observation.numbers[name] for name in queries} == {"up": 1.0, "two": 2.0, "small": 1e-9}


def test_the_http_kind_asks_its_health(tmp_path: Path, prometheus: str) -> None:
    observation = observe("http", tmp_path, url=prometheus, health="/-/ready", contains="Ready")
    assert observation.verdict is Verdict.OK, observation
