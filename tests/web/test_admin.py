"""Users and tokens over the API, as an admin uses it."""

import pytest

from daytwo.access.roles import Role
from tests.access.people import GOOD
from tests.web.conftest import Build, World


def test_a_user_from_the_invitation_to_the_end(world: World) -> None:
    admin = world.person(Role.ADMIN)
    made = admin.post("/api/users", json={"name": "Bob", "role": "operator"})
    assert made.status_code == 201
    link = made.json()["data"]["link"]
    assert link.startswith("http://127.0.0.1:8470/welcome/")
    bob = world.client()
    path = link.removeprefix("http://127.0.0.1:8470")
    assert bob.post(path, data={"password": GOOD, "again": GOOD}).status_code == 303
    assert bob.get("/api/session").json()["data"]["role"] == "operator"
    assert [one["name"] for one in admin.get("/api/users").json()["data"]] == ["admin", "bob"]
    changed = admin.patch("/api/users/bob", json={"role": "viewer"})
    assert changed.json()["data"]["role"] == "viewer"
    assert bob.get("/api/session").status_code == 401
    assert admin.patch("/api/users/bob", json={"disabled": True}).json()["data"]["disabled"]
    assert bob.post("/api/session", json={"name": "bob", "password": GOOD}).status_code == 401
    assert admin.patch("/api/users/bob", json={"disabled": False}).json()["data"]["disabled"] is None
    assert admin.delete("/api/users/bob").status_code == 204
    assert admin.get("/api/users/bob").status_code == 404


def test_a_reset_link_leaves_the_old_password_until_it_is_used(world: World) -> None:
    admin = world.person(Role.ADMIN)
    world.stage.user("bob")
    link = admin.post("/api/users/bob/reset").json()["data"]["link"]
    bob = world.client()
    assert bob.post("/api/session", json={"name": "bob", "password": GOOD}).status_code == 201
    new = "another long one"
    assert bob.post("/welcome/" + link.rpartition("/")[2], data={"password": new, "again": new}).status_code == 303
    assert world.client().post("/api/session", json={"name": "bob", "password": GOOD}).status_code == 401


def test_logging_a_user_out_everywhere(world: World) -> None:
    admin, bob = world.person(Role.ADMIN), world.person(Role.VIEWER, "bob")
    assert admin.delete("/api/users/bob/sessions").json()["data"] == {"ended": 1}
    assert bob.get("/api/session").status_code == 401


@pytest.mark.parametrize("act", ["delete", "demote", "disable"])
def test_the_last_admin_stays(world: World, act: str) -> None:
    admin = world.person(Role.ADMIN)
    if act == "delete":
        answer = admin.delete("/api/users/admin")
    else:
        answer = admin.patch("/api/users/admin", json={"role": "viewer"} if act == "demote" else {"disabled": True})
    assert answer.status_code == 409
    assert admin.get("/api/users").status_code == 200


def test_a_change_that_is_refused_changes_nothing(world: World) -> None:
    admin, bob = world.person(Role.ADMIN), world.person(Role.VIEWER, "bob")
    answer = admin.patch("/api/users/admin", json={"role": "operator", "disabled": True})
    assert answer.status_code == 409
    assert admin.get("/api/users/admin").json()["data"]["disabled"] is None
    assert bob.get("/api/session").status_code == 200


@pytest.mark.parametrize("role", ["root", "", "ADMIN ", None, 3])
def test_a_role_that_there_is_not(world: World, role: object) -> None:
    assert world.bearer(Role.ADMIN).post("/api/users", json={"name": "x", "role": role}).status_code == 422


def test_a_token_is_shown_once(world: World) -> None:
    admin = world.bearer(Role.ADMIN)
    made = admin.post("/api/tokens", json={"name": "ci", "role": "operator", "areas": ["runs"], "lasts": "90d"})
    assert made.status_code == 201
    secret, token = made.json()["data"]["secret"], made.json()["data"]["token"]
    assert secret.startswith("dt_") and token["areas"] == ["runs"] and token["created_by"] == "token admin 0"
    assert secret not in admin.get("/api/tokens").text
    ci = world.client(headers={"Authorization": f"Bearer {secret}"})
    assert ci.get("/api/runs").status_code == 200
    assert ci.get("/api/schedules").status_code == 403
    ended = admin.delete(f"/api/tokens/{token['id']}")
    assert ended.json()["data"]["state"] == "revoked"
    assert ci.get("/api/runs").status_code == 401


def test_a_token_ends_by_itself(world: World) -> None:
    client = world.bearer(Role.VIEWER, lasts=60.0)
    assert client.get("/api/session").status_code == 200
    world.clock.advance(60)
    assert client.get("/api/session").status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "role": "viewer", "areas": ["helath"]},
        {"name": "x", "role": "viewer", "areas": ["*"]},
        {"name": "x", "role": "viewer", "lasts": "0s"},
        {"name": "x", "role": "viewer", "lasts": "20y"},
        {"name": "x", "role": "viewer", "lasts": 90},
        {"name": "x/y", "role": "viewer"},
        {"role": "viewer"},
    ],
)
def test_a_token_that_makes_no_sense_is_refused(world: World, body: dict[str, object]) -> None:
    assert world.bearer(Role.ADMIN).post("/api/tokens", json=body).status_code == 422


def test_a_limited_token_hands_out_nothing_beyond_its_limits(world: World) -> None:
    client = world.bearer(Role.ADMIN, areas=frozenset({"users", "tokens"}))
    assert client.get("/api/users").status_code == 200
    world.stage.user("bob")
    assert client.post("/api/users", json={"name": "mallory", "role": "admin"}).status_code == 403
    assert client.patch("/api/users/bob", json={"role": "admin"}).status_code == 403
    assert client.post("/api/users/bob/reset").status_code == 403
    assert client.delete("/api/users/bob").status_code == 403
    assert client.post("/api/tokens", json={"name": "x", "role": "admin"}).status_code == 403
    assert client.post("/api/tokens", json={"name": "x", "role": "admin", "areas": ["users"]}).status_code == 201


def test_links_begin_with_the_address_that_people_use(build: Build) -> None:
    world = build("url: 'https://ops.example.org/'")
    made = world.bearer(Role.ADMIN).post("/api/users", json={"name": "bob", "role": "viewer"})
    assert made.json()["data"]["link"].startswith("https://ops.example.org/welcome/")


def test_who_did_what_is_in_the_record(world: World) -> None:
    admin = world.person(Role.ADMIN)
    admin.post("/api/users", json={"name": "bob", "role": "viewer"})
    event = world.stage.events()[-1]
    assert (event.action, event.subject, event.actor, event.via, event.source) == (
        "user.invite", "bob", "admin", "session", "192.0.2.7",
    )  # fmt: skip
