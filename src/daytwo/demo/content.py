"""Reads all that the app holds and says what it is, so that before and after can be compared."""

import hashlib
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from stat import S_IMODE

from psycopg import sql

from daytwo.demo.build import DATABASE
from daytwo.demo.place import Place
from daytwo.demo.postgres import Server

_TABLES = "select tablename from pg_tables where schemaname = 'public' order by 1"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Item:
    """One table, file or link.

    Args:
        what: its kind and name, such as `table orders`.
        count: how many rows or bytes it has.
        unit: `rows` or `bytes`.
        sha256: of every row in the order of the first column, or of every byte with mode and modification time.
    """

    what: str
    count: int
    unit: str
    sha256: str


Content = Mapping[str, Item]
"""All items, by `what`."""


def read(place: Place, server: Server) -> Content:
    """Read every row of every table and every byte of every file."""
    found = [*_postgres(server), *_sqlite(place.app / "data" / "exports.sqlite")]
    found += [_file(path, place.app) for path in sorted((place.app / "uploads").rglob("*")) if not path.is_dir()]
    found.append(_file(place.app / "settings.env", place.app))
    return {item.what: item for item in found}


def differences(before: Content, after: Content) -> list[str]:
    """What is not as it was, one line an item; empty when all is equal."""
    lines = []
    for what in sorted({*before, *after}):
        old, new = before.get(what), after.get(what)
        if old is None or new is None:
            lines.append(f"{what}: {'was not there before' if old is None else 'is missing'}")
        elif old.count != new.count:
            lines.append(f"{what}: {new.count:,} {new.unit}, {old.count:,} before")
        elif old != new:
            lines.append(f"{what}: as many {new.unit} as before, but not the same")
    return lines


def _postgres(server: Server) -> list[Item]:
    items = []
    with server.connect(DATABASE) as shop:
        for (name,) in shop.execute(_TABLES).fetchall():
            table = sql.Identifier(str(name))
            digest = hashlib.sha256()
            with shop.cursor() as cursor:
                with cursor.copy(sql.SQL("copy (select * from {} order by 1) to stdout").format(table)) as rows:
                    for data in rows:
                        digest.update(data)
                items.append(Item(f"table {name}", cursor.rowcount, "rows", digest.hexdigest()))
    return items


def _sqlite(path: Path) -> list[Item]:
    items = []
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        names = connection.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'")
        for (name,) in names.fetchall():
            digest, count = hashlib.sha256(), 0
            for row in connection.execute(f'select * from "{name}" order by 1'):  # noqa: S608 - a table's own name
                digest.update(repr(row).encode())
                count += 1
            items.append(Item(f"table {name} (SQLite)", count, "rows", digest.hexdigest()))
    return items


def _file(path: Path, root: Path) -> Item:
    """A file's bytes, mode and modification time; a link's target."""
    status = path.lstat()
    digest = hashlib.sha256(f"{S_IMODE(status.st_mode):o} {status.st_mtime_ns} ".encode())
    if path.is_symlink():
        digest.update(str(path.readlink()).encode())
    else:
        with path.open("rb") as file:
            while data := file.read(_CHUNK):
                digest.update(data)
    return Item(f"file {path.relative_to(root)}", status.st_size, "bytes", digest.hexdigest())
