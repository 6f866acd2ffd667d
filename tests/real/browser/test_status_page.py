"""The status page as a file in a real browser: for everybody, in light and dark, on a phone, old and fresh."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from daytwo.respond.status_page.render import Subscribing, files
from tests.real.browser.conftest import AXE
from tests.respond.status_page.test_render import page

pytestmark = pytest.mark.real


def written(folder: Path, at: datetime) -> str:
    for name, content in files(page("Web", at=at), Subscribing("https://example.com/subscribe")).items():
        (folder / name).write_bytes(content)
    return (folder / "index.html").as_uri()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1000), ("dark", 1000), ("light", 360)])
def test_everybody_can_use_it(browser: Browser, tmp_path: Path, scheme: str, width: int) -> None:
    address = written(tmp_path, datetime.now(UTC))
    with browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800}) as context:  # type: ignore[arg-type]
        seen = context.new_page()
        seen.goto(address)
        assert seen.evaluate("document.documentElement.scrollWidth") <= width, "nothing is cut off"
        assert not seen.locator("#stale").is_visible()
        seen.add_script_tag(path=AXE)
        found = seen.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert [one["id"] for one in found["violations"]] == []


def test_an_old_page_says_so_and_without_scripts_all_is_there(browser: Browser, tmp_path: Path) -> None:
    address = written(tmp_path, datetime.now(UTC) - timedelta(minutes=11))
    for scripts in (True, False):
        with browser.new_context(java_script_enabled=scripts) as context:
            seen = context.new_page()
            seen.goto(address)
            assert seen.locator("#stale").is_visible() is scripts
            assert seen.locator("h1").inner_text() == "Some systems are disturbed"
