"""Kind `sqlite` on this machine."""

import csv
import io
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from daytwo.core.errors import CancelledError, CommandError, IntegrityError, SourceError, UsageError
from daytwo.core.run import Run
from daytwo.core.service import Component, Place, Service
from daytwo.core.target import LOCAL
from daytwo.services.sqlite import Sqlite, SqliteSettings, database, place
from daytwo.services.sqlite.swap import Names
from tests.contract.services import ServiceCase, ServiceContract, dump_to_file, source_of
from tests.services import folders

pytestmark = pytest.mark.slow

SCHEMA = """
CREATE TABLE users(id INTEGER PRIMARY KEY AUTOINCREMENT, "na""me" TEXT NOT NULL, photo BLOB, big INTEGER, x REAL);
CREATE TABLE "with space'"(a, b, PRIMARY KEY(a)) WITHOUT ROWID;
CREATE TABLE notes(body TEXT, upper TEXT GENERATED ALWAYS AS (upper(body)) STORED);
CREATE TABLE empty(a);
CREATE TABLE child(user REFERENCES users(id) ON DELETE CASCADE);
CREATE TABLE log(what);
CREATE INDEX by_name ON users("na""me");
CREATE VIEW names AS SELECT "na""me" FROM users;
CREATE TRIGGER logged AFTER UPDATE ON users BEGIN INSERT INTO log VALUES('x;y'); END;
CREATE VIRTUAL TABLE search USING fts5(body, content=notes);
PRAGMA user_version=42;
PRAGMA application_id=77;
"""


def fill(path: Path, *, wal: bool = True) -> None:
    """A database with everything in it."""
    with closing(sqlite3.connect(path)) as db:
        if wal:
            db.execute("PRAGMA journal_mode=WAL")
        db.executescript(SCHEMA)
        values = [(f"n{i}'\n\"ü", os.urandom(20), -(2**63) + i, i / 3) for i in range(1000)]
        db.executemany('INSERT INTO users("na""me", photo, big, x) VALUES(?, ?, ?, ?)', values)
        db.execute("DELETE FROM users WHERE id > 990")
        db.executemany("""INSERT INTO "with space'" VALUES(?, ?)""", [(i, None) for i in range(50)])
        db.executemany("INSERT INTO notes(body) VALUES(?)", [("a b",), ("c\x00d",)])
        db.execute("DELETE FROM notes WHERE rowid = 1")
        db.execute("INSERT INTO child VALUES(5)")
        db.execute("INSERT INTO search(search) VALUES('rebuild')")
        db.commit()


def content(path: Path) -> object:
    """All data of a database, from a copy, so that looking changes nothing."""
    if not path.exists():
        return None
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name")]
        data = {}
        for table in tables:
            quoted = '"' + table.replace('"', '""') + '"'
            rowid = "" if table.startswith("with") or table in ("search_idx", "search_config") else "rowid, "
            data[table] = db.execute(f"SELECT {rowid}* FROM {quoted}").fetchall()
        schema = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name").fetchall()
        marks = [db.execute(f"PRAGMA {name}").fetchone() for name in ("user_version", "application_id", "journal_mode")]
    return data, schema, marks


def sqlite(folder: Path, path: str, **settings: object) -> Sqlite:
    """The service, as configured by a file in `folder`."""
    return Sqlite(
        "db", SqliteSettings.model_validate({"kind": "sqlite", "path": path, **settings}), Place(folder, "a", "t")
    )


