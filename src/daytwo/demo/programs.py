"""Runs the app and the daytwo commands of the story, as processes that end with it."""

import contextlib
import http.client
import json
import os
import select
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from daytwo.core.errors import CommandError
from daytwo.core.process import CHUNK, Process
from daytwo.core.run import Run
from daytwo.core.target import LOCAL
from daytwo.demo.place import Place, guarded

HOST = "127.0.0.1"
_ANY_CODE = tuple(range(256))
_STOP_SECONDS = 20.0
_ANSWER_SECONDS = 30.0
_OURS = ("PG", "DAYTWO_")
"""What environment variables begin with that would lead the demo to somebody's real database or configuration."""


@dataclass(frozen=True)
class Answer:
    """What the app answered: the HTTP status and the JSON document."""

    status: int
    document: Mapping[str, Any]


@dataclass(frozen=True)
class RunningApp:
    """The app, serving.

    Args:
        port: where, on loopback.
    """

    port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self.port}"

    def ask(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Answer:
        """Send a request.

        Args:
            method: GET or POST.
            path: such as `/api/health`.
            body: sent as JSON.

        Raises:
            CommandError: it does not answer.
        """
        connection = http.client.HTTPConnection(HOST, self.port, timeout=_ANSWER_SECONDS)
        try:
            connection.request(method, path, json.dumps(body) if body else None)
            response = connection.getresponse()
            content = response.read()
        except OSError as error:
            raise CommandError(f"the app does not answer: {error}", where=self.url) from None
        finally:
            connection.close()
        is_json = response.getheader("Content-Type") == "application/json"
        return Answer(response.status, json.loads(content) if is_json else {})


@contextlib.contextmanager
def running_app(place: Place, run: Run) -> Iterator[RunningApp]:
    """Have the app run.

    Raises:
        CommandError: it does not start; the message has what it said.
    """
    inner = guarded(place, sys.executable, "-P", "-m", "daytwo.demo.app", str(place.app), where="the demo's app")
    with Process(LOCAL, inner, run) as process, stopping(process):
        line = process.stdout.readline().strip()
        if not line:
            process.finish()
            raise CommandError("it ended right after its start", where="the demo's app")
        yield RunningApp(int(line))


def daytwo(words: tuple[str, ...], place: Place, run: Run, say: Callable[[str], None]) -> int:
    """Run the daytwo command line in the demo's folder, as a user would.

    Args:
        words: its arguments.
        place: the demo's folder.
        run: the run it belongs to.
        say: takes each line it prints, when it prints it; what it says of errors comes last.

    Returns:
        Its exit code.
    """
    entry = "from daytwo.cli.main import main; main()"
    with Process(LOCAL, guarded(place, sys.executable, "-P", "-c", entry, *words, ok=_ANY_CODE), run) as process:
        with stopping(process):
            for line in process.stdout:
                say(line.decode("utf-8", "replace").rstrip("\n"))
        code = process.finish()
        if code != 0:
            for text in process.stderr().splitlines():
                say(text)
        return code


@contextlib.contextmanager
def stopping(process: Process) -> Iterator[None]:
    """Ask a program to end, and give it the time to clean up, before it is ended by force."""
    try:
        yield
    finally:
        process.stop()
        has_ended(process, _STOP_SECONDS)


def has_ended(process: Process, seconds: float) -> bool:
    """Wait for a program to end, dropping what it still prints.

    Args:
        process: the program.
        seconds: how long to wait at most.

    Returns:
        Whether it has ended.
    """
    deadline = time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, left))
        if ready and not os.read(process.stdout.fileno(), CHUNK):
            return True
        if left <= 0:
            return False


@contextlib.contextmanager
def clean_environment() -> Iterator[None]:
    """Take away the variables that would lead the demo to somebody's real database or configuration."""
    taken = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_OURS)}
    try:
        yield
    finally:
        os.environ.update(taken)
