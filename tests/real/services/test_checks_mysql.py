"""Kind `mysql` while it is watched: the real server in good and bad times."""

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.core.check import Check, Verdict
from daytwo.core.service import AnyService
from tests.contract.checks import CheckCase, CheckContract, ask
from tests.parts.mariadb import MariadbServer, mariadb
from tests.parts.process import wait_until
from tests.real.services.mysql_case import PASSWORD, MysqlCase, reveal
from tests.services.watched import NO_NUMBER, QUERIES, named, observe, silent_port


class MysqlChecks(CheckCase):
    sometimes = frozenset({"buffer_hits", "replication_lag"})

    def __init__(self, case: MysqlCase, silent: int) -> None:
        self.case, self.silent, self.secrets = case, silent, case.secrets
        case.sql("create table people (name text); insert into people values ('Ann'), ('Bob')")

    def good(self) -> list[AnyService]:
        return [self.case.make(queries=QUERIES)]

    def broken(self) -> list[AnyService]:
        make = self.case.make
        return [make(database=f"{self.case.name}_absent"), make(password={"env": "PATH"}), make(user="nobody_at_all")]

    def absent(self) -> list[AnyService]:
        make = self.case.make
        return [make(port=1), make(host="no-such-host.invalid"), make(container="daytwo-no-such-container")]

    def slow(self) -> list[AnyService]:
        return [self.case.make(port=self.silent)]

    def our_fault(self) -> list[AnyService]:
        return [self.case.make(password={"env": "DAYTWO_NO_SUCH_VARIABLE"})]

    def fails(self, check: Check) -> bool:
        return check.name == "db"


@pytest.fixture
def case(mariadb: MariadbServer) -> Iterator[MysqlCase]:
    reveal(mariadb)
    case = MysqlCase(mariadb)
    yield case
    case.remove()


@pytest.fixture
def people(case: MysqlCase) -> MysqlCase:
    """A database with a table of two."""
    MysqlChecks(case, 1)
    return case


class TestMariadb(CheckContract):
    @pytest.fixture
    def case(self, case: MysqlCase) -> Iterator[MysqlChecks]:
        with silent_port() as port:
            yield MysqlChecks(case, port)


def test_a_long_transaction_and_who_waits_for_it(people: MysqlCase, tmp_path: Path) -> None:
    check = named(people.make())
    assert ask(check, tmp_path).numbers["longest_transaction"] == 0
    argv = [str(people.server.bin / "mariadb"), f"--defaults-file={people.server.client_file}", people.name]
    held = "begin; update people set name = 'x'; select sleep(30);"
    sessions = [
        subprocess.Popen([*argv, "-e", held], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in "12"
    ]
    try:
        # InnoDB shows transactions anew only to who has not looked for 100 ms (trx0i_s.cc, CACHE_MIN_IDLE_TIME_NS).
        wait_until(
            lambda: ask(check, tmp_path).numbers["waiting"] == 1, what="the second waits for the first", every=0.3
        )
        wait_until(lambda: ask(check, tmp_path).numbers["longest_transaction"] >= 1, what="time goes by", every=0.3)
        found = ask(check, tmp_path).numbers
    finally:
        for one in sessions:
            one.kill()
            one.wait()
    assert found["connections_used"] >= 3
    assert found["connections"] == found["connections_used"] / found["connections_max"]
    assert found["size"] > 0


def test_totals_and_the_buffer_pool(people: MysqlCase, tmp_path: Path) -> None:
    check = named(people.make())
    before = ask(check, tmp_path).numbers
    assert "buffer_hits" not in before
    people.sql("set long_query_time = 0; insert into people select seq from seq_1_to_1000; select count(*) from people")
    after = ask(check, tmp_path).numbers
    assert after["slow"] > before["slow"] and after["statements"] > before["statements"]
    assert 0 < after["buffer_hits"] <= 1
    with pytest.raises(RuntimeError):
        people.server.sql("select 1", password="wrong one")
    assert ask(check, tmp_path).numbers["aborted"] > before["aborted"]


def test_an_app_user_is_told_what_it_does_not_see(people: MysqlCase, tmp_path: Path) -> None:
    user = f"app_{secrets.token_hex(4)}"
    people.server.sql(
        f"create user {user}@'%' identified by '{people.server.password}'; grant select on `{people.name}`.* to {user}@'%'"
    )
    try:
        found = observe(people.make(user=user), tmp_path)
    finally:
        people.server.sql(f"drop user {user}@'%'")
    assert found.verdict is Verdict.OK and "PROCESS" in found.facts["rights"]
    assert "longest_transaction" not in found.numbers


@pytest.mark.parametrize("name", NO_NUMBER)
def test_what_is_no_number_is_a_failure_and_changes_nothing(people: MysqlCase, tmp_path: Path, name: str) -> None:
    sql, said = NO_NUMBER[name]
    found = observe(people.make(queries={"one": {"sql": sql}}), tmp_path, "db.one")
    assert found.verdict is Verdict.FAILED and "Ann" not in found.why
    assert said in found.why, found.why
    assert people.sql("select count(*) from people") == "2"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select 1\n\\! touch {made}\n", "does not take the query"),
        ("select 1;\ndelimiter //\ndelete from people//", "does not take the query"),
        ("select nextval(counter) as n", "READ ONLY transaction"),
        ("select 1 as n) as x; drop table people; select * from (select 1 as n", "does not take the query"),
        ("select sleep(30) as n", "not done within 1s"),
    ],
)
def test_a_query_cannot_do_more_than_ask(people: MysqlCase, tmp_path: Path, sql: str, said: str) -> None:
    people.sql("create sequence counter")
    made = tmp_path / "made"
    service = people.make(queries={"one": {"sql": sql.format(made=made), "timeout": "1s"}})
    found = observe(service, tmp_path, "db.one")
    assert found.verdict is Verdict.FAILED and said in found.why, found.why
    assert not made.exists()
    assert people.sql("select count(*) from people") == "2"


