"""The table of contents of a dump in `pg_dump`'s custom format, read from its head while the rest streams past."""

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from daytwo.core.command import Command
from daytwo.core.errors import CommandError, DaytwoError
from daytwo.core.process import CHUNK, Process
from daytwo.core.run import Run
from daytwo.core.target import Target

MAGIC = b"PGDMP"
"""The first bytes of a dump in the custom format."""
_PG_CLASS = 1259
"""The object id of the catalog of relations (RelationRelationId in the server's pg_class.h)."""
_ENTRY = re.compile(r"(?P<id>\d+); (?P<class>\d+) (?P<oid>\d+) (?P<text>.*)")


@dataclass(frozen=True)
class Entry:
    """One line of `pg_restore --list`: `3354; 0 16386 TABLE DATA public users postgres`.

    Args:
        line: the line itself, as `pg_restore --use-list` takes it back.
        catalog: the object id of the catalog that the object is in; 0 for data.
        oid: the object's own id in the database that was dumped; for `TABLE DATA` the table's.
        text: what kind of thing it is, its schema, name and owner. Names are not quoted, so it cannot
            be taken apart safely.
    """

    line: str
    catalog: int
    oid: int
    text: str

    def is_a(self, kind: str) -> bool:
        """Whether it is of this kind, such as `TABLE DATA`."""
        return self.text.startswith(kind + " ")

    def names(self, kind: str, schema: str, name: str) -> bool:
        """Whether it is of this kind and begins with these names (`users` also where there is a table `users old`)."""
        return self.text.startswith(f"{kind} {flat(schema)} {flat(name)} ")


def parse_listing(listing: str) -> tuple[Entry, ...]:
    """The entries of what `pg_restore --list` prints."""
    found = (_ENTRY.fullmatch(line) for line in listing.split("\n"))
    return tuple(Entry(m.group(), int(m["class"]), int(m["oid"]), m["text"]) for m in found if m)


def table_oids(entries: Iterable[Entry]) -> tuple[int, ...]:
    """The object ids of the tables whose rows are in the dump."""
    return tuple(entry.oid for entry in entries if entry.catalog == 0 and entry.is_a("TABLE DATA"))


def relation_oids(entries: Iterable[Entry]) -> tuple[int, ...]:
    """The object ids of the tables, views and sequences that are in the dump."""
    return tuple(entry.oid for entry in entries if entry.catalog == _PG_CLASS)


def flat(name: str) -> str:
    """A name as `pg_restore` lists it."""
    return name.replace("\n", " ").replace("\r", " ")


class ContentsReader:
    """`pg_restore --list`, fed with the head of a dump for as long as it wants more.

    It needs no more than the table of contents, which comes before the data, and then ends by itself.

    Args:
        target: where to run it.
        command: `pg_restore --list`, of the version that made the dump or newer.
        run: the run it belongs to.
        then: called in another thread with the entries, as soon as they are known.
    """

    def __init__(
        self,
        target: Target,
        command: Command,
        run: Run,
        then: Callable[[tuple[Entry, ...]], None] = lambda entries: None,
    ) -> None:
        self._run = run
        self._then = then
        self._fed = False
        self._error: BaseException | None = None
        self.entries: tuple[Entry, ...] = ()
        self._process = Process(target, command, run, keep_stdin=True)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the dump."""
        if self._fed:
            return
        try:
            self._process.write(chunk)
        except CommandError:  # it has read enough, or failed: `finish` tells
            self._fed = True

    def finish(self) -> tuple[Entry, ...]:
        """Wait for the entries, and for what `then` does with them.

        Raises:
            CommandError: `pg_restore` does not take it for a dump.
        """
        self._process.close_stdin()
        while self._thread.is_alive():
            self._thread.join(0.5)
            self._run.check()
        if self._error is not None:
            raise self._error
        return self.entries

    def close(self) -> None:
        """End it early."""
        self._process.__exit__(None, None, None)
        self._thread.join(10)

    def _read(self) -> None:
        try:
            parts = []
            while data := self._process.stdout.read(CHUNK):
                parts.append(data)
            self._process.finish()
            self.entries = parse_listing(b"".join(parts).decode("utf-8", "replace"))
            self._then(self.entries)
        except (DaytwoError, OSError, ValueError) as error:
            self._error = error
