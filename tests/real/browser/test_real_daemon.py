"""A real daemon, a real web server that breaks, and somebody who looks at the overview meanwhile."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.real.serve.running import Place, place
from tests.real.serve.test_watching import Shop

pytestmark = pytest.mark.real
GOOD = "correct horse battery"


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop().open() as opened:
        yield opened


@pytest.fixture
def app(tmp_path: Path, shop: Shop) -> Iterator[Place]:
    with place(tmp_path) as made:
        made.write()
        text = made.config.read_text().replace(
            "services: {uploads: {kind: files, path: uploads}}",
            "services:\n  uploads: {kind: files, path: uploads}\n  web:\n    kind: http\n"
            f"    url: http://127.0.0.1:{shop.port}/\n    check: {{every: 300ms, timeout: 5s, failures: 2}}",
        )
        made.config.write_text(text)
        yield made


def test_from_the_first_link_to_a_check_that_turns_red_and_a_backup(browser: Browser, app: Place, shop: Shop) -> None:
    app.start()
    base = str(app.web.base_url).rstrip("/")
    invited = app.run("users", "invite", "alice", "--role", "admin").stdout
    link = re.search(r"/welcome/\S+", invited)
    assert link, invited
    context = browser.new_context(locale="en-GB")
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto(base + link[0])
    page.fill("#password", GOOD)
    page.fill("#again", GOOD)
    page.click("button[type=submit]")
    page.wait_for_url(base + "/")
    row = page.locator("#services li", has_text="web")
    expect(row).to_contain_text("well", timeout=30_000)
    shop.status = 503
    expect(row).to_contain_text("failed", timeout=30_000)
    expect(page.locator("#wrong")).to_contain_text("503")
    expect(page.locator("#wrong .is", has_text="critical").first).to_be_visible()
    shop.status = 200
    expect(row).to_contain_text("well", timeout=30_000)
    page.goto(base + "/backups/nightly")
    page.click("#run-now")
    page.wait_for_url(re.compile("/runs/"))
    expect(page.locator("h1")).to_contain_text("succeeded", timeout=60_000)
    page.goto(base + "/backups/nightly")
    page.locator("#snapshots a", has_text="Restore…").first.click()
    page.click("text=See the plan")
    expect(page.locator("#places")).to_be_visible(timeout=60_000)
    expect(page.locator("main")).to_contain_text("uploads")
    page.fill("#confirm", "shop/production")
    (app.folder / "uploads" / "a.txt").unlink()
    page.click("button.danger")
    page.wait_for_url(re.compile("/runs/"))
    expect(page.locator("h1")).to_contain_text("succeeded", timeout=60_000)
    assert (app.folder / "uploads" / "a.txt").read_text() == "hello"
    context.close()
