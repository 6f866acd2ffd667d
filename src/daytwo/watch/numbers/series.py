"""Which series there are. Their numbers are remembered, for as long as nothing has been rolled back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

import sqlalchemy as sa
from sqlalchemy import event

from daytwo.core.check import Unit
from daytwo.store.tables.base import utc_text
from daytwo.watch.numbers.sql import Sql

LONGEST = 200
"""Characters of a name."""
_BELIEVED = timedelta(minutes=5)
"""How long the series that are known are believed to be there still: another process may have removed one."""


@dataclass(frozen=True, slots=True)
class Series:
    """One number over time.

    Args:
        id: its key in the state.
        name: `CHECK.MEASURE`.
        unit: what it counts, see `core.check.Unit`.
        total: a counter, whose increase is what counts.
        sketched: its minutes come summed up; it has no samples.
    """

    id: int
    name: str
    unit: str
    total: bool
    sketched: bool = False

    @property
    def counts(self) -> bool:
        """Whether it counts events: each value is a 1, and what matters is how many there are."""
        return self.sketched and self.unit == Unit.COUNT


@dataclass(frozen=True, slots=True)
class Kind:
    """What a series is meant to be; see `Series`."""

    unit: str
    total: bool = False
    sketched: bool = False


class Book:
    """The series of one app and environment.

    Args:
        engine: of the state. What a transaction that is rolled back had made is forgotten.
        app: name of the app.
        environment: name of the environment.
    """

    def __init__(self, engine: sa.Engine, app: str, environment: str) -> None:
        self._own = (app, environment)
        self._known: Mapping[str, Series] = {}
        self._read = datetime.min.replace(tzinfo=UTC)
        event.listen(engine, "rollback", self._forget)
        event.listen(engine, "rollback_savepoint", self._forget)

    def _forget(self, connection: sa.Connection, *_: object) -> None:
        if not connection.get_execution_options().get("read_only"):
            self._known = {}

    def get(self, sql: Sql, name: str) -> Series | None:
        """A series, or None when there never was one of this name."""
        return self._known.get(name) or self.all(sql).get(name)

    def all(self, sql: Sql) -> Mapping[str, Series]:
        """Every series by name, as the state has it now."""
        found = sql.rows(
            "select id, name, unit, total, sketched from series where app = ? and environment = ?", self._own
        )
        known = {name: Series(id, name, unit, bool(total), bool(sketched)) for id, name, unit, total, sketched in found}
        self._known = known
        return known

    def made_before(self, sql: Sql, time: datetime) -> list[Series]:
        """Series that were there before a time, but the newest of all: its number would be given to the next one."""
        found = sql.rows(
            "select name from series where app = ? and environment = ? and created < ? "
            "and id < (select max(id) from series)",
            (*self._own, utc_text(time)),
        )
        known = self.all(sql)
        return [known[name] for (name,) in found]

    def remove(self, sql: Sql, ids: Iterable[int]) -> None:
        """Remove series; they have no numbers any more."""
        for id in ids:
            sql.run("delete from series where id = ?", (id,))
        self._known = {}

    def matching(self, sql: Sql, pattern: str) -> list[Series]:
        """Series whose name a pattern matches, by name: `*.duration`, `db.tables.siz?`."""
        if pattern == "*":
            return sorted(self.all(sql).values(), key=lambda one: one.name)
        return sorted(
            (one for name, one in self.all(sql).items() if fnmatchcase(name, pattern)), key=lambda one: one.name
        )

    def make(self, sql: Sql, wanted: Mapping[str, Kind], now: datetime) -> Mapping[str, Series]:
        """At least these series, each made or changed where it is not as it should be.

        Args:
            sql: where to write.
            wanted: by name; names that are too long or hold a NUL are left out.
            now: the time.
        """
        if _as_wanted(self._known, wanted) and timedelta() <= now - self._read < _BELIEVED:
            return self._known
        known, self._read = self.all(sql), now
        for name, kind in wanted.items():
            if name not in known and storable(name):
                sql.run(
                    "insert into series (app, environment, name, unit, total, sketched, created) "
                    "values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
                    (*self._own, name, str(kind.unit), kind.total, kind.sketched, utc_text(now)),
                )
            elif name in known and not _is(known[name], kind):
                sql.run(
                    "update series set unit = ?, total = ?, sketched = ? where id = ?",
                    (str(kind.unit), kind.total, kind.sketched, known[name].id),
                )
        return self.all(sql)


def storable(name: str) -> bool:
    """Whether this can be a series' name."""
    return 0 < len(name) <= LONGEST and "\0" not in name


def _as_wanted(known: Mapping[str, Series], wanted: Mapping[str, Kind]) -> bool:
    return all(name in known and _is(known[name], kind) for name, kind in wanted.items())


def _is(series: Series, kind: Kind) -> bool:
    return (series.unit, series.total, series.sketched) == (kind.unit, kind.total, kind.sketched)


def by_id(series: Iterable[Series]) -> dict[int, Series]:
    """The same by number."""
    return {one.id: one for one in series}
