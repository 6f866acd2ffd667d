"""MariaDB and MySQL: one database, dumped as SQL in one consistent reading."""

import difflib
from collections.abc import Iterator
from contextlib import AbstractContextManager

from daytwo.core.check import Check
from daytwo.core.command import command
from daytwo.core.errors import DaytwoError, IntegrityError, UsageError
from daytwo.core.manifest import ComponentRecord, Identity
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.service import Component, Dump, Phase, Service, Source, Staged, Verification
from daytwo.core.units import Size
from daytwo.services.mysql.client import DUMPERS, Client, Settings, Tool, quoted
from daytwo.services.mysql.dump import dumping
from daytwo.services.mysql.reader import READER, Part, Reader, read, sections
from daytwo.services.mysql.restore import names_for, stage
from daytwo.services.mysql.rights import has_role, rights
from daytwo.services.mysql.server import identity, inventory

_SMALLEST = 400
"""Bytes of a dump of an empty database without its comments; a smaller one is none."""
_NEEDED = ("CREATE", "DROP", "ALTER", "INSERT", "SELECT")
_GROWTH = 1.5
"""Bytes on the server for a byte of dump: rows with their overhead and indexes; text that was hexadecimal shrinks."""


class Mysql(Service[Settings]):
    """A database on MariaDB or MySQL."""

    kind = "mysql"
    summary = "a database on MariaDB or MySQL"
    Settings = Settings

    def components(self) -> tuple[Component, ...]:
        """One dump."""
        return (SqlComponent(self),)

    def checks(self) -> tuple[Check, ...]:
        """Whether it answers, and the queries of the configuration."""
        from daytwo.services.mysql.checks import READY, DatabaseCheck, Line, MysqlQuery

        line = Line(self.client)
        queries = self.settings.queries.items()
        return (
            DatabaseCheck(self.name, self.name, self.timing(READY), line),
            *(MysqlQuery(f"{self.name}.{name}", self.name, query, line) for name, query in queries),
        )

    def client(self, tools: dict[tuple[str, ...], Tool] | None = None) -> Client:
        """The client programs for this service.

        Args:
            tools: those that are known to be there; what is found is added.
        """
        return Client(self.settings, self.target, self.secret(self.settings.password, "password"), tools)


class SqlComponent(Component):
    """The database as one stream of SQL."""

    def __init__(self, service: Mysql) -> None:
        super().__init__(
            service.name, f"{service.name}.sql", kind=service.kind, format="sql", phase=Phase.DATABASE,
            secret=service.settings.secret, smallest=_SMALLEST,
        )  # fmt: skip
        self._of = service
        self._database = service.settings.database

    def dump(self, run: Run) -> AbstractContextManager[Dump]:
        """Dump the database in one transaction; rows are counted from the dump itself."""
        return dumping(self._of.client(), self._database, self._of.settings.exclude_tables, run)

    def verify(self, source: Source, run: Run) -> Verification:
        """Read the dump to its end with our own reader, for lack of a tool that lists SQL dumps.

        It finds out whether every statement that was begun is ended, whether the last line is there, and whether the
        rows and the objects are those of the manifest. It does not parse SQL: only a drill proves that it restores.

        Raises:
            IntegrityError: the dump is cut off or is not what the manifest says.
        """
        reader = read(_checked(source, run))
        record = source.record
        missing = sorted(set(record.contents) - set(reader.contents))
        if missing:
            raise IntegrityError(f"{record.name} lacks {', '.join(missing)}", hint="Use another snapshot")
        wrong = [name for name, rows in record.counts.items() if reader.counts.get(name) != rows]
        if wrong:
            raise IntegrityError(f"{record.name} has another number of rows than counted while dumping: "
                                 + ", ".join(sorted(wrong)), hint="Use another snapshot")  # fmt: skip
        return Verification(READER, reader.counts, tuple(reader.contents))

    def identity(self, run: Run) -> Identity:
        """The server and what its database holds now.

        Raises:
            MissingToolError: the client or the dump program is not installed, under MariaDB's or under MySQL's name.
        """
        client = self._of.client()
        client.tool(DUMPERS, run)
        return identity(client, self._database, run)

    def sweep(self, dead_run: str, run: Run) -> tuple[str, ...]:
        """Drop the database that a dead run has staged."""
        client, name = self._of.client(), names_for(self._database, dead_run).staged
        if not inventory(client, name, run).exists:
            return ()
        client.query(f"DROP DATABASE {quoted(name)};", run)
        return (f"database {name}",)

    def obstacles(self, record: ComponentRecord, run: Run) -> tuple[str, ...]:
        """A missing right to make a database beside the live one, or too little disk."""
        client = self._of.client()
        found = [_rights(client, run), _disk(client, record, run)]
        return tuple(obstacle for obstacle in found if obstacle)

    def stage(self, source: Source, run: Run, only: tuple[str, ...] = ()) -> Staged:
        """Load the dump, or some of its tables, into a new database beside the live one."""
        if only and (held := _tables(source.record)):
            for item in only:
                _known(item, held)
        return stage(self._of.client(), source, run, only, self._of.settings.exclude_tables)

    def extract(self, source: Source, item: str, run: Run) -> Iterator[bytes]:
        """The statements that make and fill one table, with the settings they need around them.

        Raises:
            UsageError: the dump holds no such table.
        """
        if held := _tables(source.record):
            _known(item, held)
        return _one_table(source, item, run)


