"""Kind `metrics` against stand-ins that expose what a real one would or would not; real ones are in tests/real."""

import itertools
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from pydantic import ValidationError

from daytwo.core.check import Check, Measure, Unit, Verdict
from daytwo.services.metrics.exposition import NoExpositionError, read
from daytwo.services.metrics.series import quantile_of
from tests.contract.checks import ask
from tests.services.net.asking import observe, service
from tests.services.net.servers import Handler, Server, answer, for_ever, once, resetting, saying, serving

EXPOSED = b"""\
# HELP http_requests_total All requests.
# TYPE http_requests_total counter
http_requests_total{method="GET",code="200"} 1027 1395066363000
http_requests_total{method="GET",code="500"} 3
http_requests_total{method="POST",code="200"} 40
# TYPE rpc_duration_seconds summary
rpc_duration_seconds{quantile="0.5"} 0.043
rpc_duration_seconds{quantile="0.999"} 0.9
rpc_duration_seconds_sum 17560473
rpc_duration_seconds_count 2693
# TYPE queue_bytes gauge
queue_bytes{name="a \\"b\\" \\\\ c,d={}", } 7
queue_bytes{name="/api/posts"} 1.5e3
broken NaN
endless +Inf
process_start_time_seconds 1.7e9
something_else 5
duration 3
"""


def scrape(folder: Path, body: bytes, **settings: Any) -> Any:
    with serving(saying(answer(body))) as server:
        return observe("metrics", folder, url=f"{server.url}/metrics", **settings)


def values(folder: Path, body: bytes, **settings: Any) -> dict[str, float]:
    found = scrape(folder, body, **settings)
    assert found.verdict is Verdict.OK, found.why
    return {name: value for name, value in found.numbers.items() if name != "duration"}


def measures(check: Check) -> dict[str, Measure]:
    return {one.name: one for one in check.measures}


def test_samples_become_series(tmp_path: Path) -> None:
    assert values(tmp_path, EXPOSED, take=["http_requests_total", "queue_*", "rpc_duration_seconds"]) == {
        "http_requests_total.200.GET": 1027, "http_requests_total.500.GET": 3, "http_requests_total.200.POST": 40,
        "rpc_duration_seconds_p50": 0.043, "rpc_duration_seconds_p99_9": 0.9,
        "rpc_duration_seconds_sum": 17560473, "rpc_duration_seconds_count": 2693,
        "queue_bytes.a-b-c-d": 7, "queue_bytes.api-posts": 1500,
    }  # fmt: skip


def test_units_and_totals_are_what_names_and_types_say(tmp_path: Path) -> None:
    with serving(saying(answer(EXPOSED))) as server:
        check = service("metrics", tmp_path, url=server.url, take="*").checks()[0]
        assert ask(check, tmp_path).verdict is Verdict.OK
    found = {one.name: (one.unit, one.total) for one in check.measures}
    assert found["http_requests_total.200.GET"] == (Unit.COUNT, True)
    assert found["rpc_duration_seconds_p50"] == (Unit.SECONDS, False)
    assert found["rpc_duration_seconds_sum"] == (Unit.SECONDS, True)
    assert found["rpc_duration_seconds_count"] == (Unit.COUNT, True)
    assert found["queue_bytes.api-posts"] == (Unit.BYTES, False)
    assert found["process_start_time_seconds"] == (Unit.COUNT, False)
    assert found["metric_duration"] == (Unit.COUNT, False)
    assert "broken" not in found and "endless" not in found, "what is no finite number is no sample"


def test_labels_that_are_chosen_keep_apart_and_others_are_added_up(tmp_path: Path) -> None:
    take = "http_requests_total"
    assert values(tmp_path, EXPOSED, take=take, labels=["code"]) == {f"{take}.200": 1067, f"{take}.500": 3}
    assert values(tmp_path, EXPOSED, take=take, labels=["method", "code"])[f"{take}.GET.200"] == 1027
    assert values(tmp_path, EXPOSED, take=take, labels=[]) == {take: 1070}


