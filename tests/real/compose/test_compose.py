"""The whole product on a real Docker Compose project, through its command line, as its user has it."""

import gzip
import json
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.config import load
from daytwo.core.command import command
from daytwo.core.errors import CommandError, MissingToolError
from daytwo.core.process import Process, capture
from daytwo.core.run import Run
from daytwo.core.target import Container
from tests.parts.process import wait_until
from tests.real.compose.project import Project
from tests.real.compose.watching import Watch

COMPONENTS = {
    "db.dump", "db.globals.sql", "cache.rdb", "mariadb.sql", "shop.sqlite", "uploads.tar", "config.tar.age", "state.tar",
    "data.tar", "installation.tar.age",
}  # fmt: skip
KINDS = {
    "db": "postgres", "cache": "redis", "mariadb": "mysql", "shop": "sqlite", "uploads": "files", "config": "files",
    "state": "files", "data": "files", "installation": "env",
}  # fmt: skip


def test_what_init_writes_is_checked_well_and_protects_everything(shop: Project) -> None:
    (shop.folder / "daytwo.yaml").write_text(shop.written)
    shop.daytwo("config", "check")
    assert {name: one.kind for name, one in load(shop.folder / "daytwo.yaml").services.items()} == KINDS
    assert {one["verdict"] for one in shop.json("doctor")} == {"ok"}
    made = shop.json("backup")
    assert set(made["components"]) == COMPONENTS
    assert (made["outcome"], made["failures"], made["warnings"]) == ("succeeded", {}, [])
    told = shop.daytwo("snapshots", "show", "latest").out
    assert all(name in told for name in COMPONENTS)
    verified = shop.json("verify", "--key", shop.key)
    assert [one["skipped"] for one in verified["snapshots"][0]["components"]] == [False] * len(COMPONENTS)
    assert shop.json("snapshots")[0]["level"] == "verified"
    shop.daytwo("keys", "check", "--key", shop.key)
    assert "protected" in shop.daytwo("status").out
    shop.nothing_left(stored=1)
    again = shop.daytwo("init", str(shop.folder), code=5)
    assert "is there already" in again.err


def test_f15_all_is_destroyed_and_comes_back_and_what_is_written_then_is_backed_up(
    shop: Project, tmp_path: Path
) -> None:
    before = shop.content()
    made = shop.json("backup")
    assert set(made["components"]) == (COMPONENTS - {"state.tar"}) | {"state.sqlite"}
    opened_by_hand(shop, Path(made["stored"]["local"]), tmp_path)

    shop.dirty = True
    shop.destroy()
    shop.up()
    with (shop.folder / ".env").open("a") as env:
        env.write("LATER=1\n")
    assert shop.sql("select count(*) from pg_tables where schemaname = 'public'") == "0", "it is a new, empty one"

    # The containers are new ones, so a person has to say that this is meant (F18).
    refused = shop.daytwo("restore", "--yes", "--key", shop.key, code=5)
    assert "this is another place" in refused.err
    assert "--accept-other-target" in refused.err
    done = shop.daytwo("restore", "--yes", "--accept-other-target", "--key", shop.key)
    assert "counts compared with the manifest, all equal" in done.out
    after = shop.content()
    for name, content in before.items():
        assert after[name] == content, name
    survives_a_restart(shop, before)
    what_is_written_now_is_backed_up(shop)


def test_a_database_inside_a_folder_of_files(shop: Project) -> None:
    shop.with_config(services=["shop", "data"])
    before = shop.content("shop", "data", "sqlite owners")
    shop.daytwo("backup")
    shop.dirty = True
    shop.exec("app", "sqlite3", "/data/shop.db", "delete from t where id > 10")
    (shop.folder / "data" / "notes.txt").unlink()
    shop.daytwo("restore", "--yes", "--no-safety")
    assert shop.content("shop", "data", "sqlite owners") == before


