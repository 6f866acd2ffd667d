"""Kind `prometheus` against a stand-in that answers what a real one never would; the real one is in tests/real."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from daytwo.core.check import Verdict
from tests.services.net.asking import observe, service
from tests.services.net.servers import answer, saying, serving


def told(result: Any, sort: str = "vector") -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": sort, "result": result}}).encode()


FAILED, OURS = Verdict.FAILED, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("body", "status", "verdict", "why"),
    [
        (told([{"metric": {}, "value": [1.0, "42.5"]}]), "200 OK", Verdict.OK, ""),
        (told([1.0, "42.5"], "scalar"), "200 OK", Verdict.OK, ""),
        (told([]), "200 OK", FAILED, "there is no value for errors"),
        (told([{"metric": {}, "value": [1.0, "NaN"]}]), "200 OK", FAILED, "there is no value for errors"),
        (told([{"metric": {}, "value": [1.0, "+Inf"]}]), "200 OK", FAILED, "errors is infinite"),
        (told([{"value": [1, "1"]}, {"value": [1, "2"]}]), "200 OK", OURS, "gives 2 values. Aggregate them"),
        (told([{"values": []}], "matrix"), "200 OK", OURS, "gives no number but a matrix"),
        (told([1, "x"], "string"), "200 OK", OURS, "gives no number but a string"),
        (told([{"metric": {}}]), "200 OK", FAILED, "holds no number"),
        (told(["x"]), "200 OK", FAILED, "holds no number"),
        (told({}), "200 OK", OURS, "gives no number"),
        (b'{"status": "success", "data": []}', "200 OK", FAILED, "its answer holds no data"),
        (b"[1]", "200 OK", FAILED, "not as a Prometheus server does"),
        (b"{", "200 OK", FAILED, "not as a Prometheus server does"),
        (b"[" * 100_000, "200 OK", FAILED, "not as a Prometheus server does"),
        (b"<html>", "502 Bad Gateway", FAILED, "status 502"),
        (b'{"status":"error","errorType":"bad_data","error":"parse error"}', "400 No", OURS, "not understood: parse error"),
        (b'{"status":"error","errorType":"timeout","error":"query timed out"}', "503 No", FAILED, "query timed out"),
    ],
)  # fmt: skip
def test_answers(tmp_path: Path, body: bytes, status: str, verdict: Verdict, why: str) -> None:
    with serving(saying(answer(body, status))) as server:
        observation = observe("prometheus", tmp_path, url=server.url, queries={"errors": "sum(x)"})
    assert observation.verdict is verdict, observation
    assert why in observation.why
    if verdict is Verdict.OK:
        assert observation.numbers["errors"] == 42.5


def test_what_no_value_means_is_a_setting(tmp_path: Path) -> None:
    with serving(saying(answer(told([])))) as server:
        queries = {"none": {"promql": "x", "empty": "ok"}, "nil": {"promql": "y", "empty": "zero", "unit": "ratio"}}
        observation = observe("prometheus", tmp_path, url=server.url, queries=queries)
        assert server.connections == 1
    assert observation.verdict is Verdict.OK
    assert observation.numbers["nil"] == 0
    assert "none" not in observation.numbers


def test_what_is_infinite_is_never_nothing_and_never_zero(tmp_path: Path) -> None:
    """A 95th percentile beyond the largest bucket is no zero seconds."""
    with serving(saying(answer(told([{"metric": {}, "value": [1.0, "+Inf"]}])))) as server:
        queries = {"none": {"promql": "x", "empty": "ok"}, "nil": {"promql": "y", "empty": "zero"}}
        observation = observe("prometheus", tmp_path, url=server.url, queries=queries)
    assert (observation.verdict, observation.why) == (FAILED, "none is infinite; nil is infinite")
    assert set(observation.numbers) == {"duration"}


@pytest.mark.parametrize(
    "queries", [{}, {"duration": "x"}, {"A": "x"}, {"a-b": "x"}, {"a": ""}, {"a": {"promql": "x", "unit": "miles"}}]
)
def test_settings_that_cannot_be(tmp_path: Path, queries: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        service("prometheus", tmp_path, url="http://localhost:9090", queries=queries)
