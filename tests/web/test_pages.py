"""The pages that people come in by, without JavaScript."""

import re
from html.parser import HTMLParser

import pytest

from daytwo.access.roles import Role
from daytwo.web.pages import local_path
from daytwo.web.routes.entrance import browser
from tests.access.people import GOOD
from tests.web.conftest import Build, World

HTML = {"Accept": "text/html,application/xhtml+xml"}


class Page(HTMLParser):
    """What matters of a page: its fields, their labels, and what a policy without `unsafe-inline` would block."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, dict[str, str | None]] = {}
        self.labels: set[str | None] = set()
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input":
            self.fields[given.get("name") or ""] = given
        if tag == "label":
            self.labels.add(given.get("for"))
        if tag in ("script", "style") or any(name == "style" or name.startswith("on") for name in given):
            self.inline.append(tag)


def first(world: World) -> str:
    link = world.stage.door.first_link()
    assert link
    return "/welcome/" + link.rpartition("/")[2]


def test_from_the_first_link_to_the_account(world: World) -> None:
    path, client = first(world), world.client(headers=HTML)
    assert "first admin" in client.get(path).text
    answer = client.post(path, data={"name": "alice", "password": GOOD, "again": GOOD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    account = client.get("/account")
    assert account.status_code == 200 and "alice" in account.text and "admin" in account.text
    again = world.client(headers=HTML).get(path)
    assert again.status_code == 404 and "has been used" in again.text
    assert world.stage.actions() == ["user.invite", "user.add", "login.ok"]


def test_a_link_that_leads_nowhere_any_more_says_so(world: World) -> None:
    path = first(world)
    world.stage.user("alice", Role.ADMIN)
    answer = world.client(headers=HTML).get(path)
    assert answer.status_code == 404 and "in already. Ask them for a link" in answer.text
    assert world.client().get(path).json()["error"]["code"] == "not_found"


def test_looking_at_a_link_does_not_use_it_up(world: World) -> None:
    path = first(world)
    for _ in range(3):
        assert world.client().get(path).status_code == 200


def test_a_wrong_password_is_told_and_the_name_stays(world: World) -> None:
    world.stage.user("alice")
    answer = world.client(headers=HTML).post("/login", data={"name": "alice", "password": "wrong", "next": "/api/docs"})
    assert answer.status_code == 401
    page = Page(answer.text)
    assert page.fields["name"]["value"] == "alice" and page.fields["next"]["value"] == "/api/docs"
    assert 'role="alert"' in answer.text and "wrong" not in (page.fields["password"].get("value") or "")


def test_what_is_typed_is_never_markup(world: World) -> None:
    answer = world.client(headers=HTML).post("/login", data={"name": '"><script>alert(1)</script>', "password": "x"})
    assert "<script" not in answer.text and Page(answer.text).inline == []


def test_who_is_not_known_comes_back_after_the_login(world: World) -> None:
    world.stage.user("alice", Role.ADMIN)
    client = world.client(headers=HTML)
    answer = client.get("/account?changed=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/account%3Fchanged%3D1")
    page = client.get(answer.headers["location"])
    assert Page(page.text).fields["next"]["value"] == "/account?changed=1"
    answer = client.post("/login", data={"name": "alice", "password": GOOD, "next": "/account?changed=1"})
    assert answer.headers["location"] == "/account?changed=1"
    assert client.get("/login").headers["location"] == "/"


EVIL = [
    "https://evil.example", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
    "/\t/evil.example", "/\n/evil.example", " /account", "http:evil.example", "evil.example", "", "//[", "/a b", "/%0a\r\nX: y", "/x\r\nSet-Cookie:a=b",
]  # fmt: skip


@pytest.mark.parametrize("wanted", EVIL)
def test_a_login_never_leads_to_another_site(world: World, wanted: str) -> None:
    world.stage.user("alice")
    answer = world.client().post("/login", data={"name": "alice", "password": GOOD, "next": wanted})
    assert answer.headers["location"] == "/"
    assert Page(world.client().get("/login", params={"next": wanted}).text).fields["next"]["value"] == "/"


@pytest.mark.parametrize("wanted", ["/", "/account", "/runs?after=3&kind=backup", "/a%20b"])
def test_a_login_leads_back_to_where_one_was(wanted: str) -> None:
    assert local_path(wanted) == wanted


def test_changing_the_password_on_the_page(world: World) -> None:
    client = world.person(Role.VIEWER, "alice")
    csrf = client.headers.pop("X-CSRF-Token")
    client.headers.update(HTML)
    fields = {"csrf": csrf, "old": GOOD, "password": "another long one", "again": "another long one"}
    for wrong in ({"old": "wrong"}, {"again": "another"}, {"password": "short", "again": "short"}, {"csrf": "x"}):
        assert client.post("/account/password", data={**fields, **wrong}).status_code in (401, 403, 422)
    answer = client.post("/account/password", data=fields)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account?changed=1")
    assert "is changed" in client.get("/account?changed=1").text


def test_ending_another_session_on_the_page(world: World) -> None:
    here, there = world.person(Role.VIEWER, "alice"), world.person(Role.VIEWER, "alice")
    csrf = here.headers.pop("X-CSRF-Token")
    (path,) = re.findall(r'action="(/account/sessions/[0-9a-f]+)"', here.get("/account").text)
    assert here.post(path, data={"csrf": "x"}).status_code == 403
    assert there.get("/api/session").status_code == 200
    assert here.post(path, data={"csrf": csrf}).status_code == 303
    assert there.get("/api/session").status_code == 401


def test_logging_out_on_the_page(world: World) -> None:
    client = world.person(Role.VIEWER, "alice")
    csrf = client.headers.pop("X-CSRF-Token")
    assert client.get("/logout").status_code == 405
    assert client.post("/logout", data={"csrf": csrf}).headers["location"] == "/login"
    assert client.get("/api/session").status_code == 401


def test_pages_keep_to_the_policy_and_every_field_has_a_label(world: World) -> None:
    path = first(world)
    pages = [world.client(headers=HTML).get(one) for one in ("/login", path, "/nothing")]
    pages.append(world.person(Role.ADMIN).get("/account", headers=HTML))
    for answer in pages:
        page = Page(answer.text)
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["cache-control"] == "no-store"
        assert page.inline == []
        shown = {f.get("id") for f in page.fields.values() if f.get("type") != "hidden" and "hidden" not in f}
        assert shown <= page.labels


def test_the_files_of_the_pages(world: World) -> None:
    client = world.client()
    addresses = re.findall(r'href="(/static/[^"]+)"', client.get("/login").text)
    assert len(addresses) == 2
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "name", ["..%2f..%2fdoor.py", "nothing.css", "%2e%2e", "daytwo.css%00", "templates%2flogin.html"]
)
def test_no_other_file_can_be_had(world: World, name: str) -> None:
    assert world.client().get(f"/static/{name}").status_code == 404


def test_programs_get_errors_in_the_envelope_and_people_get_a_page(world: World) -> None:
    assert world.client().get("/nothing").json()["error"]["code"] == "not_found"
    answer = world.client(headers=HTML).get("/nothing")
    assert answer.status_code == 404 and "<h1>" in answer.text
    assert world.client(headers=HTML).get("/api/users").json()["error"]["code"] == "authentication"


def test_the_login_page_tells_no_internals(build: Build) -> None:
    config = "app: shop\nenvironment: secret-stage\nservices: {data: {kind: files, path: ./data}}\n"
    assert "secret-stage" not in build(config=config).client().get("/login").text


@pytest.mark.parametrize(
    ("agent", "wanted"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        ("", "An unknown browser"),
    ],
)
def test_browsers_by_the_names_that_people_know(agent: str, wanted: str) -> None:
    assert browser(agent) == wanted
