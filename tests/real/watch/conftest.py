"""What the tests of watching share."""

import pytest

from tests.parts.docker import DockerEngine


@pytest.fixture
def engine(docker: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> DockerEngine:
    """The private engine, which `docker` reaches for the length of a test."""
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    for name, value in docker.env.items():
        monkeypatch.setenv(name, value)
    return docker
