"""Writes security events down: each by itself while they are few, counted exactly when they are many.

Of each kind and source, the first `WHOLE` events of a minute that come from the same place are rows of their own. What
follows in that minute is counted in the last of them, which knows the first and the last time and has both evidences.
When a flood has used up the budget of rows, addresses that are new in a minute are counted together, without a source.
"""

import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from daytwo.core.check import Unit
from daytwo.core.errors import ConflictError, UsageError
from daytwo.store.database import Database, insert
from daytwo.store.tables import security_events as events
from daytwo.store.tables import security_keys as keys
from daytwo.store.tables import security_marks as marks
from daytwo.watch.logs.masking import mask
from daytwo.watch.numbers import Digest, Numbers, Summed
from daytwo.watch.security.address import network_of
from daytwo.watch.security.budget import Budget
from daytwo.watch.security.event import EVIDENCE, Happening, Submission, Taken

WHOLE = 20
"""Events of a kind and source in a minute that are rows of their own."""
AHEAD = timedelta(minutes=2)
"""How far a clock elsewhere may be ahead of ours before what it says counts for nothing."""
MANY = "many addresses"
"""The `via` of the row that counts what the budget had no row for."""
_KINDS = 100
"""Kinds of an app: each is a series, too."""
_KEYS = 200_000
_KEYS_FOR = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_MANY_SOURCES = 20
"""Sources of a minute that are looked up one by one."""
_AT_ONCE = 400
"""Values of one IN: SQLite takes 32,766, PostgreSQL 65,535; small ones are planned faster."""


@dataclass
class _Row:
    """A row that is made, or that is there (`id`) and gets more."""

    happening: Happening
    counted: bool
    id: int | None = None
    more: int = 0
    first: datetime | None = None
    last: datetime | None = None
    newest: str = ""

    def take(self, one: Happening) -> None:
        self.more += one.count
        self.first = min(self.first or one.at, one.at)
        end = one.last or one.at
        if self.last is None or end >= self.last:
            self.last, self.newest = end, one.newest or one.evidence


_Group = tuple[str, str, str, datetime, bool, str]
"""Kind, source, via, minute, whether it counts, fingerprint."""


