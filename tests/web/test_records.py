"""Exports and the audit trail over the API."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from daytwo.access.roles import Role
from tests.web.client import TestClient
from tests.web.conftest import World

ORDERS: dict[str, Any] = {"who": "anna", "what": "orders", "rows": 3, "destination": "acme"}


@pytest.fixture
def operator(world: World) -> TestClient:
    return world.bearer(Role.OPERATOR)


@pytest.fixture
def admin(world: World) -> TestClient:
    return world.bearer(Role.ADMIN)


def test_an_export_is_recorded_once_however_often_it_is_sent(world: World, operator: TestClient) -> None:
    first = operator.post("/api/exports", json=ORDERS, headers={"Idempotency-Key": "k1"})
    again = operator.post("/api/exports", json={**ORDERS, "key": "k1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    number = first.json()["data"]["number"]
    assert operator.get(f"/api/exports/{number}").json() == first.json()
    assert operator.get("/api/exports").json() == {"data": [first.json()["data"]], "next": None}


def test_the_same_key_for_something_else_is_a_conflict(operator: TestClient) -> None:
    operator.post("/api/exports", json=ORDERS, headers={"Idempotency-Key": "k1"})
    answer = operator.post("/api/exports", json={**ORDERS, "rows": 4}, headers={"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({**ORDERS, "key": "a"}, {"Idempotency-Key": "b"}),
        (ORDERS, {"Idempotency-Key": "two words"}),
        (ORDERS, {"Idempotency-Key": ""}),
        ({**ORDERS, "rows": "many"}, {}),
        ({**ORDERS, "rows": -1}, {}),
        ({**ORDERS, "colour": "red"}, {}),
        ({"who": "anna"}, {}),
        ([], {}),
    ],
)
def test_what_makes_no_sense_is_refused(operator: TestClient, body: object, headers: dict[str, str]) -> None:
    assert operator.post("/api/exports", json=body, headers=headers).status_code == 422
    assert operator.get("/api/exports").json()["data"] == []


@pytest.mark.parametrize(
    "question",
    ["?text=ab", "?after=x", "?who=%00", "?since=yesterday", "?until=-2e-16", "?until=5", "?status=done", "?limit=0", "/0", "/x", ".csv?text=ab",
     "/report?by=colour", "/report?since=2026-13-01"],
)  # fmt: skip
def test_a_wrong_question_is_told(operator: TestClient, question: str) -> None:
    operator.post("/api/exports", json=ORDERS)
    answer = operator.get(f"/api/exports{question}")
    assert (answer.status_code, "error" in answer.json()) == (422, True)


def test_filter_report_and_csv(operator: TestClient) -> None:
    for number in range(3):
        operator.post("/api/exports", json={**ORDERS, "rows": number, "who": f"=person {number}"})
    assert [one["rows"] for one in operator.get("/api/exports?text=person%20acme&limit=2").json()["data"]] == [2, 1]
    following = operator.get("/api/exports?limit=2").json()["next"]
    assert [one["rows"] for one in operator.get(f"/api/exports?limit=2&after={following}").json()["data"]] == [0]
    assert operator.get("/api/exports/report?by=destination").json()["data"]["rows"] == 3
    answer = operator.get("/api/exports.csv?destination=acme")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.count("'=person") == 3
    assert operator.get("/api/exports/99").status_code == 404


def test_a_token_of_another_area_and_a_viewer_may_not_record(world: World) -> None:
    limited = world.bearer(Role.ADMIN, areas=frozenset({"runs"}))
    for client in (limited, world.bearer(Role.VIEWER)):
        assert client.post("/api/exports", json=ORDERS).status_code == 403
    assert world.bearer(Role.OPERATOR, areas=frozenset({"exports"})).post("/api/exports", json=ORDERS).is_success


def test_the_trail_knows_who_recorded_an_export(world: World, operator: TestClient, admin: TestClient) -> None:
    operator.post("/api/exports", json=ORDERS)
    (event,) = admin.get("/api/audit?action=export").json()["data"]
    assert (event["via"], event["source"], event["subject"]) == ("token", "192.0.2.7", "export 1")
    lines = admin.get("/api/audit/export?action=export.add").text.splitlines()
    assert json.loads(lines[0])["hash"] == event["hash"]
    assert admin.get("/api/audit/export?format=csv").text.startswith("chain,seq,")


def test_verify_over_the_api(world: World, operator: TestClient, admin: TestClient) -> None:
    operator.post("/api/exports", json=ORDERS)
    assert admin.get("/api/audit/verify").json()["data"]["whole"]
    with world.house.database.begin() as connection:
        connection.execute(sa.text("UPDATE exports SET rows = 99"))
    verdict = admin.get("/api/audit/verify").json()["data"]
    assert (verdict["whole"], verdict["findings"][0]["what"]) == (False, "changed")
    assert operator.get("/api/audit").status_code == 403
