"""Durable workflows on DBOS Transact, confined.

DBOS is a process global, recovers by executor id, and leaves SQLite in rollback-journal mode. So: one `Engine` at a
time in a process, one executor id per process that names its owner, recovery only of owners proven dead, write-ahead
logging set by the store before launch, and an application version of our own that changes only when a workflow's body
changes incompatibly.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from daytwo.engine.serializer import decode, encode
from daytwo.engine.steps import Steps
from daytwo.store.database import Database

EPOCH = "daytwo-1"
"""Raised when a workflow's body changes so that what is in flight could not go on."""


_FORGET = 500


class OnInterruption(StrEnum):
    """What becomes of a workflow whose process died."""

    RESUME = "resume"
    """It goes on where its last checkpoint is."""
    CLEAN = "clean"
    """It is ended, and its way back is run: a backup must never hold two dates."""


WorkflowBody = Callable[[Steps[Any], str], str]


@dataclass(frozen=True)
class Workflow:
    """A durable procedure.

    Args:
        name: its name in the state; never changed once released.
        body: takes the steps and a JSON argument, returns JSON.
        on_interruption: what becomes of it when its process dies.
    """

    name: str
    body: WorkflowBody
    on_interruption: OnInterruption


@dataclass(frozen=True)
class Interrupted:
    """A run whose process died before it ended."""

    run: str
    workflow: str
    owner: str
    epoch: str


_workflows: dict[str, Workflow] = {}


def workflow(name: str, on_interruption: OnInterruption) -> Callable[[WorkflowBody], Workflow]:
    """Declare a function as a durable workflow."""

    def declare(body: WorkflowBody) -> Workflow:
        _workflows[name] = Workflow(name, body, on_interruption)
        return _workflows[name]

    return declare


class Engine:
    """Runs workflows in this process.

    Args:
        database: the state; also holds the checkpoints.
        owner: this process's id; every run it executes carries it.
        context: handed to every workflow.
        watch: called around each step with (run, step, `begin` or `end`), for logs and tests.
    """

    def __init__(
        self,
        database: Database,
        owner: str,
        context: object,
        watch: Callable[[str, str, str], None] = lambda run, step, moment: None,
    ) -> None:
        self._database = database
        self._owner = owner
        self._context = context
        self._watch = watch
        self._functions: dict[str, Callable[[str, str], str]] = {}

    def __enter__(self) -> "Engine":
        from dbos import DBOS, SQLAlchemyDatasource

        # Its console handler holds on to the stderr of the moment of import; what it has to say reaches us as errors.
        logging.getLogger("dbos").handlers.clear()
        DBOS(
            config={
                "name": "daytwo",
                "system_database_url": self._database.url.sqlalchemy,
                "application_version": EPOCH,
                "executor_id": self._owner,
                "log_level": "CRITICAL",
                "serializer": _serializer(),
                "run_migrations": True,
                "notification_listener_polling_interval_sec": 0.1,
            }
        )
        self._datasource = SQLAlchemyDatasource.create(
            self._database.url.sqlalchemy, engine=self._database.engine, serializer=_serializer()
        )
        for one in _workflows.values():
            self._functions[one.name] = DBOS.workflow(name=one.name)(self._entry(one))
        DBOS.launch()
        return self

    def __exit__(self, *exc: object) -> None:
        from dbos import DBOS

        DBOS.destroy(destroy_registry=True)

    def run(self, flow: Workflow, run_id: str, argument: str) -> str:
        """Run a workflow to its end in this process.

        Args:
            flow: which.
            run_id: its id; a second call with the same id returns the first one's result.
            argument: JSON.

        Returns:
            JSON.

        Raises:
            DaytwoError: what the workflow raised.
        """
        from dbos import DBOS, SetWorkflowID

        with SetWorkflowID(run_id):
            handle = DBOS.start_workflow(self._functions[flow.name], run_id, argument)
        return str(handle.get_result(polling_interval_sec=0.05))

    def interrupted(self, is_dead: Callable[[str], bool]) -> list[Interrupted]:
        """Runs whose owner is proven dead, oldest first, of this epoch and earlier ones."""
        from dbos import DBOS

        found = DBOS.list_workflows(status=["PENDING", "ENQUEUED"], load_input=False, load_output=False)
        return [
            Interrupted(one.workflow_id, one.name, one.executor_id or "", one.app_version or "")
            for one in found
            if one.executor_id and one.executor_id != self._owner and is_dead(one.executor_id)
        ]

    def end(self, run_id: str) -> None:
        """Mark an interrupted run as ended, so that nothing takes it up again."""
        from dbos import DBOS

        DBOS.cancel_workflow(run_id)

    def forget(self, before: datetime) -> int:
        """Remove the checkpoints of runs that ended before a time: the ledger keeps what matters of them.

        Returns:
            How many runs were forgotten; at most 500 at a time.
        """
        from dbos import DBOS

        ended = ["SUCCESS", "ERROR", "CANCELLED"]
        until = before.astimezone(UTC).isoformat()
        found = DBOS.list_workflows(
            status=ended, completed_before=until, limit=_FORGET, load_input=False, load_output=False
        )
        if found:
            DBOS.delete_workflows([one.workflow_id for one in found])
        return len(found)

    def resume(self, interrupted: Interrupted) -> str:
        """Let an interrupted run go on here from its last checkpoint, and wait for its end.

        Harmless when another live process has taken it up already: then this waits for that one.
        """
        from dbos import DBOS

        DBOS._recover_pending_workflows([interrupted.owner])
        handle: Any = DBOS.retrieve_workflow(interrupted.run)
        return str(handle.get_result(polling_interval_sec=0.05))

    def _entry(self, flow: Workflow) -> Callable[[str, str], str]:
        def entry(run_id: str, argument: str) -> str:
            return flow.body(Steps(self._context, run_id, _DbosBackend(self, run_id)), argument)

        entry.__qualname__ = entry.__name__ = flow.name
        return entry

    @contextlib.contextmanager
    def watched(self, run_id: str, name: str) -> Iterator[None]:
        """Tell the watcher that a step begins and ends."""
        self._watch(run_id, name, "begin")
        yield
        self._watch(run_id, name, "end")

    def transact(self, name: str, function: Callable[[sa.Connection], Any]) -> Any:
        """Run a function in a transaction that also holds the step's checkpoint."""
        source = self._datasource

        def inside() -> Any:
            return function(source.sql_session().connection())

        return source.run_tx_step({"name": name}, inside)


class _DbosBackend:
    """Steps on DBOS."""

    def __init__(self, engine: Engine, run_id: str) -> None:
        self._engine = engine
        self._run_id = run_id

    def run_step(self, name: str, function: Callable[[], Any]) -> Any:
        """Run a step; an error is checkpointed like a result."""
        from dbos import DBOS

        def inside() -> Any:
            with self._engine.watched(self._run_id, name):
                return function()

        return DBOS.run_step({"name": name}, inside)

    def run_transaction(self, name: str, function: Callable[[sa.Connection], Any]) -> Any:
        """Run a transactional step."""
        with self._engine.watched(self._run_id, name):
            return self._engine.transact(name, function)


def _serializer() -> Any:
    from dbos import Serializer

    class JsonSerializer(Serializer):
        """Checkpoints as JSON."""

        def serialize(self, data: Any) -> str:
            return encode(data)

        def deserialize(cls, serialized_data: str) -> Any:  # noqa: N805 - the base class's own signature
            return decode(serialized_data)

        def name(self) -> str:
            return "daytwo_json"

    return JsonSerializer()
