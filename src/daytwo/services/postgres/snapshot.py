"""A transaction whose view of the database the dump shares, so that rows are counted as they are dumped."""

import contextlib
import json
import secrets

from daytwo.core.errors import CommandError, DaytwoError
from daytwo.core.process import CHUNK, Process
from daytwo.services.postgres.access import PSQL, Row, translated
from daytwo.services.postgres.catalog import as_counts, as_tables, count_query, tables_query
from daytwo.services.postgres.session import Session

_BATCH = 200
"""Tables locked and counted by one message to `psql`."""

_BEGIN = """SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
{newer}SET row_security = off;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT json_build_array(pg_export_snapshot());
"""


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

    def counts(self, oids: tuple[int, ...]) -> dict[str, int]:
        """Count the rows of these tables as the snapshot sees them.

        The tables are locked first, as `pg_dump` does: what a `TRUNCATE` empties is empty in every snapshot.

        Raises:
            CommandError: a table was dropped or may not be read.
        """
        tables = as_tables(self._ask(tables_query(oids)))
        batches = [tables[begin : begin + _BATCH] for begin in range(0, len(tables), _BATCH)]
        for batch in batches:
            self._ask(f"LOCK TABLE ONLY {', ONLY '.join(table.sql for table in batch)} IN ACCESS SHARE MODE;")
        counts: dict[str, int] = {}
        for batch in batches:
            counts |= as_counts(batch, self._ask(count_query(batch)))
        self._ask("COMMIT;")
        return counts

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