def opened_by_hand(shop: Project, archive: Path, folder: Path) -> None:
    """Open the archive as a person without daytwo does, and look into it with the engines' own tools."""
    subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
    held = {path.name: path for path in folder.rglob("*") if path.is_file()}
    wanted = (COMPONENTS - {"state.tar"}) | {"state.sqlite", "RESTORE.md"}
    assert wanted <= held.keys()
    assert any(name.endswith("manifest.json") for name in held), "a copy of the manifest"
    listed = shop.docker.run("cp", held["db.dump"], f"{shop.postgres}:/tmp/db.dump")
    listing = shop.exec("db", "pg_restore", "--list", "/tmp/db.dump")
    shop.exec("db", "rm", "/tmp/db.dump")
    assert listed.returncode == 0
    assert "TABLE DATA public posts" in listing
    with tarfile.open(held["uploads.tar"]) as uploads:
        assert {"./2026/logo.png", "./sparse", "./dangling"} <= {one.name for one in uploads}
    assert b"MARIADB_ROOT_PASSWORD" not in b"".join(path.read_bytes() for path in held.values()), ".env is encrypted"


def survives_a_restart(shop: Project, before: dict[str, object]) -> None:
    """What was restored is on disk, not only in the servers' memory."""
    shop.compose("restart", "--timeout", "5", "db", "cache", "mariadb")
    shop.up()
    servers = ("postgres", "mariadb", "redis")
    assert shop.content(*servers) == {name: before[name] for name in servers}


def what_is_written_now_is_backed_up(shop: Project) -> None:
    """F15: the next backup is of what was restored, and not of what the servers had before."""
    shop.with_config(services=["db", "mariadb", "cache"])
    shop.sql("insert into posts (body) values ('written after the restore')")
    shop.mariadb("mariadb", "-D", "billing", stdin="insert into invoice (who) values ('written after the restore')")
    shop.exec("cache", "redis-cli", "RPUSH", "after", "the restore")
    later = shop.content("postgres")
    archive = Path(shop.json("backup")["stored"]["local"])
    with tarfile.open(archive) as held:
        for name in ("db.dump", "mariadb.sql", "cache.rdb"):
            [member] = [one for one in held if Path(one.name).name == name]
            content = held.extractfile(member)
            assert content is not None
            assert b"the restore" in content.read(), name
    shop.sql("truncate posts cascade")
    shop.daytwo("restore", "--yes", "--no-safety", "-s", "db")
    assert shop.content("postgres") == later


class TestStopWhileDumping:
    """F09: a container is stopped during the dump and put back as it was, in every case."""

    @pytest.fixture
    def shop(self, shop: Project) -> Project:
        shop.with_config(stop=[shop.app], services=["db", "uploads"])
        return shop

    def test_f09_it_is_off_during_the_dump_and_runs_afterwards(self, shop: Project) -> None:
        with Watch(shop) as watch:
            shop.daytwo("backup")
        assert shop.state(shop.app) == "running"
        order = [
            "dump" if "pg_dump" in what and what.startswith("exec_start") else what
            for name, what in watch.events
            if (name == shop.app and what in ("die", "start"))
            or (name == shop.postgres and what.startswith("exec_start") and "pg_dump " in f"{what} ")
        ]
        assert order[0] == "die"
        assert order[-1] == "start"
        assert "dump" in order[1:-1], order

    def test_f09_it_runs_again_when_the_dump_failed(self, shop: Project) -> None:
        shop.replace("database: shop,", "database: nowhere,")
        with Watch(shop) as watch:
            failed = shop.daytwo("backup", code=1)
        assert "there is no database nowhere" in failed.err
        assert (shop.app, "die") in watch.events, "it had been stopped"
        assert shop.state(shop.app) == "running"
        shop.nothing_left()

    def test_f09_it_runs_again_after_a_kill_and_that_is_told(self, shop: Project) -> None:
        shop.daytwo("backup", death="dump:begin", code=-9)
        assert shop.state(shop.app) == "exited", "the failure itself"
        again = shop.daytwo("backup")
        assert "was interrupted" in again.err
        assert f"started {shop.app} again" in again.err
        assert shop.state(shop.app) == "running"
        shop.nothing_left(stored=1)

    def test_f09_one_that_was_off_stays_off(self, shop: Project) -> None:
        shop.docker.run("stop", "--time", "2", shop.app)
        try:
            with Watch(shop) as watch:
                shop.daytwo("backup", death="dump:begin", code=-9)
                again = shop.daytwo("backup")
            assert "was interrupted" in again.err
            assert f"started {shop.app}" not in again.err
            assert shop.state(shop.app) == "exited"
            assert (shop.app, "start") not in watch.events
        finally:
            shop.docker.run("start", shop.app)

    def test_a_container_to_stop_that_is_not_there_is_an_error_and_the_others_run(self, shop: Project) -> None:
        shop.with_config(stop=[shop.app, "nowhere-1"], services=["db"])
        failed = shop.daytwo("backup", code=1)
        assert "nowhere-1" in failed.err
        assert "no such container" in failed.err
        assert shop.state(shop.app) == "running"
        shop.nothing_left()


