"""The workers' round goes on whatever tidying up has to wait for."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daytwo.ledger.queue import Entry, Queue
from daytwo.ledger.runs import Outcome, Runs
from daytwo.serve import workers as module
from daytwo.serve.hub import Hub
from daytwo.serve.pulse import Pulse
from daytwo.serve.site import Site
from daytwo.serve.workers import Workers
from daytwo.store.database import Database, open_database
from daytwo.store.url import StateUrl
from daytwo.store.writer import Writer

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OWN = ("shop", "production")
CONFIG = """\
app: shop
services: {up: {kind: files, path: up}}
repositories: {local: {kind: archive, path: backups}}
backups: {nightly: {}}
"""
CHILD = """
import json, pathlib, sys, time
job = json.load(sys.stdin)
folder = pathlib.Path(job["path"]).parent
name = job["run"] or "tidy"
with (folder / "begun").open("a") as out:
    print(name, file=out)
if not (folder / "quick").exists():
    time.sleep(600)
failed = name == "tidy" and not (folder / "mended").exists()
print(json.dumps({"event": "end", "what": "the host does not answer"} if failed else {"event": "end", "result": {}}))
sys.exit(int(failed))
"""
"""A stand-in for `daytwo.cli.work`: says that it begins, and takes its time or fails as files beside tell it."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    (tmp_path / "daytwo.yaml").write_text(CONFIG)
    with contextlib.closing(open_database(StateUrl.parse("state.db", tmp_path))) as opened:
        Runs(opened, *OWN).begin("dead", "restore", "latest", "gone", "root@vm", NOW)
        yield opened


@contextlib.asynccontextmanager
async def at_work(database: Database, folder: Path) -> AsyncIterator[tuple[Workers, Pulse]]:
    pulse, queue, runs = Pulse(), Queue(database, *OWN), Runs(database, *OWN)
    with Writer(database) as writer:
        program = (sys.executable, "-c", CHILD)
        workers = Workers(
            pulse, Site(folder / "daytwo.yaml"), program, queue, runs, writer, Hub(), lambda owner: owner == "gone",
            lambda: NOW,
        )  # fmt: skip
        task = asyncio.create_task(workers.run())
        try:
            yield workers, pulse
        finally:
            await workers.finish(10)
            await task


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.01)


def begun(folder: Path) -> list[str]:
    file = folder / "begun"
    return file.read_text().split() if file.exists() else []


def test_while_tidying_up_waits_the_part_goes_round_and_other_runs_begin(database: Database, tmp_path: Path) -> None:
    """It waits for the lock for up to ten minutes; without a beat systemd ends the daemon after two."""

    async def scene() -> None:
        async with at_work(database, tmp_path) as (workers, pulse):
            await until(lambda: begun(tmp_path) == ["tidy"])
            request = json.dumps({"kind": "backup", "backup": "nightly"})
            with database.begin() as connection:
                Queue(database, *OWN).add(connection, Entry("next", "backup", "nightly", request, "a", "cli"), NOW)
            before = pulse.beats()[0].age
            workers.wake()
            await until(lambda: begun(tmp_path) == ["tidy", "next"])
            assert pulse.beats()[0].age < before + 1
            assert workers.busy == ("tidy", "next")

    asyncio.run(scene())


def test_leftovers_that_could_not_be_removed_are_told_and_tried_again(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TIDY_AGAIN", 0.0)
    (tmp_path / "quick").touch()

    async def scene() -> None:
        async with at_work(database, tmp_path) as (workers, pulse):
            await until(lambda: any("the host does not answer" in one.trouble for one in pulse.beats()))
            (tmp_path / "mended").touch()
            await until(lambda: pulse.beats()[0].trouble == "")
            assert len(begun(tmp_path)) > 1
            assert workers.busy == ()

    asyncio.run(scene())
    run = Runs(database, *OWN).get("dead")
    assert run is not None
    assert run.outcome is Outcome.RUNNING  # the stand-in did not end it; the real one does
