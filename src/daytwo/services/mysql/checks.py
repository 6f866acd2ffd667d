"""What is asked of a MariaDB or MySQL server while it is watched."""

import re
import time
from collections.abc import Callable, Mapping, Sequence

from daytwo.core.check import Measure, Observation, ProgramCheck, Timing, Unit
from daytwo.core.errors import CommandError, MissingToolError
from daytwo.core.query import Query, QueryCheck
from daytwo.core.reading import Rise, number, one_line
from daytwo.core.run import Run
from daytwo.services.mysql.client import Client, Row, Tool, text

READY = Timing(every=60, timeout=10)
_MARK = "daytwo:"
"""Begins the names of our own answers' columns, so that they are told apart from the server's."""
_VARIABLES = {
    "Threads_connected": "connections_used", "max_connections": "connections_max", "Threads_running": "running",
    "Slow_queries": "slow", "Aborted_connects": "aborted", "Questions": "statements",
    "Innodb_buffer_pool_read_requests": "requests", "Innodb_buffer_pool_reads": "reads", "version": "version",
    "Innodb_row_lock_current_waits": "waiting", "long_query_time": "limit",
}  # fmt: skip
_NAMES = ", ".join(f"'{name}'" for name in _VARIABLES)

# What needs a right of its own comes last, and is left out without it. A running dump is a long transaction on
# purpose: its statements begin with the comment that all of mysqldump's do.
_READY = f"""
SET time_zone = 'SYSTEM';
SHOW GLOBAL VARIABLES WHERE Variable_name IN ({_NAMES});
SHOW GLOBAL STATUS WHERE Variable_name IN ({_NAMES});
SELECT 'size' AS `{_MARK}name`, COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) AS value
  FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE();
SELECT 'longest_transaction' AS `{_MARK}name`, COALESCE(MAX(TIMESTAMPDIFF(SECOND, trx_started, NOW())), 0) AS value
  FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id <> CONNECTION_ID()
  AND COALESCE(trx_query, '') NOT LIKE 'SELECT /*!40001 SQL_NO_CACHE */%';
SHOW ALL SLAVES STATUS;
SHOW REPLICA STATUS;
SHOW SLAVE STATUS;
"""  # noqa: S608  # names of ours
_REPLICA = ("Slave_IO_State", "Replica_IO_State", "Connection_name")
"""The first column of what a server says of itself as a replica; the last is MariaDB's, of all that it replicates."""


class Line:
    """Asks a server, and remembers between two questions which client program there is.

    Args:
        client: makes the client, resolving the secrets.
    """

    def __init__(self, client: Callable[[dict[tuple[str, ...], Tool]], Client]) -> None:
        self._client = client
        self._tools: dict[tuple[str, ...], Tool] = {}

    def ask(self, sql: str, run: Run, *, force: bool = False) -> list[Row]:
        """See `Client.told`."""
        known = bool(self._tools)
        try:
            return self._client(self._tools).told(sql, run, force=force)
        except MissingToolError:
            if not known:
                raise
        self._tools.clear()  # an update has put another one in its place
        return self._client(self._tools).told(sql, run, force=force)