def test_quantiles_are_not_added_up(tmp_path: Path) -> None:
    body = b"# TYPE took summary\n" + b"".join(
        b'took{quantile="0.5",route="%s"} %s\ntook_count{route="%s"} 10\n' % (route, value, route)
        for route, value in ((b"a", b"0.2"), (b"b", b"0.9"), (b"c", b"0.1"))
    )
    assert values(tmp_path, body, take="took", labels=[]) == {"took_p50": 0.9, "took_count": 30}


def test_a_gauge_is_none_that_only_grows_whatever_it_is_called(tmp_path: Path) -> None:
    body = b"# TYPE memory_total gauge\nmemory_total 5\n# TYPE a_total untyped\na_total 1\nb_total 2\n"
    with serving(saying(answer(body))) as server:
        check = service("metrics", tmp_path, url=server.url, take="*").checks()[0]
        assert ask(check, tmp_path).verdict is Verdict.OK
    assert {one.name: one.total for one in check.measures if one.name != "duration"} == {
        "memory_total": False, "a_total": True, "b_total": True,
    }  # fmt: skip


def in_turn(bodies: Iterator[bytes]) -> Handler:
    """Answers each connection with the next of these."""

    def handle(connection: socket.socket) -> None:
        once(answer(next(bodies)))(connection)

    return handle


HISTOGRAM = """\
# TYPE http_seconds histogram
http_seconds_bucket{{path="/a",le="0.1"}} {0}
http_seconds_bucket{{path="/a",le="0.5"}} {1}
http_seconds_bucket{{path="/a",le="+Inf"}} {2}
http_seconds_sum{{path="/a"}} 9
http_seconds_count{{path="/a"}} {2}
# EOF
"""


def test_a_histogram_tells_percentiles_of_what_came_in_between(tmp_path: Path) -> None:
    bodies = [HISTOGRAM.format(*one).encode() for one in ((10, 10, 10), (10, 110, 110), (10, 110, 110), (4, 4, 8))]
    turn = itertools.cycle(bodies)
    with serving(in_turn(turn)) as server:
        check = service("metrics", tmp_path, url=server.url, take="http_seconds").checks()[0]
        first, second, third, fourth = (ask(check, tmp_path).numbers for _ in bodies)
        assert measures(check)["http_seconds_p95.a"].unit is Unit.SECONDS
    assert set(first) == {"duration", "http_seconds_sum.a", "http_seconds_count.a"}
    assert second["http_seconds_p50.a"] == pytest.approx(0.3)
    assert second["http_seconds_p95.a"] == pytest.approx(0.48)
    assert "http_seconds_p95.a" not in third, "nothing came"
    assert fourth["http_seconds_p50.a"] == pytest.approx(0.1), "the app began anew"
    assert fourth["http_seconds_p99.a"] == 0.5, "beyond the last bound nobody knows"


def test_a_quantile_is_that_of_promql() -> None:
    buckets = [(1.0, 0.0), (2.0, 50.0), (4.0, 90.0), (float("inf"), 100.0)]
    assert [quantile_of(buckets, q) for q in (0.25, 0.5, 0.7, 0.9, 0.95, 1)] == [1.5, 2.0, 3.0, 4.0, 4.0, 4.0]
    assert quantile_of([(0.0, 5.0), (float("inf"), 5.0)], 0.5) == 0.0


def test_openmetrics_is_read_too(tmp_path: Path) -> None:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

    registry = CollectorRegistry()
    Counter("jobs", "Jobs.", ["kind"], registry=registry).labels('a "b"\n\\').inc(3)
    Gauge("queue", "Queue.", registry=registry).set(-7)
    Histogram("took_seconds", "Took.", registry=registry).observe(0.2, {"trace_id": "abc"})
    exposed: bytes = openmetrics(registry)  # type: ignore[no-untyped-call]
    found = values(tmp_path, exposed, take=["jobs", "queue", "took_seconds"])
    assert found == {"jobs_total.a-b": 3, "queue": -7, "took_seconds_count": 1, "took_seconds_sum": 0.2}


def test_a_metric_that_is_missing_is_a_failure_that_says_which(tmp_path: Path) -> None:
    found = scrape(tmp_path, EXPOSED, take=["http_requests_total", "no_such", "absent_*"])
    assert found.verdict is Verdict.FAILED
    assert found.why == "it does not expose no_such, absent_*"
    assert found.numbers["http_requests_total.200.GET"] == 1027, "what is there is kept"


