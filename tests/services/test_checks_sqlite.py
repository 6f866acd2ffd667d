"""Kind `sqlite` while it is watched, on this machine, with Python's SQLite and with the program `sqlite3`."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import ValidationError

from daytwo.core.check import Check, Verdict
from daytwo.core.service import AnyService, Place
from daytwo.services.sqlite import Sqlite, SqliteSettings, asking, checks
from daytwo.services.sqlite import place as place_module
from daytwo.services.sqlite.place import DatabasePlace, Tool
from tests.contract.checks import CheckCase, CheckContract, ask
from tests.services.watched import NO_NUMBER, QUERIES, named, observe

pytestmark = pytest.mark.slow

ODD = "100% what's #1?.db"


def sqlite(folder: Path, name: str, **settings: object) -> Sqlite:
    made = SqliteSettings.model_validate({"kind": "sqlite", "path": str(folder / name), **settings})
    return Sqlite("db", made, Place(folder, "shop", "test"))


def make(path: Path, journal: str) -> Path:
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"pragma journal_mode={journal}")
        database.execute("create table people (name text)")
        database.executemany("insert into people values (?)", [("x" * 500,)] * 2000)
        database.commit()
        database.execute("delete from people where rowid > 1000")
        database.commit()
    return path


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.fixture(params=["python3", "sqlite3"], autouse=True)
def tool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the two, as if it were what the place has."""
    if request.param == "sqlite3":
        if not shutil.which("sqlite3"):
            pytest.skip("sqlite3 is not installed")
        monkeypatch.setattr(place_module, "_HERE", Tool("sqlite3", "3"))
    return str(request.param)


