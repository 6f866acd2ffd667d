"""Sums of the exports by day, month and for all time, kept in the same transaction as the records."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from daytwo.store.database import insert
from daytwo.store.tables import exports_totals

EVER = ""
"""The period of all time, and the value of the sum over everything."""
_COLUMNS = {"who": "who", "what": "what", "destination": "destination", "class": "data_class", "status": "status"}
_c = exports_totals.c


class By(StrEnum):
    """What exports are summed up by."""

    WHO = "who"
    WHAT = "what"
    DESTINATION = "destination"
    CLASS = "class"
    STATUS = "status"
    MONTH = "month"


class Total(BaseModel):
    """A line of the report."""

    model_config = ConfigDict(frozen=True)

    value: str = Field(description="the person, data, destination, class, status or month")
    exports: int
    rows: int
    bytes: int


class Totals(BaseModel):
    """The report."""

    model_config = ConfigDict(frozen=True)

    by: By
    lines: tuple[Total, ...] = Field(description="the ones with most exports first; months in their order")
    exports: int = Field(description="in all")
    rows: int
    bytes: int


@dataclass
class _Sum:
    exports: int = 0
    rows: int = 0
    bytes: int = 0
    first: int = 1 << 62
    last: int = 0


def count(connection: sa.Connection, rows: Sequence[Mapping[Any, Any]]) -> None:
    """Add records to the sums."""
    statement = insert(connection, exports_totals).values({column.name: sa.bindparam(column.name) for column in _c})
    new = statement.excluded
    # Another order in another transaction could be a deadlock; the callers have locked the counter besides.
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["app", "environment", "by", "period", "value"],
            set_={
                "exports": _c.exports + new.exports,
                "rows": _c.rows + new.rows,
                "bytes": _c.bytes + new.bytes,
                "first": sa.case((new.first < _c.first, new.first), else_=_c.first),
                "last": sa.case((new["last"] > _c["last"], new["last"]), else_=_c["last"]),
            },
        ),
        list(_sums(rows)),
    )


def discount(connection: sa.Connection, rows: Sequence[Mapping[Any, Any]]) -> None:
    """Take records that are removed out of the sums."""
    where = [_c[name] == sa.bindparam(f"the_{name}") for name in ("app", "environment", "by", "period", "value")]
    less = {name: _c[name] - sa.bindparam(f"less_{name}") for name in ("exports", "rows", "bytes")}
    parameters = [
        {f"the_{n}": one[n] for n in ("app", "environment", "by", "period", "value")}
        | {f"less_{n}": one[n] for n in less}
        for one in _sums(rows)
    ]
    if parameters:
        connection.execute(exports_totals.update().where(*where).values(less), parameters)
        connection.execute(exports_totals.delete().where(_c.exports == 0))


def _sums(rows: Iterable[Mapping[Any, Any]]) -> Iterator[dict[str, object]]:
    found: dict[tuple[str, ...], _Sum] = defaultdict(_Sum)
    for row in rows:
        day = str(row["at"])[:10]
        values = [("", EVER), *((by, str(row[column])) for by, column in _COLUMNS.items())]
        for by, value in values:
            for period in (EVER, day[:7], day):
                one = found[(row["app"], row["environment"], by, period, value)]
                one.exports += 1
                one.rows += row["rows"]
                one.bytes += row["bytes"]
                one.first, one.last = min(one.first, row["number"]), max(one.last, row["number"])
    names = ("app", "environment", "by", "period", "value")
    for key, one in sorted(found.items()):
        yield dict(zip(names, key, strict=True)) | vars(one)


def counts(connection: sa.Connection, place: tuple[str, str], values: Mapping[str, str]) -> dict[str, int]:
    """How many records have each of some values.

    Args:
        connection: to read on.
        place: app and environment.
        values: by what they are summed up by (`who`, `class`, ...; `` for all records), the value.
    """
    own = sa.select(_c.by, _c.exports).where(_c.app == place[0], _c.environment == place[1], _c.period == EVER)
    # One look at the key for each: SQLite would read the whole table for a long OR.
    looks = [own.where(_c.by == by, _c.value == value) for by, value in values.items()]
    found = {row.by: int(row.exports) for row in connection.execute(sa.union_all(*looks))}
    return {by: found.get(by, 0) for by in values}


def numbers(
    connection: sa.Connection, place: tuple[str, str], since: datetime | None, until: datetime | None
) -> tuple[int, int]:
    """The lowest and highest number of the records of all days that a time span touches.

    Numbers are given in the order of recording, and a clock can be set back: so each day knows its own two.
    """
    days = sa.func.length(_c.period) == 10 if since or until else _c.period == EVER
    query = sa.select(sa.func.min(_c.first), sa.func.max(_c["last"])).where(
        _c.app == place[0], _c.environment == place[1], _c.by == "", days
    )
    if since:
        query = query.where(_c.period >= since.astimezone(UTC).date().isoformat())
    if until:
        query = query.where(_c.period <= until.astimezone(UTC).date().isoformat())
    first, last = connection.execute(query).one()
    return (first, last) if first is not None else (1, 0)


def report(
    connection: sa.Connection, place: tuple[str, str], by: By, since: date | None, until: date | None, limit: int
) -> Totals:
    """Sum exports up.

    Args:
        connection: to read on.
        place: app and environment.
        by: what by.
        since: the first day, UTC.
        until: the last day, UTC.
        limit: how many lines at most.
    """
    within = [_c.app == place[0], _c.environment == place[1], _periods(connection, place, by, since, until)]
    sums = [sa.func.coalesce(sa.func.sum(_c[name]), 0).label(name) for name in ("exports", "rows", "bytes")]
    value = sa.func.substr(_c.period, 1, 7) if by is By.MONTH else _c.value
    query = sa.select(value.label("value"), *sums).group_by(value)
    query = query.where(*within, _c.by == ("" if by is By.MONTH else by.value))
    order: list[sa.ColumnElement[Any]] = [value] if by is By.MONTH else [sa.desc("exports"), value]
    lines = [Total(**row._mapping) for row in connection.execute(query.order_by(*order).limit(limit))]
    whole = connection.execute(sa.select(*sums).where(*within, _c.by == "")).one()
    return Totals(by=by, lines=tuple(lines), **{name: int(value) for name, value in whole._mapping.items()})


def _periods(
    connection: sa.Connection, place: tuple[str, str], by: By, since: date | None, until: date | None
) -> sa.ColumnElement[bool]:
    """The fewest stored periods that make up a span: whole months, and days at its ends."""
    if since is None and until is None:
        return sa.func.length(_c.period) == 7 if by is By.MONTH else _c.period == EVER
    query = sa.select(sa.func.min(_c.period), sa.func.max(_c.period)).where(
        _c.app == place[0], _c.environment == place[1], _c.by == "", sa.func.length(_c.period) == 10
    )
    lowest, highest = connection.execute(query).one()
    if lowest is None:
        return sa.false()
    first = max(since or date.min, date.fromisoformat(lowest))
    last = min(until or date.max, date.fromisoformat(highest))
    return _c.period.in_(list(_pieces(first, last)))


def _pieces(first: date, last: date) -> Iterator[str]:
    day = first
    while day <= last:
        following = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        if day.day == 1 and following - timedelta(days=1) <= last:
            yield day.isoformat()[:7]
            day = following
        else:
            yield day.isoformat()
            day += timedelta(days=1)
