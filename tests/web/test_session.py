"""Sessions over HTTP: cookies, CSRF, fixation, and where requests come from."""

import pytest

from daytwo.access.roles import Role
from daytwo.access.throttle import SOURCE
from tests.access.people import BOSS, GOOD
from tests.web.client import TestClient
from tests.web.conftest import Build, World


def error(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def login(client: TestClient, name: str = "alice", password: str = GOOD, **options):
    return client.post("/api/session", json={"name": name, "password": password}, **options)


def test_logging_in_and_out(world: World) -> None:
    world.stage.user("alice", Role.OPERATOR)
    client = world.client()
    answer = login(client)
    assert answer.status_code == 201
    told = client.get("/api/session").json()["data"]
    assert (told["name"], told["via"], told["role"]) == ("alice", "session", "operator")
    assert told["csrf"] == answer.json()["data"]["csrf"]
    cookie = dict(client.cookies)
    assert client.delete("/api/session", headers={"X-CSRF-Token": told["csrf"]}).status_code == 204
    assert not client.cookies
    assert error(world.client(cookies=cookie).get("/api/session")) == (401, "authentication")
    assert world.stage.actions()[-2:] == ["login.ok", "session.end"]


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(world: World) -> None:
    world.stage.user("alice")
    given = login(world.client()).headers["set-cookie"]
    assert given.startswith("daytwo=") and "HttpOnly" in given and "SameSite=lax" in given and "Path=/" in given
    assert "Secure" not in given and "Domain" not in given


def test_with_tls_the_cookie_is_bound_to_the_host(world: World) -> None:
    world.stage.user("alice")
    client = world.client("https://testserver")
    given = login(client).headers["set-cookie"]
    assert given.startswith("__Host-daytwo=") and "; Secure" in given and "Path=/" in given
    assert client.get("/api/session").status_code == 200


def test_a_trusted_proxy_tells_of_tls_and_nobody_else_does(build: Build) -> None:
    for serve, name in (("trusted_proxies: 192.0.2.0/24", "__Host-daytwo="), ("", "daytwo=")):
        world = build(serve)
        world.stage.user("alice")
        answer = login(world.client(), headers={"X-Forwarded-Proto": "https"})
        assert answer.headers["set-cookie"].startswith(name)


def test_a_cookie_without_the_host_prefix_counts_for_nothing_with_tls(world: World) -> None:
    secret = world.person(Role.ADMIN).cookies["daytwo"]
    assert world.client(cookies={"daytwo": secret}).get("/api/session").status_code == 200
    planted = world.client("https://testserver", cookies={"daytwo": secret}).get("/api/session")
    assert error(planted) == (401, "authentication")


@pytest.mark.parametrize(
    "forge",
    [lambda s: s[:-1], lambda s: s + "A", lambda s: "A" * 43, lambda s: "", lambda s: "A" * 4000, lambda s: "dt_" + s],
)
def test_a_forged_cookie_is_refused(world: World, forge) -> None:
    secret = world.person(Role.ADMIN).cookies["daytwo"]
    answer = world.client(headers={"Cookie": f"daytwo={forge(secret)}"}).get("/api/session")
    assert error(answer) == (401, "authentication")


def test_a_token_s_secret_is_no_cookie_and_a_cookie_s_no_token(world: World) -> None:
    token, person, client = world.stage.token(), world.person(Role.ADMIN), world.client()
    cookie = person.cookies["daytwo"]
    assert person.get("/api/session").status_code == 200  # and now both are remembered
    assert client.get("/api/session", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    for headers in ({"Cookie": f"daytwo={token}"}, {"Authorization": f"Bearer {cookie}"}):
        assert client.get("/api/session", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer x",
        "Bearer dt_" + "A" * 43,
        "Bearer " + "A" * 5000,
        "bearer\tdt_x",
    ],
)
def test_a_wrong_authorization_is_refused_even_with_a_good_cookie(world: World, given: str) -> None:
    client = world.person(Role.ADMIN)
    answer = client.get("/api/session", headers={"Authorization": given})
    assert error(answer) == (401, "authentication")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("csrf", [None, "", "x", "A" * 64, "é"])
def test_without_the_csrf_token_nothing_changes(world: World, csrf: str | None) -> None:
    client = world.person(Role.ADMIN)
    del client.headers["X-CSRF-Token"]
    headers = {} if csrf is None else {"X-CSRF-Token": csrf.encode()}
    answer = client.post("/api/tokens", json={"name": "x", "role": "admin"}, headers=headers)
    assert error(answer) == (403, "forbidden")
    assert world.stage.door.read(world.stage.door.tokens.all) == ()


def test_another_session_s_csrf_token_does_not_do(world: World) -> None:
    admin, other = world.person(Role.ADMIN), world.person(Role.VIEWER)
    theirs = other.headers["X-CSRF-Token"]
    answer = admin.post("/api/tokens", json={"name": "x", "role": "admin"}, headers={"X-CSRF-Token": theirs})
    assert error(answer) == (403, "forbidden")


def test_the_csrf_token_may_come_in_the_form(world: World) -> None:
    client = world.person(Role.VIEWER)
    csrf = client.headers.pop("X-CSRF-Token")
    assert client.post("/logout", data={"csrf": csrf + "x"}).status_code == 403
    assert client.post("/logout", data={"csrf": csrf}).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
@pytest.mark.parametrize("path", ["/api/session", "/login"])
def test_another_site_s_page_cannot_log_a_browser_in(world: World, path: str, headers: dict[str, str]) -> None:
    world.stage.user("mallory")
    body = {"name": "mallory", "password": GOOD}
    answer = world.client().post(path, **{"json" if path.startswith("/api") else "data": body}, headers=headers)
    assert answer.status_code == 403 and "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "http://testserver"}, {}]
)
def test_the_daemon_s_own_pages_can(world: World, headers: dict[str, str]) -> None:
    world.stage.user("alice")
    assert login(world.client(), headers=headers).status_code == 201


