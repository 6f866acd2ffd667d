"""A transaction whose view of the database the dump shares, so that rows are counted as they are dumped."""

import contextlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from daytwo.core.errors import CommandError, DaytwoError
from daytwo.core.process import CHUNK, Process
from daytwo.services.postgres.access import PSQL, Row, translated
from daytwo.services.postgres.catalog import as_counts, as_tables, count_query, tables_query
from daytwo.services.postgres.session import Session

_BATCH = 200
"""Tables counted by one message to `psql`."""

_BEGIN = """SET statement_timeout = 0;
SET lock_timeout = '30s';
SET idle_in_transaction_session_timeout = 0;
{newer}SET row_security = off;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT json_build_array(pg_export_snapshot());
"""


# The row of the catalog is the snapshot's; the function looks at what there is now.
_REPLACED = """select json_build_array(oid::bigint) from pg_class where oid = any('{{{oids}}}'::oid[])
  and relfilenode is distinct from pg_relation_filenode(oid);"""


# What is in the dump and needs a relation that is not. Extensions bring their own.
_BEREFT = """with dumped as (select unnest('{{{oids}}}'::oid[]) as oid), needed as (
  select conrelid as one, confrelid as other, format('foreign key %s of %s', conname, conrelid::regclass) as what
    from pg_constraint where contype = 'f' and conparentid = 0
  union select v.oid, d.refobjid, format('view %s', v.oid::regclass) from pg_class v
    join pg_rewrite r on r.ev_class = v.oid and v.relkind in ('v', 'm')
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass)
  select json_build_array(format('%s (%s)', what, other::regclass)) from needed join pg_class o on o.oid = other
    join pg_namespace n on n.oid = o.relnamespace
    where one in (select oid from dumped) and other not in (select oid from dumped)
    and n.nspname <> 'information_schema' and n.nspname !~ '^pg_' and not exists (
      select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = other and e.deptype = 'e')
    order by what;"""


@dataclass(frozen=True)
class Counted:
    """Rows by table, and the tables that were dropped, emptied or locked before they could be counted."""

    counts: Mapping[str, int]
    skipped: tuple[str, ...] = ()


class Snapshot:
    """A `psql` that holds a read-only transaction open. A context manager.

    Args:
        session: the server and database.

    Attributes:
        id: what `pg_dump --snapshot` takes.
    """

    def __init__(self, session: Session) -> None:
        access = session.access
        self._access = access
        psql = access.command(session.client, "psql", *PSQL, "--set=ON_ERROR_STOP=1", "--file=-")
        self._process = Process(access.target, psql, session.run, keep_stdin=True)
        self._rest = b""
        self._idle = False
        try:
            # Without this a transaction that is older than the limit is ended; the setting came with PostgreSQL 17.
            newer = "SET transaction_timeout = 0;\n" if session.server.version.number >= 170000 else ""
            [[id]] = self._ask(_BEGIN.format(newer=newer))
        except BaseException:
            self.close()
            raise
        self.id = str(id)

    def __enter__(self) -> "Snapshot":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def bereft(self, oids: tuple[int, ...]) -> tuple[str, ...]:
        """What needs a table or view that is not among these: without it, it cannot be restored.

        Args:
            oids: the relations that are in the dump.
        """
        found = self._ask(_BEREFT.format(oids=",".join(map(str, oids))))
        return tuple(str(row[0]) for row in found)

    def counts(self, oids: tuple[int, ...]) -> Counted:
        """Count the rows of these tables as the snapshot sees them.

        Locks would not help: a `TRUNCATE` that waits for `pg_dump` to end comes before ours. What it empties is empty
        in every snapshot, and shows by a file that is not the one the snapshot knows; such a table is not counted.

        Raises:
            CommandError: the catalog cannot be read.
        """
        tables = as_tables(self._ask(tables_query(oids)))
        self._ask("\\set ON_ERROR_STOP off\n\\set ON_ERROR_ROLLBACK on")  # one table that is gone is no reason to stop
        counts: dict[str, int] = {}
        for begin in range(0, len(tables), _BATCH):
            batch = tables[begin : begin + _BATCH]
            counts |= as_counts(batch, self._ask(count_query(batch)))
        replaced = {str(oid) for (oid,) in self._ask(_REPLACED.format(oids=",".join(map(str, oids))))}
        whole = {table.key for table in tables if str(table.oid) not in replaced}
        self._ask("COMMIT;")
        return Counted(
            {key: count for key, count in counts.items() if key in whole},
            tuple(table.key for table in tables if table.key not in counts or table.key not in whole),
        )

    def close(self) -> None:
        """End the transaction and the program."""
        self._process.close_stdin()
        if self._idle:  # then it ends by itself, at once and cleanly
            with contextlib.suppress(DaytwoError):
                self._process.finish()
        self._process.__exit__(None, None, None)

    def _ask(self, sql: str) -> list[Row]:
        end = f"end {secrets.token_hex(8)}"
        self._idle = False
        self._process.write(f"{sql}\n\\echo {end}\n".encode())
        rows: list[Row] = []
        for line in iter(self._line, end):
            with contextlib.suppress(json.JSONDecodeError):
                rows.append(json.loads(line))
        self._idle = True
        return rows

    def _line(self) -> str:
        while b"\n" not in self._rest:
            data = self._process.stdout.read(CHUNK)
            if not data:
                raise self._ended()
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def _ended(self) -> Exception:
        try:
            self._process.finish()
        except CommandError as error:
            return translated(error, self._access, self._access.database)
        return CommandError("psql ended before it was asked to", where=self._access.where)
