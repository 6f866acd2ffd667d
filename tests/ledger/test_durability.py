"""Nothing acknowledged is lost, whatever ends the process, and however many write at once."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from daytwo.ledger.audit import Filter
from daytwo.ledger.exports import ExportFilter
from daytwo.store.url import StateUrl
from daytwo.store.writer import Writer
from tests.ledger.books import Books, opened, submission

pytestmark = pytest.mark.slow

CHILD = """
import sys
from pathlib import Path
from daytwo.store.url import StateUrl
from daytwo.core.records import DataClass
from tests.ledger.books import opened

books = opened(StateUrl(sys.stdin.readline().strip()))
print("ready", flush=True)
for number, _ in enumerate(sys.stdin):
    books.act(1, DataClass.PUBLIC, actor=f"child {sys.argv[1]} {number}")
    print(books.export(who=f"child {sys.argv[1]} {number}").who, flush=True)
"""


@contextlib.contextmanager
def _child(state: StateUrl, name: str) -> Iterator[subprocess.Popen[str]]:
    """A process that adds an export for each line it is sent, and says its name once it is acknowledged.

    The state's URL may hold a password, so it is no argument.
    """
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, name], cwd=root, text=True, bufsize=1,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": f"{root}"},
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    with child:
        child.stdin.write(f"{state.text}\n")
        child.stdin.flush()
        try:
            assert child.stdout.readline() == "ready\n"
            yield child
        finally:
            child.kill()


def _go(child: "subprocess.Popen[str]", count: int = 1) -> None:
    assert child.stdin is not None
    child.stdin.write("\n" * count)
    child.stdin.flush()


def _answer(child: "subprocess.Popen[str]") -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


@pytest.mark.parametrize("after", [1, 7, 30])
def test_f31_what_is_acknowledged_survives_sigkill(books: Books, state: StateUrl, after: int) -> None:
    with _child(state, "a") as child:
        assert child.stdout is not None
        _go(child, 10_000)
        told = [_answer(child) for _ in range(after)]
        child.send_signal(signal.SIGKILL)
        told += [line.strip() for line in child.stdout if line.endswith("\n")]
    assert child.returncode == -signal.SIGKILL
    there = {one.who for one in books.exports.page(ExportFilter(), 10_000)[0]}
    assert len(told) >= after
    assert set(told) <= there
    assert len(there) - len(told) <= 1, "only the one that was at work may be there besides"
    assert books.verdict().whole
    books.act()
    books.export()
    assert books.verdict().whole


def test_f31_two_processes_at_once_keep_the_chains_whole(books: Books, state: StateUrl) -> None:
    with _child(state, "a") as one, _child(state, "b") as other:
        for number in range(40):  # both begin each round at the same moment
            _go(one)
            _go(other)
            assert (_answer(one), _answer(other)) == (f"child a {number}", f"child b {number}")
    verdict = books.verdict()
    assert (verdict.whole, verdict.exports, verdict.events) == (True, 80, 160)
    numbers = [record.number for record in books.exports.page(ExportFilter(), 500)[0]]
    assert numbers == list(range(80, 0, -1))


def test_f31_appending_waits_for_the_one_who_appends(books: Books) -> None:
    """Two transactions at once on one chain: the second begins where the first one ends."""
    books.act(actor="before")
    begun = threading.Event()
    errors: list[BaseException] = []

    def second() -> None:
        begun.wait()
        try:
            books.act()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=second)
    thread.start()
    with books.database.begin() as connection:
        books.audit.append(connection, "a.b", actor="first", via="cli")
        begun.set()
        thread.join(0.5)
        assert thread.is_alive(), "it should wait for this transaction's end"
    thread.join()
    assert not errors
    assert [event.seq for event in books.audit.page(Filter(actor="anna"))[0]] == [3]
    assert books.verdict().whole


def test_many_threads_through_the_daemons_writer(books: Books) -> None:
    with Writer(books.database) as writer:

        def work(name: str) -> None:
            for number in range(10):
                writer.run(
                    lambda connection, key=f"{name}-{number}": books.exports.add(  # type: ignore[misc]
                        connection, submission(key=key), actor=name, via="token"
                    )
                )

        threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    verdict = books.verdict()
    assert (verdict.whole, verdict.exports, verdict.events) == (True, 80, 80)


def test_f30_a_full_disk_is_said_and_loses_nothing(tmp_path: Path) -> None:
    books = opened(StateUrl.parse("state.db", tmp_path))
    with contextlib.closing(books.database):
        before = [books.export(note="kept") for _ in range(5)]
        _limit(books, 4)
        with pytest.raises(sa.exc.OperationalError, match="full"):
            for _ in range(1000):
                before.append(books.export(note="x" * 1000))
        assert books.verdict().whole
        assert [one.number for one in books.exports.page(ExportFilter(), 999)[0]] == [
            one.number for one in reversed(before)
        ]
        _limit(books, 10_000)
        books.export()
        assert books.verdict().whole


def _limit(books: Books, pages: int) -> None:
    """Let the file grow by so many pages: what a full disk is to SQLite."""
    with books.database.read() as connection:
        now = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    def on_checkout(connection: object, *rest: object) -> None:
        connection.execute(f"PRAGMA max_page_count={now + pages}")  # type: ignore[attr-defined]

    sa.event.listen(books.database.engine, "checkout", on_checkout)
