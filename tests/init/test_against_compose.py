"""What `init` reads of a Compose project is what the real `docker compose config` (no daemon needed) says of it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from daytwo.init.compose import find, read
from tests.parts.need import require_package

PROJECTS = Path(__file__).parent / "compose"
NAMES = sorted(folder.name for folder in PROJECTS.iterdir() if find(folder))


def real(folder: Path) -> dict[str, Any]:
    """The project as Docker Compose sees it."""
    program = require_package("compose") / "docker-compose"
    done = subprocess.run(
        [program, "config", "--format", "json"], cwd=folder, capture_output=True, text=True,
        env={"HOME": "/home/somebody", "PATH": "/usr/bin:/bin"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.replace("$$", "$"))  # type: ignore[no-any-return]  # it escapes what it has resolved


@pytest.mark.parametrize("name", NAMES)
def test_the_same_as_docker_compose(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    folder = PROJECTS / name
    project, truth = read(folder, find(folder), {}), real(folder)
    assert project.name == truth["name"]
    assert {one.name for one in project.services} == set(truth["services"])
    for service in project.services:
        block = truth["services"][service.name]
        volumes = truth.get("volumes") or {}
        assert service.image == block.get("image", "")
        assert service.container == block.get("container_name", f"{truth['name']}-{service.name}-1")
        wanted = {key: value for key, value in (block.get("environment") or {}).items() if value is not None}
        assert dict(service.environment) == wanted
        assert list(service.command) == (block.get("command") or [])
        mounts = [
            (
                "anonymous" if one["type"] == "volume" and not source else one["type"],
                volumes[source]["name"] if one["type"] == "volume" and source else source,
                one["target"].rstrip("/"),
                one.get("read_only", False),
            )
            for one in block.get("volumes") or []
            for source in [one.get("source", "")]
            if one["type"] in ("volume", "bind")
        ]  # fmt: skip
        assert sorted((one.kind, one.source, one.target, one.read_only) for one in service.mounts) == sorted(mounts)
        published = [f"{one['published']}:{one['target']}" for one in block.get("ports") or []]
        assert len(service.ports) == len(published)
