"""SQLite in containers and on an SSH host."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from daytwo.core.errors import DaytwoError, MissingToolError
from daytwo.core.run import Run
from daytwo.core.service import Place, Service
from daytwo.core.target import Ssh
from daytwo.services.sqlite import Sqlite, SqliteSettings
from daytwo.services.sqlite.asking import Line
from tests.contract.services import ServiceContract, dump_to_file
from tests.parts.docker import DockerEngine
from tests.parts.ssh import SshHost
from tests.real.services.boxes import busybox_image
from tests.services import folders
from tests.services.test_sqlite import WRITER, SqliteCase, content, fill


def sqlite(path: str, **settings: object) -> Sqlite:
    values = {"kind": "sqlite", "path": path, **settings}
    return Sqlite("db", SqliteSettings.model_validate(values), Place(Path("/"), "app", "test"))


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


class SshCase(SqliteCase):
    """A database on an SSH host, which is this machine."""

    def __init__(self, base: Path, host: SshHost) -> None:
        super().__init__(base)
        self.host = host

    def over_ssh(self, path: Path) -> Service:
        service = sqlite(str(path))
        service.target = Ssh(self.host.name, str(self.host.config))
        return service

    def service(self) -> Service:
        return self.over_ssh(self.path)

    def elsewhere(self) -> Service:
        return self.over_ssh(self.other)

    def broken(self) -> list[Service]:
        self.base.mkdir(exist_ok=True)
        (self.base / "text").write_text("this is no database, but long enough to be one" * 100)
        (self.base / "empty").touch()
        return [self.over_ssh(self.base / name) for name in ("missing", "text", "empty", ".")]


class TestOnSshHost(ServiceContract):
    @pytest.fixture
    def case(self, tmp_path: Path, ssh_host: SshHost) -> SshCase:
        return SshCase(tmp_path / "base", ssh_host)


class TestOnSshHostWithPythonOnly(ServiceContract):
    """A host that has python3 and no sqlite3."""

    @pytest.fixture
    def case(self, tmp_path: Path, ssh_host: SshHost, monkeypatch: pytest.MonkeyPatch) -> SshCase:
        from daytwo.services.sqlite import place

        monkeypatch.setattr(place, "_TOOL", place._TOOL.replace("command -v sqlite3", "command -v no-such-tool"))
        return SshCase(tmp_path / "base", ssh_host)


class ContainerCase(SqliteCase):
    """A database in a container; its folder is mounted there, so that the test can look into it."""

    container = ""

    def service(self) -> Service:
        return sqlite(f"/mnt/{self.path.relative_to(self.base)}", container=self.container)

    def elsewhere(self) -> Service:
        return sqlite("/mnt/other/place/copy.db", container=self.container)

    def broken(self) -> list[Service]:
        return [
            sqlite("/mnt/missing.db", container=self.container),
            sqlite("/etc/passwd", container=self.container),
            sqlite("/x", container="daytwo-none"),
        ]

    def content(self, service: Service) -> object:
        return content(self.base / service.settings.path.removeprefix("/mnt/"))


class TestInContainer(ServiceContract):
    @pytest.fixture
    def case(self, tmp_path: Path, engine: DockerEngine) -> Iterator[ContainerCase]:
        case = ContainerCase(tmp_path / "base")
        case.base.mkdir()
        with engine.container("--volume", f"{case.base}:/mnt") as case.container:
            yield case


@pytest.mark.parametrize("python", [False, True], ids=["sqlite3", "python3"])
def test_one_moment_while_others_write_and_tables_alone(
    tmp_path: Path, ssh_host: SshHost, run: Run, python: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from daytwo.services.sqlite import place

    if python:
        monkeypatch.setattr(place, "_TOOL", place._TOOL.replace("command -v sqlite3", "command -v no-such-tool"))
    path = tmp_path / "data" / "app.db"
    path.parent.mkdir()
    fill(path)
    with closing(sqlite3.connect(path)) as db:
        db.executescript("CREATE TABLE a(n, blob); CREATE TABLE b(n);")
    (component,) = SshCase(tmp_path, ssh_host).over_ssh(path).components()
    writer = subprocess.Popen([sys.executable, "-c", WRITER, path, "WAL"], stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout and writer.stdout.readline() == "ready\n"
        for number in range(3):
            (tmp_path / f"d{number}").mkdir()
            source, facts = dump_to_file(component, run, tmp_path / f"d{number}")
            assert facts.counts["a"] == facts.counts["b"]
            assert ("python3" if python else "sqlite3") in facts.tools["sqlite"]
    finally:
        writer.kill()
        writer.communicate()
    with closing(sqlite3.connect(path)) as db:
        db.executescript("DELETE FROM users; INSERT INTO empty VALUES('live');")
    swapped = component.stage(source, run, only=("users",)).swap()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM users").fetchone() == (990,)
        assert db.execute("SELECT count(*) FROM empty").fetchone() == (1,)
    subprocess.run(swapped.drop, shell=True, check=True)
    assert folders.leftovers(path.parent) == []


def test_a_stopped_container_with_a_log_that_nobody_took_in(engine: DockerEngine, run: Run, tmp_path: Path) -> None:
    script = (
        "mkdir /data; { echo 'PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(a);"
        " INSERT INTO t VALUES(1),(2);'; echo '.system touch /data/ready'; sleep 600; } | sqlite3 /data/app.db"
    )
    with engine.container() as name:
        engine.run("exec", "--detach", name, "sh", "-c", script)
        engine.run("exec", name, "sh", "-c", "until [ -e /data/ready ]; do sleep 0.1; done")
        engine.run("kill", name)
        (component,) = sqlite("/data/app.db", container=name).components()
        source, facts = dump_to_file(component, run, tmp_path)
        assert facts.counts == {"t": 2}, "the rows were in the log only"
        assert list(run.work.iterdir()) == []
        assert "not running" in component.obstacles(source.record, run)[0]
        with pytest.raises(DaytwoError):
            dump_to_file(sqlite("/data/none.db", container=name).components()[0], run, tmp_path)


def test_a_running_container_without_a_tool_is_refused_with_a_remedy(
    engine: DockerEngine, run: Run, tmp_path: Path
) -> None:
    fill(tmp_path / "app.db")
    with engine.container("--volume", f"{tmp_path}:/mnt", image=busybox_image(engine)) as name:
        (component,) = sqlite("/mnt/app.db", container=name).components()
        with pytest.raises(MissingToolError, match="stop the container"):
            dump_to_file(component, run, tmp_path)
        before = content(tmp_path / "app.db")
        source, _ = dump_to_file(sqlite(str(tmp_path / "app.db")).components()[0], run, tmp_path)
        (tmp_path / "app.db").unlink()
        component.stage(source, run).swap()
        assert content(tmp_path / "app.db") == before, "to restore, no tool is needed"


def test_a_users_own_settings_of_sqlite3_change_nothing(engine: DockerEngine, run: Run, tmp_path: Path) -> None:
    fill(tmp_path / "app.db")
    with engine.container("--volume", f"{tmp_path}:/mnt") as name:
        settings = ".headers on\\nPRAGMA foreign_keys=ON;\\n"
        engine.run("exec", name, "sh", "-c", f"printf '{settings}' >~/.sqliterc")
        service = sqlite("/mnt/app.db", container=name)
        (component,) = service.components()
        source, _ = dump_to_file(component, run, tmp_path)
        component.stage(source, run, only=("users",)).swap()
        answer = Line(service._where()).ask("SELECT count(*) AS children FROM child", run)
    assert answer.rows == [["1"]], "neither is its heading a row nor is a row of another table gone"
