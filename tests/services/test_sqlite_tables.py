"""Kind `sqlite`: some tables back into the live database, one out of a snapshot, and a log that must not be lost."""

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from daytwo.core.errors import SourceError
from daytwo.core.run import Run
from daytwo.services.sqlite import place
from tests.contract.services import dump_to_file
from tests.services.test_sqlite import component, fill, sqlite

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run("0123456789abcdef", tmp_path / "work", timeout=120)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    fill(tmp_path / "data" / "app.db")
    return tmp_path / "data" / "app.db"


def test_no_number_is_given_out_twice(path: Path, run: Run, tmp_path: Path) -> None:
    source, _ = dump_to_file(component(path), run, tmp_path)
    with closing(sqlite3.connect(path)) as db:
        added = db.execute("""INSERT INTO users("na""me") VALUES('after the snapshot')""").lastrowid
        db.execute("INSERT INTO child VALUES(?)", [added])
        db.commit()
    component(path).stage(source, run, only=("users",)).swap()
    with closing(sqlite3.connect(path)) as db:
        new = db.execute("""INSERT INTO users("na""me") VALUES('somebody else')""").lastrowid
        assert added and new == added + 1, "or the child is somebody else's"
        assert "daytwo" not in str(db.execute("SELECT name FROM sqlite_master").fetchall())


def test_rows_keep_their_own_numbers(path: Path, run: Run, tmp_path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            "CREATE TABLE pair(tenant INTEGER, id TEXT, PRIMARY KEY(tenant, id));"
            "CREATE TABLE told(a DEFAULT 'without rowid'); CREATE TABLE odd(id INTEGER PRIMARY KEY DESC, rowid);"
            "INSERT INTO pair VALUES(1, 'a'), (1, 'b'), (1, 'c'); DELETE FROM pair WHERE id = 'a';"
            "INSERT INTO told VALUES(1), (2); DELETE FROM told WHERE a = 1;"
            "INSERT INTO odd VALUES(7, 70), (8, 80); DELETE FROM odd WHERE id = 7;"
        )
    source, _ = dump_to_file(component(path), run, tmp_path)
    component(path).stage(source, run, only=("pair", "told", "odd", "with space'")).swap()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT rowid, id FROM pair ORDER BY 1").fetchall() == [(2, "b"), (3, "c")]
        assert db.execute("SELECT rowid FROM told").fetchall() == [(2,)]
        assert db.execute("SELECT _rowid_, * FROM odd").fetchall() == [(2, 8, 80)]


def test_rows_that_refer_to_them_stay_whatever_the_program_is_built_for(
    path: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _ = dump_to_file(component(path), run, tmp_path)
    run_sql = place.DatabasePlace.run_sql

    def with_foreign_keys(self: place.DatabasePlace, live: str, sql: str, tool: place.Tool, run: Run) -> None:
        run_sql(self, live, f"PRAGMA foreign_keys=ON;\n{sql}", tool, run)

    monkeypatch.setattr(place.DatabasePlace, "run_sql", with_foreign_keys)
    component(path).stage(source, run, only=("users",)).swap()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM child").fetchone() == (1,)


def test_a_full_text_index_that_does_not_see_its_rows_change_is_told(path: Path, run: Run, tmp_path: Path) -> None:
    source, _ = dump_to_file(component(path), run, tmp_path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE notes SET body = 'elephant'")
        db.execute("INSERT INTO search(search) VALUES('rebuild')")
        db.commit()
    assert component(path).stage(source, run, only=("users",)).warnings == ()
    staged = component(path).stage(source, run, only=("notes", "users"))
    (warning,) = staged.warnings
    staged.swap()
    with closing(sqlite3.connect(path)) as db:
        found = "SELECT count(*) FROM search('elephant')"
        assert db.execute(found).fetchone() == (1,), "as it was, and so wrong"
        db.execute(warning.partition(" with ")[2])
        assert db.execute(found).fetchone() == (0,)


def test_extract_gives_every_value_back(path: Path, run: Run, tmp_path: Path) -> None:
    values = ["a\0b", "it's", "", None, b"\0'", b"", -(2**63), 0.1, 1.0, 1e300, float("inf"), -float("inf")]
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE values_(v)")
        db.executemany("INSERT INTO values_ VALUES(?)", [(value,) for value in values])
        db.execute("INSERT INTO values_ VALUES(CAST(x'ff4100' AS TEXT)), (CAST(x'fe' AS TEXT))")
        db.commit()
    source, _ = dump_to_file(component(path), run, tmp_path)
    sql = b"".join(component(path).extract(source, "values_.sql", run))
    query = "SELECT typeof(v), hex(v), v FROM values_ ORDER BY rowid"
    with closing(sqlite3.connect(path)) as live, closing(sqlite3.connect(tmp_path / "again.db")) as again:
        subprocess.run(["sqlite3", "-init", "/dev/null", tmp_path / "again.db"], input=sql, check=True, timeout=60)
        for db in (live, again):
            db.text_factory = bytes
        assert again.execute(query).fetchall() == live.execute(query).fetchall()
    csv_text = b"".join(component(path).extract(source, "values_", run))
    assert b"\xffA\0" in csv_text and csv_text.endswith(b"\xfe\r\n")


def test_f01_a_log_that_cannot_be_copied_is_no_log_that_is_not_there(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, programs = tmp_path / "data", tmp_path / "bin"
    data.mkdir()
    programs.mkdir()
    with closing(sqlite3.connect(data / "app.db")) as db:
        db.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t(a);")
    stand_in_docker = programs / "docker"
    stand_in_docker.write_text(
        '#!/bin/sh\ncase "$*" in\n*inspect*) echo false ;;\n'
        f'"cp -L c:/data/app.db -") exec tar -C {data} -cf - app.db ;;\n'
        '*-wal*) echo "$WAL" >&2; exit 1 ;;\ncp*) echo "Could not find the file in container c" >&2; exit 1 ;;\n'
        '*) echo "container is not running" >&2; exit 1 ;;\nesac\n'
    )
    stand_in_docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    (part,) = sqlite(tmp_path, "/data/app.db", container="c").components()
    monkeypatch.setenv("WAL", "Could not find the file /data/app.db-wal in container c")
    assert dump_to_file(part, run, tmp_path)[1].counts == {"t": 0}
    monkeypatch.setenv("WAL", "Error response from daemon: input/output error")
    with pytest.raises(SourceError, match=r"app\.db-wal cannot be copied"):
        dump_to_file(part, run, tmp_path)
