"""What is asked of a database file by way of Python's own SQLite: copies, checks, counts, rows."""

import csv
import io
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from daytwo.core.errors import CommandError, IntegrityError, SourceError, UsageError
from daytwo.core.run import Run

_PATIENCE = 60.0
"""Seconds to wait for a writer to finish."""
_MANY = 500
_WITHOUT_ROWID = re.compile(r"without\s+rowid", re.IGNORECASE)
VERSION = sqlite3.sqlite_version
"""SQLite's version in this Python."""


@dataclass(frozen=True)
class Facts:
    """What a sound database holds.

    Args:
        counts: rows by table.
        contents: the names in its schema.
        warnings: what could not be told.
    """

    counts: dict[str, int]
    contents: tuple[str, ...]
    warnings: tuple[str, ...]


def name(identifier: str) -> str:
    """A name quoted for SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text quoted for SQL."""
    return "'" + value.replace("'", "''") + "'"


def uri(path: Path | str, options: str) -> str:
    """A path as SQLite's URI."""
    return f"file:{quote(str(path))}?{options}"


def connect(path: Path | str) -> sqlite3.Connection:
    """Open an existing database for reading and writing; a missing one is not created.

    Reading alone would not do: what a killed program left in the journal can only be taken in by writing.
    """
    return sqlite3.connect(uri(path, "mode=rw"), uri=True, timeout=_PATIENCE, isolation_level=None)


def connect_private(path: Path) -> sqlite3.Connection:
    """Open a copy that nobody else has, leaving nothing beside it."""
    return sqlite3.connect(uri(path, "immutable=1"), uri=True, isolation_level=None)


def copy(live: Path, to: Path) -> None:
    """Copy a database that may be in use, as of one moment (SQLite's online backup).

    All pages are copied in one step: in smaller ones, every write by somebody else starts it over.

    Raises:
        SourceError: it is no database, is locked, or cannot be read.
    """
    to.touch(mode=0o600)
    try:
        with closing(connect(live)) as source, closing(sqlite3.connect(to)) as target:
            target.execute("PRAGMA synchronous=OFF")
            source.backup(target)
    except sqlite3.Error as error:
        raise explained(error, live) from None


def explained(error: sqlite3.Error, path: Path | str) -> SourceError:
    """SQLite's error with the next step."""
    words = str(error)
    if "not a database" in words:
        return SourceError(f"{path} is no SQLite database, or an encrypted one", hint="Correct the path")
    if "locked" in words or "busy" in words:
        return SourceError(f"{path} stayed locked for {_PATIENCE:.0f} s", hint="Find out who writes for so long")
    if "readonly" in words or "unable to open" in words:
        return SourceError(
            f"{path} may not be opened: {words}", hint="Run as root, or as the owner of the file and its folder"
        )
    return SourceError(f"{path} cannot be read: {words}", hint="Check it with `PRAGMA integrity_check`")


def inspect(path: Path, run: Run) -> Facts:
    """Check a private copy, and count its rows.

    Raises:
        IntegrityError: it is damaged.
    """
    try:
        with closing(connect_private(path)) as connection:
            warnings = _check(connection)
            run.check()
            counts, uncounted = count(connection)
            contents = [f"{kind} {item}" for kind, item in _schema(connection)]
    except sqlite3.DatabaseError as error:
        raise IntegrityError(f"the database is damaged: {error}", hint="Restore from another snapshot") from None
    if uncounted:
        warnings.append(f"not counted, as they need an extension of SQLite: {', '.join(uncounted)}")
    more = [f"... and {len(contents) - _MANY} more"] if len(contents) > _MANY else []
    return Facts(counts, (*contents[:_MANY], *more), tuple(warnings))


def _check(connection: sqlite3.Connection) -> list[str]:
    """SQLite's own check of every page, row and index; returns what could not be checked, in words."""
    try:
        _all_well(connection, "PRAGMA integrity_check(10)")
        return []
    except sqlite3.OperationalError as error:
        if not _is_foreign(error):
            raise
    unchecked = []
    for table in tables(connection):
        try:
            _all_well(connection, f"PRAGMA integrity_check({name(table)})")
        except sqlite3.OperationalError as error:
            if not _is_foreign(error):
                raise
            unchecked.append(f"{table} ({error})")
    return [f"not checked, as only the app has what they need: {', '.join(unchecked)}"]


def _all_well(connection: sqlite3.Connection, pragma: str) -> None:
    found = [row[0] for row in connection.execute(pragma)]
    if found != ["ok"]:
        raise sqlite3.DatabaseError("; ".join(found[:3]))


def _is_foreign(error: sqlite3.OperationalError) -> bool:
    """Whether something is missing that an app brings along: an order of texts, a kind of virtual table."""
    return any(words in str(error) for words in ("no such collation", "no such module", "no such function"))