def _one_table(source: Source, item: str, run: Run) -> Iterator[bytes]:
    reader, found = Reader(), False
    for section, piece in sections(_checked(source, run), reader):
        mine = section.part in (Part.TABLE, Part.SEQUENCE) and section.name == item
        found = found or mine
        if mine or section.part in (Part.HEADER, Part.FOOTER):
            yield piece
    if not found:
        _known(item, list(reader.counts))


def _tables(record: ComponentRecord) -> list[str]:
    items = (item.partition(" ") for item in record.contents)
    return [name for what, _, name in items if what in ("table", "sequence")]


def _known(item: str, held: list[str]) -> None:
    if item not in held:
        near = difflib.get_close_matches(item, held, 1)
        hint = f"Did you mean {near[0]}?" if near else f"It holds {', '.join(held) or 'no table'}"
        raise UsageError(f"the dump holds no table {item}", hint=hint)


def _checked(source: Source, run: Run) -> Iterator[bytes]:
    for chunk in source.chunks():
        run.check()
        yield chunk


def _rights(client: Client, run: Run) -> str:
    """What is missing of the rights on the staged database; roles are not looked into, so with one nothing is said."""
    held = rights(client, names_for(client.settings.database, run.id).staged, run)
    missing = [right for right in _NEEDED if right not in held]
    if not missing or has_role(client, run):
        return ""
    user, database = client.settings.user or "the user", client.settings.database
    pattern = quoted(database.replace("_", "\\_") + "\\_%")
    return (f"{user} may not {', '.join(missing)} in a new database beside {database}."
            f" Run as an administrator: GRANT ALL ON {pattern}.* TO the account of {user}")  # fmt: skip


def _disk(client: Client, record: ComponentRecord, run: Run) -> str:
    """Whether the dump fits on the server's disk; nothing where that cannot be seen from the target."""
    if record.plain is None or client.settings.host not in (None, "localhost", "127.0.0.1", "::1"):
        return ""
    folder = client.query("SELECT @@datadir;", run)[0][0]
    try:
        answer = capture(client.target, command("df", "-Pk", folder), run).text
        free = int(answer.splitlines()[-1].split()[-3]) * 1024
    except (DaytwoError, ValueError, IndexError):
        return ""
    needed = int(record.plain.size * _GROWTH)
    if free >= needed:
        return ""
    return (f"about {Size(needed).human} are needed in {folder} and {Size(free).human} are free."
            " Make room, or restore some tables only")  # fmt: skip
