"""Each real part starts, answers, refuses strangers, and is gone afterwards."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.parts.mariadb import MariadbServer, mariadb
from tests.parts.need import missing, require
from tests.parts.postgres import PostgresServer, postgres15, postgres18
from tests.parts.process import Kept, NotReady, PartDied, Program, answers, kept, new_folder, run_text, wait_until
from tests.parts.redis import RedisServer, redis
from tests.parts.restic import Restic
from tests.parts.s3 import S3Server, s3
from tests.parts.ssh import SshHost, ssh_host


def alive(pid: int) -> bool:
    """Whether a process exists; one that has ended and awaits its parent's look does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def using(folder: Path) -> list[str]:
    """The command lines of processes that name `folder`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


@pytest.mark.parametrize(("version", "start"), [(18, postgres18), (15, postgres15)])
def test_postgres(version: int, start: Callable[[], AbstractContextManager[PostgresServer]]) -> None:
    with start() as server:
        assert server.sql("show server_version").startswith(str(version))
        name = server.create_database()
        server.sql("create table t as select generate_series(1, 10) as n", name)
        assert server.sql("select count(*), sum(n) from t", name) == "10|55"
        assert server.url(name) == f"postgresql://postgres:{server.password}@127.0.0.1:{server.port}/{name}"
        with pytest.raises(RuntimeError, match="password authentication failed"):
            server.sql("select 1", password="wrong")
        dump = run_text([server.bin / "pg_dump"], env={**os.environ, **server.env(name)})
        assert dump.returncode == 0 and "CREATE TABLE public.t" in dump.stdout
        assert alive(server.pid)
    assert not answers(server.port) and not alive(server.pid) and not server.data.parent.exists()


def test_postgres_takes_settings_and_comes_back_after_a_kill() -> None:
    with postgres18({"wal_level": "logical"}) as server:
        assert server.sql("show wal_level") == "logical"
        server.sql("create table t as select 1 as n")
        os.kill(server.pid, signal.SIGKILL)
        again = server.keeper.start_again()
        wait_until(server.ready, what="the server is back")
        assert server.sql("select n from t") == "1" and alive(again) and not alive(server.pid)
    assert not answers(server.port) and not server.data.parent.exists()


def test_mariadb() -> None:
    with mariadb({"log-bin": "binlog"}) as server:
        assert "MariaDB" in server.sql("select version()")
        name = server.create_database()
        server.sql("create table t (n int); insert into t values (1), (2)", name)
        assert server.sql("select count(*), sum(n) from t", name) == "2\t3"
        assert server.sql("select @@log_bin") == "1"
        for wrong in ("wrong", ""):
            with pytest.raises(RuntimeError, match="Access denied"):
                server.sql("select 1", password=wrong)
    assert not answers(server.port) and not alive(server.pid) and not server.data.parent.exists()


def test_redis() -> None:
    with redis(settings={"appendonly": "yes"}) as server:
        assert server.run("set", "name", "value") == "OK"
        assert server.run("get", "name") == "value"
    assert not answers(server.port) and not alive(server.pid) and not server.data.parent.exists()


def test_redis_with_password() -> None:
    with redis(password=True) as server:
        assert server.run("ping") == "PONG"
        assert server.password is not None and server.password in server.url()
        with pytest.raises(RuntimeError, match="WRONGPASS"):
            server.run("ping", password="wrong")
    assert not answers(server.port) and not alive(server.pid)


def test_s3(restic: Restic, tmp_path: Path) -> None:
    with s3() as server:
        bucket = server.create_bucket("locked", object_lock=True)
        client = server.client()
        client.put_object(Bucket=bucket, Key="folder/a b+é", Body=b"content")
        assert client.get_object(Bucket=bucket, Key="folder/a b+é")["Body"].read() == b"content"
        lock = client.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
        assert lock["ObjectLockEnabled"] == "Enabled"
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            server.client(secret_key="wrong").list_objects_v2(Bucket=bucket)
        with pytest.raises(ClientError, match="InvalidAccessKeyId"):
            server.client(access_key="AKIAWRONG").list_objects_v2(Bucket=bucket)

        repository = server.restic_url(server.create_bucket("restic"), "here")
        own = {"RESTIC_PASSWORD": "secret", "RESTIC_CACHE_DIR": str(tmp_path / "cache")}
        variables = {**os.environ, **server.env(), **own}
        (tmp_path / "file").write_text("content")
        for argv in (["init"], ["backup", "file"], ["check", "--read-data"]):
            done = run_text([restic.path, "-r", repository, *argv], env=variables, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
        port = int(server.endpoint.rpartition(":")[2])
    assert not answers(port)


def test_ssh(tmp_path: Path) -> None:
    sftp = require("sftp", package="openssh-client")
    with ssh_host() as host:
        assert host.run("cat", stdin="through\n") == "through\n"
        with pytest.raises(RuntimeError, match="exit code 3"):
            host.run("exit", "3")
        stranger = tmp_path / "ssh_config"
        stranger.write_text(host.config.read_text().replace(str(host.key), str(host.stranger_key)))
        refused = run_text(["ssh", "-F", stranger, host.name, "true"])
        assert refused.returncode == 255 and "Permission denied" in refused.stderr
        (tmp_path / "source").write_text("content")
        batch = f"put {tmp_path}/source {tmp_path}/copied\n"
        assert run_text([sftp, "-q", "-F", host.config, "-b", "-", host.name], stdin=batch).returncode == 0
        assert (tmp_path / "copied").read_text() == "content"
    assert not answers(host.port) and not host.config.exists()


def test_restic(restic: Restic) -> None:
    assert restic.version >= (0, 14)


def test_session_fixtures(
    postgres18: PostgresServer,
    postgres15: PostgresServer,
    mariadb: MariadbServer,
    redis: RedisServer,
    redis_with_password: RedisServer,
    s3: S3Server,
    ssh_host: SshHost,
) -> None:
    assert postgres18.sql("select 1") == postgres15.sql("select 1") == mariadb.sql("select 1") == "1"
    assert redis.run("ping") == redis_with_password.run("ping") == "PONG"
    assert s3.client().list_buckets()["Buckets"] == []
    assert ssh_host.run("echo", "here") == "here\n"


def test_what_a_server_daemonised_is_ended_too() -> None:
    with kept() as keeper:
        marker = keeper.folder / "started"
        hidden = f"import time, pathlib; pathlib.Path({str(marker)!r}).touch(); time.sleep(600)"
        daemonise = (
            "import os, sys, subprocess\n"
            "if os.fork() == 0: subprocess.Popen([sys.executable, '-c', sys.argv[1]], start_new_session=True)"
        )
        keeper.finish(Program([sys.executable, "-c", daemonise, hidden]))
        wait_until(marker.exists, what="the daemon runs")
        assert using(keeper.folder)
    assert not using(keeper.folder) and not keeper.folder.exists()


def test_a_killed_owner_leaves_nothing(tmp_path: Path) -> None:
    """A test process that gets `kill -9` in the middle of a test."""
    script = (
        "from tests.parts.postgres import postgres18\n"
        "with postgres18() as server:\n"
        "    print(server.port, server.data.parent, flush=True)\n"
        "    input()\n"
    )
    argv = [sys.executable, "-c", script]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=Path(__file__).parents[2], stdin=pipe, stdout=pipe, text=True) as owner:
        assert owner.stdout is not None
        port, folder = owner.stdout.readline().split()
        assert answers(int(port))
        owner.kill()
    wait_until(lambda: not answers(int(port)) and not Path(folder).exists(), what="server and folder are gone")
    wait_until(lambda: not using(Path(folder)), what="no process is left")


def test_a_part_that_dies_tells_why() -> None:
    with kept() as keeper, pytest.raises(PartDied, match=r"exited with 3(.|\n)*because"):
        argv = [sys.executable, "-c", "import sys; print('because', file=sys.stderr); sys.exit(3)"]
        keeper.start(Program(argv))
        keeper.wait_ready(lambda: False, what="it")


def test_a_part_that_never_answers_is_not_waited_for_for_ever() -> None:
    with Kept(new_folder()) as keeper:
        keeper.start(Program(["sleep", "600"]))
        with pytest.raises(NotReady, match=r"after 0\.2 s"):
            keeper.wait_ready(lambda: False, what="it", seconds=0.2)


def test_missing_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAYTWO_REQUIRE_REAL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-tool is not installed"):
        require("no-such-tool")
    monkeypatch.setenv("DAYTWO_REQUIRE_REAL", "1")
    with pytest.raises(pytest.fail.Exception, match="and it is gone"):
        missing("it is gone")
