"""What a run works with: the configuration, the plug-ins made from it, the state, the clock."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from daytwo.config import Config
from daytwo.core.errors import UsageError
from daytwo.core.owner import Owner, is_named_dead
from daytwo.core.repository import AnyRepository
from daytwo.core.run import Progress, Run
from daytwo.core.service import AnyService, Component
from daytwo.core.target import Target
from daytwo.ledger.locks import Lock, Locks
from daytwo.ledger.runs import Outcome, Runs
from daytwo.store.database import Database

if TYPE_CHECKING:
    from daytwo.ledger.audit import Audit


@dataclass(frozen=True)
class Workbench:
    """Everything a procedure of this app needs, made once a process.

    Args:
        config: the configuration.
        services: the services by name.
        repositories: the repositories by name.
        database: the state.
        owner: this process.
        actor: on whose behalf, for the record: `user@host`, a user, a token, `schedule`.
        via: the way they came.
        clock: the time now, in UTC.
        on_progress: called when something moves on.
        identities: the age secret keys the user gave for this command; never stored.
    """

    config: Config
    services: Mapping[str, AnyService]
    repositories: Mapping[str, AnyRepository]
    database: Database
    owner: Owner
    actor: str
    clock: Callable[[], datetime]
    via: str = "cli"
    on_progress: Callable[[Progress], None] = lambda progress: None
    identities: Callable[[], tuple[str, ...]] = lambda: ()
    runs_now: dict[str, Run] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)

    @property
    def runs(self) -> Runs:
        """The ledger of runs."""
        return Runs(self.database, self.config.app, self.config.environment)

    @property
    def audit(self) -> "Audit":
        """The record of who did what."""
        from daytwo.ledger.audit import Audit

        return Audit(self.database, self.config.app, self.config.environment, self.clock)

    @property
    def locks(self) -> Locks:
        """The locks in the state."""
        return Locks(self.database, self.is_dead)

    @property
    def folder(self) -> Path:
        """Where this app keeps what is its own: work folders, owner files."""
        return self.config.folder / ".daytwo"

    def is_dead(self, owner: str) -> bool:
        """Whether an owner is proven dead."""
        return is_named_dead(owner, self.folder / "owners")

    def component(self, name: str) -> Component | None:
        """The component with this name, of the configuration as it is now."""
        for service in self.services.values():
            for component in service.components():
                if component.name == name:
                    return component
        return None

    def repository(self, name: str) -> AnyRepository:
        """A repository by name.

        Raises:
            UsageError: there is none of that name.
        """
        if name not in self.repositories:
            raise UsageError(f"there is no repository {name}", hint=f"There are: {', '.join(self.repositories)}")
        return self.repositories[name]

    def targets(self) -> tuple[Target, ...]:
        """Every place where this app's commands run."""
        found: dict[str, Target] = {}
        for service in self.services.values():
            found[str(service.target)] = service.target
            found[str(service.target.host)] = service.target.host
        return tuple(found.values())

    @contextmanager
    def run(self, run_id: str, timeout: float | None = None) -> Iterator[Run]:
        """A run with a private work folder that is gone at its end."""
        base = self.folder / "work"
        base.mkdir(parents=True, exist_ok=True, mode=0o700)
        with TemporaryDirectory(prefix=f"{run_id}-", dir=base) as work:
            run = Run(run_id, Path(work), on_progress=self.on_progress, timeout=timeout)
            self.runs_now[run_id] = run
            if self.stopped:
                run.cancel(self.stopped[0])
            try:
                yield run
            finally:
                del self.runs_now[run_id]

    def begin(self, run_id: str, kind: str, subject: str) -> None:
        """Record that a run of this process begins; what a daemon was asked for, it has in its audit trail already."""
        if self.via == "cli":
            self.act(f"{kind}.run", subject, {"run": run_id})
        self.runs.begin(run_id, kind, subject, str(self.owner), self.actor, self.clock(), self.via)

    def act(self, action: str, subject: str = "", detail: Mapping[str, JsonValue] | None = None) -> None:
        """Record in the audit trail what somebody does with a command."""
        with self.database.begin() as connection:
            self.audit.append(connection, action, subject, actor=self.actor, via=self.via, detail=detail)

    def end(self, run_id: str, outcome: Outcome, summary: str, detail: Mapping[str, Any]) -> None:
        """Record how a run ended."""
        self.runs.end(run_id, outcome, summary, detail, self.clock())

    @contextmanager
    def lock(self, run_id: str, what: str) -> Iterator[Lock | None]:
        """Hold the app's lock: one run at a time changes an app's snapshots or data.

        Raises:
            BusyError: a live process holds it.
        """
        name = self.config.own_name
        stale = self.locks.take(Lock(name, str(self.owner), run_id, what, self.clock()))
        try:
            yield stale
        finally:
            self.locks.release(name, run_id)

    def cancel(self, reason: str) -> None:
        """Stop every run of this process, and those that it would still begin."""
        self.stopped.append(reason)
        for run in list(self.runs_now.values()):
            run.cancel(reason)
