"""Git repositories in a container and on an SSH host, and programs there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.core.run import Run
from daytwo.core.service import Place, Service
from daytwo.core.target import Ssh
from daytwo.services.command import CommandService, CommandSettings
from daytwo.services.env import Env, EnvSettings
from daytwo.services.git import Git, GitSettings
from tests.contract.services import ServiceContract, dump_to_file
from tests.parts.docker import DockerEngine
from tests.parts.ssh import SshHost
from tests.services.test_git import BareCase, WorkTreeCase, state

ROOT = Place(Path("/"), "app", "test")


def git(path: str, **settings: object) -> Git:
    return Git("code", GitSettings.model_validate({"kind": "git", "path": path, **settings}), ROOT)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    work = tmp_path / "run-work"
    work.mkdir()
    return Run("0123456789abcdef", work, timeout=240)


@pytest.fixture
def engine(docker: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> DockerEngine:
    """Docker, as the docker command of this process finds it."""
    for name, value in docker.env.items():
        monkeypatch.setenv(name, value)
    return docker


class SshCase(WorkTreeCase):
    """A work tree on an SSH host, which is this machine."""

    def __init__(self, base: Path, host: SshHost) -> None:
        super().__init__(base)
        self.host = host

    def over_ssh(self, path: Path) -> Service:
        service = git(str(path))
        service.target = Ssh(self.host.name, str(self.host.config))
        return service

    def service(self) -> Service:
        return self.over_ssh(self.path)

    def elsewhere(self) -> Service:
        return self.over_ssh(self.other)

    def broken(self) -> list[Service]:
        return [self.over_ssh(self.base / "missing"), self.over_ssh(self.base)]


class TestOnSshHost(ServiceContract):
    @pytest.fixture
    def case(self, tmp_path: Path, ssh_host: SshHost) -> SshCase:
        return SshCase(tmp_path / "base", ssh_host)


class ContainerCase(BareCase):
    """A bare repository in a container, which gets this machine's programs (the image is of the same Debian)."""

    container = ""

    def service(self) -> Service:
        return git("/data/my code", container=self.container)

    def elsewhere(self) -> Service:
        return git("/data/other/code", container=self.container)

    def broken(self) -> list[Service]:
        return [git("/data/missing", container=self.container), git("/data", container=self.container)]

    def content(self, service: Service) -> object:
        return state(self.base / service.settings.path.removeprefix("/data/"))


class TestInContainer(ServiceContract):
    @pytest.fixture
    def case(self, tmp_path: Path, engine: DockerEngine) -> Iterator[ContainerCase]:
        case = ContainerCase(tmp_path / "base")
        parts = ("/usr/bin/git", "/usr/lib/git-core")
        mounts = [f"--volume={case.base}:/data", *(f"--volume={part}:{part}:ro" for part in parts)]
        with engine.container(*mounts) as case.container:
            yield case


def test_a_program_on_an_ssh_host_and_in_a_container(
    ssh_host: SshHost, engine: DockerEngine, run: Run, tmp_path: Path
) -> None:
    live = tmp_path / "live"
    live.write_text("one\n")
    (tmp_path / "key").write_text("very-secret-value")
    script = 'test "${#KEY}" = 17 && '
    with engine.container("--volume", f"{tmp_path}:{tmp_path}") as container:
        for settings in ({}, {"container": container}):
            values = {
                "kind": "command",
                "dump": ["sh", "-c", script + 'cat "$1"', "sh", str(live)],
                "restore": ["sh", "-c", script + 'cat >"$1"', "sh", str(live)],
                "secrets": {"KEY": {"file": str(tmp_path / "key")}},
                **settings,
            }
            service = CommandService("tool", CommandSettings.model_validate(values), ROOT)
            if not settings:
                service.target = Ssh(ssh_host.name, str(ssh_host.config))
            (component,) = service.components()
            source, _ = dump_to_file(component, run, tmp_path)
            live.write_text("live\n")
            component.stage(source, run).swap()
            assert live.read_text() == "one\n"


def test_environment_files_on_an_ssh_host(ssh_host: SshHost, run: Run, tmp_path: Path) -> None:
    for name in (".env", "k y.key"):
        (tmp_path / name).write_text(name)
    settings = EnvSettings.model_validate({"kind": "env", "paths": [f"{tmp_path}/.env", f"{tmp_path}/*.key"]})
    service = Env("env", settings, ROOT)
    service.target = Ssh(ssh_host.name, str(ssh_host.config))
    (component,) = service.components()
    source, facts = dump_to_file(component, run, tmp_path)
    assert facts.counts["files"] == 2
    (tmp_path / ".env").write_text("live")
    (tmp_path / "k y.key").unlink()
    component.stage(source, run).swap()
    assert [(tmp_path / name).read_text() for name in (".env", "k y.key")] == [".env", "k y.key"]
