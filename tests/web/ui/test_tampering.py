"""Forms that nobody's page sent: every one is refused with a page that says so, and nothing is done."""

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from fastapi.routing import APIRoute

from daytwo.access.roles import Role
from daytwo.store.tables import (
    alerts,
    audit_events,
    incident_actions,
    incidents,
    notifications,
    runs,
    silences,
)
from daytwo.web.ui.areas import PAGES
from tests.web.client import TestClient
from tests.web.conftest import World
from tests.web.ui.conftest import browser

pytestmark = pytest.mark.slow

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
POSTS = [
    (route.path, Role.parse((route.openapi_extra or {})["x-role"]))
    for area in PAGES
    for route in area.router.routes
    if isinstance(route, APIRoute) and "POST" in (route.methods or ())
]
PATHS = [path for path, _ in POSTS]
FIELDS = (
    "title", "severity", "service", "note", "text", "phase", "person", "item", "ticked", "public", "cause", "anyway", "why",
    "owner", "due", "for", "rule", "subject", "snapshot", "services", "safety", "confirm", "key", "repository", "theme", "back",
)  # fmt: skip
ODD = (
    "", " ", "x" * 20_000, "-1", "0", "99999999999999999999", "1e400", "NaN", "true", "\x00", "\N{PILE OF POO}",
    "<script>alert(1)</script>", "'; drop table alerts; --", "../../etc/passwd", "{{7*7}}", "a\r\nSet-Cookie: a=b", "9999-12-31",
)  # fmt: skip


def filled(path: str, value: str = "1") -> str:
    """A path with something in its places."""
    return re.sub(r"\{[^}]+\}", value, path)


def many(shop: World) -> int:
    """How much has been done, as the audit trail tells."""
    with shop.house.database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(audit_events)).scalar_one())


def unguarded(shop: World, role: Role = Role.ADMIN) -> tuple[TestClient, str]:
    """A browser that does not give its token by itself, and the token."""
    client = browser(shop, role)
    return client, client.headers.pop("X-CSRF-Token")


def is_page(text: str) -> bool:
    return text.count("<h1") == 1 and "Traceback" not in text


def test_there_are_forms() -> None:
    assert len(POSTS) >= 15 and "/incidents/{number}/{what}" in PATHS


def test_without_the_token_of_the_session_nothing_is_done(shop: World) -> None:
    client, token = unguarded(shop)
    stranger = shop.person(Role.ADMIN, "mallory").headers["X-CSRF-Token"]
    before = many(shop)
    for path in PATHS:
        for given in ({}, {"csrf": ""}, {"csrf": stranger}, {"csrf": token[:-1]}, {"csrf": token + "x"}):
            answer = client.post(filled(path), data=given)
            assert answer.status_code == 403 and is_page(answer.text), path
            assert "CSRF token" in answer.text, path
    assert many(shop) == before


def test_a_body_that_is_no_form_has_no_token(shop: World) -> None:
    client, token = unguarded(shop)
    before = many(shop)
    body = urlencode({"csrf": token})
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x", "", "application/xml"):
        for path in PATHS:
            answer = client.post(filled(path), content=body, headers={"Content-Type": kind})
            assert answer.status_code == 403 and is_page(answer.text), (path, kind)
    assert many(shop) == before


def test_what_another_site_sends_is_refused_even_with_the_token(shop: World) -> None:
    client, token = unguarded(shop)
    before = many(shop)
    for path in PATHS:
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
            answer = client.post(filled(path), data={"csrf": token}, headers=headers)
            assert answer.status_code == 403 and "another site" in answer.text, path
    assert many(shop) == before


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_a_role_that_is_too_low_is_told_so(shop: World, role: Role) -> None:
    client = browser(shop, role)
    before, refused = many(shop), 0
    for path, needed in POSTS:
        if needed > role:
            answer = client.post(filled(path), data={})
            assert answer.status_code == 403 and is_page(answer.text), path
            assert f"this needs the role {needed.word}" in answer.text.lower()
            refused += 1
    assert refused and many(shop) == before


def test_every_field_may_hold_anything(shop: World) -> None:
    """No defect comes of it: it is refused with a page, or taken for what it is and shown as text."""
    client, token = unguarded(shop)
    odd = {"ack", "assign", "note", "severity", "tick", "update", "publish", "resolve", "reopen", "actions"}
    # The daemon of these tests has no workers, that a verification and a restore would be handed to.
    paths = [path for path in PATHS if path != "/settings/reload"]
    paths = [
        one for path in paths for one in ([path.replace("{what}", w) for w in odd] if "{what}" in path else [path])
    ]
    for path in paths:
        for value in ODD:
            answer = client.post(filled(path), data={"csrf": token, **dict.fromkeys(FIELDS, value)})
            assert answer.status_code in (303, 403, 404, 409, 422), (path, value[:20], answer.text)
            assert answer.status_code == 303 or is_page(answer.text), (path, value[:20])
            assert "set-cookie" not in answer.headers or path == "/theme"
    for path in ("/alerts", "/incidents", "/incidents/1", "/oncall", "/"):
        text = client.get(path).text
        assert "<script>alert" not in text and "49" not in re.findall(r"\{\{.*?\}\}", text)


