"""What the daemon starts for each run: one JSON document in, JSON lines out. Not a command for people."""

import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import BaseModel

from daytwo.app import App
from daytwo.config import parsed
from daytwo.core.errors import DaytwoError, ExitCode, code_of
from daytwo.core.run import Progress
from daytwo.core.secrets import redact
from daytwo.serve.child import Job

PROGRAM = (sys.executable, "-m", "daytwo.cli.work")
"""How the daemon starts it."""
_APART = 0.2
"""Seconds between two lines about the same part in the same state."""
_NICENESS = 5
"""The daemon's own answers go first."""


class _Mouth:
    """Writes lines to the daemon, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, tuple[str, float]] = {}

    def say(self, event: str, **data: Any) -> None:
        rest = (redact(json.dumps({"event": event, **data}, default=str)) + "\n").encode()
        # A daemon that died hears nothing more; the run goes on to its end and is in the ledger.
        with self._lock, suppress(OSError):
            while rest:
                rest = rest[os.write(sys.stdout.fileno(), rest) :]

    def progress(self, one: Progress) -> None:
        state, at = self._last.get(one.part, ("", 0.0))
        now = time.monotonic()
        if one.state == state and now - at < _APART:
            return
        self._last[one.part] = (one.state, now)
        self.say("progress", part=one.part, state=one.state, done=one.done, total=one.total)


def main() -> int:
    """Carry out the job that is on standard input.

    Returns:
        An `ExitCode`.
    """
    job = Job.model_validate_json(sys.stdin.buffer.read())
    mouth = _Mouth()
    os.nice(_NICENESS)
    with suppress(OSError):
        # Where memory is short, a run may go; the daemon, whose unit is spared, may not.
        Path("/proc/self/oom_score_adj").write_text("300")
    try:
        result = _do(job, mouth)
    except DaytwoError as error:
        mouth.say(
            "end",
            code=code_of(type(error)),
            what=error.what,
            where=error.where,
            hint=error.hint,
            exit=int(error.exit_code),
        )
        return int(error.exit_code)
    mouth.say("end", result=result, exit=0)
    return ExitCode.OK


def _do(job: Job, mouth: _Mouth) -> Any:
    config = parsed(job.text, Path(job.path))
    with App(
        config,
        on_progress=mouth.progress,
        identities=lambda: job.keys,
        actor=job.actor or None,
        via=job.via or "system",
        in_daemon=True,
    ) as app:

        def stop(number: int, frame: FrameType | None) -> None:
            app.cancel("asked to end")

        signal.signal(signal.SIGTERM, stop)
        result = _carry_out(app, job)
        for notice in app.notices:
            mouth.say("note", text=notice)
        return result


def _carry_out(app: App, job: Job) -> Any:
    if not job.order:
        return app.tidy(job.wait)
    kind = json.loads(job.order)["kind"]
    from daytwo.questions import EXTRACT, KINDS, QUESTION, answer

    if kind == EXTRACT:
        return _extract(app, job)
    if kind in KINDS:
        return answer(app, QUESTION.validate_json(job.order))
    from daytwo.orders import ORDER, perform

    result: BaseModel = perform(app, ORDER.validate_json(job.order), job.run, job.wait)
    return result.model_dump(mode="json")


def _extract(app: App, job: Job) -> dict[str, str]:
    """Write a piece of a snapshot where the daemon reads it."""
    from daytwo.questions import ExtractQuestion, extracted

    with app.look("extract") as run, os.fdopen(job.out, "wb", 0) as out:
        found = extracted(app, ExtractQuestion.model_validate_json(job.order), run)
        for chunk in found.chunks:
            rest = memoryview(chunk)
            while rest:
                rest = rest[out.write(rest) or 0 :]
    return {"snapshot": found.snapshot, "component": found.component, "name": found.name}


if __name__ == "__main__":
    sys.exit(main())
