"""The daemon as its users have it: a process that works, dies, and is there again."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.real.serve.running import PROGRAM, Place, place, until


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made.write()


HOLD = "touch begun; while [ ! -e go ]; do sleep 0.05; done"
"""A backup that goes on when the test says so."""


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made.write(before=f"cd {tmp_path}; {HOLD}")
        (tmp_path / "go").touch()


def test_it_starts_answers_and_ends(shop: Place) -> None:
    daemon = shop.start()
    assert shop.web.get("/api/health").json() == {"data": {"status": "ok"}}
    assert shop.web.get("/api/runs").status_code == 401
    detailed = shop.client.call("GET", "/api/monitoring/health/detailed")
    assert {one["part"] for one in detailed["parts"]} >= {"heart", "scheduler", "web", "workers"}
    assert "Make the first administrator here" in shop.log
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(15) == 0
    assert not (shop.folder / ".daytwo" / "daytwo.sock").exists()


def test_a_command_hands_its_work_to_the_daemon_and_shows_the_same(shop: Place) -> None:
    shop.start()
    done = shop.run("backup")
    assert "stored and read back" in done.stdout
    assert "uploads.tar: done" in done.stderr
    [run] = shop.runs()
    assert (run["via"], run["outcome"]) == ("socket", "succeeded")
    (shop.folder / "uploads" / "a.txt").unlink()
    restored = shop.run("restore", "--yes")
    assert "Restored snapshot" in restored.stdout
    assert (shop.folder / "uploads" / "a.txt").read_text() == "hello"
    assert shop.json("verify")["outcome"] == "succeeded"
    assert [one["kind"] for one in shop.runs()] == ["verify", "restore", "backup"]


def test_another_configuration_than_the_daemons_is_refused(shop: Place) -> None:
    shop.start()
    shop.config.write_text(shop.config.read_text().replace("0 3 * * *", "0 4 * * *"))
    assert "daytwo reload" in shop.run("backup", code=5).stderr
    shop.run("reload")
    shop.run("backup")


def test_a_bad_file_is_refused_and_the_old_one_stays(shop: Place) -> None:
    daemon = shop.start()
    good = shop.config.read_text()
    shop.config.write_text(good.replace("kind: files", "kind: flies"))
    assert "flies" in shop.run("reload", code=2).stderr
    daemon.send_signal(signal.SIGHUP)
    until(lambda: shop.log.count("was not reloaded") == 2, "the daemon hears SIGHUP")
    assert shop.client.call("GET", "/api/config")["refused"]
    taken = shop.client.call("POST", "/api/schedules/nightly/run")
    until(lambda: shop.client.call("GET", f"/api/runs/{taken['run']}")["outcome"] == "succeeded", "the old one works")
    shop.config.write_text(good)
    daemon.send_signal(signal.SIGHUP)
    until(lambda: "the configuration was reloaded" in shop.log, "the good one is taken")
    assert shop.client.call("GET", "/api/config")["refused"] == ""
    (told,) = until(lambda: shop.client.call("GET", "/api/audit?action=config.reload"), "the trail has it")
    assert (told["actor"], told["subject"]) == ("SIGHUP", shop.client.call("GET", "/api/config")["fingerprint"])


def test_that_the_one_before_was_killed_is_told_once(shop: Place) -> None:
    shop.start().kill()
    shop.daemons[-1].wait(20)
    shop.start()
    assert shop.log.count("did not end well") == 1


def test_two_daemons_on_one_state(shop: Place) -> None:
    first = shop.start()
    second = subprocess.run(
        [sys.executable, "-c", PROGRAM, "serve", "--config", str(shop.config)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 75
    assert f"runs already: process {first.pid}" in second.stderr
    assert shop.client.there(), "the first one keeps its socket"


def test_a_taken_port(shop: Place, tmp_path: Path) -> None:
    shop.start()
    port = shop.web.base_url.port
    other = tmp_path / "other"
    other.mkdir()
    with place(other) as second:
        second.write()
        second.config.write_text(second.config.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        done = second.run("serve", code=5)
    assert f"cannot listen on 127.0.0.1:{port}: address already in use" in done.stderr


def test_listening_to_the_world_needs_tls_or_a_yes(shop: Place) -> None:
    shop.config.write_text(shop.config.read_text().replace("127.0.0.1:0", "0.0.0.0:0"))
    assert "passwords would travel in the clear" in shop.run("serve", code=5).stderr


def test_killed_at_work_it_is_made_up_exactly_once(held: Place) -> None:
    daemon = held.start()
    held.client.call("POST", "/api/schedules/nightly/run")
    until((held.folder / "begun").exists, "the backup is at work")
    children = held.children()
    assert len(children) == 1
    for pid in (daemon.pid, *children):
        os.kill(pid, signal.SIGKILL)
    daemon.wait()
    assert held.outcomes() == ["running"]
    (held.folder / "go").touch()
    held.start()
    until(lambda: held.outcomes() == ["succeeded", "interrupted"], "it is made up")
    assert len(held.archives()) == 1
    assert held.runs()[0]["attempt"] == 2


def test_the_run_outlives_a_daemon_that_is_killed(held: Place) -> None:
    daemon = held.start()
    held.client.call("POST", "/api/schedules/nightly/run")
    until((held.folder / "begun").exists, "the backup is at work")
    daemon.kill()
    daemon.wait()
    held.start()
    time.sleep(0)
    assert held.outcomes() == ["running"], "its process lives: nothing is made up"
    (held.folder / "go").touch()
    until(lambda: held.outcomes() == ["succeeded"], "it comes to its end by itself")
    assert len(held.archives()) == 1


def test_stopped_at_work_it_is_made_up_at_the_next_start(held: Place) -> None:
    daemon = held.start()
    held.client.call("POST", "/api/schedules/nightly/run")
    until((held.folder / "begun").exists, "the backup is at work")
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(15) == 0
    assert held.outcomes() == ["queued", "cancelled"]
    assert held.archives() == []
    (held.folder / "go").touch()
    held.start()
    until(lambda: held.outcomes() == ["succeeded", "cancelled"], "it is made up")
    assert len(held.archives()) == 1


def test_the_same_twice_does_not_pile_up_and_one_can_be_stopped(held: Place) -> None:
    held.start()
    taken = held.client.call("POST", "/api/schedules/nightly/run")
    until((held.folder / "begun").exists, "the backup is at work")
    assert "on its way already" in held.run("backup", code=75).stderr
    held.run("runs", "cancel", taken["run"])
    until(lambda: held.outcomes() == ["cancelled"], "it is stopped")
    assert held.archives() == []


def test_ctrl_c_in_a_command_stops_the_run_in_the_daemon(held: Place) -> None:
    held.start()
    command = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "backup", "--config", str(held.config)], stderr=subprocess.PIPE, text=True
    )
    until((held.folder / "begun").exists, "the backup is at work")
    command.send_signal(signal.SIGINT)
    _, said = command.communicate(timeout=30)
    assert command.returncode == 130, said
    assert held.outcomes() == ["cancelled"]


def test_a_schedule_is_kept(tmp_path: Path) -> None:
    with place(tmp_path, at="* * * * *") as shop:
        shop.write().start()
        until(lambda: "succeeded" in shop.outcomes(), "the next minute comes", 90)
        assert shop.runs()[-1]["actor"] == "schedule"
        shop.run("schedule", "pause", "nightly")
        assert shop.json("schedule")["schedules"][0]["paused_by"]


def test_a_watcher_sees_progress_and_the_end(held: Place) -> None:
    held.start()
    taken = held.client.call("POST", "/api/schedules/nightly/run")
    seen: list[str] = []
    watcher = threading.Thread(target=lambda: seen.extend(name for name, _ in held.client.events(taken["events"])))
    watcher.start()
    (held.folder / "go").touch()
    watcher.join(60)
    assert seen[-1] == "end"
    assert "progress" in seen
    again = list(held.client.events(taken["events"]))
    assert [name for name, _ in again] == ["end"], "one that has ended tells so at once"


def test_the_state_is_gone_and_that_is_said(shop: Place) -> None:
    shop.start()
    (shop.folder / ".daytwo" / "state.db").rename(shop.folder / "aside.db")
    for end in ("-wal", "-shm"):
        (shop.folder / ".daytwo" / f"state.db{end}").unlink()
    answer = shop.web.get("/api/health")
    assert answer.status_code == 503
    problems = shop.client.call("GET", "/api/monitoring/health/detailed")["problems"]
    assert any("start the daemon again" in one for one in problems), problems
    assert "start the daemon again" in shop.run("serve", "--check", code=1).stderr
    assert "Traceback" not in shop.log


def test_memory_of_an_idle_daemon(shop: Place) -> None:
    daemon = shop.start()
    shop.run("backup")
    text = Path(f"/proc/{daemon.pid}/status").read_text()
    peak = int(next(line for line in text.splitlines() if line.startswith("VmHWM")).split()[1])
    assert peak < 200_000, f"{peak} kB"


def test_oversized_and_malformed(shop: Place) -> None:
    shop.start()
    web = shop.web
    large = web.post("/api/session", content=b"x" * (2 << 20))
    assert large.status_code == 413
    assert large.json()["error"]["code"] == "too_large"

    def drip() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    with contextlib.suppress(httpx.WriteError, httpx.ReadError):  # it may hang up before we are done: as good
        assert web.post("/api/session", content=drip()).status_code == 413
    assert web.get("/api/../../etc/passwd").status_code in (401, 404)
    assert web.get("/").status_code < 500


def test_a_pause_is_told_wherever_one_looks(shop: Place) -> None:
    shop.start()
    shop.run("backup")
    shop.run("schedule", "pause", "nightly")
    [backup] = shop.client.call("GET", "/api/monitoring/health/detailed")["backups"]
    assert (backup["health"], backup["due"]) == ("paused", None)
    assert "paused its schedule" in shop.run("status").stdout
    shop.run("schedule", "resume", "nightly")
    assert "paused" not in shop.run("status").stdout


def test_a_run_that_is_stopped_before_it_has_begun(held: Place) -> None:
    """The request may come while its process is still starting."""
    held.start()
    taken = held.client.call("POST", "/api/schedules/nightly/run")
    until(lambda: held.client.call("GET", "/api/monitoring/health/detailed")["runs"], "its process is there")
    held.client.call("POST", f"/api/runs/{taken['run']}/cancel")
    (held.folder / "go").touch()
    until(lambda: held.outcomes() == ["cancelled"], "it is stopped")
    assert held.archives() == []


def test_before_a_time_means_that_everything_in_it_was_read_before(held: Place) -> None:
    """A snapshot that was begun before a deletion and dumped after it must not be taken for one from before."""
    (held.folder / "go").touch()
    held.run("backup")
    (held.folder / "go").unlink()
    (held.folder / "begun").unlink()
    command = subprocess.Popen([sys.executable, "-c", PROGRAM, "backup", "--config", str(held.config)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    until((held.folder / "begun").exists, "the second one has begun")
    moment = datetime.now(UTC).isoformat()
    (held.folder / "go").touch()
    assert command.wait(60) == 0
    found = held.json("restore", "--before", moment, "--dry-run")
    first = min(held.json("snapshots"), key=lambda one: str(one["at"]))
    assert found["plan"]["snapshot"] == first["id"]