@pytest.fixture
def pair() -> Iterator[tuple[MysqlCase, MysqlCase]]:
    """A server and its replica."""
    with mariadb({"log-bin": "binlog", "server-id": "1"}) as first, mariadb({"server-id": "2"}) as second:
        reveal(first)
        position = first.sql("select @@gtid_binlog_pos")  # what is before is the server's own: its administrator
        second.sql(f"set global gtid_slave_pos = '{position}'")
        one = MysqlCase(first)
        other = MysqlCase.__new__(MysqlCase)
        other.server, other.name = second, one.name
        yield one, other


def test_a_replica_that_replicates_and_one_that_does_not(
    pair: tuple[MysqlCase, MysqlCase], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = pair
    where = (
        f"master_host = '{first.server.host}', master_port = {first.server.port}, master_user = '{first.server.user}'"
    )
    password = f"master_password = '{first.server.password}', master_connect_retry = 1"
    second.server.sql(f"change master to {where}, {password}, master_use_gtid = slave_pos; start slave")
    wait_until(lambda: first.name in second.server.sql("show databases"), what="the replica has the database")
    monkeypatch.setenv(PASSWORD, second.server.password)
    replica = named(second.make())
    wait_until(lambda: ask(replica, tmp_path).verdict is Verdict.OK, what="it replicates")
    found = ask(replica, tmp_path)
    assert found.facts["role"] == "replica" and found.numbers["replication_lag"] < 60
    first.sql("create table only_here (n int)")
    wait_until(lambda: "only_here" in second.server.sql("show tables", first.name), what="it has followed")
    second.server.sql("drop table only_here", first.name)
    first.sql("insert into only_here values (1)")
    wait_until(lambda: ask(replica, tmp_path).verdict is Verdict.FAILED, what="it is seen to be broken")
    broken = ask(replica, tmp_path)
    assert "does not replicate" in broken.why and "only_here" in broken.why
    assert second.server.password not in broken.why and broken.numbers["connections_used"] > 0


def test_a_replica_of_several_servers_fails_when_one_of_them_is_lost(
    pair: tuple[MysqlCase, MysqlCase], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`SHOW SLAVE STATUS` tells of the connection without a name only."""
    first, second = pair
    monkeypatch.setenv(PASSWORD, second.server.password)
    second.server.sql(f"create database {first.name}")
    replica = named(second.make())
    assert ask(replica, tmp_path).facts["role"] == "primary"
    where = (
        f"master_host = '{first.server.host}', master_port = {first.server.port}, master_user = '{first.server.user}'"
    )
    second.server.sql(
        f"change master 'shop' to {where}, master_password = '{first.server.password}'; start slave 'shop'"
    )
    wait_until(lambda: ask(replica, tmp_path).verdict is Verdict.OK, what="it replicates")
    found = ask(replica, tmp_path)
    assert found.facts["role"] == "replica" and found.numbers["replication_lag"] < 60
    second.server.sql("stop slave 'shop'")
    stopped = ask(replica, tmp_path)
    assert stopped.verdict is Verdict.FAILED and "does not replicate (shop)" in stopped.why
