"""Dumping a database: `pg_dump` in its custom format, uncompressed, with what must be known of it later."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from daytwo.core.command import Command
from daytwo.core.errors import CommandError, SourceError
from daytwo.core.manifest import Identity
from daytwo.core.process import Process
from daytwo.core.service import Dump, DumpFacts
from daytwo.services.postgres.archive import MAGIC, ContentsReader, Entry, relation_oids, table_oids
from daytwo.services.postgres.session import Session
from daytwo.services.postgres.snapshot import Snapshot

SMALLEST = 512
"""Bytes; a dump of an empty database is larger."""


def dump_command(session: Session, snapshot: str, exclude: tuple[str, ...] = ()) -> Command:
    """`pg_dump` to standard output: uncompressed, because repositories compress and deduplicate better than it does."""
    return session.access.command(
        session.client, "pg_dump", "--format=custom", "--compress=0", "--no-password", f"--snapshot={snapshot}",
        *(f"--exclude-table={pattern}" for pattern in exclude),
    )  # fmt: skip


class DatabaseDump(Dump):
    """A running `pg_dump`.

    Args:
        session: the server.
        process: `pg_dump`.
        snapshot: the transaction whose snapshot it uses.
        source: the database, as it was found.
        excluding: whether tables are left out.
    """

    settled = True  # the snapshot was taken before

    def __init__(
        self, session: Session, process: Process, snapshot: Snapshot, source: Identity, excluding: bool = False
    ) -> None:
        self._session = session
        self._process = process
        self._snapshot = snapshot
        self._source = source
        self._excluding = excluding
        self._counts: Mapping[str, int] = {}
        self._warnings: list[str] = []
        access = session.access
        listing = access.command(session.client, "pg_restore", "--list")
        self._contents = ContentsReader(access.target, listing, session.run, self._count)

    def chunks(self) -> Iterator[bytes]:
        """The dump's bytes; the whole pipeline has succeeded when they end."""
        head, size = b"", 0
        for chunk in self._process.chunks():
            size += len(chunk)
            if len(head) < len(MAGIC):
                head = (head + chunk)[: len(MAGIC)]
                if not MAGIC.startswith(head):
                    raise SourceError("what pg_dump wrote is not a dump", where=self._session.access.where)
            self._contents.feed(chunk)
            yield chunk
        if size < SMALLEST:
            raise SourceError(f"pg_dump wrote only {size} bytes", where=self._session.access.where,
                              hint="Run pg_dump by hand to see why")  # fmt: skip
        self._warnings += warnings_in(self._process.stderr())

    def facts(self) -> DumpFacts:
        """The table of contents, and the rows of each table as the dump's snapshot saw them."""
        entries = self._contents.finish()
        if not entries and self._source.holds != "nothing":
            raise SourceError(f"the dump is empty although the database holds {self._source.holds}",
                              where=self._session.access.where)  # fmt: skip
        return DumpFacts(
            source=self._source, counts=self._counts, contents=tuple(entry.line for entry in entries),
            tools={"pg_dump": str(self._session.client.version)}, warnings=tuple(self._warnings),
        )  # fmt: skip

    def close(self) -> None:
        """End the helper."""
        self._contents.close()

    def _count(self, entries: tuple[Entry, ...]) -> None:
        try:
            self._tell_of_gaps(entries)
            counted = self._snapshot.counts(table_oids(entries))
        except CommandError as error:  # the dump itself is whole; say that its rows are not known
            self._session.run.check()
            self._warnings.append(f"the rows could not be counted: {error.what}")
            return
        self._counts = counted.counts
        if counted.skipped:
            names = ", ".join(counted.skipped[:5]) + (" and others" if len(counted.skipped) > 5 else "")
            self._warnings.append(f"not counted because they were dropped, emptied or locked meanwhile: {names}")

    def _tell_of_gaps(self, entries: tuple[Entry, ...]) -> None:
        if self._excluding and (broken := self._snapshot.bereft(relation_oids(entries))):
            self._warnings.append("cannot be restored, as `exclude_tables` leaves out what they refer to: "
                                  + ", ".join(broken))  # fmt: skip


def warnings_in(stderr: str) -> list[str]:
    """The warnings among what `pg_dump` said, such as circular foreign keys."""
    return [line.split("warning: ", 1)[1] for line in stderr.split("\n") if "warning: " in line]


@contextmanager
def dumping_database(session: Session, exclude: tuple[str, ...] = ()) -> Iterator[DatabaseDump]:
    """Begin to dump. Leaving the context ends every process of it, inside a container too (F13)."""
    source = session.identity()
    with ExitStack() as stack:
        snapshot = stack.enter_context(Snapshot(session))
        command = dump_command(session, snapshot.id, exclude)
        process = stack.enter_context(Process(session.access.target, command, session.run))
        dump = DatabaseDump(session, process, snapshot, source, bool(exclude))
        stack.callback(dump.close)
        yield dump
