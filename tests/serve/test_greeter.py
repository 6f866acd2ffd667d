"""The first administrator's link: where it is told, and how long it lies there."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.serve.greeter import FILE, Greeter, announce, is_journal
from daytwo.serve.log import configure
from daytwo.serve.pulse import Pulse

LINK = "http://127.0.0.1:8470/welcome/abcdefghijkl"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_people_are_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    announce(LINK, tmp_path, journal=False, lines=False)
    assert f"\n  {LINK}\n" in capsys.readouterr().err
    assert not (tmp_path / FILE).exists()


def test_among_json_lines_it_is_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure("json")
    announce(LINK, tmp_path, journal=False, lines=True)
    [line] = capsys.readouterr().err.splitlines()
    assert LINK in json.loads(line)["message"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_journal_is_told_only_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    configure("json" if form == "json" else "text")
    (tmp_path / FILE).write_text("of an earlier start")
    (tmp_path / FILE).chmod(0o644)
    announce(LINK, tmp_path, journal=True, lines=form == "json")
    said = capsys.readouterr().err
    assert "abcdefghijkl" not in said and str(tmp_path / FILE) in said
    assert (tmp_path / FILE).read_text() == f"{LINK}\n"
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_what_the_journal_is(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        found = os.fstat(log.fileno())
        assert is_journal(f"{found.st_dev}:{found.st_ino}", log.fileno())
        for other in (None, "", f"{found.st_dev}:{found.st_ino + 1}", "journal"):
            assert not is_journal(other, log.fileno())
    assert not is_journal("1:1", 9999)
    assert sys.stderr is not None


def test_the_file_goes_when_nobody_is_waited_for(tmp_path: Path) -> None:
    waits = True
    greeter = Greeter(Pulse(), tmp_path, lambda: waits)
    (tmp_path / FILE).write_text(LINK)

    async def rounds() -> None:
        nonlocal waits
        task = asyncio.create_task(greeter.run())
        for _ in range(3):
            greeter.wake()
            await asyncio.sleep(0)
        assert (tmp_path / FILE).exists()
        waits = False
        async with asyncio.timeout(10):
            while (tmp_path / FILE).exists():
                greeter.wake()
                await asyncio.sleep(0.01)
        greeter.stop()
        await task

    asyncio.run(rounds())
