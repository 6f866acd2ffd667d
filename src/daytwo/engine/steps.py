"""What a workflow's body is given: its context, and steps."""

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import sqlalchemy as sa

C = TypeVar("C")
T = TypeVar("T")


class Backend(Protocol):
    """How steps are run; one implementation, on DBOS."""

    def run_step(self, name: str, function: Callable[[], Any]) -> Any:
        """Run a step once and checkpoint its JSON result."""

    def run_transaction(self, name: str, function: Callable[[sa.Connection], Any]) -> Any:
        """Run a step whose database writes commit together with its checkpoint."""


class Steps(Generic[C]):
    """The hands of a workflow.

    Args:
        context: what the process lends to its workflows (configuration, plug-ins, state).
        run_id: the run's id.
        backend: runs the steps.
    """

    def __init__(self, context: C, run_id: str, backend: Backend) -> None:
        self.context = context
        self.run_id = run_id
        self._backend = backend

    def step(self, name: str, function: Callable[[], T]) -> T:
        """Do something once: its JSON result is checkpointed and, after a restart, taken from there."""
        result: T = self._backend.run_step(name, function)
        return result

    def transaction(self, name: str, function: Callable[[sa.Connection], T]) -> T:
        """Write records: they and the step's checkpoint commit together or not at all."""
        result: T = self._backend.run_transaction(name, function)
        return result
