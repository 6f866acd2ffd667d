"""Files are followed over every kind of rotation, and over a restart: nothing is doubled, nothing is lost."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from daytwo.watch.logs.lines import LONGEST
from daytwo.watch.logs.sources import Log
from tests.watch.logs.following import heard

pytestmark = pytest.mark.slow


def app(path: Path) -> Log:
    return Log("app", "file", path=path)


def say(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.write("".join(f"{line}\n" for line in lines))


def rename(path: Path) -> None:
    for number in range(9, 0, -1):
        if (old := Path(f"{path}.{number}")).exists():
            old.rename(f"{path}.{number + 1}")
    path.rename(f"{path}.1")
    path.touch()


def rename_twice(path: Path) -> None:
    rename(path)
    say(path, "between")
    rename(path)


def copy_and_truncate(path: Path) -> None:
    shutil.copy2(path, f"{path}.1")
    os.truncate(path, 0)


def remove(path: Path) -> None:
    path.unlink()
    path.touch()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "app.log"
    say(found, "history")
    return found


def test_only_what_comes_is_heard_at_first(path: Path, tmp_path: Path) -> None:
    with heard(app(path), tmp_path) as here:
        say(path, "one", "two")
        here.hears("one", "two")


def test_a_half_line_waits_for_its_end(path: Path, tmp_path: Path) -> None:
    with heard(app(path), tmp_path) as here, path.open("a") as file:
        file.write("one\ntw")
        file.flush()
        here.hears("one")
        file.write("o\n")
        file.flush()
        here.hears("one", "two")


@pytest.mark.parametrize("rotate", [rename, copy_and_truncate, remove])
def test_a_rotation_while_it_is_followed(path: Path, tmp_path: Path, rotate: Callable[[Path], None]) -> None:
    with heard(app(path), tmp_path) as here:
        say(path, "one")
        here.hears("one")
        rotate(path)
        say(path, "two")
        here.hears("one", "two")
        rotate(path)
        say(path, "three", "four")
        here.hears("one", "two", "three", "four")


def test_several_rotations_between_two_looks(path: Path, tmp_path: Path) -> None:
    with heard(app(path), tmp_path) as here:
        for number in range(3):
            say(path, f"{number} before")
            rename(path)
            say(path, f"{number} after")
        here.hears(*(f"{number} {when}" for number in range(3) for when in ("before", "after")))


@pytest.mark.parametrize("rotate", [rename, rename_twice, copy_and_truncate])
def test_a_rotation_while_nobody_looks(path: Path, tmp_path: Path, rotate: Callable[[Path], None]) -> None:
    with heard(app(path), tmp_path) as here:
        say(path, "one")
        here.hears("one")
    say(path, "two")
    rotate(path)
    say(path, "three")
    between = ("between",) if rotate is rename_twice else ()
    with heard(app(path), tmp_path, here.position) as again:
        again.hears("two", *between, "three")
        say(path, "four")
        again.hears("two", *between, "three", "four")


@pytest.mark.parametrize("rotate", [rename, rename_twice, copy_and_truncate])
@pytest.mark.parametrize("other", ["app-worker.log", "app.err", "app2.log", "app.log.lock"])
def test_another_log_beside_it_is_not_read(
    path: Path, tmp_path: Path, rotate: Callable[[Path], None], other: str
) -> None:
    beside = tmp_path / other
    between = ["between"] if rotate is rename_twice else []
    with heard(app(path), tmp_path) as here:
        say(path, "one")
        here.hears("one")
        rotate(path)
        say(beside, "somebody else's")
        say(path, "two")
        here.hears("one", *between, "two")
    say(path, "three")
    rotate(path)
    say(beside, "again")
    say(path, "four")
    with heard(app(path), tmp_path, here.position) as again:
        again.hears("three", *between, "four")


def test_another_log_that_begins_alike_is_no_copy(path: Path, tmp_path: Path) -> None:
    beside = tmp_path / "app-worker.log"
    with heard(app(path), tmp_path) as here:
        say(path, "one")
        here.hears("one")
    with path.open():  # else the other log may get its inode, and is the same file by all that can be known of it
        remove(path)
        say(beside, "history", "one", "somebody else's")
    say(path, "two")
    with heard(app(path), tmp_path, here.position) as again:
        again.hears("two")


@pytest.mark.parametrize(
    "name",
    ["app.log.1", "app.log-20261121", "app-20261121.log", "app.log.2026-11-21_03-00", "app.1.log", "app.log.old",
     "app-2026-11-21T03-00-00.000.log", "app-2026-11-21T03-00-00.000-size.log"],
)  # fmt: skip
def test_what_came_between_is_read_whatever_it_was_rotated_to(path: Path, tmp_path: Path, name: str) -> None:
    with heard(app(path), tmp_path) as here:
        say(path, "one")
        here.hears("one")
    path.rename(tmp_path / "app.log.7")
    say(tmp_path / name, "between")
    say(path, "two")
    with heard(app(path), tmp_path, here.position) as again:
        again.hears("between", "two")


def test_a_writer_that_goes_on_with_the_old_file_for_a_while(path: Path, tmp_path: Path) -> None:
    with heard(app(path), tmp_path) as here, path.open("a") as writer:
        rename(path)
        writer.write("one\n")
        writer.flush()
        here.hears("one")
        writer.write("two\n")
        writer.flush()
        here.hears("one", "two")
        writer.write("half")
        writer.flush()
        say(path, "three")
        here.hears("one", "two", "half", "three")


def test_a_file_that_is_not_there_yet(path: Path, tmp_path: Path) -> None:
    path.unlink()
    with heard(app(path), tmp_path) as here:
        here.until(lambda: "there is no file" in here.follower.trouble, "it says so")
    say(path, "one")
    with heard(app(path), tmp_path, here.position) as again:
        again.hears("one")
        assert again.follower.trouble == ""


def test_an_inode_that_is_used_again_is_another_file(path: Path, tmp_path: Path) -> None:
    with heard(app(path), tmp_path) as here:
        say(path, "one")
        here.hears("one")
    with path.open("r+") as file:  # stand-in for a file system that gives the number to the next file at once
        file.write("other and much longer\nthan the one before\n")
    with heard(app(path), tmp_path, here.position) as again:
        again.hears("other and much longer", "than the one before")


def test_ten_megabytes_without_an_end_and_bytes_that_are_no_text(path: Path, tmp_path: Path) -> None:
    with heard(app(path), tmp_path) as here:
        with path.open("ab") as file:
            file.write(b"x" * 10_000_000 + b"\n\x00\xff\xfe\x1b[31mred\x1b[0m\r\nafter\n")
        here.until(lambda: len(here.texts) >= 3, "three lines")
    long, binary, after = here.lines
    assert (len(long.text), long.cut) == (LONGEST, True)
    assert (binary.text, binary.cut) == ("\ufffd\ufffd\ufffdred", False)
    assert after.text == "after"


def test_nothing_is_dropped_while_nobody_takes(path: Path, tmp_path: Path) -> None:
    with heard(app(path), tmp_path) as here:
        say(path, *(f"line {number}" for number in range(200_000)))
        here.until(lambda: here.follower.full, "the basket is full")
        here.until(lambda: len(here.texts) == 200_000, "all of them")
        assert here.texts == [f"line {number}" for number in range(200_000)]


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with heard(app(tmp_path), tmp_path, settled=False) as here:
        here.until(lambda: "no regular file" in here.follower.trouble, "a folder")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with heard(app(fifo), tmp_path, settled=False) as here:
        here.until(lambda: "no regular file" in here.follower.trouble, "a pipe")
