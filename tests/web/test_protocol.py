"""Bounds for those who hold a line and say nothing, or never stop saying something."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from daytwo.config.serving import Serve
from daytwo.serve.pulse import Pulse
from daytwo.web import protocol
from daytwo.web.server import Web

pytestmark = pytest.mark.slow

HELLO = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def _app() -> FastAPI:
    app = FastAPI()

    @app.get("/hello")
    async def hello() -> str:
        return "hello"

    @app.get("/slow")
    async def slow() -> StreamingResponse:
        async def events() -> AsyncIterator[str]:
            while True:
                yield "."
                await asyncio.sleep(0.05)

        return StreamingResponse(events())

    @app.get("/much")
    async def much() -> StreamingResponse:
        async def lines() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x" * 65536
                    await asyncio.sleep(0)
            finally:
                app.state.ended = True

        return StreamingResponse(lines())

    @app.post("/body")
    async def body(request: Request) -> str:
        with contextlib.suppress(ClientDisconnect):
            return str(len(await request.body()))
        app.state.left = True
        return ""

    return app


@contextlib.asynccontextmanager
async def _running(folder: Path) -> AsyncIterator[tuple[FastAPI, Web]]:
    app = _app()
    web = Web(Pulse(), app, Serve(listen="127.0.0.1:0"), folder / "own", folder)
    task = asyncio.create_task(web.run())
    try:
        await web.started()
        async with asyncio.timeout(20):
            yield app, web
    finally:
        web.stop()
        async with asyncio.timeout(10):
            await task


async def _line(web: Web) -> Line:
    return await asyncio.open_connection(*web.public.getsockname()[:2])


async def _ends(line: Line) -> bytes:
    """What is said until the other end hangs up."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while more := await line[0].read(65536):
            said += more
    line[1].close()
    return said


async def _flood(line: Line, first: bytes, more: bytes) -> tuple[int, bytes]:
    """Send until the other end hangs up; how much it took, and what it said."""
    line[1].write(first)
    sent = len(first)
    with contextlib.suppress(ConnectionError):
        while sent < 64 << 20 and not line[0].at_eof():
            line[1].write(more)
            sent += len(more)
            await line[1].drain()
            await asyncio.sleep(0)
    return sent, await _ends(line)


