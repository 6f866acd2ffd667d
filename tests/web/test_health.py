"""How the daemon is, as it says itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.access.roles import Role
from tests.web.client import TestClient
from tests.web.conftest import CONFIG, Build, World


@pytest.fixture
def viewer(world: World) -> Iterator[TestClient]:
    with world.bearer(Role.VIEWER) as client:
        yield client


def _state(world: World) -> Path:
    return world.house.database.url.file


def _problems(client: TestClient) -> str:
    return " ".join(client.get("/api/monitoring/health/detailed").json()["data"]["problems"])


def test_a_pause_is_a_figure(build: Build) -> None:
    config = CONFIG + 'repositories: {local: {kind: archive, path: b}}\nbackups: {nightly: {at: "0 3 * * *"}}\n'
    world = build(config=config)
    line = 'daytwo_backup_paused{app="shop",backup="nightly",environment="production"}'
    with world.bearer(Role.OPERATOR) as client:
        assert f"{line} 0.0" in client.get("/metrics").text
        assert client.post("/api/schedules/nightly/pause").status_code == 200
        assert f"{line} 1.0" in client.get("/metrics").text


def test_a_state_that_was_removed_is_noticed(world: World, viewer: TestClient) -> None:
    state = _state(world)
    assert world.client().get("/api/monitoring/health/ready").status_code == 200
    state.rename(state.with_name("aside"))
    assert world.client().get("/api/monitoring/health/ready").status_code == 503
    assert world.client().get("/api/health").status_code == 503
    told = _problems(viewer)
    # A new connection may have made an empty file in its place meanwhile.
    assert f"{state} was re" in told and "start the daemon again" in told


def test_a_state_that_was_replaced_is_noticed(world: World, viewer: TestClient) -> None:
    state = _state(world)
    copy = state.with_name("copy")
    copy.write_bytes(state.read_bytes())
    copy.replace(state)
    assert world.client().get("/api/monitoring/health/ready").status_code == 503
    assert f"{state} was replaced by another file" in _problems(viewer)
