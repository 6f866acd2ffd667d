"""A real daemon, a real check that fails, a real receiver: told, acknowledged, over; and nothing lost by kill -9."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real.respond.receiver import Receiver
from tests.real.serve.running import Place, place, until
from tests.real.serve.test_watching import Shop


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop().open() as opened:
        yield opened


@pytest.fixture
def chat() -> Iterator[Receiver]:
    with Receiver().open() as opened:
        yield opened


@pytest.fixture
def app(tmp_path: Path, shop: Shop, chat: Receiver) -> Iterator[Place]:
    with place(tmp_path) as made:
        made.write()
        (tmp_path / "url").write_text(f"http://127.0.0.1:{chat.port}/")
        text = made.config.read_text().replace(
            "services: {uploads: {kind: files, path: uploads}}",
            "services:\n  uploads: {kind: files, path: uploads}\n  web:\n    kind: http\n"
            f"    url: http://127.0.0.1:{shop.port}/\n    check: {{every: 200ms, timeout: 5s, failures: 3}}\n"
            "channels: {chat: {kind: webhook, url: {file: url}}}\n"
            "routes: {all: {services: [web], to: [chat]}}",
        )
        made.config.write_text(text)
        yield made


def fail(app: Place, shop: Shop) -> None:
    def is_well() -> bool:
        checks = app.client.call("GET", "/api/checks")
        return any((one["name"], one["verdict"]) == ("web", "ok") for one in checks)

    until(is_well, "the check is well")
    shop.status = 503


def notifications(app: Place) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = app.client.call("GET", "/api/notifications")
    return found


def test_told_acknowledged_and_over(app: Place, shop: Shop, chat: Receiver) -> None:
    app.start()
    fail(app, shop)
    until(lambda: chat.got, "it is told")
    [(event, title)] = chat.told
    assert (event, title.split(":")[0]) == ("trigger", "web")
    [alert] = app.json("alerts")["alerts"]
    said = app.run("alerts", "why", str(alert["id"])).stdout
    assert "it is told at once" in said
    assert "fired through chat (route all): sent" in said
    assert "You take care of alert" in app.run("alerts", "ack", str(alert["id"]), "--note", "on it").stdout
    assert app.json("alerts", "show", str(alert["id"]))["note"] == "on it"
    assert "already" in app.run("alerts", "ack", str(alert["id"]), code=5).stderr
    shop.status = 200
    until(lambda: len(chat.got) == 2, "its end is told")
    assert chat.told[1][0] == "resolve"
    assert chat.got[0][1]["key"] == chat.got[1][1]["key"]
    assert app.json("alerts")["alerts"] == []
    assert [one["rule"] for one in app.json("alerts", "--all")["alerts"]] == ["web"]
    acts = [one["action"] for one in app.json("audit", "list")]
    assert "alert.acknowledge" in acts


def test_a_silence_from_the_command_line_hides_it_until_it_is_taken_away(
    app: Place, shop: Shop, chat: Receiver
) -> None:
    app.start()
    assert "every alert" in app.run("silence", "add", "--for", "2h", code=5).stderr
    assert "at most 24h" in app.run("silence", "add", "*", "--for", "2d", "--yes", code=5).stderr
    made = app.json("silence", "add", "web", "--for", "2h", "--why", "a test")
    fail(app, shop)
    until(lambda: app.json("alerts")["alerts"], "there is an alert")
    assert [one["held"] for one in app.json("alerts")["alerts"]] == ["silenced"]
    assert app.json("silence", "list")["silences"][0]["hides"] == [1]
    assert chat.got == []
    app.run("silence", "end", str(made["id"]))
    until(lambda: chat.got, "it is told now")
    app.run("maintenance", "begin", "web", "--for", "1h")
    assert [one["active"] for one in app.json("maintenance", "list")["maintenance"]] == [True]
    shop.status = 200
    until(lambda: not app.json("alerts")["alerts"], "it is over")
    assert len(chat.got) == 1
    app.run("maintenance", "end")
    until(lambda: len(chat.got) == 2, "its end is told afterwards")


def test_kill_9_between_the_alert_and_the_sending_loses_nothing(app: Place, shop: Shop, chat: Receiver) -> None:
    chat.status = 500  # it is written down, and cannot leave
    daemon = app.start()
    fail(app, shop)
    until(lambda: chat.refused, "it was tried")
    daemon.kill()
    daemon.wait()
    chat.status = 200
    app.start()
    until(lambda: chat.got, "it is told by the next daemon")
    until(lambda: notifications(app)[0]["state"] == "sent", "and that is written down")
    assert [event for event, _ in chat.told] == ["trigger"]


def test_kill_9_between_the_sending_and_its_record_sends_it_again_with_the_same_key(
    app: Place, shop: Shop, chat: Receiver
) -> None:
    chat.hangs.set()  # the receiver has taken it, and the daemon has no answer yet
    daemon = app.start()
    fail(app, shop)
    until(lambda: chat.asked, "it is being sent")
    daemon.kill()
    daemon.wait()
    chat.hangs.clear()
    chat.let_go.set()
    until(lambda: chat.got, "the receiver has it")
    app.start()
    until(lambda: len(chat.got) >= 2, "it is sent again, at once, because the one before is dead for sure")
    assert len(set(chat.keys)) == 1
    until(lambda: notifications(app)[0]["state"] == "sent", "and that is written down")


def test_a_receiver_that_refuses_is_seen(app: Place, shop: Shop, chat: Receiver) -> None:
    chat.status = 404
    app.start()
    fail(app, shop)
    until(lambda: app.json("notifications", "--dead")["notifications"], "it is dead")
    [dead] = app.json("notifications", "--dead")["notifications"]
    token = app.json("tokens", "create", "scraper", "--role", "viewer")["secret"]

    def problems() -> str:
        headers = {"Authorization": f"Bearer {token}"}
        data = app.web.get("/api/monitoring/health/detailed", headers=headers).json()["data"]
        return " ".join(data["problems"])

    until(lambda: "reached nobody" in problems(), "the daemon says so")
    chat.status = 200
    app.run("notifications", "retry", str(dead["id"]))
    until(lambda: chat.got, "it is told")
