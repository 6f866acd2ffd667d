"""Finding text in export records: trigrams in both kinds of state, words where PostgreSQL has no trigrams."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from daytwo.core.errors import UsageError
from daytwo.store.tables import exports

SHORTEST = 3
"""Letters: a trigram has three."""
_OWN = ("who", "what", "destination")
"""What has a column of its own in SQLite's index."""
_REST = ("data_class", "status", "format", "note")
_IS = {"who": "who", "what": "what", "destination": "destination", "class": "data_class", "status": "status"}
"""What can be asked for beside the words, and its column."""
_COLUMNS = (*_OWN, "rest", *(f"is_{name}" for name in _IS))
_LETTERS = 0x4E00
"""The first of many letters that are one word together in whatever way the index takes text apart."""
_search = sa.table("exports_search", sa.column("rowid"))
# Spelled as in the revision, so that PostgreSQL knows its index in it.
_TEXT: sa.ColumnElement[str] = sa.literal_column(
    "(exports.who || ' ' || exports.what || ' ' || exports.destination || ' ' || exports.data_class || ' ' ||"
    " exports.status || ' ' || exports.format || ' ' || exports.note)",
    sa.Text(),
)


def index(connection: sa.Connection, rows: Sequence[Mapping[Any, Any]]) -> None:
    """Make new records known to the search; PostgreSQL does it by itself."""
    _tell(connection, rows, "rowid", ":number")


def forget(connection: sa.Connection, rows: Sequence[Mapping[Any, Any]]) -> None:
    """Take records out of the search: https://www.sqlite.org/fts5.html#the_delete_command"""
    _tell(connection, rows, "exports_search, rowid", "'delete', :number")


def _tell(connection: sa.Connection, rows: Sequence[Mapping[Any, Any]], first: str, given: str) -> None:
    if connection.dialect.name != "sqlite":
        return
    marks = ", ".join(f":{name}" for name in _COLUMNS)
    connection.execute(
        sa.text(f"INSERT INTO exports_search ({first}, {', '.join(_COLUMNS)}) VALUES ({given}, {marks})"),  # noqa: S608
        [{"number": row["number"], **_indexed(row)} for row in rows],
    )


def _indexed(row: Mapping[Any, Any]) -> dict[str, str]:
    told = {name: str(row[name]) for name in _OWN} | {"rest": " ".join(row[name] for name in _REST)}
    return told | {f"is_{name}": _mark(name, str(row[column])) for name, column in _IS.items()}


@lru_cache(maxsize=4096)
def _mark(name: str, value: str) -> str:
    """Three letters that stand for a value: one trigram, so that the index finds its records as fast as a word's."""
    number = int.from_bytes(hashlib.sha256(f"{name} {value}".encode()).digest()[:5], "big")
    return "".join(chr(_LETTERS + (number >> shift & 0xFFF)) for shift in (0, 12, 24))


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


def by_index(
    connection: sa.Connection, words: Sequence[str], values: Mapping[str, str]
) -> tuple[sa.FromClause, list[sa.ColumnElement[bool]]]:
    """SQLite: find the words in the index.

    Args:
        connection: to read on.
        words: none of which is in one of the values.
        values: what the records are to have; there is no need to look for the words in these columns.

    Returns:
        What to join, and the conditions.
    """
    columns = " ".join(name for name in (*_OWN, "rest") if name not in values)
    trigrams = has_trigrams(connection)
    terms = [f"is_{name}: {_quoted(_mark(name, value))}" for name, value in values.items()]
    read = []
    for word in words:
        parts = _parts(word) if trigrams and word.isascii() else (word,)
        terms += [f"{{{columns}}}: {_quoted(part)}" for part in parts if len(part) >= SHORTEST]
        if parts != (word,) or len(word) < SHORTEST:
            read.append(word)
    found = sa.literal_column("exports_search").op("MATCH")(" AND ".join(terms))
    return _search, [found, _search.c.rowid == exports.c.number, *by_reading(read)]


def _parts(word: str) -> tuple[str, ...]:
    """The fewest trigrams that make up a word.

    The index would look for all of them, and for their order; a third of them leave hardly more records, and those are
    read anyway. Letters beyond ASCII it alone compares without regard to case, so that their words go to it whole.
    """
    starts = [*range(0, len(word) - SHORTEST + 1, SHORTEST), max(0, len(word) - SHORTEST)]
    return tuple(dict.fromkeys(word[start : start + SHORTEST] for start in starts))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def by_reading(words: Sequence[str]) -> list[sa.ColumnElement[bool]]:
    """Find the words by reading the records that the other conditions leave (PostgreSQL uses its trigrams)."""
    return [_TEXT.ilike(f"%{_escaped(word)}%", escape="\\") for word in words]


def by_words(words: Sequence[str]) -> list[sa.ColumnElement[bool]]:
    """PostgreSQL without trigrams: whole words."""
    return [sa.func.to_tsvector("simple", _TEXT).op("@@")(sa.func.plainto_tsquery("simple", " ".join(words)))]


def has_trigrams(connection: sa.Connection) -> bool:
    """Whether the revision could make an index of trigrams."""
    if connection.dialect.name == "sqlite":
        made = connection.execute(sa.text("SELECT sql FROM sqlite_master WHERE name = 'exports_search'")).scalar_one()
        return "trigram" in made
    return connection.execute(sa.text("SELECT to_regclass('exports_trigrams')")).scalar() is not None


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
