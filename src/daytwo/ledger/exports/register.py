"""The register of exports: what is added stays as it is."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from daytwo.core.errors import ConflictError, NotFoundError
from daytwo.core.records import DataClass
from daytwo.ledger.audit import Audit, Event
from daytwo.ledger.csvtext import csv_line
from daytwo.ledger.exports import query, search, totals
from daytwo.ledger.exports.record import ExportRecord, Submission, columns_of
from daytwo.ledger.exports.witness import ADD, subject_of
from daytwo.store.database import Database
from daytwo.store.tables import exports, exports_counter, utc_text


@dataclass(frozen=True)
class Added:
    """A record that was handed in.

    Args:
        record: as it is kept.
        new: whether it was not there before.
    """

    record: ExportRecord
    new: bool


class Exports:
    """The exports of one app and environment.

    Args:
        database: the state.
        audit: the trail of the same app and environment.
        app: the app's name.
        environment: the environment's name.
        clock: the time now, UTC.
    """

    def __init__(
        self, database: Database, audit: Audit, app: str, environment: str, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._audit = audit
        self._place = (app, environment)
        self._clock = clock

    def add(self, connection: sa.Connection, given: Submission, *, actor: str, via: str, source: str = "") -> Added:
        """Record an export in the caller's transaction, with the event that has its digest.

        Args:
            connection: the transaction.
            given: what is known of it. With a key that has been used, nothing is written.
            actor: who reports it.
            via: the way they came.
            source: the address they came from, where there is one.

        Raises:
            ConflictError: the key was used for something else.
        """
        return self.add_all(connection, [given], Event(ADD, actor=actor, via=via, source=source))[0]

    def add_all(
        self, connection: sa.Connection, given: Sequence[Submission], by: Event, at: datetime | None = None
    ) -> list[Added]:
        """Record several at once.

        Args:
            connection: the transaction.
            given: what is known of them, in their order.
            by: who reports them; its action, subject and detail are filled in here.
            at: when; now if absent.

        Raises:
            ConflictError: a key was used for something else; nothing of this call is written.
        """
        last = connection.execute(sa.select(exports_counter.c.last).with_for_update()).scalar_one()
        known = self._with_keys(connection, [one.key for one in given if one.key])
        now = at or self._clock()
        rows: list[dict[str, Any]] = []
        answers: list[ExportRecord | int] = []
        for one in given:
            if one.key and (before := known.get(one.key)) is not None:
                answers.append(_same(before, rows, one))
                continue
            last += 1
            answers.append(len(rows))
            if one.key:
                known[one.key] = len(rows)
            rows.append(columns_of(one, last, self._place, now))
        if rows:
            self._write(connection, rows, by, now)
            connection.execute(exports_counter.update().values(last=last))
        return _answers(answers, rows)

    def get(self, number: int) -> ExportRecord:
        """One record.

        Raises:
            NotFoundError: there is none with this number.
        """
        c = exports.c
        wanted = sa.select(*query.RECORD).where(c.number == number)
        wanted = wanted.where(c.app == self._place[0], c.environment == self._place[1])
        with self._database.read() as connection:
            row = connection.execute(wanted).one_or_none() if 0 < number < 1 << 62 else None
        if row is None:
            raise NotFoundError(f"there is no export {number}", hint="`daytwo exports list` shows them")
        return query.record_of(row)

    def page(
        self, wanted: query.ExportFilter, limit: int = 50, after: str | None = None
    ) -> tuple[tuple[ExportRecord, ...], str | None]:
        """Exports, the newest first, and what to give as `after` for the next page.

        Raises:
            UsageError: `after` is nothing that a page gave, or the text is too short to search for.
        """
        with self._database.read() as connection:
            return query.page(connection, self._place, wanted, limit, after)

    def report(
        self, by: totals.By, since: date | None = None, until: date | None = None, limit: int = 100
    ) -> totals.Totals:
        """Sum exports up, over all time or whole days (UTC)."""
        with self._database.read() as connection:
            return totals.report(connection, self._place, by, since, until, limit)

    def csv(self, wanted: query.ExportFilter) -> Iterator[str]:
        """Exports as lines of CSV, the newest first, five hundred in memory at a time."""
        names = list(ExportRecord.model_fields)
        yield csv_line(names)
        after: str | None = None
        while True:
            found, after = self.page(wanted, 500, after)
            for record in found:
                values = record.model_dump(mode="json") | {"at": utc_text(record.at)}
                yield csv_line(["" if values[name] is None else values[name] for name in names])
            if after is None:
                return

    def _with_keys(self, connection: sa.Connection, keys: Sequence[str]) -> dict[str, "ExportRecord | int"]:
        if not keys:
            return {}
        c = exports.c
        wanted = sa.select(*query.RECORD).where(
            c.app == self._place[0], c.environment == self._place[1], c.key.in_(keys)
        )
        return {str(row.key): query.record_of(row) for row in connection.execute(wanted)}

    def _write(self, connection: sa.Connection, rows: Sequence[dict[str, Any]], by: Event, now: datetime) -> None:
        for chain in DataClass:  # always in this order: two transactions that lock several chains cannot deadlock
            own = [row for row in rows if row["data_class"] == chain.value]
            if own:
                events = [_event(row, by) for row in own]
                for row, head in zip(own, self._audit.append_all(connection, events, chain, now), strict=True):
                    row["event"] = head.seq
        connection.execute(exports.insert(), [{**row, "at": now} for row in rows])
        search.index(connection, rows)
        totals.count(connection, rows)


def _event(row: Mapping[str, Any], by: Event) -> Event:
    detail = {name: row[name] for name in ("who", "what", "rows", "destination", "status", "digest")}
    return Event(ADD, subject_of(row["number"]), by.actor, by.via, by.source, detail=detail)


def _same(before: "ExportRecord | int", rows: Sequence[Mapping[str, Any]], given: Submission) -> "ExportRecord | int":
    record = _record(rows[before]) if isinstance(before, int) else before
    if not record.says(given):
        raise ConflictError(
            f"the key '{given.key}' was used for export {record.number}, which says something else",
            hint="Take a new key for a new export; the same key only repeats the same one",
        )
    return before


def _answers(answers: Sequence["ExportRecord | int"], rows: Sequence[Mapping[str, Any]]) -> list[Added]:
    seen: set[int] = set()
    found = []
    for one in answers:
        new = isinstance(one, int) and one not in seen
        if isinstance(one, int):
            seen.add(one)
        found.append(Added(_record(rows[one]) if isinstance(one, int) else one, new))
    return found


def _record(row: Mapping[str, Any]) -> ExportRecord:
    return ExportRecord.model_validate({"event": 0, **{n: row[n] for n in ExportRecord.model_fields if n in row}})
