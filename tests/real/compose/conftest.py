"""One Compose project for all tests of a worker, and its configuration as `daytwo init` writes it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.docker import DockerEngine
from tests.real.compose.project import Project, open_project


@pytest.fixture(scope="module")
def project(docker: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The running project, with a configuration made by `daytwo init`."""
    with open_project(docker, tmp_path_factory.mktemp("compose")) as made:
        made.set_up()
        yield made


@pytest.fixture
def shop(project: Project, tmp_path: Path) -> Project:
    """The project as it was at first."""
    project.reset()
    return project
