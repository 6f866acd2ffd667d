"""Removing the export records whose audit events are pruned."""

import sqlalchemy as sa

from daytwo.core.records import DataClass
from daytwo.ledger.audit.verify import as_stored
from daytwo.ledger.exports import search, totals
from daytwo.store.tables import exports

_BATCH = 1000


def forget(connection: sa.Connection, place: tuple[str, str], chain: DataClass, through: int) -> int:
    """Remove the records of a data class whose events have this number or a lower one.

    Returns:
        How many there were.
    """
    gone = 0
    while rows := _oldest(connection, place, chain, through):
        search.forget(connection, rows)
        totals.discount(connection, rows)
        connection.execute(exports.delete().where(exports.c.number.in_([row["number"] for row in rows])))
        gone += len(rows)
    return gone


def _oldest(connection: sa.Connection, place: tuple[str, str], chain: DataClass, through: int) -> list[sa.RowMapping]:
    # Within a class, numbers and events are given in the same order: the index by class finds the oldest at once.
    c = exports.c
    query = (
        sa.select(*as_stored(exports))
        .where(c.app == place[0], c.environment == place[1], c.data_class == chain.value)
        .order_by(c.number)
        .limit(_BATCH)
    )
    rows = list(connection.execute(query).mappings())
    return [row for row in rows if row["event"] <= through]
