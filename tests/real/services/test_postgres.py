"""The kind `postgres` against real servers of two versions."""

import os
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from daytwo.core.errors import CancelledError, CommandError, MissingToolError, UsageError
from daytwo.core.manifest import ComponentRecord, Digest
from daytwo.core.run import Run
from daytwo.core.service import Component, DumpFacts
from daytwo.core.target import LOCAL
from daytwo.services.postgres.intake import placed
from daytwo.services.postgres.sieve import Sieve
from tests.contract.services import ServiceContract, dump_to_file, source_of
from tests.parts.postgres import PostgresServer
from tests.parts.process import wait_until
from tests.real.services.postgres_case import AWKWARD, ROWS, LocalCase, database_of


class TestPostgres18(ServiceContract):
    @pytest.fixture
    def case(self, postgres18: PostgresServer, tmp_path: Path) -> Iterator[LocalCase]:
        case = LocalCase(postgres18, tmp_path)
        yield case
        case.clean()


class TestPostgres15(ServiceContract):
    @pytest.fixture
    def case(self, postgres15: PostgresServer, tmp_path: Path) -> Iterator[LocalCase]:
        case = LocalCase(postgres15, tmp_path)
        yield case
        case.clean()


@pytest.fixture
def case(postgres18: PostgresServer, tmp_path: Path) -> Iterator[LocalCase]:
    case = LocalCase(postgres18, tmp_path)
    yield case
    case.clean()


@pytest.fixture
def old_case(postgres15: PostgresServer, tmp_path: Path) -> Iterator[LocalCase]:
    folder = tmp_path / "old"
    folder.mkdir()
    case = LocalCase(postgres15, folder)
    yield case
    case.clean()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return new_run(tmp_path)


def new_run(folder: Path, id: str | None = None) -> Run:
    work = folder / f"work-{secrets.token_hex(4)}"
    work.mkdir()
    return Run(id or secrets.token_hex(8), work, timeout=200)


