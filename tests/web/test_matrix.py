"""Every route and every role, as the routes declare it: a new route cannot be forgotten."""

import re
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Route

from daytwo.access.roles import Role
from daytwo.web.routes import AREAS
from tests.access.people import cheap_hashes
from tests.web.client import TestClient
from tests.web.conftest import World, world_in

OUTSIDE = {"/api/openapi.json"}
"""What FastAPI serves itself: the API's description, without anything of the app's."""
PUBLIC = {
    "GET /api/health",
    "GET /api/monitoring/health/live",
    "GET /api/monitoring/health/ready",
    "POST /api/session",
    "GET /api/docs",
    "GET /login",
    "POST /login",
    "GET /welcome/{secret}",
    "POST /welcome/{secret}",
    "GET /static/{name}",
    "GET /status",
    "GET /status/feed.xml",
    "GET /status/status.json",
    "POST /status/subscribe",
    "GET /status/confirm/{secret}",
    "POST /status/confirm/{secret}",
    "GET /status/unsubscribe/{secret}",
    "POST /status/unsubscribe/{secret}",
}
"""What anybody may call. A route that is added here is a decision, made by who reviews it."""
PINGS = re.compile(r"^(GET|POST|HEAD) /ping/")
"""Heartbeats: whoever knows the address may report."""
ROUTES = [route for area in AREAS for route in area.router.routes]
CASES = [
    (f"{method} {route.path}", route)
    for route in ROUTES
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]
IDS = [name for name, _ in CASES]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, TestClient]]:
    """One world for all: what is asked here is refused, or does no harm."""
    with pytest.MonkeyPatch.context() as patch, world_in(tmp_path_factory.mktemp("matrix")) as world:
        cheap_hashes(patch)
        found = {"nobody": world.client()}
        for role in Role:
            found[f"token {role.word}"] = world.bearer(role)
        for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN):
            found[f"session {role.word}"] = _local(world, role)
        found["token of another area"] = world.bearer(Role.ADMIN, areas=frozenset({"no-such-area"}))
        yield found


def _local(world: World, role: Role) -> TestClient:
    """A browser with a session; each has its own user, whom nothing here removes."""
    return world.person(role, f"person-{role.word}")


def declared(route: BaseRoute) -> tuple[str, str]:
    extra = getattr(route, "openapi_extra", None) or {}
    return extra.get("x-role", ""), extra.get("x-area", "")


def call(client: TestClient, name: str) -> int:
    """Call a route with an empty body and ids of nothing: whoever may, gets anything but 401 and 403."""
    method, path = name.split(" ", 1)
    path = re.sub(r"\{[^}]+\}", "no-such-thing", path)
    headers = {"Content-Type": "application/json", "X-Matrix": "1"}
    with client.stream(method, path, headers=headers, content=b"" if method == "GET" else b"{}") as answer:
        status: int = answer.status_code
    return status


@pytest.mark.parametrize(("name", "route"), CASES, ids=IDS)
def test_a_route_declares_who_may_call_it(name: str, route: APIRoute) -> None:
    role, area = declared(route)
    assert area in {one.name for one in AREAS}
    assert role in {"public", *(one.word for one in Role)}
    if role == "public":
        assert name in PUBLIC or PINGS.match(name), "a new public route: is that meant?"


def test_no_route_goes_past_the_areas(world: World) -> None:
    allowed = {id(route.endpoint) for _, route in CASES}
    for route in world.app.routes:
        assert isinstance(route, Route)
        assert id(route.endpoint) in allowed or route.path in OUTSIDE, route


@pytest.mark.parametrize(("name", "route"), CASES, ids=IDS)
def test_who_is_not_known_gets_in_nowhere_but_to_what_is_public(
    people: dict[str, TestClient], name: str, route: APIRoute
) -> None:
    role, _ = declared(route)
    status = call(people["nobody"], name)
    if role != "public":
        assert status == 401
    elif name not in ("POST /api/session", "POST /login"):
        assert status not in (401, 403)


GUARDED = [(name, route) for name, route in CASES if declared(route)[0] != "public"]


ENDS_SESSION = {"DELETE /api/session", "POST /logout"}
"""What would take the session away that the next test comes with; tests/web/test_session.py and test_pages.py have it."""
WAYS = [
    pytest.param(way, role, name, route, id=f"{way} {role.word} {name}")
    for way in ("token", "session")
    for role in Role
    for name, route in GUARDED
    if not (way == "session" and name in ENDS_SESSION)
]


@pytest.mark.parametrize(("way", "role", "name", "route"), WAYS)
def test_each_role_may_what_the_route_declares(
    people: dict[str, TestClient], way: str, role: Role, name: str, route: APIRoute
) -> None:
    status = call(people[f"{way} {role.word}"], name)
    if role >= Role.parse(declared(route)[0]):
        assert status not in (401, 403), status
    else:
        assert status == 403


@pytest.mark.parametrize(("name", "route"), GUARDED, ids=[name for name, _ in GUARDED])
def test_a_token_for_another_area_gets_in_nowhere(people: dict[str, TestClient], name: str, route: APIRoute) -> None:
    assert call(people["token of another area"], name) == 403


@pytest.mark.parametrize("name", [*IDS, "GET /nothing", "GET /api/nothing", "PUT /api/session", "POST /api/users"])
def test_every_answer_has_the_security_headers(people: dict[str, TestClient], name: str) -> None:
    method, path = name.split(" ", 1)
    path = re.sub(r"\{[^}]+\}", "no-such-thing", path)
    with people["nobody"].stream(method, path) as answer:
        headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] in ("no-referrer", "same-origin")
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert headers["cache-control"]
