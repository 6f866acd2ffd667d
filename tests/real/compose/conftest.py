"""One Compose project for all tests of a worker, and its configuration as `daytwo init` writes it."""

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.docker import DockerEngine
from tests.parts.need import require
from tests.parts.process import wait_until
from tests.parts.ssh import SshHost
from tests.real.compose.project import Project, open_project


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These tests go first: with `--dist worksteal` the head of a worker's queue is not stolen.

    So one worker runs them all, with one project, while the others run the rest.
    """
    here = Path(__file__).parent
    items.sort(key=lambda item: here not in item.path.parents)


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


SSH = """#!/bin/sh
# The user's ssh with a configuration of the test's, and an account there whose DOCKER_HOST is set.
count=$# here=0
for word do
  here=$((here + 1))
  [ $here -gt 1 ] || set -- -F '{config}'
  [ $here -lt $count ] || word="export {variables}; $word"
  set -- "$@" "$word"
done
exec '{ssh}' "$@"
"""


@pytest.fixture
def remote(docker: DockerEngine, ssh_host: SshHost, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What daytwo's environment must be so that `ssh: far` is a host on which the project's Docker daemon is found.

    daytwo's own environment has no way to that daemon. The user's configuration shares one connection, as is common.
    """
    folder, ssh = tmp_path / "bin", require("ssh")
    folder.mkdir()
    config, socket = tmp_path / "ssh_config", ssh_host.key.with_name("shared")  # a socket's path is short
    text = ssh_host.config.read_text().replace(f"Host {ssh_host.name}\n", "Host far\n")
    config.write_text(f"{text}ControlPath {socket}\n")
    variables = " ".join(f"{name}={shlex.quote(value)}" for name, value in docker.env.items())
    program = folder / "ssh"
    program.write_text(SSH.format(config=config, variables=variables, ssh=ssh))
    program.chmod(0o755)
    with subprocess.Popen([ssh, "-F", config, "-M", "-N", "far"], stdin=subprocess.DEVNULL) as shared:
        wait_until(socket.exists, what="the connection is there")
        yield {"PATH": f"{folder}:{os.environ['PATH']}", "DOCKER_HOST": "unix:///nowhere/docker.sock"}
        shared.terminate()
