"""Running `pg_restore`: where the dump is put for it, how it is run, and how its complaints are taken."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from daytwo.core.command import Command, command
from daytwo.core.errors import CommandError, DaytwoError
from daytwo.core.process import CHUNK, Process, capture
from daytwo.core.run import Run
from daytwo.core.target import Target
from daytwo.services.postgres.archive import Entry, parse_listing
from daytwo.services.postgres.clients import Client
from daytwo.services.postgres.complaints import Complaint, ComplaintReader
from daytwo.services.postgres.session import Session

_CREATE = 'umask 077; mktemp "${TMPDIR:-/tmp}/daytwo-$1.XXXXXX"'
_FILL = 'cat >"$1"'
_MERGED = 'exec "$@" 2>&1'
"""pg_restore writes nothing but complaints when it restores; as standard output they can be read while it runs."""
UNTOUCHED = "What was restored so far is removed; the data in use is as it was"
_SECONDS_TO_CLEAN = 120.0


def cleaner(run: Run) -> Run:
    """The same run for cleaning up, which has to work when the run itself is cancelled or over time."""
    return Run(run.id, run.work, timeout=_SECONDS_TO_CLEAN)


@contextmanager
def listed(lines: Iterable[str], target: Target, run: Run) -> Iterator[str]:
    """A file where the tools run that names the entries which `pg_restore --use-list` shall take."""
    with small("".join(f"{line}\n" for line in lines).encode(), target, run) as path:
        yield path


@contextmanager
def small(data: bytes, target: Target, run: Run) -> Iterator[str]:
    """A private file with this content where the tools run."""
    if not target.is_local:
        with sent(data, target, run) as path:
            yield path
        return
    with tempfile.NamedTemporaryFile(dir=run.work, prefix="entries-") as file:
        file.write(data)
        file.flush()
        yield file.name


@contextmanager
def sent(data: bytes | Iterable[bytes], target: Target, run: Run, where: str = "") -> Iterator[str]:
    """A private file with this content on a target that is not here; it is removed in every case."""
    path = capture(target, command("sh", "-c", _CREATE, "sh", run.id, where=where), run).text
    try:
        capture(target, command("sh", "-c", _FILL, "sh", path, where=where), run, stdin=data)
        yield path
    finally:
        with suppress(DaytwoError):
            capture(target, command("rm", "-f", path), cleaner(run))


def listing_of(target: Target, client: Client, path: str, run: Run) -> tuple[Entry, ...]:
    """The table of contents of a dump in a file."""
    return parse_listing(capture(target, command(client.tool("pg_restore"), "--list", path), run).text)


def restoring(session: Session) -> dict[str, str]:
    """What the tools find in their environment while they restore.

    Nothing waits for the disk at each commit: the rename that puts the database in use is written after all of it, and
    when that is on the disk, so is everything before.
    """
    options = session.access.parameters.get("PGOPTIONS", "")
    options += " -c synchronous_commit=off -c default_transaction_read_only=off"
    if session.server.superuser:  # others may not, and then complaints in another language are all taken as real
        options += " -c lc_messages=C"
    return {"PGOPTIONS": options.strip()}


def restore_command(session: Session, database: str, path: str, *args: str) -> Command:
    """`pg_restore` into a database."""
    restore = session.access.command(
        session.client, "pg_restore", "--no-password", f"--dbname={database}", *args, path, database=database,
        env=restoring(session),
    )  # fmt: skip
    return replace(restore, ok=(0, 1))


def restore(session: Session, database: str, path: str, *args: str) -> tuple[str, ...]:
    """Restore into a database, ending at the first real error.

    Args:
        session: the server.
        database: where to.
        path: the dump, where the tools run.
        args: further arguments of `pg_restore`.

    Returns:
        The harmless complaints, each once, as warnings.

    Raises:
        CommandError: a complaint that is not harmless, or an end that its complaints do not explain.
    """
    reader = ComplaintReader()
    harmless: dict[str, None] = {}
    number = 0
    inner = restore_command(session, database, path, *args)
    merged = replace(inner, argv=("sh", "-c", _MERGED, "sh", *inner.argv), name="pg_restore")
    with Process(session.access.target, merged, session.run) as process:
        while data := process.stdout.read(CHUNK):
            session.run.check()
            for complaint in reader.feed(data):
                number += 1
                harmless[_judged(complaint, session)] = None
        code = process.finish()
        for complaint in reader.finish():
            number += 1
            harmless[_judged(complaint, session)] = None
    # Workers' errors about their settings are said but not counted.
    if code == 0 or 0 < reader.ignored <= most_ignored(number, args):
        return tuple(harmless)
    if process.stderr().strip():  # not pg_restore's words: `docker exec` itself ends with 1, too
        raise process.error(code)
    why = "; ".join(filter(None, (reader.last, *harmless))) or "it does not say why"
    raise CommandError(f"pg_restore ended with code {code}: {why}", where=session.access.where,
                       hint="Was it, or the server, stopped meanwhile? See the server's log")  # fmt: skip


def most_ignored(complaints: int, args: tuple[str, ...]) -> int:
    """How many errors `pg_restore` may say that it has ignored when it has complained this often.

    With workers it counts each entry that had errors, and adds all errors that its worker has had so far (PostgreSQL's
    pg_backup_archiver.c, mark_restore_job_done, and parallel.c, parseWorkerResponse).
    """
    alone = all(not arg.startswith("--jobs=") or arg == "--jobs=1" for arg in args)
    return complaints if alone else complaints * (complaints + 3) // 2


def _judged(complaint: Complaint, session: Session) -> str:
    if complaint.harmless:
        return str(complaint)
    raise CommandError(f"pg_restore failed: {complaint}", where=session.access.where, hint=UNTOUCHED)
