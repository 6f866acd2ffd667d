"""The kind `postgres` in a container and over SSH."""

import os
import re
import secrets
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from daytwo.core.command import command
from daytwo.core.errors import DaytwoError, MissingToolError
from daytwo.core.process import reap
from daytwo.core.run import Run
from daytwo.core.service import Place, Service
from daytwo.core.target import LOCAL, Container, Ssh, Target
from daytwo.services.postgres import PostgresService, reading
from daytwo.services.postgres.clients import Client, find_clients
from daytwo.services.postgres.settings import PostgresSettings
from tests.contract.services import ServiceContract, dump_to_file
from tests.parts.docker import DockerEngine
from tests.parts.postgres import PostgresServer
from tests.parts.process import wait_until
from tests.parts.ssh import SshHost
from tests.real.services.postgres_case import LocalCase

BIN = "/usr/lib/postgresql/15/bin"
# As the official image does it: whoever is inside may connect as anyone through the socket.
ENTRY = f"""set -e
install -d -o postgres /data /run/postgresql
su postgres -c '{BIN}/initdb -D /data -U postgres -A trust -E UTF8 --no-sync' >/dev/null
exec su postgres -c "exec {BIN}/postgres -D /data -c fsync=off -c listen_addresses=''"
"""


@dataclass(frozen=True)
class InContainer:
    """A PostgreSQL 15 that is reached from inside its container only."""

    docker: DockerEngine
    container: str

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run SQL inside."""
        psql = [f"{BIN}/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database]
        return self.docker.run("exec", "-i", self.container, *psql, stdin=statement).stdout.strip()

    def create_database(self, name: str) -> str:
        """An empty database."""
        self.sql(f'create database "{name}" template template0')
        return name

    def inside(self, *argv: str) -> str:
        """Run a program inside."""
        return self.docker.run("exec", self.container, *argv).stdout


@pytest.fixture(scope="module")
def postgres_in_container(docker: DockerEngine) -> Iterator[InContainer]:
    with docker.container(command=("sh", "-c", ENTRY)) as container:
        server = InContainer(docker, container)

        def ready() -> bool:
            return docker.run("exec", container, f"{BIN}/pg_isready", "-q", check=False).returncode == 0

        wait_until(ready, what="PostgreSQL in the container is ready")
        yield server


class ContainerCase(LocalCase):
    """A database in a container."""

    inner: InContainer

    def at(self, database: str, **settings: object) -> PostgresService:
        block = {
            "kind": "postgres",
            "container": self.inner.container,
            "database": database,
            "globals": False,
        } | settings
        kept = {key: value for key, value in block.items() if value is not None}
        return PostgresService("db", PostgresSettings.model_validate(kept), self.place)

    def broken(self) -> list[Service]:
        return [
            self.at("does not exist"),
            self.at(self.database, user="nobody_at_all"),
            self.at(self.database, host="127.0.0.1"),
            self.at(self.database, container="daytwo-no-such-container"),
            self.at(self.database, bin="/no/such/folder"),
            self.at(self.database, container_user="nobody-at-all"),
        ]

    def content(self, service: Service) -> object:
        text = self.inner.inside(f"{BIN}/pg_dump", "-U", "postgres", "-d", service.settings.database)
        return re.sub(r"^(\\(un)?restrict .*|--.*)\n", "", text, flags=re.MULTILINE)

    def leftovers(self) -> object:
        return self.databases(), self.inner.inside("sh", "-c", "ls -A /tmp")


def container_case(server: InContainer, folder: Path) -> ContainerCase:
    case = ContainerCase.__new__(ContainerCase)
    case.inner = server
    case.server = server  # type: ignore[assignment]
    case.folder = folder
    case.database = f"Pg {secrets.token_hex(6)}"
    case.other = f"{case.database} elsewhere"
    case.secrets = ()
    case.place = Place(folder, "app", "test")
    return case


@pytest.fixture(autouse=True)
def reach_docker(docker: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in docker.env.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def in_container(postgres_in_container: InContainer, tmp_path: Path) -> Iterator[ContainerCase]:
    case = container_case(postgres_in_container, tmp_path)
    yield case
    case.clean()


class TestPostgresInContainer(ServiceContract):
    @pytest.fixture
    def case(self, in_container: ContainerCase) -> ContainerCase:
        return in_container


def programs(server: InContainer) -> list[str]:
    """The client programs that run inside."""
    listing = server.inside("ps", "-eo", "args")
    return [line for line in listing.splitlines() if re.match(r"\S*(pg_dump|pg_restore|psql)\b", line)]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    work = tmp_path / "work"
    work.mkdir()
    return Run(secrets.token_hex(8), work, timeout=200)


def fill_a_lot(case: ContainerCase) -> None:
    case.fill()
    case.sql("create table a_lot as select n, repeat(md5(n::text), 100) as pad from generate_series(1, 20000) n")


def test_f13_a_dump_left_early_is_ended_inside_the_container(in_container: ContainerCase, run: Run) -> None:
    fill_a_lot(in_container)
    with in_container.service().components()[-1].dump(run) as dump:
        chunks = dump.chunks()  # as long as somebody holds it, it goes on
        next(chunks)
        assert any("pg_dump" in line for line in programs(in_container.inner))
    assert programs(in_container.inner) == []


def test_f13_a_killed_docker_client_leaves_no_dump_inside(in_container: ContainerCase, run: Run) -> None:
    fill_a_lot(in_container)
    with pytest.raises(DaytwoError):
        with in_container.service().components()[-1].dump(run) as dump:
            chunks = dump.chunks()
            next(chunks)
            for client in clients_of(in_container.inner.container):
                os.kill(client, signal.SIGKILL)
            for _ in chunks:
                pass
    assert programs(in_container.inner) == []


def clients_of(container: str) -> list[int]:
    """The `docker exec` processes of this container here."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"exec" in words[:3] and container.encode() in words:
            found.append(int(path.parent.name))
    return found


