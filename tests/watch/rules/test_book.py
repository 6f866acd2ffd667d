"""What is written down, on SQLite, and on PostgreSQL where the two could differ."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from daytwo.config.watching import Rule
from daytwo.core.check import Observation
from daytwo.ledger.heartbeats import Watch
from daytwo.store.database import Database, open_database
from daytwo.store.url import StateUrl
from daytwo.watch.numbers import Numbers
from daytwo.watch.rules import Book, Evaluator, Key, Memory, Move, State, Transition
from tests.watch.rules.timeline import DAY, Probe

FIRING = Memory(State.FIRING, DAY, "critical", DAY, "db", 3, DAY, DAY, changes=(DAY,))
WEB, LONG = Key("web", "web"), Key("r" * 130, "s" * 200)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.real)])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        url = StateUrl.parse("state.db", tmp_path)
    else:
        server = request.getfixturevalue("postgres15")
        url = StateUrl.parse(server.url(server.create_database()), tmp_path)
    opened = open_database(url)
    yield opened
    opened.close()


def test_memories_and_changes(both: Database) -> None:
    book, other = Book("shop", "production"), Book("shop", "staging")
    fired = Transition(WEB, DAY, Move(State.PENDING, State.FIRING, "critical", 3, "no answer", "db"))
    ended = Transition(LONG, DAY + timedelta(hours=1), Move(State.FIRING, State.OK, "warning"))
    with both.begin() as connection:
        book.write(connection, {WEB: FIRING, LONG: FIRING}, [fired, ended])
        other.write(connection, {WEB: FIRING}, [fired])
    with both.begin() as connection:
        book.prune(connection, DAY + timedelta(days=9))
        assert len(book.transitions(connection, DAY, DAY + timedelta(days=1))) == 2, "they are of alerts that stand"
        book.write(connection, {WEB: replace(FIRING, level="warning"), LONG: None}, [])
        assert book.memories(connection) == {WEB: replace(FIRING, level="warning")}
        assert other.memories(connection) == {WEB: FIRING}
        found = book.transitions(connection, DAY, DAY + timedelta(days=1))
        assert [replace(one, number=0) for one in found] == [fired, ended]
        assert found[0].number < found[1].number
        assert [one.key for one in book.transitions(connection, DAY, DAY + timedelta(days=1), "web")] == [WEB]
        book.write(connection, {WEB: Memory(since=DAY)}, [])
        book.prune(connection, DAY + timedelta(minutes=1))
        assert [one.key for one in book.transitions(connection, DAY, DAY + timedelta(days=1))] == [LONG]
        assert len(other.transitions(connection, DAY, DAY + timedelta(days=1))) == 1
    assert str(fired) == "web (web): firing, critical: no answer (because of db)"


def test_the_watch(both: Database) -> None:
    book = Book("shop", "production")
    with both.begin() as connection:
        assert book.watch(connection) is None
        for seen in (DAY, DAY + timedelta(seconds=20)):
            book.write_watch(connection, Watch(DAY, seen))
            assert book.watch(connection) == Watch(DAY, seen)


def test_at_work(both: Database) -> None:
    book, numbers = Book("shop", "production"), Numbers(both, "shop", "production")
    evaluator = Evaluator(book, numbers)
    rules = {"slow": Rule.model_validate({"series": "web.v", "critical": "> 1"})}
    with both.begin() as connection:
        evaluator.follow(connection, rules, {"web": Probe("web", failures=1)}, DAY)
        assert len(evaluator.observe(connection, "web", Observation.failed("no"), DAY)) == 1
        assert evaluator.judge(connection, DAY) == []
    with both.begin() as connection:
        assert set(book.memories(connection)) == {WEB}


def test_a_good_answer_asks_the_state_nothing(both: Database) -> None:
    evaluator = Evaluator(Book("shop", "production"), Numbers(both, "shop", "production"))
    asked: list[str] = []
    with both.begin() as connection:
        evaluator.follow(connection, {}, {"web": Probe("web")}, DAY)
        sa.event.listen(both.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
        for verdict in (Observation.ok(), Observation.inconclusive("?")) * 10:
            assert evaluator.observe(connection, "web", verdict, DAY) == []
        assert asked == []
        evaluator.observe(connection, "web", Observation.failed("no"), DAY)
        assert len(asked) == 2


def test_f28_what_is_not_committed_after_a_gap_is_taken_off_again(both: Database) -> None:
    """The commit of the gap fails: the next one must find it once more."""
    book, numbers = Book("shop", "production"), Numbers(both, "shop", "production")
    evaluator = Evaluator(book, numbers)
    rules = {"web": Rule.model_validate({"check": "web", "failures": 1, "pending": "5m"})}
    later = DAY + timedelta(hours=2)
    with both.begin() as connection:
        evaluator.follow(connection, rules, {"web": Probe("web")}, DAY)
        evaluator.observe(connection, "web", Observation.failed("no"), DAY)
    with pytest.raises(ZeroDivisionError), both.begin() as connection:
        evaluator.judge(connection, later)
        _ = 1 / 0
    evaluator.forget_memory()
    with both.begin() as connection:
        assert evaluator.observe(connection, "web", Observation.failed("no"), later) == []
        assert book.memories(connection)[WEB].warning == later


def test_f35_a_state_that_cannot_be_written_changes_nothing(both: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without being told: what could not be written has not happened, and is told when it can be."""
    book = Book("shop", "production")
    evaluator = Evaluator(book, Numbers(both, "shop", "production"))
    with both.begin() as connection:
        evaluator.follow(connection, {}, {"web": Probe("web", failures=1)}, DAY)

    def locked(*_: object) -> None:
        raise sa.exc.OperationalError("", {}, Exception("database is locked"))

    with monkeypatch.context() as patched:
        patched.setattr(book, "write", locked)
        for _ in range(2):
            with pytest.raises(sa.exc.OperationalError), both.begin() as connection:
                evaluator.observe(connection, "web", Observation.failed("no"), DAY)
    with both.begin() as connection:
        (told,) = evaluator.observe(connection, "web", Observation.failed("no"), DAY)
    assert told.move.new is State.FIRING
