"""The status page over HTTP: public and cheap, whole only for who may write; subscribers come and go by their links."""

import re

import pytest

from daytwo.access.roles import Role
from daytwo.respond.outbox import Outbox
from tests.respond.status_page.stage import CONFIG
from tests.web.conftest import Build, World

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def shop(build: Build) -> World:
    return build(
        config=CONFIG.replace('serve: {url: "https://daytwo.example.com"}\n', ""),
        serve="url: https://daytwo.example.com",
    )


def mails(world: World) -> list[str]:
    with world.house.database.read() as connection:
        return [one.message.model_dump_json() for one in Outbox("shop", "production").latest(connection, 100)]


def link(world: World, purpose: str) -> str:
    return str(re.findall(rf"https://daytwo.example.com(/status/{purpose}/[\w-]+)", mails(world)[0])[-1])


def test_without_a_status_page_there_is_none(world: World) -> None:
    for path in ("", "/feed.xml", "/status.json", "/confirm/x", "/unsubscribe/x"):
        assert world.client().get(f"/status{path}").status_code == 404
    for path in ("/subscribe", "/confirm/x", "/unsubscribe/x"):
        assert world.client().post(f"/status{path}").status_code == 404
    assert world.bearer(Role.OPERATOR).post("/api/status/updates", json={"state": "resolved"}).status_code == 404


def test_everybody_sees_it_and_nothing_is_sent_twice(shop: World) -> None:
    client = shop.client()
    for name, kind in (("", "text/html"), ("/feed.xml", "application/atom+xml"), ("/status.json", "application/json")):
        answer = client.get(f"/status{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert "public" in answer.headers["cache-control"]
        again = client.get(f"/status{name}", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert client.head("/status").status_code == 200


def test_it_is_worked_out_once_however_many_ask(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.client().get("/status")
    monkeypatch.setattr(shop.house.status_site, "_look", None)
    for _ in range(20):
        assert shop.client().get("/status").status_code == 200


def test_an_operator_tells_and_everybody_reads(shop: World) -> None:
    operator = shop.bearer(Role.OPERATOR)
    body = {"state": "investigating", "text": "<b>Slow</b>", "components": {"front": "degraded"}}
    made = operator.post("/api/status/updates", json=body)
    assert made.status_code == 201
    shop.clock.advance(6)
    shown = shop.client().get("/status").text
    assert "&lt;b&gt;Slow&lt;/b&gt;" in shown and "<b>Slow" not in shown
    number = made.json()["data"]["number"]
    assert operator.post(f"/api/status/updates/{number}/withdraw").status_code == 200
    assert operator.post(f"/api/status/updates/{number}/withdraw").status_code == 409
    shop.clock.advance(6)
    assert "Slow" not in shop.client().get("/status").text
    assert shop.bearer(Role.VIEWER).get("/api/status/updates").json()["data"][0]["text"] == "<b>Slow</b>"
    assert {"status-page.update", "status-page.withdraw"} <= set(shop.stage.actions())


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"state": "gone"}, 422, "state"),
        ({"state": "resolved", "components": {"frnt": "outage"}}, 404, "front"),
        ({"state": "resolved", "notice": 7}, 404, "no update 7"),
        ({"state": "resolved", "incident": 7}, 404, "no incident 7"),
        ({"state": "resolved", "incident": 7, "notice": 7}, 422, "not to both"),
        ({"state": "resolved", "title": "two\nlines"}, 422, "title"),
        ({"state": "resolved", "text": "x" * 4001}, 422, "text"),
    ],
)
def test_what_makes_no_sense_is_refused(shop: World, body: dict[str, object], status: int, said: str) -> None:
    answer = shop.bearer(Role.OPERATOR).post("/api/status/updates", json=body)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text


def test_subscribe_confirm_leave(shop: World) -> None:
    client = shop.client()
    first = client.post("/status/subscribe", data={"address": "eve@example.com"})
    assert first.status_code == 200
    confirm = link(shop, "confirm")
    for _ in range(2):
        assert "Yes, subscribe" in client.get(confirm).text, "looking does not use it up"
    assert client.post(confirm).status_code == 200
    assert client.post(confirm).status_code == 404
    assert client.get(confirm).status_code == 404
    again = client.post("/status/subscribe", data={"address": "eve@example.com"})
    assert (again.status_code, again.text) == (200, first.text), "nobody learns who is subscribed"
    shop.bearer(Role.OPERATOR).post("/api/status/updates", json={"state": "investigating", "text": "Slow"})
    _spread(shop)
    leave = link(shop, "unsubscribe")
    assert "Unsubscribe</button>" in client.get(leave).text
    one_click = client.post(leave, content=b"List-Unsubscribe=One-Click", headers=FORM)
    assert one_click.status_code == 200
    assert client.post(leave).text == one_click.text, "a second click is no mistake"
    assert shop.bearer(Role.ADMIN).get("/api/status/subscribers").json()["data"] == []


def _spread(shop: World) -> None:
    from daytwo.respond.status_page.mail import Letters

    house = shop.house
    letters = Letters(house.current, house.subscribers)
    for number in house.writer.run(letters.waiting):
        view = house.status_site.now(anew=True).view
        with house.database.begin() as connection:
            letters.spread(connection, number, view, house.clock())


@pytest.mark.parametrize("address", ["", "eve", "eve@example.com\r\nBcc: a@example.com", "a@example.com,b@example.com"])
def test_a_hostile_address_is_refused_and_nobody_gets_mail(shop: World, address: str) -> None:
    answer = shop.client().post("/status/subscribe", data={"address": address})
    assert answer.status_code == 422
    assert mails(shop) == []


def test_too_many_from_one_place_are_told_to_wait(shop: World) -> None:
    answers = [shop.client().post("/status/subscribe", data={"address": f"e{at}@example.com"}) for at in range(11)]
    assert [one.status_code for one in answers] == [200] * 10 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (
        shop.client(address="192.0.2.8").post("/status/subscribe", data={"address": "x@example.com"}).status_code == 200
    )


def test_only_admins_see_addresses(shop: World) -> None:
    admin = shop.bearer(Role.ADMIN)
    number = admin.post("/api/status/subscribers", json={"address": "eve@example.com"}).json()["data"]["number"]
    for role in (Role.VIEWER, Role.OPERATOR):
        for path in ("", f"/{number}"):
            assert shop.bearer(role).get(f"/api/status/subscribers{path}").status_code == 403
        for path in ("/api/status", "/api/status/updates", "/api/audit"):
            assert "eve@" not in shop.bearer(role).get(path).text
    assert admin.get(f"/api/status/subscribers/{number}").json()["data"]["subscriber"]["address"] == "eve@example.com"
    assert admin.delete(f"/api/status/subscribers/{number}").status_code == 204
    assert admin.get(f"/api/status/subscribers/{number}").status_code == 404
