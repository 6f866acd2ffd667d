"""Kind `http` against servers that do as they should not: each is an observation, in bounded memory and time."""

import asyncio
import gc
import resource
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from daytwo.core.check import Around, Observation, Shared, Verdict
from daytwo.core.net import names
from daytwo.core.net.endpoint import Found
from tests.services.net.asking import observe, service
from tests.services.net.certs import DAY, Signed, sign
from tests.services.net.servers import (
    Handler,
    answer,
    for_ever,
    free_port,
    hanging,
    once,
    request_of,
    resetting,
    saying,
    serving,
)  # fmt: skip

pytestmark = pytest.mark.slow

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def drip(data: bytes, pause: float = 0.01) -> Handler:
    """Answers a byte at a time; the pause is the misbehaviour itself."""

    def handle(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request_of(connection)
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(pause)

    return handle


def seen(handler: Handler, folder: Path, seconds: float = 5, **settings: Any) -> Observation:
    with serving(handler) as server:
        return observe("http", folder, seconds, url=server.url, **settings)


@pytest.mark.parametrize(
    ("handler", "why"),
    [
        (once(b""), "it closed the connection without an answer"),
        (resetting, "it reset the connection without an answer"),
        (once(HEAD + b"Content-Le"), "it closed the connection in the middle of its headers"),
        (once(HEAD + b"Content-Length: 10\r\n\r\nabc"), "it closed the connection in the middle of its answer, after 3 bytes"),
        (once(CHUNKED + b"5\r\nabc"), "it closed the connection in the middle of its answer, after 3 bytes"),
        (once(CHUNKED + b"5\r\nabcdefgh\r\n0\r\n\r\n"), "what it answers is not valid HTTP"),
        (once(CHUNKED + b"zz\r\nabc\r\n"), "what it answers is not valid HTTP"),
        (once(CHUNKED + b"fffffffffffffffff\r\nabc\r\n"), "what it answers is not valid HTTP"),
        (once(HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc"), "what it answers is not valid HTTP"),
        (once(HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"), "what it answers is not valid HTTP"),
        (once(HEAD + b"Content-Length: -3\r\n\r\nabc"), "what it answers is not valid HTTP"),
        (once(HEAD + b"A b: c\r\n\r\n"), "what it answers is not valid HTTP"),
        (once(b"220 mail.example.com ESMTP\r\n"), "what it answers is not valid HTTP"),
        (once(b"\x15\x03\x01\x00\x02\x02\x50"), "what it answers is not valid HTTP"),
        (once(bytes(range(256)) * 100), "what it answers is not valid HTTP"),
        (once(b"HTTP/1.1 99999 OK\r\n\r\n"), "what it answers is not valid HTTP"),
        (once(HEAD + b"A: " + b"x" * 200_000 + b"\r\n\r\n"), "its headers are larger than 64 KiB"),
        (once(HEAD + b"A: b\r\n" * 20_000 + b"\r\n"), "its headers are larger than 64 KiB"),
        (for_ever(HEAD + b"A: ", b"x" * 65536), "its headers are larger than 64 KiB"),
        (for_ever(HEAD, b"A: b\r\n"), "its headers are larger than 64 KiB"),
        (for_ever(b"HTTP/1.1 200 ", b"O" * 65536), "its headers are larger than 64 KiB"),
        (for_ever(b"HTTP/1.1 ", b"1" * 65536), "what it answers is not valid HTTP"),
        (for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "it sends more than 16 interim answers (1xx) and no real one"),
        (once(answer(b"", "302 Found", "Location: ftp://example.com/")), "it redirects to what is no http address"),
        (once(answer(b"", "302 Found", "Location: http://")), "it redirects in a circle"),
        (once(answer(b"", "302 Found", "Location: http://me:you@127.0.0.1/")), "it redirects to what is no http address"),
        (once(answer(b"", "302 Found", "Location: /" + "x" * 20_000)), "it redirects to what is no http address"),
        (saying(answer(b"", "302 Found", "Location: /")), "it redirects in a circle"),
        (once(answer(b"", "101 Switching Protocols", "Upgrade: x", "Connection: upgrade")), "it answers with status 101"),
        (once(b"HTTP/1.1 204 No Content\r\n\r\n"), ""),
        (once(b"HTTP/1.0 200 OK\r\n\r\nuntil it ends"), ""),
        (once(HEAD + b"\r\nuntil it ends"), ""),
        (once(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(b"x")), ""),
        (once(CHUNKED + b"3;x=y\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"), ""),
        (once(answer(b"x") * 2), ""),
        (saying(answer(b"x", "302 Found")), "it answers with status 302"),
    ],
)  # fmt: skip
def test_answers_that_are_none(tmp_path: Path, handler: Handler, why: str) -> None:
    begun = time.monotonic()
    observation = seen(handler, tmp_path)
    assert time.monotonic() - begun < 4
    assert observation.verdict is (Verdict.FAILED if why else Verdict.OK), observation
    assert why in observation.why
    assert len(observation.why) < 500
    assert observation.why.isprintable()


def test_an_endless_redirect_ends(tmp_path: Path) -> None:
    def handle(connection: socket.socket) -> None:
        target = request_of(connection).split()[1].decode()
        connection.sendall(answer(b"", "302 Found", f"Location: {target}x"))

    observation = seen(handler=handle, folder=tmp_path)
    assert "it redirects more than 5 times: http://127.0.0.1" in observation.why
    assert "(4 more)" in observation.why


@pytest.mark.parametrize(
    ("handler", "doing"),
    [
        (hanging(), "it hung while waiting for the answer of 127.0.0.1"),
        (drip(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000), "it hung while reading the answer of 127.0.0.1"),
        (drip(HEAD + b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000), "it hung while reading the answer"),
        (saying(CHUNKED), "it hung while reading the answer"),
    ],
)
def test_what_takes_too_long_tells_at_what(tmp_path: Path, handler: Handler, doing: str) -> None:
    begun = time.monotonic()
    observation = seen(handler, tmp_path, 1)
    assert time.monotonic() - begun < 2
    assert observation.verdict is Verdict.FAILED
    assert observation.why.startswith("no answer within 1s: ")
    assert doing in observation.why
    assert observation.numbers["duration"] > 0.9


@pytest.mark.parametrize(
    ("head", "part", "read"),
    [
        (HEAD + b"Content-Length: 100000000000\r\n\r\n", b"x" * 65536, True),
        (CHUNKED, b"10000\r\n" + b"x" * 65536 + b"\r\n", True),
        (HEAD + b"\r\n", b"x" * 65536, True),
        (CHUNKED + b"1;", b"x" * 65536, False),
    ],
)
def test_gigabytes_are_read_no_further_than_wanted(tmp_path: Path, head: bytes, part: bytes, read: bool) -> None:
    gc.collect()
    tracemalloc.start()
    begun = time.monotonic()
    observation = seen(for_ever(head, part), tmp_path, 20, contains="y" if read else "")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert observation.verdict is Verdict.FAILED
    if read:
        assert observation.why == "its answer does not contain 'y' in its first 1000000 bytes"
        assert observation.facts["read"] == "only the first 1000000 bytes"
    else:
        assert "hardly an answer but its framing" in observation.why
    assert peak < 12_000_000
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("body", "settings", "why"),
    [
        (b"{", {"json": ["a"]}, "its answer is not JSON: "),
        (b"", {"json": ["a"]}, "its answer is not JSON: "),
        (b"\xff\xfe\xfd", {"json": ["a"]}, "its answer is not JSON: "),
        (b"[" * 100_000, {"json": ["a"]}, "its answer is JSON that is nested too deep"),
        (b'{"a":' * 90_000 + b"1" + b"}" * 90_000, {"json": ["a"]}, "its answer is JSON that is nested too deep"),
        (b'{"a": ' + b"9" * 5000 + b"}", {"numbers": {"a": "a"}}, "its answer is not JSON: "),
        (b'{"a": 1' + b"0" * 400 + b"}", {"numbers": {"a": "a"}}, "a is no number in its answer"),
        (b'{"a": 1e999}', {"numbers": {"a": "a"}}, "a is no number in its answer"),
        (b'{"a": NaN}', {"numbers": {"a": "a"}}, "a is no number in its answer"),
        (b'{"a": "\\u0000\\u001b[31m' + b"x" * 10_000 + b'"}', {"json": {"a": "b"}}, "a is '??[31mxxx"),
        (b"\xff\xfe abc", {"contains": "xyz"}, "its answer does not contain 'xyz'"),
        (b"a" * 50 + b"c", {"matches": "(a|aa)+$"}, "takes more than 1 s to be sought in its answer"),
    ],
)  # fmt: skip
def test_content_that_is_none(tmp_path: Path, body: bytes, settings: dict[str, Any], why: str) -> None:
    observation = seen(once(answer(body)), tmp_path, **settings)
    assert observation.verdict is Verdict.FAILED
    assert why in observation.why
    for text in (observation.why, *observation.facts.values()):
        assert text.isprintable()
        assert len(text) <= 500


def test_what_is_not_utf8_is_text_all_the_same(tmp_path: Path) -> None:
    latin = once(answer("größe".encode("latin-1"), "200 OK", "Content-Type: text/plain; charset=ISO-8859-1"))
    assert seen(latin, tmp_path, contains="größe").verdict is Verdict.OK
    unknown = once(answer(b"\xff abc", "200 OK", "Content-Type: text/plain; charset=punycode"))
    assert seen(unknown, tmp_path, contains="abc").verdict is Verdict.OK


def test_what_is_compressed_unasked_is_not_looked_into(tmp_path: Path) -> None:
    handler = saying(answer(b"\x1f\x8b", "200 OK", "Content-Encoding: gzip"))
    assert "compressed (gzip)" in seen(handler, tmp_path, contains="x").why
    assert seen(handler, tmp_path).verdict is Verdict.OK


@pytest.fixture
def authority() -> Signed:
    return sign(name="our authority", authority=True)


def over_tls(signed: Signed, folder: Path, **settings: object) -> Observation:
    with serving(saying(answer(b"x")), signed.context(folder)) as server:
        return observe("http", folder, 5, url=server.url, **settings)


class TestCertificates:
    @pytest.fixture(autouse=True)
    def _ca(self, authority: Signed, tmp_path: Path) -> Iterator[None]:
        (tmp_path / "ca.pem").write_bytes(authority.pem())
        yield

    def test_good(self, authority: Signed, tmp_path: Path) -> None:
        observation = over_tls(sign(authority), tmp_path, ca="ca.pem")
        assert observation.verdict is Verdict.OK
        assert 29.9 * 86400 < observation.numbers["certificate_left"] < 30 * 86400

    def test_expired(self, authority: Signed, tmp_path: Path) -> None:
        observation = over_tls(sign(authority, begins=-9 * DAY, ends=-2 * DAY), tmp_path, ca="ca.pem")
        assert "its certificate has expired on 20" in observation.why
        assert -2.1 * 86400 < observation.numbers["certificate_left"] < -1.9 * 86400

    def test_not_yet_valid(self, authority: Signed, tmp_path: Path) -> None:
        observation = over_tls(sign(authority, begins=2 * DAY), tmp_path, ca="ca.pem")
        assert "its certificate is not valid before 20" in observation.why

    def test_for_another_host(self, authority: Signed, tmp_path: Path) -> None:
        observation = over_tls(sign(authority, name="other.example.com"), tmp_path, ca="ca.pem")
        assert "its certificate is not for 127.0.0.1, but for other.example.com" in observation.why
        assert observation.facts["subject"] == "other.example.com"

    def test_self_signed(self, tmp_path: Path) -> None:
        assert "signed by itself" in over_tls(sign(), tmp_path, ca="ca.pem").why

    def test_from_an_unknown_authority(self, authority: Signed, tmp_path: Path) -> None:
        observation = over_tls(sign(authority), tmp_path)
        assert "from an authority (our authority) that is not trusted" in observation.why

    def test_insecure_tells_its_age_all_the_same(self, tmp_path: Path) -> None:
        observation = over_tls(sign(begins=-9 * DAY, ends=-2 * DAY), tmp_path, insecure=True)
        assert observation.verdict is Verdict.OK
        assert observation.numbers["certificate_left"] < -1.9 * 86400

    def test_our_own_authority_has_expired(self, tmp_path: Path) -> None:
        old = sign(name="old", authority=True, begins=-9 * DAY, ends=timedelta(seconds=-60))
        (tmp_path / "old.pem").write_bytes(old.pem())
        observation = over_tls(sign(old), tmp_path, ca="old.pem")
        assert observation.verdict is Verdict.INCONCLUSIVE
        assert "our own file of authorities has expired on 20" in observation.why

    def test_an_old_certificate_after_a_redirect_counts(self, authority: Signed, tmp_path: Path) -> None:
        soon = sign(authority, ends=DAY)
        with serving(saying(answer(b"x")), soon.context(tmp_path)) as end:
            with serving(once(answer(b"", "301 Moved", f"Location: {end.url}/"))) as begin:
                observation = observe("http", tmp_path, 5, url=begin.url, ca="ca.pem")
        assert observation.verdict is Verdict.OK
        assert observation.numbers["certificate_left"] < 86400


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (answer(b"x", "400 Bad Request"), "what answers there does not speak TLS"),
        (b"", "it closed the connection during the TLS handshake"),
        (b"\x15\x03\x01\x00\x02\x02\x28", "the TLS handshake failed: "),
        (b"\x16\x03\x03\x40\x00" + b"x" * 65535, "the TLS handshake failed: "),
    ],
)
def test_what_speaks_no_tls(tmp_path: Path, said: bytes, why: str) -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(10_000)
        connection.sendall(said)

    with serving(handle) as server:
        observation = observe("http", tmp_path, 5, url=server.url.replace("http:", "https:"))
    assert observation.verdict is Verdict.FAILED
    assert why in observation.why


def test_a_handshake_that_hangs(tmp_path: Path) -> None:
    with serving(hanging()) as server:
        observation = observe("http", tmp_path, 1, url=server.url.replace("http:", "https:"))
    assert "no answer within 1s: it hung while doing the TLS handshake with 127.0.0.1" in observation.why


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://no-such-host.invalid/", "the name no-such-host.invalid"),
        ("http://" + "a" * 70 + ".example.com/", "is no name that a host can have"),
        ("http://a..b/", "is no name that a host can have"),
        ("http://127.0.0.1:PORT/", "the connection is refused: nothing listens there"),
        ("http://localhost:PORT/", "the connection is refused: nothing listens there"),
    ],
)
def test_nobody_is_there(tmp_path: Path, url: str, why: str) -> None:
    observation = observe("http", tmp_path, 5, url=url.replace("PORT", str(free_port())))
    assert observation.verdict is Verdict.FAILED
    assert why in observation.why


