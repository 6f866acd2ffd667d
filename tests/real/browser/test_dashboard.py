"""The dashboard in a real browser: it is live, everybody can use it, and it looks like something."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from daytwo.store.tables import checks, runs, stretches
from tests.real.browser.conftest import AXE, Site, Visit
from tests.web.ui.staging import OWN

pytestmark = pytest.mark.real
PAGES = [
    "/", "/services", "/checks/web", "/checks/host", "/backups", "/backups/nightly", "/restore", "/runs", "/runs/" + "f" * 16, "/alerts",
    "/alerts/1", "/incidents", "/incidents/1", "/oncall", "/heartbeats", "/exports", "/exports/1", "/audit", "/audit/verify", "/logs", "/traffic", "/security", "/reports",
    "/settings",
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_out(visit: Visit, site: Site, scheme: str) -> None:
    page, found = visit("/", color_scheme=scheme), {}
    for path in PAGES:
        page.goto(site.url + path)
        if seen := audit(page):
            found[path] = seen
    assert found == {}


def test_nobody_is_kept_out_on_a_phone(visit: Visit, site: Site) -> None:
    page = visit("/", **PHONE)
    for path in PAGES:
        page.goto(site.url + path)
        assert audit(page) == [], path
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} scrolls sideways by {wide} pixels"


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


def test_the_keyboard_alone_is_enough(visit: Visit, site: Site) -> None:
    page = visit("/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


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


@pytest.mark.parametrize("way", ["light", "dark", "phone"])
def test_pictures_of_each_page(
    visit: Visit, site: Site, way: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Kept in docs/pictures with `DAYTWO_PICTURES=1`; otherwise taken, and left in the test's folder."""
    import os

    folder = PICTURES if os.environ.get("DAYTWO_PICTURES") else tmp_path
    options = PHONE if way == "phone" else {"color_scheme": way}
    page = visit("/", **options)
    for path in PAGES:
        page.goto(site.url + path)
        for figure in page.locator("figure[data-series]").all()[:4]:
            figure.scroll_into_view_if_needed()
            expect(figure.locator("canvas, .hint").first).to_be_visible()
        page.evaluate("scrollTo(0, 0)")
        name = path.strip("/").replace("/", "-").replace("f" * 16, "one") or "overview"
        file = folder / f"{name}-{way}.png"
        page.screenshot(path=file, animations="disabled")
        assert file.stat().st_size > 5_000
