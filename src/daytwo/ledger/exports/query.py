"""Looking through the exports, quickly whatever is asked: newest first, in pages.

Records are in the order of their numbers, and each index ends with the number: the newest records with some property
stand together at its end. When several properties are asked for, one index is read and the rest compared; the sums
tell which one has the fewest records. With words to search for, the search index knows the properties as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from daytwo.core.errors import UsageError
from daytwo.core.records import DataClass
from daytwo.ledger.exports import search, totals
from daytwo.ledger.exports.record import ExportRecord, Status
from daytwo.store.tables import exports

_INDEXED = tuple(
    frozenset(columns.split())
    for columns in (
        "", "who", "what", "destination", "class", "status", "class status", "who what", "who destination",
        "what destination",
    )
)  # fmt: skip
"""What there are indexes by."""
_READABLE = 1500
"""So many records are read and compared faster than the search index finds several words with several properties."""


@dataclass(frozen=True)
class Span:
    """Numbers of records, from the first to the last."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """How many numbers there are in it."""
        return max(0, self.last - self.first + 1)


RECORD = [exports.c[name] for name in ExportRecord.model_fields]


@dataclass(frozen=True)
class ExportFilter:
    """Which exports. What is None does not matter.

    Args:
        who: on whose behalf.
        what: which data.
        destination: where to.
        data_class: how sensitive.
        status: how far it came.
        since: not before this time.
        until: before this time.
        text: words, each of which must be somewhere in the record.
    """

    who: str | None = None
    what: str | None = None
    destination: str | None = None
    data_class: DataClass | None = None
    status: Status | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None

    def values(self) -> dict[str, str]:
        """The wanted values, by what they are summed up by."""
        named = {"class" if one.name == "data_class" else one.name: getattr(self, one.name) for one in fields(self)}
        words = ("who", "what", "destination", "class", "status")
        return {name: str(named[name]) for name in words if named[name] is not None}


def page(
    connection: sa.Connection, place: tuple[str, str], wanted: ExportFilter, limit: int, after: str | None = None
) -> tuple[tuple[ExportRecord, ...], str | None]:
    """Exports, the newest first.

    Args:
        connection: to read on.
        place: app and environment.
        wanted: which.
        limit: how many at most.
        after: what the page before gave as `next`.

    Returns:
        The records, and what to give as `after` for the next page; None on the last one.

    Raises:
        UsageError: `after` is nothing that a page gave, or the text is too short to search for.
    """
    span = Span(*totals.numbers(connection, place, wanted.since, wanted.until))
    if after:
        span = Span(span.first, min(span.last, _number(after) - 1))
    query = _query(connection, place, wanted, span)
    if query is None:
        return (), None
    rows = connection.execute(query.limit(limit + 1)).all()
    found = tuple(record_of(row) for row in rows[:limit])
    return found, str(found[-1].number) if len(rows) > limit else None


def record_of(row: sa.Row[Any]) -> ExportRecord:
    """A record from its row; what the state holds was checked when it was handed in."""
    return ExportRecord.model_validate(row._mapping)


def _query(
    connection: sa.Connection, place: tuple[str, str], wanted: ExportFilter, span: Span
) -> sa.Select[Any] | None:
    """The query, or None when the sums tell that there is nothing."""
    values = wanted.values()
    words = search.without_known(search.words_in(wanted.text), values) if wanted.text else ()
    counts = totals.counts(connection, place, {"": totals.EVER, **values})
    if not all(counts.values()):
        return None
    sqlite = connection.dialect.name == "sqlite"
    searched = sqlite and any(len(word) >= search.SHORTEST for word in words)
    best, expected = _best(counts)
    if searched and all(word.isascii() for word in words) and expected * span.size / counts[""] <= _READABLE:
        searched = False  # beyond ASCII only the search index compares without regard to case
    index = frozenset[str]() if searched else best if sqlite else frozenset(values)
    query = sa.select(*RECORD).where(*_conditions(place, wanted, values, index))
    if searched:
        table, conditions = search.by_index(connection, words, values)
        number: sa.ColumnElement[int] = sa.literal_column("exports_search.rowid", sa.Integer())
        query = query.select_from(sa.join(table, exports, sa.true())).where(*conditions)
        return query.where(number.between(span.first, span.last)).order_by(number.desc())
    query = query.where(exports.c.number.between(span.first, span.last)).order_by(exports.c.number.desc())
    if words and not sqlite and not search.has_trigrams(connection):
        return query.where(*search.by_words(words))
    return query.where(*search.by_reading(words))


def _conditions(
    place: tuple[str, str], wanted: ExportFilter, values: Mapping[str, str], index: frozenset[str]
) -> list[sa.ColumnElement[bool]]:
    c = exports.c
    found: list[sa.ColumnElement[bool]] = [c.app == place[0], c.environment == place[1]]
    for name, value in values.items():
        column = c["data_class" if name == "class" else name]
        found.append((column if name in index else _unindexed(column)) == value)
    if wanted.since:
        found.append(c.at >= wanted.since)
    if wanted.until:
        found.append(c.at < wanted.until)
    return found


def _unindexed(column: sa.Column[str]) -> sa.ColumnElement[str]:
    """The column, as SQLite looks it up in no index: https://www.sqlite.org/optoverview.html (unary plus)."""
    return sa.sql.expression.UnaryExpression(column, operator=sa.sql.operators.custom_op("+"))


def _best(counts: Mapping[str, int]) -> tuple[frozenset[str], float]:
    """The columns of the index that leaves the fewest records to compare, and how many, were values independent."""
    everything = counts[""]

    def expected(columns: frozenset[str]) -> float:
        left = float(everything)
        for column in columns:
            left *= counts[column] / everything
        return left

    usable = [columns for columns in _INDEXED if columns <= counts.keys()]
    best = min(usable, key=lambda columns: (expected(columns), -len(columns)))
    return best, expected(best)


def _number(after: str) -> int:
    if not after.isdecimal() or len(after) > 18:
        raise UsageError(f"'{after}' is not where a page ended", hint="Give what the page before gave")
    return int(after)