class TestDumpCutShort:
    """F13: nothing goes on in a container when daytwo is gone."""

    @pytest.fixture
    def shop(self, shop: Project) -> Iterator[Project]:
        shop.with_config(services=["db"], stop=[shop.app])
        shop.replace("database: shop,", "database: big,")
        shop.exec("db", "sh", "-c", "pkill -KILL pg_dump || :")  # a test that failed may have left one
        shop.make_big()
        # On a fifth of a processor the dump takes longer than the test needs, however fast or busy the machine is.
        shop.docker.run("update", "--cpu-quota", "20000", shop.postgres)
        yield shop
        shop.docker.run("update", "--cpu-quota", "-1", shop.postgres)

    def test_f13_after_a_kill_the_next_run_ends_what_goes_on_inside(self, shop: Project) -> None:
        shop.daytwo("backup", death="db.dump:1", code=-9)
        assert any("pg_dump" in line for line in shop.clients()), "the failure itself"
        assert shop.sql("select count(*) from pg_stat_activity where application_name = 'daytwo'") != "0"
        # The next run, of whatever.
        shop.replace('services: ["db"]', 'services: ["uploads"]')
        again = shop.daytwo("backup")
        assert "processes it left on container" in again.err
        assert shop.clients() == []
        assert shop.sql("select count(*) from pg_stat_activity where application_name = 'daytwo'") == "0"
        shop.nothing_left(stored=1)

    @pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
    def test_f13_cancelled_it_ends_at_once_with_all_of_its_programs(self, shop: Project, name: str) -> None:
        with shop.start("backup") as process:
            dumping = lambda: any("pg_dump" in line for line in shop.clients())  # noqa: E731
            wait_until(dumping, what="pg_dump runs", seconds=60)
            begun = time.monotonic()
            process.send_signal(getattr(signal, name))
            stopped = shop.ended(process, 130)
        assert time.monotonic() - begun < 20
        assert shop.clients() == []
        assert "stopped: " in stopped.err
        assert shop.state(shop.app) == "running", "F09, too"
        shop.nothing_left()
        assert json.loads(shop.daytwo("status", "--json", code=1).out)["runs"][0]["outcome"] == "cancelled"


class TestOnAnSshHost:
    """The same containers, reached through an SSH host."""

    def test_dump_and_restore_into_another_database(self, shop: Project, remote: dict[str, str]) -> None:
        shop.with_config(services=["db", "uploads"])
        text = (shop.folder / "daytwo.yaml").read_text()
        text = text.replace(f"container: {shop.postgres},", f"ssh: far, container: {shop.postgres}, host: db,"
                            " password: {env: DB_PASSWORD},").replace(f"volume: {shop.name}_uploads", f"ssh: far, volume: {shop.name}_uploads")  # fmt: skip
        (shop.folder / "daytwo.yaml").write_text(text)
        env = {**remote, "DB_PASSWORD": shop.passwords["DB_PASSWORD"]}
        before = shop.postgres_content()
        with Watch(shop) as watch:
            shop.daytwo("backup", **env)  # type: ignore[arg-type]
            shop.sql("update posts set body = 'live' where id = 7")
            live = shop.postgres_content()
            shop.dirty = True
            done = shop.daytwo("restore", "--yes", "-s", "db", "--into", "db.database=copy", **env)  # type: ignore[arg-type]
        try:
            assert "counts compared" in done.out
            assert shop.postgres_content("copy") == before
            assert shop.postgres_content() == live, "the live one is left alone"
        finally:
            shop.sql("drop database if exists copy", "postgres")
        assert watch.saw("pg_dump")
        assert watch.holding(shop.passwords.values()) == []
        shop.nothing_left(stored=1)


NOWHERE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}


