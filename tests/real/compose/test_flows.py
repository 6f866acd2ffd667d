"""The whole product on a real Docker Compose project, through its command line, as its user has it."""

import contextlib
import re
import signal
import tarfile
import threading
from pathlib import Path

from tests.parts.process import wait_until
from tests.real.compose.project import Project


def test_what_init_writes_is_right_and_backs_everything_up(shop: Project) -> None:
    (shop.folder / "daytwo.yaml").write_text(shop.written)
    assert "is right" in shop.daytwo("config", "check").out
    assert "All is well." in shop.daytwo("doctor").out
    assert "stored and read back" in shop.daytwo("backup").out
    verified = shop.daytwo("verify", "--key", shop.key).out
    held = shop.json("snapshots")[0]["components"]
    assert verified.count("  verified ") == len(held)
    assert "not read" not in verified
    (archive,) = (shop.folder / "backups").glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        assert sorted(tar.getnames()) == sorted([*held, "RESTORE.md", "manifest.json"])


def test_destroy_everything_restore_compare(shop: Project) -> None:
    before = shop.content()
    shop.daytwo("backup")
    shop.dirty = True
    shop.destroy()
    (shop.folder / ".env").write_text((shop.folder / ".env").read_text() + "# changed\n")
    shop.up()
    done = shop.daytwo("restore", "--yes", "--accept-other-target", "--key", shop.key)
    assert "all equal" in done.out
    after = shop.content()
    for part, value in before.items():
        assert after[part] == value, part
    for path in (shop.folder / "backups").glob("*.json"):
        assert not any(password in path.read_text() for password in shop.passwords.values())
    assert not any(p.encode() in (shop.folder / ".daytwo" / "state.db").read_bytes() for p in shop.passwords.values())


def test_f09_a_stopped_container_is_put_back_as_it_was(shop: Project) -> None:
    shop.with_config(stop=[shop.app], services=["db", "uploads"])
    since = shop.now()
    shop.daytwo("backup")
    assert shop.state(shop.app) == "running"
    assert [(n, w) for n, w in shop.events(since) if n == shop.app and w in ("stop", "start")] == [
        (shop.app, "stop"),
        (shop.app, "start"),
    ]
    shop.replace("database: shop", "database: not_there")
    shop.daytwo("backup", code=1)
    assert shop.state(shop.app) == "running", "also when the dump failed"
    shop.replace("database: not_there", "database: shop")
    shop.docker.run("stop", "--time", "1", shop.app)
    shop.daytwo("backup")
    assert shop.state(shop.app) == "exited", "what was off stays off"


def test_f09_f13_after_sigkill_the_next_run_starts_it_again_and_ends_what_ran_on(shop: Project) -> None:
    shop.with_config(stop=[shop.app], services=["db"])
    shop.sql("create table big as select i, repeat(md5(i::text), 20) as t from generate_series(1, 300000) i")
    shop.dirty = True
    shop.daytwo("backup", death="db.dump:3000000", code=-9)
    assert shop.state(shop.app) == "exited"
    again = shop.daytwo("backup")
    assert f"started {shop.app} again" in again.err
    assert shop.state(shop.app) == "running"
    shop.nothing_left(stored=1)


def test_ctrl_c_ends_everything_at_once(shop: Project) -> None:
    shop.with_config(services=["db"])
    shop.sql("create table big as select i, repeat(md5(i::text), 20) as t from generate_series(1, 600000) i")
    shop.dirty = True
    with shop.start("backup", "--quiet") as process:
        wait_until(lambda: any("pg_dump" in one for one in shop.clients()), what="pg_dump runs", seconds=60)
        process.send_signal(signal.SIGINT)
        shop.ended(process, 130)
    shop.nothing_left()


def test_a_container_that_is_missing_or_stopped_and_a_docker_that_is_away(shop: Project) -> None:
    shop.with_config(services=["db"])
    shop.replace(shop.postgres, "no-such-container")
    assert "no such container" in shop.daytwo("backup", code=1).err
    shop.replace("no-such-container", shop.postgres)
    shop.docker.run("pause", shop.postgres)
    shop.docker.run("unpause", shop.postgres)
    shop.docker.run("stop", "--time", "5", shop.postgres)
    stopped = shop.daytwo("backup", code=1)
    assert "not running" in stopped.err
    assert "next:" in stopped.err
    shop.docker.run("start", shop.postgres)
    away = shop.daytwo("backup", code=1, DOCKER_HOST="unix:///nowhere/docker.sock")
    assert "the Docker daemon does not answer" in away.err
    shop.up()
    shop.nothing_left()


def test_no_password_shows_in_any_command_line(shop: Project) -> None:
    seen: list[str] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    seen.append(entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        shop.daytwo("backup")
    finally:
        done.set()
        thread.join()
    text = "\n".join(seen)
    assert re.search(r"pg_dump|mariadb-dump", text), "it looked at the right moment"
    for name, password in shop.passwords.items():
        assert password not in text, name
