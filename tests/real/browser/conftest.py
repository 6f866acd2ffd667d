"""Chromium on the real application, served over HTTP, on a shop with a past."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from daytwo.access import passwords
from daytwo.access.roles import Role
from tests.access.people import GOOD
from tests.parts.need import require
from tests.web.conftest import World, world_in
from tests.web.ui.serving import answering
from tests.web.ui.staging import config_at, fill

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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; for one module, for it keeps an event loop running in the thread in which all other tests run."""
    path = require(CHROMIUM)
    expect.set_options(timeout=20_000)
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
        now = datetime.now(UTC)
        with world_in(tmp_path_factory.mktemp("browser"), "", config_at(now)) as world:
            world.clock.now = now
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

    def one(path: str, user: str = "alice", at: Site = site, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, "locale": "en-GB", **options})
        contexts.append(context)
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{at.url}/login?next={path}")
        page.fill("#name", user)
        page.fill("#password", GOOD)
        page.click("button[type=submit]")
        page.wait_for_url(f"{at.url}{path}")
        return page

    yield one
    for context in contexts:
        context.close()
    assert said == []
