"""The part that follows logs: what it does when the state takes nothing, and when the configuration changes."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from daytwo.serve.listener import Listener
from daytwo.serve.pulse import Pulse
from daytwo.serve.site import Site
from daytwo.store.database import Database, open_database
from daytwo.store.url import StateUrl
from daytwo.store.writer import Writer
from daytwo.watch.logs.lines import Line, Write
from daytwo.watch.logs.records import LogBook
from daytwo.watch.numbers import Numbers

pytestmark = pytest.mark.slow

FULL = sa.exc.OperationalError("insert", {}, Exception("database or disk is full"))


class Note:
    """A reader that writes what it was given, while the state takes it."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.fails: Exception | None = None
        self.trouble = ""

    def read(self, log: str, lines: Sequence[Line]) -> Write | None:
        texts = [line.text for line in lines]

        def write(connection: sa.Connection, now: datetime) -> None:
            if self.fails:
                raise self.fails
            self.written += texts

        return write


@contextmanager
def listening(folder: Path, note: Note) -> Iterator[tuple[Listener, Database, Site]]:
    config = folder / "daytwo.yaml"
    config.write_text(
        "app: shop\ntimezone: UTC\nservices: {data: {kind: files, path: data}}\nlogs: {app: {file: app.log}}\n"
    )
    database = open_database(StateUrl.parse("state.db", folder))
    site = Site(config)
    try:
        with Writer(database) as writer:
            numbers = Numbers(database, "shop", "production")
            yield Listener(
                Pulse(), site, numbers, lambda config: [note], writer, folder, lambda: datetime.now(UTC)
            ), database, site  # fmt: skip
    finally:
        database.close()


async def going(listener: Listener, act: "asyncio.Future[None] | object") -> None:
    task = asyncio.create_task(listener.work())
    try:
        await act  # type: ignore[misc]
    finally:
        listener.stop()
        await task


async def until(what: object, seconds: float = 20) -> None:
    end = asyncio.get_running_loop().time() + seconds
    while not what():  # type: ignore[operator]
        assert asyncio.get_running_loop().time() < end, "it never came about"
        await asyncio.sleep(0.02)


def positions(database: Database) -> dict[str, str]:
    with database.read() as connection:
        return {name: one.position for name, one in LogBook("shop", "production").places(connection).items()}


def say(folder: Path, *lines: str) -> None:
    with (folder / "app.log").open("a") as file:
        file.write("".join(f"{line}\n" for line in lines))


def test_what_the_state_does_not_take_is_neither_lost_nor_doubled(tmp_path: Path) -> None:
    note = Note()
    say(tmp_path, "history")
    with listening(tmp_path, note) as (listener, database, _):

        async def act() -> None:
            await until(lambda: positions(database).get("app"))
            note.fails = FULL
            before = positions(database)
            say(tmp_path, "one")
            await until(lambda: "waits to be written" in listener.pulse._trouble.get("logs", ""))
            say(tmp_path, "two")
            await until(lambda: listener._held is not None)
            assert (note.written, positions(database)) == ([], before)
            note.fails = None
            await until(lambda: len(note.written) >= 2)
            assert note.written == ["one", "two"]
            assert positions(database) != before

        asyncio.run(going(listener, act()))
        assert note.written == ["one", "two"]


def test_a_stop_while_the_state_is_full_reads_it_again(tmp_path: Path) -> None:
    note = Note()
    say(tmp_path, "history")
    with listening(tmp_path, note) as (listener, database, _):

        async def act() -> None:
            await until(lambda: positions(database).get("app"))
            note.fails = FULL
            say(tmp_path, "one")
            await until(lambda: listener._held is not None)

        asyncio.run(going(listener, act()))
        assert note.written == []
    note.fails = None
    with listening(tmp_path, note) as (listener, _, _):

        async def again() -> None:
            await until(lambda: note.written)

        asyncio.run(going(listener, again()))
    assert note.written == ["one"]


def test_a_reader_with_a_defect_holds_up_nobody(tmp_path: Path) -> None:
    note = Note()
    note.fails = ValueError("a defect")
    say(tmp_path, "history")
    with listening(tmp_path, note) as (listener, database, _):

        async def act() -> None:
            await until(lambda: positions(database).get("app"))
            before = positions(database)
            say(tmp_path, "one")
            await until(lambda: positions(database) != before)

        asyncio.run(going(listener, act()))


def test_a_log_that_is_no_longer_named_is_forgotten_and_another_followed(tmp_path: Path) -> None:
    note = Note()
    say(tmp_path, "history")
    with listening(tmp_path, note) as (listener, database, site):

        async def act() -> None:
            await until(lambda: positions(database).get("app"))
            site.path.write_text(site.path.read_text().replace("logs: {app:", "logs: {other:"))
            site.reload()
            await until(lambda: positions(database).get("other"))
            assert set(positions(database)) == {"other"}
            say(tmp_path, "one")
            await until(lambda: note.written)

        asyncio.run(going(listener, act()))
    assert note.written == ["one"]


def test_what_a_reader_has_trouble_with_is_told(tmp_path: Path) -> None:
    note = Note()
    note.trouble = "pattern slow: takes too long"
    with listening(tmp_path, note) as (listener, _, _):

        async def act() -> None:
            await until(
                lambda: all(
                    said in listener.pulse._trouble.get("logs", "") for said in ("takes too long", "there is no file")
                )
            )

        asyncio.run(going(listener, act()))
