"""What the app keeps: exports in SQLite, customers and orders in PostgreSQL, files in a folder, secrets in a file."""

import contextlib
import hashlib
import hmac
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

SCHEMA = """
create table if not exists exports (
  id integer primary key autoincrement,
  at text not null,
  who text not null,
  what text not null,
  destination text not null,
  row_count integer not null,
  file text not null unique,
  sha256 text not null,
  seal text not null
)
"""
QUERIES = {
    "orders": "copy (select o.id, o.placed_at, c.name as customer, o.item, o.amount from orders o"
    " join customers c on c.id = o.customer order by o.id) to stdout with (format csv, header)",
    "customers": "copy (select id, name, email, city, since from customers order by id)"
    " to stdout with (format csv, header)",
}
"""What can be exported, and how PostgreSQL writes it."""


class AppError(Exception):
    """The app cannot do it; the message is for its user."""


class UnknownDataError(AppError):
    """There is no data of that name."""


@dataclass(frozen=True)
class Request:
    """An export that somebody asks for.

    Args:
        who: the person.
        what: `orders` or `customers`.
        destination: where the data goes.
    """

    who: str
    what: str
    destination: str


@dataclass(frozen=True)
class Export:
    """A record that data left the app. `intact`: its file is there, and file and record are what they were."""

    id: int
    at: str
    who: str
    what: str
    destination: str
    row_count: int
    file: str
    sha256: str
    intact: bool


class Store:
    """The app's data. Every call opens what it needs, so a restore under a running app needs no restart.

    Args:
        folder: holds `data/exports.sqlite`, `uploads/` and `settings.env`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "data" / "exports.sqlite"
        self.uploads = folder / "uploads"

    def settings(self) -> dict[str, str]:
        """The settings file.

        Raises:
            AppError: it is not there, or a setting is missing.
        """
        try:
            lines = (self.folder / "settings.env").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            raise AppError("settings.env is missing") from None
        found = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        for name in ("DATABASE_URL", "SIGNING_KEY"):
            if name not in found:
                raise AppError(f"settings.env has no {name}")
        return found

    def prepare(self) -> None:
        """Make the table and the folder where they are missing."""
        self.database.parent.mkdir(exist_ok=True)
        (self.uploads / "exports").mkdir(parents=True, exist_ok=True)
        with self._exports() as rows:
            rows.execute("pragma journal_mode = wal")
            rows.execute(SCHEMA)

    def exports(self) -> list[Export]:
        """All exports, newest first.

        Raises:
            AppError: the settings are missing.
            sqlite3.Error: the table is.
        """
        key = self.settings()["SIGNING_KEY"]
        with self._exports() as rows:
            found = rows.execute("select * from exports order by id desc").fetchall()
        return [self._export(key, row) for row in found]

    def export(self, request: Request) -> Export:
        """Write an export's file and its record.

        Raises:
            UnknownDataError: there is no such data.
            AppError: the settings are missing.
            psycopg.Error, sqlite3.Error, OSError: a part of the app's data cannot be reached.
        """
        if request.what not in QUERIES:
            raise UnknownDataError(f"there is no '{request.what}' to export; there are {', '.join(QUERIES)}")
        key, at = self.settings()["SIGNING_KEY"], datetime.now(UTC).isoformat(timespec="milliseconds")
        name = f"exports/{request.what}-{hashlib.sha256(repr((at, request)).encode()).hexdigest()[:8]}.csv"
        sha256, count = self._write(name, QUERIES[request.what])
        record = (at, request.who, request.what, request.destination, count, name, sha256)
        with self._exports() as rows:
            row = rows.execute(
                "insert into exports (at, who, what, destination, row_count, file, sha256, seal)"
                " values (?, ?, ?, ?, ?, ?, ?, ?) returning *",
                (*record, _seal(key, *record)),
            ).fetchone()
        return self._export(key, row)

    def orders(self) -> dict[str, object]:
        """Numbers on the orders.

        Raises:
            AppError, psycopg.Error
        """
        with self._shop() as shop:
            row = shop.execute("select count(*), coalesce(sum(amount), 0), max(placed_at) from orders").fetchone()
            people = shop.execute("select count(*) from customers").fetchone()
        assert row is not None and people is not None
        return {"customers": people[0], "orders": row[0], "total": str(row[1]), "newest": str(row[2])}

    def upload(self, name: str) -> Path | None:
        """A file of the uploads folder, or None where there is none of that name."""
        root = self.uploads.resolve()
        path = (root / name).resolve()
        return path if path.is_relative_to(root) and path.is_file() else None

    def _export(self, key: str, row: sqlite3.Row) -> Export:
        values = dict(row)
        record = tuple(values[name] for name in ("at", "who", "what", "destination", "row_count", "file", "sha256"))
        sealed = hmac.compare_digest(values.pop("seal"), _seal(key, *record))
        path = self.upload(values["file"])
        return Export(**values, intact=sealed and path is not None and _digest(path) == values["sha256"])

    def _write(self, name: str, query: str) -> tuple[str, int]:
        """Write the file aside, then give it its name; its checksum and number of rows."""
        path = self.uploads / name
        aside, digest = path.with_suffix(".part"), hashlib.sha256()
        try:
            with self._shop() as shop, shop.cursor() as cursor, aside.open("wb") as file:
                with cursor.copy(query.encode()) as rows:
                    for data in rows:
                        file.write(data)
                        digest.update(data)
                count = cursor.rowcount
            aside.rename(path)
        finally:
            aside.unlink(missing_ok=True)
        return digest.hexdigest(), count

    @contextlib.contextmanager
    def _exports(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self.database, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            with connection:
                yield connection

    def _shop(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self.settings()["DATABASE_URL"], connect_timeout=5, application_name="exports")


def shown(export: Export) -> dict[str, object]:
    """An export as JSON wants it."""
    return asdict(export)


def _seal(key: str, *record: object) -> str:
    """Shows that a record was made by this app: nobody without its key can write one."""
    return hmac.new(key.encode(), repr(record).encode(), "sha256").hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
