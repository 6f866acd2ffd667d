"""What a restore of a whole database leaves behind: in the database from before, or switched off in the new one."""

from collections.abc import Mapping

from daytwo.core.errors import CommandError
from daytwo.services.postgres import catalog
from daytwo.services.postgres.names import literal, quote
from daytwo.services.postgres.session import Session

_MOST = 10
"""Names in one remark."""

# Both catalogs are the server's; names of another database are seen from any.
_SUBSCRIPTIONS = """select json_build_array(subname) from pg_subscription s join pg_database d on d.oid = s.subdbid
  where d.datname = {name} order by subname;"""
_SLOTS = "select json_build_array(slot_name) from pg_replication_slots where database = {name} order by slot_name;"


def remarks(session: Session, scratch: str, restored: Mapping[str, int]) -> list[str]:
    """What a person should know before the restored database takes the live one's place.

    Args:
        session: the server.
        scratch: the restored database.
        restored: its tables, by key.
    """
    said = [
        f"the subscription {name} is restored switched off, and that of the database from before, if there is one, goes"
        " on: switch that off and then this one on" for name in _names(session, _SUBSCRIPTIONS, scratch)
    ]  # fmt: skip
    live = session.access.database
    if not session.exists(live):
        return said
    if slots := _names(session, _SLOTS, live):
        said.append("replication slots stay with the database from before, and the server keeps its log for them: drop"
                    f" {_listed(slots)} and have their readers begin anew")  # fmt: skip
    tables = catalog.as_tables(session.rows(catalog.tables_query(), live))
    if missing := [table.key for table in tables if table.key not in restored]:
        said.append(f"not in the dump, and so only in the database from before: {_listed(missing)}")
    return said


def unsubscribe(session: Session, database: str) -> None:
    """Remove the subscriptions of a database that is to be dropped; their slots belong to those of the live one."""
    for name in map(quote, _names(session, _SUBSCRIPTIONS, database)):
        session.execute(
            f"ALTER SUBSCRIPTION {name} DISABLE;\nALTER SUBSCRIPTION {name} SET (slot_name = NONE);\n"
            f"DROP SUBSCRIPTION {name};",
            database,
        )


def _names(session: Session, query: str, database: str) -> list[str]:
    try:
        rows = session.rows(query.format(name=literal(database)), session.through)
    except CommandError:  # a hosted service may have no such catalog, PostgreSQL 9 has no subscriptions
        return []
    return [str(row[0]) for row in rows]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