def test_facts_name_source_tools_contents_and_rows(case: LocalCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, facts = dump_to_file(database_of(case.service()), run, tmp_path)
    listing = subprocess.run(
        [case.server.bin / "pg_restore", "--list", source.file()], capture_output=True, text=True, check=True
    ).stdout
    assert list(facts.contents) == [line for line in listing.splitlines() if not line.startswith(";")]
    assert facts.counts.items() >= ROWS.items()
    assert not {"public.buyers", "public.unborn", "public.events", "public.fine_people"} & set(facts.counts)
    assert facts.source.label.startswith("PostgreSQL 18.") and case.database in facts.source.label
    assert facts.source.holds.startswith("7 tables, ")
    assert facts.tools["pg_dump"].startswith("18.")
    assert facts.warnings == ()


def test_identity_of_a_database_that_does_not_exist_holds_nothing(case: LocalCase, run: Run) -> None:
    there = database_of(case.service())
    absent = there.identity(run)
    assert absent.holds == "nothing" and absent.id.endswith(f":{case.database}")
    case.fill()
    assert there.identity(run).id == absent.id
    assert database_of(case.at(case.other)).identity(run).id != absent.id


def test_f02_counts_are_of_the_dumps_own_snapshot_while_writes_go_on(case: LocalCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    case.sql("create table busy (id serial, pad text); insert into busy (pad) select repeat('x', 500) "
             "from generate_series(1, 60000)")  # fmt: skip
    stop, written = threading.Event(), 0

    def write() -> None:
        nonlocal written
        while not stop.is_set():
            case.sql("begin; insert into busy (pad) values ('new'), ('new'); delete from busy where id % 1000 = "
                     f"{written % 1000}; insert into orders values ({10000 + written}, 1, 1); commit;")  # fmt: skip
            written += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        source, facts = dump_to_file(database_of(case.service()), run, tmp_path)
    finally:
        stop.set()
        writer.join()
    assert written > 1, "there was something to tell apart"
    assert int(case.sql("select count(*) from busy")) != facts.counts["public.busy"]
    staged = database_of(case.elsewhere()).stage(source, run)
    assert dict(staged.counts) == dict(facts.counts)
    staged.discard()


@pytest.mark.parametrize("how", ["truncate big", "drop table big", "vacuum full big"])
def test_a_table_that_goes_when_pg_dump_lets_go_of_it_is_not_counted_wrong(
    case: LocalCase, run: Run, tmp_path: Path, how: str
) -> None:
    case.fill()
    case.sql("create table later as select n, repeat(md5(n::text), 200) from generate_series(1, 2000) n")
    component = database_of(case.service())
    with component.dump(run) as dump, (tmp_path / "db.dump").open("wb") as out:
        chunks = dump.chunks()
        out.write(next(chunks))
        other = threading.Thread(target=case.sql, args=(how,))
        other.start()
        waiting = "select count(*) from pg_locks where not granted and mode = 'AccessExclusiveLock'"
        wait_until(lambda: case.sql(waiting) == "1", what="it waits for pg_dump")
        out.writelines(chunks)
        facts = dump.facts()
    other.join()
    assert facts.counts.get("public.big", 40) == 40
    assert ("public.big" in facts.counts) != any("public.big" in warning for warning in facts.warnings)
    assert facts.counts["public.later"] == 2000
    source = source_of(tmp_path / "db.dump", record_of(component, facts), tmp_path)
    staged = database_of(case.elsewhere()).stage(source, run)
    assert dict(staged.counts) == dict(facts.counts), "no false alarm at the restore"
    staged.discard()


def record_of(component: Component, facts: DumpFacts) -> ComponentRecord:
    return ComponentRecord(
        name=component.name, service=component.service, kind=component.kind, format=component.format,
        counts=dict(facts.counts), contents=facts.contents, source=facts.source, tools=dict(facts.tools),
        begun=datetime.now(UTC), ended=datetime.now(UTC),
    )  # fmt: skip


def test_a_stale_materialized_view_is_no_mismatch(case: LocalCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    case.sql("insert into orders values (9999, 999, 1)")
    assert case.sql("select count(*) from buyers") == "500"
    source, facts = dump_to_file(database_of(case.service()), run, tmp_path)
    staged = database_of(case.elsewhere()).stage(source, run)
    assert dict(staged.counts) == dict(facts.counts)
    staged.swap()
    assert case.sql("select count(*) from buyers", case.other) == "501"


def test_thousands_of_tables_have_their_contents_read_from_the_stream(
    case: LocalCase, run: Run, tmp_path: Path
) -> None:
    case.server.create_database(case.database)
    case.sql("do $$ begin for n in 1..1500 loop execute format('create table t%s (id int primary key, t text)', n); "
             "execute format('insert into t%s select n, repeat(''x'', 100) from generate_series(1, %s) n', n, n % 7); "
             "if n % 500 = 0 then commit; end if; end loop; end $$")  # fmt: skip
    source, facts = dump_to_file(database_of(case.service()), run, tmp_path)
    assert len(facts.contents) > 4000 and len(facts.counts) == 1500 and facts.counts["public.t1006"] == 5
    staged = database_of(case.elsewhere()).stage(source, run)
    assert dict(staged.counts) == dict(facts.counts)
    staged.discard()


def test_excluded_tables_are_neither_dumped_nor_counted(case: LocalCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, facts = dump_to_file(database_of(case.at(case.database, exclude_tables=["public.b*"])), run, tmp_path)
    assert "public.big" not in facts.counts and "public.people" in facts.counts
    staged = database_of(case.elsewhere()).stage(source, run)
    assert dict(staged.counts) == dict(facts.counts)
    staged.discard()


def test_f04_a_client_older_than_the_server_is_refused_before_it_starts(
    case: LocalCase, run: Run, tmp_path: Path, postgres15: PostgresServer
) -> None:
    case.fill()
    with pytest.raises(MissingToolError) as caught:
        dump_to_file(database_of(case.at(case.database, bin=str(postgres15.bin))), run, tmp_path)
    assert re.search(
        r"pg_dump 15\.\d+ is older than the server, PostgreSQL 18\.\d+.*postgresql-client-18", str(caught.value)
    )


def test_f04_the_closest_client_that_fits_is_found(case: LocalCase, old_case: LocalCase, run: Run, tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setenv("PATH", f"{case.server.bin}:{os.environ['PATH']}")
    case.fill()
    old_case.fill()
    _, facts = dump_to_file(database_of(case.at(case.database, bin=None)), run, tmp_path)
    _, old_facts = dump_to_file(database_of(old_case.at(old_case.database, bin=None)), run, tmp_path)
    assert facts.tools["pg_dump"].startswith("18.") and old_facts.tools["pg_dump"].startswith("15.")


def test_f03_a_newer_dump_goes_into_an_older_server(
    case: LocalCase, old_case: LocalCase, run: Run, tmp_path: Path
) -> None:
    case.fill()
    role = f"owner_{secrets.token_hex(4)}"
    case.sql(f"create role {role}; alter table big owner to {role}; grant select on people to {role}")
    try:
        source, facts = dump_to_file(database_of(case.service()), run, tmp_path)
        component = database_of(old_case.at(old_case.database, bin=str(case.server.bin)))
        assert component.obstacles(source.record, run) == ()
        assert any("the dump is of PostgreSQL 18" in warning for warning in run.warnings)
        staged = component.stage(source, run)
        assert dict(staged.counts) == dict(facts.counts)
        said = "\n".join(staged.warnings)
        assert "transaction_timeout" in said and f'role "{role}" does not exist' in said
        staged.swap()
        assert old_case.sql("select count(*) from big") == "40"
    finally:
        case.clean()
        case.server.sql(f"drop role {role}")


def test_f03_a_locale_that_the_server_does_not_know_is_a_warning(
    case: LocalCase, old_case: LocalCase, run: Run, tmp_path: Path
) -> None:
    case.server.sql(f"create database \"{case.database}\" template template0 encoding 'UTF8' locale_provider builtin "
                    "builtin_locale 'C.UTF-8' locale 'C'")  # fmt: skip
    case.sql("create table t as select 'é' as c")
    source, facts = dump_to_file(database_of(case.service()), run, tmp_path)
    case.destroy()
    database_of(case.service()).stage(source, run).swap()
    about = f"select datlocprovider, datlocale from pg_database where datname = '{case.database}'"
    assert case.server.sql(about) == "b|C.UTF-8", "a server that knows it has it again"
    staged = database_of(old_case.at(old_case.database, bin=str(case.server.bin))).stage(source, run)
    assert "the new database has the server's own locale" in staged.warnings[0]
    assert dict(staged.counts) == dict(facts.counts)
    staged.discard()


def test_f03_an_older_dump_goes_into_a_newer_server(
    case: LocalCase, old_case: LocalCase, run: Run, tmp_path: Path
) -> None:
    old_case.fill()
    source, facts = dump_to_file(database_of(old_case.service()), run, tmp_path)
    staged = database_of(case.service()).stage(source, run)
    assert dict(staged.counts) == dict(facts.counts) and staged.warnings == ()
    staged.discard()


def test_f03_a_dump_that_the_clients_cannot_read_is_an_obstacle(
    case: LocalCase, old_case: LocalCase, run: Run, tmp_path: Path
) -> None:
    case.fill()
    source, _ = dump_to_file(database_of(case.service()), run, tmp_path)
    component = database_of(old_case.service())
    [obstacle] = component.obstacles(source.record, run)
    assert re.search(r"pg_restore 15\.\d+ cannot read a dump of pg_dump 18", obstacle)
    with pytest.raises(MissingToolError):
        component.stage(source, run)


def test_f02_a_real_error_ends_the_restore_and_leaves_nothing(case: LocalCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    # Happens to people: a function that leans on the search path works where it was made, and not in a restore.
    case.sql(
        "create function few() returns boolean language plpgsql as 'begin return (select count(*) from people) < 9999; "
        "end'; create table trap (a int check (few())); insert into trap values (1)"
    )
    source, _ = dump_to_file(database_of(case.service()), run, tmp_path)
    before, left = case.content(case.service()), case.leftovers()
    with pytest.raises(CommandError, match=r'rows of trap could not be loaded: relation "people" does not exist'):
        database_of(case.service()).stage(source, run)
    assert case.content(case.service()) == before and case.leftovers() == left


def read_if_there(path: Path) -> bytes:
    """What a file holds; nothing when it is gone meanwhile."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_f11_the_password_is_in_no_command_line(case: LocalCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    case.sql("insert into big select n, repeat(md5(n::text), 3000) from generate_series(1, 400) n")
    with database_of(case.service()).dump(run) as dump:
        chunks = dump.chunks()
        next(chunks)
        seen = [read_if_there(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
    assert any(b"pg_dump" in line for line in seen)
    assert not any(case.server.password.encode() in line for line in seen)


def test_f13_a_dump_that_is_left_early_leaves_no_process(case: LocalCase, run: Run) -> None:
    case.fill()
    case.sql("insert into big select n, repeat(md5(n::text), 3000) from generate_series(1, 400) n")
    with database_of(case.service()).dump(run) as dump:
        chunks = dump.chunks()  # as long as somebody holds it, it goes on
        next(chunks)
        assert sessions(case) >= 2
    wait_until(lambda: sessions(case) == 0, what="the server's sessions are over", seconds=20)


def test_f12_a_cancelled_restore_leaves_the_live_data_and_nothing_else(
    case: LocalCase, run: Run, tmp_path: Path
) -> None:
    case.fill()
    case.sql("create table slow (id int); insert into slow select 1 from generate_series(1, 2000000)")
    source, _ = dump_to_file(database_of(case.service()), run, tmp_path)
    left = case.databases()
    ours = new_run(tmp_path)

    def cancel() -> None:
        wait_until(lambda: any("_daytwo_" in name for name in case.databases()), what="staging has begun")
        ours.cancel("the test says so")

    canceller = threading.Thread(target=cancel)
    canceller.start()
    with pytest.raises(CancelledError):
        database_of(case.service()).stage(source, ours)
    canceller.join()
    assert case.databases() == left


def sessions(case: LocalCase) -> int:
    return int(case.server.sql(f"select count(*) from pg_stat_activity where datname = '{case.database}'"))


def test_swap_under_an_app_that_reconnects_at_once(case: LocalCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(database_of(case.service()), run, tmp_path)
    case.change()
    staged = database_of(case.service()).stage(source, run)
    stop, errors = threading.Event(), []

    def app() -> None:
        while not stop.is_set():
            try:
                with psycopg.connect(case.server.url(case.database.replace(" ", "%20")), autocommit=True) as connection:
                    while not stop.is_set():
                        connection.execute("select count(*) from people")
            except psycopg.Error as error:
                errors.append(str(error))

    apps = [threading.Thread(target=app) for _ in range(6)]
    for one in apps:
        one.start()
    wait_until(lambda: sessions(case) >= 6, what="the app is connected")
    begun = time.monotonic()
    swapped = staged.swap()
    took = time.monotonic() - begun
    stop.set()
    for one in apps:
        one.join()
    assert took < 20, errors[-1]
    assert swapped.kept == f"database {case.database}_before_{run.id[:8]}"
    assert errors, "the app did notice"
    assert case.sql("select count(*) from orders") == "500"
    assert case.sql("select count(*) from orders", f"{case.database}_before_{run.id[:8]}") == "100"


def test_the_command_that_drops_the_old_database_works(case: LocalCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(database_of(case.service()), run, tmp_path)
    swapped = database_of(case.service()).stage(source, run).swap()
    assert len(case.databases()) == 2
    assert case.server.password not in swapped.drop
    subprocess.run(["sh", "-c", swapped.drop], env={**os.environ, **case.server.env()}, check=True, capture_output=True)
    assert case.databases() == [case.database]


def test_settings_grants_and_comment_of_the_database_are_carried_over(
    case: LocalCase, run: Run, tmp_path: Path
) -> None:
    role = f"Röle {secrets.token_hex(4)}"
    name = case.database
    case.fill()
    case.server.sql(f"""create role "{role}"; alter database "{name}" set search_path to "Other Schema", public;
        alter database "{name}" set work_mem to '12MB'; alter role "{role}" in database "{name}" set jit to off;
        revoke all on database "{name}" from public; grant connect, create on database "{name}" to "{role}";
        alter database "{name}" connection limit 77; comment on database "{name}" is 'it''s; ours';""")
    about = f"""select datconnlimit, datacl::text, shobj_description(oid, 'pg_database'), pg_get_userbyid(datdba),
        (select array_agg(setrole::text || setconfig::text order by setrole) from pg_db_role_setting
         where setdatabase = d.oid) from pg_database d where datname = '{name}'"""
    try:
        before = case.server.sql(about)
        source, _ = dump_to_file(database_of(case.service()), run, tmp_path)
        database_of(case.service()).stage(source, run).swap()
        assert case.server.sql(about) == before, "from the live database"
        case.clean()
        database_of(case.service()).stage(source, run).swap()
        assert case.server.sql(about) == before, "from the dump, where there is no live database"
        assert run.warnings == []
    finally:
        case.clean()
        case.server.sql(f'drop role "{role}"')


def test_obstacles_are_missing_rights_with_their_remedy(case: LocalCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    role = f"plain_{secrets.token_hex(4)}"
    case.server.sql(f"create role {role} login password 'plain-password'")
    (tmp_path / "plain").write_text("plain-password")
    try:
        source, _ = dump_to_file(database_of(case.service()), run, tmp_path)
        found = database_of(case.at(case.database, user=role, password={"file": "plain"})).obstacles(source.record, run)
        assert f"ALTER ROLE {role} CREATEDB" in found[0] and f"GRANT postgres TO {role}" in found[1]
        huge = source.record.model_copy(update={"plain": Digest(sha256="", size=10**16)})
        [obstacle] = database_of(case.service()).obstacles(huge, run)
        assert "15000 TB" in obstacle and "free" in obstacle
    finally:
        case.server.sql(f"drop role {role}")


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_other_encodings(case: LocalCase, run: Run, tmp_path: Path, encoding: str) -> None:
    case.server.sql(f"create database \"{case.database}\" template template0 encoding '{encoding}' locale 'C'")
    case.sql(f"set client_encoding to {encoding}; create table odd (t text); insert into odd values (E'caf\\xe9')")
    read = f"select convert_to(t, '{encoding}'), pg_encoding_to_char(encoding) from odd, pg_database " \
           "where datname = current_database()"  # fmt: skip
    before = case.sql(read)
    source, facts = dump_to_file(database_of(case.service()), run, tmp_path)
    assert facts.counts == {"public.odd": 1}
    database_of(case.service()).stage(source, run).swap()
    assert case.sql(read) == before
    case.clean()
    database_of(case.service()).stage(source, run).swap()
    assert case.sql(read) == before, "where there is no live database either"


def test_the_staged_copy_is_the_file_that_pg_dump_would_write(case: LocalCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    source, _ = dump_to_file(database_of(case.service()), run, tmp_path)
    by_hand = tmp_path / "by-hand.dump"
    argv = [str(case.server.bin / "pg_dump"), "--format=custom", "--compress=0", f"--file={by_hand}"]
    subprocess.run(argv, env={**os.environ, **case.server.env(case.database)}, check=True)
    expected = by_hand.read_bytes()
    assert source.file().read_bytes()[60:] != expected[60:], "a stream lacks the positions"
    with placed(source, LOCAL, run) as path:
        assert Path(path).read_bytes()[60:] == expected[60:], "all but the time in the head"
    assert not list(run.work.iterdir())


@pytest.mark.parametrize("size", [1000, 4099, 1 << 20])
@pytest.mark.parametrize("compress", ["0", "6"])
def test_positions_are_found_whatever_the_pieces(case: LocalCase, tmp_path: Path, size: int, compress: str) -> None:
    case.fill()
    case.sql("select lo_from_bytea(0, decode(repeat('0000000000', 20000), 'hex')), lo_from_bytea(0, '')")
    argv = [str(case.server.bin / "pg_dump"), "--format=custom", f"--compress={compress}"]
    env = {**os.environ, **case.server.env(case.database)}
    subprocess.run([*argv, f"--file={tmp_path}/file"], env=env, check=True)
    streamed = subprocess.run(argv, env=env, check=True, capture_output=True).stdout
    sieve = Sieve(rows=False)
    pieces = [streamed[at : at + size] for at in range(0, len(streamed), size)]
    passed = b"".join(part for piece in pieces for part in sieve.feed(piece) if isinstance(part, bytes))
    assert passed == streamed and list(sieve.finish()) == []
    head = sieve.head()
    assert head and head[60:] + streamed[len(head) :] == (tmp_path / "file").read_bytes()[60:]
    for cut in (100, len(streamed) // 2, len(streamed) - 3):
        sieve = Sieve(rows=False)
        passed = b"".join(part for part in (*sieve.feed(streamed[:cut]), *sieve.finish()) if isinstance(part, bytes))
        assert passed == streamed[:cut], "what is not understood is left as it is"
        assert sieve.head() is None


def test_a_role_that_is_no_superuser_backs_up_and_restores_its_own(case: LocalCase, run: Run, tmp_path: Path) -> None:
    role = f"app_{secrets.token_hex(4)}"
    case.server.sql(f"create role {role} login createdb password 'app-password'")
    (tmp_path / "app").write_text("app-password")
    service = case.at(case.database, user=role, password={"file": "app"}, globals=True)
    try:
        case.server.sql(f'create database "{case.database}" owner {role}')
        case.sql(f"set role {role}; {AWKWARD}")
        before = case.content(service)
        roles, database = service.components()
        role_source, _ = dump_to_file(roles, run, tmp_path)
        source, facts = dump_to_file(database, run, tmp_path)
        assert role in " ".join(role_source.record.contents)
        case.change()
        roles.stage(role_source, run).swap()
        assert database.obstacles(source.record, run) == ()
        staged = database.stage(source, run)
        assert dict(staged.counts) == dict(facts.counts)
        assert staged.swap().kept
        assert case.content(service) == before
    finally:
        case.clean()
        case.server.sql(f"drop role {role}")


def test_extract_one_table_as_sql(case: LocalCase, run: Run, tmp_path: Path) -> None:
    case.fill()
    component = database_of(case.service())
    source, _ = dump_to_file(component, run, tmp_path)
    case.server.create_database(case.other)
    case.sql(AWKWARD.splitlines()[1], case.other)
    case.sql('create schema "Other Schema"', case.other)
    for item in ('public."Weird "" Näme.x"', "big", "Other Schema.people"):
        text = b"".join(component.extract(source, item, run)).decode()
        case.sql(text, case.other)
    assert case.sql("select count(*) from big", case.other) == "40"
    assert case.sql('select count(*) from "Weird "" Näme.x"', case.other) == "4"
    assert case.sql('select who from "Other Schema".people', case.other) == "another"
    with pytest.raises(UsageError, match=r"Did you mean public\.people"):
        b"".join(component.extract(source, "poeple", run))
