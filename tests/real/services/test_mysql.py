"""MariaDB for real: the contract, and what went wrong for others."""

import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from daytwo.core.errors import CancelledError, CommandError, DaytwoError, SourceError, UsageError
from daytwo.core.manifest import Digest
from daytwo.core.run import Run
from daytwo.core.service import Component, Source
from daytwo.services.mysql import plan
from daytwo.services.mysql.dump import SqlDump
from daytwo.services.mysql.restore import StagedDatabase, names_for
from tests.contract.services import ServiceContract, dump_to_file, source_of
from tests.parts.mariadb import MariadbServer
from tests.parts.process import wait_until
from tests.real.services.mysql_case import MysqlCase, reveal


@pytest.fixture
def case(mariadb: MariadbServer) -> Iterator[MysqlCase]:
    reveal(mariadb)
    made = MysqlCase(mariadb)
    yield made
    made.remove()


class TestContract(ServiceContract):
    """What every kind must do."""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run("fedcba9876543210", tmp_path / "work", timeout=120)


def edited(source: Source, tmp_path: Path, old: bytes, new: bytes) -> Source:
    """The same component with other bytes, as if its checksum were right."""
    data = b"".join(source.chunks())
    assert old in data
    path = tmp_path / "edited"
    path.write_bytes(data.replace(old, new))
    return source_of(path, source.record.model_copy(update={"plain": None}), tmp_path / "edited-work")


def one(case: MysqlCase, **changes: object) -> Component:
    return case.make(**changes).components()[0]