class Book:
    """The security events of an app and environment.

    Args:
        database: the state.
        app: the app's name.
        environment: the environment's name.
        numbers: where `security.KIND` is counted.
        budget: of rows.
    """

    def __init__(
        self, database: Database, app: str, environment: str, numbers: Numbers, budget: Budget | None = None
    ) -> None:
        self._database = database
        self._own = {"app": app, "environment": environment}
        self._numbers = numbers
        self._budget = budget or Budget()
        self._kinds: set[str] = set()

    def salt(self, connection: sa.Connection) -> str:
        """What fingerprints are salted with: another in each installation, so that nobody has a table of them."""
        found = connection.execute(sa.select(marks.c.salt).filter_by(**self._own)).scalar()
        if found is None:
            self._change(connection)
            return self.salt(connection)
        return str(found)

    def take(self, connection: sa.Connection, given: Sequence[Submission], via: str, now: datetime) -> Taken:
        """Write down what an app reports, all of it or nothing.

        Args:
            connection: the transaction.
            given: what it says.
            via: who says it: `api NAME`.
            now: the time.

        Raises:
            ConflictError: a key was used for something else.
            UsageError: there would be too many kinds of events.
        """
        change = self._change(connection)
        new = self._unknown(connection, given, change, now)
        self._few_kinds(connection, {one.kind for one in new})
        self._write(connection, [_happening(one, via, now) for one in new], change, now)
        ahead = sum(one.at is not None and one.at > now + AHEAD for one in new)
        return Taken(len(new), len(given) - len(new), ahead)

    def add(self, connection: sa.Connection, happened: Sequence[Happening], now: datetime) -> None:
        """Write down what was found in logs.

        Args:
            connection: the transaction.
            happened: without secrets, in any order.
            now: the time.
        """
        if happened:
            self._write(connection, happened, self._change(connection), now)

    def prune(self, connection: sa.Connection, before: datetime, now: datetime) -> None:
        """Remove events that ended before a time, and keys that nobody needs any more."""
        connection.execute(sa.delete(events).filter_by(**self._own).where(events.c.last < before))
        self.prune_keys(connection, now)

    def prune_keys(self, connection: sa.Connection, now: datetime) -> None:
        """Remove keys that are a day old, or of which there are too many."""
        own = sa.delete(keys).filter_by(**self._own)
        connection.execute(own.where(keys.c.at < now - _KEYS_FOR))
        newest = sa.select(keys.c.id).filter_by(**self._own).order_by(keys.c.id.desc()).offset(_KEYS).limit(1)
        if (last := connection.execute(newest).scalar()) is not None:
            connection.execute(own.where(keys.c.id <= last))

    def _change(self, connection: sa.Connection) -> int:
        """The number of the change that this transaction makes. Whoever has it has the table: the next one waits."""
        raised = sa.update(marks).filter_by(**self._own).values(change=marks.c.change + 1).returning(marks.c.change)
        found = connection.execute(raised).scalar()
        if found is None:
            values = {**self._own, "change": 0, "salt": secrets.token_hex(32)}
            connection.execute(insert(connection, marks).values(values).on_conflict_do_nothing())
            found = connection.execute(raised).scalar_one()
        return int(found)

    def _unknown(
        self, connection: sa.Connection, given: Sequence[Submission], change: int, now: datetime
    ) -> list[Submission]:
        """Those that were not handed in before; their keys are written down."""
        asked = list({one.key for one in given if one.key})
        known: dict[str, str] = {}
        for start in range(0, len(asked), _AT_ONCE):
            some = keys.c.key.in_(asked[start : start + _AT_ONCE])
            query = sa.select(keys.c.key, keys.c.digest).filter_by(**self._own).where(some)
            known |= {str(row.key): str(row.digest) for row in connection.execute(query)}
        new, rows = [], []
        for one in given:
            if one.key is None:
                new.append(one)
            elif one.key not in known:
                known[one.key] = one.digest
                new.append(one)
                rows.append({**self._own, "key": one.key, "id": change, "digest": one.digest, "at": now})
            elif known[one.key] != one.digest:
                raise ConflictError(
                    f"the key '{one.key}' was used for something else",
                    hint="Take a new key for a new event; the same key only repeats the same one",
                )
        if rows:
            connection.execute(sa.insert(keys), rows)
        return new

    def _few_kinds(self, connection: sa.Connection, wanted: set[str]) -> None:
        query = sa.select(events.c.kind).filter_by(**self._own).distinct()
        known = {str(kind) for kind in connection.execute(query).scalars()} if wanted - self._kinds else self._kinds
        if wanted - known and len(wanted | known) > _KINDS:
            raise UsageError(
                f"there are {len(known)} kinds of security events already",
                hint="Say in `route` or `detail` what differs",
            )
        self._kinds = known

    def _write(self, connection: sa.Connection, happened: Sequence[Happening], change: int, now: datetime) -> None:
        rows: dict[_Group, list[_Row]] = {}
        minutes: dict[tuple[str, datetime], int] = {}
        bound = [(*_bound(one, now), _minute(min(one.at, now))) for one in happened]
        self._load(connection, rows, [(one, counted, minute) for one, counted, minute in bound])
        for whole, counted, minute in bound:
            if self._place(connection, rows, whole, counted, minute):
                minutes[whole.kind, minute] = minutes.get((whole.kind, minute), 0) + whole.count
        self._store(connection, [row for group in rows.values() for row in group], change, now)
        summed = [
            Summed(f"security.{kind}", Unit.COUNT, int(minute.timestamp()), _ones(count))
            for (kind, minute), count in sorted(minutes.items())
        ]
        self._numbers.add_summed(connection, summed, now)

    def _place(
        self,
        connection: sa.Connection,
        rows: dict[_Group, list[_Row]],
        one: Happening,
        counted: bool,
        minute: datetime,
    ) -> bool:
        """Find the row that an event belongs to; whether it is a new one, not the same key seen again."""
        group = (one.kind, one.source, one.via, minute, counted, one.fingerprint)
        if one.fingerprint:  # wherever and whenever: the same key is one event
            group = (one.kind, "", "", datetime.min, True, one.fingerprint)
        if group not in rows:
            rows[group] = self._there(connection, group)
        own = rows[group]
        if own and (one.fingerprint or len(own) >= WHOLE):
            own[-1].take(one)
            return not one.fingerprint
        if self._budget.take():
            own.append(_Row(one, counted))
        elif own:
            own[-1].take(one)
        else:
            self._crowd(connection, rows, one, counted, minute)
        return True

    def _crowd(
        self,
        connection: sa.Connection,
        rows: dict[_Group, list[_Row]],
        one: Happening,
        counted: bool,
        minute: datetime,
    ) -> None:
        """Count an event together with all others that there is no row for."""
        group = (one.kind, "", MANY, minute, counted, "")
        if group not in rows:
            rows[group] = self._there(connection, group)
        if rows[group]:
            rows[group][-1].take(one)
        else:
            rows[group].append(_Row(replace(one, source="", via=MANY, fingerprint=""), counted))

    def _load(
        self,
        connection: sa.Connection,
        rows: dict[_Group, list[_Row]],
        bound: Sequence[tuple[Happening, bool, datetime]],
    ) -> None:
        """Look up the rows of many sources at once: a look for each would hold up everybody else who writes."""
        groups = {
            (one.kind, one.source, one.via, minute, counted, "")
            for one, counted, minute in bound
            if not one.fingerprint
        }
        together = Counter((group[0], group[3]) for group in groups)
        many = {one for one, count in together.items() if count > _MANY_SOURCES}
        rows.update({group: [] for group in groups if (group[0], group[3]) in many})
        c = events.c
        for kind, minute in many:
            query = sa.select(c.id, c.source, c.via, c.counted).filter_by(**self._own).order_by(c.id)
            query = query.where(c.kind == kind, c.last >= minute, c.last < minute + _MINUTE, c.fingerprint == "")
            for id, source, via, counted in connection.execute(query):
                if (group := (kind, source, via, minute, counted, "")) in groups:
                    rows[group].append(_Row(Happening(kind, source, minute, via), counted, int(id)))

    def _there(self, connection: sa.Connection, group: _Group) -> list[_Row]:
        """The rows of a group that are there, oldest first."""
        kind, source, via, minute, counted, fingerprint = group
        c = events.c
        query = sa.select(c.id).filter_by(**self._own).order_by(c.id)
        if fingerprint:
            query = query.where(c.fingerprint == fingerprint)
        else:
            query = query.where(
                c.kind == kind, c.network == network_of(source), c.last >= minute, c.last < minute + _MINUTE,
                c.source == source, c.via == via, c.counted == counted, c.fingerprint == "",
            )  # fmt: skip
        stand_in = Happening(kind, source, minute, via)
        return [_Row(stand_in, counted, int(id)) for id in connection.execute(query).scalars()]

    def _store(self, connection: sa.Connection, rows: Iterable[_Row], change: int, now: datetime) -> None:
        new, more = [], []
        for row in rows:
            if row.id is None:
                new.append(self._own | _columns(row, change, now))
            elif row.more:
                more.append({
                    "the_id": row.id, "plus": row.more, "first": row.first, "end": row.last, "said": row.newest,
                    "now_change": change,
                })  # fmt: skip
        if new:
            connection.execute(sa.insert(events), new)
        if more:
            c = events.c
            first, end = sa.bindparam("first", type_=c.at.type), sa.bindparam("end", type_=c.at.type)
            connection.execute(
                sa.update(events).where(c.id == sa.bindparam("the_id")).values(
                    count=c.count + sa.bindparam("plus"), newest=sa.bindparam("said"),
                    at=sa.case((first < c.at, first), else_=c.at), last=sa.case((end > c.last, end), else_=c.last),
                    change=sa.bindparam("now_change"),
                ),
                more,
            )  # fmt: skip