def test_there_are_never_too_many_series_and_the_old_ones_stay(tmp_path: Path) -> None:
    def body(first: int) -> bytes:
        return "".join(f'hits{{id="{n}"}} 1\n' for n in range(first, first + 300)).encode()

    turn = iter([body(5000), body(4900)])
    with serving(in_turn(turn)) as server:
        check = service("metrics", tmp_path, url=server.url, take="hits", most=50).checks()[0]
        first, second = ask(check, tmp_path), ask(check, tmp_path)
    assert first.verdict is second.verdict is Verdict.OK
    assert first.facts["left out"] == "250 more series than `most` allows"
    assert set(first.numbers) == set(second.numbers) == {"duration", *(f"hits.{n}" for n in range(5000, 5050))}
    assert len(check.measures) == 51


BIG = b"a_metric 1\n" * 200_000
FAILED = [
    (saying(answer(b"<html>hello</html>")), "no exposition of metrics: line 1 is no sample"),
    (saying(answer(b'{"a": 1}')), "no exposition of metrics"),
    (saying(answer(b"")), "it does not expose a_metric"),
    (saying(answer(b"a_metric\n")), "line 1 has no number"),
    (saying(answer(b"a_metric one\n")), "line 1 has no number"),
    (saying(answer(b'a_metric{b="} 1\n')), "line 1 has labels that cannot be read"),
    (saying(answer(b"a_metric{b} 1\n")), "line 1 has labels that cannot be read"),
    (saying(answer(b"a_metric{" + b",".join(b'l%d="x"' % n for n in range(1000)) + b"} 1\n")), "labels that cannot be"),
    (saying(answer(b"\0\xff\xfe" * 1000)), "line 1 is no sample"),
    (saying(answer(b"a_metric 1\n", "404 Not Found")), "it answers with status 404"),
    (saying(answer(b"a_metric 1\n", "200 OK", "Content-Encoding: gzip")), "compressed"),
    (saying(answer(BIG)), "exposes more than 1000000 bytes"),
    (for_ever(b"HTTP/1.1 200 OK\r\n\r\n", b"a_metric 1\n" * 1000), "exposes more than 1000000 bytes"),
    (resetting, "reset the connection"),
]


@pytest.mark.parametrize(("handler", "why"), FAILED, ids=range(len(FAILED)))
def test_what_is_wrong_is_told(tmp_path: Path, handler: Any, why: str) -> None:
    with serving(handler) as server:
        found = observe("metrics", tmp_path, url=server.url, take="a_metric", max_size="1MB")
    assert found.verdict is Verdict.FAILED, found
    assert why in found.why


def test_a_secret_is_sent_and_never_told(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("very-secret-token")
    with serving(saying(answer(b"very-secret-token", "401 Unauthorized"))) as server:
        found = observe("metrics", tmp_path, url=server.url, take="x", bearer={"file": "token"})
        _sent(server)
    assert "very-secret" not in str(found)


def _sent(server: Server) -> None:
    assert server.connections == 1


@pytest.mark.parametrize(
    "settings",
    [{}, {"take": []}, {"take": "a b"}, {"take": "a{b}"}, {"take": "x", "most": 0}, {"take": "x", "labels": ["a-b"]},
     {"take": "x", "max_size": "1GB"}, {"take": "x", "ssh": "host"}],
)  # fmt: skip
def test_settings_that_cannot_be(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        service("metrics", tmp_path, url="http://localhost:9090/metrics", **settings)


def test_a_large_exposition_of_which_little_is_wanted_is_quick() -> None:
    text = "".join(f'hits{{path="/a/{n}",method="GET"}} {n}\n' for n in range(50_000)) + "wanted 1\n"
    begun = time.process_time()
    assert [one.name for one in read(text, lambda name: name == "wanted").samples] == ["wanted"]
    assert time.process_time() - begun < 1
    begun = time.process_time()
    assert len(read(text, lambda name: True).samples) == 50_001
    assert time.process_time() - begun < 3


@given(st.text() | st.text(alphabet='ab_{}="\\,. \n#01e+-Inf'))
def test_whatever_is_exposed_is_read_or_refused(text: str) -> None:
    try:
        found = read(text, lambda name: True)
    except NoExpositionError:
        return
    assert all(one.name for one in found.samples)