class TestMistakes:
    """One clear error with the next step, the documented exit code, and nothing left."""

    @pytest.fixture
    def shop(self, shop: Project) -> Project:
        shop.with_config(services=["db", "config"])
        return shop

    def test_a_wrong_container_name(self, shop: Project) -> None:
        shop.with_snapshot()
        shop.replace(f"container: {shop.postgres},", "container: nowhere-1,")
        every_command_says(shop, "there is no such container", "Check the name with `docker ps -a`", "nowhere-1")

    def test_a_stopped_container(self, shop: Project) -> None:
        shop.with_snapshot()
        shop.docker.run("stop", "--time", "2", shop.postgres)
        try:
            every_command_says(shop, "the container is not running", "docker start", shop.postgres)
        finally:
            shop.up()

    def test_a_daemon_that_does_not_answer(self, shop: Project) -> None:
        shop.with_snapshot()
        every_command_says(shop, "the Docker daemon does not answer", "DOCKER_HOST", "", **NOWHERE)

    def test_no_docker_program(self, shop: Project, tmp_path: Path) -> None:
        shop.with_snapshot()
        every_command_says(shop, "docker is not installed", "Install docker", "", PATH=str(tmp_path))

    def test_a_volume_that_is_not_there(self, shop: Project) -> None:
        shop.replace(f"volume: {shop.name}_config", "volume: config")
        failed = shop.daytwo("backup", code=1)
        assert "there is no volume config" in failed.err
        assert "docker volume ls" in failed.err
        shop.nothing_left()

    def test_a_tool_that_is_not_in_the_container(
        self, shop: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in shop.docker.env.items():
            monkeypatch.setenv(name, value)
        run, place, tool = Run("feedfacefeedface", tmp_path, timeout=60), Container(shop.app), command("no-such-tool")
        with pytest.raises(MissingToolError, match=f"no-such-tool is not installed in container {shop.app}"):
            capture(place, tool, run)
        with Process(place, tool, run) as process:
            with pytest.raises(MissingToolError, match=f"no-such-tool is not installed in container {shop.app}"):
                list(process.chunks())
        with pytest.raises(CommandError, match="there is no user nobody-at-all there"):
            capture(Container(shop.app, user="nobody-at-all"), command("true"), run)


def every_command_says(shop: Project, what: str, step: str, where: str, **env: str) -> None:
    """backup, doctor and restore fail with this, once, and change nothing."""
    stored, containers = shop.stored(), shop.containers()
    for argv in (["backup"], ["restore", "-s", "db", "--yes"]):
        told = shop.daytwo(*argv, code=1, **env).err
        assert told.count("error: ") == 1, told
        assert what in told
        assert f"  next: {step}" in told or (step in told.partition("  next: ")[2]), told
        assert where in told
    told = shop.daytwo("doctor", code=1, **env).out
    assert what in told
    assert step in told
    assert shop.stored() == stored
    assert shop.containers() == containers != []
    shop.nothing_left(stored=1)


def test_f11_no_secret_is_seen_or_kept_anywhere(shop: Project) -> None:
    shop.with_config(services=["db", "mariadb"])
    shop.replace(
        f"container: {shop.postgres},", f"container: {shop.postgres}, host: db, password: {{env: DB_PASSWORD}},"
    )
    env = {"DB_PASSWORD": shop.passwords["DB_PASSWORD"]}
    with Watch(shop) as watch:
        shop.daytwo("backup", **env)  # type: ignore[arg-type]
        shop.sql("delete from posts where id = 500")
        shop.dirty = True
        shop.daytwo("restore", "--yes", "--no-safety", **env)  # type: ignore[arg-type]
        shop.daytwo("backup", code=1, DB_PASSWORD="wrong")
    passwords = shop.passwords.values()
    assert watch.saw("pg_dump"), "it looked at the right moment"
    assert watch.saw("mariadb-dump")
    assert watch.holding(passwords) == []
    told = "\n".join(f"{name} {what}" for name, what in watch.events)
    told += shop.compose("logs", "--no-color")
    assert "pg_dump" in told
    for path in shop.folder.rglob("*"):
        if path.is_file() and path.name != ".env":
            data = path.read_bytes()
            told += (gzip.decompress(data) if path.suffix == ".gz" else data).decode("latin-1")
    assert json.loads(next((shop.folder / "backups").glob("*.json")).read_text())["app"] == shop.name
    assert [name for name, password in shop.passwords.items() if password in told] == []
