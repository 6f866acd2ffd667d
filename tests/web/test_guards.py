"""What stands before every route, and what becomes of a state that cannot be used."""

import sqlite3
from contextlib import closing

import sqlalchemy as sa

from daytwo.access.roles import Role
from tests.web.conftest import World


def test_what_has_not_changed_is_not_sent_again(world: World) -> None:
    client = world.bearer(Role.VIEWER)
    first = client.get("/api/config")
    again = client.get("/api/config", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert client.get("/api/config", headers={"If-None-Match": '"other"'}).status_code == 200
    assert client.get("/api/config", headers={"If-None-Match": f'"x", W/{first.headers["etag"]}'}).status_code == 304


def test_an_error_has_no_etag_and_is_in_the_envelope(world: World) -> None:
    answer = world.bearer(Role.VIEWER).get("/api/runs/nothing")
    assert "etag" not in answer.headers
    assert answer.json() == {"error": {"code": "not_found", "message": "there is no run nothing", "hint": ""}}
    assert set(world.client().get("/api/no-such-thing").json()) == {"error"}


def test_a_body_that_is_too_large_or_lies_about_it(world: World) -> None:
    client = world.bearer(Role.OPERATOR)
    assert client.post("/api/exports", content=b"x" * (1 << 20)).status_code in (400, 422)
    assert client.post("/api/exports", content=b"x" * ((1 << 20) + 1)).status_code == 413
    assert client.post("/api/exports", content=b"{}", headers={"Content-Length": "many"}).status_code == 413
    drip = (b"x" * 100_000 for _ in range(20))
    answer = client.post("/api/exports", content=drip)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_f35_a_locked_state_is_our_trouble_and_said_so(world: World) -> None:
    world.house.writer.run(lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout=100"))
    client = world.bearer(Role.OPERATOR)
    order = {"who": "ada", "what": "orders", "rows": 1, "destination": "s3://there"}
    with closing(sqlite3.connect(world.house.database.url.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = client.post("/api/exports", json=order)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "state")
        assert "locked" in answer.json()["error"]["message"]
        assert client.get("/api/exports").json()["data"] == [], "reading goes on"
        other.execute("ROLLBACK")
    assert client.post("/api/exports", json=order).status_code == 201
    assert len(client.get("/api/exports").json()["data"]) == 1


def test_a_full_state_refuses_and_loses_nothing(world: World) -> None:
    client = world.bearer(Role.OPERATOR)
    order = {"who": "ada", "what": "orders", "rows": 1, "destination": "s3://there"}
    assert client.post("/api/exports", json=order).status_code == 201

    def fill(connection: sa.Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    world.house.writer.run(fill)
    answers = [client.post("/api/exports", json={**order, "note": "x" * 900}) for _ in range(40)]
    assert answers[-1].status_code == 503
    assert "full" in answers[-1].json()["error"]["message"]
    taken = sum(one.status_code == 201 for one in answers)
    assert len(client.get("/api/exports").json()["data"]) == 1 + taken
    world.house.writer.run(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count=1000000"))
    assert client.post("/api/exports", json=order).status_code == 201
    assert world.house.audit.verify(()).whole


def test_head_is_answered_wherever_get_is(world: World) -> None:
    answer = world.client().head("/api/health")
    assert answer.status_code == 200
    assert world.client().head("/api/runs").status_code == 401


def test_a_slash_too_many_is_told_and_not_swallowed_by_a_redirect(world: World) -> None:
    assert world.client().get("/api/health/").status_code == 404


def test_the_api_page_runs_nothing_and_loads_nothing_from_elsewhere(world: World) -> None:
    text = world.client().get("/api/docs").text
    assert "GET /api/runs" in text
    assert "<script" not in text
    assert "//" not in text.replace("http://www.w3.org", "")
    assert world.client(headers={"Accept": "text/html"}).get("/").headers["location"] == "/login"
