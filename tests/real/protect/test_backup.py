"""What a backup promises, through the command line."""

import io
import json
import os
import re
import sqlite3
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pyrage
import pytest

from daytwo.core.errors import RefusedError
from daytwo.core.manifest import Snapshot
from daytwo.core.run import Run
from daytwo.protect import verify
from daytwo.protect.workbench import Workbench
from daytwo.repositories.archive import ArchiveRepository
from tests.parts.need import require_root
from tests.real.protect.conftest import Desk


def test_one_command_makes_one_archive_that_tar_opens_and_names_it_and_the_time(desk: Desk) -> None:
    desk.write(services="uploads: {kind: files, path: ./uploads}, settings: {kind: env, paths: [.env]}")
    done = desk.daytwo("backup")
    (archive,) = (desk.folder / "backups").glob("*.tar.gz")
    assert re.fullmatch(r"desk-\d{8}T\d{6}Z\.tar\.gz", archive.name)
    assert str(archive) in done.out
    assert re.search(r"^Finished \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$", done.out, re.M)
    subprocess.run(["tar", "xzf", archive, "-C", desk.folder / "cache"], check=False)
    (desk.folder / "out").mkdir()
    subprocess.run(["tar", "xzf", archive, "-C", desk.folder / "out"], check=True)
    names = sorted(path.name for path in (desk.folder / "out").iterdir())
    assert names == ["RESTORE.md", "manifest.json", "settings.tar.age", "uploads.tar"]
    with tarfile.open(desk.folder / "out" / "uploads.tar") as tar:
        member = tar.extractfile(next(one for one in tar.getnames() if one.endswith("note with space.txt")))
        assert member is not None
        assert member.read() == b"first\n"
    sealed = (desk.folder / "out" / "settings.tar.age").read_bytes()
    assert b"token-value-123" not in sealed
    opened = pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(desk.key)])
    with tarfile.open(fileobj=io.BytesIO(opened)) as tar:
        assert any(name.endswith(".env") for name in tar.getnames())


def test_nothing_temporary_is_left_after_success_or_failure(desk: Desk) -> None:
    desk.daytwo("backup")
    assert len(desk.stored()) == 2
    desk.write(services="uploads: {kind: files, path: ./uploads}, gone: {kind: files, path: ./not-there}")
    failed = desk.daytwo("backup", code=1)
    assert "not-there" in failed.err
    assert len(desk.stored()) == 2
    assert list((desk.folder / ".daytwo" / "work").iterdir()) == []


def test_only_the_last_seven_are_kept(desk: Desk) -> None:
    ids = []
    for number in range(9):
        (desk.uploads / "counter").write_text(str(number))
        ids.append(desk.json("backup")["snapshot"])
    assert [one["id"] for one in desk.json("snapshots")] == ids[2:]
    assert len(desk.stored()) == 14


TWO = "uploads: {kind: files, path: ./uploads}, settings: {kind: env, paths: [.env]}"


def test_f08_backups_of_one_service_never_push_out_the_whole_ones(desk: Desk) -> None:
    """Seven dumps of the database before a migration, and no snapshot had the uploads any more."""
    desk.write(services=TWO, backup="keep: {last: 2}")
    whole = [desk.json("backup")["snapshot"] for _ in range(2)]
    parts = [desk.json("backup", "--service", "settings")["snapshot"] for _ in range(4)]
    assert [one["id"] for one in desk.json("snapshots")] == [*whole, *parts[2:]]
    [backup] = desk.json("status")["backups"]
    assert backup["last"]["id"] == whole[-1], "it is the last one that is whole"
    assert "only settings" in desk.daytwo("snapshots").out
    assert desk.json("restore", "--dry-run")["plan"]["snapshot"] == whole[-1]
    assert desk.json("restore", "--service", "settings", "--dry-run")["plan"]["snapshot"] == parts[-1]
    all_named = desk.json("backup", "--service", "settings", "--service", "uploads")["snapshot"]
    assert desk.json("restore", "--dry-run")["plan"]["snapshot"] == all_named
    assert {one["id"] for one in desk.json("snapshots")} == {whole[-1], parts[-1], all_named}


def test_verify_says_when_a_snapshot_has_nothing_of_a_service(desk: Desk) -> None:
    desk.daytwo("backup")
    assert "holds nothing of service uplods" in desk.daytwo("verify", "--service", "uplods", code=2).err
    assert desk.json("runs", "--limit", "1")[0]["outcome"] == "failed"


