"""An operation's view of the server: the tools that fit and the facts they found, looked up once."""

from dataclasses import dataclass

from daytwo.core.errors import CommandError, DaytwoError, SourceError
from daytwo.core.manifest import ComponentRecord, Identity
from daytwo.core.run import Run
from daytwo.services.postgres import catalog
from daytwo.services.postgres.access import Access, Row
from daytwo.services.postgres.catalog import MAINTENANCE, Server
from daytwo.services.postgres.clients import Client, Version, dumping, restoring


@dataclass(frozen=True)
class Session:
    """A server that answered.

    Args:
        access: how to reach it.
        clients: the client tools there, oldest first.
        client: the one that is used.
        server: what the server says of itself.
        through: a database to be connected to while the service's own is created, renamed or dropped.
        run: the run it belongs to.
    """

    access: Access
    clients: tuple[Client, ...]
    client: Client
    server: Server
    through: str
    run: Run

    def identity(self) -> Identity:
        """Which database this is; one that does not exist has the identity it would have."""
        return catalog.identify(self.access, self.server, self._holds())

    def _holds(self) -> str:
        try:
            return catalog.read_holds(self.access, self.client, self.run)
        except SourceError:
            return "nothing"
        except CommandError:  # in what language the server says that there is no such database is its own affair
            if self.through == self.access.database or self.exists(self.access.database):
                raise
            return "nothing"

    def rows(self, sql: str, database: str | None = None) -> list[Row]:
        """See `Access.rows`."""
        return self.access.rows(self.client, sql, self.run, database=database)

    def execute(self, sql: str, database: str | None = None) -> str:
        """See `Access.execute`; through the maintenance database unless told otherwise."""
        return self.access.execute(self.client, sql, self.run, database=database or self.through)

    def exists(self, database: str) -> bool:
        """Whether there is such a database."""
        return catalog.read_form(self.access, self.client, self.run, database, self.through) is not None

    def counts(self, database: str) -> dict[str, int]:
        """The number of rows of every table of a database."""
        tables = catalog.as_tables(self.rows(catalog.tables_query(), database))
        return catalog.as_counts(tables, self.rows(catalog.count_query(tables), database)) if tables else {}


@dataclass(frozen=True)
class Door:
    """A database to be connected to while the service's own is none of ours to touch, and the server behind it."""

    server: Server
    through: str


def open_to_dump(access: Access, clients: tuple[Client, ...], run: Run) -> Session:
    """Reach the service's own database.

    Raises:
        SourceError: it does not exist.
        MissingToolError: every client is older than the server (F04).
        UnreachableError, CommandError
    """
    server = catalog.read_server(access, clients[-1], run, access.database)
    return Session(access, clients, dumping(clients, server.version, access.where), server, access.database, run)


def open_to_restore(
    access: Access, clients: tuple[Client, ...], run: Run, door: Door, record: ComponentRecord | None = None
) -> Session:
    """Reach the server through another database than the service's, which need not exist.

    Args:
        access: how.
        clients: the client tools there.
        run: the run it belongs to.
        door: the other database.
        record: what is to be restored; the client is one that reads it.

    Raises:
        MissingToolError: no client reads the dump.
    """
    client = restoring(clients, dumped_by(record), door.server.version, access.where)
    return Session(access, clients, client, door.server, door.through, run)


def dumped_by(record: ComponentRecord | None) -> Version:
    """The version of the `pg_dump` that made a dump; the oldest there is when that is not known."""
    text = record.tools.get("pg_dump", "") if record else ""
    return Version.parse(text) if text else Version(0)


def side_door(access: Access, client: Client, run: Run) -> Door:
    """Find the first of the usual databases, other than the service's, that lets us in.

    Raises:
        SourceError: the server has none of them.
        UnreachableError, CommandError
    """
    doors = [name for name in MAINTENANCE if name != access.database]
    first: DaytwoError | None = None
    for name in doors:
        try:
            return Door(catalog.read_server(access, client, run, name), name)
        except SourceError as error:
            first = first or error
    assert first is not None
    raise first