class SqliteCase(ServiceCase):
    """A database in WAL mode."""

    wal = True

    def __init__(self, base: Path) -> None:
        self.base = base
        self.path = base / "data dir" / "app's ?#%.db"
        self.other = base / "other" / "place" / "copy.db"

    def service(self) -> Service:
        return sqlite(self.base, str(self.path))

    def elsewhere(self) -> Service:
        return sqlite(self.base, "other/place/copy.db")

    def broken(self) -> list[Service]:
        self.base.mkdir(exist_ok=True)
        (self.base / "text").write_text("this is no database, but long enough to be one" * 100)
        (self.base / "empty").touch()
        return [
            sqlite(self.base, "missing.db"),
            sqlite(self.base, "text"),
            sqlite(self.base, "empty"),
            sqlite(self.base, "."),
            sqlite(self.base, "/x", container="daytwo-no-such-container"),
            sqlite(self.base, "/x", ssh="daytwo.invalid"),
        ]

    def fill(self) -> None:
        self.path.parent.mkdir(parents=True)
        fill(self.path, wal=self.wal)

    def change(self) -> None:
        with closing(sqlite3.connect(self.path)) as db:
            db.execute("UPDATE users SET photo = NULL")
            db.execute("DELETE FROM notes")
            db.execute("CREATE TABLE new(a)")
            db.commit()

    def destroy(self) -> None:
        self.path.unlink()

    def content(self, service: Service) -> object:
        assert isinstance(service, Sqlite)
        return content(service.place.path(service.settings.path))

    def leftovers(self) -> object:
        return folders.leftovers(self.path, self.other)


