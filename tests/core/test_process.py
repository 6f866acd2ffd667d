"""The one door through which programs run, tried with real programs."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daytwo.core.check import Verdict, observed
from daytwo.core.command import TAG, command
from daytwo.core.errors import CancelledError, CommandError, MissingToolError, UnreachableError
from daytwo.core.explain import explain
from daytwo.core.process import Process, capture, reap
from daytwo.core.run import Run
from daytwo.core.secrets import Secret
from daytwo.core.target import LOCAL


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run("feedfacefeedface", tmp_path, timeout=60)


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_for(condition, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to be in time"
        time.sleep(0.01)


def test_output_and_standard_input(run: Run) -> None:
    assert capture(LOCAL, command("cat"), run, stdin=b"hello").text == "hello"
    assert capture(LOCAL, command("wc", "-c"), run, stdin=[b"x" * 3_000_000] * 3).text.strip() == "9000000"


def test_every_process_is_tagged_with_its_run(run: Run) -> None:
    assert capture(LOCAL, command("printenv", TAG), run).text.startswith("feedfacefeedface.")


def test_a_failure_names_the_program_its_code_and_its_words_without_secrets(run: Run) -> None:
    secret = Secret("hunter2-hunter2")
    with pytest.raises(CommandError) as caught:
        capture(LOCAL, command("sh", "-c", 'echo "bad $PW" >&2; exit 3', secrets={"PW": secret}, where="db"), run)
    assert str(caught.value) == "db: sh ended with code 3: bad ***"


def test_f01_a_failure_after_output_is_still_a_failure(run: Run) -> None:
    with Process(LOCAL, command("sh", "-c", "echo half; exit 1"), run) as process, pytest.raises(CommandError):
        list(process.chunks())


def test_a_missing_program_says_what_to_install(run: Run) -> None:
    with pytest.raises(MissingToolError, match="no-such-tool is not installed"):
        capture(LOCAL, command("no-such-tool"), run)


def test_a_source_that_fails_kills_the_program_before_its_input_ends(run: Run, tmp_path: Path) -> None:
    """restic stores a truncated snapshot when its standard input merely ends."""
    done = tmp_path / "took-it-for-whole"

    def half() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise CommandError("the dump broke")

    with pytest.raises(CommandError, match="the dump broke"):
        capture(LOCAL, command("sh", "-c", f"cat >/dev/null && touch {done}"), run, stdin=half())
    time.sleep(0.2)  # what must not happen has no condition to wait for
    assert not done.exists()


def test_cancel_ends_the_whole_group(run: Run, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 300 & echo $! $$ >{pids}; wait"
    caught: list[BaseException] = []

    def work() -> None:
        try:
            capture(LOCAL, command("sh", "-c", script), run)
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    run.cancel("Ctrl-C")
    thread.join(10)
    assert isinstance(caught[0], CancelledError)
    wait_for(lambda: all(gone(int(pid)) for pid in pids.read_text().split()))


def test_a_deadline_ends_it(tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(CancelledError, match="time limit"):
        capture(LOCAL, command("sleep", "300"), Run("aa", tmp_path, timeout=0.3))
    assert time.monotonic() - begun < 10


def test_leaving_early_ends_the_program(run: Run) -> None:
    with Process(LOCAL, command("yes"), run) as process:
        assert process.stdout.read(2) == b"y\n"
    wait_for(lambda: gone(process.pid))


def test_output_of_any_size_is_kept_out_of_memory(run: Run) -> None:
    total = 0
    with Process(LOCAL, command("sh", "-c", "head -c 50000000 /dev/zero; yes >&2 | head -c 0"), run) as process:
        for chunk in process.chunks():
            total += len(chunk)
            assert len(chunk) <= 1 << 20
            if total == 50_000_000:
                break
    assert total == 50_000_000
    assert len(process.stderr()) <= 64 * 1024


def test_reap_ends_what_a_dead_run_left_and_nothing_else(run: Run, tmp_path: Path) -> None:
    other = Run("0123456789abcdef", tmp_path)
    with Process(LOCAL, command("sleep", "300"), other) as stays, Process(LOCAL, command("sleep", "300"), run) as goes:
        assert reap(LOCAL, run.id) == 1
        wait_for(lambda: gone(goes.pid))
        assert not gone(stays.pid)
        assert reap(LOCAL, run.id) == 0
    assert os.getpid() > 0


@pytest.mark.parametrize(
    ("stderr", "kind"),
    [
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", UnreachableError),
        ("Error response from daemon: No such container: nope", UnreachableError),
        ("Error response from daemon: container 12ab is not running", UnreachableError),
        ("Got permission denied while trying to connect to the Docker daemon socket", UnreachableError),
    ],
)
def test_what_docker_says_becomes_a_next_step(stderr: str, kind: type[Exception]) -> None:
    error = explain(command("docker", "exec", "x", where="container x"), "pg_dump", 1, stderr)
    assert isinstance(error, kind)
    assert error.hint


def test_a_socket_that_is_closed_to_us_says_nothing_of_the_container() -> None:
    for engine in ("Docker daemon socket", "docker API"):  # before version 29, and since
        closed = f"permission denied while trying to connect to the {engine} at unix:///var/run/docker.sock"
        error = explain(command("docker", "exec", "x", where="container x"), "psql", 1, closed)
        assert observed(error).verdict is Verdict.INCONCLUSIVE
        assert "Add the user to the group docker" in observed(error).why
    gone = explain(command("docker", "exec", "x", where="container x"), "psql", 1, "Error: No such container: x")
    assert observed(gone).verdict is Verdict.FAILED


OCI = "OCI runtime exec failed: exec failed: unable to start container process: "


@pytest.mark.parametrize(
    ("code", "said", "tool"),
    [
        (126, f'{OCI}exec: "pg_dump": executable file not found in $PATH: unknown', "pg_dump"),
        (127, f'{OCI}exec: "/opt/bin/pg_dump": stat /opt/bin/pg_dump: no such file or directory: unknown', "pg_dump"),
        (126, "", "pg_restore"),  # what Docker 20.10 says is in the output, and that was not kept
        (127, "", "pg_restore"),
        (127, "sh: 1: exec: pg_dump: not found", "pg_dump"),
        (127, "bash: line 1: /opt/bin/pg_dump: command not found", "pg_dump"),
        (127, "env: 'pg_restore': No such file or directory", "pg_restore"),
    ],
)
def test_a_tool_that_a_container_does_not_have(code: int, said: str, tool: str) -> None:
    error = explain(command("docker", "exec", "x", where="container x"), "/usr/bin/pg_restore", code, said)
    assert isinstance(error, MissingToolError)
    assert str(error).startswith(f"{tool} is not installed in container x. Install {tool} there")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("unable to find user nobody-at-all: no matching entries in passwd file", "there is no user nobody-at-all"),
        (f'{OCI}exec: "/opt/pg_dump": permission denied: unknown', "pg_dump may not be run: permission denied"),
        (f'{OCI}chdir to cwd ("/gone") set in config.json failed: no such file or directory: unknown', 'cwd ("/gone")'),
    ],
)
def test_a_program_that_docker_cannot_start_for_another_reason(said: str, told: str) -> None:
    error = explain(command("docker", "exec", "x", where="container x"), "pg_dump", 126, said)
    assert not isinstance(error, MissingToolError)
    assert told in str(error)
