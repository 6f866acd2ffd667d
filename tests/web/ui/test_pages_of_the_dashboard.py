"""The pages: what they show, what they let whom do, and that they keep to the policy."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import cast

import pytest
import sqlalchemy as sa

from daytwo.access.roles import Role
from daytwo.respond.incidents import orders
from daytwo.store.tables import alerts, blocks, checks, incidents, runs, schedules, silences
from daytwo.watch.prober import Answer
from tests.access.people import BOSS
from tests.web.conftest import Build, World
from tests.web.test_pages import Page
from tests.web.ui.conftest import browser
from tests.web.ui.staging import CONFIG, OWN, fill

PATHS = [
    "/", "/services", "/services?q=web&state=failed", "/checks/web", "/checks/host?since=1h", "/backups", "/backups/nightly", "/restore",
    "/runs", "/runs?kind=backup&outcome=failed", "/runs/" + "f" * 16, "/alerts", "/alerts/1", "/incidents", "/incidents/1", "/oncall",
    "/heartbeats", "/exports", "/exports?text=orders&since=2026-11-01&until=2026-12-31", "/exports/1", "/audit", "/audit?action=user",
    "/audit/verify", "/numbers", "/numbers?q=app", "/numbers/app.orders", "/numbers/traffic.web.requests?since=1h",
    "/incidents/1/review", "/logs", "/traffic", "/security", "/reports", "/reports?period=weekly", "/settings",
]  # fmt: skip
EMPTY = [
    "/",
    "/services",
    "/backups",
    "/runs",
    "/alerts",
    "/incidents",
    "/oncall",
    "/heartbeats",
    "/numbers",
    "/logs",
    "/security",
    "/exports",
    "/traffic",
    "/reports",
]


def csrf(text: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', text)
    assert found
    return found[1]


def many(world: World, table: sa.Table) -> int:
    with world.house.database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


@pytest.mark.parametrize("path", PATHS)
def test_a_page_keeps_to_the_policy_and_every_field_has_a_label(shop: World, path: str) -> None:
    answer = browser(shop).get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    page = Page(answer.text)
    assert [one for one in page.inline if one != "script"] == []
    assert re.findall(r"<script(?![^>]*\ssrc=)", answer.text) == [], "no script in the page itself"
    loose = {f.get("id") for f in page.fields.values() if f.get("type") not in ("hidden", "checkbox", "radio")}
    assert loose <= page.labels
    assert answer.text.count("<h1") == 1


@pytest.mark.parametrize("path", EMPTY)
def test_where_nothing_is_the_next_step_is_told(world: World, path: str) -> None:
    text = browser(world).get(path).text
    assert 'class="empty"' in text


def test_an_app_that_has_just_begun_is_told_what_to_do_first(world: World) -> None:
    text = browser(world).get("/").text
    assert "Nothing is watched yet" in text and "What to do first" in text and "daytwo channels test" in text


def test_the_overview_has_open_incidents_and_who_is_on_call(shop: World) -> None:
    text = browser(shop).get("/").text
    assert "The shop answers 503" in text and "Nobody takes care of it yet" in text
    assert re.search(r"on call</a>: (dana|kim)", text)
    assert browser(shop, Role.OPERATOR).post("/incidents/1/ack", data={}).status_code == 303
    assert "operator takes care of it" in browser(shop).get("/").text


def test_what_is_open_is_shown_however_much_came_later(shop: World) -> None:
    """An old incident, and an alert that is over, are not pushed off their pages by newer ones."""
    now = shop.clock()

    def happen(connection: sa.Connection) -> None:
        desk = shop.house.incident_desk
        for _ in range(60):
            order = orders.Open(title="Nothing much", severity="P4")
            number = desk.open(connection, order, BOSS, now).number
            desk.act(connection, number, orders.Resolve(cause="x", anyway=True), BOSS, now)
        for _ in range(5):
            desk.open(connection, orders.Open(title="A blemish", severity="P4"), BOSS, now)
        row = OWN | {"fingerprint": "f", "level": "warning", "begin": now - timedelta(hours=1)}
        over = {"rule": "went", "subject": "went", "end": now}
        connection.execute(alerts.insert().values(**row, **over))
        connection.execute(alerts.insert(), [row | {"rule": f"r{one}", "subject": "s"} for one in range(60)])

    shop.house.writer.run(happen)
    client = browser(shop)
    page = client.get("/incidents").text
    assert "The shop answers 503" in page and re.search(r'id="lead"[^>]*>6 open', page)
    overview = client.get("/").text
    assert "The shop answers 503" in overview and "1 more open incident" in overview
    assert "The last seven days" in client.get("/alerts").text


def test_the_overview_says_what_is_wrong_and_each_thing_once(shop: World) -> None:
    text = browser(shop).get("/").text
    assert "One thing is wrong" in text and "Status 503: Service Unavailable" in text
    assert text.count('href="/checks/web"') == 1
    assert "7 checks well, 1 failed" in text


def test_the_overview_of_a_good_day(build: Build) -> None:
    world = build(config=CONFIG)
    fill(world, failing=False, minutes=30)
    text = browser(world).get("/").text
    assert "All 8 checks are well" in text
    with world.house.database.begin() as connection:
        connection.execute(
            sa.update(checks).where(checks.c.name == "db").values(verdict="inconclusive", why="no route")
        )
    text = browser(world).get("/").text
    assert "All 8 checks" in text, "nothing that stamps tell has changed"
    with world.house.database.begin() as connection:
        connection.execute(sa.update(checks).where(checks.c.name == "db").values(since=world.clock()))
    text = browser(world).get("/").text
    assert "Nothing is wrong, as far as anybody could tell" in text and "No route" in text


def test_what_comes_from_outside_is_never_markup(shop: World) -> None:
    evil = "<script>alert(1)</script>`<b>`"
    with shop.house.database.begin() as connection:
        connection.execute(sa.update(checks).where(checks.c.name == "web").values(why=evil, since=shop.clock()))
        connection.execute(sa.update(runs).values(summary=evil, subject=evil))
        connection.execute(sa.update(alerts).values(why=evil))
    client = browser(shop)
    for path in (
        "/",
        "/services",
        "/checks/web",
        "/runs",
        "/runs/" + "f" * 16,
        "/alerts",
        "/alerts/1",
        "/services?q=%3Cscript%3E",
    ):
        text = client.get(path).text
        assert "<script>" not in text and "<b>" not in text, path


def test_running_a_backup_from_its_page(shop: World) -> None:
    client = browser(shop, Role.OPERATOR)
    fields = {"csrf": csrf(client.get("/backups/nightly").text)}
    del client.headers["X-CSRF-Token"]
    assert client.post("/backups/nightly/run", data={"csrf": "x"}).status_code == 403
    answer = client.post("/backups/nightly/run", data=fields)
    assert answer.status_code == 303 and answer.headers["location"].startswith("/runs/")
    assert "queued" in client.get(answer.headers["location"]).text
    assert client.post("/backups/nightly/run", data=fields).status_code == 409
    assert client.post("/backups/nothing/run", data=fields).status_code == 404
    assert client.post("/backups/nightly/pause", data=fields).status_code == 303
    assert many(shop, schedules) == 1 and "Resume its schedule" in client.get("/backups/nightly").text
    assert client.post("/backups/nightly/resume", data=fields).status_code == 303
    assert {"backup.order", "schedule.pause", "schedule.resume"} <= set(shop.stage.actions())


def test_a_viewer_can_do_nothing(shop: World) -> None:
    client = browser(shop, Role.VIEWER)
    for path in (
        "/backups/nightly/run",
        "/snapshots/00/verify",
        "/runs/x/cancel",
        "/alerts/1/acknowledge",
        "/silences",
        "/incidents",
        "/restore",
    ):
        assert client.post(path, data={}).status_code == 403, path
    assert client.get("/restore").status_code == 403 and client.get("/audit").status_code == 403


def test_a_restore_needs_the_name_typed(shop: World) -> None:
    client = browser(shop)
    fields = {"snapshot": "005e1b07@local", "services": "db", "safety": "yes"}
    for wrong in ("", "shop", "shop/staging"):
        assert client.post("/restore", data={**fields, "confirm": wrong}).status_code == 422
    assert "restore.order" not in shop.stage.actions()
    secret = "AGE-SECRET-KEY-1QQQ"
    answer = client.post("/restore", data={**fields, "confirm": "shop/production", "key": secret})
    assert answer.status_code == 303
    assert secret not in shop.stage.everything() and secret not in client.get(answer.headers["location"]).text
    with shop.house.database.read() as connection:
        request = connection.execute(sa.select(runs.c.request).where(runs.c.kind == "restore")).scalar_one()
    assert '"services":["db"]' in request and '"repository":"local"' in request


def test_an_alert_is_acknowledged_and_silenced_from_the_page(shop: World) -> None:
    client = browser(shop, Role.OPERATOR)
    assert client.post("/alerts/1/acknowledge", data={}).status_code == 303
    assert "operator takes care of it" in client.get("/alerts").text
    fields = {"rule": "web", "subject": "web", "for": "4h", "why": "we know"}
    assert client.post("/silences", data=fields).status_code == 303
    assert many(shop, silences) == 1 and "we know" in client.get("/alerts").text
    assert client.post("/silences", data={**fields, "rule": "", "subject": ""}).status_code in (409, 422), (
        "not everything"
    )
    assert client.post("/silences", data={**fields, "for": "forever"}).status_code == 422
    assert client.post("/silences/1/end", data={}).status_code == 303
    assert client.post("/silences/9/end", data={}).status_code == 404


def test_an_incident_from_its_opening_to_its_end(shop: World) -> None:
    client = browser(shop, Role.OPERATOR)
    answer = client.post(
        "/incidents", data={"title": "Mails do not leave", "severity": "P2", "service": "web", "note": ""}
    )
    assert answer.status_code == 303 and many(shop, incidents) == 2
    path = answer.headers["location"]
    assert client.post(f"{path}/ack", data={}).status_code == 303
    assert client.post(f"{path}/note", data={"text": "the queue is full"}).status_code == 303
    assert client.post(f"{path}/update", data={"phase": "identified", "text": "We know why"}).status_code == 303
    text = client.get(path).text
    assert "the queue is full" in text and "identified" in text and "operator" in text
    item = re.findall(r'name="item" value="(\d+)"', text)[0]
    assert client.post(f"{path}/tick", data={"item": item, "ticked": "yes"}).status_code == 303
    assert client.post(f"{path}/resolve", data={"cause": "a full disk"}).status_code in (409, 422), "lines are open"
    assert client.post(f"{path}/resolve", data={"cause": "a full disk", "anyway": "yes"}).status_code == 303
    assert "a full disk" in client.get(path).text
    assert client.post(f"{path}/note", data={"text": ""}).status_code == 422
    assert client.post(f"{path}/nothing", data={}).status_code == 404


def test_the_severity_and_what_is_left_to_do(shop: World) -> None:
    client = browser(shop, Role.OPERATOR)
    assert client.post("/incidents/1/severity", data={"severity": "P2", "why": "only the search"}).status_code == 303
    given = {"text": "A larger disk", "owner": "dana", "due": "2026-12-01"}
    assert client.post("/incidents/1/actions", data=given).status_code == 303
    assert "only the search" in client.get("/incidents/1").text and "A larger disk" in client.get("/incidents").text
    assert client.post("/incidents/actions/1/done", data={}).status_code == 303
    assert "A larger disk" not in client.get("/incidents").text
    assert "## Timeline" in client.get("/incidents/1/review").text


def test_a_message_that_reached_nobody_is_tried_again(shop: World) -> None:
    client = browser(shop, Role.OPERATOR)
    assert "530 not logged in" in client.get("/alerts").text
    assert client.post("/messages/1/retry", data={}).status_code == 303
    assert "530 not logged in" not in client.get("/alerts").text
    assert client.post("/messages/1/retry", data={}).status_code == 409


def test_an_address_is_let_in_again_from_the_page(shop: World) -> None:
    client = browser(shop, Role.OPERATOR)
    with shop.house.database.begin() as connection:
        now = shop.clock()
        made = blocks.insert().values(
            **OWN, network="203.0.113.9/32", begin=now, until=now + timedelta(hours=1), by="alice", why="passwords"
        )
        connection.execute(made)
    assert "203.0.113.9" in client.get("/security").text and "passwords" in client.get("/security").text
    assert client.post("/security/blocks/1/end", data={}).status_code == 303
    assert "Shut out" not in client.get("/security").text
    assert "block.remove" in shop.stage.actions()


def test_a_check_is_asked_from_its_page(shop: World) -> None:
    asked: list[str] = []

    async def ask(name: str) -> Answer:
        asked.append(name)
        return cast(Answer, None)

    client = browser(shop, Role.OPERATOR)
    assert client.post("/checks/web/run", data={}).status_code == 409, "a daemon that does not watch says so"
    shop.app.state.house = replace(shop.house, ask=ask)
    answer = client.post("/checks/web/run", data={})
    assert (answer.status_code, answer.headers["location"]) == (303, "/checks/web")
    assert asked == ["web"] and "check.run" in shop.stage.actions()


def test_numbers_that_the_app_hands_in_come_first(shop: World) -> None:
    client = browser(shop, Role.VIEWER)
    rows = re.findall(r'href="/numbers/([^"]+)"', client.get("/numbers").text)
    assert rows[:2] == ["app.basket", "app.orders"] and "web.duration" in rows
    assert re.findall(r'href="/numbers/([^"]+)"', client.get("/numbers?q=basket").text) == ["app.basket"]
    assert "Grew by" in client.get("/numbers/app.orders").text
    assert "How many" in client.get("/numbers/traffic.web.requests").text
    assert "Median" in client.get("/numbers/app.basket").text
    assert client.get("/numbers/app.*").status_code == 404


def test_charts_are_marked_with_what_was_done_and_what_happened(shop: World) -> None:
    now = shop.clock()
    with shop.house.database.begin() as connection:
        columns = {"app": "shop", "environment": "production", "id": "d" * 16, "kind": "deploy", "subject": "v2"}
        connection.execute(
            runs.insert().values(
                **columns, begun=now - timedelta(hours=2), outcome="succeeded", owner="h", actor="ci", via="token",
                summary="",
            )
        )  # fmt: skip
    shop.house.writer.run(lambda connection: shop.house.record(connection, BOSS, "config.reload", "f"))

    def marked(path: str) -> list[dict[str, object]]:
        found = re.search(r"data-marks='?\"?(\[.*?\])", unescape(browser(shop).get(path).text))
        assert found
        marks: list[dict[str, object]] = json.loads(found[1])
        return marks

    web = marked("/checks/web")
    assert {one["label"] for one in web} == {"backup", "deploy", "config", "incident 1"}
    (incident,) = [one for one in web if one["label"] == "incident 1"]
    assert incident["bad"] and incident["until"] == now.timestamp()
    assert "incident 1" not in {one["label"] for one in marked("/checks/host")}, "it is of another service"
    assert [one["at"] for one in web] == sorted(one["at"] for one in web)  # type: ignore[type-var]


def test_only_what_a_snapshot_can_hold_is_offered(shop: World, build: Build) -> None:
    offered = r'name="services" value="([^"]+)"'
    assert re.findall(offered, browser(shop).get("/restore").text) == ["db", "uploads"]
    everything = build(config=CONFIG.replace('{services: [db, uploads], at: "0 3', '{at: "0 3'))
    fill(everything, minutes=1)
    assert "web" not in re.findall(offered, browser(everything).get("/restore").text)


@pytest.mark.parametrize(
    ("path", "place"),
    [("/checks/web", "/services"), ("/backups/nightly", "/backups"), ("/restore", "/backups"), ("/", "/")],
)
def test_the_navigation_shows_where_one_is(shop: World, path: str, place: str) -> None:
    assert set(re.findall(r'href="([^"]+)" aria-current="page"', browser(shop).get(path).text)) == {place}


def test_the_colours_are_kept_in_a_cookie(shop: World) -> None:
    client = browser(shop, Role.VIEWER)
    answer = client.post("/theme", data={"theme": "dark", "back": "/backups"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/backups")
    assert 'data-theme="dark"' in client.get("/backups").text
    client.post("/theme", data={"theme": '"><script>', "back": "https://evil.example"})
    assert 'data-theme="dark"' in client.get("/").text


def test_the_stream_is_for_who_wants_one(shop: World) -> None:
    assert browser(shop).get("/live").status_code == 422


def test_a_stamp_changes_with_what_it_is_of(shop: World) -> None:
    from daytwo.web.ui.stamps import Stamper

    stamper = Stamper(shop.house.database, ("shop", "production"), lambda: "f")
    before = stamper.read()
    with shop.house.database.begin() as connection:
        connection.execute(sa.update(runs).where(runs.c.outcome == "running").values(ended=shop.clock()))
    after = stamper.read()
    assert {topic for topic in after if after[topic] != before[topic]} == {"runs"}
    with shop.house.database.begin() as connection:
        connection.execute(sa.update(alerts).values(acknowledged=shop.clock()))
    assert stamper.read()["alerts"] != after["alerts"]


def test_settings_show_no_secret_and_viewers_no_users(build: Build) -> None:
    world = build(config=CONFIG.replace("user: shop}", "user: shop, password: {command: [pass, show, hunter2]}}"))
    text = browser(world, Role.VIEWER).get("/settings").text
    assert "hunter2" not in text and "Users" not in text
    assert "Users" in browser(world).get("/settings").text


def test_the_first_load_is_small_with_a_thousand_checks(shop: World) -> None:
    from bench.overview import many as add

    add(shop)
    client = browser(shop)
    page = client.get("/")
    files = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page.text))
    assert len(page.content) + sum(len(client.get(one).content) for one in files) < 100_000
    assert "1,000" in client.get("/services").text
