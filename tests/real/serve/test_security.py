"""Security events at a real daemon: reported over HTTP, read from a log, and safe over kill -9."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.real.serve.running import Place, place, until

KEY = "ghp_" + "a1B2c3D4e5F6" * 3
LIMITS = """
security:
  limits: {auth_failure: {count: 10, within: 1m}}
  detect: {ssh: sshd}
logs: {ssh: {file: auth.log}}
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path, extra=LIMITS) as made:
        yield made.write()


def findings(app: Place, status: str = "open") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = app.client.call("GET", f"/api/security/findings?status={status}")
    return found


def recorded(app: Place) -> int:
    found, _ = app.client.listed("/api/security/events", 10_000)
    return sum(one["count"] for one in found)


def token(app: Place) -> str:
    made = app.json("tokens", "create", "web", "--role", "operator", "--area", "security")
    return str(made["secret"])


def test_what_was_acknowledged_survives_kill_9_and_opens_one_finding(app: Place) -> None:
    daemon = app.start()
    secret = token(app)
    web = app.web
    web.headers["Authorization"] = f"Bearer {secret}"
    acknowledged = 0
    for number in range(60):
        body = {"kind": "auth_failure", "source": f"192.0.2.{number % 2 + 1}", "user": "root", "key": f"k{number}"}
        answer = web.post("/api/security/events", json=body)
        assert answer.status_code == 201, answer.text
        acknowledged += 1
        if number == 9:
            daemon.kill()
            daemon.wait()
            assert app.start().poll() is None
            web = app.web
            web.headers["Authorization"] = f"Bearer {secret}"
            again = web.post("/api/security/events", json=body)
            assert again.json()["data"] == {"new": 0, "known": 1, "ahead": 0}
    until(lambda: len(findings(app)) == 2 and all(one["count"] == 30 for one in findings(app)), "both are found")
    app.daemons[-1].kill()
    app.daemons[-1].wait()
    app.start()
    assert recorded(app) == acknowledged == 60
    until(lambda: len(findings(app)) == 2, "they are still open")
    assert [(one["source"], one["state"]) for one in findings(app, "all")] == [
        ("192.0.2.2", "open"), ("192.0.2.1", "open"),
    ]  # fmt: skip
    assert app.client.call("GET", "/api/series/security.auth_failure?points=0")["count"] == 60


def test_from_the_lines_of_a_log(app: Place) -> None:
    log = app.folder / "auth.log"
    log.write_text("sshd[7]: Server listening on 0.0.0.0 port 22.\n")
    app.start()
    until(lambda: "auth.log" in app.log or recorded(app) == 0, "it listens")

    def attack() -> bool:
        with log.open("a") as out:
            out.write("sshd[7]: Failed password for invalid user admin from 203.0.113.9 port 4711 ssh2\n")
            out.write(f"app: token {KEY} was refused\n")
        return bool(findings(app))

    until(attack, "ten failed logins are too much")
    [finding] = findings(app)
    assert finding["source"] == "203.0.113.9"
    report = app.json("security", "report")
    [key] = report["keys"]
    assert (key["route"], key["via"], KEY in str(report)) == ("github_token", "log ssh", False)
    assert report["failures"][0]["users"] == ["admin"]
    for file in app.folder.glob(".daytwo/state.db*"):
        assert KEY.encode() not in file.read_bytes()


def test_a_token_of_another_area_may_not(app: Place) -> None:
    app.start()
    secret = str(app.json("tokens", "create", "other", "--role", "operator", "--area", "exports")["secret"])
    answer = httpx.post(
        f"{app.web.base_url}/api/security/events",
        json={"kind": "suspicious"},
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert answer.status_code == 403


def test_the_command_line(app: Place) -> None:
    assert "recorded" in app.run("security", "add", "suspicious", "--source", "::ffff:192.0.2.9").stdout
    assert "192.0.2.9" in app.run("security", "events").stdout
    assert "No limit" in app.run("security", "findings").stdout
    assert "suspicious" in app.run("security", "report").stdout
    assert app.json("security", "findings", "--all") == {"findings": [], "next": None}
    assert "no address" in app.run("security", "events", "--source", "host", code=2).stderr