def test_behind_a_proxy_that_renames_the_host_the_url_of_the_settings_counts(build: Build) -> None:
    world = build("url: 'https://ops.example.org'")
    world.stage.user("alice")
    assert login(world.client(), headers={"Origin": "https://ops.example.org"}).status_code == 201


def test_a_login_never_takes_over_the_session_it_finds(world: World) -> None:
    world.stage.user("alice")
    client = world.client(cookies={"daytwo": "planted-by-somebody-else-000000000000000000"})
    for _ in range(2):
        before = client.cookies.get("daytwo")
        client = world.client(cookies={"daytwo": before or ""})
        answer = client.post("/login", data={"name": "alice", "password": GOOD})
        assert answer.status_code == 303
        after = answer.cookies["daytwo"]
        assert after != before
        if before:
            assert world.client(cookies={"daytwo": before}).get("/api/session").status_code == 401
        client = world.client(cookies={"daytwo": after})


def test_x_forwarded_for_does_not_escape_the_throttle(world: World) -> None:
    client = world.client()
    for number in range(SOURCE.free + 1):
        answer = login(client, f"user{number}", headers={"X-Forwarded-For": f"198.51.100.{number}"})
        assert error(answer) == (401, "authentication")
    answer = login(client, "another", headers={"X-Forwarded-For": "203.0.113.1"})
    assert error(answer) == (429, "throttled")
    assert answer.headers["retry-after"] == "1"


