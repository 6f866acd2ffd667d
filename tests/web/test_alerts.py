"""Alerts over the API: looked at by viewers, acted on by operators, each act in the audit trail."""

from datetime import timedelta

import pytest

from daytwo.access.roles import Role
from daytwo.core.channel import Event, Message
from daytwo.respond.alerts import AlertBook, Step, What
from daytwo.respond.outbox import Outbox, Outcome
from daytwo.watch.rules import Key
from tests.web.conftest import World

OWN = ("shop", "production")


@pytest.fixture
def alert(world: World) -> int:
    """An alert that a silence hid for a while."""
    now, book = world.house.clock(), AlertBook(*OWN)

    def write(connection: object) -> int:
        number = book.add(connection, Key("web", "web"), "web", now, {"level": "critical", "why": "no answer"})  # type: ignore[arg-type]
        book.note(connection, [(number, Step(now, What.FIRED, "silence", "silenced", "silence 1"))])  # type: ignore[arg-type]
        return number

    return world.house.writer.run(write)


def test_an_alert_with_why_nobody_was_told(world: World, alert: int) -> None:
    viewer = world.bearer(Role.VIEWER)
    [row] = viewer.get("/api/alerts").json()["data"]
    assert (row["id"], row["rule"], row["end"]) == (alert, "web", None)
    [step] = viewer.get(f"/api/alerts/{alert}").json()["data"]["steps"]
    assert (step["reason"], step["words"]) == ("silenced", "a silence fits it, so nobody is told while that lasts")
    assert viewer.get("/api/alerts/4711").status_code == 404
    assert viewer.post(f"/api/alerts/{alert}/acknowledge", json={}).status_code == 403


def test_acknowledging_once(world: World, alert: int) -> None:
    operator = world.bearer(Role.OPERATOR)
    taken = operator.post(f"/api/alerts/{alert}/acknowledge", json={"note": "on it"}).json()["data"]
    assert "operator" in taken["acknowledged_by"]
    assert operator.post(f"/api/alerts/{alert}/acknowledge", json={}).status_code == 409
    [act] = [
        one for one in world.bearer(Role.ADMIN).get("/api/audit").json()["data"] if one["action"].startswith("alert")
    ]
    assert (act["action"], act["subject"]) == ("alert.acknowledge", str(alert))


def test_silences(world: World, alert: int) -> None:
    operator = world.bearer(Role.OPERATOR)
    everything = {"length": "1h"}
    assert operator.post("/api/silences", json=everything).status_code == 409
    assert operator.post("/api/silences", json=everything | {"everything": True, "length": "25h"}).status_code == 409
    assert operator.post("/api/silences", json={"rules": ["**"], "length": "1h"}).status_code == 409
    assert operator.post("/api/silences", json={"rules": ["web"], "length": "no"}).status_code == 422
    assert operator.post("/api/silences", json={"rules": [""], "length": "1h"}).status_code == 422
    assert operator.post("/api/silences", json={"levels": ["bad"], "length": "1h"}).status_code == 422
    made = operator.post("/api/silences", json={"rules": ["w*"], "length": "1h", "why": "known"}).json()["data"]
    assert made["hides"] == [alert]
    assert operator.delete(f"/api/silences/{made['id']}").json()["data"]["active"] is False
    assert operator.delete(f"/api/silences/{made['id']}").status_code == 404


def test_maintenance_by_hand(world: World) -> None:
    operator = world.bearer(Role.OPERATOR)
    made = operator.post("/api/maintenance", json={"length": "1h", "services": ["dat*"]}).json()["data"]
    assert [(one["id"], one["active"]) for one in operator.get("/api/maintenance").json()["data"]] == [
        (made["id"], True)
    ]
    assert operator.delete(f"/api/maintenance/{made['id']}").json()["data"]["active"] is False
    assert operator.delete("/api/maintenance").status_code == 404
    assert operator.post("/api/maintenance", json={"length": "30d"}).status_code == 422
    refused = operator.post("/api/maintenance", json={"length": "1h", "services": ["dta"]})
    assert (refused.status_code, "there is no service dta" in refused.text) == (422, True)


def test_messages_and_trying_again(world: World) -> None:
    now, outbox = world.house.clock(), Outbox(*OWN)
    told = Message(event=Event.NOTICE, key="k", app="shop", environment="production", level="info", title="hi", at=now)
    number = world.house.writer.run(lambda c: outbox.put(c, "chat", told, "k", "x", now))
    operator = world.bearer(Role.OPERATOR)
    assert operator.post(f"/api/notifications/{number}/retry").status_code == 409

    def die(connection: object) -> None:
        claim = outbox.claim(connection, "chat", "me", now + timedelta(seconds=1))  # type: ignore[arg-type]
        assert claim is not None
        outbox.settle(connection, claim, Outcome(permanent=True, error="no such room"), now)  # type: ignore[arg-type]

    world.house.writer.run(die)
    [dead] = operator.get("/api/notifications?state=dead").json()["data"]
    assert (dead["title"], dead["error"]) == ("hi", "no such room")
    assert operator.post(f"/api/notifications/{number}/retry").json()["data"]["state"] == "waiting"
    assert operator.get("/api/notifications?state=dead").json()["data"] == []
