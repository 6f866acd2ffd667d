"""Finding text in export records: trigrams in both kinds of state, words where PostgreSQL has no trigrams."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from daytwo.core.errors import UsageError
from daytwo.store.tables import exports

SHORTEST = 3
"""Letters: a trigram has three."""
_OWN = ("who", "what", "destination")
"""What has a column of its own in SQLite's index."""
_REST = ("data_class", "status", "format", "note")
_search = sa.table("exports_search", sa.column("rowid"))
# Spelled as in the revision, so that PostgreSQL knows its index in it.
_TEXT: sa.ColumnElement[str] = sa.literal_column(
    "(exports.who || ' ' || exports.what || ' ' || exports.destination || ' ' || exports.data_class || ' ' ||"
    " exports.status || ' ' || exports.format || ' ' || exports.note)",
    sa.Text(),
)


def index(connection: sa.Connection, rows: Sequence[Mapping[Any, Any]]) -> None:
    """Make new records known to the search; PostgreSQL does it by itself."""
    _tell(connection, rows, "(rowid, who, what, destination, rest) VALUES (")


def forget(connection: sa.Connection, rows: Sequence[Mapping[Any, Any]]) -> None:
    """Take records out of the search: https://www.sqlite.org/fts5.html#the_delete_command"""
    _tell(connection, rows, "(exports_search, rowid, who, what, destination, rest) VALUES ('delete', ")


def _tell(connection: sa.Connection, rows: Sequence[Mapping[Any, Any]], how: str) -> None:
    if connection.dialect.name != "sqlite":
        return
    connection.execute(
        sa.text(f"INSERT INTO exports_search {how}:number, :who, :what, :destination, :rest)"),
        [
            {name: row[name] for name in ("number", *_OWN)} | {"rest": " ".join(row[name] for name in _REST)}
            for row in rows
        ],
    )


def words_in(text: str) -> tuple[str, ...]:
    """The words that a record must have, each anywhere in its text.

    Raises:
        UsageError: none is long enough to be found.
    """
    words = tuple(dict.fromkeys(text.replace("\0", "").split()))
    if not any(len(word) >= SHORTEST for word in words):
        raise UsageError("this is too short to search for", hint=f"Give {SHORTEST} letters or more")
    return words


def without_known(words: Sequence[str], values: Mapping[str, str]) -> tuple[str, ...]:
    """The words that are still to be found in records that are known to have some values."""
    known = [value.casefold() for value in values.values()]
    return tuple(word for word in words if not any(word.casefold() in value for value in known))


def by_index(words: Sequence[str], values: Mapping[str, str]) -> tuple[sa.FromClause, list[sa.ColumnElement[bool]]]:
    """SQLite: find the words in the index.

    Args:
        words: none of which is in one of the values.
        values: what the records are known to have; there is no need to look for the words in these columns.

    Returns:
        What to join, and the conditions.
    """
    columns = " ".join(name for name in (*_OWN, "rest") if name not in values)
    terms = [f"{{{columns}}}: {_quoted(word)}" for word in words if len(word) >= SHORTEST]
    found = sa.literal_column("exports_search").op("MATCH")(" AND ".join(terms))
    short = [word for word in words if len(word) < SHORTEST]
    return _search, [found, _search.c.rowid == exports.c.number, *by_reading(short)]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def by_reading(words: Sequence[str]) -> list[sa.ColumnElement[bool]]:
    """Find the words by reading the records that the other conditions leave (PostgreSQL uses its trigrams)."""
    return [_TEXT.ilike(f"%{_escaped(word)}%", escape="\\") for word in words]


def by_words(words: Sequence[str]) -> list[sa.ColumnElement[bool]]:
    """PostgreSQL without trigrams: whole words."""
    return [sa.func.to_tsvector("simple", _TEXT).op("@@")(sa.func.plainto_tsquery("simple", " ".join(words)))]


def has_trigrams(connection: sa.Connection) -> bool:
    """PostgreSQL: whether the revision could make the index of trigrams."""
    return connection.execute(sa.text("SELECT to_regclass('exports_trigrams')")).scalar() is not None


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
