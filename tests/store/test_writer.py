"""Many writes in few commits, and none of them lost or half."""

import threading
from concurrent.futures import wait
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from daytwo.store.database import Database
from daytwo.store.tables import locks
from daytwo.store.writer import Writer


def put(name: str):
    def work(connection: sa.Connection) -> str:
        connection.execute(
            locks.insert().values(name=name, owner="o", run="r", what="w", since=datetime(2026, 11, 21, tzinfo=UTC))
        )
        return name

    return work


def names(database: Database) -> set[str]:
    with database.read() as connection:
        return set(connection.execute(sa.select(locks.c.name)).scalars())


def test_what_is_answered_is_committed(database: Database) -> None:
    with Writer(database) as writer:
        assert writer.run(put("a")) == "a"
        assert names(database) == {"a"}


def test_one_that_fails_takes_nobody_along(database: Database) -> None:
    hold = threading.Event()
    with Writer(database) as writer:
        first = writer.submit(lambda connection: hold.wait())
        pieces = [writer.submit(put(name)) for name in ("a", "b", "a", "c")]
        hold.set()
        wait([first, *pieces])
    assert [one.exception() is None for one in pieces] == [True, True, False, True]
    assert names(database) == {"a", "b", "c"}


def test_who_waits_shares_a_commit(database: Database) -> None:
    commits: list[int] = []
    sa.event.listen(database.engine, "commit", lambda connection: commits.append(1))
    hold = threading.Event()
    with Writer(database) as writer:
        first = writer.submit(lambda connection: hold.wait())
        pieces = [writer.submit(put(str(number))) for number in range(150)]
        hold.set()
        wait([first, *pieces])
    assert len(names(database)) == 150
    assert len(commits) <= 3


def test_a_commit_that_fails_is_told_to_everybody_in_it(database: Database) -> None:
    def refuse(connection: sa.Connection) -> None:
        raise sa.exc.OperationalError("commit", None, OSError("disk I/O error"))

    sa.event.listen(database.engine, "commit", refuse)
    hold = threading.Event()
    with Writer(database) as writer:
        pieces = [writer.submit(lambda connection: hold.wait()), writer.submit(put("a")), writer.submit(put("b"))]
        hold.set()
        wait(pieces)
    sa.event.remove(database.engine, "commit", refuse)
    assert all(isinstance(one.exception(), sa.exc.OperationalError) for one in pieces)
    assert names(database) == set()


def test_closed_it_takes_nothing_more_and_has_written_everything(database: Database) -> None:
    with Writer(database) as writer:
        pieces = [writer.submit(put(str(number))) for number in range(500)]
    assert all(one.exception() is None for one in pieces)
    assert len(names(database)) == 500
    with pytest.raises(RuntimeError):
        writer.run(put("late"))


def test_whoever_goes_away_while_waiting_stops_nobody_else(database: Database) -> None:
    hold = threading.Event()
    with Writer(database) as writer:
        first = writer.submit(lambda connection: hold.wait())
        gone = writer.submit(put("a"))
        late = writer.submit(put("b"))
        assert gone.cancel()
        hold.set()
        wait([first, late])
        assert not first.cancel()
        assert writer.run(put("c")) == "c"
    assert names(database) == {"b", "c"}
