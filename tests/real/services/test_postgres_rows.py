"""PostgreSQL: rows leave the dump while it is read, and are loaded by several connections at once."""

import os
import secrets
import subprocess
from collections.abc import Iterable, Iterator
from hashlib import md5
from pathlib import Path

import pytest

from daytwo.core.errors import CancelledError, CommandError, IntegrityError
from daytwo.core.run import Run
from daytwo.services.postgres.loading import RowQueue
from daytwo.services.postgres.sieve import LARGEST_ROW, Rows, Sieve
from tests.contract.services import dump_to_file, source_of
from tests.parts.postgres import PostgresServer
from tests.real.services.postgres_case import LocalCase, database_of, made, pg_dump_text


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


def dumped(case: LocalCase) -> bytes:
    argv = [str(case.server.bin / "pg_dump"), "--format=custom", "--compress=0"]
    env = {**os.environ, **case.server.env(case.database)}
    return subprocess.run(argv, env=env, check=True, capture_output=True).stdout


def taken_apart(dump: bytes, size: int) -> tuple[list[Rows], bytes, Sieve]:
    sieve = Sieve(rows=True)
    parts = [part for at in range(0, len(dump), size) for part in sieve.feed(dump[at : at + size])]
    parts += sieve.finish()
    return [part for part in parts if isinstance(part, Rows)], b"".join(p for p in parts if isinstance(p, bytes)), sieve


