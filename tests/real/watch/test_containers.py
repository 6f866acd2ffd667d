"""Containers of a real engine: restarted, killed, made anew, out of memory, unwell, frozen, gone."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex

import pytest

from daytwo.cli.main import run as daytwo
from daytwo.core.check import Check, Observation, Timing, Verdict
from daytwo.core.command import Command
from daytwo.core.containers import ContainerCheck, Wanted
from daytwo.core.containers.figures import Figures
from daytwo.core.containers.listing import listing
from daytwo.core.run import Run
from daytwo.core.service import AnyService, Place
from daytwo.core.target import LOCAL, Ssh, Target
from daytwo.services.command import CommandService, CommandSettings
from daytwo.services.container import Container, ContainerSettings
from daytwo.watch.asking import Asker
from daytwo.watch.connectivity import Connectivity
from tests.contract.checks import CheckCase, CheckContract
from tests.parts.docker import DockerEngine
from tests.parts.process import wait_until
from tests.parts.ssh import SshHost
from tests.real.watch.standins import cut_socket, docker_that_counts, docker_that_hangs, docker_that_raves

BUSY = ("sh", "-c", "while :; do :; done")


def new_name() -> str:
    return f"daytwo.t_{token_hex(4)}-x"


def checked(name: str, host: Target = LOCAL, timeout: float = 30) -> ContainerCheck:
    return ContainerCheck(f"{name}.container", name, Timing(timeout=timeout), Wanted(name), host)


def asked(act: Callable[[Asker], Awaitable[None]]) -> None:
    """Act with one view, as the daemon has one."""

    async def go() -> None:
        async with Asker(Connectivity(())) as asker:
            await act(asker)

    asyncio.run(go())


def once(check: Check) -> Observation:
    """One observation with a view of its own, as `daytwo check` has."""
    found: list[Observation] = []

    async def ask(asker: Asker) -> None:
        found.append(await asker.ask(check))

    asked(ask)
    return found[0]


async def until(asker: Asker, check: ContainerCheck, holds: Callable[[Observation], bool]) -> Observation:
    """Ask until an answer is as expected."""
    end = time.monotonic() + 60
    while not holds(seen := await asker.ask(check)):
        assert time.monotonic() < end, f"still {seen}"
        await asyncio.sleep(0.1)
    return seen


def restarts(number: int) -> Callable[[Observation], bool]:
    return lambda seen: seen.numbers.get("restarts") == number


async def docker(engine: DockerEngine, *args: str) -> str:
    """Have the engine do something, beside the loop."""
    return (await asyncio.to_thread(engine.run, *args)).stdout.strip()


@contextlib.contextmanager
def named(engine: DockerEngine, *options: str, command: Sequence[str] = ("sleep", "infinity")) -> Iterator[str]:
    """A container with a name, which is removed even when it has been made anew; made, not yet seen to run."""
    name = new_name()
    engine.run("run", "--detach", "--init", "--name", name, *options, engine.base_image, *command)
    try:
        yield name
    finally:
        engine.run("rm", "--force", "--volumes", name, check=False)


def service(name: str, ssh: str | None = None) -> AnyService:
    return Container("box", ContainerSettings(kind="container", container=name, ssh=ssh), Place(Path(), "shop", "test"))


@dataclass
class ContainerCase(CheckCase):
    engine: DockerEngine
    well: str
    unwell: str
    stopped: str
    sometimes = frozenset[str]()

    def good(self) -> Sequence[AnyService]:
        return [service(self.well)]

    def broken(self) -> Sequence[AnyService]:
        return [service(self.unwell), service(self.stopped)]

    def absent(self) -> Sequence[AnyService]:
        return [service("not-there"), service("'; exit 1 #")]

    def slow(self) -> Sequence[AnyService]:
        return []  # an engine that is slow is no failure of the container: see test_an_engine_that_hangs

    def our_fault(self) -> Sequence[AnyService]:
        return [service(self.well, ssh="nobody@host.invalid")]


class TestContainerChecks(CheckContract):
    @pytest.fixture
    def case(self, engine: DockerEngine) -> Iterator[ContainerCase]:
        with contextlib.ExitStack() as stack:
            limits = ("--memory", "64m", "--cpus", "0.5")
            well = stack.enter_context(named(engine, *limits, "--health-cmd", "true", "--health-interval", "1s"))
            unwell = stack.enter_context(
                named(
                    engine, "--health-cmd", "echo no rows; exit 1", "--health-interval", "1s", "--health-retries", "1"
                )
            )
            stopped = stack.enter_context(named(engine, command=("sh", "-c", "exit 3")))
            for name, status in ((well, "healthy"), (unwell, "unhealthy")):
                wait_until(lambda: _health(engine, name) == status, what=f"{name} is {status}")
            engine.run("wait", stopped)
            yield ContainerCase(engine, well, unwell, stopped)


def _health(engine: DockerEngine, name: str) -> str:
    return engine.run("inspect", "--format", "{{.State.Health.Status}}", name).stdout.strip()


def test_restarts_are_counted_however_they_come_and_when_the_container_is_made_anew(engine: DockerEngine) -> None:
    with named(engine) as name:

        async def act(asker: Asker) -> None:
            check = checked(name)
            first = await asker.ask(check)
            assert first.numbers["restarts"] == 0
            await docker(engine, "restart", "--time", "0", name)
            await until(asker, check, restarts(1))
            await docker(engine, "kill", name)
            killed = await until(asker, check, lambda seen: seen.verdict is Verdict.FAILED)
            assert "killed: by `docker kill`" in killed.why
            assert killed.facts["exit_code"] == "137"
            assert killed.numbers["restarts"] == 1, "it has not been started again"
            await docker(engine, "start", name)
            await until(asker, check, restarts(2))
            await docker(engine, "rm", "--force", name)
            gone = await until(asker, check, lambda seen: seen.why == f"there is no container {name}")
            assert gone.verdict is Verdict.FAILED
            await docker(engine, "run", "--detach", "--name", name, engine.base_image, "sleep", "infinity")
            anew = await until(asker, check, restarts(3))
            assert anew.verdict is Verdict.OK
            assert anew.facts["id"] != first.facts["id"]
            assert await docker(engine, "inspect", "--format", "{{.RestartCount}}", name) == "0", "docker's begins anew"

        asked(act)


def test_a_container_that_ends_again_and_again(engine: DockerEngine) -> None:
    # Docker waits longer each time, so that the state between two starts is seen for certain.
    with named(engine, "--restart", "always", command=("sh", "-c", "exit 7")) as name:

        async def act(asker: Asker) -> None:
            check = checked(name)
            seen = await until(asker, check, lambda seen: "restarting" in seen.facts.get("state", ""))
            assert "ends again and again and is being restarted: it ended with exit code 7" in seen.why
            before = seen.numbers["restarts"]
            await until(asker, check, lambda seen: seen.numbers["restarts"] > before)

        asked(act)


def test_every_start_of_a_crash_loop_counts(engine: DockerEngine) -> None:
    with named(engine) as name:

        async def act(asker: Asker) -> None:
            check = checked(name)
            await asker.ask(check)
            await docker(engine, "rm", "--force", name)
            await docker(engine, "run", "--detach", "--restart", "on-failure:4", "--name", name, engine.base_image,
                         "sh", "-c", "exit 7")  # fmt: skip
            await until(asker, check, restarts(1 + 4))

        asked(act)


def test_out_of_memory_is_counted_and_explained(engine: DockerEngine) -> None:
    with named(engine, "--memory", "20m", command=("sh", "-c", "read _ </dev/null; sleep infinity")) as name:

        async def act(asker: Asker) -> None:
            check = checked(name)
            assert (await asker.ask(check)).numbers["oom_kills"] == 0
            await docker(engine, "rm", "--force", name)
            await docker(engine, "run", "--detach", "--memory", "20m", "--name", name, engine.base_image,
                         "tail", "/dev/zero")  # fmt: skip
            # The engine says why a moment after it says that.
            why = "killed by the kernel as it needed more memory than its limit of 21 MB"
            await until(asker, check, lambda seen: seen.facts.get("state") == "exited" and why in seen.why)
            assert (await until(asker, check, lambda seen: seen.numbers["oom_kills"] > 0)).numbers["oom_kills"] == 1

        asked(act)


def test_each_state_is_told_in_words(engine: DockerEngine) -> None:
    with named(engine) as name:
        engine.run("pause", name)
        seen = once(checked(name))
        assert "is paused: somebody froze it; `docker unpause" in seen.why
        assert seen.numbers["pids"] >= 1, "its processes are there"
        engine.run("unpause", name)
        assert once(checked(name)).verdict is Verdict.OK
        engine.run("stop", "--time", "5", name)
        assert "stopped as asked, with SIGTERM (exit code 143)" in once(checked(name)).why
    created = new_name()
    engine.run("create", "--name", created, engine.base_image, "no-such-program")
    try:
        assert once(checked(created)).why == f"the container {created} was made, but never started"
        engine.run("start", created, check=False)
        why = once(checked(created)).why
        assert "was not found" in why
        assert 'the engine says: exec: "no-such-program": executable file not found' in why
        typo = f"{created[:-1]}y"
        assert once(checked(typo)).why == f"there is no container {typo}; the nearest name is {created}"
    finally:
        engine.run("rm", "--force", created)


def test_health_goes_from_starting_to_well_to_unwell(engine: DockerEngine) -> None:
    health = ("--health-cmd", "test -e /well || { echo no /well here; exit 1; }", "--health-interval", "1s")
    with named(engine, *health, "--health-retries", "2", "--health-start-period", "60s") as name:

        async def act(asker: Asker) -> None:
            check = checked(name)
            seen = await asker.ask(check)
            assert (seen.verdict, seen.facts["health"]) == (Verdict.OK, "starting")
            await docker(engine, "exec", name, "touch", "/well")
            await until(asker, check, lambda seen: seen.facts["health"] == "healthy")
            await docker(engine, "exec", name, "rm", "/well")
            seen = await until(asker, check, lambda seen: seen.verdict is Verdict.FAILED)
            assert seen.why.endswith('failed, the last one said "no /well here"')
            assert seen.facts["health"] == "unhealthy"

        asked(act)


def test_figures_are_what_the_container_uses(engine: DockerEngine) -> None:
    words = "head -c 300000 /dev/urandom | base64 -w 0; echo; exec sh -c 'while :; do :; done'"
    with named(engine, "--memory", "100m", "--cpus", "0.3", command=("sh", "-c", words)) as name:
        wait_until(lambda: len(engine.run("logs", name).stdout) >= 400_000, what="it has written its log")

        async def act(asker: Asker) -> None:
            check = checked(name)
            first = await asker.ask(check)
            await asyncio.sleep(2)  # the length of time that is measured
            seen = await asker.ask(check)
            numbers = seen.numbers
            assert set(numbers) == set(first.numbers) == {measure.name for measure in check.measures}
            assert 0.05 < numbers["cpu"] < 0.4, "it takes all it may, on a machine that may be busy"
            assert numbers["cpu_limit"] == pytest.approx(numbers["cpu"] / 0.3)
            assert numbers["memory_limit"] == pytest.approx(numbers["memory"] / (100 << 20))
            assert 400_000 < numbers["log_size"] < 1_000_000
            assert 0 < numbers["uptime"] < 600
            assert numbers["pids"] >= 2
            assert seen.facts["image"] == engine.base_image

        asked(act)


def test_what_the_engine_tells_agrees_with_the_control_group(engine: DockerEngine, tmp_path: Path) -> None:
    run = Run("test", tmp_path, timeout=60)
    filler = "x=$(head -c 8000000 /dev/zero | tr '\\0' x); while sleep 1; do :; done"
    with named(engine, "--memory", "100m", command=("bash", "-c", filler)) as name:
        wait_until(lambda: _near(name, run) > 8_000_000, what="it holds its memory")
        one = Wanted(name).among(listing(LOCAL, run))[0]
        near = Figures(LOCAL).near(one)
        told = Figures(LOCAL).far([one], run)[one.id]
        assert near is not None
        assert told.memory == pytest.approx(near.memory, rel=0.1)
        assert told.memory_most == near.memory_most == 100 << 20
        assert told.pids == pytest.approx(near.pids, abs=1)
        assert told.cpu is not None


def _near(name: str, run: Run) -> float:
    usage = Figures(LOCAL).near(Wanted(name).among(listing(LOCAL, run))[0])
    return (usage and usage.memory) or 0


@dataclass(frozen=True)
class SshWithEngine(Ssh):
    """The test's host: the same machine, where `docker` has to be told of the private engine."""

    env: tuple[tuple[str, str], ...] = ()

    def wrap(self, command: Command) -> Command:
        return super().wrap(replace(command, env={**dict(self.env), **command.env}))


