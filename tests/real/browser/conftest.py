"""Chromium on the real application, served over HTTP, on a shop with a past."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from daytwo.access import passwords
from daytwo.access.roles import Role
from tests.access.people import GOOD
from tests.parts.need import require
from tests.web.conftest import World, world_in
from tests.web.ui.staging import CONFIG, fill

CHROMIUM = "chromium"
AXE = Path(__file__).with_name("axe.min.js")


@dataclass(frozen=True)
class Site:
    """A shop that answers.

    Args:
        world: the application.
        url: where it answers.
    """

    world: World
    url: str


@contextlib.contextmanager
def answering(world: World) -> Iterator[str]:
    """The application over HTTP, at a free port, until the end."""
    with socket.create_server(("127.0.0.1", 0)) as where:
        config = uvicorn.Config(world.app, log_config=None, ws="none", lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [where]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{where.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium."""
    path = require(CHROMIUM)
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=path, args=["--no-sandbox", "--force-color-profile=srgb"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A shop with a past, in which one check fails."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "MEMORY", 64)
        patch.setattr(passwords, "PASSES", 1)
        with world_in(tmp_path_factory.mktemp("browser"), "", CONFIG) as world:
            world.clock.now = datetime.now(UTC)
            fill(world)
            world.stage.user("alice", Role.ADMIN)
            world.stage.user("victor", Role.VIEWER)
            with answering(world) as url:
                yield Site(world, url)


Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Visit]:
    """Log in as somebody, and go somewhere; what the browser complains of fails the test."""
    contexts: list[BrowserContext] = []
    said: list[str] = []

    def one(path: str, user: str = "alice", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, "locale": "en-GB", **options})
        contexts.append(context)
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{site.url}/login?next={path}")
        page.fill("#name", user)
        page.fill("#password", GOOD)
        page.click("button[type=submit]")
        page.wait_for_url(f"{site.url}{path}")
        return page

    yield one
    for context in contexts:
        context.close()
    assert said == []