def test_sessions_go_on_and_code_works_after_a_restore(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    case.change()
    argv = [str(case.server.bin / "mariadb"), f"--defaults-file={case.server.client_file}", "-N", "-n", case.name]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdin and session.stdout
        session.stdin.write("select count(*) from `order`;\n")
        session.stdin.flush()
        assert session.stdout.readline() == "2\n"
        one(case).stage(source, run).swap()
        session.stdin.write("select count(*) from `order`; insert into customer (name) values (' Ann ');"
                            "select concat('<', name, '>') from customer order by id desc limit 1;"
                            "select add_one(1); select n from above; delete from customer where id = 1;"
                            "select count(*) from `order`; select next value for numbers;\n")  # fmt: skip
        session.stdin.close()
        assert session.stdout.read().split() == ["3", "<Ann>", "2", "2", "1", "10"]
    with pytest.raises(RuntimeError, match="foreign key constraint fails"):
        case.sql("insert into `order` (id, customer) values (99, 12345)")
    kept = case.server.sql(f"select count(*) from `{case.name}_before_fedcba98`.`order`")
    assert kept == "2", "what was cascaded in the live database leaves the kept one alone"


def test_what_was_kept_is_whole(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    case.change()
    changed = case.text(case.name)
    swapped = one(case).stage(source, run).swap()
    assert swapped.kept == f"database {case.name}_before_fedcba98"
    assert case.text(f"{case.name}_before_fedcba98") == changed
    assert case.leftovers() == [case.name, f"{case.name}_before_fedcba98", f"{case.name}_else"]
    assert case.server.password not in swapped.drop
    line = swapped.drop.replace("--password", f"--password={case.server.password}")
    subprocess.run(["sh", "-c", line], check=True, timeout=30)
    assert case.leftovers() == [case.name, f"{case.name}_else"]


def test_a_second_restore_of_the_same_run_keeps_both(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    first = one(case).stage(source, run).swap()
    second = one(case).stage(source, run).swap()
    assert first.kept and second.kept == f"{first.kept}_2"


def test_f02_a_swap_that_fails_after_the_tables_moved_is_undone(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    case.server.sql(f"create table kid (c int, key (c), foreign key (c) references `{case.name}`.customer (id))",
                    f"{case.name}_else")  # fmt: skip
    source, _ = dump_to_file(one(case), run, tmp_path)
    case.change()
    before, beside, left = case.text(case.name), case.text(f"{case.name}_else"), case.leftovers()
    # Events are first made when the tables have moved, so a damaged one fails at the worst moment.
    bad = edited(source, tmp_path, b"delete from nothing_in_it", b"delete frm nothing_in_it")
    staged = one(case).stage(bad, run)
    with pytest.raises(CommandError, match="1064"):
        staged.swap()
    assert case.text(case.name) == before
    assert case.text(f"{case.name}_else") == beside
    assert case.leftovers() == left


def test_f02_a_swap_that_cannot_get_the_tables_is_undone(
    case: MysqlCase, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    case.change()
    before, left = case.text(case.name), case.leftovers()
    staged = one(case).stage(source, run)
    monkeypatch.setattr(plan, "_SESSION", plan._SESSION.replace(f"= {plan.LOCK_SECONDS}", "= 1"))
    argv = [str(case.server.bin / "mariadb"), f"--defaults-file={case.server.client_file}", "-N", "-n", case.name]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdin and session.stdout
        session.stdin.write("begin; select id from tree where id = 1 lock in share mode;\n")
        session.stdin.flush()
        assert session.stdout.readline() == "1\n"
        with pytest.raises(CommandError, match="1205") as caught:
            staged.swap()
        assert "stop the app" in str(caught.value)
        session.stdin.close()
    assert case.text(case.name) == before
    assert case.leftovers() == left


def test_f02_a_swap_whose_client_dies_while_it_waits_is_undone(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    case.change()
    before, left = case.text(case.name), case.leftovers()
    staged = one(case).stage(source, run)
    argv = [str(case.server.bin / "mariadb"), f"--defaults-file={case.server.client_file}", "-N", "-n", case.name]

    def waiting() -> bool:
        return "Waiting for table metadata lock" in case.server.sql("show processlist")

    with (
        ThreadPoolExecutor(1) as pool,
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session,
    ):
        assert session.stdin and session.stdout
        session.stdin.write("begin; select id from tree where id = 1 lock in share mode;\n")
        session.stdin.flush()
        assert session.stdout.readline() == "1\n"
        swapping = pool.submit(staged.swap)
        wait_until(waiting, what="the swap waits for the table")
        run.cancel("somebody pressed Ctrl-C")
        wait_until(lambda: "GET_LOCK" in case.server.sql("show processlist"), what="the way back waits for the swap")
        session.stdin.close()  # now the server goes on with what the dead client had asked for
        with pytest.raises(CancelledError):
            swapping.result(60)
    assert case.text(case.name) == before
    assert case.leftovers() == left


def test_f02_a_dump_that_fails_half_way_leaves_nothing(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    before, left = case.text(case.name), case.leftovers()
    for old, new in ((b"CREATE TABLE `tree`", b"CREATE TABEL `tree`"), (b"'y;'", b"'y;',1,2")):
        with pytest.raises(CommandError, match="ERROR 1"):
            one(case).stage(edited(source, tmp_path, old, new), run)
        assert case.text(case.name) == before
        assert case.leftovers() == left


def test_f02_rows_that_do_not_arrive_are_noticed(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    left = case.leftovers()
    here = b"DROP TABLE IF EXISTS `tree`"
    quiet = edited(source, tmp_path, here, b"DELETE FROM `old`;\n" + here)
    with pytest.raises(CommandError, match="old has 0 rows of 2"):
        one(case).stage(quiet, run)
    assert case.leftovers() == left


def test_some_tables_only(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    case.server.sql(f"create table kid (c int, constraint afar foreign key (c) references `{case.name}`.customer (id))",
                    f"{case.name}_else")  # fmt: skip
    source, facts = dump_to_file(one(case), run, tmp_path)
    case.sql("update customer set name = 'x'; delete from tree where id = 3; delete from log")
    expected = case.text(case.name).replace("'x'", "?")
    staged = one(case).stage(source, run, ("customer",))
    assert dict(staged.counts) == {"customer": facts.counts["customer"]}
    staged.swap()
    assert case.sql("select name from customer where id = 1") == "O'Brien; -- x"
    assert case.sql("select count(*) from tree") == "2", "other tables stay as they are"
    assert case.text(case.name).count("CONSTRAINT") == expected.count("CONSTRAINT")
    for database in (case.name, f"{case.name}_else"):
        keys = case.server.sql(
            "select unique_constraint_schema, referenced_table_name from information_schema.referential_constraints"
            f" where constraint_schema = '{database}' and referenced_table_name = 'customer'"
        )
        assert keys == f"{case.name}\tcustomer"
    case.sql("delete from customer where id = 1")
    assert case.sql("select count(*) from `order`") == "1", "the live child cascades with the restored parent"
    assert case.sql("insert into customer (name) values ('  b '); select name from customer order by id desc limit 1"
                    ) == "b"  # fmt: skip


def test_a_child_restored_alone_points_to_the_live_parent(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    case.sql("update `order` set note = 'changed'")
    swapped = one(case).stage(source, run, ("order",)).swap()
    assert "order.buyer" in swapped.kept, "the kept table lost its foreign key, and the user is told"
    case.sql("delete from customer where id = 1")
    assert case.sql("select group_concat(id) from `order`") == "2"
    kept = case.server.sql("select group_concat(id order by id) from `order`", names_for(case.name, run.id).before)
    assert kept == "1,2,3", "the live parent no longer reaches into the kept table"


def test_a_failed_restore_of_some_tables_is_undone(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    case.change()
    before, left = case.text(case.name), case.leftovers()
    for only in (("customer",), ("order",), ("order", "tree")):
        staged = one(case).stage(source, run, only)
        assert isinstance(staged, StagedDatabase)
        staged._load.events = b"select no_such_function();\n"  # the last statement for the live database
        with pytest.raises(CommandError, match=r"1305|1630"):
            staged.swap()
        assert case.text(case.name) == before
        assert case.leftovers() == left


def test_only_a_table_that_is_there(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    left = case.leftovers()
    with pytest.raises(UsageError, match="Did you mean customer"):
        one(case).stage(source, run, ("custommer",))
    silent = Source(source.record.model_copy(update={"contents": ()}), source.chunks, tmp_path)
    with pytest.raises(UsageError, match="no table custommer"):
        one(case).stage(silent, run, ("custommer",))
    assert case.leftovers() == left


def test_extract_gives_one_table_that_loads(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    text = b"".join(one(case).extract(source, "customer", run))
    assert b"CREATE TABLE `customer`" in text and b"`order`" not in text and b"PROCEDURE" not in text
    case.server.sql(text.decode(), f"{case.name}_else")
    rows = "set names utf8mb4; select name, hex(photo), meta from customer order by id"
    assert case.server.sql(rows, f"{case.name}_else") == case.sql(rows)
    with pytest.raises(UsageError, match="Did you mean"):
        list(one(case).extract(source, "custome", run))


def test_excluded_tables_are_left_out_and_left_alone(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    component = one(case, exclude_tables=("log", "old"))
    source, facts = dump_to_file(component, run, tmp_path)
    assert "log" not in facts.counts and "old" not in facts.counts
    case.sql("create trigger logged before insert on log for each row set new.text = upper(new.text)")
    case.sql("insert into log (text) values ('kept'); delete from tree where id = 3")
    component.stage(source, run).swap()
    assert case.sql("select text from log") == "KEPT"
    assert case.sql("select count(*) from tree") == "3"
    assert "logged" in case.text(case.name)


def test_facts_say_what_is_not_transactional(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    _, facts = dump_to_file(one(case), run, tmp_path)
    assert any("old (MyISAM)" in warning for warning in facts.warnings)
    assert set(facts.contents) >= {
        "table customer", "table we`ird ta;ble", "view above", "trigger tidier", "function add_one", "procedure many",
        "event clean", "sequence numbers",
    }  # fmt: skip
    assert not any("not found in the dump" in warning for warning in facts.warnings)
    _, empty = dump_to_file(one(case, database=f"{case.name}_else"), run, tmp_path)
    assert empty.warnings == ("the database is empty",)


def test_counts_are_those_of_the_dump_while_rows_are_written(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.sql("create table t (id int primary key auto_increment, text varchar(200)) engine=InnoDB;"
             "insert into t (text) select repeat('x', 200) from seq_1_to_50000")  # fmt: skip
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            case.sql("insert into t (text) select repeat('y', 200) from seq_1_to_500")

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            source, facts = dump_to_file(one(case), run, tmp_path)
        finally:
            stop.set()
        writing.result()
    assert 50000 <= facts.counts["t"] < int(case.sql("select count(*) from t"))
    assert dict(one(case).stage(source, run).counts) == dict(facts.counts)


def test_events_do_not_run_on_staged_data(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.sql("create table t (id int); insert into t values (1);"
             "create event often on schedule every 1 second enable do delete from t")  # fmt: skip
    source, _ = dump_to_file(one(case), run, tmp_path)
    staged = one(case).stage(source, run)
    found = case.server.sql(
        f"select count(*) from information_schema.events where event_schema like '{case.name}_day%'"
    )
    assert found == "0"
    staged.swap()
    states = "select event_schema, status from information_schema.events where event_name = 'often' order by 1"
    assert case.server.sql(states).splitlines() == [f"{case.name}\tENABLED", f"{case.name}_before_fedcba98\tDISABLED"]


def test_a_missing_definer_is_a_warning(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    gone = edited(source, tmp_path, b"DEFINER=`admin`@`%` SQL", b"DEFINER=`ghost`@`%` SQL")
    staged = one(case).stage(gone, run)
    assert [w for w in staged.warnings if "ghost@%" in w]
    staged.discard()


def test_a_dump_cannot_run_programs_here(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    mark = tmp_path / "mark"
    for line in (f"\\! touch {mark}", f"system touch {mark}", f"tee {mark}"):
        hostile = edited(
            source, tmp_path, b"\nDROP TABLE IF EXISTS `tree`", f"\n{line}\nDROP TABLE IF EXISTS `tree`".encode()
        )
        with pytest.raises(CommandError):
            one(case).stage(hostile, run)
        assert not mark.exists()


def test_f01_a_dump_whose_program_dies_is_an_error(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.sql("create table t (text longtext); insert into t select repeat('x', 1000000) from seq_1_to_40")
    with pytest.raises(DaytwoError):
        with one(case).dump(run) as dump:
            for number, _ in enumerate(dump.chunks()):
                if number == 1:
                    assert isinstance(dump, SqlDump)
                    dump._process.kill()


@pytest.mark.parametrize("how", ["cut", "no table"])
def test_f01_stand_in_mysqldump_that_lies_about_success(
    case: MysqlCase, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    case.fill()
    real = case.server.bin / "mariadb-dump"
    bin = tmp_path / "bin"
    bin.mkdir()
    lie = "| head -c 4000" if how == "cut" else "| sed 's/`tree`/`eert`/'"
    (bin / "mariadb-dump").write_text(f'#!/bin/sh\n"{real}" "$@" {lie}\nexit 0\n')
    (bin / "mariadb-dump").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin}:{os.environ['PATH']}")
    with pytest.raises(SourceError, match="not whole" if how == "cut" else "lacks tree"):
        dump_to_file(one(case), run, tmp_path)


def test_f01_each_failure_names_the_next_step(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    for service, words in zip(
        case.broken(), ("no database", "wrong user name or password", "does not answer", "does not answer", "o")
    ):
        with pytest.raises(DaytwoError, match=words) as caught:
            dump_to_file(service.components()[0], run, tmp_path)
        assert caught.value.hint or "docker" in str(caught.value), str(caught.value)
    case.sql("create table gone (id int); create view broken as select * from gone; drop table gone")
    with pytest.raises(DaytwoError, match="1356") as caught:
        dump_to_file(one(case), run, tmp_path)
    assert "Repair or drop the view" in caught.value.hint


def test_f11_no_password_in_any_command_line(
    case: MysqlCase, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.sql("create table t (text longtext); insert into t select repeat('x', 1000000) from seq_1_to_40")
    # These programs blank a password in their arguments as they start, so what they are started with is looked at too.
    bin, log = tmp_path / "bin", tmp_path / "started"
    bin.mkdir()
    for name in ("mariadb", "mariadb-dump"):
        (bin / name).write_text(f'#!/bin/sh\necho "$0 $*" >> {log}\nexec "{case.server.bin / name}" "$@"\n')
        (bin / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin}:{os.environ['PATH']}")
    component, seen, password = one(case), 0, case.server.password
    with component.dump(run) as dump:
        for _ in dump.chunks():
            lines = command_lines()
            seen += any(b"mariadb-dump" in line and case.name.encode() in line for line in lines)
            assert not any(password.encode() in line for line in lines)
    assert seen, "the dump program was looked at while it ran"
    source, _ = dump_to_file(component, run, tmp_path)
    component.stage(source, run).swap()
    started = log.read_text()
    assert "mariadb-dump --no-defaults" in started and "mariadb --no-defaults" in started
    assert password not in started


def test_f13_leaving_a_dump_early_ends_its_program(case: MysqlCase, run: Run) -> None:
    case.sql("create table t (text longtext); insert into t select repeat('x', 1000000) from seq_1_to_40")
    with one(case).dump(run) as dump:
        chunks = dump.chunks()
        assert len(next(chunks) + next(chunks)) > 1000
        assert running(case.name)
    wait_until(lambda: not running(case.name), what="the dump program has ended", seconds=10)


def test_f18_identities_tell_places_apart(case: MysqlCase, run: Run) -> None:
    live, beside = one(case).identity(run), case.elsewhere().components()[0].identity(run)
    assert live.id and live.id != beside.id
    assert live.holds == "nothing"
    case.fill()
    filled = one(case).identity(run)
    assert filled.id == live.id and filled.holds.startswith("8 tables")
    case.destroy()
    assert one(case).identity(run).id == live.id, "it is the same place when the data is lost"


def test_obstacles_name_the_missing_right(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    user = case.name[-12:]
    case.server.sql(f"create user '{user}'@'%' identified by '{case.server.password}';"
                    f"grant all on `{case.name}`.* to '{user}'@'%'")  # fmt: skip
    try:
        (obstacle,) = one(case, user=user).obstacles(source.record, run)
        assert "GRANT ALL ON" in obstacle
        grant = obstacle.partition("GRANT ")[2].partition(" TO ")[0]
        case.server.sql(f"GRANT {grant} TO '{user}'@'%'")
        assert one(case, user=user).obstacles(source.record, run) == ()
    finally:
        case.server.sql(f"drop user '{user}'@'%'")


def test_obstacles_name_too_little_disk(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    huge = source.record.model_copy(update={"plain": Digest(sha256="", size=1 << 60)})
    (obstacle,) = one(case).obstacles(huge, run)
    assert "Make room" in obstacle


def test_a_dead_run_is_swept(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    left = case.leftovers()
    one(case).stage(source, run)
    assert case.leftovers() != left
    other = Run("another-run", tmp_path / "other")
    assert one(case).sweep(run.id, other) == (f"database {case.name}_daytwo_fedcba98",)
    assert one(case).sweep(run.id, other) == ()
    assert case.leftovers() == left


def command_lines() -> list[bytes]:
    """The command lines of all processes."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            lines.append(path.read_bytes())
    return lines


def running(database: str) -> bool:
    return any(b"mariadb-dump" in line and database.encode() in line for line in command_lines())
