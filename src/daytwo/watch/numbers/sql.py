"""The driver's own cursor, for what is done a thousand times a second: SQLAlchemy costs more than these queries do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

T = TypeVar("T")


@dataclass(frozen=True)
class Table:
    """Where rows are put: its columns, their PostgreSQL types, and how many of them, from the first, are the key."""

    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    key: int

    @property
    def sqlite(self) -> str:
        """Puts a row."""
        marks = ",".join("?" * len(self.columns))
        return f"insert or replace into {self.name} ({','.join(self.columns)}) values ({marks})"  # noqa: S608  # ours

    @property
    def postgresql(self) -> str:
        """Puts rows that are given as one array a column."""
        arrays = ",".join(f"%s::{type}[]" for type in self.types)
        new = ",".join(f'"{column}"=excluded."{column}"' for column in self.columns[self.key :])
        names, key = _quoted(self.columns), _quoted(self.columns[: self.key])
        return (
            f"insert into {self.name} ({names}) select * from unnest({arrays}) on conflict ({key}) do update set {new}"  # noqa: S608  # ours
        )


SAMPLES = Table("samples", ("slot", "series", "at", "value"), ("int", "int", "bigint", "float8"), 3)
ROLLUPS = Table(
    "rollups",
    ("level", "slot", "series", "at", "count", "sum", "min", "max", "last", "rise", "sketch"),
    ("int", "int", "int", "bigint", "bigint", "float8", "float8", "float8", "float8", "float8", "bytea"),
    4,
)


class Sql:
    """Statements on one connection, in the transaction that it has or that begins with the first of them.

    Args:
        connection: of the state.
    """

    def __init__(self, connection: sa.Connection) -> None:
        if not connection.in_transaction():
            connection.begin()  # the driver's cursor would not: each statement would then see another state
        self._postgresql = connection.dialect.name == "postgresql"
        self._base: type[Exception] = connection.dialect.loaded_dbapi.Error
        self._cursor: Any = connection.connection.cursor()

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What a query finds.

        Args:
            statement: with `?` for each value.
            values: in the statement's order.

        Raises:
            sqlalchemy.exc.DBAPIError: as SQLAlchemy would have said it.
        """

        def ask() -> list[tuple[Any, ...]]:
            found: list[tuple[Any, ...]] = self._cursor.execute(self._marked(statement), values).fetchall()
            return found

        return self._guarded(statement, ask)

    def run(self, statement: str, values: Sequence[object] = ()) -> int:
        """Carry a statement out.

        Returns:
            How many rows it has changed.
        """
        return self._guarded(statement, lambda: int(self._cursor.execute(self._marked(statement), values).rowcount))

    def put(self, table: Table, rows: Sequence[Sequence[object]]) -> None:
        """Insert rows, or replace those with the same keys, of which each is there once."""
        if not rows:
            return
        if self._postgresql:
            columns = [list(column) for column in zip(*rows, strict=True)]
            self._guarded(table.name, lambda: self._cursor.execute(table.postgresql, columns))
        else:
            self._guarded(table.name, lambda: self._cursor.executemany(table.sqlite, rows))

    def _marked(self, statement: str) -> str:
        return statement.replace("?", "%s") if self._postgresql else statement

    def _guarded(self, statement: str, do: Callable[[], T]) -> T:
        try:
            return do()
        except self._base as error:
            raise sa.exc.DBAPIError.instance(statement, None, error, self._base) from error


def _quoted(columns: Sequence[str]) -> str:
    return ",".join(f'"{column}"' for column in columns)


def among(slots: range) -> tuple[str, tuple[int, ...]]:
    """The condition that a row lies in one of these slots, and its values.

    Few slots are looked up one by one, which passes over the other series in them. Many only occur where there is next
    to nothing: a window far longer than what is kept.
    """
    if len(slots) <= 300:
        return f"slot in ({','.join('?' * len(slots))})", tuple(slots)
    return "slot between ? and ?", (slots[0], slots[-1])