async def _answers(web: Web) -> bool:
    line = await _line(web)
    line[1].write(HELLO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    return b"200 OK" in await _ends(line)


@pytest.mark.parametrize(
    ("first", "more"),
    [
        (b"GET /hello HTTP/1.1\r\n", b"X-More: " + b"a" * 4000 + b"\r\n"),
        (b"GET /hello HTTP/1.1\r\nX-One: ", b"a" * 4000),
        (b"GET /", b"a" * 4000),
        (HELLO.replace(b"hello", b"slow") + b"GET /hello HTTP/1.1\r\n", b"X-More: " + b"a" * 4000 + b"\r\n"),
    ],
    ids=["headers", "one-header", "address", "while-one-is-at-work"],
)
def test_a_head_without_an_end_is_refused(tmp_path: Path, first: bytes, more: bytes) -> None:
    async def live() -> None:
        async with _running(tmp_path) as (_, web):
            sent, _ = await _flood(await _line(web), first, more)
            assert sent < 16 << 20  # what the kernel holds on both ends; far less than what would be sent
            assert await _answers(web)

    asyncio.run(live())


def test_the_rest_of_a_body_that_was_answered_early_is_no_head(tmp_path: Path) -> None:
    async def live() -> None:
        async with _running(tmp_path) as (_, web):
            reader, writer = await _line(web)
            writer.write(b"POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
            assert b"405" in await reader.readline(), "answered before any of the body"
            for _ in range(10):
                writer.write(b"x" * 100_000)
                await writer.drain()
            writer.write(HELLO)
            assert b"200 OK" in await reader.readuntil(b"200 OK")
            writer.close()

    asyncio.run(live())


def test_a_large_head_is_told_so_and_one_below_the_limit_is_taken(tmp_path: Path) -> None:
    async def live() -> None:
        async with _running(tmp_path) as (_, web):
            for size, wanted in ((60_000, b"200 OK"), (150_000, b"431 ")):
                line = await _line(web)
                line[1].write(b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: " + b"a" * size)
                await line[1].drain()
                line[1].write(b"\r\n\r\n" if size < 100_000 else b"")
                assert wanted in await _ends(line)

    asyncio.run(live())


@pytest.mark.parametrize("said", [b"", b"GET /hel", b"GET /hello HTTP/1.1\r\nX: ", b"\r\n", HELLO + b"GET /"])
def test_who_says_nothing_more_is_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr(protocol, "HEAD_WITHIN", 0.2)

    async def live() -> None:
        async with _running(tmp_path) as (_, web):
            line = await _line(web)
            line[1].write(said)
            answer = await _ends(line)
            assert answer.count(b"200 OK") == said.count(HELLO)

    asyncio.run(live())


def test_a_byte_now_and_then_wins_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_WITHIN", 0.5)

    async def live() -> None:
        async with _running(tmp_path) as (_, web):
            line = await _line(web)
            line[1].write(b"GET /hello HTTP/1.1\r\n")
            with contextlib.suppress(ConnectionError):
                while not line[0].at_eof():
                    line[1].write(b"X: y\r\n")
                    await line[1].drain()
                    await asyncio.sleep(0.02)
            line[1].close()

    asyncio.run(live())


def test_a_body_that_does_not_come_ends_what_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "BODY_WITHIN", 0.2)

    async def live() -> None:
        async with _running(tmp_path) as (app, web):
            line = await _line(web)
            line[1].write(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
            await _ends(line)
            while not getattr(app.state, "left", False):
                await asyncio.sleep(0.01)

    asyncio.run(live())


def test_long_answers_and_later_requests_have_no_such_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_WITHIN", 0.2)
    monkeypatch.setattr(protocol, "BODY_WITHIN", 0.2)

    async def live() -> None:
        async with _running(tmp_path) as (_, web):
            line = await _line(web)
            for _ in range(2):
                line[1].write(HELLO)
                assert b'"hello"' in await line[0].readuntil(b'"hello"')
            line[1].write(HELLO.replace(b"hello", b"slow"))
            await line[0].readuntil(b"\r\n\r\n")
            for _ in range(12):  # 0.6 s at least
                assert await line[0].readuntil(b".")
            line[1].close()

    asyncio.run(live())


def test_who_does_not_take_its_answer_is_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "ANSWER_WITHIN", 0.2)

    async def live() -> None:
        async with _running(tmp_path) as (app, web):
            line = await _line(web)
            line[1].write(HELLO.replace(b"hello", b"much"))
            while not getattr(app.state, "ended", False):
                await asyncio.sleep(0.01)
            line[1].close()

    asyncio.run(live())


@pytest.mark.parametrize(("most", "each", "there"), [(3, 100, 3), (100, 2, 2)], ids=["in-all", "from-one-address"])
def test_more_than_so_many_connections_are_refused_and_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, each: int, there: int
) -> None:
    monkeypatch.setattr(protocol, "MOST", most)
    monkeypatch.setattr(protocol, "EACH", each)
    monkeypatch.setattr(protocol, "_is_of_the_internet", lambda host: True)

    async def live() -> None:
        async with _running(tmp_path) as (_, web):
            lines = [await _line(web) for _ in range(there)]
            for line in lines:  # each has been taken
                line[1].write(HELLO)
                await line[0].readuntil(b'"hello"')
            assert await _ends(await _line(web)) == b""
            reader, writer = await asyncio.open_unix_connection(tmp_path / "own" / "daytwo.sock")
            writer.write(HELLO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            assert b"200 OK" in await _ends((reader, writer))
            lines.pop()[1].close()
            async with asyncio.timeout(10):
                while not await _answers(web):
                    await asyncio.sleep(0.01)
            for line in lines:
                line[1].close()

    asyncio.run(live())


@pytest.mark.parametrize(
    ("host", "of_it"),
    [("203.0.113.7", False), ("8.8.8.8", True), ("::ffff:8.8.8.8", True), ("::ffff:10.0.0.1", False),
     ("127.0.0.1", False), ("172.18.0.2", False), ("", False)],
)  # fmt: skip
def test_what_is_of_the_internet(host: str, of_it: bool) -> None:
    assert protocol._is_of_the_internet(host) is of_it
