"""The dashboard in a real browser: it is live, everybody can use it, and it looks like something."""

import base64
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from daytwo.access import passwords
from daytwo.access.roles import Role
from daytwo.store.tables import alerts, checks, runs, stretches
from tests.real.browser.conftest import AXE, Site, Visit
from tests.web.conftest import world_in
from tests.web.ui.serving import answering
from tests.web.ui.staging import OWN

pytestmark = pytest.mark.real
PAGES = [
    "/", "/services", "/checks/web", "/checks/host", "/numbers", "/numbers/app.orders", "/backups", "/backups/nightly", "/restore", "/runs", "/runs/" + "f" * 16, "/alerts",
    "/alerts/1", "/incidents", "/incidents/1", "/incidents/1/review", "/oncall", "/heartbeats", "/exports", "/exports/1", "/audit", "/audit/verify",
    "/logs", "/traffic", "/security", "/reports", "/settings", "/account", "/api/docs",
]  # fmt: skip
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


def audit(page: Page) -> list[str]:
    """What axe-core finds that keeps people out."""
    # As a browser's extension would, past the policy that the page keeps to.
    page.context.new_cdp_session(page).send("Page.setBypassCSP", {"enabled": True})
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['impact']}: {one['id']}: {node['target']} {node.get('failureSummary', '')}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def too_wide(page: Page) -> list[str]:
    """That a page scrolls sideways."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"scrolls sideways by {wide} pixels"] if wide > 0 else []


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An app of which nothing is known yet."""
    monkeypatch.setattr(passwords, "MEMORY", 64)
    monkeypatch.setattr(passwords, "PASSES", 1)
    with world_in(tmp_path) as world:
        world.clock.now = datetime.now(UTC)
        world.stage.user("alice", Role.ADMIN)
        with answering(world) as url:
            yield Site(world, url)


@pytest.mark.parametrize(
    "options", [{"color_scheme": "light"}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"]
)
def test_an_app_that_has_just_begun_keeps_nobody_out_either(visit: Visit, fresh: Site, options: dict[str, Any]) -> None:
    page = visit("/", at=fresh, **options)
    expect(page.locator("h1")).to_have_text("Nothing is watched yet")
    found = {}
    for path in PAGES:
        if not re.search(r"/(1|web|host|nightly|app\.orders|f{16})\b", path):
            page.goto(fresh.url + path)
            if seen := audit(page) + too_wide(page):
                found[path] = seen
    page.context.close()
    assert found == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_out(visit: Visit, site: Site, scheme: str) -> None:
    page, found = visit("/", color_scheme=scheme), {}
    for path in PAGES:
        page.goto(site.url + path)
        if seen := audit(page):
            found[path] = seen
    assert found == {}


def test_nobody_is_kept_out_on_a_phone(visit: Visit, site: Site) -> None:
    page, found = visit("/", **PHONE), {}
    for path in PAGES:
        page.goto(site.url + path)
        if seen := audit(page) + too_wide(page):
            found[path] = seen
    assert found == {}


def test_a_check_turns_red_while_one_looks(visit: Visit, site: Site) -> None:
    page = visit("/")
    row = page.locator("#services li", has_text="cache")
    expect(row).to_contain_text("well")
    now = site.world.clock()
    with site.world.house.database.begin() as connection:
        values = {"verdict": "failed", "why": "connection refused", "since": now, "failures": 1}
        connection.execute(sa.update(checks).filter_by(**OWN, name="cache").values(**values))
        connection.execute(
            stretches.insert().values(**OWN, check="cache", begin=now - timedelta(seconds=1), verdict="failed", why="")
        )
    expect(row).to_contain_text("failed")
    expect(page.locator("h1")).to_have_text("2 things are wrong")
    expect(page).to_have_title(re.compile("2 things are wrong"))
    assert row.locator("svg.strip path.bad").count() == 1
    with site.world.house.database.begin() as connection:
        values = {"verdict": "ok", "why": "", "since": now, "failures": 0}
        connection.execute(sa.update(checks).filter_by(**OWN, name="cache").values(**values))
    expect(row).to_contain_text("well")
    expect(page.locator("h1")).to_have_text("One thing is wrong")


def test_a_refresh_keeps_where_one_is(visit: Visit, site: Site) -> None:
    page = visit("/backups")
    page.focus("#run-nightly")
    with site.world.house.database.begin() as connection:
        connection.execute(sa.update(runs).where(runs.c.id == f"{3:016x}").values(ended=site.world.clock()))
        connection.execute(
            sa.update(runs).where(runs.c.id == f"{0:016x}").values(outcome="partial", summary="offsite is full")
        )
    expect(page.locator("#list")).to_contain_text("Offsite is full")
    assert page.evaluate("document.activeElement.id") == "run-nightly"
    with site.world.house.database.begin() as connection:
        connection.execute(
            sa.update(runs).where(runs.c.id == f"{0:016x}").values(outcome="succeeded", summary="all is well")
        )


def test_a_chart_is_drawn_with_its_thresholds_and_zooms(visit: Visit) -> None:
    page = visit("/checks/web")
    figure = page.locator("figure[data-series='web.duration']")
    expect(figure.locator("canvas")).to_be_visible()
    assert "warning" in (figure.get_attribute("data-limits") or "")
    expect(figure.locator(".legend")).to_contain_text("95th percentile")
    box = figure.locator(".u-over").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 80, middle)
    expect(figure.locator(".legend")).to_contain_text(" at ")
    page.mouse.down()
    page.mouse.move(box["x"] + 200, middle, steps=4)
    page.mouse.up()
    page.mouse.dblclick(box["x"] + 90, middle)
    expect(figure.locator("canvas")).to_be_visible()


