"""MariaDB: what a dump cannot hold or does not show is told; what is left out on purpose is left alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.core.errors import CommandError, DaytwoError
from daytwo.core.run import Run
from daytwo.core.service import Component
from daytwo.services.mysql import plan
from tests.contract.services import dump_to_file
from tests.parts.mariadb import MariadbServer
from tests.real.services.mysql_case import MysqlCase, reveal


@pytest.fixture
def case(mariadb: MariadbServer) -> Iterator[MysqlCase]:
    reveal(mariadb)
    made = MysqlCase(mariadb)
    yield made
    made.remove()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run("fedcba9876543210", tmp_path / "work", timeout=120)


def one(case: MysqlCase, **changes: object) -> Component:
    return case.make(**changes).components()[0]


@pytest.mark.parametrize(
    ("right", "seen", "unseen"),
    [
        ("select, lock tables, show view, event", set(), {"triggers", "routines"}),
        ("select, lock tables, show view, event, trigger", {"trigger tidy"}, {"routines"}),
    ],
)
def test_what_the_user_is_not_shown_is_told(
    case: MysqlCase,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    right: str,
    seen: set[str],
    unseen: set[str],
) -> None:
    case.fill()
    user = case.name
    case.server.sql(f"create user {user}@'%' identified by 'little'; grant {right} on {user}.* to {user}@'%'")
    monkeypatch.setenv("DAYTWO_TEST_LITTLE", "little")
    weak = one(case, user=user, password={"env": "DAYTWO_TEST_LITTLE"})
    try:
        _, facts = dump_to_file(weak, run, tmp_path)
        told = " ".join(facts.warnings)
        assert {item for item in facts.contents if item.startswith("trigger tidy")} >= seen
        assert {what for what in ("triggers", "routines") if what in told} == unseen
        assert not any(item.startswith("function") for item in facts.contents)
        case.server.sql(f"grant execute on {user}.* to {user}@'%'")
        with pytest.raises(CommandError, match="add_one"):  # what is listed and may not be read is an error
            dump_to_file(weak, run, tmp_path)
        case.server.sql(f"grant select on mysql.proc to {user}@'%'; grant trigger on {user}.* to {user}@'%'")
        _, facts = dump_to_file(weak, run, tmp_path)
        assert {"trigger tidy", "function add_one", "procedure many"} <= set(facts.contents)
        assert not [warning for warning in facts.warnings if "missing" in warning or "in the dump" in warning]
    finally:
        case.server.sql(f"drop user {user}@'%'")


def views_of(case: MysqlCase) -> list[str]:
    return case.sql("select table_name from information_schema.views where table_schema = database()").split()


def test_an_excluded_view_is_left_alone(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    component = one(case, exclude_tables=("above", "order"))
    source, facts = dump_to_file(component, run, tmp_path)
    assert not [warning for warning in facts.warnings if "above" in warning or "noted" in warning], "it is on purpose"
    component.stage(source, run).swap()
    assert sorted(views_of(case)) == ["above", "per_buyer"]


def test_views_of_excluded_tables_come_back(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    case.sql("create view logs as select text from log; insert into log (text) values ('stays')")
    component = one(case, exclude_tables=("log",))
    source, facts = dump_to_file(component, run, tmp_path)
    assert [warning for warning in facts.warnings if warning.endswith("logs. Name them in `exclude_tables` too, or"
                                                                      " dump the tables")]  # fmt: skip
    case.sql("drop view logs; create view newer as select text from log")
    component.stage(source, run).swap()
    assert sorted(views_of(case)) == ["above", "logs", "per_buyer"]
    assert case.sql("select text from logs") == "stays"
    assert "`newer`" in case.text(f"{case.name}_before_fedcba98"), "what was kept is whole"


def test_f02_a_swap_that_fails_behind_the_kept_triggers_is_undone(
    case: MysqlCase, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    case.change()
    before, beside = case.text(case.name), case.leftovers()
    there = plan.Plan.there
    monkeypatch.setattr(plan.Plan, "there", lambda self: there(self) + b"SELECT no_such_column;\n")
    with pytest.raises(DaytwoError, match="no_such_column") as caught:
        one(case).stage(source, run).swap()
    assert "undoing it failed" not in str(caught.value)
    assert case.text(case.name) == before and case.leftovers() == beside


def test_a_history_that_is_not_dumped_is_told(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.sql("create table prices (id int primary key, price int) with system versioning;"
             "insert into prices values (1, 10); update prices set price = 11")  # fmt: skip
    source, facts = dump_to_file(one(case), run, tmp_path)
    assert facts.warnings == ("the history of tables with system versioning is not in the dump: prices",)
    one(case).stage(source, run).swap()
    assert case.sql("select * from prices for system_time all") == "1\t11"


def test_a_table_whose_rows_are_those_of_others_comes_back(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.sql("create table a (id int) engine=MyISAM; create table b like a; insert into a values (1);"
             "insert into b values (2); create table both_of_them (id int) engine=merge union=(a, b)")  # fmt: skip
    source, facts = dump_to_file(one(case), run, tmp_path)
    assert facts.counts == {"a": 1, "b": 1}
    assert one(case).verify(source, run).tool
    case.destroy()
    assert dict(one(case).stage(source, run).counts) == dict(facts.counts)


def test_option_files_do_not_change_what_a_dump_is(
    case: MysqlCase, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.fill()
    wanted = dump_to_file(one(case), run, tmp_path)[1].counts
    options = "insert-ignore\nreplace\nskip-opt\nskip-quote-names\nadd-locks\n"
    (tmp_path / ".my.cnf").write_text(f"[client]\npassword={case.server.password}\n[mysqldump]\n{options}")
    monkeypatch.setenv("HOME", str(tmp_path))
    source, facts = dump_to_file(one(case, password=None), run, tmp_path)
    assert facts.counts == wanted
    assert b"ENGINE=MyISAM" in b"".join(source.chunks())
    staged = one(case).stage(source, run)
    assert dict(staged.counts) == wanted
    staged.discard()


def test_no_number_is_given_out_twice(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(one(case), run, tmp_path)
    case.sql("insert into customer (name) values ('four'), ('five');"
             "insert into `order` (id, customer) values (9, 5)")  # fmt: skip
    for only in (("customer",), ("numbers",)):
        one(case).stage(source, run, only).swap()
    case.sql("insert into customer (name) values ('next')")
    assert case.sql("select id from customer where name = 'next'") == "6", "order 9 is not another customer's"


def test_a_default_that_asks_a_sequence_comes_back(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.sql("create sequence s; create table t (id int primary key default nextval(s), a int);"
             "insert into t (a) values (1), (2)")  # fmt: skip
    source, _ = dump_to_file(one(case), run, tmp_path)
    one(case).stage(source, run).swap()
    case.sql("insert into t (a) values (3)")
    assert int(case.sql("select id from t where a = 3")) > 2


def test_an_event_without_its_definer_is_a_warning(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    ghost = f"ghost_{case.name[-6:]}"
    case.server.sql(f"create user {ghost}@'%'")
    case.sql(f"create definer={ghost}@'%' event haunt on schedule every 1 day do select 1")
    source, _ = dump_to_file(one(case), run, tmp_path)
    case.server.sql(f"drop user {ghost}@'%'")
    staged = one(case).stage(source, run)
    assert staged.warnings == (f"there is no account {ghost}@%, as which restored views or programs run",)
    staged.discard()


def test_numbers_that_a_dump_rounds_are_told(case: MysqlCase, run: Run, tmp_path: Path) -> None:
    case.sql("create table f (a float, b double, c float(10, 3)); insert into f values (16777215, 16777215.25, 1.5);"
             "create view v as select a as d from f; create table g (a float)")  # fmt: skip
    source, facts = dump_to_file(one(case, exclude_tables=("g",)), run, tmp_path)
    assert facts.warnings == ("FLOAT columns are dumped with six digits, which DOUBLE columns are not: f.a",)
    one(case).stage(source, run).swap()
    assert case.sql("select a + 0e0, b, c from f") == "16777200\t16777215.25\t1.500", "or the warning may go"
