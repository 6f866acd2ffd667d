"""SIGKILL during a backup: at every step's boundary and in the middle of a step, on SQLite and PostgreSQL.

Afterwards the snapshot is there exactly once and whole, or there is no trace of it; and the interruption is told.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.postgres import PostgresServer
from tests.parts.ready import Python
from tests.real.protect.shop import PROGRAM, Shop, open_shop

STEPS = ("check", "before", "quiesce", "dump", "release", "publish", "record", "prune", "after", "end")
BEFORE_PUBLISH = STEPS[: STEPS.index("publish")]


@pytest.fixture
def shop(tmp_path: Path, postgres18: PostgresServer) -> Iterator[Shop]:
    with open_shop(tmp_path, postgres18) as made:
        yield made


def the_next_run_finds_all_well(shop: Shop, complete: bool) -> None:
    """Start again, and look."""
    again = shop.daytwo("backup")
    assert "was interrupted" in again.err, "the interruption is reported"
    assert ("its snapshot is complete in local" in again.err) == complete
    found = shop.snapshots()
    assert len(found) == (2 if complete else 1)
    assert len({one["id"] for one in found}) == len(found)
    stems = {name.split(".")[0] for name in shop.backups()}
    assert len(shop.backups()) == 2 * len(found), "an archive and a manifest each, and nothing else"
    assert len(stems) == len(found)
    assert shop.dumps_running() == []
    assert list((shop.folder / ".daytwo" / "work").iterdir()) == []
    shop.daytwo("verify", "all", "--key", str(shop.folder / "key.txt"))
    assert "interrupted" not in shop.daytwo("backup").err, "it is told once"


@pytest.mark.parametrize("moment", [f"{step}:{m}" for step in STEPS for m in ("begin", "end")])
def test_killed_at_a_step_boundary(shop: Shop, moment: str) -> None:
    shop.daytwo("backup", death=moment, code=-9)
    step = moment.split(":", maxsplit=1)[0]
    published = step not in BEFORE_PUBLISH and moment != "publish:begin"
    if moment == "end:end":
        # The record and its checkpoint are committed: the run has ended, there is nothing to report.
        assert "interrupted" not in shop.daytwo("backup").err
        assert len(shop.snapshots()) == 2
        return
    assert len(shop.snapshots()) == (1 if published else 0)
    the_next_run_finds_all_well(shop, complete=published)


@pytest.mark.parametrize("moment", ["db.dump:1", "uploads.tar:1"])
def test_killed_in_the_middle_of_a_dump(shop: Shop, moment: str) -> None:
    shop.daytwo("backup", death=moment, code=-9)
    assert shop.snapshots() == []
    the_next_run_finds_all_well(shop, complete=False)


def test_killed_on_a_postgresql_state(shop: Shop) -> None:
    state = f"{shop.database}_state"
    shop.server.sql(f"create database {state}")
    (shop.folder / "state-url").write_text(shop.server.url(state))
    shop.config.write_text(shop.config.read_text() + "state: {file: state-url}\n")
    for moment in ("dump:begin", "db.dump:1", "publish:end"):
        shop.daytwo("backup", death=moment, code=-9)
    again = shop.daytwo("backup")
    assert again.err.count("was interrupted") == 1, "each run reports the one before it"
    assert len(shop.snapshots()) == 2
    assert "protected" in shop.daytwo("status").out
    assert shop.server.password not in again.out + again.err


def test_a_second_live_process_waits_for_the_first_and_cleans_nothing_of_it(shop: Shop) -> None:
    gate = shop.folder / "gate"
    hook = f"before: [[sh, -c, 'touch {gate}.open; while [ ! -e {gate}.go ]; do sleep 0.05; done']]"
    shop.config.write_text(shop.config.read_text().replace("keep: {last: 7}", f"{hook}, keep: {{last: 7}}"))
    argv, pipe = [shop.config, "never", "backup"], subprocess.PIPE
    with Python(PROGRAM, argv, stdout=pipe, stderr=pipe) as first:
        end = time.monotonic() + 60
        while not gate.with_name("gate.open").exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        busy = shop.daytwo("backup", "--wait", "0s", code=75)
        assert "backup nightly is at work since" in busy.err
        gate.with_name("gate.go").touch()
        out, err = first.communicate(timeout=120)
    assert first.returncode == 0, err
    assert "stored and read back" in out
    assert len(shop.snapshots()) == 1


def test_f06_a_stale_lock_is_broken_and_reported(shop: Shop) -> None:
    shop.daytwo("backup", death="dump:begin", code=-9)
    again = shop.daytwo("backup")
    assert "a stale lock of backup nightly" in again.err


def test_a_kill_while_cleaning_is_cleaned_by_the_next(shop: Shop) -> None:
    shop.daytwo("backup", death="db.dump:1", code=-9)
    shop.daytwo("backup", death="check:begin", code=-9)
    again = shop.daytwo("backup")
    assert again.err.count("was interrupted") == 1
    assert len(shop.snapshots()) == 1
    runs = json.loads(shop.daytwo("status", "--json").out)["runs"]
    assert [run["outcome"] for run in runs] == ["succeeded", "interrupted", "interrupted"]