def test_the_error_rate_is_a_share_of_requests(visit: Visit) -> None:
    page = visit("/traffic")
    figure = page.locator("figure[data-of='traffic.web.requests']")
    figure.scroll_into_view_if_needed()
    expect(figure.locator("canvas")).to_be_visible()
    said = figure.locator(".uplot").get_attribute("aria-label") or ""
    assert re.search(r"mean \d+(\.\d+)? %, largest \d+(\.\d+)? %", said), said
    counted = page.locator("figure[data-series='traffic.web.requests']")
    expect(counted.locator(".legend")).to_contain_text("how many")


def test_the_keyboard_alone_is_enough(visit: Visit, site: Site) -> None:
    page = visit("/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_an_alert_is_acknowledged_with_the_keyboard_alone(visit: Visit, site: Site) -> None:
    page = visit("/alerts")
    button = page.locator("#open button").first
    name = button.get_attribute("aria-label")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == name:
            break
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#open")).to_contain_text("alice takes care of it")
    with site.world.house.database.begin() as connection:
        connection.execute(sa.update(alerts).values(acknowledged=None, acknowledged_by=""))


def test_a_phone_reaches_every_page_from_its_bar(visit: Visit) -> None:
    page = visit("/", **PHONE)
    expect(page.locator("nav[aria-label='Pages']")).to_be_hidden()
    page.tap("#more summary")
    expect(page.locator(".sheet a[href='/oncall']")).to_be_in_viewport(ratio=1)
    everywhere = page.locator(".dock a").evaluate_all("all => all.map((one) => one.getAttribute('href'))")
    assert {"/", "/alerts", "/incidents", "/numbers", "/backups", "/runs", "/audit", "/settings", "/account"} <= set(
        everywhere
    )
    page.keyboard.press("Escape")
    expect(page.locator(".sheet")).to_be_hidden()
    expect(page.locator("#more summary")).to_be_focused()


def test_who_wants_less_motion_gets_none(visit: Visit, site: Site) -> None:
    moving = "document.getAnimations().length"
    page = visit("/runs/" + "f" * 16, reduced_motion="reduce")
    assert page.evaluate(moving) == 0
    assert visit("/runs/" + "f" * 16, reduced_motion="no-preference").evaluate(moving) > 0, "what runs breathes"


def test_an_alert_is_acknowledged_without_javascript(visit: Visit, site: Site) -> None:
    page = visit("/alerts", java_script_enabled=False)
    page.locator("#open").get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#open")).to_contain_text("alice takes care of it")
    page.goto(f"{site.url}/checks/web")
    assert page.locator("noscript").count() or page.locator("figure a[href^='/api/series/']").count()
    with site.world.house.database.begin() as connection:
        connection.execute(sa.update(alerts).values(acknowledged=None, acknowledged_by=""))


def test_without_javascript_everything_is_there(visit: Visit, site: Site) -> None:
    page = visit("/", java_script_enabled=False)
    expect(page.locator("h1")).to_contain_text("wrong")
    page.click("nav a[href='/backups']")
    expect(page.locator("#list")).to_contain_text("nightly")
    page.click("button[value=dark]")
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_a_viewer_is_shown_nothing_that_they_may_not_do(visit: Visit, site: Site) -> None:
    page = visit("/backups/nightly", user="victor")
    assert page.locator("main form").count() == 0
    assert page.locator("a[href='/audit']").count() == 0
    page.goto(f"{site.url}/alerts")
    assert page.locator("main form").count() == 0


PICTURES = Path(__file__).resolve().parents[3] / "docs" / "pictures"


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Where pictures are put: into docs/pictures with `DAYTWO_PICTURES=1`, otherwise into the test's folder."""
    return PICTURES if os.environ.get("DAYTWO_PICTURES") else tmp_path


_AS_WEBP = """async (png) => {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL("image/webp", 0.85);
}"""


def shoot(page: Page, file: Path) -> None:
    """Take a picture; as WebP it has a third of a PNG's size, and the folder is in git."""
    for figure in page.locator("figure[data-series]").all()[:4]:
        figure.scroll_into_view_if_needed()
        expect(figure.locator("canvas, .hint").first).to_be_visible()
    page.evaluate("scrollTo(0, 0)")
    taken = base64.b64encode(page.screenshot(animations="disabled")).decode()
    said = page.evaluate(_AS_WEBP, taken)
    file.write_bytes(base64.b64decode(said.partition(",")[2]))
    assert 2_000 < file.stat().st_size < 150_000


@pytest.mark.parametrize("way", ["light", "dark", "phone"])
def test_pictures_of_each_page(visit: Visit, site: Site, way: str, album: Path) -> None:
    page = visit("/", **(PHONE if way == "phone" else {"color_scheme": way}))
    for path in PAGES:
        page.goto(site.url + path)
        name = path.strip("/").replace("/", "-").replace("f" * 16, "one") or "overview"
        shoot(page, album / f"{name}-{way}.webp")


def test_a_picture_of_an_app_that_has_just_begun(visit: Visit, fresh: Site, album: Path) -> None:
    page = visit("/", at=fresh)
    shoot(page, album / "overview-empty-light.webp")
    page.context.close()
