"""Incidents and on-call over HTTP, and as a command sees them through the daemon."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daytwo.access.roles import Principal, Role, Via
from daytwo.cli.incident_books import AfarIncidents, AfarOncall
from daytwo.core.errors import ConflictError, DaytwoError, NotFoundError, error_class
from daytwo.respond.incidents.model import State
from daytwo.respond.incidents.orders import Acknowledge, AddAction, Assign, Evidence, Open, Resolve
from daytwo.respond.oncall import Take
from tests.respond.stage import CONFIG
from tests.web.client import TestClient
from tests.web.conftest import Build, World

ME = Principal("anna", Via.CLI, Role.OPERATOR)


@pytest.fixture
def shop(build: Build, tmp_path: Path) -> World:
    return build(config=CONFIG)


class Line:
    """A stand-in for the client's Unix socket: the same questions, asked of the application directly."""

    def __init__(self, client: TestClient) -> None:
        self._client = client

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._client.request(method, path, json=body)
        told = answer.json()
        if "error" in told:
            problem = told["error"]
            raise error_class(problem["code"])(problem["message"], hint=problem["hint"])
        return told["data"]

    def listed(self, path: str, limit: int, after: str | None = None, **query: Any) -> tuple[list[Any], str | None]:
        told = self._client.get(path, params={**query, "limit": min(limit, 500)}).json()
        return told["data"], told["next"]

    def download(self, path: str) -> Iterator[bytes]:
        answer = self._client.get(path)
        assert answer.status_code == 200, answer.text
        yield answer.content


@pytest.fixture
def line(shop: World) -> Any:
    return Line(shop.bearer(Role.OPERATOR))


def test_a_life_through_the_daemon(shop: World, line: Any) -> None:
    books = AfarIncidents(line)
    opened = books.open(Open(title="Down", severity="P1", services=("web",)), ME)
    assert (opened.number, opened.state) == (1, State.OPEN)
    assert books.act(1, Acknowledge(), ME).acknowledged_by.startswith("token operator"), "whom the daemon knows"
    assert books.act(1, Assign(person="bob"), ME).assigned == "bob"
    with pytest.raises(ConflictError, match="has open lines"):
        books.act(1, Resolve(cause="x"), ME)
    books.act(1, AddAction.model_validate({"text": "A cable", "owner": "bob", "due": "2026-12-01"}), ME)
    books.act(1, Evidence(name="e.tar.gz", sha256="0" * 64, files=3), ME)
    books.act(1, Resolve(cause="x", anyway=True), ME)
    assert books.all(over=False, limit=50) == ()
    [one] = books.all(over=True, limit=50)
    assert one.incident.resolved is not None
    assert "evidence" in [entry.what for entry in books.get(1).timeline]
    assert books.review(1).startswith("# Review: P1 incident 1, Down\n")
    [action] = books.actions(done=False)
    books.finish(action.number, ME)
    assert books.actions(done=False) == ()
    assert books.figures(30).grades[-1].incidents == 1
    with pytest.raises(NotFoundError):
        books.get(2)


def test_on_call_through_the_daemon(shop: World, line: Any) -> None:
    books = AfarOncall(line)
    [now] = books.now(None)
    assert (now.rota, now.person, now.following) == ("primary", "bob", "anna")
    [later] = books.now(shop.clock().replace(day=24))
    assert later.person == "anna"
    order = Take(person="carl", end=shop.clock().replace(hour=10))
    assert books.take("primary", order, ME).person == "carl"
    assert [one.person for one in books.rota("primary", None, 1).shifts] == ["carl", "bob"]
    assert books.calendar("primary").startswith("BEGIN:VCALENDAR\r\n")
    with pytest.raises(DaytwoError, match="no person zed"):
        books.take("primary", Take(person="zed", end=order.end), ME)
    with pytest.raises(DaytwoError, match="cannot be taken over"):
        books.take("primary", Take(person="anna", end=shop.clock().replace(hour=1)), ME)


def test_the_feed_is_a_calendar_for_a_token_of_its_area(shop: World) -> None:
    reader = shop.bearer(Role.VIEWER, areas=frozenset({"oncall"}))
    answer = reader.get("/api/oncall/primary.ics")
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert reader.get("/api/incidents").status_code == 403
    assert reader.get("/api/oncall/nobody.ics").status_code == 404


def test_a_viewer_changes_nothing(shop: World) -> None:
    viewer = shop.bearer(Role.VIEWER)
    assert viewer.post("/api/incidents", json={"title": "x", "severity": "P1"}).status_code == 403
    shop.bearer(Role.OPERATOR).post("/api/incidents", json={"title": "x", "severity": "P1"})
    assert viewer.post("/api/incidents/1/ack", json={}).status_code == 403
    assert viewer.get("/api/incidents/1").json()["data"]["incident"]["state"] == "open"


@pytest.mark.parametrize(
    "body",
    [
        {"title": "", "severity": "P1"}, {"title": "a\nb", "severity": "P1"}, {"title": "a\u0000b", "severity": "P1"},
        {"title": "x" * 201, "severity": "P1"}, {"title": "x", "severity": "P1", "state": "resolved"},
        {"title": "x", "severity": "no such"}, {"title": "x", "severity": "P7"},
        {"title": "x", "severity": "P1", "services": ["nope"]},
    ],
    ids=lambda body: json.dumps(body)[:30],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(shop: World, body: dict[str, Any]) -> None:
    answer = shop.bearer(Role.OPERATOR).post("/api/incidents", json=body)
    assert answer.status_code == 422, answer.text
    assert shop.bearer(Role.VIEWER).get("/api/incidents?all=true").json()["data"] == []


def test_pages_of_a_list(shop: World) -> None:
    operator = shop.bearer(Role.OPERATOR)
    for number in range(5):
        operator.post("/api/incidents", json={"title": f"number {number}", "severity": "P3"})
    first = operator.get("/api/incidents?limit=3").json()
    rest = operator.get(f"/api/incidents?limit=3&after={first['next']}").json()
    assert [one["incident"]["number"] for one in (*first["data"], *rest["data"])] == [5, 4, 3, 2, 1]
    assert rest["next"] is None