def test_what_a_killed_run_left_inside_is_reaped_by_its_tag(in_container: ContainerCase, run: Run) -> None:
    fill_a_lot(in_container)
    target = Container(in_container.inner.container)
    environment = {"DAYTWO_RUN": f"{run.id}.7."}
    argv = target.wrap(command(f"{BIN}/pg_dump", "-U", "postgres", in_container.database, env=environment)).argv
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as dumping:
        wait_until(lambda: bool(programs(in_container.inner)), what="pg_dump runs")
        dumping.kill()
    assert any("pg_dump" in line for line in programs(in_container.inner)), "the failure itself"
    reap(target, run.id)
    assert programs(in_container.inner) == []


def test_verify_uses_the_container_where_there_are_no_tools_here(
    in_container: ContainerCase, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_container.fill()
    component = in_container.service().components()[-1]
    source, facts = dump_to_file(component, run, tmp_path)
    newer = source.record.model_copy(update={"tools": {"pg_dump": "99.1"}})
    source.record = newer
    with pytest.raises(DaytwoError, match="cannot read a dump of pg_dump 99"):
        component.verify(source, run)
    source.record = newer.model_copy(update={"tools": dict(facts.tools)})
    asked = []

    def nothing_here(place: Target, run: Run, *, bin: Path | None = None) -> tuple[Client, ...]:
        asked.append(place)
        if place.is_local:
            raise MissingToolError("none here")
        return find_clients(place, run, bin=bin)

    monkeypatch.setattr(reading, "find_clients", nothing_here)
    assert component.verify(source, run).contents == facts.contents
    assert asked == [LOCAL, Container(in_container.inner.container)]


def test_globals_and_tables_in_a_container(in_container: ContainerCase, run: Run, tmp_path: Path) -> None:
    in_container.fill()
    role = f"app_{secrets.token_hex(4)}"
    in_container.inner.sql(f"create role {role} login")
    roles, database = in_container.at(in_container.database, globals=True).components()
    source, _ = dump_to_file(roles, run, tmp_path)
    dump, _ = dump_to_file(database, run, tmp_path)
    in_container.inner.sql(f"drop role {role}")
    assert roles.stage(source, run).swap().now.startswith("1 missing role made")
    in_container.sql("truncate big")
    database.stage(dump, run, ("big",)).swap()
    assert in_container.sql("select count(*) from big") == "40"
    in_container.inner.sql(f"drop role {role}")
    assert in_container.inner.inside("sh", "-c", "ls -A /tmp") == ""


def over_ssh(case: LocalCase, host: SshHost, database: str, **settings: object) -> PostgresService:
    service = case.at(database, **settings)
    service.target = Ssh(host.name, config=str(host.config))
    return service


def test_over_ssh(postgres18: PostgresServer, ssh_host: SshHost, run: Run, tmp_path: Path) -> None:
    case = LocalCase(postgres18, tmp_path)
    try:
        case.fill()
        before = case.content(case.service())
        component = over_ssh(case, ssh_host, case.database).components()[-1]
        source, facts = dump_to_file(component, run, tmp_path)
        assert component.verify(source, run).contents == facts.contents
        case.change()
        staged = component.stage(source, run)
        assert dict(staged.counts) == dict(facts.counts)
        swapped = staged.swap()
        assert swapped.drop.startswith("ssh ")
        assert case.content(case.service()) == before
        assert not list(Path("/tmp").glob(f"daytwo-{run.id}*"))
    finally:
        case.clean()


def test_no_more_connections_over_ssh_than_its_server_lets_begin(
    postgres18: PostgresServer, ssh_host: SshHost, run: Run, tmp_path: Path
) -> None:
    case = LocalCase(postgres18, tmp_path)
    try:
        case.server.create_database(case.database)
        case.sql("create table a as select i, repeat(md5(i::text), 20) t from generate_series(1, 60000) i; "
                 "create table seen (pid int); create function note() returns bool language plpgsql as $$ begin "
                 "insert into public.seen select pg_backend_pid() where not exists "
                 "(select from public.seen where pid = pg_backend_pid()); return true; end $$; "
                 "alter table a add check (note()); truncate seen")  # fmt: skip
        component = over_ssh(case, ssh_host, case.database, jobs=20).components()[-1]
        source, _ = dump_to_file(component, run, tmp_path)
        component.stage(source, run).swap()
        assert 1 < int(case.sql("select count(distinct pid) from seen")) <= 8
        assert case.sql("select count(*) from a") == "60000"
    finally:
        case.clean()
