"""Two that write the same at the same moment: in SQLite one waits, in PostgreSQL both begin."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from daytwo.core.errors import BusyError
from daytwo.ledger.heartbeats import Book, Promise
from daytwo.ledger.locks import Lock, Locks
from daytwo.ledger.queue import Entry, Queue
from daytwo.ledger.schedules import Schedules
from daytwo.store.database import Database, open_database
from daytwo.store.url import StateUrl

pytestmark = pytest.mark.real
NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
OWN = ("shop", "production")
_WAITING = "select count(*) from pg_locks where not granted"


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    from pathlib import Path

    server = request.getfixturevalue("postgres15")
    with contextlib.closing(open_database(StateUrl.parse(server.url(server.create_database()), Path()))) as opened:
        yield opened


def beside(database: Database, first: Callable[[sa.Connection], Any], second: Callable[[], Any]) -> Any:
    """What the second says that begins when the first has written, and before it has committed."""
    said: list[Any] = []

    def work() -> None:
        try:
            said.append(second())
        except Exception as error:
            said.append(error)

    thread = threading.Thread(target=work)
    with database.begin() as connection:
        first(connection)
        thread.start()
        end = time.monotonic() + 30
        with database.read() as look:
            while not look.execute(sa.text(_WAITING)).scalar_one():
                assert time.monotonic() < end
                time.sleep(0.01)
    thread.join(30)
    return said[0]


def lock(owner: str) -> Lock:
    return Lock("shop/production", owner, f"run of {owner}", "backup nightly", NOW)


def test_of_two_who_find_a_lock_free_the_second_is_told_who_has_it(database: Database) -> None:
    from daytwo.store.tables import locks

    second = Locks(database, lambda owner: False)
    said = beside(
        database, lambda connection: connection.execute(locks.insert().values(**vars(lock("one")))),
        lambda: second.take(lock("two")),
    )  # fmt: skip
    assert isinstance(said, BusyError)
    assert "run of one" in said.what


def test_what_two_daemons_order_at_the_same_time_is_ordered_once(database: Database) -> None:
    queue, schedules = Queue(database, *OWN), Schedules(database, *OWN)
    request = json.dumps({"kind": "backup", "backup": "nightly"})
    entry = Entry("0123456789abcdef", "backup", "nightly", request, "schedule", "schedule", NOW)

    def order(connection: sa.Connection) -> bool:
        schedules.see(connection, "nightly", NOW)
        return queue.add(connection, entry, NOW)

    def other() -> bool:
        with database.begin() as connection:
            return order(connection)

    assert beside(database, order, other) is False
    assert [row.id for row in queue.waiting()] == [entry.id]
    assert schedules.all()["nightly"].seen == NOW


def test_two_daemons_that_begin_together_find_the_same_heartbeats(database: Database) -> None:
    promised = {"import": Promise(timedelta(hours=1), None, "UTC", timedelta(minutes=5))}
    first, second = Book(database, *OWN), Book(database, *OWN)

    def other() -> None:
        with database.begin() as connection:
            second.synchronise(connection, promised, NOW)

    assert beside(database, lambda connection: first.synchronise(connection, promised, NOW), other) is None
    assert [one.name for one in second.all()] == ["import"]
