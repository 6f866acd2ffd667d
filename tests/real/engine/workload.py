"""A process that runs a small durable workflow and can die at any moment of it. Run by `test_engine.py`.

Arguments: the state, this process's name, the run's id, the moment of death (`STEP:begin`, `STEP:end`, `STEP:inside`
or `never`), a file that takes one line for every time a step's inside ran, and `run` or `recover`.
"""

import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from daytwo.core.errors import RefusedError
from daytwo.engine import Engine, OnInterruption, Steps, workflow
from daytwo.store.database import open_database
from daytwo.store.tables import locks
from daytwo.store.url import StateUrl


def die() -> None:
    """As a power cut would: no handler runs."""
    os.kill(os.getpid(), signal.SIGKILL)


class Context:
    """What the workflow works with."""

    def __init__(self, log: Path, death: str) -> None:
        self.log = log
        self.death = death

    def did(self, step: str) -> str:
        """Leave a line for each time that the inside of a step ran."""
        with self.log.open("a") as file:
            file.write(step + "\n")
        if self.death == f"{step}:inside":
            die()
        return step


def body(steps: Steps[Context], argument: str) -> str:
    """Three steps and a record."""
    context = steps.context
    one = steps.step("one", lambda: context.did("one"))
    two = steps.step("two", lambda: [context.did("two")])

    def record(connection: sa.Connection) -> int:
        context.did("record")
        values = {
            "name": steps.run_id,
            "owner": "o",
            "run": steps.run_id,
            "what": argument,
            "since": datetime.fromtimestamp(0, UTC),
        }
        connection.execute(sa.insert(locks).values(**values))
        return 1

    count = steps.transaction("record", record)
    if json.loads(argument).get("refuse"):
        steps.step("refuse", _refuse)
    return json.dumps({"one": one, "two": two, "count": count})


def _refuse() -> None:
    raise RefusedError("the guard said no", where="here", hint="Do that")


goes_on = workflow("goes on", OnInterruption.RESUME)(body)
is_cleaned = workflow("is cleaned", OnInterruption.CLEAN)(body)


def main() -> None:
    """See the module's docstring."""
    state, name, run_id, death, log, mode = sys.argv[1:7]
    context = Context(Path(log), death)

    def watch(run: str, step: str, moment: str) -> None:
        if death == f"{step}:{moment}":
            die()

    database = open_database(StateUrl.parse(state, Path.cwd()))
    with Engine(database, name, context, watch) as engine:
        if mode == "run":
            sys.stdout.write(engine.run(goes_on, run_id, "{}"))
        elif mode == "forget":
            engine.run(goes_on, run_id, "{}")
            now = datetime.now(UTC)
            counts = [engine.forget(now + timedelta(hours=hours)) for hours in (-1, 1, 1)]
            sys.stdout.write(json.dumps(counts))
        elif mode == "refuse":
            try:
                engine.run(goes_on, run_id, '{"refuse": true}')
            except RefusedError as error:
                sys.stdout.write(f"refused: {error}")
        else:
            found = engine.interrupted(lambda owner: owner.startswith("dead"))
            sys.stdout.write(json.dumps([[one.run, one.workflow, one.owner] for one in found]))
            for one in found:
                if mode == "recover":
                    sys.stdout.write(engine.resume(one))
                elif mode == "end":
                    engine.end(one.run)
    database.close()
