"""What a restore promises, through the command line."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.protect.conftest import Desk
from tests.real.protect.shop import Shop


def test_destroy_restore_compare(desk: Desk) -> None:
    before = desk.files()
    desk.daytwo("backup")
    shutil.rmtree(desk.uploads)
    done = desk.daytwo("restore", "--yes")
    assert desk.files() == before
    assert "counts compared with the manifest, all equal" in done.out


def test_f12_over_live_data_a_safety_snapshot_first_and_the_old_data_kept(desk: Desk) -> None:
    desk.daytwo("backup")
    first = desk.files()
    (desk.uploads / "new.txt").write_text("written after the backup")
    later = desk.files()
    result = desk.json("restore", "--yes")
    assert desk.files() == first
    safety = result["safety"]
    assert [one["safety"] for one in desk.json("snapshots") if one["id"] == safety] == [True]
    kept = Path(re.findall(r"/\S*daytwo-before-\S*", result["parts"][0]["kept"] + " ")[0].rstrip(",."))
    assert {str(p.relative_to(kept)): p.read_bytes() for p in kept.rglob("*") if p.is_file()} == later
    desk.daytwo("restore", safety, "--yes")
    assert desk.files() == later, "the safety snapshot brings it back"


def test_without_a_person_or_yes_nothing_is_done(desk: Desk) -> None:
    desk.daytwo("backup")
    (desk.uploads / "new.txt").write_text("x")
    live = desk.files()
    assert "--yes" in desk.daytwo("restore", code=5).err
    assert desk.files() == live


def test_a_typed_confirmation_must_be_the_apps_name(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.daytwo("backup")
    (desk.uploads / "new.txt").write_text("x")
    live = desk.files()
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    answers = iter(["yes", "desk/production"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    assert "not confirmed" in desk.daytwo("restore", code=5).err
    assert desk.files() == live
    desk.daytwo("restore")
    assert desk.files() != live


def test_by_time_by_id_and_the_newest(desk: Desk) -> None:
    ids, times = [], []
    for number in range(3):
        (desk.uploads / "n").write_text(str(number))
        result = desk.json("backup")
        ids.append(result["snapshot"])
        times.append(result["ended"])
    for argv, wanted in ((["--before", times[1]], "1"), ([ids[0]], "0"), ([ids[2][:5]], "2"), ([], "2")):
        desk.daytwo("restore", *argv, "--yes", "--no-safety")
        assert (desk.uploads / "n").read_text() == wanted
    assert "no snapshot" in desk.daytwo("restore", "--before", "2001-01-01", "--yes", code=2).err
    assert "not a time" in desk.daytwo("restore", "--before", "yesterday-ish", "--yes", code=2).err


def test_somewhere_else_leaves_the_live_data_alone(desk: Desk) -> None:
    desk.daytwo("backup")
    before = desk.files()
    (desk.uploads / "new.txt").write_text("x")
    live = desk.files()
    copy = desk.folder / "copy"
    desk.daytwo("restore", "--yes", "--into", f"uploads.path={copy}")
    assert desk.files() == live
    assert {str(p.relative_to(copy)): p.read_bytes() for p in copy.rglob("*") if p.is_file()} == before
    again = desk.daytwo("restore", "--yes", "--into", f"uploads.path={copy}", code=5)
    assert "already holds" in again.err
    assert "Write it like" in desk.daytwo("restore", "--into", "nonsense", "--yes", code=2).err
    assert "no service" in desk.daytwo("restore", "--into", "nope.path=/x", "--yes", code=2).err


def test_one_path_only(desk: Desk) -> None:
    desk.daytwo("backup")
    (desk.uploads / "a.bin").write_bytes(b"changed")
    (desk.uploads / "sub" / "note with space.txt").write_text("changed")
    desk.daytwo("restore", "-s", "uploads", "--only", "sub/note with space.txt", "--yes")
    assert (desk.uploads / "sub" / "note with space.txt").read_text() == "first\n"
    assert (desk.uploads / "a.bin").read_bytes() == b"changed"


def test_a_secret_component_needs_the_key_and_comes_back_with_it(desk: Desk) -> None:
    desk.write(services="settings: {kind: env, paths: [.env]}")
    desk.daytwo("backup")
    (desk.folder / ".env").write_text("TOKEN=lost\n")
    refused = desk.daytwo("restore", "--yes", code=5)
    assert "--key" in refused.err
    assert (desk.folder / ".env").read_text() == "TOKEN=lost\n"
    desk.daytwo("restore", "--yes", "--key", str(desk.folder / "key.txt"))
    assert (desk.folder / ".env").read_text() == "TOKEN=token-value-123\n"
    desk.daytwo("keys", "check", "--key", str(desk.folder / "key.txt"))
    (desk.folder / "other.txt").write_text(
        "AGE-SECRET-KEY-1PZ3VKF4GZ7J8KRX2WR8ETF5HUH0RWX4HQ5R8EX3LJ4AQYQZQF5WQ5Z4K7\n"
    )
    assert desk.daytwo("keys", "check", "--key", str(desk.folder / "other.txt"), code=None).code != 0


def flip(path: Path) -> None:
    """Damage one byte in the middle, as a dying disk does."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def test_a_damaged_archive_is_found_marked_and_never_restored(desk: Desk) -> None:
    good = desk.json("backup")["snapshot"]
    (desk.uploads / "n").write_text("later")
    bad = desk.json("backup")["snapshot"]
    flip(desk.archive_of(bad))
    live = desk.files()
    assert desk.daytwo("restore", bad, "--yes", "--no-safety", code=None).code in (1, 4)
    assert desk.files() == live, "the data in use was not touched"
    assert [p.name for p in desk.folder.iterdir() if "daytwo-new" in p.name] == []
    damaged = desk.daytwo("verify", "all", code=4)
    assert "DAMAGED" in damaged.out
    levels = {one["id"]: one["level"] for one in desk.json("snapshots")}
    assert levels == {good: "verified", bad: "damaged"}
    result = desk.json("restore", "--yes", "--no-safety")
    assert result["snapshot"] == good, "the newest is never a damaged one"


