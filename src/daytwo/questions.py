"""Questions that take a look into repositories or at the machine, and are answered by a child of the daemon."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from daytwo.app import App
from daytwo.core.errors import NotFoundError, UsageError
from daytwo.core.manifest import MarkKind, Snapshot
from daytwo.core.run import Run
from daytwo.orders import PruneOrder, RestoreOrder, prune_places, restore_plan

if TYPE_CHECKING:
    from daytwo.protect.prune import PrunePlan

_Id = Annotated[str, Field(min_length=1, max_length=40)]
_Repository = Annotated[str | None, Field(default=None, max_length=200, description="look only here")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ListQuestion(_Model):
    """Which snapshots are there? The repositories are read, and what they hold is remembered."""

    kind: Literal["list"] = "list"
    repository: _Repository


class ShowQuestion(_Model):
    """What does a snapshot hold?"""

    kind: Literal["show"] = "show"
    snapshot: _Id
    repository: _Repository


class DiffQuestion(_Model):
    """What differs between two snapshots?"""

    kind: Literal["diff"] = "diff"
    older: _Id
    newer: _Id = "latest"
    repository: _Repository


class PlanQuestion(_Model):
    """What would a restore do, and where?"""

    kind: Literal["plan"] = "plan"
    order: RestoreOrder


class DoctorQuestion(_Model):
    """What is missing on this machine?"""

    kind: Literal["doctor"] = "doctor"


class MarkQuestion(_Model):
    """Pin a snapshot, or let the rules decide about it again; then: what is it marked as?"""

    kind: Literal["mark"] = "mark"
    snapshot: _Id
    mark: Literal["pinned", "unpinned"]
    note: str = Field(default="", max_length=500)


class PruneQuestion(_Model):
    """What would retention keep and remove, and why?"""

    kind: Literal["retention"] = "retention"
    order: PruneOrder


class ExtractQuestion(_Model):
    """Take one file, folder or table out of a snapshot. What it answers is no JSON: see `extracted`."""

    kind: Literal["extract"] = "extract"
    snapshot: _Id = "latest"
    component: str = Field(min_length=1, max_length=300)
    item: str | None = Field(default=None, min_length=1, max_length=4000)
    repository: _Repository


class KeyQuestion(_Model):
    """Does the key that was given open the latest snapshot?"""

    kind: Literal["key"] = "key"


Question = Annotated[
    ListQuestion
    | ShowQuestion
    | DiffQuestion
    | PlanQuestion
    | DoctorQuestion
    | MarkQuestion
    | PruneQuestion
    | KeyQuestion,
    Field(discriminator="kind"),
]
"""Anything that can be asked."""
QUESTION: TypeAdapter[Question] = TypeAdapter(Question)
EXTRACT = "extract"
KINDS = ("list", "show", "diff", "plan", "doctor", "mark", "retention", "key")


def answer(app: App, question: Question) -> Any:
    """Answer a question.

    Args:
        app: the app.
        question: what is asked.

    Returns:
        JSON values.

    Raises:
        DaytwoError: it cannot be answered.
    """
    with app.look(question.kind) as run:
        match question:
            case ListQuestion(repository=repository):
                return [summary(one) for one in app.snapshots(run, repository)]
            case ShowQuestion(snapshot=id, repository=repository):
                return _show(app, id, run, repository)
            case DiffQuestion():
                return _diff(app, question, run)
            case PlanQuestion(order=order):
                return _plan(app, order, run)
            case DoctorQuestion():
                from daytwo.protect.doctor import examine

                return [asdict(one) for one in examine(app.bench, run)]
            case MarkQuestion():
                return _mark(app, question, run)
            case PruneQuestion(order=prune):
                return _retention(app, prune, run)
            case KeyQuestion():
                return opened(app, run)


def summary(one: Snapshot) -> dict[str, Any]:
    """A snapshot in a repository, in short, as JSON values."""
    return {
        "id": one.id,
        "repository": one.repository,
        "backup": one.manifest.backup,
        "at": one.at.isoformat(),
        "sequence": one.manifest.sequence,
        "size": one.manifest.size,
        "level": one.level.value,
        "pinned": one.pinned,
        "safety": one.manifest.safety,
        "only": list(one.manifest.only),
        "components": [record.stored_name for record in one.manifest.components],
        "warnings": list(one.manifest.warnings),
    }


def _found(app: App, id: str, run: Run, repository: str | None) -> Snapshot:
    from daytwo.protect.restore import choose

    try:
        return choose(app.snapshots(run, repository), id, None)
    except UsageError as error:
        raise NotFoundError(error.what, hint=error.hint) from None


def _show(app: App, id: str, run: Run, repository: str | None) -> dict[str, Any]:
    found = _found(app, id, run, repository)
    where = app.bench.repository(found.repository).where(found.manifest)
    return {**summary(found), "manifest": found.manifest.model_dump(mode="json"), "where": where}


def _diff(app: App, question: DiffQuestion, run: Run) -> list[dict[str, Any]]:
    from daytwo.protect.diff import compare

    older, newer = (_found(app, id, run, question.repository) for id in (question.older, question.newer))
    return [asdict(one) for one in compare(older.manifest, newer.manifest)]


def _plan(app: App, order: RestoreOrder, run: Run) -> dict[str, Any]:
    from daytwo.protect.restore import places

    snapshot, plan = restore_plan(app, order, run)
    shown = [
        {"component": name, "from": source.label, "to": there.label, "holds": there.holds}
        for name, (source, there) in places(app.bench, plan, snapshot, run).items()
    ]
    return {"plan": plan.model_dump(mode="json", exclude={"run"}), "places": shown}


def _retention(app: App, order: PruneOrder, run: Run) -> list[dict[str, Any]]:
    from daytwo.protect.prune import plan_retention

    plans = [
        plan_retention(app.bench, target, name, run, trust_clock=order.trust_clock)
        for name, target in prune_places(app, order)
    ]
    return [retention(one) for one in plans]


def retention(plan: "PrunePlan") -> dict[str, Any]:
    """What retention would do in one repository, as JSON values."""
    return {
        "repository": plan.repository,
        "backup": plan.backup,
        "doubt": plan.retention.doubt,
        "decisions": [
            {"id": one.candidate.id, "at": one.candidate.at.isoformat(), "kept": one.kept, "reasons": one.reasons}
            for one in plan.retention.decisions
        ],
    }


def opened(app: App, run: Run, repository: str | None = None) -> dict[str, Any]:
    """Read every encrypted component of the latest snapshot with the keys that were given.

    Raises:
        UsageError: no key was given.
        SecretError: none of them opens it.
    """
    from daytwo.protect.restore import choose
    from daytwo.protect.verify import source_of

    identities = app.identities()
    if not identities:
        raise UsageError("no key was given", hint="Give --key FILE, or paste it at the prompt")
    chosen = choose(app.snapshots(run, repository), None, None)
    found = []
    for record in chosen.manifest.components:
        if record.secret or app.bench.repository(chosen.repository).encrypts:
            for _ in source_of(app.bench, chosen, record, run, identities).chunks():
                pass
            found.append(record.stored_name)
    return {"snapshot": chosen.id, "repository": chosen.repository, "opened": found}


@dataclass(frozen=True)
class Extracted:
    """A piece of a snapshot, to be read once.

    Args:
        snapshot: the snapshot's id.
        component: the component it is in.
        name: what a file of it would be called.
        chunks: its bytes.
    """

    snapshot: str
    component: str
    name: str
    chunks: Iterable[bytes]


def extracted(app: App, question: ExtractQuestion, run: Run) -> Extracted:
    """Take something out of a snapshot; who did so is in the audit trail before the first byte is read.

    Raises:
        UsageError: there is no such snapshot, component or item.
        RefusedError: it is encrypted and no key was given.
    """
    from daytwo.protect.restore import choose
    from daytwo.protect.verify import component_of, source_of

    component, item = question.component, question.item
    chosen = choose(app.snapshots(run, question.repository), question.snapshot, None)
    held = chosen.manifest.components
    record = next((one for one in held if component in (one.name, one.stored_name)), None) or next(
        (one for one in held if one.service == component and not one.name.endswith(".globals.sql")), None
    )
    if record is None:
        raise UsageError(
            f"snapshot {chosen.id} holds no {component}", hint=f"It holds: {', '.join(one.name for one in held)}"
        )
    app.bench.act("snapshot.extract", chosen.id, {"component": record.name, "item": item or ""})
    source = source_of(app.bench, chosen, record, run, app.identities())
    chunks = component_of(app.bench, record).extract(source, item, run) if item else source.chunks()
    return Extracted(chosen.id, record.name, Path(item).name if item else record.name, chunks)


def _mark(app: App, question: MarkQuestion, run: Run) -> list[dict[str, Any]]:
    from daytwo.protect.restore import choose

    there, wanted = app.snapshots(run), question.snapshot
    wanted = choose(there, None, None).id if wanted == "latest" else wanted
    found = [one for one in there if one.id.startswith(wanted)]
    if len({one.id for one in found}) != 1:
        raise NotFoundError(f"'{question.snapshot}' names {len({one.id for one in found})} snapshots")
    for one in found:
        app.mark(one, MarkKind(question.mark), question.note, run)
    return [{"id": one.id, "repository": one.repository, "mark": question.mark} for one in found]