class TestSqlite(ServiceContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> SqliteCase:
        return SqliteCase(tmp_path / "base")


class RollbackCase(SqliteCase):
    """A database with a rollback journal."""

    wal = False


class TestRollbackJournal(ServiceContract):
    @pytest.fixture
    def case(self, tmp_path: Path) -> SqliteCase:
        return RollbackCase(tmp_path / "base")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    work = tmp_path / "run-work"
    work.mkdir()
    return Run("0123456789abcdef", work, timeout=120)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    fill(tmp_path / "data" / "app.db")
    return tmp_path / "data" / "app.db"


def component(path: Path) -> Component:
    return sqlite(path.parent, path.name).components()[0]


def test_a_missing_file_is_an_error_and_is_not_created(tmp_path: Path, run: Run) -> None:
    with pytest.raises(SourceError, match="not there"):
        dump_to_file(component(tmp_path / "app.db"), run, tmp_path)
    assert not (tmp_path / "app.db").exists()


def test_nothing_of_the_copy_stays(path: Path, run: Run, tmp_path: Path) -> None:
    before = sorted(path.parent.iterdir())
    dump_to_file(component(path), run, tmp_path)
    assert list(run.work.iterdir()) == []
    assert sorted(path.parent.iterdir()) == before


WRITER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
db.execute("PRAGMA journal_mode=" + sys.argv[2])
print("ready", flush=True)
n = 0
while True:
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO a VALUES(?, randomblob(2000))", [n])
    db.execute("INSERT INTO b VALUES(?)", [n])
    db.execute("COMMIT")
    n += 1
"""


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_database_that_is_being_written_is_copied_as_of_one_moment(tmp_path: Path, run: Run, mode: str) -> None:
    path = tmp_path / "data" / "app.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"PRAGMA journal_mode={mode}; CREATE TABLE a(n, blob); CREATE TABLE b(n);")
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, mode], stdout=subprocess.PIPE, text=True) for _ in "12"
    ]
    try:
        for writer in writers:
            assert writer.stdout and writer.stdout.readline() == "ready\n"
        counts = []
        for number in range(5):
            folder = tmp_path / f"d{number}"
            folder.mkdir()
            source, facts = dump_to_file(component(path), run, folder)
            assert facts.counts["a"] == facts.counts["b"], "both rows of a transaction, or none"
            assert component(path).verify(source, run).counts == facts.counts
            counts.append(facts.counts["a"])
        assert counts == sorted(counts)
        assert counts[-1] > counts[0], "the writers went on meanwhile"
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()


def test_what_is_only_in_the_log_is_in_the_dump(path: Path, run: Run, tmp_path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_autocheckpoint=0")
        db.execute("INSERT INTO empty VALUES('in the log')")
        db.commit()
        assert b"in the log" not in path.read_bytes()
        source, _ = dump_to_file(component(path), run, tmp_path)
    assert b"in the log" in b"".join(source.chunks())


def test_what_a_killed_program_left_in_the_log_is_in_the_dump(path: Path, run: Run, tmp_path: Path) -> None:
    program = (
        "import sqlite3, os, sys; db = sqlite3.connect(sys.argv[1]); db.execute('PRAGMA wal_autocheckpoint=0');"
        "db.execute(\"INSERT INTO empty VALUES('killed')\"); db.commit(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, path], check=False)
    _, facts = dump_to_file(component(path), run, tmp_path)
    assert facts.counts["empty"] == 1


def test_f01_a_damaged_database_is_not_dumped(path: Path, run: Run, tmp_path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=DELETE")
    data = bytearray(path.read_bytes())
    data[3 * 4096 : 3 * 4096 + 2000] = os.urandom(2000)
    path.write_bytes(data)
    with pytest.raises(SourceError, match="recover"):
        dump_to_file(component(path), run, tmp_path)


def test_verify_finds_damage_that_the_size_does_not_show(path: Path, run: Run, tmp_path: Path) -> None:
    source, _ = dump_to_file(component(path), run, tmp_path)
    file = tmp_path / "db.sqlite"
    data = bytearray(file.read_bytes())
    data[5 * 4096 : 5 * 4096 + 4096] = bytes(4096)
    file.write_bytes(data)
    damaged = source_of(file, source.record.model_copy(update={"plain": None}), tmp_path / "w")
    for act in (component(path).verify, component(path).stage):
        with pytest.raises(IntegrityError):
            act(damaged, run)
    assert folders.leftovers(path.parent) == []


def test_an_index_that_disagrees_with_its_table_is_found(path: Path, run: Run, tmp_path: Path) -> None:
    """Every row can be read and counted; only SQLite's own check sees it."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=DELETE")
        db.executescript(
            "CREATE TABLE t(a TEXT); CREATE INDEX t_a ON t(a); INSERT INTO t VALUES('needle-in-a-haystack')"
        )
    source, _ = dump_to_file(component(path), run, tmp_path)
    for file in (path, tmp_path / "db.sqlite"):
        data = file.read_bytes()
        assert data.count(b"needle-in-a-haystack") == 2
        file.write_bytes(data.replace(b"needle-in-a-haystack", b"noodle-in-a-haystack", 1))
    damaged = source_of(tmp_path / "db.sqlite", source.record.model_copy(update={"plain": None}), tmp_path / "w")
    with pytest.raises(IntegrityError, match="t_a"):
        component(path).verify(damaged, run)
    (tmp_path / "again").mkdir()
    with pytest.raises(SourceError, match="t_a"):
        dump_to_file(component(path), run, tmp_path / "again")


def test_verify_tells_of_broken_references(path: Path, run: Run, tmp_path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO child VALUES(123456)")
        db.commit()
    source, _ = dump_to_file(component(path), run, tmp_path)
    component(path).verify(source, run)
    assert any("1 rows refer" in warning for warning in run.warnings)


def test_owner_and_mode_stay(path: Path, run: Run, tmp_path: Path) -> None:
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 1234, 2345)
    before = path.stat()
    source, _ = dump_to_file(component(path), run, tmp_path)
    swapped = component(path).stage(source, run).swap()
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert Path(swapped.kept).stat().st_uid == before.st_uid
    assert Path(swapped.kept).stat().st_ino == before.st_ino


def test_the_old_log_does_not_meet_the_new_database(path: Path, run: Run, tmp_path: Path) -> None:
    source, _ = dump_to_file(component(path), run, tmp_path)
    before = content(path)
    with closing(sqlite3.connect(path)) as app:  # it stays open, with a log
        app.execute("PRAGMA wal_autocheckpoint=0")
        app.execute("DELETE FROM users")
        app.commit()
        app.execute("BEGIN")
        app.execute("SELECT count(*) FROM users").fetchone()  # a reader keeps the log from being emptied
        staged = component(path).stage(source, run)
        assert any(f"{os.getpid()} (" in warning for warning in staged.warnings), staged.warnings
        swapped = staged.swap()
        assert not Path(f"{path}-wal").exists() or Path(f"{path}-wal").stat().st_size == 0
    assert content(path) == before
    with closing(sqlite3.connect(swapped.kept)) as db:
        assert db.execute("SELECT count(*) FROM users").fetchone() == (0,), "the kept data has what was in the log"
    subprocess.run(swapped.drop, shell=True, check=True)
    assert folders.leftovers(path.parent) == []


def test_the_file_is_never_missing_during_the_swap(path: Path, run: Run, tmp_path: Path) -> None:
    source, _ = dump_to_file(component(path), run, tmp_path)
    staged = component(path).stage(source, run)
    missing = threading.Event()
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            if not path.exists():
                missing.set()

    thread = threading.Thread(target=watch)
    thread.start()
    staged.swap()
    stop.set()
    thread.join()
    assert not missing.is_set()


class TestTables:
    """Some tables only."""

    def test_they_are_replaced_and_the_others_stay(self, path: Path, run: Run, tmp_path: Path) -> None:
        source, _ = dump_to_file(component(path), run, tmp_path)
        before = content(path)
        with closing(sqlite3.connect(path)) as db:
            db.executescript(
                "DELETE FROM users; DELETE FROM log; UPDATE sqlite_sequence SET seq = 5; DROP TABLE notes;"
            )
            db.execute("""DELETE FROM "with space'" """)
            db.execute("INSERT INTO empty VALUES('live')")
            db.commit()
        only = ("users", "notes", "with space'")
        staged = component(path).stage(source, run, only=only)
        assert dict(staged.counts) == {"users": 990, "notes": 1, "with space'": 50}
        swapped = staged.swap()
        after = content(path)
        for table in (*only, "sqlite_sequence", "log"):
            assert after[0][table] == before[0][table], table  # type: ignore[index]
        assert after[0]["empty"] == [(1, "live")]  # type: ignore[index]
        assert after[1] == before[1]  # type: ignore[index]
        with closing(sqlite3.connect(swapped.kept)) as db:
            assert db.execute("SELECT count(*) FROM users").fetchone() == (0,)
        assert [p.name for p in path.parent.glob("*daytwo-new*")] == []

    def test_what_fails_in_the_middle_changes_nothing(self, path: Path, run: Run, tmp_path: Path) -> None:
        source, _ = dump_to_file(component(path), run, tmp_path)
        with closing(sqlite3.connect(path)) as db:
            db.executescript("DROP TABLE log; DROP INDEX by_name; CREATE TABLE by_name(a);")
        live = content(path)
        with pytest.raises(CommandError, match="not replaced"):
            component(path).stage(source, run, only=("log", "users")).swap()
        assert content(path) == live

    def test_unknown_and_virtual_tables_are_refused(self, path: Path, run: Run, tmp_path: Path) -> None:
        source, _ = dump_to_file(component(path), run, tmp_path)
        for only in (("nope",), ("search",)):
            with pytest.raises(UsageError):
                component(path).stage(source, run, only=only)
        path.unlink()
        with pytest.raises(SourceError):
            component(path).stage(source, run, only=("users",))
        assert folders.leftovers(path.parent) == []

    def test_extract(self, path: Path, run: Run, tmp_path: Path) -> None:
        source, _ = dump_to_file(component(path), run, tmp_path)
        text = b"".join(component(path).extract(source, "users", run)).decode()
        rows = list(csv.reader(io.StringIO(text, newline="")))
        assert rows[0] == ["id", 'na"me', "photo", "big", "x"]
        assert rows[1][1] == "n0'\n\"ü"
        assert len(rows) == 991
        sql = b"".join(component(path).extract(source, "users.sql", run)).decode()
        with closing(sqlite3.connect(":memory:")) as db, closing(sqlite3.connect(path)) as live:
            db.executescript(sql)
            query = "SELECT * FROM users ORDER BY id"
            assert db.execute(query).fetchall() == live.execute(query).fetchall()
        with pytest.raises(UsageError):
            list(component(path).extract(source, "nope", run))


def test_an_extension_that_is_not_here_is_told_of(path: Path, run: Run, tmp_path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.create_collation("BYSIZE", lambda a, b: (a > b) - (a < b))
        db.executescript(
            "CREATE TABLE odd(a TEXT COLLATE BYSIZE); CREATE INDEX odd_a ON odd(a); INSERT INTO odd VALUES('x')"
        )
    _, facts = dump_to_file(component(path), run, tmp_path)
    assert facts.counts["odd"] == 1
    assert "BYSIZE" in facts.warnings[0]


def test_sweep_removes_what_a_dead_run_staged(path: Path, run: Run, tmp_path: Path) -> None:
    source, _ = dump_to_file(component(path), run, tmp_path)
    dead = Run("89abcdef01234567", run.work, timeout=60)
    component(path).stage(source, dead)
    assert len(folders.leftovers(path.parent)) == 1
    assert len(component(path).sweep(dead.id, run)) == 1
    assert folders.leftovers(path.parent) == []
    assert component(path).sweep(dead.id, run) == ()


def test_two_services_with_one_file_do_not_collide(path: Path, run: Run, tmp_path: Path) -> None:
    source, _ = dump_to_file(component(path), run, tmp_path)
    kept = set()
    for name in ("one", "two"):
        settings = SqliteSettings(kind="sqlite", path=str(path))
        (part,) = Sqlite(name, settings, Place(path.parent, "a", "t")).components()
        kept.add(part.stage(source, run).swap().kept)
    assert len(kept) == 2


LOCKER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode=DELETE")
db.execute("BEGIN EXCLUSIVE")
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds an exclusive lock."""
    argv = [sys.executable, "-c", LOCKER, str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as locker:
        assert locker.stdout and locker.stdout.readline() == "ready\n"
        yield


def ends_soon(run: Run, act: Callable[[Run], object]) -> None:
    """Cancelled, or at the end of its time, it ends within two seconds; not before."""
    timer = threading.Timer(1, run.cancel, ["by the test"])
    timer.start()
    given = run
    for _ in range(2):
        begun = time.monotonic()
        with pytest.raises(CancelledError):
            act(given)
        assert 0.8 < time.monotonic() - begun < 3
        given = Run("f" * 16, run.work, timeout=1)
    timer.join()


def test_f04_a_lock_by_somebody_else_does_not_outlive_the_run(path: Path, run: Run, tmp_path: Path) -> None:
    source, _ = dump_to_file(component(path), run, tmp_path)
    (tmp_path / "again").mkdir()
    tables = Run("a" * 16, run.work, timeout=60)
    with locked(path):
        ends_soon(run, lambda given: dump_to_file(component(path), given, tmp_path / "again"))
        ends_soon(tables, lambda given: component(path).stage(source, given, only=("users",)).swap())
    assert list(run.work.iterdir()) == []
    assert content(path)


def test_f04_a_lock_that_stays_is_told_of(
    path: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "_PATIENCE", 1)
    with locked(path), pytest.raises(SourceError, match="stayed locked for 1 s"):
        dump_to_file(component(path), run, tmp_path)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that takes SQLite some seconds to check."""
    path = tmp_path_factory.mktemp("large") / "app.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t(a, b)")
        db.execute(
            "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) INSERT INTO t SELECT i, i % 7 FROM n"
        )
        for number in range(4):
            db.execute(f"CREATE INDEX t{number} ON t(b, a)")
        db.commit()
    return path


@pytest.mark.slow
def test_f04_a_large_check_ends_with_its_run(large: Path, run: Run) -> None:
    ends_soon(run, lambda given: database.inspect(large, given))


@pytest.mark.slow
def test_f04_a_large_copy_ends_with_its_run(
    large: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for a slow disk: every page is copied a hundred times."""
    slow = place._PYTHON_COPY.replace("    source.backup", "    for _ in range(100): source.backup")
    monkeypatch.setattr(place, "_PYTHON_COPY", slow)
    ends_soon(run, lambda given: dump_to_file(component(large), given, tmp_path))
    assert list(run.work.iterdir()) == []


def soften(path: Path, rows: int) -> None:
    """Rows that break rules which their table got later."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t(c, d)")
        db.executemany("INSERT INTO t VALUES(NULL, ?)", [(-number,) for number in range(rows)])
        db.execute("PRAGMA writable_schema=ON")
        db.execute("UPDATE sqlite_master SET sql='CREATE TABLE t(c NOT NULL, d CHECK(d > 0))' WHERE name='t'")
        db.commit()


@pytest.mark.parametrize("rows", [1, 1000])
def test_rows_that_break_a_later_rule_are_told_of_and_no_damage(
    path: Path, run: Run, tmp_path: Path, rows: int
) -> None:
    soften(path, rows)
    source, facts = dump_to_file(component(path), run, tmp_path)
    assert facts.counts["t"] == rows
    assert f"rule of their table: {'1,' if rows == 1 else '100 or more,'} first: NULL value in t.c" in facts.warnings[0]
    component(path).verify(source, run)
    assert any("NULL value in t.c" in warning for warning in run.warnings)


def test_f01_damage_behind_many_odd_rows_is_found(path: Path, run: Run, tmp_path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            "PRAGMA journal_mode=DELETE; CREATE TABLE z(a TEXT); CREATE INDEX z_a ON z(a);"
            "INSERT INTO z VALUES('needle-in-a-haystack')"
        )
    soften(path, 1000)  # what is created last is checked first
    path.write_bytes(path.read_bytes().replace(b"needle-in-a-haystack", b"noodle-in-a-haystack", 1))
    with pytest.raises(SourceError, match="z_a"):
        dump_to_file(component(path), run, tmp_path)


class TestKilledInTheSwap:
    """The script that puts a database in use, killed after each of its lines."""

    OLD, NEW = 1, 2

    @pytest.fixture
    def names(self, tmp_path: Path) -> Names:
        """A database with committed rows that are only in the log that a killed program left, and a new one."""
        (tmp_path / "still").mkdir()
        names = Names.of(LOCAL, str(tmp_path / "data" / "app.db"), "0123456789abcdef", "db.sqlite")
        program = (
            "import sqlite3, os, sys; db = sqlite3.connect(sys.argv[1]); db.execute('PRAGMA journal_mode=WAL');"
            "db.execute('CREATE TABLE t(a)'); db.execute('PRAGMA wal_checkpoint'); db.execute('INSERT INTO t VALUES(1)');"
            "db.commit(); os.kill(os.getpid(), 9)"
        )
        subprocess.run([sys.executable, "-c", program, tmp_path / "still" / "app.db"], check=False)
        with closing(sqlite3.connect(tmp_path / "still" / Path(names.new).name)) as db:
            db.executescript("CREATE TABLE t(a); INSERT INTO t VALUES(2), (2);")
        return names

    def begin(self, names: Names) -> None:
        data = Path(names.live).parent
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(data.parent / "still", data)

    def act(self, names: Names, what: str, killed_after: int | None = None, links: bool = True) -> bool:
        """Run the script, or a part of it; whether it came to its end."""
        lines = names.script().splitlines()
        if not links:
            lines.insert(4, "ln() { false; }")
        if killed_after is not None:
            lines.insert(killed_after, "kill -9 $$")
        Path(names.journal).write_text("\n".join(lines) + "\n")
        done = subprocess.run(["sh", names.journal, what], capture_output=True, text=True, check=False)
        assert done.returncode in (0, -9), done.stderr
        return done.returncode == 0

    def rows(self, path: str) -> list[int]:
        """What a program would see, looked at in a copy."""
        copy = Path(path).parent.parent / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for end in ("", "-wal", "-journal"):
            if Path(path + end).exists():
                shutil.copy(path + end, copy / f"x{end}")
        try:
            with closing(sqlite3.connect(f"file:{copy}/x?mode=rw", uri=True)) as db:
                return [row[0] for row in db.execute("SELECT a FROM t")]
        except sqlite3.OperationalError:
            return []

    @pytest.mark.slow
    @pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
    @pytest.mark.parametrize("first", ["finish", "undo"])
    def test_f07_nothing_is_lost_and_it_can_be_finished_or_undone(
        self, names: Names, first: str, run: Run, links: bool
    ) -> None:
        killed = 0
        script = names.script().splitlines()
        for line in range(
            script.index("second() { # second FILE NAME: a file system without hard links can only rename"), len(script)
        ):
            for then in ("finish", "undo"):
                self.begin(names)
                if first == "undo":
                    assert self.act(names, "finish", links=links)
                if self.act(names, first, line + 1, links):
                    continue
                killed += 1
                whole = [1] in (self.rows(names.live), self.rows(names.old))
                assert whole or not links, f"killed after line {line}"
                done = first
                if Path(names.journal).exists():
                    if killed == 1:
                        self.is_told_of(names, run)
                    assert self.act(names, then, links=links)
                    done = then
                now, kept = self.rows(names.live), self.rows(names.old)
                if done == "undo":
                    assert now == [1], f"killed after line {line}"
                    assert not Path(names.old).exists()
                elif first == "finish" or Path(names.old).exists():
                    assert (now, kept) == ([2, 2], [1]), f"killed after line {line}"
                assert not Path(names.journal).exists()
        assert killed > 20
        part = component(Path(names.live))
        (run.work / "dump").mkdir()
        source, _ = dump_to_file(part, run, run.work / "dump")
        assert part.stage(source, Run("b" * 16, run.work)).swap().kept

    def is_told_of(self, names: Names, run: Run) -> None:
        part = component(Path(names.live))
        with pytest.raises(SourceError, match="finish` to complete it"):
            dump_to_file(part, run, run.work)
        assert part.sweep("0123456789abcdef", run) == ()
        assert any("undo" in warning for warning in run.warnings)


def test_f05_too_little_disk_is_an_obstacle(path: Path, run: Run, tmp_path: Path) -> None:
    source, _ = dump_to_file(component(path), run, tmp_path)
    assert source.record.plain
    huge = source.record.model_copy(update={"plain": source.record.plain.model_copy(update={"size": 1 << 60})})
    assert "make room" in component(path).obstacles(huge, run)[0]


def test_paths_elsewhere_are_absolute() -> None:
    with pytest.raises(ValueError, match="absolute"):
        SqliteSettings.model_validate({"kind": "sqlite", "path": "app.db", "container": "app"})


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_a_file_that_is_gone_comes_back_to_whom_it_belonged(run: Run, tmp_path: Path) -> None:
    """After a disaster its folder is root's; an app that runs as another user must be able to write all the same."""
    path = tmp_path / "shop.db"
    fill(path, wal=False)
    os.chown(path, 33, 34)
    path.chmod(0o660)
    source, _ = dump_to_file(component(path), run, run.work)
    path.unlink()
    staged = component(path).stage(source, run)
    staged.swap()
    found = path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (33, 34, 0o660)
    assert staged.warnings == ()