@pytest.mark.parametrize(
    ("path", "given", "said"),
    [
        ("/incidents", {"title": "x" * 5000, "severity": "P1"}, "title"),
        ("/incidents", {"title": "a", "severity": "P9"}, "severity"),
        ("/incidents", {"title": "a", "severity": "P1", "service": "nothing"}, "nothing"),
        ("/incidents/1/note", {"text": "x" * 100_000}, "text"),
        ("/incidents/1/assign", {"person": "mallory"}, "mallory"),
        ("/incidents/1/severity", {"severity": "P2", "why": ""}, "why"),
        ("/incidents/1/tick", {"item": "9999"}, "9999"),
        ("/incidents/1/update", {"phase": "winning", "text": "a"}, "phase"),
        ("/incidents/1/actions", {"text": "a", "owner": "dana", "due": "soon"}, "due"),
        ("/oncall/ops/takeovers", {"person": "mallory", "for": "4h"}, "nobody was chosen"),
        ("/oncall/nothing/takeovers", {"person": "dana", "for": "4h"}, "nothing"),
        ("/silences", {"for": "1h", "why": "x"}, ""),
        ("/restore", {"confirm": "shop/production"}, "no snapshot was chosen"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_name(shop: World, path: str, given: dict[str, str], said: str) -> None:
    client = browser(shop)
    before = many(shop)
    answer = client.post(path, data=given)
    assert answer.status_code in (404, 409, 422) and is_page(answer.text)
    assert said in answer.text.lower() and many(shop) == before


def test_numbers_that_are_none(shop: World) -> None:
    client = browser(shop)
    for path in ("/alerts/{}", "/incidents/{}", "/exports/{}", "/incidents/{}/review"):
        for value in ("x", "-1", "0", "1.5", "99999999999999999999", "%00", "1%20or%201"):
            answer = client.get(path.format(value))
            assert answer.status_code == 404 and is_page(answer.text), (path, value)
    for path in ("/checks/{}", "/backups/{}", "/runs/{}", "/heartbeats/{}", "/numbers/{}"):
        for value in ("nothing", "%2e%2e", "x" * 3000, "*", "%00"):
            answer = client.get(path.format(value))
            assert answer.status_code in (404, 422) and is_page(answer.text), (path, value)


def test_addresses_with_odd_questions(shop: World) -> None:
    client = browser(shop)
    for path in ("/services?page=x", "/numbers?page=-3&q=%00", "/runs?after=%00~%00&kind=x", "/audit?after=" + "9" * 300,
                 "/exports?since=x&until=9999-12-31", "/reports?period=x&day=x", "/checks/web?since=x", "/traffic?since=-1",
                 "/services?page=99999999999999999999", "/security?after=x", "/reports?day=9999-12-31"):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code in (200, 422) and is_page(answer.text), (path, answer.status_code)


def test_nothing_of_another_app_is_there(shop: World) -> None:
    now, foreign = shop.clock(), {"app": "other", "environment": "production"}
    with shop.house.database.begin() as connection:
        insert = connection.execute
        insert(
            alerts.insert().values(
                **foreign,
                id=700,
                rule="r",
                subject="s",
                level="critical",
                fingerprint="g",
                service="web",
                begin=now,
                why="w",
            )
        )
        columns = connection.execute(sa.select(incidents)).mappings().one()
        insert(incidents.insert().values(**{**columns, **foreign, "id": 700}))
        insert(
            incident_actions.insert().values(
                **foreign, id=700, incident=700, text="t", owner="dana", due="2026-12-01", created=now, created_by="x"
            )
        )
        insert(
            silences.insert().values(
                **foreign, id=700, matchers="{}", begin=now, until=now + timedelta(hours=1), by="x", why="y"
            )
        )
        row = connection.execute(sa.select(notifications).limit(1)).mappings().one()
        insert(notifications.insert().values(**{**row, **foreign, "id": 700, "key": "z"}))
        done = connection.execute(sa.select(runs).where(runs.c.outcome == "succeeded").limit(1)).mappings().one()
        insert(runs.insert().values(**{**done, **foreign, "id": "e" * 16}))  # fmt: skip
    client = browser(shop)
    before = many(shop)
    for path in ("/alerts/700", "/incidents/700", "/incidents/700/review", "/runs/" + "e" * 16):
        assert client.get(path).status_code == 404, path
    for path, given in (
        ("/alerts/700/acknowledge", {}), ("/silences/700/end", {}), ("/messages/700/retry", {}), ("/incidents/700/ack", {}),
        ("/incidents/700/note", {"text": "x"}), ("/incidents/actions/700/done", {}), ("/runs/" + "e" * 16 + "/cancel", {}),
    ):  # fmt: skip
        assert client.post(path, data=given).status_code == 404, path
    assert many(shop) == before


def test_too_much_is_refused_with_a_page(shop: World) -> None:
    client, token = unguarded(shop)
    answer = client.post("/incidents/1/note", content=b"text=" + b"x" * (1 << 20), headers=FORM)
    assert answer.status_code == 413 and is_page(answer.text) and "Too much" in answer.text
    drip = (b"x" * 100_000 for _ in range(20))
    answer = client.post("/incidents/1/note", content=drip, headers=FORM)
    assert answer.status_code == 413 and is_page(answer.text)
    fields = "&".join(f"f{number}=1" for number in range(100))
    answer = client.post("/incidents/1/note", content=f"csrf={token}&{fields}", headers=FORM)
    assert answer.status_code == 422 and is_page(answer.text)
    answer = client.post("/incidents/1/note", content=b"csrf=\xff\xfe", headers=FORM)
    assert answer.status_code in (403, 422) and is_page(answer.text)


def test_a_state_that_cannot_be_used_is_told_as_a_page(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object) -> None:
        raise sa.exc.OperationalError("select 1", {}, Exception("disk I/O error"))

    monkeypatch.setattr(type(shop.house.views), "series", fails)
    answer = browser(shop).get("/numbers")
    assert answer.status_code == 503 and is_page(answer.text) and "disk I/O error" in answer.text


def test_a_defect_is_told_without_its_insides(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(type(shop.house.views), "series", fails)
    answer = browser(shop).get("/numbers")
    assert answer.status_code == 500 and is_page(answer.text) and "hunter2" not in answer.text