class SqliteCase(CheckCase):
    def __init__(self, base: Path) -> None:
        self.base = base
        make(base / ODD, "wal")
        make(base / "rollback.db", "delete")
        (base / "text.db").write_text("this is no database " * 1000)
        (base / "empty.db").touch()
        whole = make(base / "cut.db", "delete").read_bytes()
        (base / "cut.db").write_bytes(whole[: len(whole) // 2])

    def good(self) -> list[AnyService]:
        return [sqlite(self.base, name, queries=QUERIES) for name in (ODD, "rollback.db")]

    def broken(self) -> list[AnyService]:
        return [sqlite(self.base, name) for name in ("text.db", "empty.db", "cut.db", ".")]

    def absent(self) -> list[AnyService]:
        return [sqlite(self.base, "missing.db"), sqlite(self.base, "no/folder.db"),
                sqlite(Path("/"), "x.db", container="daytwo-no-such-container")]  # fmt: skip

    def fails(self, check: Check) -> bool:
        return check.name == "db"

    def slow(self) -> list[AnyService]:
        return []


class TestSqlite(CheckContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> SqliteCase:
        return SqliteCase(tmp_path)


@pytest.mark.parametrize("name", [ODD, "rollback.db", "missing.db", "empty.db", "text.db", "cut.db"])
def test_looking_changes_and_makes_nothing(tmp_path: Path, name: str) -> None:
    case = SqliteCase(tmp_path)
    before = listing(tmp_path)
    for check in sqlite(case.base, name, queries=QUERIES).checks():
        ask(check, tmp_path)
    assert listing(tmp_path) == before


def test_the_log_of_a_database_in_use_counts(tmp_path: Path) -> None:
    with closing(sqlite3.connect(make(tmp_path / "app.db", "wal"))) as user:
        user.execute("insert into people values (?)", ["y" * 100_000])
        user.commit()
        found = observe(sqlite(tmp_path, "app.db", queries=QUERIES), tmp_path)
        assert found.numbers["wal"] > 100_000 and found.facts["journal"] == "wal"
        assert found.numbers["free"] == pytest.approx(0.4, abs=0.1)
        counted = observe(sqlite(tmp_path, "app.db", queries=QUERIES), tmp_path, "db.pending")
        assert counted.numbers["value"] == 1001, "what is only in the log is read, too"


def test_a_lock_that_stays_is_told_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PATIENCE", 1)
    with closing(sqlite3.connect(make(tmp_path / "app.db", "delete"), isolation_level=None)) as user:
        user.execute("begin exclusive")
        service = sqlite(tmp_path, "app.db", queries=QUERIES)
        found = {check.name: ask(check, tmp_path) for check in service.checks()}
    assert found["db"].verdict is Verdict.FAILED
    assert found["db.integrity"].verdict is found["db.pending"].verdict is Verdict.INCONCLUSIVE
    assert all("locked" in found[name].why for name in ("db", "db.integrity", "db.pending"))


def test_damage_is_told_in_its_first_sentence(tmp_path: Path) -> None:
    path = make(tmp_path / "app.db", "delete")
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 6] = os.urandom(4096 * 3)
    path.write_bytes(data)
    found = observe(sqlite(tmp_path, "app.db"), tmp_path, "db.integrity")
    assert found.verdict is Verdict.FAILED and "database in main" not in found.why
    assert found.why.startswith("it is damaged: ") and len(found.why) > 25


def test_writers_are_not_kept_waiting_by_a_long_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_BLOCKED", 0.0)
    make(tmp_path / "wal.db", "wal")
    make(tmp_path / "rollback.db", "delete")
    found = observe(sqlite(tmp_path, "rollback.db"), tmp_path, "db.integrity")
    assert found.verdict is Verdict.INCONCLUSIVE and "write-ahead log" in found.why
    assert observe(sqlite(tmp_path, "wal.db"), tmp_path, "db.integrity").verdict is Verdict.OK, "readers block nobody"


@pytest.mark.parametrize("name", NO_NUMBER)
def test_what_is_no_number_is_a_failure_and_changes_nothing(tmp_path: Path, name: str) -> None:
    make(tmp_path / "app.db", "delete")
    sql, said = NO_NUMBER[name]
    found = observe(sqlite(tmp_path, "app.db", queries={"one": {"sql": sql}}), tmp_path, "db.one")
    assert found.verdict is Verdict.FAILED and "Ann" not in found.why
    assert said in found.why, found.why
    assert observe(sqlite(tmp_path, "app.db", queries=QUERIES), tmp_path, "db.pending").numbers["value"] == 1000


def test_a_query_cannot_run_commands_of_the_program(tmp_path: Path) -> None:
    make(tmp_path / "app.db", "delete")
    sql = f"select 1\n.shell touch {tmp_path}/made\n.once {tmp_path}/made\n"
    found = observe(sqlite(tmp_path, "app.db", queries={"one": {"sql": sql}}), tmp_path, "db.one")
    assert found.verdict is Verdict.FAILED
    assert not (tmp_path / "made").exists()


def test_a_query_may_not_be_called_as_a_check_that_is_there_anyway() -> None:
    with pytest.raises(ValidationError, match="integrity is the name of a check"):
        sqlite(Path("/"), "x.db", queries={"integrity": {"sql": "select 1"}})


def test_without_a_program_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "app.db", "wal")
    monkeypatch.setattr(DatabasePlace, "tool", lambda self, run: None)
    found = observe(sqlite(tmp_path, "app.db"), tmp_path)
    assert found.verdict is Verdict.INCONCLUSIVE and "Install sqlite3" in found.why


@pytest.fixture
def a_query(tmp_path: Path) -> Iterator[Check]:
    make(tmp_path / "app.db", "delete")
    sql = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
    yield named(sqlite(tmp_path, "app.db", queries={"long": {"sql": sql, "timeout": "1s"}}), "db.long")


def test_a_query_without_end_is_ended(tmp_path: Path, a_query: Check) -> None:
    found = ask(a_query, tmp_path)
    assert found.verdict is Verdict.FAILED and "within its time" in found.why