def _minute(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(second=0, microsecond=0)


def _bound(one: Happening, now: datetime) -> tuple[Happening, bool]:
    """An event that is not later than now, in a single minute, and whether it counts for limits."""
    last = one.last or one.at
    ahead = last > now + AHEAD
    if ahead:
        return replace(one, at=now, last=now), False
    at, last = min(one.at, now), min(last, now)
    if last.replace(second=0, microsecond=0) != at.replace(second=0, microsecond=0):
        last = at
    return replace(one, at=at, last=last), True


def _happening(one: Submission, via: str, now: datetime) -> Happening:
    return Happening(
        one.kind, one.source, one.at or now, via, mask(one.user), mask(one.route), mask(one.detail)[:EVIDENCE]
    )  # fmt: skip


def _columns(row: _Row, change: int, now: datetime) -> dict[str, Any]:
    one = row.happening
    first, last = one.at, one.last or one.at
    if row.more:
        assert row.first is not None and row.last is not None
        first, last = min(first, row.first), max(last, row.last)
    return {
        "kind": one.kind, "source": one.source, "network": network_of(one.source), "at": first, "last": last,
        "received": now, "count": one.count + row.more, "counted": row.counted, "via": one.via[:200],
        "user": one.user[:200], "route": one.route[:500], "evidence": one.evidence[:EVIDENCE],
        "newest": (row.newest or one.newest)[:EVIDENCE], "fingerprint": one.fingerprint, "change": change,
    }  # fmt: skip


def _ones(count: int) -> Digest:
    digest = Digest()
    digest.take(count, count, 1, 1, 1, 0, None)
    return digest
