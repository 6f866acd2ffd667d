"""What is asked of a database file by way of Python's own SQLite: copies, checks, counts, rows."""

import csv
import io
import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from daytwo.core.errors import CancelledError, IntegrityError, UsageError
from daytwo.core.run import Run

_MANY = 500
_WATCHED = 0.2
"""Seconds between two looks whether the run was cancelled."""
_FEW = 100
_ALL = "PRAGMA integrity_check(2147483647)"
_CONTENT = re.compile(r"\bUSING\s+fts\d\b.*\bcontent\s*=\s*(['\"\[`]?)([^'\"\]`,)]+)", re.IGNORECASE | re.DOTALL)
_ODD = re.compile(r"(NULL|NUMERIC|TEXT|non-\w+) value in |CHECK constraint failed in ")
"""What `PRAGMA integrity_check` says of a row that can be read: `sqlite3.c`, `PragTyp_INTEGRITY_CHECK`."""
# Numbers that were given out stay given out: other tables stay, and may refer to rows that came after the snapshot.
# The table of these numbers is made with the first table that needs it, and cannot be made otherwise.
_NUMBERS = (
    "CREATE TABLE main.daytwo_numbers(id INTEGER PRIMARY KEY AUTOINCREMENT);",
    "DROP TABLE main.daytwo_numbers;",
    "CREATE TEMP TABLE daytwo_numbers AS SELECT name, seq FROM main.sqlite_sequence"
    " UNION ALL SELECT name, seq FROM daytwo.sqlite_sequence;",
)
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


@contextmanager
def private(path: Path, run: Run) -> Iterator[sqlite3.Connection]:
    """Open a copy that nobody else has, leaving nothing beside it. What SQLite does with it ends when the run does.

    Raises:
        CancelledError
    """
    done = threading.Event()
    with closing(sqlite3.connect(uri(path, "immutable=1"), uri=True, isolation_level=None)) as connection:

        def watch() -> None:
            while not done.wait(_WATCHED):
                try:
                    run.check()
                except CancelledError:
                    connection.interrupt()  # only what runs now is interrupted: another statement may follow

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield connection
        except sqlite3.OperationalError:
            run.check()
            raise
        finally:
            done.set()
            watcher.join()


def inspect(path: Path, run: Run) -> Facts:
    """Check a private copy, and count its rows.

    Raises:
        IntegrityError: it is damaged.
    """
    try:
        with private(path, run) as connection:
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
    """SQLite's own check of every page, row and index; returns what is odd, and what could not be checked, in words.

    Raises:
        sqlite3.DatabaseError: there is damage.
    """
    try:
        return _odd_rows(_problems(connection, ""))
    except sqlite3.OperationalError as error:
        if not _is_foreign(error):
            raise
    odd, unchecked = [], []
    for table in tables(connection):
        try:
            odd += _problems(connection, table)
        except sqlite3.OperationalError as error:
            if not _is_foreign(error):
                raise
            unchecked.append(f"{table} ({error})")
    return [*_odd_rows(odd), f"not checked, as only the app has what they need: {', '.join(unchecked)}"]


def _problems(connection: sqlite3.Connection, table: str) -> list[str]:
    """Rows that break a rule of their table, a few of many.

    A rule that a table got later says nothing of the rows that it had: SQLite reads them as ever, and so does the app.

    Raises:
        sqlite3.DatabaseError: there is damage.
    """
    odd: list[str] = []
    # SQLite ends with the given number of problems. Pages come first: where some are damaged, few are enough.
    pragmas = [f"PRAGMA integrity_check({name(table)})"] if table else [f"PRAGMA integrity_check({_FEW})", _ALL]
    for pragma in pragmas:
        odd, damage, told = [], [], 0
        for (found,) in connection.execute(pragma):
            told += 1
            if _ODD.match(found):
                odd = [*odd, found][:_FEW]
            elif found != "ok":
                damage.append(found)
            if len(damage) == 3:
                break
        if damage:
            raise sqlite3.DatabaseError("; ".join(damage))
        if told < _FEW:
            break
    return odd


def _odd_rows(odd: list[str]) -> list[str]:
    if not odd:
        return []
    number = f"{_FEW} or more" if len(odd) >= _FEW else len(odd)
    return [f"rows that break a rule of their table: {number}, first: {odd[0]}"]


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


def broken_references(path: Path, run: Run) -> int:
    """How many rows refer to a row that is not there. Many databases have some: SQLite does not look by default."""
    with private(path, run) as connection:
        try:
            return sum(1 for _ in connection.execute("PRAGMA foreign_key_check"))
        except sqlite3.DatabaseError:  # a table that a reference names is missing, or is of an unknown module
            return 0


