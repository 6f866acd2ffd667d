"""The demo's app by itself: bad requests, missing parts, and a page that is safe to look at."""

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.demo.app.page import page
from daytwo.demo.app.server import HOST, Server, serve
from daytwo.demo.app.store import Export

PASSWORD = "correct-horse-battery"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Server]:
    """The app, without a PostgreSQL behind it."""
    (tmp_path / "settings.env").write_text(
        f"# secrets\nDATABASE_URL=postgresql://shop:{PASSWORD}@127.0.0.1:1/shop\nSIGNING_KEY=key\n"
    )
    server = serve(tmp_path)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def ask(app: Server, method: str, path: str, body: object = None) -> tuple[int, str]:
    """The status and the body."""
    connection = http.client.HTTPConnection(HOST, app.server_port, timeout=20)
    connection.request(method, path, body if isinstance(body, bytes) else json.dumps(body) if body else None)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"\xff", {"who": "a"}, {"who": "a", "what": "orders", "destination": ""},
        {"who": "a", "what": 3, "destination": "b"}, {"who": "a", "what": "orders", "destination": "b", "more": "c"},
        {"who": "a", "what": "salaries", "destination": "b"},
        {"who": "a" * 20_000, "what": "orders", "destination": "b"},
    ],
    ids=range(10),
)  # fmt: skip
def test_a_bad_request_is_told_and_changes_nothing(app: Server, body: object) -> None:
    status, text = ask(app, "POST", "/api/exports", body)
    assert status == 400
    assert "error" in json.loads(text)
    assert ask(app, "GET", "/api/exports") == (200, '{"exports": []}')
    assert list((app.store.uploads / "exports").iterdir()) == []


def test_no_upload_is_outside_its_folder(app: Server) -> None:
    (app.store.uploads / "here.txt").write_text("here")
    (app.store.uploads / "link").symlink_to("../settings.env")
    assert ask(app, "GET", "/uploads/here.txt") == (200, "here")
    for path in ("../settings.env", "..%2fsettings.env", "link", "%2fetc%2fpasswd", "", "exports"):
        assert ask(app, "GET", f"/uploads/{path}")[0] == 404, path


def test_a_missing_part_is_named_without_its_password(app: Server) -> None:
    body = {"who": "a", "what": "orders", "destination": "b"}
    for method, path, sent in (
        ("GET", "/api/orders/summary", None), ("GET", "/", None), ("POST", "/api/exports", body),
    ):  # fmt: skip
        status, text = ask(app, method, path, sent)
        assert status == 503
        assert json.loads(text)["error"].startswith("PostgreSQL: ")
        assert PASSWORD not in text
    (app.store.folder / "settings.env").write_text("SIGNING_KEY=key\n")
    assert ask(app, "GET", "/api/health") == (503, '{"error": "settings.env has no DATABASE_URL"}')
    (app.store.folder / "settings.env").unlink()
    assert ask(app, "GET", "/api/health") == (503, '{"error": "settings.env is missing"}')
    assert ask(app, "GET", "/nowhere")[0] == 404


def test_the_page_escapes_what_people_wrote() -> None:
    export = Export(1, "now", "<script>x</script>", "orders", '"><b>', 3, "exports/a&b.csv", "0" * 64, False)
    text = page([export], {"customers": 1, "orders": 2, "total": "<3>"})
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "<b>" not in text
    assert "a&amp;b.csv" in text
    assert "damaged" in text
