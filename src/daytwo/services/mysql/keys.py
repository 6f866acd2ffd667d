"""Foreign keys that a move of some tables would leave pointing to the wrong place.

`RENAME TABLE` with `foreign_key_checks` on lets a foreign key follow the table it points to, also into another
database (MySQL 8.4 Reference Manual, RENAME TABLE; the same on MariaDB, tried). That is right while all tables move,
and wrong for a table that stays: it must point to the table of that name, which is another one afterwards.
"""

# Names and values reach SQL through `quoted` and `text` only.
# ruff: noqa: S608

from collections.abc import Iterable
from dataclasses import dataclass

from daytwo.core.run import Run
from daytwo.services.mysql.client import Client, Row, quoted, text


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key of the table `schema.table`."""

    schema: str
    table: str
    name: str
    columns: tuple[str, ...]
    parent_schema: str
    parent: str
    parent_columns: tuple[str, ...]
    on_update: str
    on_delete: str

    def drop(self, schema: str) -> str:
        """The statement that drops it, its table being in `schema`."""
        return f"ALTER TABLE {quoted(schema)}.{quoted(self.table)} DROP FOREIGN KEY {quoted(self.name)};\n"

    def add(self, schema: str, parent_schema: str) -> str:
        """The statement that makes it anew, its table being in `schema`."""
        columns, theirs = (", ".join(map(quoted, names)) for names in (self.columns, self.parent_columns))
        return (
            f"ALTER TABLE {quoted(schema)}.{quoted(self.table)} ADD CONSTRAINT {quoted(self.name)}"
            f" FOREIGN KEY ({columns}) REFERENCES {quoted(parent_schema)}.{quoted(self.parent)} ({theirs})"
            f"{_rule('UPDATE', self.on_update)}{_rule('DELETE', self.on_delete)};\n"
        )


def foreign_keys(client: Client, schemas: Iterable[str], run: Run) -> tuple[ForeignKey, ...]:
    """All foreign keys of tables in these databases, and those that point into them from elsewhere."""
    wanted = ", ".join(text(schema) for schema in schemas)
    rows = client.query(
        "SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA,"
        " k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.UPDATE_RULE, r.DELETE_RULE"
        " FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r"
        " ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME"
        " AND r.TABLE_NAME = k.TABLE_NAME"
        f" WHERE k.REFERENCED_TABLE_SCHEMA IN ({wanted})"
        f" OR (k.TABLE_SCHEMA IN ({wanted}) AND k.REFERENCED_TABLE_NAME IS NOT NULL)"
        " ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION;",
        run,
    )
    grouped: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        grouped.setdefault((row[0], row[1], row[2]), []).append(row)
    return tuple(_key(group) for group in grouped.values())


def _rule(event: str, action: str) -> str:
    """A rule, unless it is the default, which InnoDB calls RESTRICT or NO ACTION and takes for the same."""
    return "" if action in ("RESTRICT", "NO ACTION") else f" ON {event} {action}"


def _key(rows: list[Row]) -> ForeignKey:
    first = rows[0]
    return ForeignKey(
        schema=first[0], table=first[1], name=first[2], columns=tuple(row[3] for row in rows),
        parent_schema=first[4], parent=first[5], parent_columns=tuple(row[6] for row in rows),
        on_update=first[7], on_delete=first[8],
    )  # fmt: skip
