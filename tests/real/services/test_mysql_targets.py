"""MariaDB in a container and on an SSH host."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from daytwo.core.run import Run
from daytwo.core.service import Place, Service
from daytwo.core.target import Container, Ssh, Target
from daytwo.services.mysql import Mysql
from daytwo.services.mysql.client import Settings
from tests.contract.services import dump_to_file
from tests.parts.docker import DockerEngine
from tests.parts.mariadb import MariadbServer
from tests.parts.process import wait_until
from tests.parts.ssh import SshHost
from tests.real.services.mysql_case import PASSWORD, SHOP, MysqlCase, reveal

START = "mkdir -p /run/mysqld && chown mysql /run/mysqld && exec mariadbd --user=mysql --skip-networking"


@dataclass
class OnHost(MysqlCase):
    """The same database, reached through an SSH host."""

    host: SshHost | None = None

    def make(self, **changes: object) -> Mysql:
        made = super().make(**changes)
        assert self.host
        made.target = Ssh(self.host.name, str(self.host.config))
        return made


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run("0011223344556677", tmp_path / "work", timeout=120)


@pytest.fixture
def on_host(mariadb: MariadbServer, ssh_host: SshHost) -> Iterator[OnHost]:
    reveal(mariadb)
    case = OnHost(mariadb, host=ssh_host)
    yield case
    case.remove()


def test_backup_and_restore_on_an_ssh_host(on_host: OnHost, run: Run, tmp_path: Path) -> None:
    on_host.fill()
    before = on_host.text(on_host.name)
    (component,) = on_host.make().components()
    source, facts = dump_to_file(component, run, tmp_path)
    assert "host " in facts.source.label
    on_host.change()
    assert component.obstacles(source.record, run) == ()
    component.stage(source, run).swap()
    assert on_host.text(on_host.name) == before


@dataclass
class Box:
    """A container with a MariaDB of its own, reached through its socket."""

    docker: DockerEngine
    name: str

    def sql(self, statement: str, database: str = "mysql") -> str:
        given = ("exec", "-i", self.name, "mariadb", "--default-character-set=utf8mb4", "-N", database)
        return self.docker.run(*given, stdin=statement).stdout.strip()

    def service(self) -> Service:
        return make(Container(self.name))

    def processes(self) -> str:
        return self.docker.run("exec", self.name, "ps", "-eo", "args").stdout


def make(target: Target) -> Mysql:
    given = {"database": "shop", "user": "keeper", "password": {"env": PASSWORD}}
    service = Mysql("db", Settings.model_validate(given), Place(Path("/"), "shop", "test"))
    service.target = target
    return service


@pytest.fixture
def box(docker: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    for name, value in docker.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(PASSWORD, 'it\'s "secret" & long')
    with docker.container(command=("sh", "-c", START)) as name:
        made = Box(docker, name)
        ping = ("exec", name, "mariadb-admin", "ping")
        wait_until(lambda: docker.run(*ping, check=False).returncode == 0, what="MariaDB answers")
        made.sql("create database shop character set utf8mb4 collate utf8mb4_icelandic_ci; grant all on *.* to keeper@localhost"
                 " identified by 'it\\'s \"secret\" & long'")  # fmt: skip
        yield made


def test_backup_and_restore_in_a_container(box: Box, run: Run, tmp_path: Path) -> None:
    box.sql(SHOP, "shop")
    look = "select hex(group_concat(name order by id)) from customer; select n from above; show create database shop"
    before = box.sql(look, "shop")
    (component,) = box.service().components()
    source, facts = dump_to_file(component, run, tmp_path)
    assert facts.counts["customer"] == 3
    box.sql("drop database shop")
    assert component.obstacles(source.record, run) == ()
    swapped = component.stage(source, run).swap()
    assert not swapped.kept, "there was nothing to keep"
    assert box.sql(look, "shop") == before
    assert "icelandic" in before


def test_f13_a_killed_dump_ends_inside_the_container(box: Box, run: Run) -> None:
    box.sql("create table t (text longtext); insert into t select repeat('x', 1000000) from seq_1_to_60", "shop")
    (component,) = box.service().components()
    with component.dump(run) as dump:
        chunks = dump.chunks()
        assert len(next(chunks) + next(chunks)) > 1000
        listed = box.processes()
        assert "mariadb-dump" in listed
        assert "secret" not in listed, "no password in the container's process list"
    wait_until(lambda: "mariadb-dump" not in box.processes(), what="the dump inside has ended", seconds=10)
