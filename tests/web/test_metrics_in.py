"""Numbers that apps hand in, and traffic as the API tells of it."""

from datetime import timedelta
from typing import Any

import pytest

from daytwo.access.roles import Role
from daytwo.watch.logs import Line
from daytwo.watch.numbers import Last
from daytwo.watch.traffic.pushed import MOST_SERIES
from daytwo.watch.traffic.reader import AccessReader
from tests.web.conftest import World


def one(name: str = "orders", value: Any = 3, **more: Any) -> dict[str, Any]:
    return {"metrics": [{"name": name, "value": value, **more}]}


def newest(world: World, name: str) -> Last | None:
    with world.house.database.read() as connection:
        return world.house.numbers.last(connection, f"app.{name}", world.clock())


def test_numbers_are_stored_when_it_answers(world: World) -> None:
    client, at = world.bearer(Role.OPERATOR), world.clock() - timedelta(minutes=5)
    body = {
        "metrics": [
            {"name": "orders", "value": 3},
            {"name": "paid.total", "value": 7, "kind": "counter", "unit": "count"},
            {"name": "took", "value": 0.25, "unit": "s", "at": at.isoformat()},
        ]
    }
    answer = client.post("/api/metrics", json=body)
    assert (answer.status_code, answer.json()) == (200, {"data": {"stored": 3}})
    found = {one["name"]: one for one in client.get("/api/series?pattern=app.*").json()["data"]}
    assert {name: (one["value"], one["unit"], one["total"]) for name, one in found.items()} == {
        "app.orders": (3, "count", False), "app.paid.total": (7, "count", True), "app.took": (0.25, "s", False),
    }  # fmt: skip
    last = newest(world, "took")
    assert last is not None
    assert abs(last.at - at) < timedelta(milliseconds=1)


def test_repeating_replaces(world: World) -> None:
    client, at = world.bearer(Role.OPERATOR), world.clock().isoformat()
    for value in (1, 2, 2):
        assert client.post("/api/metrics", json=one(value=value, at=at)).status_code == 200
    world.clock.now += timedelta(seconds=1)
    chart = client.get("/api/series/app.orders?since=1h").json()["data"]
    assert (chart["count"], chart["mean"]) == (1, 2)


REFUSED = [
    one("1st"), one("a b"), one("a" * 121), one("ä"), one("a\n"), one(""), one(value="3"), one(value=True), one(value=None),
    one(value=1e301), one(unit="miles"), one(kind="sum"), one(at="yesterday"), one(at="2026-11-21T03:00:00"), one(at=7),
    one(at="9999-12-31T23:59:59-12:00"), one(at="0001-01-01T00:00:00+14:00"),
    one(extra=1), {"metrics": []}, {"metrics": [{"name": "a", "value": 1}] * 2}, {},
    {"metrics": [{"name": f"a{n}", "value": 1} for n in range(501)]}, [],
]  # fmt: skip


@pytest.mark.parametrize("body", REFUSED, ids=range(len(REFUSED)))
def test_what_makes_no_sense_is_refused(world: World, body: Any) -> None:
    answer = world.bearer(Role.OPERATOR).post("/api/metrics", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 400])
def test_what_is_no_finite_number_is_refused(world: World, value: str) -> None:
    body = f'{{"metrics": [{{"name": "a", "value": {value}}}]}}'
    answer = world.bearer(Role.OPERATOR).post(
        "/api/metrics", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code in (400, 422), answer.text


@pytest.mark.parametrize(
    ("ago", "why"),
    [(timedelta(minutes=-3), "ahead of the daemon's clock"), (timedelta(hours=49), "longer ago than samples are kept")],
)
def test_times_that_cannot_be_refuse_all_of_it(world: World, ago: timedelta, why: str) -> None:
    late = {"name": "late", "value": 1, "at": (world.clock() - ago).isoformat()}
    answer = world.bearer(Role.OPERATOR).post("/api/metrics", json={"metrics": [{"name": "good", "value": 1}, late]})
    assert answer.status_code == 422
    assert why in answer.json()["error"]["message"]
    assert newest(world, "good") is None


def test_there_are_never_too_many_series(world: World) -> None:
    client = world.bearer(Role.OPERATOR)
    for first in range(0, MOST_SERIES, 500):
        body = {"metrics": [{"name": f"n{n}", "value": 1} for n in range(first, first + 500)]}
        assert client.post("/api/metrics", json=body).status_code == 200
    answer = client.post("/api/metrics", json=one("one-more"))
    assert answer.status_code == 409
    assert "leave that out" in answer.json()["error"]["hint"]
    assert client.post("/api/metrics", json=one("n7", 2)).status_code == 200, "those that are there go on"


def test_a_token_can_be_for_this_only(world: World) -> None:
    client = world.bearer(Role.OPERATOR, areas=frozenset({"metrics"}))
    assert client.post("/api/metrics", json=one()).status_code == 200
    assert client.get("/api/series").status_code == 403
    assert world.bearer(Role.VIEWER).post("/api/metrics", json=one()).status_code == 403


def test_traffic_by_log_and_by_route(build: Any) -> None:
    world = build(
        config="app: shop\ntimezone: UTC\nservices:\n  data: {kind: files, path: ./data}\n"
        "logs: {web: {file: access.log, access: nginx, routes: {home: /}}}\n"
    )
    world.clock.advance(5)
    house = world.house
    reader = AccessReader(house.current().logs, house.database, house.numbers, world.clock)
    stamp = world.clock().strftime("%d/%b/%Y:%H:%M:%S +0000")
    line = f'192.0.2.1 - - [{stamp}] "GET / HTTP/1.1" 500 5 "-" "curl" 0.250'
    write = reader.read("web", [Line(round(world.clock().timestamp() * 1000), line)])
    assert write is not None
    house.writer.run(lambda connection: write(connection, world.clock()))
    client = world.bearer(Role.VIEWER)
    [log] = client.get("/api/traffic").json()["data"]
    assert (log["name"], log["requests"], log["error_rate"], log["p95"]) == ("web", 1, 1.0, 0.25)
    found = client.get("/api/traffic/web?since=5m").json()["data"]
    assert [route["name"] for route in found["routes"]] == ["home"]
    assert client.get("/api/traffic/wib").status_code == 404
    assert client.get("/api/traffic?since=soon").status_code == 422
