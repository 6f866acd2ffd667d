"""Pings over HTTP, as healthchecks.io has them; and the API that shows what came of them."""

import asyncio
import sqlite3
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import httpx
import pytest

from daytwo.access.roles import Role
from daytwo.ledger.heartbeats import Kind, Ping
from daytwo.serve.watchman import promises
from tests.web.client import TestClient
from tests.web.conftest import CONFIG, Build, World

HEARTBEATS = CONFIG + "heartbeats: {job: {every: 1h}, other: {at: '0 3 * * *'}}\n"


@pytest.fixture
def world(build: Build) -> World:
    """The application with two heartbeats."""
    made = build("url: 'https://ops.example.com'", HEARTBEATS)
    promised = promises(made.house.current())
    made.house.writer.run(
        lambda connection: made.house.heartbeats.synchronise(connection, promised, made.clock())
    )  # fmt: skip
    return made


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with world.client() as made:
        yield made


@pytest.fixture
def base(world: World) -> str:
    return f"/ping/{world.house.heartbeats.get('job').ping}"


def newest(world: World) -> Ping:
    return world.house.heartbeats.pings("job", 1)[0]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    ("path", "kind", "code"),
    [
        ("", Kind.SUCCESS, None),
        ("/start", Kind.START, None),
        ("/fail", Kind.FAIL, None),
        ("/log", Kind.LOG, None),
        ("/0", Kind.SUCCESS, 0),
        ("/1", Kind.FAIL, 1),
        ("/255", Kind.FAIL, 255),
    ],
)
def test_a_report(
    world: World, client: TestClient, base: str, method: str, path: str, kind: Kind, code: int | None
) -> None:
    answer = client.request(method, base + path, headers={"User-Agent": "curl/8.5"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == ("" if method == "HEAD" else "OK")
    ping = newest(world)
    assert (ping.kind, ping.exit_code, ping.source, ping.agent) == (kind, code, "192.0.2.7", "curl/8.5")


@pytest.mark.parametrize("path", ["/256", "/-1", "/begin", "/START", "/1e2", "/²", "/down", "/late"])
def test_what_is_no_report(client: TestClient, base: str, path: str) -> None:
    assert client.get(base + path).status_code == 404


@pytest.mark.parametrize("id", ["00000000-0000-4000-8000-000000000000", "nothing", "'", "%00", "x" * 36])
def test_an_unknown_id(client: TestClient, id: str) -> None:
    answer = client.get(f"/ping/{id}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


def test_capitals_in_an_id(client: TestClient, base: str) -> None:
    assert client.get(f"/ping/{base.removeprefix('/ping/').upper()}").status_code == 200


def test_start_and_end_of_a_run_belong_together(world: World, client: TestClient, base: str) -> None:
    first, second = uuid.uuid4(), uuid.uuid4()
    client.get(f"{base}/start", params={"rid": str(first)})
    world.clock.advance(10)
    client.get(f"{base}/start", params={"rid": str(second).upper()})
    world.clock.advance(5)
    client.get(base, params={"rid": str(first)})
    assert (newest(world).duration, newest(world).rid) == (15_000, str(first))
    client.post(f"{base}/3", params={"rid": str(second)})
    assert (newest(world).duration, newest(world).rid) == (5_000, str(second))


def test_a_rid_that_is_none(world: World, client: TestClient, base: str) -> None:
    for count, rid in enumerate(("monday", "", "5", "x" * 2000, "\0", "00000000-0000-0000-0000-00000000000g"), start=1):
        assert client.get(base, params={"rid": rid}).text == "OK", "the report counts, whatever names its run"
        assert (newest(world).seq, newest(world).rid) == (count, "")


def test_what_the_job_printed(world: World, client: TestClient, base: str) -> None:
    client.post(f"{base}/fail", content="first\nlast: ü\x00\xff".encode("latin-1"))
    assert newest(world).excerpt == "first\nlast: \ufffd\ufffd"


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
def test_a_report_with_a_long_log_counts_too(world: World, client: TestClient, base: str, *, chunked: bool) -> None:
    log = b"x" * 99_997 + b"end" + b"y" * 3_000_000
    content = (log[at : at + 50_000] for at in range(0, len(log), 50_000)) if chunked else log
    assert client.post(base, content=content).text == "OK"
    assert newest(world).excerpt == "x" * 9_997 + "end"


def test_f31_a_sender_that_hangs_up_has_reported(world: World, base: str) -> None:
    """It said all that matters with its first line."""

    async def parts() -> AsyncIterator[dict[str, object]]:
        yield {"type": "http.request", "body": b"half a l", "more_body": True}
        yield {"type": "http.disconnect"}

    source = parts()
    scope = {
        "type": "http", "method": "POST", "path": f"{base}/1", "raw_path": f"{base}/1".encode(), "query_string": b"",
        "headers": [], "client": ("192.0.2.7", 1), "server": ("testserver", 80), "scheme": "http",
        "http_version": "1.1", "root_path": "",
    }  # fmt: skip

    async def send(message: object) -> None:
        pass

    asyncio.run(world.app(scope, lambda: anext(source), send))
    assert (newest(world).kind, newest(world).excerpt) == (Kind.FAIL, "half a l")


def test_f31_no_report_is_turned_away_because_many_come_at_once(world: World, base: str) -> None:
    """The first pings after a start, whose ids nobody has in memory yet."""

    async def crowd() -> set[int]:
        transport = httpx.ASGITransport(world.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            answers = await asyncio.gather(*(client.get(base) for _ in range(40)))
        return {answer.status_code for answer in answers}

    assert asyncio.run(crowd()) == {200}
    assert world.house.heartbeats.get("job").pings == 40


def test_f31_what_was_acknowledged_is_committed(world: World, client: TestClient, base: str) -> None:
    client.get(base)
    with closing(sqlite3.connect(world.stage.url.file)) as other:
        assert other.execute("select count(*) from pings").fetchone() == (1,)


def test_f31_what_cannot_be_committed_is_not_acknowledged(world: World, client: TestClient, base: str) -> None:
    client.get(base)
    with closing(sqlite3.connect(world.stage.url.file)) as other, other:
        other.execute(
            "create trigger full before insert on pings begin select raise(fail, 'database or disk is full'); end"
        )
    answer = client.get(base)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "state"
    assert world.house.heartbeats.get("job").pings == 1


def test_guessing_does_not_keep_the_state_busy(
    world: World, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    monkeypatch.setattr("daytwo.web.routes.heartbeats._APART", 0.05)
    monkeypatch.setattr(type(world.house.heartbeats), "learn", lambda book: looks.append(1))

    async def guess() -> None:
        transport = httpx.ASGITransport(world.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as guesser:
            answers = await asyncio.gather(*(guesser.get(f"/ping/{uuid.uuid4()}") for _ in range(50)))
            assert {answer.status_code for answer in answers} == {404}

    asyncio.run(guess())
    assert len(looks) <= 3


def test_behind_a_proxy_the_source_is_the_jobs(build: Build) -> None:
    made = build("trusted_proxies: [192.0.2.7]", HEARTBEATS)
    promised = promises(made.house.current())
    book = made.house.heartbeats
    made.house.writer.run(lambda connection: book.synchronise(connection, promised, made.clock()))
    made.client().get(f"/ping/{book.get('job').ping}", headers={"X-Forwarded-For": "198.51.100.9"})
    assert newest(made).source == "198.51.100.9"


# The API


def test_the_list(world: World, client: TestClient, base: str) -> None:
    client.get(f"{base}/7")
    job, other = world.bearer(Role.OPERATOR).get("/api/heartbeats").json()["data"]
    assert (job["name"], job["state"], job["exit_code"]) == ("job", "failing", 7)
    assert job["due"] == "2026-11-21T07:00:00Z"
    assert job["url"] == f"https://ops.example.com{base}"
    assert (other["name"], other["state"], other["reported"]) == ("other", "new", None)
    assert other["promise"] == "at 0 3 * * * (UTC), grace 0:05:00"


def test_a_viewer_is_not_told_where_jobs_report(world: World, base: str) -> None:
    for path in ("/api/heartbeats", "/api/heartbeats/job"):
        answer = world.bearer(Role.VIEWER).get(path)
        assert answer.status_code == 200
        assert base not in answer.text


def test_one_with_its_newest_pings_in_pages(world: World, client: TestClient, base: str) -> None:
    for code in range(5):
        client.get(f"{base}/{code}")
    viewer = world.bearer(Role.VIEWER)
    answer = viewer.get("/api/heartbeats/job", params={"limit": 3}).json()["data"]["pings"]
    assert [ping["exit_code"] for ping in answer["data"]] == [4, 3, 2]
    rest = viewer.get("/api/heartbeats/job", params={"limit": 3, "after": answer["next"]}).json()["data"]["pings"]
    assert [ping["exit_code"] for ping in rest["data"]] == [1, 0]
    assert rest["next"] is None
    assert viewer.get("/api/heartbeats/job", params={"after": "²"}).status_code == 422
    assert viewer.get("/api/heartbeats/nothing").status_code == 404


def test_a_report_by_name(world: World) -> None:
    rid = str(uuid.uuid4())
    body = {"kind": "fail", "exit_code": 2, "duration_ms": 1500, "rid": rid, "excerpt": "boom"}
    answer = world.bearer(Role.OPERATOR).post("/api/heartbeats/job/pings", json=body)
    assert (answer.status_code, answer.json()) == (201, {"data": {"ping": 1}})
    ping = newest(world)
    assert (ping.kind, ping.exit_code, ping.duration, ping.rid, ping.excerpt) == (Kind.FAIL, 2, 1500, rid, "boom")
    assert ping.agent == "daytwo run (token operator 0)"


@pytest.mark.parametrize(
    "body",
    [{}, {"kind": "down"}, {"kind": "fail", "exit_code": 256}, {"kind": "fail", "duration_ms": -1}, {"kind": "x"}],
)
def test_a_report_by_name_that_makes_no_sense(world: World, body: dict[str, object]) -> None:
    assert world.bearer(Role.OPERATOR).post("/api/heartbeats/job/pings", json=body).status_code == 422


def test_a_report_for_nothing(world: World) -> None:
    answer = world.bearer(Role.OPERATOR).post("/api/heartbeats/nothing/pings", json={"kind": "start"})
    assert answer.status_code == 404


def test_a_new_id(world: World, client: TestClient, base: str) -> None:
    assert client.get(base).text == "OK"
    url = world.bearer(Role.ADMIN).post("/api/heartbeats/job/rotate").json()["data"]["url"]
    assert client.get(base).status_code == 404
    assert client.get(url.removeprefix("https://ops.example.com")).text == "OK"


def test_one_gone_from_the_configuration_still_has_its_id(world: World, client: TestClient, base: str) -> None:
    world.house.writer.run(
        lambda connection: world.house.heartbeats.synchronise(connection, {}, world.clock())
    )  # fmt: skip
    assert client.get(base).text == "OK"
    assert all(one["missing"] for one in world.bearer(Role.VIEWER).get("/api/heartbeats").json()["data"])
