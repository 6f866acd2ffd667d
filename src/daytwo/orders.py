"""Orders: what can be asked for, and carrying it out. The command line and the daemon's children do the same here."""

from secrets import token_hex
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from daytwo.app import WAIT, App
from daytwo.core.errors import DaytwoError, NotFoundError, UsageError
from daytwo.core.manifest import Snapshot
from daytwo.core.repository import Unread
from daytwo.core.run import Run
from daytwo.ledger.runs import Outcome

if TYPE_CHECKING:
    from daytwo.protect.restore import RestorePlan

_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
_Names = Annotated[tuple[_Name, ...], Field(max_length=100)]
_Parts = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=100)]
"""What is inside a service: names of files may hold anything."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BackupOrder(_Model):
    """Make a snapshot."""

    kind: Literal["backup"] = "backup"
    backup: _Name = Field(description="which of the configuration")
    only: _Names = Field(default=(), description="services to back up instead of the configured ones")
    to: _Names = Field(default=(), description="repositories to store in instead of the configured ones")

    @property
    def subject(self) -> str:
        """What it is about."""
        return self.backup


class RestoreOrder(_Model):
    """Bring a snapshot back."""

    kind: Literal["restore"] = "restore"
    snapshot: _Name = Field(default="latest", description="an id, the beginning of one, or `latest`")
    repository: _Name | None = Field(default=None, description="where to read it; any when absent")
    before: AwareDatetime | None = Field(default=None, description="the newest snapshot before this time")
    services: _Names = Field(default=(), description="only these services")
    only: _Parts = Field(default=(), description="only these tables or paths of one service")
    into: dict[_Name, dict[_Name, str]] = Field(
        default={}, max_length=100, description="by service, settings that differ: another place"
    )
    safety: bool = Field(default=True, description="take a safety snapshot of what is there first")
    accept_other: bool = Field(default=False, description="write although it is not the place the snapshot came from")

    @property
    def subject(self) -> str:
        """What it is about."""
        return self.snapshot


class VerifyOrder(_Model):
    """Read snapshots again."""

    kind: Literal["verify"] = "verify"
    snapshot: _Name = Field(default="latest", description="an id, the beginning of one, `latest` or `all`")
    repository: _Name | None = Field(default=None, description="only this repository")
    services: _Names = Field(default=(), description="only these services")
    stored: bool = Field(default=False, description="only compare checksums of the stored bytes")
    data_share: str | None = Field(
        default=None, pattern=r"^[0-9./%]+$", max_length=20, description="have restic read this share of its data"
    )

    @property
    def subject(self) -> str:
        """What it is about."""
        return self.snapshot


class PruneOrder(_Model):
    """Remove snapshots that no rule keeps."""

    kind: Literal["prune"] = "prune"
    backup: _Name | None = Field(default=None, description="which backup's; all when absent")
    repository: _Name | None = Field(default=None, description="only in this repository")
    trust_clock: bool = Field(default=False, description="remove although the times are in doubt")

    @property
    def subject(self) -> str:
        """What it is about."""
        return self.backup or "all"


Order = Annotated[BackupOrder | RestoreOrder | VerifyOrder | PruneOrder, Field(discriminator="kind")]
"""Anything that can be asked for."""
ORDER: TypeAdapter[Order] = TypeAdapter(Order)


class ReadComponent(_Model):
    """What was found of one component; `skipped` when it could not be read for want of a key."""

    component: str
    tool: str = ""
    note: str = ""
    skipped: bool = False


class ReadSnapshot(_Model):
    """What was found of one snapshot in one repository; `error` is empty when all is well."""

    id: str = ""
    repository: str
    stored: str = ""
    components: tuple[ReadComponent, ...] = ()
    check: str = ""
    error: str = ""


class VerifyResult(_Model):
    """What was read and found."""

    outcome: Outcome
    snapshots: tuple[ReadSnapshot, ...]

    @property
    def damaged(self) -> tuple[ReadSnapshot, ...]:
        """Those that are not as they should be."""
        return tuple(one for one in self.snapshots if one.error)


class PruneResult(_Model):
    """What was removed, by repository."""

    outcome: Outcome = Outcome.SUCCEEDED
    removed: dict[str, tuple[str, ...]]


def perform(app: App, order: Order, run_id: str | None = None, wait: float = WAIT) -> BaseModel:
    """Carry an order out in this process.

    Args:
        app: the app.
        order: what to do.
        run_id: the run's id; a new one when absent.
        wait: seconds to wait for another run of this app.

    Returns:
        A `BackupResult`, `RestoreResult`, `VerifyResult` or `PruneResult`.

    Raises:
        DaytwoError: it failed; the ledger says so.
    """
    id = run_id or token_hex(8)
    match order:
        case BackupOrder():
            return _backup(app, order, id, wait)
        case RestoreOrder():
            return _restore(app, order, id, wait)
        case VerifyOrder():
            return app.recorded(id, "verify", order.subject, lambda run: _verify(app, order, run))
        case PruneOrder():
            with app.exclusive(id, "prune", wait):
                return app.recorded(id, "prune", order.subject, lambda run: _prune(app, order, run))


def _backup(app: App, order: BackupOrder, id: str, wait: float) -> BaseModel:
    from daytwo.protect.plan import make_plan
    from daytwo.protect.snapshot import BackupResult

    plan = make_plan(
        app.config, app.services(), app.repositories(), order.backup, app.clock(), only=order.only, to=order.to,
        own_state=app.in_daemon,
    )  # fmt: skip
    argument = plan.model_copy(update={"run": id}).model_dump_json()
    return BackupResult.model_validate_json(app.durable("backup", order.backup, "backup:backup", id, argument, wait))


def restore_plan(app: App, order: RestoreOrder, run: Run) -> "tuple[Snapshot, RestorePlan]":
    """The snapshot that an order means, and what a restore of it would do.

    Raises:
        UsageError: there is no such snapshot, service or setting.
    """
    from daytwo.protect.places import services_into
    from daytwo.protect.restore import choose, make_plan

    services = order.services or tuple(order.into)
    snapshot = choose(app.snapshots(run, order.repository), order.snapshot, order.before, holding=services)
    plan = make_plan(
        snapshot,
        services_into(app.bench, order.into),
        only_services=order.services,
        only=order.only,
        into=order.into,
        safety=order.safety,
        accept_other=order.accept_other,
    )
    return snapshot, plan


def _restore(app: App, order: RestoreOrder, id: str, wait: float) -> BaseModel:
    from daytwo.protect.restore import RestoreResult

    with app.look("restore") as look:
        snapshot, plan = restore_plan(app, order, look)
    argument = plan.model_copy(update={"run": id}).model_dump_json()
    return RestoreResult.model_validate_json(app.durable("restore", snapshot.id, "restore:restore", id, argument, wait))


def _verify(app: App, order: VerifyOrder, run: Run) -> VerifyResult:
    there, unread = _there(app, order, run)
    found = _meant(there, order) if there or not unread else []
    report = unread + [_read(app, order, one, run) for one in found]
    if not any(one.id or one.error for one in report):
        raise NotFoundError(report[0].check, hint="`daytwo snapshots` lists those that are there")
    for name in sorted({one.repository for one in found}):
        if order.data_share and (said := app.bench.repository(name).check_data(order.data_share, run)):
            report.append(ReadSnapshot(repository=name, check=said))
        app.snapshots(run, name)
    damaged = any(one.error for one in report)
    return VerifyResult(outcome=Outcome.FAILED if damaged else Outcome.SUCCEEDED, snapshots=tuple(report))


def _there(app: App, order: VerifyOrder, run: Run) -> tuple[list[Snapshot], list[ReadSnapshot]]:
    """The snapshots there are, and what cannot be read of others: a whole repository, or a manifest."""
    names = [order.repository] if order.repository else list(app.bench.repositories)
    found: list[Snapshot] = []
    unread: list[ReadSnapshot] = []
    errors: list[DaytwoError] = []
    for name in names:
        before = set(run.warnings)
        try:
            found += app.snapshots(run, name)
            lost = [text for text in run.warnings if isinstance(text, Unread) and text not in before]
            unread += [ReadSnapshot(repository=name, error=text) for text in lost]
        except DaytwoError as error:
            run.check()
            errors.append(error)
            unread.append(ReadSnapshot(repository=name, error=str(error)))
    if len(errors) == len(names):
        raise errors[0]
    return sorted(found, key=lambda one: (one.at, one.manifest.sequence, one.repository)), unread


def _meant(there: list[Snapshot], order: VerifyOrder) -> list[Snapshot]:
    wanted = order.snapshot
    if wanted == "latest":
        from daytwo.protect.restore import choose

        wanted = choose(there, None, None).id
    found = [one for one in there if wanted == "all" or one.id.startswith(wanted)]
    if not found:
        raise UsageError(f"there is no snapshot {wanted}", hint="`daytwo snapshots` lists them")
    held = {record.service for one in found for record in one.manifest.components}
    for name in order.services:
        if name not in held:
            what = f"snapshot {found[0].id}" if len(found) == 1 else "none of these snapshots"
            raise UsageError(
                f"{what} holds {'nothing' if len(found) == 1 else 'anything'} of service {name}",
                hint=f"There is: {', '.join(sorted(held))}",
            )
    return found


def _read(app: App, order: VerifyOrder, snapshot: Snapshot, run: Run) -> ReadSnapshot:
    from daytwo.protect.verify import verify_components, verify_stored

    result = ReadSnapshot(id=snapshot.id, repository=snapshot.repository)
    try:
        verify_stored(app.bench, snapshot, run)
        result = result.model_copy(update={"stored": "every stored byte is as it was written"})
        if order.stored:
            return result
        parts = verify_components(app.bench, snapshot, run, app.bench.identities(), order.services)
        return result.model_copy(update={"components": tuple(ReadComponent(**vars(part)) for part in parts)})
    except DaytwoError as error:
        run.check()  # a cancelled run is no finding
        if _is_gone(app, snapshot, run):
            gone = f"snapshot {snapshot.id} was removed while it was to be read"
            return ReadSnapshot(repository=snapshot.repository, check=gone)
        return result.model_copy(update={"error": str(error)})


def _is_gone(app: App, snapshot: Snapshot, run: Run) -> bool:
    """Whether a repository knows nothing of a snapshot any more: retention goes on while others are verified."""
    try:
        there = app.bench.repository(snapshot.repository).snapshots(run)
    except DaytwoError:
        return False
    return snapshot.id not in {one.id for one in there}


def prune_places(app: App, order: PruneOrder) -> list[tuple[str, str]]:
    """The pairs of backup and repository that an order is about."""
    names = [app.backup_name(order.backup)] if order.backup else list(app.config.backups)
    there = list(app.bench.repositories)
    return [
        (name, target)
        for name in names
        for target in ([order.repository] if order.repository else (app.config.backups[name].to or there))
    ]


def _prune(app: App, order: PruneOrder, run: Run) -> PruneResult:
    from daytwo.protect.prune import apply_retention

    removed: dict[str, tuple[str, ...]] = {}
    for name, target in prune_places(app, order):
        gone = apply_retention(app.bench, target, name, run, trust_clock=order.trust_clock)
        removed[target] = (*removed.get(target, ()), *gone)
    return PruneResult(removed=removed)
