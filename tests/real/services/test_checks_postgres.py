"""Kind `postgres` while it is watched: the real server in good and bad times."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import ValidationError

from daytwo.core.check import Check, Verdict
from daytwo.core.service import AnyService
from daytwo.services.postgres.slow import without_values
from tests.contract.checks import CheckCase, CheckContract, ask
from tests.parts.postgres import PostgresServer, postgres15
from tests.parts.process import LOOPBACK, Program, kept, server_user, wait_until
from tests.real.services.postgres_case import LocalCase
from tests.services.watched import NO_NUMBER, QUERIES, named, observe, silent_port

OPTIONAL = {"cache_hits", "replicas", "replication_lag", "replication_lag_bytes", "slots_retain"}


class PostgresChecks(CheckCase):
    sometimes = frozenset({*OPTIONAL, "statements", "calls", "slowest"})

    def __init__(self, case: LocalCase, silent: int) -> None:
        self.case, self.silent, self.secrets = case, silent, case.secrets
        case.server.create_database(case.database)
        case.sql("create table people (name text); insert into people values ('Ann'), ('Bob')")

    def good(self) -> list[AnyService]:
        return [self.case.at(self.case.database, queries=QUERIES)]

    def broken(self) -> list[AnyService]:
        at, database = self.case.at, self.case.database
        return [at("does not exist"), at(database, password={"file": "wrong"}), at(database, user="nobody_at_all")]

    def absent(self) -> list[AnyService]:
        at, database = self.case.at, self.case.database
        gone = at(database, container="daytwo-no-such-container", host=None, port=None, bin=None)
        return [at(database, port=1), at(database, host="no-such-host.invalid"), gone]

    def slow(self) -> list[AnyService]:
        return [self.case.at(self.case.database, port=self.silent)]

    def our_fault(self) -> list[AnyService]:
        at, database = self.case.at, self.case.database
        return [at(database, bin="/no/such/folder"), at(database, password={"file": "no-such-file"})]

    def fails(self, check: Check) -> bool:
        return check.name == "db"


@pytest.fixture
def case(postgres18: PostgresServer, tmp_path: Path) -> Iterator[LocalCase]:
    case = LocalCase(postgres18, tmp_path)
    yield case
    case.clean()


@pytest.fixture
def people(case: LocalCase) -> LocalCase:
    """A database with a table of two."""
    PostgresChecks(case, 1)
    return case


class TestPostgres18(CheckContract):
    @pytest.fixture
    def case(self, case: LocalCase) -> Iterator[PostgresChecks]:
        with silent_port() as port:
            yield PostgresChecks(case, port)


class TestPostgres15(CheckContract):
    @pytest.fixture
    def case(self, postgres15: PostgresServer, tmp_path: Path) -> Iterator[PostgresChecks]:
        local = LocalCase(postgres15, tmp_path)
        with silent_port() as port:
            yield PostgresChecks(local, port)
        local.clean()


@contextlib.contextmanager
def session(case: LocalCase, name: str = "app") -> Iterator[psycopg.Connection]:
    """A session of an app."""
    with psycopg.connect(case.server.url().replace("/postgres?", "?"), dbname=case.database,
                         application_name=name) as connection:  # fmt: skip
        yield connection


def test_sessions_are_told_as_they_are(people: LocalCase, tmp_path: Path) -> None:
    check = named(people.at(people.database))
    quiet = ask(check, tmp_path).numbers
    assert quiet["idle_in_transaction"] == quiet["waiting"] == quiet["longest_transaction"] == 0
    with session(people) as one, session(people) as other, session(people, "daytwo") as ours:
        ours.execute("select pg_sleep(0.5)")
        one.execute("lock people")
        other.autocommit = True
        with contextlib.ExitStack() as stack:
            waiting = psycopg.connect(people.server.url(), dbname=people.database)
            stack.callback(waiting.close)
            waiting.pgconn.send_query(b"begin; lock people")
            wait_until(lambda: ask(check, tmp_path).numbers["waiting"] >= 1, what="somebody waits")
            found = ask(check, tmp_path).numbers
            one.rollback()
    assert found["idle_in_transaction"] == 2, "the app's, and our own backup's"
    assert found["connections_used"] >= quiet["connections_used"] + 4
    assert found["connections"] == found["connections_used"] / found["connections_max"]
    assert 0 < found["longest_transaction"] < 60


def test_our_own_backup_is_no_long_transaction(people: LocalCase, tmp_path: Path) -> None:
    with session(people, "daytwo") as ours:
        ours.execute("select pg_sleep(1.2)")
        assert observe(people.at(people.database), tmp_path).numbers["longest_transaction"] < 1
    with session(people) as theirs:
        theirs.execute("select pg_sleep(1.2)")
        assert observe(people.at(people.database), tmp_path).numbers["longest_transaction"] > 1


def test_the_second_look_knows_how_much_was_in_memory(people: LocalCase, tmp_path: Path) -> None:
    check = named(people.at(people.database))
    assert "cache_hits" not in ask(check, tmp_path).numbers
    people.sql("select count(*) from people")
    wait_until(lambda: "cache_hits" in ask(check, tmp_path).numbers, what="the server's statistics are there")


def test_an_app_role_is_told_what_it_does_not_see(people: LocalCase, tmp_path: Path) -> None:
    role = f"app_{people.database[-6:]}"
    people.sql(f"create role {role} login password '{people.server.password}'")
    try:
        found = observe(people.at(people.database, user=role), tmp_path)
        assert found.verdict is Verdict.OK and "pg_monitor" in found.facts["rights"]
        service = people.at(people.database, user=role)
        assert observe(service, tmp_path, "db.tables").verdict is Verdict.OK
        assert observe(service, tmp_path, "db.slow").verdict is Verdict.OK
    finally:
        people.sql(f"drop role {role}")


def test_dead_rows_and_unused_indexes(people: LocalCase, tmp_path: Path) -> None:
    people.sql(
        "create table jobs (id int primary key, state text) with (autovacuum_enabled = off);"
        "create index never on jobs (state); insert into jobs select n, 'x' from generate_series(1, 10000) n;"
        "delete from jobs where id <= 8000"
    )
    people.sql("analyze jobs")  # when the session before has told its own numbers
    check = named(people.at(people.database), "db.tables")
    wait_until(lambda: ask(check, tmp_path).numbers["dead_rows_worst"] > 0.7, what="the dead are counted")
    found = ask(check, tmp_path)
    assert found.numbers["dead_rows_worst"] == pytest.approx(0.8, abs=0.01)
    assert found.numbers["unused_indexes"] >= 65536 and found.numbers["tables"] == 2
    assert found.facts["most_dead"] == "public.jobs: 80% of its rows, never vacuumed"
    assert found.facts["largest"].startswith("public.jobs ")


def test_a_locked_table_is_not_waited_for(people: LocalCase, tmp_path: Path) -> None:
    with session(people) as migration:
        migration.execute("lock people in access exclusive mode")
        found = observe(people.at(people.database), tmp_path, "db.tables")
        assert found.verdict is Verdict.INCONCLUSIVE and "lock timeout" in found.why
        assert observe(people.at(people.database), tmp_path).verdict is Verdict.OK


@pytest.mark.parametrize("name", NO_NUMBER)
def test_what_is_no_number_is_a_failure_and_changes_nothing(people: LocalCase, tmp_path: Path, name: str) -> None:
    sql, said = NO_NUMBER[name]
    service = people.at(people.database, queries={"one": {"sql": sql}})
    found = observe(service, tmp_path, "db.one")
    assert found.verdict is Verdict.FAILED and "Ann" not in found.why
    assert said in found.why, found.why
    assert people.sql("select count(*) from people") == "2"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select 1\n\\! touch {made}\n", "syntax error"),
        ("select :HOST", "syntax error"),
        ("with gone as (delete from people returning 1) select count(*) from gone", "data-modifying"),
        ("select setval('counter', 5)", "read-only transaction"),
        ("select count(*) from pg_sleep(30)", "not done within 1s"),
    ],
)
def test_a_query_cannot_do_more_than_ask(people: LocalCase, tmp_path: Path, sql: str, said: str) -> None:
    people.sql("create sequence counter")
    made = tmp_path / "made"
    service = people.at(people.database, queries={"one": {"sql": sql.format(made=made), "timeout": "1s"}})
    found = observe(service, tmp_path, "db.one")
    assert found.verdict is Verdict.FAILED and said in found.why
    assert not made.exists()


def test_a_query_may_not_be_called_as_a_check_that_is_there_anyway(case: LocalCase) -> None:
    with pytest.raises(ValidationError, match="slow is the name of a check"):
        case.at("x", queries={"slow": {"sql": "select 1"}})


def test_a_slot_that_nobody_reads_keeps_log(people: LocalCase, tmp_path: Path) -> None:
    slot = f"slot_{people.database[-6:]}"
    people.sql(f"select pg_create_physical_replication_slot('{slot}', true)")
    try:
        people.sql("insert into people select 'x' from generate_series(1, 10000)")
        assert observe(people.at(people.database), tmp_path).numbers["slots_retain"] > 100_000
    finally:
        people.sql(f"select pg_drop_replication_slot('{slot}')")


@pytest.fixture(scope="module")
def counting() -> Iterator[PostgresServer]:
    """A server that counts statements."""
    with postgres15({"shared_preload_libraries": "pg_stat_statements"}) as server:
        yield server


@pytest.fixture
def counted(counting: PostgresServer, tmp_path: Path) -> Iterator[LocalCase]:
    case = LocalCase(counting, tmp_path)
    PostgresChecks(case, 1)
    case.sql("create schema tools; create extension pg_stat_statements schema tools")
    yield case
    case.clean()


def test_slow_statements_are_those_since_the_last_look(counted: LocalCase, tmp_path: Path) -> None:
    counted.sql("select pg_sleep(0.4), 'long ago'")
    check = named(counted.at(counted.database, slow="200ms"), "db.slow")
    first = ask(check, tmp_path)
    assert not first.numbers and "since" in first.facts
    assert ask(check, tmp_path).numbers == {"statements": 0, "calls": 0, "slowest": pytest.approx(0, abs=0.2)}
    counted.sql("/* of Ann */ select pg_sleep(0.4), count(*), 'Ann Example', 4711 from people")
    counted.sql("select 'quick'")
    found = ask(check, tmp_path)
    assert found.numbers["statements"] == found.numbers["calls"] == 1
    assert 0.4 <= found.numbers["slowest"] < 5
    assert "from people" in found.facts["slowest"]
    assert "Ann" not in found.facts["slowest"] and "4711" not in found.facts["slowest"]
    assert ask(check, tmp_path).numbers["statements"] == 0


def test_the_literals_of_utility_statements_are_not_told(counted: LocalCase, tmp_path: Path) -> None:
    check = named(counted.at(counted.database, slow="100ms"), "db.slow")
    ask(check, tmp_path)
    counted.sql("do $$ begin perform pg_sleep(0.3), 'hunter2'; end $$")
    found = ask(check, tmp_path)
    assert found.facts["slowest"].endswith("do ?") or found.facts["slowest"].endswith("DO ?")


def test_without_the_extension_it_says_what_to_do(counting: PostgresServer, people: LocalCase, tmp_path: Path) -> None:
    found = observe(people.at(people.database), tmp_path, "db.slow")
    assert found.verdict is Verdict.OK and "create extension" in found.facts["pg_stat_statements"]
    assert not found.numbers


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "select 'it''s', E'a\\'b', 12, 1.5e3, x1, t2.c3 from t where a = $1",
            "select ?, ?, ?, ?, x1, t2.c3 from t where a = $1",
        ),
        ("alter role a password 'cut off in the mid", "alter role a password ?"),
        ("select $$a$$, $x$b $$ c$x$, U&'d' /* e */ -- f\n, 1", "select ?, ?, ?  \n, ?"),
        ("do $body$ never ended", "do ?"),
    ],
)
def test_statements_are_told_without_values(sql: str, expected: str) -> None:
    assert without_values(sql) == expected


@pytest.fixture(scope="module")
def replica(counting: PostgresServer) -> Iterator[LocalCase]:
    """A replica of the server that counts."""
    user = server_user("postgres")
    with kept(user) as keeper:
        data = keeper.folder / "data"
        env = counting.env()
        copy = [str(counting.bin / "pg_basebackup"), "-D", str(data), "-X", "stream", "-R", "-c", "fast"]
        keeper.finish(Program(copy, user, env=env | {"PATH": "/usr/bin:/bin"}))

        def program(port: int) -> Program:
            own = [f"--unix_socket_directories={keeper.folder}", f"--listen_addresses={LOOPBACK}", f"--port={port}"]
            loaded = "--shared_preload_libraries=pg_stat_statements"
            return Program([str(counting.bin / "postgres"), "-D", str(data), *own, loaded], user, stop_signal=2)

        def server(port: int, pid: int) -> PostgresServer:
            return PostgresServer(15, LOOPBACK, port, counting.user, counting.password, data, counting.bin,
                                  keeper.log, pid, keeper)  # fmt: skip

        port, pid = keeper.start_on_free_port(program, lambda port: server(port, 0).ready(), what="the replica")
        case = LocalCase.__new__(LocalCase)
        case.server = server(port, pid)
        yield case


def test_replication_is_told_on_both_sides(counted: LocalCase, replica: LocalCase, tmp_path: Path) -> None:
    primary = named(counted.at(counted.database))
    second = named(counted.at(counted.database, port=replica.server.port))

    def caught_up() -> bool:
        here, there = ask(primary, tmp_path), ask(second, tmp_path)
        return there.verdict is Verdict.OK and here.numbers.get("replication_lag_bytes") == 0

    wait_until(caught_up, what="the replica has caught up", seconds=30)
    assert ask(primary, tmp_path).numbers["replicas"] == 1
    behind = ask(second, tmp_path)
    assert behind.facts["role"] == "replica" and behind.numbers["replication_lag"] < 30
    replica.server.sql("select pg_wal_replay_pause()")
    counted.sql("insert into people select 'x' from generate_series(1, 10000)")
    wait_until(lambda: ask(primary, tmp_path).numbers["replication_lag_bytes"] > 100_000, what="it is behind")
    wait_until(lambda: ask(second, tmp_path).numbers["replication_lag_bytes"] > 100_000, what="it knows")
    assert ask(second, tmp_path).numbers["replication_lag"] > 0
    replica.server.sql("select pg_wal_replay_resume()")
    for name in ("db.tables", "db.slow"):
        service = counted.at(counted.database, port=replica.server.port)
        assert observe(service, tmp_path, name).verdict is Verdict.OK, "a replica takes these questions, too"
