"""The composition root: the only place that wires configuration, plug-ins, state and engine together."""

import contextlib
import getpass
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

from pydantic import BaseModel

from daytwo.config import Config, load
from daytwo.config.making import services_of
from daytwo.core.errors import BusyError, CancelledError, DaytwoError, UsageError
from daytwo.core.manifest import MarkKind, Snapshot
from daytwo.core.owner import Owner, hold
from daytwo.core.registry import repository_class
from daytwo.core.repository import AnyRepository
from daytwo.core.run import Progress, Run
from daytwo.core.service import AnyService
from daytwo.ledger.runs import Outcome
from daytwo.protect import own as own_state
from daytwo.protect.workbench import Workbench
from daytwo.store.database import open_database
from daytwo.store.url import StateUrl

R = TypeVar("R", bound=BaseModel)
CHECKPOINTS_KEPT = timedelta(days=30)
"""For whoever looks into what a run did, step by step; the ledger keeps its begin, end and outcome."""
WAIT = 600.0
"""Seconds a command waits for another run of the same app, unless told otherwise."""


def utc_now() -> datetime:
    """The time now; the only clock that procedures are given."""
    return datetime.now(UTC)


class App:
    """One app and environment, opened for work. Use as a context manager.

    Args:
        config: the configuration.
        on_progress: called, from any thread, when something moves on.
        identities: gives the age secret keys of this command, when they are needed.
        watch: called around each durable step with (run, step, `begin` or `end`).
        clock: the time now.
        actor: on whose behalf; `user@host` when absent.
        via: the way they came.
        in_daemon: whether a daemon has this done: then its own state is backed up, too.
    """

    def __init__(
        self,
        config: Config,
        *,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        identities: Callable[[], tuple[str, ...]] = lambda: (),
        watch: Callable[[str, str, str], None] = lambda run, step, moment: None,
        clock: Callable[[], datetime] = utc_now,
        actor: str | None = None,
        via: str = "cli",
        in_daemon: bool = False,
    ) -> None:
        self.config = config
        self.notices: list[str] = []
        self._on_progress = on_progress
        self._identities = identities
        self._watch = watch
        self._clock = clock
        self._actor = actor or f"{getpass.getuser()}@{platform.node()}"
        self._via = via
        self.in_daemon = in_daemon
        self._stack = contextlib.ExitStack()
        self._bench: Workbench | None = None
        self._stopped = ""

    @classmethod
    def load(cls, path: Path | None, **options: Any) -> "App":
        """Open the app of a configuration file.

        Raises:
            ConfigError: the file is missing or wrong.
        """
        return cls(load(path), **options)

    def __enter__(self) -> "App":
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    @property
    def bench(self) -> Workbench:
        """The workbench, made at first use: opens the state and claims this process's identity."""
        if self._bench is None:
            database = open_database(StateUrl.of(self.config))
            self._stack.callback(database.close)
            owner = Owner.current()
            folder = self.config.folder / ".daytwo"
            self._stack.enter_context(hold(folder / "owners", owner))
            self._bench = Workbench(
                config=self.config,
                services=self.services(),
                repositories=self.repositories(),
                database=database,
                owner=owner,
                actor=self._actor,
                via=self._via,
                clock=self._clock,
                on_progress=self._on_progress,
                identities=self._identities,
            )
            if self._stopped:  # before there was anything to stop
                self._bench.cancel(self._stopped)
        return self._bench

    def services(self) -> dict[str, AnyService]:
        """The services, made from their settings, and daytwo's own state as one more."""
        return services_of(self.config) | {own_state.NAME: own_state.own_service(self.config)}

    def repositories(self) -> dict[str, AnyRepository]:
        """The repositories, made from their settings."""
        place = self.config.place
        return {name: repository_class(one.kind)(name, one, place) for name, one in self.config.repositories.items()}

    def identities(self) -> tuple[str, ...]:
        """The age secret keys that were given to this command."""
        return self._identities()

    def progress(self, progress: Progress) -> None:
        """Show that something moved on."""
        self._on_progress(progress)

    def clock(self) -> datetime:
        """The time now, in UTC."""
        return self._clock()

    def cancel(self, reason: str) -> None:
        """Stop whatever this process is doing for the app."""
        self._stopped = self._stopped or reason
        if self._bench is not None:
            self._bench.cancel(reason)

    @contextlib.contextmanager
    def look(self, purpose: str) -> Iterator[Run]:
        """A run that only reads: no lock, no record in the ledger."""
        with self.bench.run(f"{purpose}-{token_hex(4)}") as run:
            yield run

    @contextlib.contextmanager
    def exclusive(self, run_id: str, what: str, wait: float) -> Iterator[None]:
        """Hold the app's lock, waiting for another run to end; a stale lock is broken and told.

        Raises:
            BusyError: it is still held after `wait` seconds.
        """
        end = time.monotonic() + wait
        told = False
        while True:
            if self._stopped:
                raise CancelledError(f"stopped: {self._stopped}")
            try:
                manager = self.bench.lock(run_id, what)
                stale = manager.__enter__()
            except BusyError as error:
                if time.monotonic() >= end:
                    raise
                if not told:
                    self._on_progress(Progress("lock", f"waiting: {error.what}"))
                    told = True
                time.sleep(min(0.5, max(0.01, end - time.monotonic())))
                continue
            break
        with contextlib.ExitStack() as stack:
            stack.push(manager.__exit__)
            if stale is not None:
                self.notices.append(f"a stale lock of {stale.what} (run {stale.run}) was broken: its process is dead")
            yield

    def durable(self, kind: str, subject: str, flow_name: str, run_id: str, argument: str, wait: float) -> str:
        """Run a workflow under the lock, after cleaning up what dead processes left.

        Args:
            kind: what sort of run it is, for the ledger.
            subject: what it is about.
            flow_name: the workflow, as `module:name` in `daytwo.protect`.
            run_id: the run's id.
            argument: the plan as JSON.
            wait: seconds to wait for the lock.

        Returns:
            The workflow's result as JSON.
        """
        import importlib

        from daytwo.engine import Engine
        from daytwo.protect.interrupted import clean_up

        module, name = flow_name.split(":")
        flow = getattr(importlib.import_module(f"daytwo.protect.{module}"), name)
        bench = self.bench
        with (
            self.exclusive(run_id, f"{kind} {subject}", wait),
            Engine(bench.database, str(bench.owner), bench, self._watch) as engine,
        ):
            with bench.run(f"clean-{run_id}") as cleaner:
                self.notices += [str(one) for one in clean_up(bench, engine, cleaner)]
                self.notices += cleaner.warnings
            bench.begin(run_id, kind, subject)
            engine.forget(bench.clock() - CHECKPOINTS_KEPT)
            return engine.run(flow, run_id, argument)

    def recorded(self, run_id: str, kind: str, subject: str, work: Callable[[Run], R]) -> R:
        """Do something that leaves nothing half-done, and record it as a run.

        Args:
            run_id: the run's id.
            kind: what sort of run it is.
            subject: what it is about.
            work: does it; its result tells the outcome.
        """
        bench = self.bench
        bench.begin(run_id, kind, subject)
        try:
            with bench.run(run_id) as run:
                result = work(run)
        except BaseException as error:
            cancelled = isinstance(error, CancelledError | KeyboardInterrupt)
            bench.end(run_id, Outcome.CANCELLED if cancelled else Outcome.FAILED, str(error), {"error": str(error)})
            raise
        detail = result.model_dump(mode="json")
        bench.end(run_id, Outcome(detail["outcome"]), "", detail)
        return result

    def tidy(self, wait: float) -> list[str]:
        """Undo what interrupted runs left behind.

        Returns:
            What was found and done, in words.
        """
        from daytwo.engine import Engine
        from daytwo.protect.interrupted import clean_up

        bench, run_id = self.bench, f"tidy-{token_hex(4)}"
        with (
            self.exclusive(run_id, "tidying up", wait),
            Engine(bench.database, str(bench.owner), bench, self._watch) as engine,
            bench.run(run_id) as run,
        ):
            return [str(one) for one in clean_up(bench, engine, run)] + run.warnings

    def snapshots(self, run: Run, repository: str | None = None) -> list[Snapshot]:
        """The snapshots of all repositories, or of one, oldest first.

        What is seen is written down for `status`. A repository that cannot be read is a notice when there are others.
        """
        from daytwo.protect import facts

        names = [repository] if repository else list(self.bench.repositories)
        found: list[Snapshot] = []
        errors: list[DaytwoError] = []
        for name in names:
            try:
                there = self.bench.repository(name).snapshots(run)
            except DaytwoError as error:
                errors.append(error)
                continue
            facts.synchronise(self.bench, name, there)
            found += there
        if errors and len(errors) == len(names):
            raise errors[0]
        self.notices += [str(error) for error in errors]
        return sorted(found, key=lambda one: (one.at, one.manifest.sequence, one.repository))

    def mark(self, snapshot: Snapshot, kind: MarkKind, note: str, run: Run) -> None:
        """Add a statement to a snapshot in its repository."""
        repository = self.bench.repository(snapshot.repository)
        repository.mark(snapshot, snapshot.said(kind, self._clock(), note), run)
        self.snapshots(run, snapshot.repository)

    def backup_name(self, given: str | None) -> str:
        """The backup meant: the one given, or the only one there is.

        Raises:
            UsageError: none is given and there are several, or none.
        """
        names: Sequence[str] = list(self.config.backups)
        if given:
            return given
        if len(names) == 1:
            return names[0]
        if not names:
            raise UsageError("the configuration has no backup", hint="Add one under `backups:`")
        raise UsageError("there are several backups", hint=f"Say which: {', '.join(names)}")