def _schema(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    query = "SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name"
    return connection.execute(query).fetchall()


def tables(connection: sqlite3.Connection) -> list[str]:
    """The names of all tables but SQLite's own."""
    return [item for kind, item in _schema(connection) if kind == "table"]


def count(connection: sqlite3.Connection) -> tuple[dict[str, int], list[str]]:
    """Rows by table, and the tables that this SQLite cannot read."""
    counts, uncounted = {}, []
    for table in tables(connection):
        try:
            counts[table] = _rows(connection, name(table))
        except sqlite3.OperationalError as error:
            if not _is_foreign(error):
                raise
            uncounted.append(table)
    return counts, uncounted


def _rows(connection: sqlite3.Connection, table: str) -> int:
    try:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
    except sqlite3.OperationalError as error:
        if "no such collation" not in str(error):
            raise
    return int(connection.execute(f"SELECT count(*) FROM {table} NOT INDEXED").fetchone()[0])  # noqa: S608


def broken_references(path: Path) -> int:
    """How many rows refer to a row that is not there. Many databases have some: SQLite does not look by default."""
    with closing(connect_private(path)) as connection:
        try:
            return sum(1 for _ in connection.execute("PRAGMA foreign_key_check"))
        except sqlite3.DatabaseError:  # a table that a reference names is missing, or is of an unknown module
            return 0


def replace_tables(path: Path, attached: str, wanted: Iterable[str]) -> str:
    """The SQL that replaces tables of one database by those of another, in one transaction.

    Args:
        path: a private copy of the database that brings them.
        attached: its path as the live database's program sees it.
        wanted: the tables.

    Raises:
        UsageError: it has no such table, or the table is a virtual one.
    """
    lines = ["PRAGMA busy_timeout=60000;", f"ATTACH {text(attached)} AS daytwo;", "BEGIN IMMEDIATE;"]
    with closing(connect_private(path)) as connection:
        there = tables(connection)
        for table in wanted:
            if table not in there:
                raise UsageError(f"the snapshot has no table {table}", hint=f"It has: {', '.join(there)}")
            lines += _replace(connection, table)
    return "\n".join([*lines, "COMMIT;", "DETACH daytwo;", ""])


def _replace(connection: sqlite3.Connection, table: str) -> list[str]:
    (created,) = connection.execute("SELECT sql FROM sqlite_master WHERE type='table' AND name=?", [table]).fetchone()
    if created.lower().lstrip().startswith("create virtual"):
        raise UsageError(
            f"{table} is a virtual table, which cannot be restored alone", hint="Restore the whole database"
        )
    columns = connection.execute(f"PRAGMA table_xinfo({name(table)})").fetchall()
    stored = [column[1] for column in columns if column[6] == 0]
    hidden = next((alias for alias in ("rowid", "_rowid_", "oid") if alias not in {c.lower() for c in stored}), None)
    has_key = any(column[5] and column[2].upper() == "INTEGER" for column in columns)
    # The row's own number is kept: full-text indexes refer to it.
    own_number = [hidden] if hidden and not has_key and not _WITHOUT_ROWID.search(created) else []
    names = ", ".join([*own_number, *map(name, stored)])
    lines = [
        f"DROP TABLE IF EXISTS main.{name(table)};",
        created.rstrip("; \n") + ";",
        f"INSERT INTO main.{name(table)}({names}) SELECT {names} FROM daytwo.{name(table)};",  # noqa: S608
    ]
    query = "SELECT sql FROM sqlite_master WHERE tbl_name=? AND type IN ('index', 'trigger') AND sql IS NOT NULL"
    lines += [sql.rstrip("; \n") + ";" for (sql,) in connection.execute(query + " ORDER BY type", [table])]
    if "autoincrement" in created.lower():
        key = text(table)
        lines += [
            f"DELETE FROM main.sqlite_sequence WHERE name={key};",  # noqa: S608
            f"INSERT INTO main.sqlite_sequence SELECT * FROM daytwo.sqlite_sequence WHERE name={key};",  # noqa: S608
        ]
    return lines


def rows(path: Path, item: str) -> Iterator[bytes]:
    """A table as CSV with its column names (blobs in hexadecimal), or, asked for as `NAME.sql`, as SQL.

    Raises:
        UsageError: there is no such table.
    """
    with closing(connect_private(path)) as connection:
        there = tables(connection)
        if item in there:
            yield from _csv(connection, item)
        elif item.endswith(".sql") and item[:-4] in there:
            yield from _sql(connection, item[:-4])
        else:
            raise UsageError(f"the snapshot has no table {item}", hint=f"It has: {', '.join(there)}")


def _csv(connection: sqlite3.Connection, table: str) -> Iterator[bytes]:
    cursor = connection.execute(f"SELECT * FROM {name(table)}")  # noqa: S608
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([column[0] for column in cursor.description])
    while batch := cursor.fetchmany(1000):
        writer.writerows([[value.hex() if isinstance(value, bytes) else value for value in row] for row in batch])
        yield out.getvalue().encode("utf-8", "surrogateescape")
        out.seek(0)
        out.truncate()
    yield out.getvalue().encode()


def _sql(connection: sqlite3.Connection, table: str) -> Iterator[bytes]:
    (created,) = connection.execute("SELECT sql FROM sqlite_master WHERE type='table' AND name=?", [table]).fetchone()
    yield created.encode() + b";\n"
    columns = [row[1] for row in connection.execute(f"PRAGMA table_xinfo({name(table)})") if row[6] == 0]
    quoted = " || ', ' || ".join(f"quote({name(column)})" for column in columns)
    head = f"INSERT INTO {name(table)}({', '.join(map(name, columns))}) VALUES("
    cursor = connection.execute(f"SELECT {quoted} FROM {name(table)}")  # noqa: S608
    while batch := cursor.fetchmany(1000):
        yield "".join(f"{head}{values});\n" for (values,) in batch).encode()


def checkpoint(live: str) -> None:
    """Take the write-ahead log into the file, as far as others let it.

    Raises:
        sqlite3.Error
    """
    with closing(connect(live)) as connection:
        connection.execute("PRAGMA busy_timeout=2000")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def execute(live: str, sql: str) -> None:
    """Run SQL; what fails in the middle of a transaction is rolled back.

    Raises:
        CommandError: SQLite refused.
    """
    try:
        with closing(connect(live)) as connection:
            connection.executescript(sql)
    except sqlite3.Error as error:
        raise CommandError(f"SQLite refused: {error}", where=live) from None
