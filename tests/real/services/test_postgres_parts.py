"""The kind `postgres`: some tables back into the live database, and the server's roles."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.core.errors import CommandError, IntegrityError, SourceError, UsageError
from daytwo.core.manifest import Identity
from daytwo.core.run import Run
from daytwo.core.service import Source
from tests.contract.services import dump_to_file, source_of
from tests.parts.postgres import PostgresServer
from tests.real.services.postgres_case import LocalCase, database_of


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


@pytest.fixture
def dumped(case: LocalCase, run: Run, tmp_path: Path) -> Source:
    case.fill()
    return dump_to_file(database_of(case.service()), run, tmp_path)[0]


def test_tables_come_back_and_the_others_stay(case: LocalCase, run: Run, dumped: Source) -> None:
    before = case.content(case.service())
    case.sql(
        "update people set name = 'nobody'; insert into people (name) select 'new' from generate_series(1, 50);"
        'delete from orders where id > 400; truncate "Weird "" Näme.x"; insert into nothing_in_here values (1)'
    )
    staged = database_of(case.service()).stage(dumped, run, ("people", 'public."Weird "" Näme.x"'))
    assert dict(staged.counts) == {"public.people": 1000, 'public."Weird "" Näme.x"': 4}
    assert case.sql("select count(*) from people where name = 'nobody'") == "1000", "staging leaves live data alone"
    swapped = staged.swap()
    old = f"_before_{run.id[:8]}"
    assert case.sql(f"select count(*) from people{old}") == "1050"
    assert swapped.kept.count(old) == 2 and swapped.drop.count(old) == 2
    assert case.sql("select count(*) from orders") == "400" and case.sql("select count(*) from nothing_in_here") == "1"
    case.sql(f'drop table people{old}, "Weird "" Näme.x{old}"; truncate nothing_in_here')
    assert case.databases() == [case.database]
    assert int(case.sql("insert into people (name) values ('next') returning id")) > 1050, "no id is given out twice"
    assert case.sql("select name from people where id > 1050") == "next!", "triggers are on again"
    case.sql(
        "delete from people where id > 1000;"
        "insert into orders select n, n, n * 1.00001 from generate_series(401, 500) n"
    )
    ours, theirs = (strip_sequences(str(text)) for text in (case.content(case.service()), before))
    assert ours == theirs, "foreign keys, triggers, indexes are as they were"


def strip_sequences(text: str) -> list[str]:
    return sorted(line for line in text.splitlines() if "setval(" not in line)


def test_a_table_that_is_gone_is_made_again_with_all_that_belongs_to_it(
    case: LocalCase, run: Run, dumped: Source
) -> None:
    before = str(case.content(case.service()))
    case.sql('drop table orders cascade; drop table "Other Schema".people; drop schema "Other Schema"')
    staged = database_of(case.service()).stage(dumped, run, ("orders", "Other Schema.people"))
    swapped = staged.swap()
    assert swapped.kept == swapped.drop == ""
    case.sql("create materialized view buyers as select distinct person from orders")
    assert sorted(str(case.content(case.service())).splitlines()) == sorted(before.splitlines())


def test_rows_that_no_longer_fit_the_others_are_refused_and_nothing_has_happened(
    case: LocalCase, run: Run, dumped: Source
) -> None:
    case.sql("insert into people (name) values ('new'); insert into orders values (9999, 1001, 1)")
    before = case.content(case.service())
    staged = database_of(case.service()).stage(dumped, run, ("public.people",))
    with pytest.raises(CommandError, match="violates foreign key constraint"):
        staged.swap()
    staged.discard()
    assert case.content(case.service()) == before
    assert case.databases() == [case.database]


def test_a_table_that_has_lost_a_column_is_refused(case: LocalCase, run: Run, dumped: Source) -> None:
    case.sql("alter table people drop column born cascade")
    before = case.content(case.service())
    staged = database_of(case.service()).stage(dumped, run, ("people",))
    with pytest.raises(SourceError, match="no longer has the column born"):
        staged.swap()
    staged.discard()
    assert case.content(case.service()) == before


def test_a_table_that_is_not_in_the_dump_is_refused_with_the_nearest_name(
    case: LocalCase, run: Run, dumped: Source
) -> None:
    with pytest.raises(UsageError, match=r"no table poeple. Did you mean public\.people"):
        database_of(case.service()).stage(dumped, run, ("poeple",))
    assert case.databases() == [case.database]


@pytest.fixture
def roles(case: LocalCase) -> Iterator[list[str]]:
    """Three roles with every property, one name awkward."""
    tail = secrets.token_hex(4)
    names = [f"group_{tail}", f"Us'er; \"{tail}", f"app_{tail}"]
    group, odd, app = ('"' + name.replace('"', '""') + '"' for name in names)
    case.server.sql(
        f"create role {group}; create role {odd} login connection limit 3 valid until '2040-01-01' password 'odd-pass';"
        f"create role {app} login createdb password 'app-pass'; grant {group} to {app} with admin option;"
        f"grant {group} to {odd}; alter role {app} set work_mem to '11MB';"
        f'alter role {app} set search_path to "$user", x;'
        f"comment on role {app} is 'it''s; the app\nreally'"
    )
    yield names
    for name in (group, odd, app):
        case.server.sql(f"drop role if exists {name}")


def describe(case: LocalCase, names: list[str], passwords: bool) -> str:
    among = "', '".join(name.replace("'", "''") for name in names)
    password = "rolpassword" if passwords else "1"
    return case.server.sql(
        f"""select rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolconnlimit, rolvaliduntil,
        {password}, (select setconfig from pg_db_role_setting where setrole = a.oid and setdatabase = 0),
        shobj_description(oid, 'pg_authid'), (select array_agg(roleid::regrole::text || admin_option order by 1)
        from pg_auth_members where member = a.oid) from pg_authid a where rolname in ('{among}') order by 1"""
    )


@pytest.mark.parametrize("secret", [True, False])
def test_f03_missing_roles_are_made_and_existing_ones_left_alone(
    case: LocalCase, run: Run, roles: list[str], tmp_path: Path, secret: bool
) -> None:
    case.server.create_database(case.database)
    component, _ = case.at(case.database, globals=True, secret=secret).components()
    assert component.secret is secret
    before = describe(case, roles, secret)
    source, facts = dump_to_file(component, run, tmp_path)
    assert {f"ROLE {name}" for name in roles} <= set(facts.contents)
    assert component.identity(run) == facts.source != Identity(label="")
    text = source.file().read_text()
    assert ("SCRAM-SHA-256" in text) is secret, "password hashes only where they are encrypted"
    gone = ['"' + name.replace('"', '""') + '"' for name in roles[1:]]
    case.server.sql(f"drop role {', '.join(gone)}; alter role {roles[0]} createdb")
    staged = component.stage(source, run)
    if not secret:
        assert any(f"role {roles[2]} has no password" in warning for warning in staged.warnings)
    swapped = staged.swap()
    assert swapped.now.startswith("2 missing roles") and swapped.kept == ""
    assert case.server.sql(f"select rolcreatedb from pg_roles where rolname = '{roles[0]}'") == "t", "not touched"
    case.server.sql(f"alter role {roles[0]} nocreatedb")
    assert describe(case, roles, secret) == before
    assert component.stage(source, run).swap().now.startswith("0 missing roles")


def test_roles_cut_short_are_refused(case: LocalCase, run: Run, tmp_path: Path) -> None:
    case.server.create_database(case.database)
    component, _ = case.at(case.database, globals=True).components()
    source, _ = dump_to_file(component, run, tmp_path)
    assert component.verify(source, run).contents
    whole = source.file().read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    cut = source_of(tmp_path / "cut", source.record.model_copy(update={"plain": None}), tmp_path)
    for use in (component.verify, component.stage):
        with pytest.raises(IntegrityError, match="not a whole dump"):
            use(cut, run)
