"""A real daemon, a real web server that breaks, and somebody who looks at the overview meanwhile."""

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.real.serve.running import Place, place
from tests.real.serve.test_watching import Shop

pytestmark = pytest.mark.real
GOOD = "correct horse battery"
WITHIN = 60_000.0
"""Milliseconds."""


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
        text += "status_page: {title: The Shop, components: {front: {title: Shop front, services: [web]}}}\n"
        made.config.write_text(text)
        yield made


def enter(browser: Browser, app: Place) -> Page:
    """Take the link of an invitation, choose a password, go, and come again by the login."""
    base = str(app.web.base_url).rstrip("/")
    invited = app.run("users", "invite", "alice", "--role", "admin").stdout
    link = re.search(r"/welcome/\S+", invited)
    assert link, invited
    page = browser.new_context(locale="en-GB").new_page()
    page.context.set_default_timeout(WITHIN)
    page.goto(base + link[0])
    page.fill("#password", GOOD)
    page.fill("#again", GOOD)
    page.click("button[type=submit]")
    page.wait_for_url(base + "/")
    page.goto(base + "/account")
    page.click("text=Log out")
    page.wait_for_url(base + "/login")
    page.fill("#name", "alice")
    page.fill("#password", GOOD)
    page.click("button[type=submit]")
    page.wait_for_url(base + "/")
    return page


def test_from_a_check_that_turns_red_to_what_users_read(browser: Browser, app: Place, shop: Shop) -> None:
    """The whole of it: red while one looks, acknowledged, an incident, an update, the status page, well again."""
    app.start()
    page = enter(browser, app)
    base = str(app.web.base_url).rstrip("/")
    row = page.locator("#services li", has_text="web")
    expect(row).to_contain_text("well", timeout=WITHIN)
    shop.status = 503
    expect(row).to_contain_text("failed", timeout=WITHIN)
    expect(page.locator("#wrong")).to_contain_text("503", timeout=WITHIN)
    expect(page.locator("#wrong .is", has_text="critical").first).to_be_visible()
    page.click("nav[aria-label=Pages] a[href='/alerts']")
    alert = page.locator("#open li", has_text="web").first
    expect(alert).to_contain_text("503", timeout=WITHIN)
    alert.get_by_role("button", name="Acknowledge").click()
    expect(alert).to_contain_text("alice takes care of it", timeout=WITHIN)
    page.click("nav[aria-label=Pages] a[href='/incidents']")
    page.fill("#title", "The shop answers 503")
    page.select_option("#service", "web")
    page.click("section:has(#title) button")
    page.wait_for_url(re.compile(r"/incidents/1$"))
    page.click("#ack")
    expect(page.locator("#facts")).to_contain_text("alice", timeout=WITHIN)
    if page.locator("#publish", has_text="Show it").count():
        page.click("#publish")
    expect(page.locator("#publish")).to_contain_text("Take it off", timeout=WITHIN)
    page.select_option("#phase", "identified")
    page.fill("#update", "A full disk: we make room")
    page.click("section:has(#update) button")
    expect(page.locator("#timeline")).to_contain_text("we make room", timeout=WITHIN)
    outside = browser.new_context(locale="en-GB")
    public = outside.new_page()
    public.goto(base + "/status")
    expect(public.locator("body")).to_contain_text("A full disk: we make room")
    expect(public.locator("body")).to_contain_text("The shop answers 503")
    page.goto(base + "/")
    expect(page.locator("#incidents")).to_contain_text("The shop answers 503")
    shop.status = 200
    expect(row).to_contain_text("well", timeout=WITHIN)
    page.goto(base + "/incidents/1")
    page.fill("#cause", "The disk was full")
    page.check("input[name=anyway]")
    page.click("section:has(#cause) button")
    expect(page.locator("h1")).to_contain_text("resolved", timeout=WITHIN)
    public.goto(base + "/status")
    expect(public.locator("h1")).not_to_contain_text("disturbed", timeout=WITHIN)
    outside.close()
    begun = time.monotonic()
    app.daemons[-1].send_signal(signal.SIGTERM)
    app.daemons[-1].wait(60)
    assert time.monotonic() - begun < 20, "pages that are open hold nothing up"
    expect(page.locator("#offline")).to_be_visible(timeout=WITHIN)
    page.context.close()


def test_a_backup_and_a_restore_from_the_page(browser: Browser, app: Place) -> None:
    app.start()
    page = enter(browser, app)
    base = str(app.web.base_url).rstrip("/")
    page.goto(base + "/backups/nightly")
    page.click("#run-now")
    page.wait_for_url(re.compile("/runs/"))
    expect(page.locator("h1")).to_contain_text("succeeded", timeout=60_000)
    page.goto(base + "/backups/nightly")
    page.locator("#snapshots a", has_text="Restore…").first.click()
    page.get_by_role("button", name="See the plan").click()
    expect(page.locator("#places")).to_be_visible(timeout=60_000)
    expect(page.locator("main")).to_contain_text("uploads")
    page.fill("#confirm", "shop/production")
    (app.folder / "uploads" / "a.txt").unlink()
    page.click("button.danger")
    page.wait_for_url(re.compile("/runs/"))
    expect(page.locator("h1")).to_contain_text("succeeded", timeout=60_000)
    assert (app.folder / "uploads" / "a.txt").read_text() == "hello"
    page.context.close()
