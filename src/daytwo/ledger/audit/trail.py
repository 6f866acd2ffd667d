"""The audit trail of one app and environment: to append to, to look through, to verify, to prune."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from pydantic import JsonValue

from daytwo.config.serving import Records
from daytwo.core.records import DataClass, Head
from daytwo.ledger.audit import listing, prune, tail
from daytwo.ledger.audit.event import Event, Recorded
from daytwo.ledger.audit.verdict import Verdict
from daytwo.ledger.audit.verify import PRUNE, verify
from daytwo.store.database import Database
from daytwo.store.tables import audit_chains


class Audit:
    """The trail.

    Args:
        database: the state.
        app: the app's name.
        environment: the environment's name.
        clock: the time now, UTC.
    """

    def __init__(self, database: Database, app: str, environment: str, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._place = (app, environment)
        self._clock = clock

    def append(
        self,
        connection: sa.Connection,
        action: str,
        subject: str = "",
        *,
        actor: str,
        via: str,
        source: str = "",
        outcome: str = "ok",
        detail: Mapping[str, JsonValue] | None = None,
        data_class: DataClass = DataClass.INTERNAL,
    ) -> Head:
        """Record an act in the caller's transaction: it is in the trail when, and only when, that is committed.

        Args:
            connection: the transaction; in PostgreSQL the chain is locked until its end.
            action: `noun.verb`, such as `token.create`.
            subject: what it was done to.
            actor: who did it.
            via: the way they came.
            source: the address they came from, where there is one.
            outcome: `ok`, or in a word how it ended.
            detail: more, for whoever looks closer; no secrets.
            data_class: how sensitive it is: decides how long it is kept.

        Returns:
            Where the chain ends now.
        """
        event = Event(action, subject, actor, via, source, outcome, detail or {})
        return self.append_all(connection, [event], data_class)[0]

    def append_all(
        self, connection: sa.Connection, events: Sequence[Event], data_class: DataClass, at: datetime | None = None
    ) -> tuple[Head, ...]:
        """Record several acts of one data class at once.

        Args:
            connection: the caller's transaction.
            events: in their order.
            data_class: of them all.
            at: when; now if absent.

        Returns:
            Where the chain ends after each of them.
        """
        return tail.append(connection, self._place, data_class.value, events, at or self._clock())

    def heads(self) -> tuple[Head, ...]:
        """Where each chain ends now. Kept elsewhere, they tell later whether a chain was cut off or written anew."""
        app, environment = self._place
        query = (
            sa.select(audit_chains.c.chain, audit_chains.c.seq, audit_chains.c.hash)
            .where(audit_chains.c.app == app, audit_chains.c.environment == environment, audit_chains.c.seq > 0)
            .order_by(audit_chains.c.chain)
        )
        with self._database.read() as connection:
            return tuple(Head(chain=row.chain, seq=row.seq, hash=row.hash) for row in connection.execute(query))

    def page(
        self, wanted: listing.Filter, limit: int = 50, after: str | None = None
    ) -> tuple[tuple[Recorded, ...], str | None]:
        """Events, the newest first, and what to give as `after` for the next page.

        Raises:
            UsageError: `after` is nothing that a page gave.
        """
        with self._database.read() as connection:
            return listing.page(connection, self._place, wanted, limit, after)

    def get(self, id: str) -> Recorded:
        """One event, by its id (`CHAIN/SEQ`).

        Raises:
            NotFoundError: there is none.
        """
        with self._database.read() as connection:
            return listing.one(connection, self._place, id)

    def export(self, wanted: listing.Filter, form: str = "jsonl") -> Iterator[str]:
        """Events as lines of `jsonl` or `csv`, the oldest first."""
        return listing.lines(self._database, self._place, wanted, form)

    def verify(self, anchors: Sequence[Head] = ()) -> Verdict:
        """Look for whatever was changed, removed, inserted, reordered or cut off since it was recorded.

        Args:
            anchors: heads that were kept elsewhere. Without them a chain that was written anew from some point on,
                every hash and row about it included, cannot be told from the true one.
        """
        from daytwo.ledger.exports.witness import ExportWitness

        with self._frozen() as connection:
            return verify(connection, self._place, anchors, [ExportWitness(self._place)])

    def prune(
        self, now: datetime, records: Records, *, actor: str = "daytwo", via: str = "system"
    ) -> tuple[prune.Pruned, ...]:
        """Remove the segments that are wholly older than their data class's time, each in a transaction of its own.

        Args:
            now: the time, UTC.
            records: how long each class is kept.
            actor: who prunes.
            via: the way they came.
        """
        gone: list[prune.Pruned] = []
        by = Event(PRUNE, actor=actor, via=via)
        for chain in DataClass:
            keep = getattr(records, chain.value)
            while keep is not None:
                with self._database.begin() as connection:
                    one = prune.prune_next(connection, self._place, chain, timedelta(seconds=keep), now, by)
                if one is None:
                    break
                gone.append(one)
        return tuple(gone)

    @contextlib.contextmanager
    def _frozen(self) -> Iterator[sa.Connection]:
        """One unchanging look at the state, however long it takes."""
        with self._database.read() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection
