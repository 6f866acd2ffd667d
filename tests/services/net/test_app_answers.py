"""What an app tells of itself as checks: `/api/health`, and the scores and numbers of `/api/monitoring/...`."""

import json
import socket
from pathlib import Path

from daytwo.core.check import Verdict
from tests.contract.checks import ask
from tests.services.net.asking import service
from tests.services.net.servers import answer, request_of, serving

ANSWERS: dict[str, object] = {
    "/api/health": {"status": "ok", "database": {"latency_ms": 12}},
    "/api/monitoring/performance": {"data": {"overall": {"score": 93.5}}},
    "/api/monitoring/metrics": {
        "data": {"posts": 17, "queue": {"waiting": "4"}, "workers": [{"busy": 1}, {"busy": 0}]}
    },
}


def app(connection: socket.socket) -> None:
    """A small app that tells how it is."""
    path = request_of(connection).split(b" ", 2)[1].decode()
    body = ANSWERS.get(path)
    connection.sendall(answer(json.dumps(body).encode()) if body else answer(b"", "404 Not Found"))


def test_health_scores_and_numbers_are_checks_and_series(tmp_path: Path) -> None:
    with serving(app) as server:
        checks = service(
            "http", tmp_path, url=server.url, health="/api/health", json={"status": "ok"},
            numbers={"database_ms": "database.latency_ms"},
            also={
                "performance": {"path": "/api/monitoring/performance", "numbers": {"score": "data.overall.score"}},
                "metrics": {
                    "path": "/api/monitoring/metrics",
                    "numbers": {"posts": "data.posts", "waiting": "data.queue.waiting", "busy": "sum(data.workers[].busy)"},
                },
                "gone": {"path": "/api/monitoring/metrics", "numbers": {"none": "data.nothing"}},
            },
        ).checks()  # fmt: skip
        found = {check.name: ask(check, tmp_path) for check in checks}
    assert {name: one.verdict for name, one in found.items()} == {
        "web": Verdict.OK, "web.performance": Verdict.OK, "web.metrics": Verdict.OK, "web.gone": Verdict.FAILED,
    }  # fmt: skip
    assert found["web"].numbers["database_ms"] == 12
    assert found["web.performance"].numbers["score"] == 93.5
    numbers = found["web.metrics"].numbers
    assert (numbers["posts"], numbers["waiting"], numbers["busy"]) == (17, 4, 1)
    assert found["web.gone"].why == "data.nothing is no number in its answer"
