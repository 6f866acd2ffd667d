"""Whose run is it, and is that process really dead? With real processes that are really killed."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from daytwo.core import owner as module
from daytwo.core.errors import DaytwoError, RefusedError
from daytwo.core.owner import Owner, dead_owners, forget, hold, is_alive, is_dead_for_sure
from tests.parts.need import missing

HOLDER = """
import sys
from pathlib import Path
from daytwo.core.owner import hold
held = hold(Path(sys.argv[1]))
print(held.owner, flush=True)
sys.stdin.readline()
held.release()
"""
FORKER = """
import os, sys
from pathlib import Path
from daytwo.core.owner import hold
held = hold(Path(sys.argv[1]))
sys.stdout.flush()
child = os.fork()
if child == 0:  # it speaks: what happens at its beginning has happened
    print(held.owner, os.getpid(), flush=True)
    sys.stdin.readline()
    os._exit(0)
os.waitpid(child, 0)
"""
EXECER = """
import subprocess, sys
from pathlib import Path
from daytwo.core.owner import hold
held = hold(Path(sys.argv[1]))
child = subprocess.Popen(["sleep", "60"], close_fds=False, stdout=subprocess.DEVNULL)
print(held.owner, child.pid, flush=True)
sys.stdin.readline()
"""


@contextlib.contextmanager
def running(program: str, folder: Path, *wrapper: str) -> Iterator[tuple[subprocess.Popen, list[str]]]:
    """A Python program that has printed its first line, and that line's words."""
    child = subprocess.Popen([*wrapper, sys.executable, "-c", program, str(folder)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # fmt: skip
    with child:
        try:
            assert child.stdout
            yield child, child.stdout.readline().split()
        finally:
            child.kill()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "owners"


@pytest.fixture
def ended(folder: Path) -> Owner:
    """A process that was there and was killed."""
    with running(HOLDER, folder) as (child, words):
        child.kill()
        child.wait()
    return Owner.parse(words[0])


def test_the_written_form_is_one_word_and_comes_back() -> None:
    me = Owner.current()
    text = str(me)
    assert Owner.parse(text) == me
    assert not set(text) & set(" /:\n'\"") and len(text) < 200
    assert me.pid == os.getpid() and me.started > 0 and me.boot_id
    with pytest.raises(ValueError, match="names no owner"):
        Owner.parse("local")
    without = replace(me, machine="")
    assert Owner.parse(str(without)) == without


def test_i_am_alive() -> None:
    assert is_alive(Owner.current()) is True


def test_f06_a_killed_process_is_dead(ended: Owner) -> None:
    assert is_alive(ended) is False


def test_f06_a_zombie_is_dead(folder: Path) -> None:
    """Killed and not yet waited for: it will never work again."""
    with running(HOLDER, folder) as (child, words):
        os.kill(child.pid, signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_alive(Owner.parse(words[0])) is False
        assert is_dead_for_sure(Owner.parse(words[0]), folder)


def test_f06_another_process_with_the_same_id_is_not_the_owner() -> None:
    """The process id was used again: same number, another start."""
    me = Owner.current()
    assert is_alive(replace(me, started=me.started - 1)) is False


def test_another_boot_of_this_machine_is_dead() -> None:
    me = Owner.current()
    if not me.machine:
        missing("this machine has no /etc/machine-id")
    assert is_alive(replace(me, boot_id="0" * 32)) is False


@pytest.mark.parametrize(
    "change",
    [
        {"boot_id": "0" * 32, "host": "elsewhere"},
        {"boot_id": "0" * 32, "machine": "ffffffff"},
        {"boot_id": "0" * 32, "machine": ""},
        {"boot_id": ""},
        {"pid_ns": 1},
        {"pid_ns": 0},
    ],
)
def test_what_cannot_be_seen_from_here_is_not_guessed(change: dict, tmp_path: Path) -> None:
    other = replace(Owner.current(), **change)
    assert is_alive(other) is None
    assert is_dead_for_sure(other, tmp_path) is False


def test_a_process_that_proc_hides_is_not_taken_for_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """With hidepid, another user's process has no folder in /proc, but a signal still finds it."""
    me = Owner.current()
    monkeypatch.setattr(module, "_state", lambda pid: None)
    assert is_alive(me) is None


def test_a_live_owner_holds_its_file(folder: Path) -> None:
    with running(HOLDER, folder) as (child, words):
        owner = Owner.parse(words[0])
        assert is_dead_for_sure(owner, folder) is False
        assert dead_owners(folder) == []
        assert forget(owner, folder) is False
        assert (folder / f"{owner}.lock").exists()
        child.communicate("\n")
    assert list(folder.iterdir()) == []


def test_f06_after_a_kill_the_file_proves_the_death_and_is_removed_last(ended: Owner, folder: Path) -> None:
    assert is_dead_for_sure(ended, folder)
    assert dead_owners(folder) == [ended]
    assert forget(ended, folder) is True
    assert list(folder.iterdir()) == []
    assert forget(ended, folder) is False


def test_f06_the_file_proves_what_cannot_be_seen(folder: Path) -> None:
    """As from another container: the process-id namespace is another one, only the folder is shared."""
    with running(HOLDER, folder) as (child, words):
        inside = Owner.parse(words[0])
        seen = replace(inside, pid_ns=1)
        (folder / f"{inside}.lock").rename(folder / f"{seen}.lock")
        assert is_alive(seen) is None
        assert is_dead_for_sure(seen, folder) is False
        child.kill()
        child.wait()
    assert is_alive(seen) is None
    assert is_dead_for_sure(seen, folder) is True


def test_f06_a_real_other_namespace(folder: Path) -> None:
    """A holder in a process-id namespace of its own, as in a container."""
    unshare = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")
    try:
        subprocess.run([*unshare, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        missing("unshare cannot make a process-id namespace here")
    with running(HOLDER, folder, *unshare) as (child, words):
        inside = Owner.parse(words[0])
        assert inside.pid_ns != Owner.current().pid_ns and inside.pid < 10
        assert is_alive(inside) is None
        assert is_dead_for_sure(inside, folder) is False
        child.kill()
        child.wait()
        assert child.stdout
        child.stdout.read()  # ends when the last process inside has
    assert is_dead_for_sure(inside, folder) is True


def test_a_forked_child_does_not_keep_its_parent_alive(folder: Path) -> None:
    with running(FORKER, folder) as (parent, words):
        owner, child = Owner.parse(words[0]), int(words[1])
        assert is_dead_for_sure(owner, folder) is False
        parent.kill()
        parent.wait()
        assert Path(f"/proc/{child}").exists()
        assert is_dead_for_sure(owner, folder) is True
        os.kill(child, signal.SIGKILL)


def test_a_program_it_started_does_not_keep_it_alive(folder: Path) -> None:
    with running(EXECER, folder) as (parent, words):
        owner, child = Owner.parse(words[0]), int(words[1])
        parent.kill()
        parent.wait()
        try:
            assert Path(f"/proc/{child}").exists()
            assert is_dead_for_sure(owner, folder) is True
        finally:
            os.kill(child, signal.SIGKILL)


def test_an_exception_leaves_the_proof_and_a_good_end_none(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        with hold(folder) as held:
            raise ZeroDivisionError
    assert dead_owners(folder) == [held.owner]
    assert forget(held.owner, folder)
    with hold(folder) as held:
        held.release()
    assert list(folder.iterdir()) == []


def test_twice_by_the_same_process_is_refused(folder: Path) -> None:
    with hold(folder):
        with pytest.raises(RefusedError, match="holds its lock file already"):
            hold(folder)
    with hold(folder):
        pass


def test_many_lookers_at_once_do_not_take_each_other_for_the_owner(ended: Owner, folder: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: is_dead_for_sure(ended, folder), range(400)))


def test_files_of_others_are_left_alone(folder: Path, ended: Owner) -> None:
    (folder / "notes.lock").write_text("mine")
    assert dead_owners(folder) == [ended]
    assert (folder / "notes.lock").read_text() == "mine"


def test_an_unwritable_folder_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DaytwoError, match="cannot keep a lock file"):
        hold(tmp_path / "file")
