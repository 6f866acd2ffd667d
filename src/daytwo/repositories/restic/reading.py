"""Gets things out of a restic repository: lists, components, manifests."""

import hashlib
from collections.abc import Iterator
from itertools import chain

from daytwo.core.errors import BusyError, IntegrityError, RepositoryError
from daytwo.core.manifest import ComponentRecord
from daytwo.core.run import Run
from daytwo.core.tarname import rebased
from daytwo.repositories.restic import messages
from daytwo.repositories.restic.layout import Stored
from daytwo.repositories.restic.locks import break_stale
from daytwo.repositories.restic.messages import Found
from daytwo.repositories.restic.program import Program

_HINT = "Restore from another snapshot or repository; `restic check --read-data` tells more"


def listing(program: Program, run: Run, arguments: list[str]) -> list[Found]:
    """Restic snapshots. Takes no lock: a list cannot be harmed by what others do meanwhile.

    Args:
        program: restic.
        run: the run it belongs to.
        arguments: ids, or what `layout.select` makes.
    """
    return messages.found_snapshots(program.capture(run, "snapshots", "--json", "--no-lock", arguments).stdout)


def dump(program: Program, run: Run, stored: Stored, *, fresh: bool = False) -> Iterator[bytes]:
    """The bytes of a component: a stream as it was, a folder as a tar with members relative to it.

    Args:
        program: restic.
        run: the run it belongs to.
        stored: where it is.
        fresh: read what is stored, not restic's local copies of it.
    """
    if not stored.restic:
        return
    extra = ["--no-cache"] if fresh else []
    if stored.folder:
        yield from rebased(_locked(program, run, [*extra, "--", stored.restic, "/"]), stored.path)
    else:
        yield from _locked(program, run, [*extra, "--", stored.restic, stored.path])


def _locked(program: Program, run: Run, arguments: list[str]) -> Iterator[bytes]:
    """`restic dump` under restic's lock, so that no prune runs meanwhile; without one where none can be written.

    A restore must work from a read-only copy, and with the lock of a dead process in the way.
    """
    chunks = program.stream(run, "dump", arguments)
    try:
        first = next(chunks, b"")
    except BusyError:
        if not break_stale(program, run):
            raise
        chunks = program.stream(run, "dump", arguments)
        first = next(chunks, b"")
    except RepositoryError as error:
        if "lock" not in error.what:
            raise
        run.warn(f"{program.where}: read without a lock, as none could be written there")
        chunks = program.stream(run, "dump", "--no-lock", arguments)
        first = next(chunks, b"")
    try:
        yield from chain((first,) if first else (), chunks)
    finally:
        chunks.close()


def compare(program: Program, run: Run, record: ComponentRecord, stored: Stored) -> None:
    """Read a component to its end, from what is stored, and compare it with the manifest.

    restic checks the hash of every piece it hands out; a stream's own hash is compared on top of that.

    Raises:
        IntegrityError: a byte is missing or different.
    """
    digest, size = hashlib.sha256(), 0
    for chunk in dump(program, run, stored, fresh=True):
        run.check()
        digest.update(chunk)
        size += len(chunk)
        run.report(record.name, "reading", size)
    wanted = record.stored
    if wanted and not stored.folder and (digest.hexdigest(), size) != (wanted.sha256, wanted.size):
        raise IntegrityError(
            f"{record.name} is not what was stored ({size} bytes, {wanted.size} expected)",
            where=program.where,
            hint=_HINT,
        )
