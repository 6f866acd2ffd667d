"""Dumps a database and knows, from the very bytes that pass, what is in the dump."""

from collections.abc import Iterator
from contextlib import contextmanager

from daytwo.core.command import Command
from daytwo.core.errors import IntegrityError, SourceError
from daytwo.core.manifest import Identity
from daytwo.core.process import Process
from daytwo.core.run import Run
from daytwo.core.service import Dump, DumpFacts
from daytwo.services.mysql.client import DUMPERS, Client, Tool, quoted, text
from daytwo.services.mysql.reader import Reader
from daytwo.services.mysql.rights import hidden
from daytwo.services.mysql.server import TRANSACTIONAL, Inventory, identity, inventory

# An option file at the target must not change what a dump is, so all that the reader rests on is said here.
_FORM = (
    "--default-character-set=utf8mb4", "--hex-blob", "--extended-insert", "--quick", "--comments", "--skip-dump-date",
    "--skip-no-data", "--skip-compact", "--skip-compress", "--set-charset", "--tz-utc", "--no-tablespaces",
    "--max-allowed-packet=1G", "--single-transaction", "--skip-lock-tables", "--create-options", "--quote-names",
    "--skip-insert-ignore", "--skip-replace",
    "--skip-add-locks",  # a default that asks a sequence is refused while only its table is locked
)  # fmt: skip
_MYSQL = ("--loose-set-gtid-purged=OFF", "--loose-column-statistics=0")
"""Options that only MySQL's mysqldump has, from 5.6 and 8.0 on; `loose` has an older one pass over them."""


def dump_command(client: Client, tool: Tool, database: str, excluded: tuple[str, ...] = ()) -> Command:
    """The command that dumps a whole database in one consistent reading."""
    options = [*_FORM, *_own(tool), "--routines", "--triggers", "--events", "--skip-no-create-info"]
    options += [f"--ignore-table={database}.{table}" for table in excluded]
    return client.command(tool, *options, database)


def programs_command(client: Client, tool: Tool, database: str) -> Command:
    """The command that dumps routines and events only."""
    return _code_command(client, tool, database, (), "--skip-triggers", "--routines", "--events", "--no-create-info")


def triggers_command(client: Client, tool: Tool, database: str, tables: tuple[str, ...]) -> Command:
    """The command that dumps the triggers of these tables."""
    only = ("--triggers", "--skip-routines", "--skip-events", "--no-create-info")
    return _code_command(client, tool, database, tables, *only)


def views_command(client: Client, tool: Tool, database: str, views: tuple[str, ...]) -> Command:
    """The command that dumps these views."""
    return _code_command(client, tool, database, views, "--skip-triggers", "--skip-routines", "--skip-events")


def _code_command(client: Client, tool: Tool, database: str, items: tuple[str, ...], *only: str) -> Command:
    form = [option for option in _FORM if option != "--skip-no-data"]
    return client.command(tool, *form, *_own(tool), "--no-data", *only, "--", database, *items)


def _own(tool: Tool) -> tuple[str, ...]:
    return () if tool.is_mariadb else _MYSQL


