"""What a MariaDB or MySQL server says of itself and of one of its databases."""

# Names and values reach SQL through `quoted` and `text` only.
# ruff: noqa: S608

from collections.abc import Collection
from dataclasses import dataclass, replace

from daytwo.core.manifest import Identity
from daytwo.core.run import Run
from daytwo.core.units import Size
from daytwo.services.mysql.client import Client, Row, quoted, text
from daytwo.services.mysql.reader import Charset

_BORROWING = frozenset({"MRG_MYISAM", "MRG_ISAM", "FEDERATED"})
TRANSACTIONAL = frozenset({"InnoDB", "ROCKSDB", "TokuDB", "ndbcluster", "SEQUENCE", "NULL"})

# A MariaDB server keeps no identifier of its own. Its `server_uid` hashes port and network address (MariaDB,
# plugin/feedback/utils.cc), and Docker hands those out alike on every host: two servers may share it, and a re-created
# container changes it. When the oldest system table was created says it better: only a new installation changes that.
# Aria and MyISAM keep that time in the table itself; InnoDB would take it from the file.
_INSTALLED = (
    "SELECT UNIX_TIMESTAMP(MIN(CREATE_TIME)) FROM information_schema.TABLES"
    " WHERE TABLE_SCHEMA = 'mysql' AND ENGINE IN ('Aria', 'MyISAM')"
)


@dataclass(frozen=True)
class Table:
    """A base table or MariaDB sequence of a database; a versioned one keeps the rows that it had."""

    name: str
    engine: str
    sequence: bool = False
    versioned: bool = False

    @property
    def borrows(self) -> bool:
        """Whether its rows are another table's, so that the dump programs leave them out (client/mysqldump.c)."""
        return self.engine.upper() in _BORROWING


@dataclass(frozen=True)
class Inventory:
    """What a database holds.

    Args:
        charset: its default, or None where the database does not exist.
        tables: base tables and sequences.
        views, triggers, events: their names.
        routines: `PROCEDURE` or `FUNCTION` (or MariaDB's `PACKAGE`) and name.
        size: bytes of data and indexes, as the server estimates them.
    """

    charset: Charset | None
    tables: tuple[Table, ...] = ()
    views: tuple[str, ...] = ()
    triggers: tuple[tuple[str, str], ...] = ()
    routines: tuple[tuple[str, str], ...] = ()
    events: tuple[str, ...] = ()
    size: int = 0

    @property
    def exists(self) -> bool:
        """Whether there is such a database."""
        return self.charset is not None

    @property
    def empty(self) -> bool:
        """Whether nothing is in it."""
        return not (self.tables or self.views or self.routines or self.events)

    @property
    def code(self) -> tuple[str, ...]:
        """Views and stored programs, as a dump's contents name them."""
        programs = [(kind.lower(), name) for kind, name in self.routines]
        programs += [("trigger", name) for name, _ in self.triggers]
        programs += [("view", name) for name in self.views] + [("event", name) for name in self.events]
        return tuple(f"{kind} {name}" for kind, name in programs)

    def without(self, excluded: Collection[str]) -> "Inventory":
        """The same but for these tables and views."""
        return replace(
            self,
            tables=tuple(table for table in self.tables if table.name not in excluded),
            views=tuple(name for name in self.views if name not in excluded),
            triggers=tuple((name, table) for name, table in self.triggers if table not in excluded),
        )

    @property
    def holds(self) -> str:
        """In words, for people."""
        if self.empty:
            return "nothing"
        words = f"{len(self.tables)} tables, {Size(self.size).human}"
        return words + (f", {len(self.views)} views" if self.views else "")


def inventory(client: Client, database: str, run: Run) -> Inventory:
    """Look into a database; one that does not exist has no charset."""
    name = text(database)
    rows = client.query(
        f"SELECT 'charset', DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA"
        f" WHERE SCHEMA_NAME = {name};"
        f"SELECT 'table', TABLE_NAME, COALESCE(ENGINE, 'NULL'), TABLE_TYPE,"
        f" COALESCE(DATA_LENGTH + INDEX_LENGTH, 0) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {name}"
        f" ORDER BY TABLE_NAME;"
        f"SELECT 'trigger', TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS"
        f" WHERE TRIGGER_SCHEMA = {name};"
        f"SELECT 'routine', ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {name};"
        f"SELECT 'event', EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {name};",
        run,
    )

    def of(what: str) -> list[Row]:
        return [row[1:] for row in rows if row[0] == what]

    charset = next((Charset(row[0], row[1]) for row in of("charset")), None)
    tables, views = [], []
    for table, engine, kind, _ in of("table"):
        if kind in ("VIEW", "SYSTEM VIEW"):
            views.append(table)
        else:
            tables.append(Table(table, engine, sequence=kind == "SEQUENCE", versioned=kind == "SYSTEM VERSIONED"))
    return Inventory(
        charset, tuple(tables), tuple(views),
        triggers=tuple((row[0], row[1]) for row in of("trigger")),
        routines=tuple((row[0], row[1]) for row in of("routine")),
        events=tuple(row[0] for row in of("event")),
        size=sum(int(row[3]) for row in of("table")),
    )  # fmt: skip


def identity(client: Client, database: str, run: Run, found: Inventory | None = None) -> Identity:
    """Which server this is, and what its database holds now."""
    found = found or inventory(client, database, run)
    rows = client.query(
        "SELECT VERSION(), @@hostname, @@port, @@datadir; SHOW VARIABLES WHERE Variable_name"
        f" IN ('server_uuid', 'server_uid'); {_INSTALLED};",
        run,
    )
    version, hostname, port, folder = rows[0]
    known = {row[0]: row[1] for row in rows[1:-1]}
    installed = rows[-1][0]
    if known.get("server_uuid"):
        server = known["server_uuid"]
    elif installed != "NULL":
        server = f"installed-{installed.partition('.')[0]}"
    else:
        server = ":".join((known.get("server_uid", ""), hostname, port, folder))
    engine = "MariaDB" if "mariadb" in version.lower() else "MySQL"
    short = version.partition("-")[0]
    return Identity(
        label=f"{engine} {short}, database {database} on {_place(client, hostname, port)}",
        id=f"{server}:{database}",
        version=version,
        holds=found.holds,
    )


def count(client: Client, database: str, tables: tuple[str, ...], run: Run) -> dict[str, int]:
    """The exact number of rows of each of these tables."""
    if not tables:
        return {}
    sql = "".join(f"SELECT COUNT(*) FROM {quoted(database)}.{quoted(table)};" for table in tables)
    return dict(zip(tables, (int(row[0]) for row in client.query(sql, run)), strict=True))


def _place(client: Client, hostname: str, port: str) -> str:
    host = client.settings.host
    if not client.target.is_local:
        return f"{client.target}" + (f" ({host}:{port})" if host else "")
    return f"{host or hostname}:{port}"
