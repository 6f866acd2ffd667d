"""Logs of real containers: every line is counted once, whatever is killed, restarted, made anew or cut off meanwhile."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from daytwo.core.containers import Wanted
from daytwo.watch.logs.container import Marks
from daytwo.watch.logs.following import follower_of
from daytwo.watch.logs.lines import LONGEST
from daytwo.watch.logs.sources import Log
from tests.parts.docker import DockerEngine
from tests.real.serve.running import PROGRAM, Place, place, until
from tests.real.watch.standins import cut_socket
from tests.watch.logs.following import Heard, heard

TALKING = (
    "i=0; while [ $i -lt $0 ]; do i=$((i+1)); echo tick $i; [ $((i%3)) = 0 ] && echo tick err $i >&2; sleep 0.01; done; "
    "exec sleep infinity"
)
EXTRA = "patterns: {tick: {match: 'tick (err )?\\d+', about: it lives}}\n"


def said(count: int) -> int:
    """How many lines a container says that counts so far."""
    return count + count // 3


@pytest.fixture
def name() -> str:
    return f"daytwo-t-{token_hex(4)}"


@pytest.fixture
def app(tmp_path: Path, engine: DockerEngine, name: str) -> Iterator[Place]:
    with place(tmp_path, extra=EXTRA) as made:
        made.write()
        services = f"services: {{uploads: {{kind: files, path: uploads}}, web: {{kind: container, container: {name}}}}}"
        made.config.write_text(
            made.config.read_text().replace("services: {uploads: {kind: files, path: uploads}}", services)
        )
        yield made


@contextlib.contextmanager
def talking(engine: DockerEngine, name: str, count: int) -> Iterator[str]:
    with engine.container("--name", name, command=("sh", "-c", TALKING, str(count))) as id:
        yield id


def log(app: Place) -> dict[str, Any]:
    return next((one for one in app.client.call("GET", "/api/logs") if one["name"] == "web"), {"trouble": "not yet"})


def counted(app: Place) -> int:
    found = app.client.call("GET", "/api/logs/patterns")
    return int(next(one["day"] for one in found if one["name"] == "tick"))


def _more_than(app: Place, count: int) -> bool:
    return counted(app) > count


def waits_for_it(app: Place) -> None:
    until(lambda: "no such container" in log(app)["trouble"], "it says that the container is not there")


def settles_at(app: Place, count: int) -> None:
    """Exactly so many lines, and no more of them later."""
    until(lambda: counted(app) >= count, f"{count} lines")
    at = log(app)["at"]
    assert counted(app) == count
    app.run("reload")
    assert counted(app) == count
    assert log(app)["at"] == at


def test_every_line_counts_once_over_kill_9(app: Place, engine: DockerEngine, name: str) -> None:
    daemon = app.start()
    waits_for_it(app)
    with talking(engine, name, 900):
        for seen in (100, 400):
            until(partial(_more_than, app, seen), f"{seen} lines")
            os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()
            daemon = app.start()
        settles_at(app, said(900))
        assert log(app)["trouble"] == ""
        detail = app.client.call("GET", "/api/logs/patterns/tick")
        assert len(detail["samples"]) == 20
        assert detail["samples"][0]["text"] in ("tick 900", "tick err 900")
        [stats] = app.json("stats", "logs.web.lines")
        assert stats["count"] == said(900)


def test_every_line_counts_once_over_restart_and_recreation(app: Place, engine: DockerEngine, name: str) -> None:
    app.start()
    waits_for_it(app)
    with talking(engine, name, 60):
        settles_at(app, said(60))
        engine.run("restart", "--time", "0", name)
        settles_at(app, 2 * said(60))
    waits_for_it(app)
    with talking(engine, name, 60):
        settles_at(app, 3 * said(60))


def test_every_line_counts_once_over_an_engine_that_is_away(
    app: Place, engine: DockerEngine, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cut_socket(tmp_path, engine.socket) as standin:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{standin.path}")
        app.start()
        waits_for_it(app)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{engine.socket}")
        with talking(engine, name, 600):
            until(lambda: counted(app) > 50, "the first lines")
            standin.cut()
            until(lambda: "does not answer" in log(app)["trouble"], "it says that the engine is away")
            detailed = app.client.call("GET", "/api/monitoring/health/detailed")
            assert "web: " in str(detailed), "it is seen as trouble of the part"
            assert "does not answer" in str(detailed)
            standin.join()
            settles_at(app, said(600))


def test_what_a_container_says_in_the_worst_way(engine: DockerEngine, name: str, tmp_path: Path) -> None:
    with engine.container("--name", name, command=("sleep", "infinity")):
        here = Log("web", "container", wanted=Wanted(name))

        def say(script: str) -> None:
            engine.run("exec", name, "sh", "-c", f"{{ {script}; }} >/proc/1/fd/1")

        with heard(here, tmp_path) as first:
            say("head -c 10000000 /dev/zero | tr '\\0' x; echo; printf '\\033[31mred\\033[0m \\000\\377\\n'; echo end")
            first.until(lambda: "end" in first.texts, "the last line")
        long, binary, end = first.lines
        assert (len(long.text), long.cut, set(long.text)) == (LONGEST, True, {"x"})
        assert binary.text == "red \ufffd\ufffd"
        assert end.text == "end"
        say("printf half")
        engine.run("kill", name)
        with heard(here, tmp_path, first.position) as again:
            again.hears("half")
            position = again.position
        engine.run("start", name)
        say("echo whole")
        with heard(here, tmp_path, position) as last:
            last.hears("whole")


@pytest.fixture
def replicas() -> Log:
    return Log("worker", "container", wanted=Wanted(project=f"daytwo{token_hex(4)}", service="worker"))


def replica(engine: DockerEngine, log: Log, word: str, *options: str) -> contextlib.AbstractContextManager[str]:
    """A container of the service, that says a few lines."""
    labels = {"project": log.wanted.project, "service": log.wanted.service}
    given = [word for key, value in labels.items() for word in ("--label", f"com.docker.compose.{key}={value}")]
    text = f"for i in 1 2 3; do echo {word} $i; sleep 0.1; done; exec sleep infinity"
    return engine.container(*given, *options, command=("sh", "-c", text))


def all_of(*words: str) -> list[str]:
    return sorted(f"{word} {number}" for word in words for number in (1, 2, 3))


def test_a_clock_that_was_set_back_loses_no_hour(engine: DockerEngine, name: str, tmp_path: Path) -> None:
    """What was read last is from the future, and the container is started again."""
    read = Marks(int((datetime.now(UTC) + timedelta(hours=1)).timestamp()) * 1_000_000_000)
    with (
        engine.container("--name", name, command=("sh", "-c", "while sleep 0.2; do echo tick; done")),
        heard(Log("app", "container", wanted=Wanted(name)), tmp_path, read.position) as here,
    ):
        here.until(lambda: len(here.texts) > 5, "it is heard")


def test_all_replicas_of_a_service_are_followed_as_they_come_and_go(
    engine: DockerEngine, replicas: Log, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(replica(engine, replicas, "a"))
        with heard(replicas, tmp_path) as said:
            stack.enter_context(replica(engine, replicas, "b"))
            with (
                replica(engine, replicas, "c"),
                replica(engine, replicas, "x", "--label", "com.docker.compose.oneoff=True"),
            ):
                said.until(
                    lambda: set(all_of("b", "c")) <= set(said.texts), "those that came later, from their beginning"
                )
            assert not any(text.startswith("x") for text in said.texts), "one of `docker compose run` is none of them"
            before = [text for text in said.texts if not text.startswith("a")]
            assert sorted(before) == all_of("b", "c")
            position = said.position
        stack.enter_context(replica(engine, replicas, "d"))
        with heard(replicas, tmp_path, position) as again:
            again.until(lambda: all_of("d") == sorted(again.texts), "only what was not heard before")


def test_the_past_of_all_replicas_is_told_in_order(engine: DockerEngine, replicas: Log, tmp_path: Path) -> None:
    follower = follower_of(replicas, "", tmp_path, lambda: datetime.now(UTC))
    with replica(engine, replicas, "a"), replica(engine, replicas, "b"), replica(engine, replicas, "c") as last:
        until(lambda: "c 3" in engine.run("logs", last).stdout, "it has said all")
        found = list(follower.past(None, None, None))
        assert sorted(line.text for line in found) == all_of("a", "b", "c")
        assert [line.at for line in found] == sorted(line.at for line in found)
        other = follower_of(replicas, "", tmp_path, lambda: datetime.now(UTC))
        assert [line.text for line in other.past(None, None, 4)] == [line.text for line in found[-4:]]
        follower.start()
        try:
            with replica(engine, replicas, "d"):
                Heard(follower).hears("d 1", "d 2", "d 3")
        finally:
            follower.close()


def test_logs_from_the_command_line_merge_and_follow(app: Place, engine: DockerEngine, name: str) -> None:
    app.config.write_text(app.config.read_text() + f"logs: {{file: {{file: {app.folder}/app.log}}}}\n")
    (app.folder / "app.log").write_text("2026-01-01T00:00:00Z password=hunter22 first\n")
    nothing = app.run("logs", "web", code=1)
    assert "no such container" in nothing.stderr
    assert "web: " in app.run("logs").stderr, "and the others go on"
    with talking(engine, name, 6):
        until(lambda: app.run("logs", "web", "--grep", "tick 6").stdout, "it has spoken")
        lines = app.run("logs").stdout.splitlines()
        assert len(lines) == 1 + said(6)
        assert lines[0].endswith("  2026-01-01T00:00:00Z password=*** first")
        assert "hunter22" in app.run("logs", "file", "--raw").stdout
        assert len(app.run("logs", "--lines", "2").stdout.splitlines()) == 2
        assert len(app.run("logs", "--since", "1h").stdout.splitlines()) == said(6)
        assert len(app.run("logs", "--grep", "err").stdout.splitlines()) == 2
        told = json.loads(app.run("logs", "web", "--lines", "1", "--json").stdout)
        assert told["text"] in ("tick 6", "tick err 6")
        follower = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "logs", "--follow", "--lines", "1", "--config", str(app.config)],
            stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        with follower:
            assert follower.stdout is not None
            assert "tick" in follower.stdout.readline()
            with (app.folder / "app.log").open("a") as file:
                file.write("a new one\n")
            assert "a new one" in follower.stdout.readline()
            engine.run("exec", name, "sh", "-c", "echo from the container >/proc/1/fd/1")
            assert "from the container" in follower.stdout.readline()
            follower.send_signal(signal.SIGINT)
            assert follower.wait(20) == 0


def test_a_rule_fires_on_what_is_found_in_a_log(app: Place) -> None:
    path = app.folder / "app.log"
    path.touch()
    app.config.write_text(
        app.config.read_text().replace("patterns: {", "patterns: {oauth: {match: 'oauth .* expired'}, ")
        + f"logs: {{file: {{file: {path}}}}}\n"
        + "rules: {tokens: {series: logs.oauth, take: sum, over: 5m, warning: '>= 5', every: 1s}}\n"
    )
    app.start()
    until(lambda: _heard(path, app), "the file is followed")
    found = _says(path, app, 5)
    until(lambda: found() == 5, "five of them")
    alerts = until(lambda: app.client.call("GET", "/api/monitoring/alerts"), "an alert")
    assert [(one["rule"], one["subject"], one["level"]) for one in alerts] == [("tokens", "logs.oauth", "warning")]
    assert "oauth token of x expired" in app.run("logs", "--patterns", "oauth").stdout


def _heard(path: Path, app: Place) -> bool:
    """Say something, and whether anything was read; what is said before somebody listens is not."""
    with path.open("a") as file:
        file.write("hello\n")
    return any(one["name"] == "file" and one["at"] for one in app.client.call("GET", "/api/logs"))


def _says(path: Path, app: Place, count: int) -> Callable[[], int]:
    with path.open("a") as file:
        file.write("oauth token of x expired\n" * count)
    return lambda: next(one["day"] for one in app.client.call("GET", "/api/logs/patterns") if one["name"] == "oauth")
