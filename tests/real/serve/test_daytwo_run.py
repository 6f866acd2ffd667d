"""`daytwo run`: a job in a process of its own, with a real daemon, with a wrong one, with none."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real.serve.running import PROGRAM, Place, place, until

HEARTBEATS = "heartbeats: {job: {every: 1h}}\n"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path, extra=HEARTBEATS) as made:
        yield made.write()


@pytest.fixture
def alone(tmp_path: Path) -> Place:
    """An app whose daemon does not run."""
    return Place(tmp_path, extra=HEARTBEATS).write()


HURRIED = "from daytwo.serve import reporting, wrap; reporting._PAUSES = (0.1,); wrap._GRACE = 0.3; " + PROGRAM
"""The same with less patience, where nobody is expected to answer."""


def wrapped(here: Place, *argv: str, to: tuple[str, ...] = ("--heartbeat", "job"), program: str = HURRIED) -> list[str]:
    return [sys.executable, "-c", program, "run", *to, "--config", str(here.config), *argv]


def run(here: Place, *argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
    to = options.pop("to", ("--heartbeat", "job"))
    return subprocess.run(
        wrapped(here, *argv, to=to), capture_output=True, text=True, timeout=60, check=False, **options
    )  # fmt: skip


def sh(script: str) -> tuple[str, ...]:
    return ("--", "sh", "-c", script)


def pings(here: Place) -> list[dict[str, Any]]:
    """The newest last."""
    found: list[dict[str, Any]] = here.client.call("GET", "/api/heartbeats/job")["pings"]["data"]
    return found[::-1]


def said(here: Place) -> list[tuple[str, int | None]]:
    return [(ping["kind"], ping["exit_code"]) for ping in pings(here)]


def test_start_end_duration_and_last_words_are_reported(shop: Place) -> None:
    shop.start()
    done = run(shop, *sh("echo out; echo err >&2; sleep 0.3; exit 3"))
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
    start, end = pings(shop)
    assert (start["kind"], end["kind"], end["exit_code"]) == ("start", "fail", 3)
    assert start["rid"] == end["rid"] != ""
    assert 300 <= end["duration_ms"] < 10_000
    assert sorted(end["excerpt"].split()) == ["err", "out"]
    assert run(shop, *sh("exit 0")).returncode == 0
    assert said(shop)[2:] == [("start", None), ("success", 0)]


def test_by_its_address(shop: Place) -> None:
    shop.start()
    [job] = shop.client.call("GET", "/api/heartbeats")
    path = job["url"].partition("/ping/")[2]
    url = f"{str(shop.web.base_url).rstrip('/')}/ping/{path}"
    done = run(shop, *sh("echo hello; exit 9"), to=("--url", url))
    assert (done.returncode, done.stdout, done.stderr) == (9, "hello\n", "")
    start, end = pings(shop)
    assert (start["kind"], end["kind"], end["exit_code"], end["excerpt"]) == ("start", "fail", 9, "hello")
    assert start["rid"] == end["rid"]
    assert end["duration_ms"] is not None


def test_a_job_that_is_killed(shop: Place) -> None:
    shop.start()
    assert run(shop, *sh("kill -9 $$")).returncode == 128 + signal.SIGKILL
    assert said(shop) == [("start", None), ("fail", 137)]
    assert pings(shop)[-1]["excerpt"] == "ended by SIGKILL"


TWO = """
import os, pathlib, signal, sys
folder, number = pathlib.Path(sys.argv[1]), int(sys.argv[2])
print(os.getpid(), flush=True)
who = "parent" if os.fork() else "child"
def caught(*ignored):
    (folder / f"{who} caught").touch()
    os._exit(40)
signal.signal(number, caught)
(folder / f"{who} ready").touch()
while True:
    signal.pause()
