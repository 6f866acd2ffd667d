"""The Unix socket's file, and what becomes of it."""

import asyncio
from pathlib import Path

import pytest
from fastapi import FastAPI

from daytwo.config.serving import Serve
from daytwo.core.errors import UnreachableError
from daytwo.serve.client import SOCKET, Client
from daytwo.serve.pulse import Pulse
from daytwo.web.server import Web


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
