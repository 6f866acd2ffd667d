"""The Unix socket's file, and what becomes of it."""

import asyncio
from pathlib import Path

import pytest
from fastapi import FastAPI

from daytwo.config.serving import Serve
from daytwo.core.errors import ConflictError, RefusedError, UnreachableError
from daytwo.serve.client import SOCKET, Client
from daytwo.serve.pulse import Pulse
from daytwo.web.guards import Guards
from daytwo.web.server import Web, _unix


def _app() -> FastAPI:
    app = FastAPI()

    @app.get("/hello")
    def hello() -> dict[str, str]:
        return {"data": "hello"}

    return app


async def _until(web: Web, path: Path) -> None:
    async with asyncio.timeout(10):
        while not path.is_socket():
            web.wake()
            await asyncio.sleep(0.01)
        await web.started()


def test_a_socket_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    pulse = Pulse()
    web = Web(pulse, _app(), Serve(listen="127.0.0.1:0"), tmp_path / "own", tmp_path)
    path, client = tmp_path / "own" / SOCKET, Client(tmp_path / "own", patience=5)

    async def live() -> None:
        task = asyncio.create_task(web.run())
        await web.started()
        for _ in range(2):
            assert await asyncio.to_thread(client.call, "GET", "/hello") == "hello"
            path.unlink()
            with pytest.raises(UnreachableError):
                await asyncio.to_thread(client.call, "GET", "/hello")
            await _until(web, path)
        assert await asyncio.to_thread(client.call, "GET", "/hello") == "hello"
        assert path.stat().st_mode & 0o777 == 0o600
        assert [one.trouble for one in pulse.beats()] == [""]
        web.stop()
        async with asyncio.timeout(10):
            await task

    asyncio.run(live())
    assert not path.exists()


def test_a_second_daemon_does_not_take_the_socket_of_one_that_answers(tmp_path: Path) -> None:
    """Of two apps in one folder, the commands of the first would reach the second, and pause its backups."""
    path = tmp_path / "own" / SOCKET
    with _unix(path, world=False), pytest.raises(RefusedError, match="another daemon answers"):
        _unix(path, world=False)
    assert path.is_socket()
    _unix(path, world=False).close()  # what a dead one left behind is replaced


def test_the_daemon_of_another_app_is_none_of_mine(tmp_path: Path) -> None:
    app = _app()
    app.add_middleware(Guards, own="shop/production")
    web = Web(Pulse(), app, Serve(listen="127.0.0.1:0"), tmp_path / "own", tmp_path)

    async def live() -> None:
        task = asyncio.create_task(web.run())
        await web.started()
        for own, said in (("shop/production", "hello"), ("", "hello"), ("shop/staging", "")):
            client = Client(tmp_path / "own", patience=5, own=own)
            if said:
                assert await asyncio.to_thread(client.call, "GET", "/hello") == said
                continue
            with pytest.raises(ConflictError, match="the daemon of shop/production"):
                await asyncio.to_thread(client.call, "GET", "/hello")
            assert not await asyncio.to_thread(client.there)
        web.stop()
        async with asyncio.timeout(10):
            await task

    asyncio.run(live())


def test_where_it_cannot_be_made_again_that_is_told(tmp_path: Path) -> None:
    pulse = Pulse()
    folder = tmp_path / "own"
    web = Web(pulse, _app(), Serve(listen="127.0.0.1:0"), folder, tmp_path)

    async def live() -> None:
        task = asyncio.create_task(web.run())
        await web.started()
        (folder / SOCKET).unlink()
        (folder / SOCKET).mkdir()
        async with asyncio.timeout(10):
            while not any("was deleted" in one.trouble for one in pulse.beats()):
                web.wake()
                await asyncio.sleep(0.01)
        (folder / SOCKET).rmdir()
        await _until(web, folder / SOCKET)
        web.stop()
        async with asyncio.timeout(10):
            await task

    asyncio.run(live())