def replace_tables(path: Path, attached: str, wanted: Iterable[str], run: Run) -> str:
    """The SQL that replaces tables of one database by those of another, in one transaction.

    Args:
        path: a private copy of the database that brings them.
        attached: its path as the live database's program sees it.
        wanted: the tables.
        run: the run it belongs to.

    Raises:
        UsageError: it has no such table, or the table is a virtual one.
    """
    # With foreign keys on, which a program may be built for, dropping a table deletes the rows that refer to its rows.
    lines = ["PRAGMA foreign_keys=OFF;", f"ATTACH {text(attached)} AS daytwo;", "BEGIN IMMEDIATE;"]
    with private(path, run) as connection:
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
    names = ", ".join([*_own_number(connection, table, columns), *map(name, stored)])
    numbered = "autoincrement" in created.lower()
    lines = [
        *(_NUMBERS if numbered else ()),
        f"DROP TABLE IF EXISTS main.{name(table)};",
        created.rstrip("; \n") + ";",
        f"INSERT INTO main.{name(table)}({names}) SELECT {names} FROM daytwo.{name(table)};",  # noqa: S608
    ]
    query = "SELECT sql FROM sqlite_master WHERE tbl_name=? AND type IN ('index', 'trigger') AND sql IS NOT NULL"
    lines += [sql.rstrip("; \n") + ";" for (sql,) in connection.execute(query + " ORDER BY type", [table])]
    if numbered:
        key = text(table)
        lines += [
            f"DELETE FROM main.sqlite_sequence WHERE name={key};",  # noqa: S608
            f"INSERT INTO main.sqlite_sequence SELECT name, max(seq) FROM temp.daytwo_numbers WHERE name={key}"  # noqa: S608
            " GROUP BY name;",
            "DROP TABLE temp.daytwo_numbers;",
        ]
    return lines


def stale_indexes(path: Path, wanted: Iterable[str], run: Run) -> tuple[str, ...]:
    """What is said of full-text indexes of tables that are replaced: their triggers do not see it.

    Args:
        path: a private copy of the database that brings the tables.
        wanted: the tables.
        run: the run it belongs to.
    """
    replaced = {table.lower() for table in wanted}
    with private(path, run) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master WHERE type='table' ORDER BY name").fetchall()
    indexes = [(index, _CONTENT.search(sql or "")) for index, sql in found]
    return tuple(
        f"the full-text index {index} is as it was: have it made anew with"
        f" INSERT INTO {name(index)}({name(index)}) VALUES('rebuild')"
        for index, content in indexes
        if content and content[2].strip().lower() in replaced
    )


def _own_number(connection: sqlite3.Connection, table: str, columns: list[tuple[Any, ...]]) -> list[str]:
    """The name of a row's own number, which is kept as full-text indexes refer to it; nothing where rows have none."""
    taken = {column[1].lower() for column in columns}
    for alias in ("rowid", "_rowid_", "oid"):
        if alias not in taken:
            with suppress(sqlite3.OperationalError):  # a table WITHOUT ROWID
                connection.execute(f"SELECT {alias} FROM {name(table)} LIMIT 0")  # noqa: S608
                return [alias]
    return []


def rows(path: Path, item: str, run: Run) -> Iterator[bytes]:
    """A table as CSV with its column names (blobs in hexadecimal), or, asked for as `NAME.sql`, as SQL.

    Texts come out byte by byte, whether or not they are what they say they are.

    Raises:
        UsageError: there is no such table.
    """
    with private(path, run) as connection:
        connection.text_factory = lambda found: found.decode("utf-8", "surrogateescape")
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
    yield out.getvalue().encode("utf-8", "surrogateescape")


def _sql(connection: sqlite3.Connection, table: str) -> Iterator[bytes]:
    (created,) = connection.execute("SELECT sql FROM sqlite_master WHERE type='table' AND name=?", [table]).fetchone()
    yield (created + ";\n").encode("utf-8", "surrogateescape")
    columns = [row[1] for row in connection.execute(f"PRAGMA table_xinfo({name(table)})") if row[6] == 0]
    names = ", ".join(map(name, columns))
    cursor = connection.execute(f"SELECT {names} FROM {name(table)}")  # noqa: S608
    while batch := cursor.fetchmany(1000):
        lines = (f"INSERT INTO {name(table)}({names}) VALUES({', '.join(map(_literal, row))});\n" for row in batch)
        yield "".join(lines).encode("utf-8", "surrogateescape")


def _literal(value: object) -> str:
    """A value in SQL; SQLite's own `quote` ends a text at its first NUL, and has no infinity that can be read back."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, str):
        return f"CAST(x'{value.encode('utf-8', 'surrogateescape').hex()}' AS TEXT)" if "\0" in value else text(value)
    return repr(value).replace("inf", "9e999")
