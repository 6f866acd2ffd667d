"""Which route a path is, and that a scanner makes none."""

import random
import time

import pytest

from daytwo.watch.traffic.routes import MOST, NEEDED, OTHER, Routes, slug_of


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("/", "root"), ("//", "root"), ("/login", "login"), ("/api/posts", "api-posts"), ("/api/posts/", "api-posts"),
        ("/api/posts/17", "api-posts-id"), ("/api/v1/users/me", "api-v1-users-me"),
        ("/api/posts/17/comments/4", "api-posts-id-comments-id"), ("/Blog/About.html", "blog-about-html"),
        ("/u/3f2b8c1e-9a77-4c62-8b0e-2f6d1c3a5b7e", "u-id"), ("/c/9f86d081884c7d65", "c-id"), ("/c/deadbeef", "c-deadbeef"),
        ("/s/dBjftJeZ4CVP-mB92K27uhbUJU1p1r", "s-id"), ("/@ann", "id"), ("/mail/ann@example.com", "mail-id"),
        ("/caf%C3%A9", "id"), ("/日本", "id"), ("/a/b/c/d/e/f/g/h", "a-b-c-d-e-f"), ("/assets/app.3f2a.js", "files"),
        ("/logo.PNG", "files"), ("/" + "long" * 20, "id"), ("/a-b_c", "a-b_c"), ("/.env", "env"), ("/...", "root"),
        ("/x/" + "/".join(["word" * 9] * 5), ("x" + ("-" + "word" * 9) * 5)[:80]),
    ],
)  # fmt: skip
def test_a_path_as_a_word(path: str, slug: str) -> None:
    assert slug_of(path) == slug


def ask(routes: Routes, path: str, status: int = 200, times: int = NEEDED) -> str:
    for _ in range(times - 1):
        routes.of(path, status)
    return routes.of(path, status)


def test_configured_routes_come_first() -> None:
    routes = Routes({"posts": "/api/posts", "post": "/api/posts/{id}", "static": "/static/*", "pdf": "/*/get/*.pdf"})
    expected = {
        "/api/posts": "posts", "/api/posts/?page=2": "posts", "/api/posts/hello?x": "post", "/static/a/b.js": "static",
        "/static/": "static", "/docs/7/get/a.pdf": "pdf", "/api/posts/1/edit": OTHER,
    }  # fmt: skip
    assert {path: routes.of(path, 404) for path in expected} == expected
    assert ask(routes, "/api/posts/1/edit") == "api-posts-id-edit", "what is not configured is found"


def test_a_path_becomes_a_route_when_it_has_answered_well() -> None:
    routes = Routes({})
    assert [routes.of("/login", 200) for _ in range(NEEDED)] == [OTHER] * (NEEDED - 1) + ["login"]
    assert routes.of("/login?next=/", 500) == "login", "once known, whatever the status"
    assert ask(routes, "/nothing", 404, 50) == OTHER
    assert ask(routes, "/broken", 500, 50) == OTHER
    assert ask(routes, "/moved", 301, 50) == OTHER


def test_a_scanner_makes_no_routes_and_takes_nobodys_place() -> None:
    routes, chance = Routes({}), random.Random(1)
    for _ in range(20_000):
        routes.of(f"/{chance.randbytes(3).hex('z')}/wp-login.php", chance.choice([404, 403, 301, 400]))
    assert ask(routes, "/shop") == "shop"


def test_there_are_never_too_many() -> None:
    routes = Routes({"mine": "/mine"})
    words = [f"{a}{b}{c}" for a in "abcdefgh" for b in "qrstuvwx" for c in "klmnopqr"]
    found = {ask(routes, f"/{word}") for word in words}
    assert len(found) == MOST + 1
    assert OTHER in found
    assert ask(routes, "/mine") == "mine"
    assert len(routes._candidates) == 0, "when there is no place, nobody waits for one"
    for word in words * 40:
        routes.of(f"/{word}?{random.random()}", 200)
    assert len(routes._remembered) <= 10_000


def test_candidates_are_bounded() -> None:
    routes = Routes({})
    for one in range(10_000):
        routes.of(f"/p{'abcdefghij'[one % 10]}/{'/'.join('xyzuvwabcd'[int(n)] for n in str(one))}", 200)
    assert len(routes._candidates) <= 2001


def test_known_routes_stay() -> None:
    routes = Routes({}, ["login", *(f"r{n}" for n in range(200))])
    assert routes.of("/login", 404) == "login"
    assert len(routes._known) == MOST


def test_no_path_takes_long() -> None:
    routes = Routes({"many": "/*a*b*c*d*e*f*g*h*{x}*z"})
    begun = time.process_time()
    for path in ("/" + "abcdefgh" * 8000, "/" + "a" * 64_000, "/" + "/" * 64_000, "/" + "-1" * 32_000):
        assert routes.of(path, 404) == OTHER
    assert time.process_time() - begun < 0.5
