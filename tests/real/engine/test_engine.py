"""What the engine promises, with processes that are killed with SIGKILL, on SQLite and on PostgreSQL."""

import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.parts.postgres import PostgresServer
from tests.parts.ready import python

WORKLOAD = "from tests.real.engine.workload import main; main()"
MOMENTS = [f"{step}:{moment}" for step in ("one", "two", "record") for moment in ("begin", "inside", "end")]


class State:
    """A fresh state, and what is in it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.log = folder / "log"
        self.folder = folder

    def process(
        self, name: str, mode: str, death: str = "never", run: str = "run-1"
    ) -> subprocess.CompletedProcess[str]:
        return python(WORKLOAD, [self.url, name, run, death, self.log, mode], timeout=60)

    def did(self) -> list[str]:
        return self.log.read_text().split() if self.log.exists() else []

    def records(self) -> int:
        query = "select count(*) from locks"
        if self.url.startswith("sqlite"):
            return int(sqlite3.connect(self.url.removeprefix("sqlite:///")).execute(query).fetchone()[0])
        with psycopg.connect(self.url) as connection:
            row = connection.execute(query).fetchone()
            return int(row[0]) if row else -1


@pytest.fixture(params=["sqlite", "postgres"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    if request.param == "sqlite":
        yield State(f"sqlite:///{tmp_path}/state.db", tmp_path)
        return
    server: PostgresServer = request.getfixturevalue("postgres18")
    name = f"state_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name}")
        yield State(server.url(name), tmp_path)
        connection.execute(f"drop database {name} with (force)")


def test_a_run_that_is_not_disturbed(state: State) -> None:
    done = state.process("alive-1", "run")
    assert done.stdout == '{"one": "one", "two": ["two"], "count": 1}', done.stderr
    assert state.did() == ["one", "two", "record"]
    assert state.records() == 1


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment_it_goes_on_where_it_was(state: State, moment: str) -> None:
    killed = state.process("dead-1", "run", moment)
    assert killed.returncode == -9
    went_on = state.process("alive-2", "recover")
    assert went_on.stdout == '[["run-1", "goes on", "dead-1"]]{"one": "one", "two": ["two"], "count": 1}', (
        went_on.stderr
    )
    did = state.did()
    killed_inside = [moment.split(":", maxsplit=1)[0]] if moment.split(":")[1] in ("inside", "end") else []
    for step in ("one", "two"):
        # An outside effect is at least once: twice only when death came between the act and its checkpoint.
        assert did.count(step) == (2 if step in killed_inside else 1)
    assert state.records() == 1, "a record and its checkpoint commit together"
    assert state.process("alive-3", "recover").stdout == "[]"


def test_what_is_ended_is_never_taken_up_again(state: State) -> None:
    assert state.process("dead-1", "run", "two:inside").returncode == -9
    assert "run-1" in state.process("alive-2", "end").stdout
    assert state.process("alive-3", "recover").stdout == "[]"
    assert state.did() == ["one", "two"]
    assert state.records() == 0


def test_a_second_live_process_does_not_take_up_what_the_first_is_doing(state: State) -> None:
    """With DBOS's default executor id, it did: the same dump ran twice."""
    argv = [sys.executable, "-c", _SLOW, state.url, str(state.log)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "in the step\n"
        second = state.process("alive-2", "run", run="run-2")
        assert second.returncode == 0, second.stderr
        assert state.process("alive-3", "look").stdout == "[]"
        out, _ = first.communicate("go\n")
        assert first.returncode == 0
        assert '"one": "one"' in out
    assert state.did().count("slow") == 1


_SLOW = """
import sys
from pathlib import Path
from tests.real.engine import workload
from daytwo.engine import Engine
from daytwo.store.database import open_database
from daytwo.store.url import StateUrl

class Slow(workload.Context):
    def did(self, step):
        if step == "two":
            super().did("slow")
            print("in the step", flush=True)
            sys.stdin.readline()
        return super().did(step)

database = open_database(StateUrl.parse(sys.argv[1], Path.cwd()))
with Engine(database, "alive-1", Slow(Path(sys.argv[2]), "never")) as engine:
    print(engine.run(workload.goes_on, "run-1", "{}"))
"""


def test_errors_keep_their_kind_and_their_words(state: State) -> None:
    assert state.process("alive-1", "refuse").stdout == "refused: here: the guard said no. Do that"


def test_sqlite_is_in_write_ahead_mode(tmp_path: Path) -> None:
    state = State(f"sqlite:///{tmp_path}/state.db", tmp_path)
    assert state.process("alive-1", "run").returncode == 0
    with sqlite3.connect(tmp_path / "state.db") as connection:
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)


def test_checkpoints_are_forgotten_when_they_are_old_and_not_before(state: State) -> None:
    done = state.process("alive-1", "forget")
    assert done.stdout == "[0, 1, 0]", done.stderr
    assert state.process("dead-1", "run", "two:inside", run="run-2").returncode != 0
    done = state.process("alive-1", "forget", run="run-3")
    assert done.stdout == "[0, 1, 0]", "what was interrupted is kept for whoever takes it up"
    assert "run-2" in state.process("alive-1", "recover").stdout
