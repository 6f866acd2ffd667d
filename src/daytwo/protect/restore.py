"""Restore: check the place, keep a way back, stage beside, compare, and only then put in use.

An interrupted restore leaves the data in use as it was, unless it was already putting things in use: each such act is
in the run's journal before it is done, and a person decides what follows.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from secrets import token_hex

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from daytwo.core.errors import DaytwoError, IntegrityError, RefusedError, UsageError
from daytwo.core.manifest import ComponentRecord, Identity, Level, Snapshot
from daytwo.core.run import Run
from daytwo.core.service import AnyService, Component, Staged, Swapped
from daytwo.engine import OnInterruption, Steps, workflow
from daytwo.ledger.runs import Outcome
from daytwo.protect import own
from daytwo.protect.places import services_into
from daytwo.protect.safety import take_safety_snapshot
from daytwo.protect.verify import source_of
from daytwo.protect.workbench import Workbench


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class RestorePlan(_Model):
    """What a restore will do.

    Args:
        run: the run's id.
        snapshot: the snapshot's id.
        repository: where it is read from.
        components: what is restored, in order.
        only: tables or paths; everything when empty.
        into: by service, settings that differ from the configuration: another place.
        safety: take a safety snapshot of what is there first.
        accept_other: write although the place is not the one the snapshot came from.
    """

    run: str
    snapshot: str
    repository: str
    components: tuple[str, ...]
    only: tuple[str, ...] = ()
    into: dict[str, dict[str, str]] = {}
    safety: bool = True
    accept_other: bool = False

    @property
    def in_place(self) -> bool:
        """Whether live data is replaced."""
        return not self.into


class RestoredPart(_Model):
    """One component that is in use again."""

    component: str
    now: str
    kept: str = ""
    drop: str = ""
    counts: dict[str, int] = {}
    compared: bool = False


class RestoreResult(_Model):
    """How a restore ended.

    Args:
        run: the run's id.
        snapshot: what was restored.
        at: when that was taken.
        outcome: succeeded, or partial when some components are in use and some are not.
        parts: what is in use again, and where the data from before is.
        safety: the snapshot of what was there before, or empty.
        warnings: what the user should know.
        seconds: how long it took.
    """

    run: str
    snapshot: str
    at: datetime
    outcome: Outcome
    parts: tuple[RestoredPart, ...]
    safety: str = ""
    warnings: tuple[str, ...] = ()
    seconds: float


def choose(
    found: Sequence[Snapshot],
    wanted: str | None,
    before: datetime | None,
    backup: str | None = None,
    holding: Sequence[str] | None = None,
) -> Snapshot:
    """Pick the snapshot to restore: by id, the newest before a time, or the newest.

    Safety and damaged snapshots are taken only by id. One counts as made before a time when it had ended by then:
    whatever it holds was read before.

    Args:
        found: the snapshots there are.
        wanted: an id, the beginning of one, or `latest`.
        before: only those that had ended by then.
        backup: only those of this backup.
        holding: of a restore, the services that are brought back: one that was made of some services only is taken
            for these, and for everything (an empty list) only where there is no whole one.

    Raises:
        UsageError: none fits.
    """
    if wanted and wanted != "latest":
        fits = [one for one in found if one.id.startswith(wanted)]
        if len({one.id for one in fits}) > 1:
            raise UsageError(f"'{wanted}' fits several snapshots", hint="Give more of the id")
    else:
        fits = [
            one
            for one in found
            if not one.manifest.safety
            and one.level is not Level.DAMAGED
            and (before is None or one.manifest.ended <= before)
            and (backup is None or one.manifest.backup == backup)
        ]
        if holding is not None:
            fits = [one for one in fits if _holds(one, holding)] or fits
    if not fits:
        when = f" before {before:%Y-%m-%d %H:%M:%S %Z}" if before else ""
        raise UsageError(
            f"there is no snapshot {wanted or ''}{when}".replace("  ", " ").rstrip(),
            hint="`daytwo snapshots` lists them",
        )
    # Within a repository the order counts, as a clock may have been ahead once (F07); each has an order of its own.
    newest: dict[str, Snapshot] = {}
    for one in sorted(fits, key=lambda one: (one.manifest.sequence, one.at)):
        newest[one.repository] = one
    return max(newest.values(), key=lambda one: (one.at, one.manifest.sequence))


def _holds(snapshot: Snapshot, services: Sequence[str]) -> bool:
    if not services:
        return not snapshot.manifest.only
    return set(services) <= {record.service for record in snapshot.manifest.components}


def make_plan(
    snapshot: Snapshot,
    services: Mapping[str, AnyService],
    *,
    only_services: Sequence[str] = (),
    only: Sequence[str] = (),
    into: Mapping[str, Mapping[str, str]] = {},
    safety: bool = True,
    accept_other: bool = False,
) -> RestorePlan:
    """Decide what a restore does.

    Raises:
        UsageError: a service is not in the snapshot, or `only` names things of more than one service.
    """
    held = {record.service for record in snapshot.manifest.components}
    for name in (*only_services, *into):
        if name not in held:
            raise UsageError(
                f"snapshot {snapshot.id} holds nothing of service {name}", hint=f"It holds: {', '.join(sorted(held))}"
            )
    wanted = set(only_services) or (set(into) if into else held - {own.NAME})
    if own.NAME in wanted and own.NAME not in into:
        raise UsageError(
            "daytwo's own state cannot be replaced while daytwo works with it",
            hint=f"Restore it to another place with --service {own.NAME} --into {own.NAME}.path=FILE (a PostgreSQL "
            "state: its database), stop the daemon, and put it there by hand",
        )
    if only and len(wanted) != 1:
        raise UsageError("--only needs one --service", hint="Say which service the tables or paths belong to")
    records = [record for record in snapshot.manifest.components if record.service in wanted]
    there = {part.name: part for service in services.values() for part in service.components()}
    missing = [record.name for record in records if record.name not in there]
    if missing:
        raise UsageError(
            f"the configuration has no service for {', '.join(missing)}",
            hint="Choose with --service, or `daytwo extract` them",
        )
    ordered = sorted(records, key=lambda record: (there[record.name].phase, not record.name.endswith(".globals.sql")))
    return RestorePlan(
        run=token_hex(8),
        snapshot=snapshot.id,
        repository=snapshot.repository,
        components=tuple(record.name for record in ordered),
        only=tuple(only),
        into={name: dict(changes) for name, changes in into.items()},
        safety=safety and not into,
        accept_other=accept_other,
    )


def places(bench: Workbench, plan: RestorePlan, snapshot: Snapshot, run: Run) -> dict[str, tuple[Identity, Identity]]:
    """By component, where its data came from and where it would go: shown before anything is written."""
    parts = _components(services_into(bench, plan.into))
    records = {record.name: record for record in snapshot.manifest.components}
    return {name: (records[name].source, parts[name].identity(run)) for name in plan.components}


def _components(services: Mapping[str, AnyService]) -> dict[str, Component]:
    return {part.name: part for service in services.values() for part in service.components()}


class _Restore:
    """One restore in progress. Its methods are the workflow's steps."""

    def __init__(self, bench: Workbench, plan: RestorePlan, run: Run, identities: Sequence[str]) -> None:
        self.bench = bench
        self.plan = plan
        self.run = run
        self.identities = identities
        self.snapshot = choose(bench.repository(plan.repository).snapshots(run), plan.snapshot, None)
        self.parts = _components(services_into(bench, plan.into))
        self.records = {record.name: record for record in self.snapshot.manifest.components}
        self.holding: set[str] = set()
        self.staged: dict[str, Staged] = {}
        self.done: list[RestoredPart] = []
        self.safety = ""

    def note(self, act: str, component: str = "", **more: object) -> None:
        """Write a line into the journal before the act."""
        self.bench.runs.note(self.plan.run, {"act": act, "component": component, **more})

    def check(self) -> list[str]:
        """Look at every place before anything is written to any."""
        self.note("restore", into=self.plan.into)
        trouble: list[str] = []
        for name in self.plan.components:
            component, record = self.parts[name], self.records[name]
            there = component.identity(self.run)
            occupied = there.holds != "nothing" and not component.additive
            if occupied:
                self.holding.add(name)
            if self.plan.in_place and record.source.id and there.id != record.source.id and not self.plan.accept_other:
                trouble.append(
                    f"{name} came from {record.source.label} and this is another place: {there.label}. "
                    "Say --accept-other-target when that is meant"
                )
            if not self.plan.in_place and occupied and not self.plan.accept_other:
                trouble.append(
                    f"{there.label} already holds {there.holds}. "
                    "Choose an empty place, or say --accept-other-target to replace it"
                )
            trouble += component.obstacles(record, self.run)
        if trouble:
            raise RefusedError("; ".join(trouble), where=f"restore of {self.snapshot.id}")
        return sorted(self.holding)

    def keep_a_way_back(self) -> str:
        """Take a safety snapshot of what is about to be replaced."""
        if self.plan.safety and self.holding:
            try:
                self.safety = take_safety_snapshot(
                    self.bench, self.snapshot.manifest.backup, sorted(self.holding), self.plan.repository, self.run
                )
            except DaytwoError as error:
                raise RefusedError(
                    f"no safety snapshot could be taken: {error}",
                    where="restore",
                    hint="Mend that, or restore with --no-safety",
                ) from None
        return self.safety

    def stage(self) -> list[str]:
        """Restore everything beside the live data, and compare it with the manifest."""
        for name in self.plan.components:
            record = self.records[name]
            self.run.report(name, "restoring", 0, record.plain.size if record.plain else None)
            self.note("stage", name)
            source = source_of(self.bench, self.snapshot, record, self.run, self.identities)
            staged = self.parts[name].stage(source, self.run, self.plan.only)
            self.staged[name] = staged
            _compare(record, staged, partial=bool(self.plan.only))
            for warning in staged.warnings:
                self.run.warn(f"{name}: {warning}")
            self.run.report(name, "staged")
            if self.parts[name].additive:
                # What comes after may need it (tables belong to roles), and it takes nothing away.
                self._put_in_use(name)
        return list(self.staged)

    def swap(self) -> list[str]:
        """Put it in use, keeping what was there."""
        for name in list(self.staged):
            self.run.check()
            self._put_in_use(name)
        return [part.component for part in self.done]

    def _put_in_use(self, name: str) -> None:
        staged = self.staged[name]
        self.note("swap", name)
        swapped: Swapped = staged.swap()
        del self.staged[name]
        self.note("swapped", name, kept=swapped.kept, drop=swapped.drop)
        self.done.append(
            RestoredPart(
                component=name,
                now=swapped.now,
                kept=swapped.kept,
                drop=swapped.drop,
                counts=dict(staged.counts),
                compared=bool(self.records[name].counts),
            )
        )
        self.run.report(name, "done")

    def discard(self) -> list[str]:
        """Remove what was staged and not put in use."""
        names = list(self.staged)
        for staged in self.staged.values():
            staged.discard()
        return names


