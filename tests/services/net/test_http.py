"""Kind `http` against servers on real sockets that do as they should."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from daytwo.core.check import Verdict
from daytwo.core.service import AnyService
from tests.contract.checks import CheckCase, CheckContract
from tests.services.net.asking import observe, service
from tests.services.net.certs import sign
from tests.services.net.servers import Server, answer, free_port, hanging, once, request_of, saying, serving

HEALTH = {"data": {"status": "ok", "overall": {"score": 87.5}}, "items": [{"up": True}, {"up": False}], "count": 1}
JSON = "Content-Type: application/json"


def healthy(data: object = HEALTH, *headers: str) -> bytes:
    return answer(json.dumps(data).encode(), "200 OK", JSON, *headers)


class HttpCase(CheckCase):
    """An API over TLS with a token, and one without."""

    secrets = ("token-of-forty-signs", "a-password")
    sometimes = frozenset({"resolve", "tls", "certificate_left"})

    def __init__(self, folder: Path, good: Server, plain: Server, hangs: Server, echoes: Server) -> None:
        self.folder = folder
        self.servers = (good, plain, hangs, echoes)
        (folder / "token").write_text("token-of-forty-signs\n")
        (folder / "password").write_text("a-password\n")

    def _service(self, **settings: object) -> AnyService:
        return service("http", self.folder, **settings)

    def good(self) -> list[AnyService]:
        good, plain, _, _ = self.servers
        return [
            self._service(
                url=good.url, ca="ca.pem", health="/api/health", bearer={"file": "token"},
                json={"data.status": "ok"}, numbers={"score": "data.overall.score"},
                also={"items": {"path": "/items", "json": ["length(items) > `1`"]}},
            ),
            self._service(url=plain.url, connection="kept"),
            self._service(url=plain.url, redirects=0, basic={"user": "me", "password": {"file": "password"}}),
            self._service(url=plain.url.replace("127.0.0.1", "localhost"), redirects=0),
        ]  # fmt: skip

    def broken(self) -> list[AnyService]:
        good, plain, _, echoes = self.servers
        return [
            self._service(url=good.url),
            self._service(url=plain.url, status=204),
            self._service(url=plain.url, json={"data.status": "degraded"}),
            self._service(url=plain.url.replace("http:", "https:"), check={"timeout": "1s"}),
            self._service(url=echoes.url, headers={"X-Token": {"file": "token"}}),
            self._service(
                url=echoes.url, basic={"user": "me", "password": {"file": "password"}}, status=200, json=["x"]
            ),
        ]

    def absent(self) -> list[AnyService]:
        return [
            self._service(url=f"http://127.0.0.1:{free_port()}"),
            self._service(url="http://no-such-host.invalid"),
            self._service(url="http://localhost", socket="/no/such/socket"),
        ]

    def slow(self) -> list[AnyService]:
        hangs = self.servers[2]
        return [
            self._service(url=hangs.url),
            self._service(url=hangs.url, connection="kept"),
            self._service(url=hangs.url.replace("http:", "https:")),
        ]

    def our_fault(self) -> list[AnyService]:
        good, plain, hangs, _ = self.servers
        (self.folder / "empty.pem").touch()
        (self.folder / "two-lines").write_text("one\ntwo")
        return [
            self._service(url=good.url, ca="no-such.pem"),
            self._service(url=good.url, ca="empty.pem"),
            self._service(url=plain.url, bearer={"file": "no-such-token"}),
            self._service(url=plain.url, bearer={"file": "two-lines"}),
            self._service(url=hangs.url, bearer={"command": ["sleep", "60"]}, check={"timeout": "500ms"}),
        ]


def echo(connection: socket.socket) -> None:
    request = request_of(connection)
    connection.sendall(answer(request, "500 Oh", f"X-Seen: {request.splitlines()[-2].decode()[:100]}"))


class TestHttp(CheckContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> Iterator[CheckCase]:
        authority = sign(name="our authority", authority=True)
        (tmp_path / "ca.pem").write_bytes(authority.pem())
        context = sign(authority).context(tmp_path)
        with (
            serving(once(healthy()), context) as good,
            serving(saying(healthy())) as plain,
            serving(hanging()) as hangs,
            serving(echo) as echoes,
        ):
            yield HttpCase(tmp_path, good, plain, hangs, echoes)


def test_what_is_sent_is_what_is_set(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("very-secret\n")
    seen: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        seen.append(request_of(connection))
        connection.sendall(answer(b"{}", "201 Created"))

    with serving(handle) as server:
        observation = observe(
            "http", tmp_path, url=f"{server.url}/app/", health="/api/ü?x=1", method="POST", body='{"a": 1}',
            headers={"Host": "shop.example.com", "X-Key": {"file": "token"}},
        )  # fmt: skip
    assert observation.verdict is Verdict.OK
    head, _, body = seen[0].decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    assert lines[0] == "POST /app/api/%C3%BC?x=1 HTTP/1.1"
    assert sorted(lines[1:]) == [
        "Accept-Encoding: identity", "Accept: */*", "Connection: close", "Content-Length: 8",
        "Host: shop.example.com", "User-Agent: daytwo", "X-Key: very-secret",
    ]  # fmt: skip
    assert body == '{"a": 1}'


def test_numbers_and_phases(tmp_path: Path) -> None:
    with serving(saying(healthy())) as server:
        observation = observe(
            "http", tmp_path, url=server.url.replace("127.0.0.1", "localhost"),
            numbers={"score": "data.overall.score", "ups": "length(items[?up])"},
        )  # fmt: skip
    numbers = dict(observation.numbers)
    assert numbers["score"] == 87.5
    assert numbers["ups"] == 1
    assert numbers["status"] == 200
    assert numbers["size"] == len(json.dumps(HEALTH))
    phases = [numbers[name] for name in ("resolve", "connect", "first_byte", "transfer")]
    assert all(phase >= 0 for phase in phases)
    assert sum(phases) <= numbers["duration"]
    assert observation.facts["address"] in ("127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"status": ["2xx"]}, ""),
        ({"status": 200}, ""),
        ({"status": ["300-399", "404"]}, "it answers with status 200, not 300-399 or 404"),
        ({"json": {"data.status": "ok", "count": 1}}, ""),
        ({"json": {"count": True}}, "count is 1, not true"),
        ({"json": {"data.status": "up"}}, "data.status is 'ok', not 'up'"),
        ({"json": {"data.missing": "up"}}, "data.missing is null, not 'up'"),
        ({"json": {"data.missing": None}}, ""),
        ({"json": {"items": 2}}, "items is a list of 2, not 2"),
        ({"json": "data.status == 'ok'"}, ""),
        ({"json": ["items[?up]", "items[?down]"]}, "items[?down] is a list of 0"),
        ({"json": ["length(count)"]}, "length(count) cannot be applied to its answer"),
        ({"contains": '"ok"'}, ""),
        ({"contains": ["ok", "fine"]}, "its answer does not contain 'fine'"),
        ({"lacks": "error"}, ""),
        ({"lacks": "score"}, "its answer contains 'score'"),
        ({"matches": r'"score": \d+\.5'}, ""),
        ({"matches": r"^$"}, "'^$' is not found in its answer"),
        ({"answers_with": {"Content-Type": "JSON", "X-Powered-By": False, "X-Two": True}}, ""),
        ({"answers_with": {"content-type": "html"}}, "its header content-type is 'application/json', without 'html'"),
        ({"answers_with": {"x-two": False}}, "it has a header x-two"),
        ({"answers_with": {"hsts": True}}, "it has no header hsts"),
        ({"numbers": {"score": "data.status"}}, "data.status is no number in its answer"),
        ({"max_size": "10B"}, ""),
        (
            {"max_size": "10B", "json": "data"},
            "its answer has more than 10 bytes, so it is not read as JSON; raise `max_size`",
        ),
        (
            {"max_size": "10B", "lacks": "score"},
            "its answer has more than 10 bytes, and what it must lack may follow; raise `max_size`",
        ),
        ({"method": "HEAD"}, ""),
    ],
)
def test_expectations(tmp_path: Path, settings: dict[str, Any], why: str) -> None:
    def handle(connection: socket.socket) -> None:
        request = request_of(connection)
        whole = healthy(HEALTH, "X-Two: 1", "X-Two: 2")
        connection.sendall(whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if request.startswith(b"HEAD") else whole)

    with serving(handle) as server:
        observation = observe("http", tmp_path, url=server.url, **settings)
    assert observation.why == why
    assert observation.verdict is (Verdict.FAILED if why else Verdict.OK)


def test_a_failure_tells_what_the_server_said(tmp_path: Path) -> None:
    with serving(once(answer(b'{"status":"error","database":"down"}', "503 Service Unavailable"))) as server:
        observation = observe("http", tmp_path, url=server.url, json={"status": "ok"})
    assert observation.why == "it answers with status 503, not 200-299"
    assert observation.facts["answer"] == '{"status":"error","database":"down"}'
    assert observation.numbers["status"] == 503


def test_redirects_are_followed_and_told(tmp_path: Path) -> None:
    def handle(connection: socket.socket) -> None:
        target = request_of(connection).split()[1].decode()
        steps = {"/": "/one", "/one": "two?x", "/two?x": f"{server.url}/three"}
        if target in steps:
            connection.sendall(answer(b"", "302 Found", f"Location: {steps[target]}"))
        else:
            connection.sendall(answer(b"there"))

    with serving(handle) as server:
        observation = observe("http", tmp_path, url=server.url, contains="there")
        assert observation.verdict is Verdict.OK
        assert observation.facts["redirects"] == " -> ".join(
            f"{server.url}{path}" for path in ("/", "/one", "/two?x", "/three")
        )
        assert observe("http", tmp_path, url=server.url, redirects=3).verdict is Verdict.OK
        assert "it redirects more than 2 times" in observe("http", tmp_path, url=server.url, redirects=2).why
        assert observe("http", tmp_path, url=server.url, redirects=0, status=302).verdict is Verdict.OK


def test_secrets_go_to_no_other_server(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("very-secret\n")
    seen: list[bytes] = []

    def other(connection: socket.socket) -> None:
        seen.append(request_of(connection))
        connection.sendall(answer(b"other"))

    with serving(other) as elsewhere:
        for status, method in ((302, "GET"), (307, "GET"), (303, "POST"), (308, "POST")):
            with serving(once(answer(b"", f"{status} Elsewhere", f"Location: {elsewhere.url}/x"))) as server:
                body = {"file": "token"} if method == "POST" else None
                observation = observe(
                    "http", tmp_path, url=server.url, method=method, body=body,
                    bearer={"file": "token"}, headers={"X-Own": "1"},
                )  # fmt: skip
                assert observation.verdict is (Verdict.FAILED if status == 308 else Verdict.OK), observation
    assert len(seen) == 3
    for request in seen:
        assert b"very-secret" not in request
        assert b"x-own" not in request.lower()
        assert request.startswith(b"GET /x ")


def test_a_kept_connection_is_used_again_and_made_anew_when_it_has_gone(tmp_path: Path) -> None:
    import asyncio
    import time

    from daytwo.core.check import Around, Shared

    async def ask_thrice(server: Server, connection: str) -> None:
        check = service("http", tmp_path, url=server.url, connection=connection).checks()[0]
        shared = Shared()
        for _ in range(3):
            observation = await check.probe(Around(time.monotonic() + 10, shared, tmp_path))
            assert observation.verdict is Verdict.OK, observation
        await check.close()
        await shared.close()

    with serving(saying(answer(b"kept"))) as server:
        asyncio.run(ask_thrice(server, "kept"))
        assert server.connections == 1
        asyncio.run(ask_thrice(server, "fresh"))
        assert server.connections == 4
    with serving(saying(answer(b"closed after two"), 2)) as server:
        asyncio.run(ask_thrice(server, "kept"))
        assert server.connections == 2


def test_a_secret_that_is_refused_is_fetched_anew(tmp_path: Path) -> None:
    import asyncio
    import time

    from daytwo.core.check import Around, Shared

    (tmp_path / "token").write_text("old-token")

    def handle(connection: socket.socket) -> None:
        right = b"Bearer new-token" in request_of(connection)
        connection.sendall(answer(b"", "200 OK" if right else "401 Unauthorized"))

    async def ask_thrice(server: Server) -> list[Verdict]:
        check = service("http", tmp_path, url=server.url, bearer={"file": "token"}).checks()[0]
        shared, verdicts = Shared(), []
        for _ in range(2):
            verdicts.append((await check.probe(Around(time.monotonic() + 10, shared, tmp_path))).verdict)
            (tmp_path / "token").write_text("new-token")
        await check.close()
        await shared.close()
        return verdicts

    with serving(handle) as server:
        assert asyncio.run(ask_thrice(server)) == [Verdict.FAILED, Verdict.OK]


def test_a_socket_in_the_file_system(tmp_path: Path) -> None:
    with serving(saying(answer(b"here")), path=str(tmp_path / "s")):
        one = service("http", tmp_path, url="http://example.com/x", socket="s", contains="here")
        assert not one.checks()[0].outside
        assert observe("http", tmp_path, url="http://example.com/x", socket="s", contains="here").verdict is Verdict.OK


@pytest.mark.parametrize(
    ("url", "outside"),
    [
        ("http://localhost:5000", False), ("http://app:5000", False), ("https://nas.local", False),
        ("http://127.0.0.2", False), ("http://[::1]:80", False), ("http://10.1.2.3", False), ("http://192.168.1.1", False),
        ("https://example.com", True), ("http://9.9.9.9", True), ("http://[2620:fe::fe]", True),
    ],
)  # fmt: skip
def test_what_is_outside(tmp_path: Path, url: str, outside: bool) -> None:
    assert service("http", tmp_path, url=url).checks()[0].outside is outside


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "localhost:5000"}, "write an http:// or https:// address"),
        ({"url": "http://me:secret@host"}, "leave user and password out"),
        ({"url": "http://host/a b"}, "holds no spaces"),
        ({"url": "http://host:99999"}, "port"),
        ({"url": "http://[zz]/"}, ""),
        ({"ssh": "web1"}, "asked from this machine"),
        ({"secret": True}, "holds no data"),
        ({"status": "20x"}, "no status"),
        ({"status": []}, "at least one status"),
        ({"json": {"a b": 1}}, "no JMESPath expression"),
        ({"matches": "(a"}, "no regular expression"),
        ({"numbers": {"size": "x"}}, "measured already"),
        ({"numbers": {"A b": "x"}}, "lower-case"),
        ({"headers": {"A b": "x"}}, "no name of a header"),
        ({"headers": {"A": "x\r\nB: y"}}, "one line"),
        ({"bearer": "plain-token"}, "reference"),
        ({"bearer": {"env": "A"}, "basic": {"user": "b", "password": {"env": "C"}}}, "one of"),
        ({"ca": "x", "insecure": True}, "leave one of them out"),
        ({"method": "HEAD", "json": "x"}, "HEAD has no content"),
        ({"also": {"Bad Name": {"path": "/"}}}, "lower-case"),
        ({"health": "api"}, "pattern"),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        service("http", tmp_path, **{"url": "http://localhost", **settings})
    assert words in str(caught.value)
    assert "plain-token" not in caught.value.json(include_input=False)
