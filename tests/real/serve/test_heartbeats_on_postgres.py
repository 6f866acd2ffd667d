"""Heartbeats in a state on PostgreSQL, which a second daemon shares."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daytwo.ledger.heartbeats import Book, Kind, Promise, Report, State, Watch, Watches
from daytwo.store.database import Database, open_database
from daytwo.store.url import StateUrl
from tests.parts.postgres import PostgresServer

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOURLY = {"job": Promise(timedelta(hours=1), None, "UTC", timedelta(minutes=5))}


@pytest.fixture
def database(postgres18: PostgresServer, tmp_path: Path) -> Iterator[Database]:
    url = postgres18.url(postgres18.create_database())
    opened = open_database(StateUrl.parse(url, tmp_path))
    yield opened
    opened.close()


def test_a_life(database: Database) -> None:
    book, watches = Book(database, "shop", "production"), Watches(database, "shop", "production")
    with database.begin() as connection:
        book.synchronise(connection, HOURLY, NOON)
        book.record(connection, "job", Report(Kind.START, rid="a"), HOURLY["job"], NOON)
        end = Report(Kind.FAIL, 3, "a", excerpt="a\x00b ü")
        book.record(connection, "job", end, HOURLY["job"], NOON + timedelta(seconds=9))
        watches.write(connection, Watch(NOON, NOON))
    assert watches.last() == Watch(NOON, NOON)
    assert [(one.seq, one.duration, one.excerpt) for one in book.pings("job", 9)] == [(2, 9000, "ab ü"), (1, None, "")]
    with database.begin() as connection:
        [(before, verdict)] = book.judge(connection, HOURLY, NOON, NOON + timedelta(hours=2))
        book.clock_was_set(connection, NOON)
    assert (before.state, verdict.state, book.get("job").state) == (State.FAILING, State.DOWN, State.DOWN)


def test_two_who_look_at_once_find_it_once(database: Database) -> None:
    book = Book(database, "shop", "production")
    with database.begin() as connection:
        book.synchronise(connection, HOURLY, NOON)
    together, found = threading.Barrier(4), []

    def look() -> None:
        with database.begin() as connection:
            together.wait(20)
            found.extend(book.judge(connection, HOURLY, NOON, NOON + timedelta(hours=2)))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 1
    assert [ping.kind for ping in book.pings("job", 9)] == [Kind.DOWN]


def test_reports_at_once_are_all_counted(database: Database) -> None:
    book = Book(database, "shop", "production")
    with database.begin() as connection:
        book.synchronise(connection, HOURLY, NOON)

    def report() -> None:
        for _ in range(20):
            with database.begin() as connection:
                book.record(connection, "job", Report(Kind.SUCCESS), HOURLY["job"], NOON)

    threads = [threading.Thread(target=report) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [ping.seq for ping in book.pings("job", 100)] == list(range(80, 0, -1))