def _compare(record: ComponentRecord, staged: Staged, *, partial: bool) -> None:
    """Compare what was restored with what the manifest says.

    Raises:
        IntegrityError: they differ.
    """
    expected = dict(record.counts)
    if partial:
        expected = {name: count for name, count in expected.items() if name in staged.counts}
    differing = [
        f"{name}: {staged.counts.get(name, 0)} instead of {count}"
        for name, count in expected.items()
        if staged.counts.get(name) != count
    ]
    if differing:
        raise IntegrityError(
            f"what was restored differs from the manifest ({'; '.join(differing[:5])})",
            where=record.name,
            hint="The data in use was not touched; try another snapshot",
        )


@workflow("restore", OnInterruption.CLEAN)
def restore(steps: Steps[Workbench], argument: str) -> str:
    """Bring a snapshot back.

    Args:
        steps: the engine's hands.
        argument: a `RestorePlan` as JSON.

    Returns:
        A `RestoreResult` as JSON.
    """
    plan = RestorePlan.model_validate_json(argument)
    bench = steps.context
    begun = bench.clock()
    with bench.run(plan.run) as run:
        work = _Restore(bench, plan, run, bench.identities())
        try:
            steps.step("check", work.check)
            steps.step("safety", work.keep_a_way_back)
            steps.step("stage", work.stage)
            steps.step("swap", work.swap)
        except BaseException as error:
            # Work is still possible while cancelled: discarding uses runs of its own.
            steps.step("discard", work.discard)
            _record_failure(bench, plan, work, error)
            raise
        result = RestoreResult(
            run=plan.run,
            snapshot=plan.snapshot,
            at=work.snapshot.at,
            outcome=Outcome.SUCCEEDED,
            parts=tuple(work.done),
            safety=work.safety,
            warnings=tuple(run.warnings),
            seconds=(bench.clock() - begun).total_seconds(),
        )

        def end(connection: sa.Connection) -> None:
            bench.runs.end(
                plan.run,
                result.outcome,
                f"snapshot {plan.snapshot} restored",
                result.model_dump(mode="json"),
                bench.clock(),
                connection,
            )

        steps.transaction("end", end)
        return result.model_dump_json()


def _record_failure(bench: Workbench, plan: RestorePlan, work: _Restore, error: BaseException) -> None:
    """Say which data is in use: all as before, or some restored already."""
    cancelled = isinstance(error, DaytwoError) and error.exit_code == 130
    touched = [part for part in work.done if not work.parts[part.component].additive]
    outcome = Outcome.PARTIAL if touched else Outcome.CANCELLED if cancelled else Outcome.FAILED
    state = (
        "in use again: " + ", ".join(f"{part.component} (before: {part.kept or 'nothing'})" for part in touched)
        if touched
        else "the data in use was not touched"
    )
    if isinstance(error, DaytwoError):
        error.hint = f"{error.hint}. {state.capitalize()}" if error.hint else state.capitalize()
    bench.runs.end(plan.run, outcome, str(error), {"error": str(error), "state": state}, bench.clock())
