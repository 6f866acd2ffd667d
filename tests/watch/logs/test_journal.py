"""The journal, told by a stand-in for `journalctl`: it prints what entries look like, from a cursor on."""

from pathlib import Path

import pytest

from daytwo.watch.logs.lines import LONGEST
from daytwo.watch.logs.sources import Log
from tests.watch.logs.following import heard

STANDIN = """#!/usr/bin/env python3
# A stand-in for journalctl: entries are lines of a file, a cursor is the number of one.
import json, sys, time
entries = lambda: open({file!r}).read().splitlines()
def tell(number, text):
    print(json.dumps({{"__CURSOR": f"s={{number}}", "__REALTIME_TIMESTAMP": "1763712000000000", "MESSAGE": eval(text)}}), flush=True)
if "--follow" not in sys.argv:
    assert "--unit=shop.service" in sys.argv
    found = entries()
    tell(len(found), found[-1]) if found else print("No journal files were found.", file=sys.stderr)
    sys.exit(0 if found else 1)
assert "--unit=shop.service" in sys.argv and "--no-tail" in sys.argv and "--all" in sys.argv
at = next(int(one.rpartition("=")[2]) for one in sys.argv if one.startswith("--after-cursor=s="))
while True:
    for number, text in enumerate(entries()[at:], at + 1):
        tell(number, text)
        at = number
    time.sleep(0.05)
"""


@pytest.fixture
def entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file, folder = tmp_path / "entries", tmp_path / "bin"
    folder.mkdir()
    file.write_text("'history'\n")
    program = folder / "journalctl"
    program.write_text(STANDIN.format(file=str(file)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return file


def say(file: Path, *messages: object) -> None:
    with file.open("a") as out:
        out.write(
            "".join(
                f"{message if isinstance(message, str) and '*' in message else repr(message)}\n" for message in messages
            )
        )


UNIT = Log("shop", "journal", unit="shop.service")


def test_standin_journal_is_read_from_where_it_ended(entries: Path, tmp_path: Path) -> None:
    with heard(UNIT, tmp_path) as here:
        say(entries, "one", [116, 119, 111, 255], "a\nb")
        here.hears("one", "two\ufffd", "a", "b")
    say(entries, "while nobody looked")
    with heard(UNIT, tmp_path, here.position) as again:
        again.hears("while nobody looked")


def test_standin_journal_with_an_entry_of_ten_megabytes(entries: Path, tmp_path: Path) -> None:
    with heard(UNIT, tmp_path) as here:
        say(entries, "'x' * 10_000_000", "after")
        here.until(lambda: "after" in here.texts, "the one after")
    assert [(len(line.text), line.cut) for line in here.lines] == [(LONGEST, True), (5, False)]


def test_standin_journal_that_is_not_there(entries: Path, tmp_path: Path) -> None:
    entries.write_text("")
    with heard(UNIT, tmp_path, settled=False) as here:
        here.until(lambda: "there is no journal" in here.follower.trouble, "it says so")
