"""Checks of services in containers and on hosts: what stops on the way there is told as such."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daytwo.core.check import Check, Verdict
from daytwo.core.registry import service_class
from daytwo.core.service import AnyService, Place
from daytwo.core.target import Ssh
from tests.contract.checks import CheckCase, CheckContract
from tests.parts.docker import DockerEngine
from tests.parts.mariadb import MariadbServer
from tests.parts.postgres import PostgresServer
from tests.parts.process import wait_until
from tests.parts.redis import RedisServer
from tests.parts.ssh import SshHost
from tests.real.services.boxes import bare_image, busybox_image, volume
from tests.real.services.test_postgres_docker import BIN, ENTRY
from tests.services.test_checks_sqlite import make
from tests.services.watched import observe

MARIADB = "mkdir -p /run/mysqld && chown mysql /run/mysqld && exec mariadbd --user=mysql --skip-networking"
REDIS = "exec redis-server --save '' --dir /tmp"
WORD = "DAYTWO_TEST_WATCHED_WORD"


@pytest.fixture
def engine(docker: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> DockerEngine:
    """Docker, as the docker command of this process finds it."""
    for name, value in docker.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(WORD, "not the right one")
    return docker


def service(kind: str, **settings: object) -> AnyService:
    plugin = service_class(kind)
    made = plugin.Settings.model_validate({"kind": kind, **settings})
    return plugin("box", made, Place(Path("/"), "shop", "test"))


class InContainer(CheckCase):
    """A service in a container, and the same in one that is stopped."""

    sometimes = frozenset({
        "cache_hits", "replicas", "replication_lag", "replication_lag_bytes", "slots_retain", "statements", "calls",
        "slowest", "buffer_hits", "memory_max", "memory_used", "full", "hits", "save_age", "inodes",
    })  # fmt: skip

    def __init__(self, running: str, stopped: str, make: Callable[[str], AnyService]) -> None:
        self.running, self.stopped, self.make = running, stopped, make

    def good(self) -> list[AnyService]:
        return [self.make(self.running)]

    def broken(self) -> list[AnyService]:
        return []

    def absent(self) -> list[AnyService]:
        return [self.make(self.stopped), self.make("daytwo-no-such-container")]

    def slow(self) -> list[AnyService]:
        return []

    def fails(self, check: Check) -> bool:
        return check.name == "box"


BOXES: dict[str, tuple[str, str, dict[str, object]]] = {
    "postgres": (ENTRY, f"{BIN}/pg_isready -q", {"globals": False}),
    "mysql": (MARIADB, "mariadb-admin ping", {"database": "mysql", "user": "root"}),
    "redis": (REDIS, "redis-cli ping", {}),
    "sqlite": ("sqlite3 /app.db 'pragma journal_mode=wal; create table t (x)' && exec sleep 600", "test -s /app.db",
               {"path": "/app.db"}),
    "files": ("exec sleep 600", "true", {"path": "/etc"}),
    "command": ("exec sleep 600", "true", {"probe": ["sh", "-c", "echo fine"]}),
}  # fmt: skip


@pytest.mark.parametrize("kind", BOXES)
class TestInContainer(CheckContract):
    @pytest.fixture
    def case(self, kind: str, engine: DockerEngine) -> Iterator[InContainer]:
        start, ready, settings = BOXES[kind]
        with engine.container(command=("sh", "-c", start)) as running, engine.container() as stopped:
            engine.run("stop", "--time", "1", stopped)
            asked = ("exec", running, "sh", "-c", ready)
            wait_until(lambda: engine.run(*asked, check=False).returncode == 0, what=f"{kind} answers")
            yield InContainer(running, stopped, lambda name: service(kind, container=name, **settings))


@pytest.mark.parametrize("kind", BOXES)
def test_a_stopped_docker_daemon_is_told_as_one(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    found = observe(service(kind, container="app", **BOXES[kind][2]), tmp_path)
    assert found.verdict is Verdict.FAILED and "the Docker daemon does not answer" in found.why


@pytest.mark.parametrize("kind", BOXES)
def test_a_container_without_the_tool_says_nothing_of_the_service(
    kind: str, engine: DockerEngine, tmp_path: Path
) -> None:
    bare = bare_image(engine)
    with engine.container(image=bare, command=("/busybox", "sleep", "600")) as name:
        found = observe(service(kind, container=name, **BOXES[kind][2]), tmp_path)
    assert found.verdict is Verdict.INCONCLUSIVE and "installed" in found.why, found.why


def test_a_busybox_is_enough_for_files_and_probes(engine: DockerEngine, tmp_path: Path) -> None:
    with engine.container(image=busybox_image(engine)) as name:
        found = observe(service("files", container=name, path="/bin"), tmp_path)
        assert found.verdict is Verdict.OK and found.numbers["free"] > 0, found
        assert observe(service("command", container=name, probe=["true"]), tmp_path).verdict is Verdict.OK


def test_a_volume_is_found_and_one_that_is_gone_missed(engine: DockerEngine, tmp_path: Path) -> None:
    with volume(engine) as name:
        found = observe(service("files", volume=name), tmp_path)
        assert found.verdict is Verdict.OK and 0 < found.numbers["disk"] < 1
    gone = observe(service("files", volume=name), tmp_path)
    assert gone.verdict is Verdict.FAILED and f"there is no volume {name}" in gone.why


def test_the_program_is_found_again_after_an_update(engine: DockerEngine, tmp_path: Path) -> None:
    from tests.contract.checks import ask

    with engine.container(command=("sh", "-c", REDIS)) as name:
        ready = ("exec", name, "redis-cli", "ping")
        wait_until(lambda: engine.run(*ready, check=False).returncode == 0, what="Redis answers")
        check = service("redis", container=name).checks()[0]
        assert ask(check, tmp_path).verdict is Verdict.OK
        engine.run("exec", name, "sh", "-c", "mv $(command -v redis-cli) /usr/bin/valkey-cli")
        assert ask(check, tmp_path).verdict is Verdict.OK


def over_ssh(made: AnyService, host: SshHost) -> AnyService:
    made.target = Ssh(host.name, str(host.config))
    return made


def test_every_kind_over_ssh(
    ssh_host: SshHost,
    postgres15: PostgresServer,
    mariadb: MariadbServer,
    redis: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(WORD, postgres15.password)
    monkeypatch.setenv(f"{WORD}_2", mariadb.password)
    make(tmp_path / "it's an app.db", "wal")
    there = [
        service("postgres", host=postgres15.host, port=postgres15.port, user=postgres15.user, password={"env": WORD}),
        service("mysql", host=mariadb.host, port=mariadb.port, user=mariadb.user, database="mysql",
                password={"env": f"{WORD}_2"}),
        service("redis", host=redis.host, port=redis.port),
        service("sqlite", path=str(tmp_path / "it's an app.db"), ssh="x"),
        service("files", path=str(tmp_path), ssh="x"),
        service("command", probe=["sh", "-c", "echo 'fine | a b=3'"]),
        service("host"),
    ]  # fmt: skip
    for one in there:
        for check in over_ssh(one, ssh_host).checks():
            found = observe(one, tmp_path, check.name)
            assert found.verdict is Verdict.OK, f"{one.kind} {check.name}: {found.why}"


@pytest.mark.parametrize("kind", ["command", "host", "files"])
def test_a_host_that_is_away_has_failed(kind: str, ssh_host: SshHost, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(ssh_host.config.read_text().replace(f"Port {ssh_host.port}", "Port 1"))
    settings = BOXES[kind][2] if kind in BOXES else {}
    made = service(kind, **settings)
    made.target = Ssh(ssh_host.name, str(config))
    found = observe(made, tmp_path)
    assert found.verdict is Verdict.FAILED and "ssh failed" in found.why


def test_the_clock_of_a_host_is_compared_through_ours(ssh_host: SshHost, tmp_path: Path) -> None:
    from tests.services.test_checks_host import ahead, stand_in_time_server

    with stand_in_time_server(ahead(100)) as server:
        made = over_ssh(service("host", ntp=server), ssh_host)
        found = observe(made, tmp_path, "box.clock")
    assert found.numbers["offset"] == pytest.approx(100, abs=3)
