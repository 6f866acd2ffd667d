"""Addresses that are shut out: what should be, as rows; and making the blocker do it.

A row is written first. What the blocker does is brought in line with the rows afterwards, again and again: whatever was
forgotten meanwhile (the daemon was killed, the firewall was loaded anew, the machine was started) is done then.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from daytwo.access.roles import SYSTEM, Principal
from daytwo.config import Config
from daytwo.config.acting import LONGEST
from daytwo.core.blocker import AnyBlocker, Network, network_of, shown
from daytwo.core.errors import DaytwoError, NotFoundError, RefusedError, UsageError
from daytwo.core.registry import blocker_class
from daytwo.ledger.audit import Audit
from daytwo.respond.actions.guards import around, meet, objection
from daytwo.respond.actions.neighbours import Names, hosts, known
from daytwo.store.tables import blocks

_LEAST = timedelta(minutes=1)
_HISTORY = timedelta(days=400)


@dataclass(frozen=True)
class Block:
    """A network that is, or was, shut out.

    Args:
        id: its number.
        network: which: an address, or a network.
        begin: since when.
        until: when that ends by itself.
        by: who wanted it.
        why: why.
        ended: when it was let in again; None while it is shut out.
        ended_by: who let it in; `time` when its time was over.
        applied: when the blocker was told last; None while it was not, and when it has let it in.
        error: why the blocker does not do it; empty when it does.
    """

    id: int
    network: str
    begin: datetime
    until: datetime
    by: str
    why: str
    ended: datetime | None
    ended_by: str
    applied: datetime | None
    error: str


class BlockDesk:
    """What is shut out of one app, to be worked with; each act in the caller's transaction, audited.

    Args:
        config: gives the configuration as it is now.
        audit: the record of who did what.
    """

    def __init__(self, config: Callable[[], Config], audit: Audit) -> None:
        self._config = config
        self._audit = audit
        self._own = {"app": config().app, "environment": config().environment}
        self._names = Names()

    def look(self) -> None:
        """Look up the names of servers that must not be shut out, before `add` and outside of a transaction.

        It takes two seconds at most, and next to nothing when it was done a few minutes ago.
        """
        self._names.learn(hosts(self._config()))

    def active(self, connection: sa.Connection) -> tuple[Block, ...]:
        """What is shut out, the newest first."""
        query = sa.select(blocks).filter_by(**self._own).where(blocks.c.ended.is_(None)).order_by(blocks.c.id.desc())
        return tuple(_block(row) for row in connection.execute(query))

    def add(
        self, connection: sa.Connection, address: str, span: timedelta, why: str, who: Principal, now: datetime
    ) -> Block:
        """Shut an address out; one that is already stays so until the later of both ends.

        Args:
            connection: the transaction.
            address: an address or a network; of an IPv6 address the /64 it is in.
            span: for how long.
            why: in words.
            who: on whose behalf.
            now: the time now, aware.

        Raises:
            UsageError: it is no address, or the time makes no sense.
            RefusedError: a guard says no; or nothing is there that shuts addresses out.
        """
        network = _network(address)
        if not _LEAST <= span <= LONGEST.delta:
            raise UsageError("an address is shut out for 1 minute to 30 days", hint="Give such a time, as 1h")
        standing = self.active(connection)
        same = next((one for one in standing if one.network == shown(network)), None)
        count = len(standing) - (same is not None)
        reason = self._objection(connection, network, standing if same is None else (), count, who, now)
        if reason:
            raise RefusedError(f"{shown(network)} is not shut out: {reason}", hint="See docs/how-to/actions.md")
        until = now + span if same is None else max(same.until, now + span)
        number = same.id if same is not None else self._insert(connection, network, until, why, who, now)
        if same is not None:
            self._change(connection, number, until=until, applied=None)
        detail = {"until": until.isoformat(), "why": why}
        self._audit.append(connection, "block.add", shown(network), actor=who.name, via=who.via.value,
                           source=who.source, detail=detail)  # fmt: skip
        return self.get(connection, number)

    def refused(self, connection: sa.Connection, address: str, error: RefusedError, who: Principal) -> None:
        """Record that a guard refused what somebody wanted; `add` cannot, since its transaction is rolled back."""
        self._audit.append(connection, "block.add", shown(_network(address)), actor=who.name, via=who.via.value,
                           source=who.source, outcome="refused", detail={"reason": error.what})  # fmt: skip

    def remove(self, connection: sa.Connection, address: str, who: Principal, now: datetime) -> Block:
        """Let an address in again.

        Args:
            connection: the transaction.
            address: the address or network, or the number of its row.
            who: on whose behalf.
            now: the time now, aware.

        Raises:
            UsageError: it is no address.
            NotFoundError: it is not shut out.
        """
        name = address if address.isdigit() else shown(_network(address))
        found = next((one for one in self.active(connection) if name in (one.network, str(one.id))), None)
        if found is None:
            raise NotFoundError(f"{address} is not shut out", hint="`daytwo block list`")
        # Whether the blocker has it is not sure while it is told, or has failed half-way: it is told to let it in.
        self._change(connection, found.id, ended=now, ended_by=who.name, applied=found.applied or now)
        self._audit.append(
            connection, "block.remove", found.network, actor=who.name, via=who.via.value, source=who.source
        )
        return self.get(connection, found.id)

    def get(self, connection: sa.Connection, number: int) -> Block:
        """One row."""
        return _block(connection.execute(sa.select(blocks).filter_by(**self._own, id=number)).one())

    def end(self, connection: sa.Connection, now: datetime) -> None:
        """Note of what the time is over, and forget what is long past."""
        over = blocks.update().filter_by(**self._own).where(blocks.c.ended.is_(None), blocks.c.until <= now)
        applied = sa.func.coalesce(blocks.c.applied, blocks.c.until)
        connection.execute(over.values(ended=blocks.c.until, ended_by="time", applied=applied))
        old = (
            sa.delete(blocks).filter_by(**self._own).where(blocks.c.ended < now - _HISTORY, blocks.c.applied.is_(None))
        )
        connection.execute(old)

    def spare(self, connection: sa.Connection, now: datetime) -> None:
        """Let in what `blocking.allow` names by now: whoever is shut out by mistake is let in by writing it there."""
        allow = self._config().blocking.allow
        for one in self.active(connection):
            network = network_of(one.network)
            if any(meet(network, other) for other in allow):
                self.remove(connection, one.network, replace(SYSTEM, name="blocking.allow"), now)

    def waiting(self, connection: sa.Connection) -> tuple[Block, ...]:
        """What the blocker is to be told of: what it does not know yet, and what it is to let in."""
        new = sa.and_(blocks.c.ended.is_(None), blocks.c.applied.is_(None))
        over = sa.and_(blocks.c.ended.is_not(None), blocks.c.applied.is_not(None))
        query = sa.select(blocks).filter_by(**self._own).where(sa.or_(new, over)).order_by(blocks.c.id)
        return tuple(_block(row) for row in connection.execute(query))

    def told(self, connection: sa.Connection, block: Block, now: datetime, error: str = "") -> None:
        """Note what came of telling the blocker. What was changed in the meantime is told again."""
        values: dict[str, object] = {"error": error}
        if not error:
            values["applied"] = now if block.ended is None else None
        same = sa.and_(blocks.c.id == block.id, blocks.c.until == block.until, _is(blocks.c.ended, block.ended))
        connection.execute(blocks.update().filter_by(**self._own).where(same).values(values))

    def forget(self, connection: sa.Connection, numbers: Sequence[int] | None = None) -> None:
        """Have the blocker told again, of these or of all: it may have forgotten."""
        change = blocks.update().filter_by(**self._own).where(blocks.c.ended.is_(None))
        connection.execute((change if numbers is None else change.where(blocks.c.id.in_(numbers))).values(applied=None))

    def _objection(
        self,
        connection: sa.Connection,
        network: Network,
        others: Sequence[Block],
        count: int,
        who: Principal,
        now: datetime,
    ) -> str:
        config = self._config()
        settings = config.blocking
        if settings.by is None:
            return "nothing shuts addresses out; add `blocking: {by: {kind: nftables}}`"
        for one in others:
            if meet(network, network_of(one.network)):
                return f"it overlaps with {one.network}, which is shut out already"
        here = around(connection, self._own, settings, count, now, who.source, known(config, self._names))
        return objection(network, settings, here)

    def _insert(
        self, connection: sa.Connection, network: Network, until: datetime, why: str, who: Principal, now: datetime
    ) -> int:
        row = {**self._own, "network": shown(network), "begin": now, "until": until, "by": who.name, "why": why}
        key = connection.execute(blocks.insert().values(row)).inserted_primary_key
        assert key is not None
        return int(key[0])

    def _change(self, connection: sa.Connection, number: int, **values: object) -> None:
        connection.execute(blocks.update().where(blocks.c.id == number).values(values))


def blocker_of(config: Config) -> AnyBlocker | None:
    """What shuts addresses out; None when nothing does."""
    settings = config.blocking.by
    return None if settings is None else blocker_class(settings.kind)(settings, config.place)


def carry_out(blocker: AnyBlocker, block: Block, now: datetime) -> str:
    """Tell the blocker of a row; what went wrong, or nothing."""
    try:
        network = network_of(block.network)
        if block.ended is None:
            blocker.block(network, block.until, now)
        else:
            blocker.unblock(network)
    except DaytwoError as error:
        return str(error)
    return ""


def _network(text: str) -> Network:
    try:
        return network_of(text)
    except ValueError:
        raise UsageError(f"'{text[:60]}' is no address", hint="As 203.0.113.7, 203.0.113.0/24 or 2001:db8::1") from None


def _is(column: sa.Column[datetime | None], value: datetime | None) -> sa.ColumnElement[bool]:
    return column.is_(None) if value is None else column == value


def _block(row: sa.Row[tuple[object, ...]]) -> Block:
    return Block(**{name: getattr(row, name) for name in Block.__dataclass_fields__})