def test_what_a_client_puts_before_its_proxy_s_word_is_not_believed(build: Build) -> None:
    world = build("trusted_proxies: 192.0.2.0/24")
    proxy = world.client()
    for number in range(SOURCE.free + 1):
        login(proxy, f"user{number}", headers={"X-Forwarded-For": f"10.0.0.{number}, 198.51.100.1, 192.0.2.9"})
    throttled = login(proxy, "x", headers={"X-Forwarded-For": "10.0.0.99, 198.51.100.1, 192.0.2.9"})
    assert throttled.status_code == 429
    other = login(proxy, "x", headers={"X-Forwarded-For": "198.51.100.2"})
    assert other.status_code == 401
    assert world.stage.events()[-1].source == "198.51.100.2"


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("198.51.100.1:4711", "198.51.100.1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("unknown", "192.0.2.7"),
        ("198.51.100.1, nonsense", "192.0.2.7"),
        ("", "192.0.2.7"),
        ("192.0.2.1, 192.0.2.2", "192.0.2.1"),
    ],
)
def test_addresses_as_proxies_write_them(build: Build, said: str, wanted: str) -> None:
    world = build("trusted_proxies: 192.0.2.0/24")
    login(world.client(), "nobody", headers={"X-Forwarded-For": said})
    assert world.stage.events()[-1].source == wanted


def test_changing_the_password_ends_other_sessions(world: World) -> None:
    here, there = world.person(Role.VIEWER, "alice"), world.person(Role.VIEWER, "alice")
    assert len(here.get("/api/session/all").json()["data"]) == 2
    body = {"old": GOOD, "new": "another long one"}
    answer = here.post("/api/session/password", json=body)
    assert answer.status_code == 200
    assert there.get("/api/session").status_code == 401
    assert here.get("/api/session").status_code == 200
    assert answer.json()["data"]["csrf"] != here.headers["X-CSRF-Token"]
    assert login(world.client()).status_code == 401


def test_one_s_own_session_elsewhere_can_be_ended_and_nobody_else_s(world: World) -> None:
    here, there = world.person(Role.VIEWER, "alice"), world.person(Role.VIEWER, "alice")
    other = world.person(Role.ADMIN, "mallory")
    (id,) = [one["id"] for one in here.get("/api/session/all").json()["data"] if not one["here"]]
    assert other.delete(f"/api/session/{id}").status_code == 404
    assert there.get("/api/session").status_code == 200
    assert here.delete(f"/api/session/{id}").status_code == 204
    assert there.get("/api/session").status_code == 401


def test_who_must_choose_a_new_password_can_do_nothing_else(world: World) -> None:
    world.stage.user("root", Role.ADMIN)
    hashed = world.stage.door.hash("alice", GOOD)
    users = world.stage.door.users
    world.stage.door.do(lambda c: users.add(c, "alice", Role.ADMIN, hashed, BOSS, must_change=True))
    client = world.person(Role.ADMIN, "alice")
    assert error(client.get("/api/users")) == (403, "forbidden")
    assert client.get("/account").status_code == 200
    answer = client.post("/api/session/password", json={"old": GOOD, "new": "another long one"})
    assert answer.status_code == 200
    assert client.get("/api/users").status_code == 200


def test_a_token_has_no_session(world: World) -> None:
    client = world.bearer(Role.ADMIN)
    assert client.get("/api/session").json()["data"]["csrf"] is None
    assert error(client.delete("/api/session")) == (409, "refused")
    assert error(client.post("/api/session/password", json={"old": "x", "new": GOOD})) == (409, "refused")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b'{"name": 1, "password": 2}',
        b'{"name": "a"}',
        b'{"name": "a", "password": "\\ud800"}',
        b"\xff",
    ],
)
def test_a_login_that_makes_no_sense_is_refused(world: World, body: bytes) -> None:
    answer = world.client().post("/api/session", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 401, 422)
    assert "error" in answer.json()


@pytest.mark.parametrize(
    "body", [b"name=%ff", b"\xff\xfe=1", b"&".join(b"a%d=1" % n for n in range(60)), b"", b"name=alice&name=bob"]
)
def test_a_form_that_makes_no_sense_is_refused(world: World, body: bytes) -> None:
    answer = world.client().post("/login", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code in (401, 422)