def test_a_truncated_archive_is_found(desk: Desk) -> None:
    desk.daytwo("backup")
    archive = next((desk.folder / "backups").glob("*.tar.gz"))
    os.truncate(archive, archive.stat().st_size // 2)
    assert "DAMAGED" in desk.daytwo("verify", code=4).out
    assert desk.daytwo("restore", "--yes", code=None).code in (1, 2, 4)


def test_f18_another_place_than_it_came_from_is_shown_and_refused(desk: Desk) -> None:
    desk.daytwo("backup")
    manifest = next((desk.folder / "backups").glob("*.manifest.json"))
    text = manifest.read_text()
    found = json.loads(text)["components"][0]["source"]["id"]
    manifest.write_text(text.replace(json.dumps(found), json.dumps(found + "-of-another-machine")))
    live = desk.files()
    refused = desk.daytwo("restore", "--yes", code=5)
    assert "this is another place" in refused.err
    assert desk.files() == live
    assert "NOTE  it came from another place" in desk.daytwo("restore", "--dry-run").out
    desk.daytwo("restore", "--yes", "--accept-other-target")


def test_the_plan_shows_where_it_would_go_and_nothing_is_done(desk: Desk) -> None:
    desk.daytwo("backup")
    (desk.uploads / "new.txt").write_text("x")
    live = desk.files()
    shown = desk.daytwo("restore", "--dry-run").out
    assert str(desk.uploads) in shown
    assert "A safety snapshot of what is there is taken first" in shown
    assert desk.files() == live


def test_extract_diff_pin_and_prune(desk: Desk) -> None:
    desk.write(backup="keep: {last: 1}")
    first = desk.json("backup")["snapshot"]
    desk.daytwo("pin", first, "--note", "before the migration")
    (desk.uploads / "more.txt").write_text("more")
    second = desk.json("backup")["snapshot"]
    assert [one["id"] for one in desk.json("snapshots")] == [first, second]
    assert any(change["item"] == "files" for change in desk.json("snapshots", "diff", first, second))
    out = desk.folder / "note.txt"
    desk.daytwo("extract", "uploads", "sub/note with space.txt", "--snapshot", first, "-o", str(out))
    assert out.read_text() == "first\n"
    assert "there already" in desk.daytwo("extract", "uploads", "a.bin", "-o", str(out), code=2).err
    assert desk.daytwo("extract", "uploads", "not/there", "-o", str(desk.folder / "x"), code=2).err
    assert "pinned" in desk.daytwo("prune", "--dry-run").out
    desk.daytwo("unpin", first)
    desk.daytwo("prune")
    assert [one["id"] for one in desk.json("snapshots")] == [second]


class TestWithADatabase:
    """The whole app, killed in the middle of a restore."""

    @pytest.fixture
    def shop(self, make_shop: Callable[..., Shop]) -> Shop:
        made = make_shop(rows=2000)
        made.daytwo("backup")
        return made

    def test_everything_comes_back_row_by_row(self, shop: Shop) -> None:
        before = shop.content()
        shop.server.sql("drop table posts", shop.database)
        shutil.rmtree(shop.folder / "uploads")
        (shop.folder / ".env").unlink()
        shop.daytwo("restore", "--yes", "--key", str(shop.folder / "key.txt"))
        assert shop.content() == before
        assert shop.server.password not in "".join(p.read_text() for p in shop.folder.glob("backups/*.json"))

    @pytest.mark.parametrize("moment", ["check:end", "safety:begin", "safety:end", "stage:begin", "stage:end"])
    def test_killed_before_the_swap_the_data_in_use_is_untouched_and_nothing_is_left(
        self, shop: Shop, moment: str
    ) -> None:
        shop.server.sql("update posts set body = 'live' where id = 7", shop.database)
        live = shop.content()
        beside = sorted(path.name for path in shop.folder.iterdir())
        shop.daytwo("restore", "--yes", "--key", str(shop.folder / "key.txt"), death=moment, code=-9)
        assert shop.content() == live
        again = shop.daytwo("backup")
        assert "restore" in again.err
        assert "was interrupted" in again.err
        assert "the data in use was not touched" in again.err
        assert sorted(path.name for path in shop.folder.iterdir()) == beside
        left = shop.server.sql(f"select datname from pg_database where datname like '{shop.database}%'").split()
        assert left == [shop.database]
        assert shop.content() == live

    def test_killed_after_the_swap_the_next_run_tells_where_the_old_data_is(self, shop: Shop) -> None:
        before = shop.content()
        shop.server.sql("delete from posts", shop.database)
        shop.daytwo("restore", "--yes", "--key", str(shop.folder / "key.txt"), death="swap:end", code=-9)
        assert shop.content() == before
        again = shop.daytwo("backup")
        assert "db.dump had been restored already; the data from before is" in again.err

    def test_rows_that_differ_from_the_manifest_are_not_swapped_in(self, shop: Shop) -> None:
        manifest = next((shop.folder / "backups").glob("*.manifest.json"))
        data = json.loads(manifest.read_text())
        for component in data["components"]:
            if component["name"] == "db.dump":
                component["counts"]["public.posts"] += 1
        manifest.write_text(json.dumps(data))
        shop.server.sql("update posts set body = 'live' where id = 7", shop.database)
        live = shop.content()
        refused = shop.daytwo("restore", "-s", "db", "--yes", code=4)
        assert "public.posts: 2000 instead of 2001" in refused.err
        assert shop.content() == live
        left = shop.server.sql(f"select datname from pg_database where datname like '{shop.database}%'").split()
        assert left == [shop.database]

    def test_f11_no_password_in_any_command_line(self, shop: Shop) -> None:
        seen: list[str] = []
        import threading

        done = threading.Event()

        def look() -> None:
            while not done.is_set():
                for entry in Path("/proc").glob("[0-9]*/cmdline"):
                    try:
                        seen.append(entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
                    except OSError:
                        continue

        thread = threading.Thread(target=look)
        thread.start()
        try:
            shop.daytwo("backup")
            shop.daytwo("restore", "-s", "db", "--yes")
        finally:
            done.set()
            thread.join()
        assert any("pg_dump" in line for line in seen), "it looked at the right moment"
        assert not any(shop.server.password in line for line in seen)
        for path in shop.folder.rglob("*"):
            if path.is_file() and path.name not in ("pw",):
                assert shop.server.password.encode() not in path.read_bytes(), path


def test_two_services_with_files_in_the_same_folder_come_back_together(desk: Desk) -> None:
    (desk.folder / "other.env").write_text("OTHER=1\n")
    desk.write(
        services="one: {kind: env, paths: [.env]}, two: {kind: env, paths: [other.env]}, three: {kind: files, path: ./other.env}"
    )
    desk.daytwo("backup")
    (desk.folder / ".env").unlink()
    (desk.folder / "other.env").write_text("changed")
    desk.daytwo("restore", "--yes", "--key", str(desk.folder / "key.txt"))
    assert (desk.folder / ".env").read_text() == "TOKEN=token-value-123\n"
    assert (desk.folder / "other.env").read_text() == "OTHER=1\n"