"""
"""A job of two processes that both end when the signal reaches them."""


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2]
)
def test_a_signal_reaches_the_job_and_all_it_started(alone: Place, number: signal.Signals) -> None:
    argv = wrapped(alone, "--", sys.executable, "-c", TWO, str(alone.folder), str(int(number)))
    job = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert job.stdout is not None
    group = int(job.stdout.readline())
    try:
        for who in ("parent", "child"):
            until((alone.folder / f"{who} ready").exists, f"the {who} is at work")
        job.send_signal(number)
        assert job.wait(40) == 40
        until((alone.folder / "child caught").exists, "the child caught it")
    finally:
        job.stdout.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def test_what_is_ignored_stays_ignored(alone: Place) -> None:
    """As nohup(1) has it."""
    ready = alone.folder / "ready"
    script = f"touch {ready}; while [ ! -e {alone.folder}/go ]; do sleep 0.05; done; exit 5"
    job = subprocess.Popen(
        ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *wrapped(alone, *sh(script))],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    until(ready.exists, "the job is at work")
    os.killpg(job.pid, signal.SIGHUP)
    (alone.folder / "go").touch()
    assert job.wait(40) == 5


def test_no_such_program(shop: Place) -> None:
    shop.start()
    done = run(shop, "--", "no-such-program-at-all", "--flag")
    assert done.returncode == 127
    assert done.stderr == "daytwo run: no-such-program-at-all: not found\n"
    assert said(shop) == [("start", None), ("fail", 127)]


def test_what_cannot_be_executed(shop: Place) -> None:
    shop.start()
    script = shop.folder / "script"
    script.write_text("#!/bin/sh\n")
    done = run(shop, "--", str(script))
    assert (done.returncode, done.stderr) == (126, f"daytwo run: {script}: permission denied\n")
    assert said(shop)[-1] == ("fail", 126)


def test_its_time_is_up(shop: Place) -> None:
    shop.start()
    begun = time.monotonic()
    done = run(shop, "--timeout", "500ms", *sh("echo working; sleep 600"))
    assert (done.returncode, done.stdout) == (124, "working\n")
    assert time.monotonic() - begun < 30
    assert said(shop)[-1] == ("fail", 124)
    assert pings(shop)[-1]["excerpt"] == "working\nended because it took longer than 0.5 s"


def test_who_does_not_hear_is_forced(alone: Place) -> None:
    assert run(alone, "--timeout", "300ms", *sh("trap '' TERM; while :; do sleep 0.05; done")).returncode == 124


def test_without_a_daemon_the_job_runs_all_the_same(alone: Place) -> None:
    done = run(alone, *sh("echo hello; exit 6"))
    assert (done.returncode, done.stdout) == (6, "hello\n")
    assert "daytwo run: warning: the start was not reported" in done.stderr
    assert "daytwo run: warning: the end was not reported" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_end_is_reported_to_a_daemon_that_was_just_started_again(shop: Place) -> None:
    shop.start()
    ready = shop.folder / "ready"
    script = f"touch {ready}; while [ ! -e {shop.folder}/go ]; do sleep 0.05; done"
    job = subprocess.Popen(wrapped(shop, *sh(script), program=PROGRAM), stderr=subprocess.DEVNULL)
    until(lambda: ready.exists() and said(shop) == [("start", None)], "the start is reported")
    shop.daemons[0].kill()
    shop.daemons[0].wait()
    (shop.folder / "go").touch()
    shop.start()
    assert job.wait(40) == 0
    assert said(shop) == [("start", None), ("success", 0)]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/ping/x", "http://no-such-host.invalid/x", "http://[::1/x"])
def test_an_address_where_nobody_is(alone: Place, url: str) -> None:
    done = run(alone, *sh("echo hello; exit 6"), to=("--url", url))
    assert (done.returncode, done.stdout) == (6, "hello\n")
    assert "warning: the end was not reported" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_heartbeat_that_is_not_there(shop: Place) -> None:
    shop.start()
    done = run(shop, *sh("exit 4"), to=("--heartbeat", "nothing"))
    assert done.returncode == 4
    assert "warning: the end was not reported: there is no heartbeat nothing" in done.stderr


def test_no_configuration_at_all(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", PROGRAM, "run", "--heartbeat", "job", *sh("echo hello; exit 6")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (6, "hello\n")
    assert "there is no daytwo.yaml" in done.stderr


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--", "true"], "nobody would be told"),
        (["--url", "ftp://x/y", "--", "true"], "no http:// or https:// address"),
        (["--heartbeat", "job", "--timeout", "soon", "--", "true"], "--timeout"),
        (["--heartbeat", "job"], "Missing argument"),
    ],
)
def test_a_mistake_on_the_command_line(alone: Place, argv: list[str], said: str) -> None:
    done = run(alone, *argv, to=())
    assert done.returncode == 2
    assert said in done.stderr


def test_secrets_are_not_reported(shop: Place) -> None:
    shop.start()
    secrets = {
        "DB_PASSWORD": "hunter2-hunter2",
        "DATABASE_URL": "postgres://me:open-sesame@db/x",
        "HOME_TOWN": "Ulm-ulm",
    }
    done = run(shop, *sh("echo $DB_PASSWORD $DATABASE_URL $HOME_TOWN"), env={**os.environ, **secrets})
    assert done.stdout == "hunter2-hunter2 postgres://me:open-sesame@db/x Ulm-ulm\n"
    assert pings(shop)[-1]["excerpt"] == "*** postgres://me:***@db/x Ulm-ulm"


def test_much_output_passes_whole_and_its_end_is_kept(shop: Place) -> None:
    shop.start()
    done = run(shop, *sh("i=0; while [ $i -lt 40000 ]; do i=$((i+1)); echo line $i; done"))
    assert done.stdout == "".join(f"line {number}\n" for number in range(1, 40_001))
    kept = pings(shop)[-1]["excerpt"]
    assert kept.endswith("line 39999\nline 40000")
    assert 9_990 <= len(kept) <= 10_000


def test_nobody_reads_its_output_any_more(alone: Place) -> None:
    mark = alone.folder / "done"
    job = subprocess.Popen(
        wrapped(alone, *sh(f"echo first; sleep 0.5; seq 100000; touch {mark}; exit 3")),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert job.stdout is not None
    job.stdout.readline()
    job.stdout.close()
    assert job.wait(40) == 3
    assert mark.exists()


def test_standard_input_is_the_jobs(alone: Place) -> None:
    assert run(alone, "--", "cat", input="words").stdout == "words"


def test_a_process_left_behind_does_not_hold_it(alone: Place) -> None:
    begun = time.monotonic()
    done = run(alone, *sh("sleep 60 & echo $!; exit 0"))
    took = time.monotonic() - begun
    left = int(done.stdout)
    try:
        assert done.returncode == 0
        assert took < 30
        os.kill(left, 0)
    finally:
        os.kill(left, signal.SIGKILL)


# The other commands


def test_the_list_and_one(shop: Place) -> None:
    found = shop.json("heartbeats")
    assert found["daemon"] is False
    [job] = found["heartbeats"]
    assert (job["name"], job["state"]) == ("job", "new")
    assert "No daemon runs here" in shop.run("heartbeats").stdout
    shop.start()
    assert shop.json("heartbeats")["heartbeats"][0]["ping"] == job["ping"]
    run(shop, *sh("echo boom; exit 3"))
    listed = shop.run("heartbeats").stdout
    assert "failing" in listed
    assert f"/ping/{job['ping']}" in listed
    shown = shop.run("heartbeats", "show", "job").stdout
    assert "  boom" in shown
    assert json.loads(shop.run("heartbeats", "show", "job", "--json").stdout)["pings"][0]["exit_code"] == 3
    assert "there is no heartbeat nothing" in shop.run("heartbeats", "show", "nothing", code=2).stderr


def test_a_new_heartbeat_is_there_after_a_reload(shop: Place) -> None:
    shop.start()
    shop.extra = "heartbeats: {job: {every: 1h}, second: {every: 1d}}\n"
    shop.write()
    assert "Not known to the daemon yet: second" in shop.run("heartbeats").stdout
    shop.run("reload")
    until(lambda: len(shop.client.call("GET", "/api/heartbeats")) == 2, "the second is there")


# Nothing is lost


def test_f31_every_acknowledged_ping_is_there_after_kill_9(shop: Place) -> None:
    daemon = shop.start()
    [job] = shop.client.call("GET", "/api/heartbeats")
    port, ping = int(str(shop.web.base_url.port)), job["url"].partition("/ping/")[2]
    acknowledged = 0

    async def sender() -> None:
        nonlocal acknowledged
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while True:
                writer.write(f"GET /ping/{ping} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200")
                await reader.readexactly(2)
                acknowledged += 1
                if acknowledged == 300:
                    daemon.kill()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def crowd() -> None:
        await asyncio.gather(*(sender() for _ in range(16)))

    asyncio.run(crowd())
    daemon.wait()
    assert acknowledged >= 300
    shop.start()
    detail = shop.client.call("GET", "/api/heartbeats/job?limit=500")
    there = [one["seq"] for one in detail["pings"]["data"]]
    assert acknowledged <= max(there) <= acknowledged + 16
    assert detail["heartbeat"]["state"] == "up"


def test_silence_is_noticed_and_stays_known_over_a_restart(tmp_path: Path) -> None:
    with place(tmp_path, extra="heartbeats: {job: {every: 1s, grace: 1s}}\n") as here:
        daemon = here.write().start()

        def state() -> str:
            found: str = here.client.call("GET", "/api/heartbeats")[0]["state"]
            return found

        until(lambda: state() == "down", "it is down")
        before = pings(here)
        assert before[-1]["kind"] == "down"
        daemon.kill()
        daemon.wait()
        here.start()

        def seen() -> str:
            with contextlib.closing(sqlite3.connect(tmp_path / ".daytwo" / "state.db")) as connection:
                return str(connection.execute("select seen from watches").fetchone()[0])

        first = seen()
        until(lambda: seen() != first, "the watchman has gone his round")
        assert state() == "down"
        assert pings(here) == before
