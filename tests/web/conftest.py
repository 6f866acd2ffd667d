"""The application as a daemon makes it, on a state of its own; only what would carry out runs does not run."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from daytwo.access.roles import Role
from daytwo.ledger.queue import Queue
from daytwo.ledger.runs import Runs
from daytwo.ledger.schedules import Schedules
from daytwo.serve.desk import Desk
from daytwo.serve.hub import Hub
from daytwo.serve.pulse import Pulse
from daytwo.serve.site import Site
from daytwo.serve.workers import Workers
from daytwo.store.url import StateUrl
from daytwo.web.application import create
from daytwo.web.house import House
from tests.access.people import GOOD, Clock, Stage, cheap_hashes, staged
from tests.web.client import TestClient

CONFIG = """\
app: shop
timezone: UTC
services:
  data: {kind: files, path: ./data}
"""


@dataclass(frozen=True)
class World:
    """The application, and what it stands on."""

    app: FastAPI
    house: House
    stage: Stage
    clock: Clock

    def client(self, base: str = "http://testserver", address: str = "192.0.2.7", **options: Any) -> TestClient:
        """Somebody without cookies, at an address."""
        options = {"raise_server_exceptions": False, "follow_redirects": False, **options}
        return TestClient(self.app, base, client=(address, 4711), **options)

    def bearer(self, role: Role, **options: Any) -> TestClient:
        """A program with a token."""
        name = f"{role.word} {len(self.stage.door.read(self.stage.door.tokens.all))}"
        secret = self.stage.token(name, role, **options)
        return self.client(headers={"Authorization": f"Bearer {secret}"})

    def person(self, role: Role, name: str = "", base: str = "http://testserver") -> TestClient:
        """A browser that has logged in, and sends the CSRF token with everything."""
        name = name or role.word
        with contextlib.suppress(Exception):
            self.stage.user(name, role)
        client = self.client(base)
        answer = client.post("/api/session", json={"name": name, "password": GOOD})
        assert answer.status_code == 201, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["data"]["csrf"]
        return client

    def peer(self, uid: int, gid: int) -> TestClient:
        """A local process at the Unix socket, as the server tells of it."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await self.app({**scope, "client": None, "state": {"peer": (4711, uid, gid)}}, receive, send)

        wrapped: ASGIApp = app
        return TestClient(wrapped, raise_server_exceptions=False, follow_redirects=False)


Build = Callable[..., World]


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap_hashes(monkeypatch)


@contextlib.contextmanager
def world_in(folder: Path, serve: str = "", config: str = CONFIG) -> Iterator[World]:
    """Wire a house as the daemon does, without starting its parts."""
    path = folder / "daytwo.yaml"
    path.write_text(config + (f"serve: {{{serve}}}\n" if serve else ""))
    site, clock = Site(path), Clock()
    with staged(StateUrl.of(site.config), clock, site.config.serve) as stage:
        database, writer, own = stage.database, stage.writer, (site.config.app, site.config.environment)
        queue, runs, hub, pulse = Queue(database, *own), Runs(database, *own), Hub(), Pulse()
        workers = Workers(
            pulse, site, ("stand-in-that-is-never-started",), queue, runs, writer, hub, lambda owner: False, clock
        )
        workers.at_work = True  # as far as anybody asks
        house = House(
            current=lambda: site.config, reload=site.reload, refused=lambda: site.refused, wake=lambda: None,
            database=database, writer=writer, audit=stage.audit, door=stage.door,
            desk=Desk(queue, runs, workers, hub, stage.audit, writer, clock),
            schedules=Schedules(database, *own), pulse=pulse, clock=clock,
        )  # fmt: skip
        yield World(create(house), house, stage, clock)


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Worlds with settings of the test's own."""
    with contextlib.ExitStack() as stack:
        made = 0

        def one(serve: str = "", config: str = CONFIG) -> World:
            nonlocal made
            made += 1
            folder = tmp_path / f"world{made}"
            folder.mkdir()
            return stack.enter_context(world_in(folder, serve, config))

        yield one


@pytest.fixture
def world(build: Build) -> World:
    """The application with settings as they are unless told otherwise."""
    return build()
