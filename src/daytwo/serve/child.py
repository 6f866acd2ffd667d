"""A run in a process of its own: what it is given, and what is heard of it.

Heavy libraries stay out of the daemon, a crash takes one run with it, and memory is given back. The child gets one JSON
document on its standard input (recovery keys too, which are in no file and no argument) and writes JSON lines.
"""

import asyncio
import json
import logging
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from daytwo.core.secrets import redact
from daytwo.serve.hub import RunEvent

_log = logging.getLogger(__name__)
_LONGEST_LINE = 16 << 20


class Job(BaseModel):
    """What a child is given.

    Args:
        path: the configuration file.
        text: its content as the daemon has it: the file may have been changed since.
        run: the run's id; empty to tidy up after interrupted runs.
        order: the order as JSON.
        actor: on whose behalf.
        via: the way they came.
        keys: age secret keys.
        wait: seconds to wait for another run of the app.
        out: the open file that what is no JSON goes to; -1 where there is none.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    text: str
    run: str = ""
    order: str = ""
    actor: str = ""
    via: str = ""
    keys: tuple[str, ...] = Field(default=(), repr=False)
    wait: float = 600.0
    out: int = -1


class Child:
    """One child process.

    Args:
        program: what to start.
        job: what it is to do.
        publish: hears its events.
    """

    def __init__(self, program: tuple[str, ...], job: Job, publish: Callable[[RunEvent], None]) -> None:
        self.job = job
        self.stopped = ""
        """Why it was asked to stop; empty while it was not."""
        self.last: dict[str, Any] = {}
        """Its result or error, once it has told."""
        self._program = program
        self._publish = publish
        self._process: asyncio.subprocess.Process | None = None

    async def run(self, started: Callable[[], None] = lambda: None) -> int:
        """Start it, hear it out.

        Args:
            started: called when it has been started, or could not be.

        Returns:
            Its exit code, negative for the signal that ended it.
        """
        try:
            self._process = process = await self._start()
        finally:
            started()
        assert process.stdin and process.stdout and process.stderr
        if self.stopped:
            process.send_signal(signal.SIGTERM)
        errors = asyncio.create_task(process.stderr.read())
        with suppress(ConnectionError):
            process.stdin.write(self.job.model_dump_json().encode())
            await process.stdin.drain()
            process.stdin.close()
        while line := await process.stdout.readline():
            self._hear(line)
        code = await process.wait()
        if said := redact((await errors).decode(errors="replace")).strip():
            _log.warning("run %s said: %s", self.job.run or "tidy", said[-2000:])
            self.last = self.last or {"what": said.splitlines()[-1]}
        return code

    async def _start(self) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *self._program, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True, limit=_LONGEST_LINE,
            pass_fds=() if self.job.out < 0 else (self.job.out,),
        )  # fmt: skip

    def _hear(self, line: bytes) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            _log.warning("run %s wrote what is no JSON: %r", self.job.run, line[:200])
            return
        name = said.pop("event")
        if name == "end":
            self.last = said  # told to others only when the ledger knows
        else:
            self._publish(RunEvent(self.job.run, name, said))

    def stop(self, reason: str) -> None:
        """Ask it to end its run cleanly."""
        self.stopped = self.stopped or reason
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)