def test_a_container_on_another_host(engine: DockerEngine, ssh_host: SshHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = SshWithEngine(ssh_host.name, str(ssh_host.config), env=(*engine.env.items(), ("MARK", mark := token_hex(8))))
    monkeypatch.delenv("DOCKER_HOST")
    with named(engine, "--memory", "50m", "--cpus", "0.5", command=BUSY) as name:
        here = Wanted(name)

        async def act(asker: Asker) -> None:
            check = checked(name, host)
            seen = await asker.ask(check)
            assert seen.verdict is Verdict.OK, seen.why
            assert set(seen.numbers) == {measure.name for measure in check.measures}, seen.facts
            assert 0.02 < seen.numbers["cpu"] < 0.8
            await docker(engine, "restart", "--time", "0", name)
            await until(asker, check, restarts(1))

        asked(act)
        monkeypatch.setenv("DOCKER_HOST", engine.env["DOCKER_HOST"])
        run = Run("test", Path(), timeout=60)
        one = here.among(listing(LOCAL, run))[0]
        near, far = Figures(LOCAL).near(one), Figures(host).far([one], run)[one.id]
        assert near is not None
        assert far.memory == pytest.approx(near.memory, rel=0.2)
        assert (far.memory_most, far.log, far.pids) == (near.memory_most, near.log, near.pids)
        assert far.cpu_seconds is not None
        assert far.cpu is None, "read over SSH, not told by docker stats"
    wait_until(lambda: not _with(f"MARK={mark}"), what="no stream is left on the host", seconds=20)


def _processes(words: str) -> list[str]:
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and words.encode() in (process / "cmdline").read_bytes():
                found.append(process.name)
    return found


def test_many_checks_share_one_stream_and_quiet_costs_nothing(
    engine: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = docker_that_counts(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    async def act(asker: Asker) -> None:
        checks = [checked(f"not-there-{number}") for number in range(300)]
        seen = await asyncio.gather(*(asker.ask(check) for check in checks))
        assert all(one.verdict is Verdict.FAILED for one in seen)
        said = calls.read_text().split()
        assert said.count("events") == 1
        assert said.count("ps") <= 2
        assert "stats" not in said

    asked(act)


def test_f29_an_engine_that_stops_is_not_the_container_s_failure_and_nothing_is_lost(
    engine: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with named(engine) as name, cut_socket(tmp_path, engine.socket) as standin:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{standin.path}")

        async def act(asker: Asker) -> None:
            check = checked(name)
            await until(asker, check, restarts(0))
            await docker(engine, "restart", "--time", "0", name)
            await until(asker, check, restarts(1))
            standin.cut()
            begun = time.monotonic()
            seen = await until(asker, check, lambda seen: seen.verdict is not Verdict.OK)
            assert seen.verdict is Verdict.INCONCLUSIVE
            assert "the Docker daemon does not answer" in seen.why
            assert time.monotonic() - begun < 20
            for _ in range(3):
                await docker(engine, "restart", "--time", "0", name)
            assert (await asker.ask(check)).verdict is Verdict.INCONCLUSIVE
            standin.join()
            seen = await until(asker, check, restarts(4))
            assert seen.verdict is Verdict.OK
            await docker(engine, "restart", "--time", "0", name)
            await until(asker, check, lambda seen: seen.numbers.get("restarts", 0) > 4)
            assert (await asker.ask(check)).numbers["restarts"] == 5, "nothing is counted twice"

        asked(act)


def test_an_engine_that_hangs_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker_that_hangs(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    begun = time.monotonic()

    async def act(asker: Asker) -> None:
        seen = await asyncio.gather(*(asker.ask(checked(f"box{number}", timeout=1.0)) for number in range(50)))
        assert time.monotonic() - begun < 5
        for one in seen:
            assert one.verdict is Verdict.INCONCLUSIVE
            assert one.why == "the container engine of this host does not answer in time"

    asked(act)
    assert time.monotonic() - begun < 20, "it does not take its time to be ended"
    assert not _processes(str(tmp_path / "docker"))


def test_nonsense_from_docker_is_said_to_be_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker_that_raves(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    seen = once(checked("box"))
    assert seen.verdict is Verdict.INCONCLUSIVE
    assert seen.why == "this host: `docker ps` says something that is not understood"


def test_without_docker_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(tmp_path))
    seen = once(checked("box"))
    assert seen.verdict is Verdict.INCONCLUSIVE
    assert seen.why.startswith("docker is not installed")


def test_without_a_right_to_the_engine_nothing_is_known_and_the_way_out_is_named(
    engine: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which("docker")
    assert real
    other = f"exec setpriv --reuid=65534 --regid=65534 --clear-groups env DOCKER_CONFIG=/nonexistent {real}"
    (tmp_path / "docker").write_text(f'#!/bin/sh\n{other} "$@"\n')
    (tmp_path / "docker").chmod(0o755)
    with named(engine) as name:
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        settings = CommandSettings.model_validate({"kind": "command", "container": name, "probe": ["true"]})
        inside = CommandService("job", settings, Place(Path(), "shop", "test")).checks()[0]
        seen = [once(checked(name)), once(inside)]
        monkeypatch.undo()
    for one in seen:
        assert one.verdict is Verdict.INCONCLUSIVE
        assert "no permission on the Docker socket" in one.why
        assert "Add the user to the group docker" in one.why


def test_restarts_while_nobody_watches_are_told_by_the_container(engine: DockerEngine) -> None:
    """A daemon that begins goes on with the count of the one before, and with what the engine counted meanwhile."""
    lives = (
        'n=$(cat /left 2>/dev/null || echo 0); test "$n" = 0 || { echo $((n - 1)) > /left; exit 1; }; exec sleep 9999'
    )
    with named(engine, "--restart", "always", command=("sh", "-c", lives)) as name:
        before = once(checked(name))
        assert (before.verdict, before.numbers["restarts"]) == (Verdict.OK, 0)
        engine.run("exec", name, "sh", "-c", "echo 2 > /left; kill 1", check=False)  # which may end it, too
        template = "{{.RestartCount}} {{.State.Running}}"
        wait_until(
            lambda: engine.run("inspect", "--format", template, name).stdout.strip() == "3 true", what="it stays"
        )
        again = checked(name)
        again.recall(before)
        after = once(again)
        assert after.numbers["restarts"] == 3
        wait_until(lambda: once(checked(name)).numbers.get("uptime", 0) > 1, what="starts are remembered by the second")
        engine.run("restart", "--time", "0", name)
        last = checked(name)
        last.recall(after)
        assert once(last).numbers["restarts"] == 4, "by hand, which the engine does not count"


KEEPS_WATCHING = """
import asyncio, sys
from pathlib import Path
from daytwo.core.check import Shared
from daytwo.core.containers.view import View
from daytwo.core.target import LOCAL
async def watch():
    view = View.of(LOCAL, Shared(), Path("."))
    await view.seen(float("inf"))
    print("watching", view._stream._run.id, flush=True)
    await asyncio.sleep(600)
asyncio.run(watch())
"""


def test_f13_nothing_is_left_of_the_stream_when_daytwo_is_killed(engine: DockerEngine) -> None:
    with subprocess.Popen([sys.executable, "-c", KEEPS_WATCHING], stdout=subprocess.PIPE, text=True) as watcher:
        try:
            assert watcher.stdout is not None
            word, run = watcher.stdout.readline().split()
            assert word == "watching"
            wait_until(lambda: _streams(run), what="the stream runs")
        finally:
            watcher.kill()
    wait_until(lambda: not _with(f"DAYTWO_RUN={run}"), what="the stream has ended, though nothing happens", seconds=10)


def _streams(run: str) -> bool:
    return bool(set(_with(f"DAYTWO_RUN={run}")) & set(_processes("docker\0events")))


def _with(variable: str) -> list[str]:
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and variable.encode() in (process / "environ").read_bytes():
                found.append(process.name)
    return found


def test_a_compose_service_is_found_whatever_its_container_is_called(engine: DockerEngine) -> None:
    project = f"daytwo{token_hex(4)}"
    labels = [f"com.docker.compose.project={project}", "com.docker.compose.service=web"]
    options = [word for label in labels for word in ("--label", label)]
    settings = ContainerSettings.model_validate(
        {"kind": "container", "compose": {"project": project, "service": "web"}}
    )
    check = Container("web", settings, Place(Path(), "shop", "test")).checks()[0]
    assert isinstance(check, ContainerCheck)
    assert once(check).why == f"there is no container of service web in the Compose project {project}"
    with named(engine, *options, command=("sh", "-c", "exit 1")) as old:
        engine.run("wait", old)
        assert once(check).facts["container"] == old
        with named(engine, *options) as new:
            seen = once(check)
            assert (seen.verdict, seen.facts["container"]) == (Verdict.OK, new), "the one that runs"
            assert seen.facts["containers"] == "1 of 2 run"
            with named(engine, *options) as third:
                for frozen, other in ((new, third), (third, new)):
                    engine.run("pause", frozen)
                    seen = once(check)
                    assert (seen.verdict, seen.facts["container"]) == (Verdict.FAILED, frozen), f"well is only {other}"
                    engine.run("unpause", frozen)
                assert once(check).facts["containers"] == "2 of 3 run"
            with named(engine, "--restart", "always", *options, command=("sh", "-c", "exit 3")) as ends:

                async def seen_to_end(asker: Asker) -> None:
                    await until(asker, check, lambda seen: seen.facts["container"] == ends)

                asked(seen_to_end)


def test_restarts_of_a_compose_service_only_grow_whichever_of_its_containers_is_told_of(engine: DockerEngine) -> None:
    project = f"daytwo{token_hex(4)}"
    options = [f"--label=com.docker.compose.{key}" for key in (f"project={project}", "service=web")]
    wanted = Wanted(project=project, service="web")
    check = ContainerCheck("web", "web", Timing(), wanted, LOCAL)
    seen: list[tuple[str, float]] = []

    async def act(asker: Asker) -> None:
        for frozen in (one, other, one):
            await docker(engine, "pause", frozen)
            answer = await until(asker, check, lambda said: said.verdict is Verdict.FAILED)
            seen.append((answer.facts["container"], answer.numbers["restarts"]))
            await docker(engine, "unpause", frozen)
            await until(asker, check, lambda said: said.verdict is Verdict.OK)
            if frozen == one and len(seen) == 1:
                for number in range(3):
                    await docker(engine, "restart", "--time", "0", one)
                    await until(asker, check, restarts(number + 1))

    with named(engine, *options) as one, named(engine, *options) as other:
        asked(act)
    assert seen == [(one, 0), (other, 3), (one, 3)]


def test_ps_shows_the_app_s_containers_without_a_daemon(
    engine: DockerEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with named(engine, "--memory", "64m") as web, named(engine, command=("sh", "-c", "exit 3")) as broken:
        engine.run("wait", broken)
        config = tmp_path / "daytwo.yaml"
        config.write_text(
            "app: shop\nenvironment: test\nservices:\n"
            f"  web: {{kind: container, container: {web}, check: false}}\n"
            f"  cache: {{kind: redis, container: {broken}}}\n"
            "repositories:\n  here: {kind: archive, path: ./backups}\n"
        )
        assert daytwo(["ps", "--config", str(config)]) == 1
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split()[:4] == ["SERVICE", "CONTAINER", "STATE", "HEALTH"]
        assert lines[1].split()[:3] == ["web", web, "running"]
        assert "/ 67.1 MB" in lines[1]
        assert lines[2].split()[:3] == ["cache", broken, "exited"]
        assert lines[4].startswith(f"cache: the container {broken} has stopped")
        assert daytwo(["ps", "--json", "--config", str(config)]) == 1
        first, second = json.loads(capsys.readouterr().out)
        assert (first["service"], first["state"], first["memory_limit"]) == ("web", "running", 64 << 20)
        assert first["cpu"] >= 0
        assert first["restarts_24h"] is None
        assert second["why"]
        assert not (tmp_path / ".daytwo").exists(), "looking makes no state"