def test_what_retention_removes_while_it_is_verified_is_not_damaged(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [desk.json("backup")["snapshot"] for _ in range(3)]
    archives = [desk.archive_of(id) for id in ids]
    real = verify.verify_stored

    def meanwhile(bench: Workbench, snapshot: Snapshot, run: Run) -> None:
        if snapshot.id == ids[1]:
            archives[1].unlink()
            archives[1].with_name(archives[1].name.replace(".tar.gz", ".manifest.json")).unlink()
        if snapshot.id == ids[2]:
            archives[2].unlink()  # its manifest is there: somebody took the data away
        real(bench, snapshot, run)

    monkeypatch.setattr(verify, "verify_stored", meanwhile)
    found = desk.json("verify", "all", "--stored", code=4)["snapshots"]
    assert [(one["id"], bool(one["error"])) for one in found] == [(ids[0], False), ("", False), (ids[2], True)]
    assert ids[1] in found[1]["check"]


def test_extract_tells_what_is_in_the_way_and_leaves_it(desk: Desk) -> None:
    desk.daytwo("backup")
    part = desk.folder / ".out.part"
    part.write_text("of another one that is at work, or was killed")
    wanted = ("extract", "uploads", "a.bin", "--output")
    desk.daytwo(*wanted, str(desk.folder / "out"))
    assert part.exists()
    assert (desk.folder / "out").read_bytes() == (desk.uploads / "a.bin").read_bytes()
    assert "is there already" in desk.daytwo(*wanted, str(desk.folder / "out"), code=2).err
    assert "No such file or directory" in desk.daytwo(*wanted, str(desk.folder / "nowhere" / "out"), code=5).err


def test_the_plan_is_printed_and_nothing_done(desk: Desk) -> None:
    out = desk.daytwo("backup", "--dry-run").out
    assert "dump uploads.tar of uploads (after the databases)" in out
    assert "store in local, read back every byte, then make it visible" in out
    assert not (desk.folder / "backups").exists()


def test_one_failing_repository_does_not_stop_the_others(desk: Desk) -> None:
    (desk.folder / "file").write_text("in the way")
    desk.write(repositories="bad: {kind: archive, path: ./file/backups}, local: {kind: archive, path: ./backups}")
    done = desk.daytwo("backup", code=3)
    assert "stored in part" in done.out
    assert "FAILED bad:" in done.out
    assert [one["repository"] for one in desk.json("snapshots")] == ["local"]
    assert desk.json("status", code=1)["backups"][0]["health"] == "partial"


def test_both_kinds_of_repository_get_the_same_from_one_dump(desk: Desk) -> None:
    counter = desk.folder / "counter"
    desk.write(
        services=f"uploads: {{kind: files, path: ./uploads}}, out: {{kind: command, dump: [sh, -c, 'echo x >>{counter}; seq 1000']}}",
        repositories="local: {kind: archive, path: ./backups}, off: {kind: restic, url: ./restic, password: {file: restic-pw}}",
    )
    desk.daytwo("backup")
    assert counter.read_text() == "x\n", "dumped once for both"
    found = desk.json("snapshots")
    assert {one["repository"] for one in found} == {"local", "off"}
    assert len({one["id"] for one in found}) == 1
    assert desk.daytwo("verify", "all").out.count("verified  uploads.tar") == 2
    for repository in ("local", "off"):
        desk.daytwo("extract", "out", "-r", repository, "-o", str(desk.folder / repository))
        assert (desk.folder / repository).read_text().split() == [str(n) for n in range(1, 1001)]


def test_copies_are_byte_identical_and_catch_up(desk: Desk) -> None:
    blocked = desk.folder / "copies"
    blocked.write_text("in the way")
    desk.write(
        repositories="local: {kind: archive, path: ./backups}, second: {kind: archive, path: ./copies, copy_of: local}"
    )
    desk.daytwo("backup", code=3)
    blocked.unlink()
    desk.daytwo("backup")
    for archive in (desk.folder / "backups").glob("*.tar.gz"):
        assert (blocked / archive.name).read_bytes() == archive.read_bytes()
    assert len(list(blocked.glob("*.tar.gz"))) == 2


def test_a_pin_is_copied_with_its_snapshot(desk: Desk) -> None:
    blocked = desk.folder / "copies"
    blocked.write_text("in the way")
    desk.write(
        repositories="local: {kind: archive, path: ./backups}, second: {kind: archive, path: ./copies, copy_of: local}"
    )
    pinned = desk.json("backup", code=3)["snapshot"]
    loose = desk.json("backup", code=3)["snapshot"]
    desk.daytwo("pin", pinned, "-r", "local", "--note", "before the move")
    desk.daytwo("pin", loose, "-r", "local")
    desk.daytwo("unpin", loose, "-r", "local")
    blocked.unlink()
    desk.daytwo("backup")
    copies = {one["id"]: one["pinned"] for one in desk.json("snapshots", "-r", "second")}
    assert len(copies) == 3
    assert [id for id, kept in copies.items() if kept] == [pinned]


def test_two_machines_that_store_as_one_are_told(desk: Desk) -> None:
    desk.write(backup="keep: {last: 9}")
    for _ in range(2):
        assert "take turns" not in str(desk.json("backup"))
        desk.json("backup")
        newest = max(
            (desk.folder / "backups").glob("*.manifest.json"), key=lambda path: json.loads(path.read_text())["sequence"]
        )
        newest.write_text(json.dumps({**json.loads(newest.read_text()), "host": "the-other"}))
    said = [text for text in desk.json("backup")["warnings"] if "take turns" in text]
    assert len(said) == 1 and "the-other" in said[0] and "`environment`" in said[0]


def test_f01_a_dump_that_fails_at_its_end_leaves_nothing_and_retention_does_not_run(desk: Desk) -> None:
    desk.write(backup="keep: {last: 1}")
    good = desk.json("backup")["snapshot"]
    desk.write(backup="keep: {last: 1}", services="out: {kind: command, dump: [sh, -c, 'seq 100000; exit 1']}")
    assert "ended with code 1" in desk.daytwo("backup", code=1).err
    desk.write(backup="keep: {last: 1}", services="out: {kind: command, dump: ['true']}")
    assert "0 bytes" in desk.daytwo("backup", code=1).err
    assert [one["id"] for one in desk.json("snapshots")] == [good]


def test_f08_fifteen_failed_nights_remove_nothing(desk: Desk) -> None:
    good = [desk.json("backup")["snapshot"] for _ in range(3)]
    desk.write(services="uploads: {kind: files, path: ./not-there}", backup="keep: {last: 2}")
    for _ in range(15):
        desk.daytwo("backup", code=1)
    assert [one["id"] for one in desk.json("snapshots")] == good
    assert "15 times in a row" in desk.daytwo("status", code=1).out


def test_f07_a_wrong_clock_removes_nothing(desk: Desk) -> None:
    desk.write(backup="keep: {last: 1}")
    first = desk.json("backup")["snapshot"]
    for path in (desk.folder / "backups").glob("*.manifest.json"):
        data = json.loads(path.read_text())
        data["at"] = "2031-01-01T00:00:00Z"
        path.write_text(json.dumps(data))
    second = desk.json("backup", code=3)
    assert "future" in next(iter(second["failures"].values()))
    assert len(desk.json("snapshots")) == 2
    assert "Nothing is removed" in desk.daytwo("prune", "--dry-run").out
    assert first in {one["id"] for one in desk.json("snapshots")}


@contextmanager
def tiny_disk(path: Path, megabytes: int) -> Iterator[None]:
    """A file system of its own, so that a full disk is a real one."""
    require_root("a file system of its own")
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


def test_f05_a_disk_that_fills_up_is_refused_or_stopped_and_left_clean(desk: Desk) -> None:
    with tiny_disk(desk.folder / "backups", 8):
        desk.write(
            backup="floor: 1MB, on_failure: [[sh, -c, 'echo \"$DAYTWO_ERROR\" >told']]".replace(
                "told", str(desk.folder / "told")
            )
        )
        desk.daytwo("backup")
        before = desk.stored()
        (desk.uploads / "big.bin").write_bytes(os.urandom(20_000_000))
        failed = desk.daytwo("backup", code=5)
        assert "must stay free" in failed.err
        assert "MB" in (desk.folder / "told").read_text(), "someone hears of it"
        assert desk.stored() == before
        desk.write(backup="floor: 1B")
        failed = desk.daytwo("backup", code=None)
        assert failed.code in (1, 5)
        assert desk.stored() == before
        (desk.uploads / "big.bin").unlink()
        desk.daytwo("backup")
        desk.daytwo("verify", "all")


def test_hooks_run_in_their_order_with_what_they_must_know(desk: Desk) -> None:
    log = desk.folder / "log"

    def say(word: str) -> str:
        return f"[[sh, -c, 'echo {word} $DAYTWO_APP $DAYTWO_BACKUP ${{DAYTWO_ERROR:-none}} >>{log}']]"

    desk.write(backup=f"before: {say('before')}, after: {say('after')}, on_failure: {say('failed')}")
    desk.daytwo("backup")
    assert log.read_text() == "before desk nightly none\nafter desk nightly none\n"
    log.unlink()
    desk.write(backup=f"before: [['false']], after: {say('after')}, on_failure: {say('failed')}")
    assert "before hook" in desk.daytwo("backup", code=1).err
    assert log.read_text().startswith("failed desk nightly before hook")
    assert len(desk.json("snapshots")) == 1
    log.unlink()
    desk.write(backup=f"after: [['false']], on_failure: {say('failed')}")
    assert "FAILED after hook" in desk.daytwo("backup", code=3).out
    assert "failed" in log.read_text()
    assert len(desk.json("snapshots")) == 2, "an after hook cannot undo what is stored"


def test_a_hook_that_hangs_is_ended_by_its_own_time_limit(desk: Desk) -> None:
    desk.write(backup="before: [{run: [sleep, '300'], timeout: 300ms}]")
    failed = desk.daytwo("backup", code=1)
    assert "`sleep 300` failed: stopped: it took longer than its time limit" in failed.err


@contextmanager
def heartbeat() -> Iterator[tuple[str, list[str]]]:
    """A heartbeat service, as real as HTTP is."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            heard.append(f"{self.path} {body}".strip())
            self.send_response(200)
            self.end_headers()

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/ping/tok-en-1234", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_heartbeat_service_hears_of_start_success_and_failure(desk: Desk) -> None:
    with heartbeat() as (url, heard):
        desk.write(backup=f"ping: '{url}'")
        desk.daytwo("backup")
        assert heard == ["/ping/tok-en-1234/start", "/ping/tok-en-1234"]
        heard.clear()
        desk.write(backup=f"ping: '{url}'", services="uploads: {kind: files, path: ./not-there}")
        failed = desk.daytwo("backup", code=1)
        assert heard[0] == "/ping/tok-en-1234/start"
        assert heard[1].startswith("/ping/tok-en-1234/fail")
        assert "not-there" in heard[1]
        assert "tok-en-1234" not in failed.err + failed.out


def test_a_dead_heartbeat_service_fails_nothing(desk: Desk) -> None:
    desk.write(backup="ping: 'http://127.0.0.1:9/ping/tok-en-1234'")
    done = desk.daytwo("backup")
    assert "warning: the success ping was not delivered" in done.out
    assert "tok-en-1234" not in done.out + done.err


def test_a_missing_recipient_or_secret_is_a_configuration_error(desk: Desk) -> None:
    desk.write(services="settings: {kind: env, paths: [.env]}")
    desk.config.write_text(re.sub(r"recovery: .*\n", "", desk.config.read_text()))
    assert "recipient" in desk.daytwo("backup", code=2).err
    desk.write(repositories="off: {kind: restic, url: ./restic, password: {env: NOT_SET_ANYWHERE}}")
    assert "NOT_SET_ANYWHERE" in desk.daytwo("backup", code=2).err


def test_snapshots_of_another_app_in_the_same_folder_stay_unseen_and_unharmed(desk: Desk) -> None:
    desk.write(backup="keep: {last: 1}")
    mine = desk.json("backup")["snapshot"]
    desk.write(app="other", backup="keep: {last: 1}")
    assert desk.json("snapshots") == []
    desk.daytwo("backup")
    desk.daytwo("backup")
    assert "no snapshot" in desk.daytwo("restore", mine, "--yes", code=2).err
    desk.write(backup="keep: {last: 1}")
    assert [one["id"] for one in desk.json("snapshots")] == [mine]


def test_errors_are_json_where_json_was_asked_for(desk: Desk) -> None:
    desk.write(services="uploads: {kind: files, path: ./not-there}")
    error = desk.json("backup", code=1)["error"]
    assert error["code"] == "failed"
    assert "not-there" in error["what"] + error["where"]


@pytest.mark.parametrize("argv", [["nightly2"], ["--to", "nowhere"], ["--service", "nothing"], ["--wait", "soon"]])
def test_a_wrong_command_line_names_what_there_is(desk: Desk, argv: list[str]) -> None:
    assert desk.daytwo("backup", *argv, code=2).err
    assert not (desk.folder / "backups").exists()


def test_f07_a_snapshot_from_the_future_keeps_later_ones_from_nothing(desk: Desk) -> None:
    desk.write(
        repositories="local: {kind: archive, path: ./backups}, second: {kind: archive, path: ./copies, copy_of: local}"
    )
    desk.daytwo("backup")
    for path in [*(desk.folder / "backups").glob("*.manifest.json"), *(desk.folder / "copies").glob("*.manifest.json")]:
        path.write_text(json.dumps(json.loads(path.read_text()) | {"at": "2031-01-01T00:00:00Z"}))
    newest = desk.json("backup", code=3)["snapshot"]  # as nothing is removed while the clock is in doubt
    assert len(list((desk.folder / "copies").glob("*.tar.gz"))) == 2
    for repository in ((), ("-r", "local"), ("-r", "second")):
        assert desk.json("restore", "--dry-run", *repository)["plan"]["snapshot"] == newest, "made last, says the order"


def test_what_a_lock_lets_go_is_gone_from_the_state_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is a stand-in's; that of S3 is tested with the repository."""
    desk.write(backup="keep: {last: 5}")
    ids = [desk.json("backup")["snapshot"] for _ in range(4)]
    desk.write(backup="keep: {last: 1}")
    real = ArchiveRepository.remove

    def remove(repository: ArchiveRepository, snapshots: list[Snapshot], run: Run) -> None:
        real(repository, [one for one in snapshots if one.id != ids[0]], run)
        raise RefusedError("object lock protects 1 of 3 snapshots")

    monkeypatch.setattr(ArchiveRepository, "remove", remove)
    assert "object lock protects" in desk.daytwo("prune", code=None).err
    with sqlite3.connect(desk.folder / ".daytwo" / "state.db") as state:
        assert {row[0] for row in state.execute("select id from snapshots")} == {ids[0], ids[3]}


def test_a_repository_that_is_empty_all_at_once_is_told_of(desk: Desk) -> None:
    """As when its disk is not mounted: what is stored there now fills the disk below."""
    desk.write(
        repositories="local: {kind: archive, path: ./backups}, second: {kind: archive, path: ./copies, copy_of: local}"
    )
    desk.daytwo("backup")
    for name in ("backups", "copies"):
        (desk.folder / name).rename(desk.folder / f"{name} of the disk")
    result = desk.json("backup", code=3)
    assert sorted(result["failures"]) == ["local is empty", "second is empty"]
    assert all("held 1 snapshots" in words and "mounted?" in words for words in result["failures"].values())
    assert sorted(result["stored"]) == ["local", "second"]
    desk.daytwo("backup")


@pytest.mark.parametrize("wanted", ["all", "latest"])
def test_f01_verify_fails_where_a_repository_cannot_be_read(desk: Desk, wanted: str) -> None:
    """Else the check of the copies off site would pass every week while they are out of reach."""
    two = "local: {{kind: archive, path: ./backups}}, off: {{kind: archive, path: ./{}/off}}"
    desk.write(repositories=two.format("there"))
    desk.daytwo("backup")
    assert desk.daytwo("verify", wanted).out.count("verified  uploads.tar") == 2
    (desk.folder / "file").write_text("in the way")
    desk.write(repositories=two.format("file"))
    done = desk.daytwo("verify", wanted, code=4)
    assert done.out.count("verified  uploads.tar") == 1
    assert re.search("^off: NOT READ .*Not a directory", done.out, re.M)
    assert "DAMAGED" not in done.out
    assert desk.json("runs", "--limit", "1")[0]["outcome"] == "failed"
    assert "Not a directory" in desk.daytwo("verify", wanted, "--repository", "off", code=None).err


@pytest.mark.parametrize("others", [1, 0])
@pytest.mark.parametrize("damage", [b"{", b"{}", None])
def test_f01_verify_fails_where_a_manifest_cannot_be_read(desk: Desk, damage: bytes | None, others: int) -> None:
    """Else a snapshot whose manifest is damaged would be read by nothing, and all would be well."""
    desk.daytwo("backup")
    (manifest,) = (desk.folder / "backups").glob("*.manifest.json")
    for _ in range(others):
        desk.daytwo("backup")
    manifest.write_bytes(manifest.read_bytes().replace(b".tar.gz", b"-2.tar.gz") if damage is None else damage)
    done = desk.daytwo("verify", "all", code=4)
    assert done.out.count("verified  uploads.tar") == others
    assert re.search(rf"^local: NOT READ {re.escape(manifest.name)}", done.out, re.M)
