"""Verify: read what is stored, at two depths.

`stored` reads every stored byte again and compares checksums; `verified` has each engine's own tool open and read
what was dumped. What is found is marked on the snapshot in its repository.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from daytwo.core.crypt import decrypting
from daytwo.core.errors import DaytwoError, IntegrityError, RefusedError, UsageError
from daytwo.core.manifest import ComponentRecord, MarkKind, Snapshot
from daytwo.core.run import Run
from daytwo.core.service import Component, Source
from daytwo.protect.workbench import Workbench


@dataclass(frozen=True)
class Verified:
    """What was found of one component.

    Args:
        component: its name.
        tool: what read it.
        note: what it said, or why it was not read.
        skipped: it could not be read here (no key), which says nothing against it.
    """

    component: str
    tool: str = ""
    note: str = ""
    skipped: bool = False


def source_of(
    bench: Workbench, snapshot: Snapshot, record: ComponentRecord, run: Run, identities: Sequence[str]
) -> Source:
    """A component of a snapshot, ready to be read.

    Args:
        bench: the workbench.
        snapshot: the snapshot.
        record: the component's entry in its manifest.
        run: the run it belongs to.
        identities: age secret keys, for secret components and encrypted archives.

    Raises:
        RefusedError: it is encrypted and no key was given.
    """
    repository = bench.repository(snapshot.repository)
    if record.secret and not identities:
        raise RefusedError(
            f"{record.stored_name} is encrypted to the recovery key",
            where=f"snapshot {snapshot.id}",
            hint="Give the recovery key: --key FILE, or --key - to paste it",
        )
    work = run.work / snapshot.id

    def opener() -> Iterator[bytes]:
        stored = repository.open(snapshot, record.stored_name, run, identities)
        return decrypting(stored, identities) if record.secret else stored

    return Source(record, opener, work)


def component_of(bench: Workbench, record: ComponentRecord) -> Component:
    """The configured component that a manifest's entry belongs to.

    Raises:
        UsageError: the configuration no longer has it.
    """
    component = bench.component(record.name)
    if component is None or component.kind != record.kind:
        raise UsageError(
            f"the configuration has no service for {record.name} (kind {record.kind})",
            hint=f"Add a service {record.service} of that kind, or `daytwo extract` it",
        )
    return component


def verify_components(
    bench: Workbench, snapshot: Snapshot, run: Run, identities: Sequence[str], only: Sequence[str] = ()
) -> list[Verified]:
    """Read every component with its engine's own tool, and mark the snapshot with what was found.

    A snapshot is marked as verified only when every component was read; one that could not be read for want of a key
    leaves the mark as it is.

    Raises:
        IntegrityError: a component is damaged; the snapshot is marked so.
    """
    found: list[Verified] = []
    for record in snapshot.manifest.components:
        if only and record.service not in only:
            continue
        run.report(record.name, "verifying")
        try:
            source = source_of(bench, snapshot, record, run, identities)
            verification = component_of(bench, record).verify(source, run)
            found.append(
                Verified(
                    record.name,
                    verification.tool,
                    f"{len(verification.contents)} entries" if verification.contents else "read to its end",
                )
            )
            run.report(record.name, "done")
        except RefusedError as error:
            found.append(Verified(record.name, note=str(error), skipped=True))
        except IntegrityError as error:
            run.report(record.name, "failed")
            _mark(bench, snapshot, MarkKind.DAMAGED, f"{record.name}: {error.what}", run)
            raise
    if not only and not any(one.skipped for one in found):
        _mark(bench, snapshot, MarkKind.VERIFIED, ", ".join(sorted({one.tool for one in found})), run)
    return found


def verify_stored(bench: Workbench, snapshot: Snapshot, run: Run) -> None:
    """Read every stored byte again.

    Raises:
        IntegrityError: the snapshot is damaged, and marked so.
    """
    run.report(f"snapshot {snapshot.id}", "reading")
    try:
        bench.repository(snapshot.repository).verify(snapshot, run)
    except IntegrityError as error:
        _mark(bench, snapshot, MarkKind.DAMAGED, error.what, run)
        raise


def _mark(bench: Workbench, snapshot: Snapshot, kind: MarkKind, note: str, run: Run) -> None:
    try:
        bench.repository(snapshot.repository).mark(snapshot, snapshot.said(kind, bench.clock(), note), run)
    except DaytwoError as error:
        run.warn(f"snapshot {snapshot.id} could not be marked as {kind}: {error}")
