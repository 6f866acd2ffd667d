"""The parts of the kind `restic` that need no restic."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from daytwo.core.errors import (
    BusyError,
    DaytwoError,
    IntegrityError,
    RefusedError,
    RepositoryError,
    SecretError,
    SpaceError,
)
from daytwo.core.manifest import Mark, MarkKind
from daytwo.core.service import Place
from daytwo.repositories.restic import ResticSettings, layout, messages
from daytwo.repositories.restic.backup import excludes
from daytwo.repositories.restic.faults import NoRepositoryError, damaged_file, explain
from daytwo.repositories.restic.locks import Life, is_stale
from daytwo.repositories.restic.messages import Found, Lock, Status, Summary
from daytwo.repositories.restic.readback import by_pack
from daytwo.repositories.restic.settings import local_folder, location, pack_size_argument

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
PLACE = Place(Path("/etc/shop"), "shop", "production")


def settings(**block: object) -> ResticSettings:
    return ResticSettings.model_validate({"kind": "restic", "url": "store", "password": {"env": "P"}} | block)


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("store", "/etc/shop/store"),
        ("./a:b", "/etc/shop/a:b"),
        ("/srv/store", "/srv/store"),
        ("local:/srv/store", "/srv/store"),
        ("s3:https://s3.example.com/bucket", None),
        ("sftp:user@host:/srv/store", None),
        ("rest:https://backup.example.com/", None),
    ],
)
def test_local_places_are_told_from_remote_ones(url: str, folder: str | None) -> None:
    found = local_folder(settings(url=url), PLACE)
    assert found == (Path(folder) if folder else None)
    assert location(settings(url=url), PLACE) == (f"local:{folder}" if folder else url)


@pytest.mark.parametrize("url", ["s4:https://host/bucket", "http://host/", "stfp:user@host:/x", ""])
def test_an_unknown_back_end_is_a_config_error(url: str) -> None:
    with pytest.raises(ValidationError):
        settings(url=url)


@pytest.mark.parametrize(
    "options", [("--password-command", "cat x"), ("-r", "x"), ("--repo=x",), ("--json",), ("--password-file=x",)]
)
def test_options_cannot_undo_what_daytwo_sets(options: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="set by daytwo"):
        settings(options=options)


def test_a_password_is_a_reference() -> None:
    with pytest.raises(ValidationError, match="reference"):
        settings(password="hunter2")


def test_pack_size_is_told_in_whole_mebibytes() -> None:
    assert pack_size_argument(settings(pack_size="64MiB")) == ("--pack-size=64",)
    assert pack_size_argument(settings()) == ()
    with pytest.raises(ValidationError, match="4MiB to 128MiB"):
        settings(pack_size="1GB")


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (1, "Fatal: wrong password or no key found", SecretError),
        (12, "Fatal: something new", SecretError),
        (11, "unable to create lock in backend: repository is already locked by PID 5 on box by root", BusyError),
        (1, "repository is already locked exclusively by PID 5 on box by root (UID 0, GID 0)", BusyError),
        (1, "Fatal: unable to open config file: stat /x/config: no such file or directory", NoRepositoryError),
        (1, "Fatal: unable to open config file: Stat: The specified key does not exist.", NoRepositoryError),
        (10, "Fatal: repository does not exist", NoRepositoryError),
        (1, "Fatal: unable to open config file: Stat: Access Denied.", RepositoryError),
        (1, "Fatal: unable to open repository at /x: permission denied", RepositoryError),
        (1, "Save(<data/12>) failed: write: no space left on device", SpaceError),
        (1, "decrypting blob 12 failed: ciphertext verification failed", IntegrityError),
        (1, "Fatal: repository contains errors", IntegrityError),
        (1, "blob not removed, server response: 403 Forbidden (403)", RefusedError),
        (1, "dial tcp 127.0.0.1:1: connect: connection refused", RepositoryError),
        (1, "", RepositoryError),
    ],
)
def test_every_failure_is_named_and_has_a_next_step(code: int, text: str, kind: type[DaytwoError]) -> None:
    error = explain(code, text, "offsite", "local:/x")
    assert type(error) is kind
    assert error.where == "repository offsite" and error.hint


def test_only_a_missing_repository_is_ever_made() -> None:
    for text in ("Access Denied", "connection refused", "permission denied", "i/o timeout", "403 Forbidden"):
        error = explain(
            1, f"Fatal: unable to open config file: Stat: {text}\nIs there a repository at ...", "x", "s3:y"
        )
        assert not isinstance(error, NoRepositoryError), text


def test_a_path_that_spells_an_error_is_not_one() -> None:
    place = "local:/srv/connection refused/wrong password or no key found"
    text = f"Fatal: unable to open config file: stat {place[6:]}/config: no such file or directory"
    assert type(explain(1, text, "x", place)) is NoRepositoryError


def test_a_file_asked_for_again_and_again_is_lost() -> None:
    line = "Load(<data/f8e2b8c174>, 27, 24) returned error, retrying after 552.3ms: {}\n"
    assert damaged_file(line.format("open /s/data/f8/f8e2: no such file or directory"), 1)
    assert damaged_file(line.format("EOF"), 1)
    assert damaged_file(line.format("unexpected EOF") * 2, 3) is None
    assert damaged_file(line.format("unexpected EOF") * 3, 3)
    assert damaged_file(line.format("connection reset by peer") * 9, 1) is None
    gone = line.replace("data/", "lock/").format("does not exist") * 9
    assert damaged_file(gone, 1) is None, "another restic has ended"
    assert damaged_file(gone, 1, locks=True)


def test_progress_is_read_and_noise_passed_over() -> None:
    assert messages.progress(b'{"message_type":"status","bytes_done":5,"total_bytes":9}') == Status(
        bytes_done=5, total_bytes=9
    )
    summary = messages.progress(b'{"message_type":"summary","snapshot_id":"0adae47f","data_added":3,"new_field":1}')
    assert isinstance(summary, Summary) and summary.snapshot_id == "0adae47f"
    for noise in (b"", b"null", b"[]", b"warning: x", b'{"message_type":"verbose_status"}', b'{"message_type":[]}',
                  b'{"message_type":"summary"}', b'{"message_type":"status","bytes_done":"x"}'):  # fmt: skip
        assert messages.progress(noise) is None


@given(st.binary(), st.integers(1, 7))
def test_lines_do_not_depend_on_chunks(data: bytes, size: int) -> None:
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert b"\n".join(messages.lines(chunks)) == data.removesuffix(b"\n")


def test_unreadable_files_are_told_from_vanished_ones_in_old_and_new_words() -> None:
    said = "\n".join(
        [
            '{"message_type":"error","error":{"Op":"open","Path":"/a","Err":13},"during":"archival","item":"/a"}',
            '{"message_type":"error","error":{"Op":"lstat","Path":"/b","Err":2},"during":"archival","item":"/b"}',
            '{"message_type":"error","error":{"message":"lstat /c: no such file or directory"},"item":"/c"}',
            '{"message_type":"error","error":"odd","item":"/d"}',
            "Warning: at least one source file could not be read",
        ]
    )
    assert [(one.item, one.vanished) for one in messages.troubles(said)] == [
        ("/a", False), ("/b", True), ("/c", True), ("/d", False),
    ]  # fmt: skip


def test_versions() -> None:
    assert messages.version("restic 0.14.0 compiled with go1.19.8 on linux/amd64") == (0, 14, 0)
    assert messages.version("restic 0.17.3-dev (compiled manually) compiled with go1.23") == (0, 17, 3)
    assert messages.version("true (GNU coreutils) 9.1") == messages.version("") == ()


@given(st.text(), st.text(), st.text())
def test_tags_hold_any_name(app: str, component: str, note: str) -> None:
    try:
        place = Place(Path("/"), app, "production")
        tags = layout.component_tags(place, "s-1", "r-1", component)
        mark = Mark(kind=MarkKind.PINNED, at=NOW, note=note)
        marked = layout.mark_tags(place, "s-1", mark)
    except UnicodeEncodeError:
        return
    assert not any("," in tag or "\n" in tag for tag in (*tags, *marked))
    assert found(tags).tag("component") == component and found(tags).tag("app") == app
    assert layout.mark_of(found(marked)) == mark


def found(tags: tuple[str, ...]) -> Found:
    return Found(id="a" * 64, time=NOW, tree="b" * 64, tags=tags)


def test_a_mark_that_is_none_is_passed_over() -> None:
    assert layout.mark_of(found(("mark:nonsense", "at:yesterday"))) is None
    assert layout.sequence_of(found(("seq:x",))) == 0


@pytest.mark.parametrize(
    ("host", "age", "life", "stale"),
    [
        ("here", timedelta(0), Life.GONE, True),
        ("here", timedelta(0), Life.OTHER, True),
        ("here", timedelta(hours=5), Life.MAYBE, False),
        ("there", timedelta(minutes=29), Life.GONE, False),
        ("there", timedelta(minutes=31), Life.GONE, True),
    ],
)
def test_f06_which_locks_are_stale(host: str, age: timedelta, life: Life, stale: bool) -> None:
    lock = Lock(time=NOW - age, hostname=host, pid=7)
    assert is_stale(lock, NOW, "here", lambda _: life) is stale


def test_excludes_begin_at_the_folder() -> None:
    patterns, folder = ("/cache", "*.tmp"), r"--exclude=/srv/up \[1]\*"
    assert excludes(Path("/srv/up [1]*"), patterns) == [f"{folder}/cache", f"{folder}/**/*.tmp"]


def test_reading_back_takes_the_cheaper_way() -> None:
    mib = 1 << 20
    assert by_pack([16 * mib] * 2, 10_000 * mib), "little is new"
    assert not by_pack([16 * mib] * 64, 1024 * mib), "all is new: one start of restic for each file costs more"
    assert by_pack([], 0)


def test_a_manifest_that_names_trees_is_still_understood() -> None:
    note = {"components": {"db.dump": {"restic": "a" * 64, "tree": "b" * 64, "path": "/db.dump", "folder": False}}}
    assert layout.Location.model_validate(note).components["db.dump"].path == "/db.dump"
