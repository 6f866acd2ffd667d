"""A program that begins at once is one like any other."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.parts.ready import Python, python

SAYS = "import json, os, sys; print(json.dumps([sys.argv, os.getcwd(), os.environ.get('WORD'), os.getpgid(0)]))"


def test_arguments_environment_folder_and_streams(tmp_path: Path) -> None:
    done = python(SAYS, ["a", tmp_path], cwd=tmp_path, env={"WORD": "x"}, start_new_session=True)
    assert done.stdout.startswith(f'[["-c", "a", "{tmp_path}"], "{tmp_path}", "x", ') and done.returncode == 0
    assert python("import sys; print(sys.stdin.read(), file=sys.stderr)", stdin=subprocess.DEVNULL).stderr == "\n"
    with Python("print(input()[::-1])", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.communicate("abc\n", timeout=20)[0] == "cba\n"


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("pass", 0), ("import sys; sys.exit(3)", 3), ("1 / 0", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
)  # fmt: skip
def test_its_end_is_known(code: str, wanted: int) -> None:
    done = python(code)
    assert done.returncode == wanted
    assert ("ZeroDivisionError" in done.stderr) == (code == "1 / 0")


def test_it_is_a_process_of_its_own() -> None:
    with Python("import time; time.sleep(60)", start_new_session=True) as process:
        assert process.poll() is None
        assert os.getpgid(process.pid) == process.pid != os.getpgid(0)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == -signal.SIGTERM
    assert not Path(f"/proc/{process.pid}").exists(), "it was waited for"


def test_many_at_once_and_each_has_its_own_chance() -> None:
    code = "import random, uuid; print(random.random(), uuid.uuid4())"
    begun = [Python(code, stdout=subprocess.PIPE) for _ in range(8)]
    said = {process.communicate(timeout=20)[0] for process in begun}
    assert len(said) == 8
