"""PostgreSQL: what a dump cannot bring back is told, and what a restore leaves behind is nobody else's."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daytwo.core.errors import CommandError
from daytwo.core.run import Run
from tests.contract.services import dump_to_file, source_of
from tests.parts.postgres import PostgresServer, postgres15
from tests.real.services.postgres_case import LocalCase, database_of, made


@pytest.fixture(params=[18, 15])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalCase]:
    server: PostgresServer = request.getfixturevalue(f"postgres{request.param}")
    case = LocalCase(server, tmp_path)
    yield case
    case.clean()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    work = tmp_path / "work"
    work.mkdir()
    return Run(secrets.token_hex(8), work, timeout=200)


@contextmanager
def role(case: LocalCase, rights: str, folder: Path) -> Iterator[str]:
    name = f"app_{secrets.token_hex(4)}"
    case.server.sql(f"create role {name} login {rights} password 'app-password'")
    (folder / "app").write_text("app-password")
    try:
        yield name
    finally:
        case.clean()
        case.server.sql(f"drop role {name}")


def test_what_refers_to_an_excluded_table_is_told_while_it_is_dumped(case: LocalCase, run: Run, tmp_path: Path) -> None:
    made(case, "create table a (id int primary key); create table b (id int references a); create view v as table a;"
               "create view w as table v; create table log (who int references a)")  # fmt: skip
    _, plain = dump_to_file(database_of(case.service()), run, tmp_path)
    _, harmless = dump_to_file(database_of(case.at(case.database, exclude_tables=["public.log"])), run, tmp_path)
    assert plain.warnings == harmless.warnings == ()
    component = database_of(case.at(case.database, exclude_tables=["public.a"]))
    source, facts = dump_to_file(component, run, tmp_path)
    assert facts.warnings == (
        "cannot be restored, as `exclude_tables` leaves out what they refer to: "
        "foreign key b_id_fkey of b (a), foreign key log_who_fkey of log (a), view v (a)",
    )
    with pytest.raises(CommandError, match=r'relation "public\.a" does not exist'):
        component.stage(source, run)


def test_tables_that_are_not_in_the_dump_are_told_where_they_stay(case: LocalCase, run: Run, tmp_path: Path) -> None:
    made(case, "create table a (id int); create table sessions (id int); insert into sessions values (1)")
    component = database_of(case.at(case.database, exclude_tables=["public.sessions"]))
    source, _ = dump_to_file(component, run, tmp_path)
    staged = component.stage(source, run)
    assert staged.warnings == ("not in the dump, and so only in the database from before: public.sessions",)
    assert "before" in staged.swap().kept
    staged = component.stage(source, run)
    assert staged.warnings == ()
    staged.discard()


def test_a_subscription_is_told_and_keeps_nothing_from_being_dropped(case: LocalCase, run: Run, tmp_path: Path) -> None:
    made(case, "create table a (id int)")
    name = f"sub_{secrets.token_hex(4)}"
    case.sql(f"create subscription {name} connection 'host=127.0.0.1 port=1' publication p with (connect = false)")
    component = database_of(case.service())
    try:
        source, _ = dump_to_file(component, run, tmp_path)
        staged = component.stage(source, run)
        assert [
            warning for warning in staged.warnings if f"the subscription {name} is restored switched off" in warning
        ]
        staged.discard()
        assert case.databases() == [case.database]
        component.stage(source, run)
        assert component.sweep(run.id, run) and case.databases() == [case.database]
        assert case.sql("select subslotname from pg_subscription") == name, "that of the live database is as it was"
    finally:
        case.sql(f"alter subscription {name} disable; alter subscription {name} set (slot_name = none);"
                 f"drop subscription {name}")  # fmt: skip


def test_slots_that_stay_behind_are_told(run: Run, tmp_path: Path) -> None:
    with postgres15({"wal_level": "logical"}) as server:
        case = LocalCase(server, tmp_path)
        made(case, "create table a (id int)")
        case.sql("select pg_create_logical_replication_slot('changes', 'pgoutput')")
        component = database_of(case.service())
        source, _ = dump_to_file(component, run, tmp_path)
        staged = component.stage(source, run)
    assert len(staged.warnings) == 1 and "drop changes" in staged.warnings[0]


def test_a_roles_limit_for_statements_is_none_for_a_restore(case: LocalCase, run: Run, tmp_path: Path) -> None:
    slow = "create function slow(n int) returns int immutable language sql as 'select n + (pg_sleep(0.5) is null)::int'"
    with role(case, "superuser", tmp_path) as name:
        made(case, f"create table a (id int); {slow}; insert into a values (1), (2), (3); create index on a (slow(id))")
        case.server.sql(f"alter role {name} set statement_timeout = '1s'")
        component = database_of(case.at(case.database, user=name, password={"file": "app"}))
        source, _ = dump_to_file(component, run, tmp_path)
        assert component.stage(source, run).swap().kept
        assert component.stage(source, run, ("a",)).swap().kept


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCase]:
    monkeypatch.setenv("LANGUAGE", "de")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    with postgres15({"lc_messages": "C.UTF-8"}) as server:
        case = LocalCase(server, tmp_path)
        made(case, "create table a (id int)")
        try:
            case.sql("select nonsense")
        except RuntimeError as error:
            if "existiert nicht" not in str(error):
                pytest.skip("the server speaks no German here")
        yield case


def test_a_server_that_speaks_german_gets_back_what_is_lost(german: LocalCase, run: Run, tmp_path: Path) -> None:
    component = database_of(german.service())
    source, _ = dump_to_file(component, run, tmp_path)
    german.destroy()
    assert component.identity(run).holds == "nothing"
    assert component.obstacles(source.record, run) == ()
    component.stage(source, run).swap()
    assert german.sql("select count(*) from a") == "0"


def test_a_setting_that_is_not_carried_over_is_told_in_any_language(
    german: LocalCase, run: Run, tmp_path: Path
) -> None:
    component = database_of(german.service())
    source, _ = dump_to_file(component, run, tmp_path)
    german.sql(f'alter database "{german.database}" connection limit 7')
    german.sql("update pg_database set datconnlimit = -7 where datname = current_database()")
    component.stage(source, run).swap()
    assert [warning for warning in run.warnings if "not carried over" in warning]


def test_the_kept_rows_of_a_table_are_open_to_nobody_else(case: LocalCase, run: Run, tmp_path: Path) -> None:
    with role(case, "", tmp_path) as name:
        made(case, f"alter default privileges grant select on tables to {name}, public; create table s (who name);"
                   f"alter table s enable row level security; insert into s values ('x')")  # fmt: skip
        component = database_of(case.service())
        source, _ = dump_to_file(component, run, tmp_path)
        component.stage(source, run, ("s",)).swap()
        assert case.sql(f"set role {name}; select count(*) from s") == "0"
        with pytest.raises(RuntimeError, match="permission denied"):
            case.sql(f"set role {name}; select count(*) from s_before_{run.id[:8]}")
        assert case.sql(f"select count(*) from s_before_{run.id[:8]}") == "1"
        case.sql(f"drop owned by {name}")


@pytest.mark.parametrize(
    ("kind", "default", "sequence", "after"),
    [
        ("numeric", "nextval('s')", "", "1 4"),
        ("text", "'A' || nextval('s')", "", "A1 A4"),
        ("int", "nextval('s')", "increment -1", "-1 -4"),
        ("smallint", "nextval('s')", "increment 10", "1 31"),
    ],
)
def test_sequences_of_any_kind_go_on(
    case: LocalCase, run: Run, tmp_path: Path, kind: str, default: str, sequence: str, after: str
) -> None:
    made(case, f"create table t (id {kind} primary key); create sequence s {sequence} owned by t.id;"
               f"alter table t alter id set default {default}; insert into t default values")  # fmt: skip
    component = database_of(case.service())
    source, _ = dump_to_file(component, run, tmp_path)
    case.sql("insert into t default values; insert into t default values")
    component.stage(source, run, ("t",)).swap()
    case.sql("insert into t default values")
    assert case.sql("select id from t").split() == after.split()


def test_a_table_that_was_not_counted_can_be_had(case: LocalCase, run: Run, tmp_path: Path) -> None:
    made(case, "create table a (id int); insert into a values (1); create table b (id int)")
    component = database_of(case.service())
    source, _ = dump_to_file(component, run, tmp_path)
    path = tmp_path / source.record.name
    for counts in ({}, {"public.b": 0}):
        uncounted = source_of(path, source.record.model_copy(update={"counts": counts}), tmp_path)
        assert b"CREATE TABLE public.a" in b"".join(component.extract(uncounted, "a", run))
        staged = component.stage(uncounted, run, ("public.a",))
        assert dict(staged.counts) == {"public.a": 1}
        staged.discard()


def test_large_objects_that_stay_behind_are_told(case: LocalCase, run: Run, tmp_path: Path) -> None:
    made(case, "create table d (doc oid); insert into d values (lo_from_bytea(0, 'abc')); create table e (id int)")
    component = database_of(case.service())
    source, _ = dump_to_file(component, run, tmp_path)
    for table, told in (("d", 1), ("e", 0)):
        staged = component.stage(source, run, (table,))
        assert len([warning for warning in staged.warnings if "large objects" in warning]) == told
        staged.discard()


def test_a_role_that_is_no_superuser_keeps_the_order_of_texts(case: LocalCase, run: Run, tmp_path: Path) -> None:
    with role(case, "createdb", tmp_path) as name:
        usual = case.server.sql("select datcollate from pg_database where datname = 'template0'")
        other = "C.UTF-8" if usual == "C" else "C"
        case.server.sql(f"create database \"{case.database}\" owner {name} template template0"
                        f" lc_collate '{other}' lc_ctype '{other}' encoding 'UTF8'")  # fmt: skip
        component = database_of(case.at(case.database, user=name, password={"file": "app"}))
        case.sql(f"set role {name}; create schema mine; create table mine.t (a text)")
        source, _ = dump_to_file(component, run, tmp_path)
        staged = component.stage(source, run)
        assert staged.warnings == ()
        staged.swap()
        asked = f"select datcollate from pg_database where datname = '{case.database}'"
        assert case.server.sql(asked) == other


def test_f03_missing_roles_hinder_no_worker(case: LocalCase, run: Run, tmp_path: Path) -> None:
    name = f"gone_{secrets.token_hex(4)}"
    case.server.sql(f"create role {name} superuser")
    made(
        case,
        f"""create table a (id int); insert into a values (1); create table b (id int);
        alter default privileges grant select on tables to {name}; select lo_from_bytea(4711, 'abc');
        alter large object 4711 owner to {name}; create publication p for table a; alter publication p owner to {name};
        create statistics s on id, (id + 1) from a; alter statistics s owner to {name};
        create statistics t on id, (id + 1) from b; alter statistics t owner to {name}""",
    )
    source, facts = dump_to_file(database_of(case.service()), run, tmp_path)
    case.sql(f"reassign owned by {name} to current_user; drop owned by {name}; drop role {name}")
    for jobs in (1, 2, 3):
        staged = database_of(case.at(case.database, jobs=jobs)).stage(source, run)
        assert dict(staged.counts) == dict(facts.counts)
        assert len([warning for warning in staged.warnings if name in warning]) == 5
        staged.discard()
