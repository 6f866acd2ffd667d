"""Kind `metrics` against Debian's Prometheus, which exposes metrics of itself, and whoever does not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.core.check import Unit, Verdict
from daytwo.core.service import AnyService
from tests.contract.checks import CheckCase, CheckContract, ask
from tests.real.services.test_prometheus import prometheus
from tests.services.net.asking import service
from tests.services.net.servers import Server, free_port, hanging, saying, serving
from tests.services.net.servers import answer as http_answer

__all__ = ["prometheus"]
WANTED = ["process_resident_memory_bytes", "prometheus_http_requests_total", "prometheus_http_request_duration_seconds"]


class MetricsCase(CheckCase):
    """The real one, and some that are none."""

    sometimes = frozenset()

    def __init__(self, folder: Path, url: str, hangs: Server, other: Server) -> None:
        self.folder, self.url, self.hangs, self.other = folder, url, hangs, other

    def _service(self, url: str, *take: str, **settings: object) -> AnyService:
        return service("metrics", self.folder, url=f"{url}/metrics", take=take or WANTED, **settings)

    def good(self) -> list[AnyService]:
        return [self._service(self.url), self._service(self.url, connection="kept", labels=["code"])]

    def broken(self) -> list[AnyService]:
        return [self._service(self.url, "no_such_metric"), self._service(self.other.url)]

    def absent(self) -> list[AnyService]:
        return [self._service(f"http://127.0.0.1:{free_port()}")]

    def slow(self) -> list[AnyService]:
        return [self._service(self.hangs.url)]

    def our_fault(self) -> list[AnyService]:
        return [self._service(self.url, bearer={"file": "no-such-file"})]


class TestMetrics(CheckContract):
    @pytest.fixture
    def case(self, tmp_path: Path, prometheus: str) -> Iterator[CheckCase]:
        with serving(hanging()) as hangs, serving(saying(http_answer(b"hello"))) as other:
            yield MetricsCase(tmp_path, prometheus, hangs, other)


def test_what_prometheus_exposes_of_itself(tmp_path: Path, prometheus: str) -> None:
    check = service("metrics", tmp_path, url=f"{prometheus}/metrics", take=WANTED, labels=["handler"]).checks()[0]
    assert ask(check, tmp_path).verdict is Verdict.OK
    found = ask(check, tmp_path)
    assert found.verdict is Verdict.OK
    units = {one.name: (one.unit, one.total) for one in check.measures}
    assert found.numbers["process_resident_memory_bytes"] > 1_000_000
    assert found.numbers["prometheus_http_requests_total.metrics"] >= 1
    assert units["prometheus_http_requests_total.metrics"] == (Unit.COUNT, True)
    assert found.numbers["prometheus_http_request_duration_seconds_p95.metrics"] > 0
