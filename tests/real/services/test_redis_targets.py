"""Redis in a container and on an SSH host."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from daytwo.core.process import reap
from daytwo.core.run import Run
from daytwo.core.service import Place
from daytwo.core.target import Container, Ssh
from daytwo.services.redis import Redis
from daytwo.services.redis.client import Settings
from tests.contract.services import dump_to_file
from tests.parts.docker import DockerEngine
from tests.parts.process import wait_until
from tests.parts.ssh import SshHost
from tests.real.services.redis_case import RedisCase, two_servers

PASSWORD = "DAYTWO_TEST_REDIS_IN_CONTAINER"
START = (
    "mkdir -p /data && chown redis /data && echo requirepass $WORD > /etc/r.conf &&"
    " exec setpriv --reuid redis --regid redis --clear-groups"
    " redis-server /etc/r.conf --repl-diskless-sync-delay 0 --dir /data --appendonly yes"
)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(secrets.token_hex(8), tmp_path / "work", timeout=120)


@pytest.fixture
def case() -> Iterator[RedisCase]:
    with ExitStack() as stack:
        yield two_servers(stack)


def test_backup_and_restore_on_an_ssh_host(case: RedisCase, ssh_host: SshHost, run: Run, tmp_path: Path) -> None:
    case.fill()
    before = case.content(case.service())
    service = case.make()
    service.target = Ssh(ssh_host.name, str(ssh_host.config))
    (component,) = service.components()
    source, _ = dump_to_file(component, run, tmp_path)
    case.change()
    left = case.leftovers()
    assert component.obstacles(source.record, run) == ()
    component.stage(source, run).discard()
    wait_until(lambda: case.leftovers() == left, what="nothing is left", seconds=10)
    swapped = component.stage(source, run).swap()
    assert "host " in swapped.kept
    assert case.content(case.service()) == before


@dataclass
class Box:
    """A container with a Redis of its own."""

    docker: DockerEngine
    name: str
    password: str

    def run(self, *command: str) -> str:
        given = ("exec", "-e", f"REDISCLI_AUTH={self.password}", self.name, "redis-cli")
        return self.docker.run(*given, *command).stdout.strip()

    def answers(self) -> bool:
        given = ("exec", "-e", f"REDISCLI_AUTH={self.password}", self.name, "redis-cli", "ping")
        return "PONG" in self.docker.run(*given, check=False).stdout

    def service(self) -> Redis:
        settings = Settings.model_validate({"container": self.name, "password": {"env": PASSWORD}})
        service = Redis("cache", settings, Place(Path("/"), "shop", "test"))
        service.target = Container(self.name)
        return service

    def processes(self) -> str:
        return self.docker.run("exec", self.name, "ps", "-eo", "args").stdout

    def files(self) -> list[str]:
        return sorted(self.docker.run("exec", self.name, "find", "/data", "/tmp", "/var/tmp", "-name", "*d?yt*o*",
                                      "-o", "-name", "*before*").stdout.split())  # fmt: skip


@pytest.fixture
def box(docker: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    for name, value in docker.env.items():
        monkeypatch.setenv(name, value)
    password = secrets.token_hex(12)
    monkeypatch.setenv(PASSWORD, password)
    with docker.container("--env", f"WORD={password}", command=("sh", "-c", START)) as name:
        made = Box(docker, name, password)
        wait_until(made.answers, what="Redis answers")
        yield made


def test_backup_and_restore_in_a_container(box: Box, run: Run, tmp_path: Path) -> None:
    box.run("set", "text", "before")
    box.run("set", "short", "x", "ex", "9000")
    (component,) = box.service().components()
    source, facts = dump_to_file(component, run, tmp_path)
    assert dict(facts.counts) == {"db0": 1}
    box.run("set", "text", "after")
    assert component.obstacles(source.record, run) == ()
    staged = component.stage(source, run)
    assert box.password not in box.processes()
    swapped = staged.swap()
    assert box.run("get", "text") == "before"
    assert swapped.kept.startswith("file /data/dump.before-") and swapped.drop.startswith("docker exec")
    assert [Path(path).name for path in box.files()] == [f"dump.before-{run.id[:8]}.rdb"]
    assert box.processes().count("redis-server") == 2, "the init's command line and the server itself"
    box.docker.run("restart", "--time", "5", box.name)
    wait_until(box.answers, what="Redis is back")
    assert box.run("get", "text") == "before"


def test_f13_a_killed_restore_ends_inside_the_container(box: Box, run: Run, tmp_path: Path) -> None:
    box.run("set", "text", "x" * 100)
    (component,) = box.service().components()
    source, _ = dump_to_file(component, run, tmp_path)
    before = box.processes().count("redis-server")
    staged = component.stage(source, run)
    assert box.processes().count("redis-server") == before + 1
    assert reap(Container(box.name), run.id) == 1, "what a killed run leaves behind is found by its tag"
    assert box.processes().count("redis-server") == before
    assert box.files() == []
    staged.discard()
