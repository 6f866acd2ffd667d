"""`/api/blocks`: operators shut addresses out, never themselves; what guards refuse is told."""

import pytest

from daytwo.access.roles import Role
from daytwo.core.blocker import network_of, shown
from daytwo.respond.actions import guards
from tests.web.conftest import CONFIG, Build, World

BLOCKING = CONFIG + "blocking: {by: {kind: nftables}, allow: 198.51.100.0/24}\n"


@pytest.fixture
def guarded(build: Build, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(guards, "own_networks", lambda: ())
    return build(config=BLOCKING)


def test_an_operator_shuts_out_and_lets_in(guarded: World) -> None:
    operator, viewer = guarded.bearer(Role.OPERATOR), guarded.bearer(Role.VIEWER)
    answer = operator.post("/api/blocks", json={"address": "203.0.113.7", "for": "2h", "why": "scans"})
    assert answer.status_code == 201, answer.text
    made = answer.json()["data"]
    assert (made["network"], made["why"], made["until"]) == ("203.0.113.7", "scans", "2026-11-21T08:00:00Z")
    assert [one["network"] for one in viewer.get("/api/blocks").json()["data"]] == ["203.0.113.7"]
    assert viewer.post("/api/blocks", json={"address": "203.0.113.8"}).status_code == 403
    gone = operator.delete(f"/api/blocks/{made['id']}")
    assert gone.json()["data"]["ended"] is not None
    assert viewer.get("/api/blocks").json()["data"] == []
    assert operator.delete(f"/api/blocks/{made['id']}").status_code == 404
    assert [one for one in guarded.stage.actions() if one.startswith("block.")] == ["block.add", "block.remove"]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("198.51.100.9", "blocking.allow"),
        ("192.0.2.7", "used this daemon"),
        ("10.0.0.1", "private"),
        ("::1", "loopback"),
    ],
)
def test_f36_what_a_guard_refuses_is_told(guarded: World, address: str, said: str) -> None:
    answer = guarded.bearer(Role.OPERATOR).post("/api/blocks", json={"address": address})
    assert answer.status_code == 409
    assert said in answer.json()["error"]["message"]
    event = guarded.stage.events()[-1]
    assert (event.action, event.subject, event.outcome) == ("block.add", shown(network_of(address)), "refused")
    assert said in event.detail


@pytest.mark.parametrize(
    "body",
    [{}, {"address": "x"}, {"address": "1.2.3.4; reboot"}, {"address": "203.0.113.7", "for": "31d"},
     {"address": "203.0.113.7", "for": "soon"}, {"address": "203.0.113.7", "for": "1s"}, {"address": "1" * 99},
     {"address": "203.0.113.7", "more": 1}],
)  # fmt: skip
def test_what_makes_no_sense(guarded: World, body: dict) -> None:
    assert guarded.bearer(Role.OPERATOR).post("/api/blocks", json=body).status_code in (400, 422)


def test_without_a_blocker_it_is_said(world: World) -> None:
    answer = world.bearer(Role.OPERATOR).post("/api/blocks", json={"address": "203.0.113.7"})
    assert answer.status_code == 409
    assert "nothing shuts addresses out" in answer.json()["error"]["message"]