def by_table(rows: Iterable[Rows]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for one in rows:
        found[one.copy] = found.get(one.copy, b"") + one.data
    return {copy: data for copy, data in found.items() if data}


@pytest.mark.parametrize("size", [13, 1000, 4099, 1 << 20])
def test_a_dump_is_taken_apart_whatever_the_pieces(case: LocalCase, tmp_path: Path, size: int) -> None:
    case.fill()
    case.sql("create table wide (t text); insert into wide select repeat(chr(97 + i % 26), i * 137) "
             "from generate_series(0, 60) i; "
             "create table lengths (t text); insert into lengths select repeat('x', i) from generate_series(0, 530) i")  # fmt: skip
    case.sql("select lo_from_bytea(0, decode(repeat('0000000000', 20000), 'hex')), lo_from_bytea(0, '')")
    dump = dumped(case)
    rows, rest, sieve = taken_apart(dump, size)
    texts = pg_dump_text(case.server, case.database).encode().split(b"\nCOPY ")[1:]
    expected = {b"COPY " + head + b"\n": data.partition(b"\\.\n")[0]
                for head, _, data in (text.partition(b"\n") for text in texts)}  # fmt: skip
    found = by_table(rows)
    assert found == {copy: data for copy, data in expected.items() if copy in found}
    left = {copy for copy, data in expected.items() if data} - set(found)
    assert all(b"\\" in copy or b"\n" in copy for copy in left), "only names that psql might misread stay in the dump"
    assert sieve.encoding == b"SET client_encoding = 'UTF8';\n"
    assert len(rest) < len(dump) - sum(map(len, found.values()))

    head = sieve.head()
    assert head
    (tmp_path / "rest").write_bytes(head + rest[len(head) :])
    argv = [str(case.server.bin / "pg_restore"), "--section=data", "--file=-", str(tmp_path / "rest")]
    script = subprocess.run(argv, check=True, capture_output=True).stdout
    assert script.count(b"lowrite") >= 1 and script.count(b"setval") >= 1
    assert script.count(b"\nCOPY ") == len(left)


@pytest.mark.parametrize("short", [3, 40, 5000])
def test_a_dump_that_ends_early_is_not_taken_for_a_whole_one(case: LocalCase, short: int) -> None:
    made(case, "create table a as select i, repeat('x', 100) t from generate_series(1, 1000) i")
    dump = dumped(case)
    with pytest.raises(IntegrityError, match="not whole"):
        rows, _, sieve = taken_apart(dump[:-short], 1 << 20)
        assert rows and sieve.head()


@pytest.mark.parametrize("size", [4, 1000])
def test_what_is_not_understood_is_left_as_it_is(case: LocalCase, size: int) -> None:
    made(case, "create table a as select i from generate_series(1, 1000) i; create table b as table a")
    dump = dumped(case)
    second = dump.index(bytes(5) + b"\x01", 4096) + 5
    strange = dump[:second] + b"\x07" + dump[second + 1 :]
    sieve = Sieve(rows=False)
    parts = [part for at in range(0, len(strange), size) for part in sieve.feed(strange[at : at + size])]
    assert b"".join(part for part in (*parts, *sieve.finish()) if isinstance(part, bytes)) == strange
    assert sieve.head() is None
    with pytest.raises(IntegrityError):
        taken_apart(strange, size)


def test_rows_that_end_themselves_are_refused(case: LocalCase) -> None:
    made(case, "create table a as select i, 'word' t from generate_series(1, 1000) i")
    dump = dumped(case)
    # What follows such a line psql would run.
    for bad in (b"\\.\n\\! id\n".ljust(9, b" "), b"\\.\r\nselec\n"):
        changed = dump.replace(b"\n\x00" + b"\x09\x00\x00\x00500\tword\n", b"\n\x00" + b"\x09\x00\x00\x00" + bad)
        assert changed != dump
        with pytest.raises(IntegrityError):
            taken_apart(changed, 1 << 20)


def test_a_large_table_is_filled_by_several_connections(case: LocalCase, run: Run, tmp_path: Path) -> None:
    made(case, "create table a as select i, repeat(md5(i::text), 20) t from generate_series(1, 20000) i;"
               "create table connections (pid int); "
               "create function note() returns bool language plpgsql as $$ begin "
               "insert into public.connections select pg_backend_pid() where not exists "
               "(select from public.connections where pid = pg_backend_pid()); return true; end $$; "
               "alter table a add check (note())")  # fmt: skip
    case.sql("truncate connections")
    before = case.sql("select count(*), sum(i), md5(string_agg(t, '' order by i)) from a")
    source, _ = dump_to_file(database_of(case.service()), run, tmp_path)
    database_of(case.at(case.database, jobs=3)).stage(source, run).swap()
    assert case.sql("select count(*), sum(i), md5(string_agg(t, '' order by i)) from a") == before
    assert int(case.sql("select count(distinct pid) from connections")) > 1


def test_a_row_larger_than_what_is_kept_in_memory_stays_whole(case: LocalCase, run: Run, tmp_path: Path) -> None:
    made(case, f"create table a as select i, repeat(chr(96 + i), {LARGEST_ROW + 1_234_567} * (i % 2) + 5) t "
               "from generate_series(1, 6) i")  # fmt: skip
    before = case.sql("select i, length(t), md5(t) from a order by i")
    rows, _, _ = taken_apart(dumped(case), 1 << 20)
    assert sum(one.more for one in rows) >= 3 and max(len(one.data) for one in rows) < LARGEST_ROW + (2 << 20)
    source, _ = dump_to_file(database_of(case.service()), run, tmp_path)
    database_of(case.at(case.database, jobs=3)).stage(source, run).swap()
    assert case.sql("select i, length(t), md5(t) from a order by i") == before


def test_a_row_that_the_server_refuses_ends_the_restore(case: LocalCase, run: Run, tmp_path: Path) -> None:
    made(case, "create table a as select i, repeat(md5(i::text), 20) t from generate_series(1, 30000) i; "
               "create function fine(int) returns bool language sql as $$ select $1 <> 777 or "
               "current_database() !~ '_daytwo_' $$; alter table a add check (fine(i))")  # fmt: skip
    source, _ = dump_to_file(database_of(case.service()), run, tmp_path)
    with pytest.raises(CommandError) as caught:
        database_of(case.service()).stage(source, run)
    assert caught.value.what.startswith('the rows of a could not be loaded: new row for relation "a" violates check')
    assert "as it was" in caught.value.hint
    assert case.databases() == [case.database]
    assert case.sql("select count(*) from pg_stat_activity where application_name = 'daytwo'") == "0"
    assert not list(run.work.iterdir())


def test_a_connection_that_is_lost_ends_the_restore(case: LocalCase, run: Run, tmp_path: Path) -> None:
    made(case, "create table a as select i, repeat('secret', 20) t from generate_series(1, 30000) i; "
               "create function fine(int) returns bool language sql as $$ select $1 <> 777 or "
               "current_database() !~ '_daytwo_' or pg_terminate_backend(pg_backend_pid()) $$; "
               "alter table a add check (fine(i))")  # fmt: skip
    source, _ = dump_to_file(database_of(case.service()), run, tmp_path)
    with pytest.raises(CommandError) as caught:
        database_of(case.service()).stage(source, run)
    assert caught.value.what.endswith("of a could not be loaded: terminating connection due to administrator command")
    assert case.databases() == [case.database]


def test_bytes_that_are_not_those_of_the_dump_end_the_restore(case: LocalCase, run: Run, tmp_path: Path) -> None:
    made(case, "create table a as select i, repeat(md5(i::text), 20) t from generate_series(1, 30000) i")
    source, _ = dump_to_file(database_of(case.service()), run, tmp_path)
    changed = tmp_path / "changed"
    data = source.file().read_bytes()
    changed.write_bytes(data.replace(md5(b"777").hexdigest().encode(), bytes(32 * [120]), 1))
    with pytest.raises(IntegrityError):
        database_of(case.service()).stage(source_of(changed, source.record, tmp_path), run)
    assert case.databases() == [case.database]


def test_who_begins_a_row_in_several_pieces_gets_all_of_it(run: Run) -> None:
    queue = RowQueue(run)
    for number, more in enumerate((True, True, False, False)):
        queue.put(Rows(b"", str(number).encode(), more))
    queue.put(None)
    one, other = queue.pieces(), queue.pieces()
    assert [next(one).data for _ in range(3)] == [b"0", b"1", b"2"]
    assert next(other).data == b"3"
    assert list(one) == list(other) == []


def test_nobody_waits_for_rows_that_nobody_reads(run: Run) -> None:
    queue = RowQueue(run)
    queue.stop()
    with pytest.raises(CommandError, match="ended before"):
        queue.put(None)
    with pytest.raises(CancelledError):
        next(queue.pieces())