def test_names_that_hang_hold_up_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that hangs is a stand-in here; the threads, the waiting and the deadlines are real."""
    real, release = names.look_up, threading.Event()

    def look_up(host: str) -> tuple[Found, ...]:
        if host.startswith("hangs"):
            release.wait(20)
        return real("127.0.0.1")

    monkeypatch.setattr(names, "look_up", look_up)
    with serving(saying(answer(b"x"))) as server:
        slow = [service("http", tmp_path, url=f"http://hangs{number}:{server.port}") for number in range(100)]
        good = [service("http", tmp_path, url=f"http://fine{number}:{server.port}") for number in range(20)]
        answers = asyncio.run(all_at_once([one.checks()[0] for one in slow + good], 2.0, tmp_path))
        release.set()
    assert all("it hung while looking up the name hangs" in one.why for one, _ in answers[:100])
    assert all(one.verdict is Verdict.OK for one, _ in answers[100:])
    assert max(seconds for _, seconds in answers[100:]) < 1.5


async def all_at_once(checks: list, limit: float, folder: Path) -> list[tuple[Observation, float]]:
    shared = Shared()

    async def timed(check) -> tuple[Observation, float]:
        begun = time.monotonic()
        async with asyncio.timeout(limit):
            observation = await check.probe(Around(begun + limit, shared, folder))
        return observation, time.monotonic() - begun

    try:
        return await asyncio.gather(*(timed(check) for check in checks))
    finally:
        await shared.close()


def test_a_thousand_at_once_and_a_hundred_that_hang(tmp_path: Path) -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft >= 2500, "this test opens two thousand sockets"
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    with serving(saying(answer(b'{"status":"ok"}'))) as good, serving(hanging()) as hangs:
        settings = [{"url": hangs.url if number % 10 == 0 else good.url} for number in range(1000)]
        checks = [service("http", tmp_path, json={"status": "ok"}, **one).checks()[0] for one in settings]
        answers = asyncio.run(all_at_once(checks, 8.0, tmp_path))
    for number, (observation, seconds) in enumerate(answers):
        if number % 10 == 0:
            assert observation.verdict is Verdict.FAILED
            assert seconds > 7
        else:
            assert observation.verdict is Verdict.OK, observation
            assert seconds < 7, "held up by those that hang"
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) <= open_before + 2