class DatabaseCheck(ProgramCheck):
    """Whether it answers a query, and how busy it is. A replica that has stopped to replicate has failed."""

    about = "answers a query; connections, transactions, replication, size"
    measures = (
        Measure("duration", Unit.SECONDS, "until the answer was there, the start of the client included"),
        Measure("connections_used", Unit.COUNT, "connections of clients"),
        Measure("connections_max", Unit.COUNT, "connections that the server takes (max_connections)"),
        Measure("connections", Unit.RATIO, "used of the connections that it takes"),
        Measure("running", Unit.COUNT, "connections that run a statement right now"),
        Measure("longest_transaction", Unit.SECONDS, "age of the oldest transaction, running dumps aside"),
        Measure("waiting", Unit.COUNT, "transactions that wait for a row lock"),
        Measure("size", Unit.BYTES, "size of the database, as the server estimates it"),
        Measure("buffer_hits", Unit.RATIO, "reads that the buffer pool answered, since the last look"),
        Measure("slow", Unit.COUNT, "statements that took longer than long_query_time", total=True),
        Measure("statements", Unit.COUNT, "statements of clients", total=True),
        Measure("aborted", Unit.COUNT, "connections that failed: wrong password, lost, too many", total=True),
        Measure("replication_lag", Unit.SECONDS, "how far this replica is behind"),
    )

    def __init__(self, name: str, service: str, timing: Timing, line: Line) -> None:
        super().__init__(name, service, timing)
        self._line = line
        self._pool = Rise()

    def look(self, run: Run) -> Observation:
        """Ask."""
        begun = time.monotonic()
        rows = self._line.ask(_READY, run, force=True)
        duration = time.monotonic() - begun
        replicas = _replicas(rows)
        found = {_VARIABLES.get(row[0], row[0]): row[1] for row in rows if len(row) == 2}
        values = {one.name: number(found[one.name]) for one in self.measures if one.name in found}
        numbers = {"duration": duration} | {name: value for name, value in values.items() if value is not None}
        numbers["connections"] = numbers["connections_used"] / numbers["connections_max"]
        reads = number(found.get("reads")) or 0
        hits = self._pool.share((number(found.get("requests")) or 0) - reads, reads)
        if hits is not None:
            numbers["buffer_hits"] = max(0.0, hits)
        lags = [lag for one in replicas if (lag := number(one.get("Seconds_Behind_Master"))) is not None]
        if lags:
            numbers["replication_lag"] = max(lags)
        facts = {"version": one_line(found["version"]), "role": "replica" if replicas else "primary"}
        if "longest_transaction" not in found:
            facts["rights"] = "transactions are not seen: grant it PROCESS"
        if stopped := next(filter(None, map(_stopped, replicas)), ""):
            return Observation.failed(stopped, numbers, facts)
        return Observation.ok(numbers, facts)


class MysqlQuery(QueryCheck):
    """A query, asked in a transaction that cannot write."""

    def __init__(self, name: str, service: str, query: Query, line: Line) -> None:
        super().__init__(name, service, query)
        self._line = line

    def rows(self, run: Run) -> Sequence[Sequence[object]]:
        """The rows behind the line of names."""
        return [_values(row) for row in self._line.ask(asked(self.query), run)[1:]]

    def refused(self, error: CommandError) -> Observation:
        """What the server says."""
        words = re.sub(r"^.*?ERROR \d+ \(\w+\)(?: at line \d+)?: ", "", error.what)
        if re.search(r"max_statement_time|maximum statement execution time", words):
            return Observation.failed(f"the query is not done within {self.query.timeout}")
        return Observation.failed(one_line(f"the server does not take the query: {words}"))


def asked(query: Query) -> str:
    """A query as the client is to run it: one SELECT in a read-only transaction, ended by the server in time.

    What is prepared can only be one statement, and the client does not look into it for commands of its own. Each
    server takes the other's limit for a comment: MariaDB skips `/*!50700` to `/*!99999`, MySQL skips `/*M!`.
    """
    select = f"SELECT * FROM (\n{query.sql}\n) AS daytwo LIMIT 2"  # noqa: S608
    return (
        f"/*M! SET SESSION max_statement_time = {query.patience / 1000} */;\n"
        f"/*!50708 SET SESSION max_execution_time = {query.patience} */;\n"
        f"START TRANSACTION READ ONLY;\nSET @daytwo = {text(select)};\nPREPARE daytwo FROM @daytwo;\nEXECUTE daytwo;\n"
    )


def _values(row: Row) -> Sequence[object]:
    return [None if value == "NULL" else value for value in row]


def _replicas(rows: Sequence[Row]) -> list[Mapping[str, str]]:
    """What a server says of itself as a replica, of each server that it replicates; empty where it is none."""
    found: list[Mapping[str, str]] = []
    names: Row = ()
    for row in rows:
        if row[0] in _REPLICA:
            names = tuple(name.replace("Replica", "Slave").replace("Source", "Master") for name in row)
        elif len(row) == len(names):
            found.append(dict(zip(names, row, strict=True)))
        else:
            names = ()
    return found


def _stopped(replica: Mapping[str, str]) -> str:
    name = replica.get("Connection_name", "")
    for thread, work in (("Slave_IO_Running", "Last_IO_Error"), ("Slave_SQL_Running", "Last_SQL_Error")):
        if replica.get(thread) != "Yes":
            reason = replica.get(work) or f"{thread.replace('Slave', 'Replica')} is {replica.get(thread)}"
            return one_line(f"it is a replica that does not replicate{f' ({name})' if name else ''}: {reason}")
    return ""