class SqlDump(Dump):
    """One reading of a database.

    Args:
        process: the running dump program.
        client: how its errors are explained.
        found: what the database held just before.
        source: which server it is.
        tool: the dump program.
        excluded: tables that it leaves out.
        told: what is known to be missing, in words.
    """

    def __init__(
        self,
        process: Process,
        client: Client,
        found: Inventory,
        source: Identity,
        tool: Tool,
        excluded: tuple[str, ...],
        told: tuple[str, ...] = (),
    ) -> None:
        self._process = process
        self._client = client
        self._found = found
        self._left = found.without(excluded)
        self._borrowing = {table.name for table in found.tables if table.borrows}
        self._told = told
        self._source = source
        self._tool = tool
        self._reader = Reader()

    def chunks(self) -> Iterator[bytes]:
        """The dump, as the program writes it, below a comment with the database's default character set.

        Raises:
            SourceError: what came is no whole dump, whatever the program's exit code.
            CommandError: the program failed.
        """
        assert self._found.charset is not None
        header = self._found.charset.header()
        self._reader.feed(header)
        yield header
        with self._client.explained():
            for chunk in self._process.chunks():
                self._look(chunk)
                yield chunk
        self._judge()

    def _look(self, chunk: bytes) -> None:
        try:
            self._reader.feed(chunk)
        except IntegrityError as error:
            raise SourceError(f"{self._tool.name} wrote what is not understood: {error.what}",
                              where=self._client.where) from None  # fmt: skip

    def _judge(self) -> None:
        try:
            self._reader.end()
        except IntegrityError as error:
            raise SourceError(f"{self._tool.name} ended well but {error.what}", where=self._client.where,
                              hint="Look at the option files of the client at the target") from None  # fmt: skip
        expected = {table.name for table in self._left.tables if not table.sequence}
        missing = sorted(expected - self._reader.counts.keys())
        if missing:
            raise SourceError(f"the dump lacks {', '.join(missing)}", where=self._client.where,
                              hint="Were tables dropped meanwhile? Else grant SELECT on them")  # fmt: skip

    def facts(self) -> DumpFacts:
        """Rows by table counted from the dump itself, what it creates, where it is from."""
        return DumpFacts(
            source=self._source,
            counts={name: rows for name, rows in self._reader.counts.items() if name not in self._borrowing},
            contents=tuple(self._reader.contents),
            tools={self._tool.name: self._tool.version},
            warnings=self._warnings(),
        )

    def _warnings(self) -> tuple[str, ...]:
        warnings = []
        loose = [f"{table.name} ({table.engine})" for table in self._left.tables
                 if table.engine not in TRANSACTIONAL]  # fmt: skip
        if loose:
            warnings.append("not transactional, so not of one moment with the rest if written to during the dump: "
                            + ", ".join(loose))  # fmt: skip
        seen = {item.lower() for item in self._reader.contents}
        unseen = [item for item in self._left.code if item.lower() not in seen]
        if unseen:
            warnings.append("not found in the dump (does the user lack a right on them?): " + ", ".join(unseen))
        if history := [table.name for table in self._left.tables if table.versioned]:
            warnings.append(f"the history of tables with system versioning is not in the dump: {', '.join(history)}")
        if self._found.empty:
            warnings.append("the database is empty")
        return (*warnings, *self._told)


@contextmanager
def dumping(client: Client, database: str, excluded: tuple[str, ...], run: Run) -> Iterator[SqlDump]:
    """Begin to dump a database.

    Raises:
        SourceError: there is no such database, or the server refuses the user.
        UnreachableError, MissingToolError, CommandError
    """
    tool = client.tool(DUMPERS, run)
    found = inventory(client, database, run)
    if not found.exists:
        raise SourceError(f"there is no database {database}, or it may not be seen", where=client.where,
                          hint="Check the setting `database` and the user's rights")  # fmt: skip
    source = identity(client, database, run, found)
    told = (
        *hidden(client, database, run),
        *_bereft(client, database, found, excluded, run),
        *_rounded(client, database, found.without(excluded), run),
    )
    with Process(client.target, dump_command(client, tool, database, excluded), run) as process:
        yield SqlDump(process, client, found, source, tool, excluded, told)


def _rounded(client: Client, database: str, found: Inventory, run: Run) -> tuple[str, ...]:
    """Columns whose values the server itself writes with six digits: 16777215 comes back as 16777200 (tried)."""
    rows = client.query(
        "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS"  # noqa: S608
        f" WHERE TABLE_SCHEMA = {text(database)} AND DATA_TYPE = 'float' AND NUMERIC_SCALE IS NULL"
        " ORDER BY TABLE_NAME, ORDINAL_POSITION;",
        run,
    )
    tables = {table.name for table in found.tables}
    columns = [f"{table}.{column}" for table, column in rows if table in tables]
    if not columns:
        return ()
    return (f"FLOAT columns are dumped with six digits, which DOUBLE columns are not: {', '.join(columns[:10])}"
            + (f" and {len(columns) - 10} more" if len(columns) > 10 else ""),)  # fmt: skip


def _bereft(client: Client, database: str, found: Inventory, excluded: tuple[str, ...], run: Run) -> tuple[str, ...]:
    """Views that are made of what is not dumped: without it they cannot be made again."""
    if not (excluded and found.views):
        return ()
    rows = client.query(
        "SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS"  # noqa: S608
        f" WHERE TABLE_SCHEMA = {text(database)};",
        run,
    )
    missing = {f"{quoted(database)}.{quoted(name)}" for name in excluded}
    views = [name for name, sql in rows if name not in excluded and any(one in sql for one in missing)]
    if not views:
        return ()
    return (f"views of tables that are not dumped can be restored only where these are: {', '.join(views)}."
            " Name them in `exclude_tables` too, or dump the tables",)  # fmt: skip
