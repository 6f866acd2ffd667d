"""What is asked of a PostgreSQL server while it is watched.

The first check fails when the server does not answer. Those beside it only measure: what they cannot find out is
inconclusive, so that one outage is told once.
"""

import secrets
import time
from collections.abc import Mapping, Sequence

from daytwo.core.check import Check, Measure, Observation, ProgramCheck, Timing, Unit
from daytwo.core.errors import CancelledError, CommandError, DaytwoError
from daytwo.core.query import Query, QueryCheck
from daytwo.core.reading import Rise, number, one_line
from daytwo.core.run import Run
from daytwo.core.units import Percent, Size
from daytwo.services.postgres.asking import Line, in_servers_words, merged

READY = Timing(every=60, timeout=10)
TABLES = Timing(every=3600, timeout=60)
_FEW_DEAD = 1000
"""Dead rows that are nothing to speak of, whatever share of a small table they are."""

# A role without the rights of pg_monitor sees of others' sessions only that they are there; `backend_type` is then
# null, and absent in 9.6. A backup of ours is a long transaction on purpose, and is not told as one.
_READY = """
select json_build_object('version', current_setting('server_version'), 'size', pg_database_size(current_database()),
  'connections_max', current_setting('max_connections')::int,
  'role', case when pg_is_in_recovery() then 'replica' else 'primary' end,
  'waiting', (select count(*) from pg_locks where not granted),
  'wraparound', (select max(greatest(age(datfrozenxid), mxid_age(datminmxid))) / 2147483648.0 from pg_database));
select json_build_object('connections_used', count(*),
  'idle_in_transaction', count(*) filter (where datname = current_database() and state like 'idle in transaction%'),
  'longest_transaction', coalesce(max(extract(epoch from clock_timestamp() - xact_start)) filter (
    where datname = current_database() and pid <> pg_backend_pid() and application_name <> 'daytwo'), 0))
  from (select s.*, to_jsonb(s)->>'backend_type' as what from pg_stat_activity s where datid is not null) as session
  where coalesce(what, 'client backend') = 'client backend';
select json_build_object('commits', xact_commit, 'rollbacks', xact_rollback, 'deadlocks', deadlocks,
  'temporary', temp_bytes, 'hit', blks_hit, 'read', blks_read)
  from pg_stat_database where datname = current_database();
"""

# Not every service that speaks PostgreSQL has these; what fails is left out.
_REPLICATION = r"""
\set ON_ERROR_STOP 0
select json_build_object('sees_all', pg_has_role(current_user, 'pg_read_all_stats', 'member'));
select json_build_object('replicas', count(*),
  'replication_lag', coalesce(max(extract(epoch from replay_lag)), 0),
  'replication_lag_bytes', coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)), 0))
  from pg_stat_replication where not pg_is_in_recovery() and state <> 'backup' having count(*) > 0;
select json_build_object('replication_lag_bytes',
    coalesce(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), 0),
  'replication_lag', case
    when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() and exists (select from pg_stat_wal_receiver) then 0
    else coalesce(extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()), 0) end)
  where pg_is_in_recovery();
select json_build_object('slots_retain', coalesce(max(pg_wal_lsn_diff(
    case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, restart_lsn)), 0))
  from pg_replication_slots having count(*) > 0;
"""

_TABLES = f"""
set lock_timeout = '2s';
with tables as (
  select n.nspname || '.' || c.relname as name, pg_total_relation_size(c.oid) as size, s.n_live_tup as live,
    s.n_dead_tup as dead, s.n_dead_tup::float8 / nullif(s.n_live_tup + s.n_dead_tup, 0) as share,
    greatest(s.last_vacuum, s.last_autovacuum) as vacuumed
  from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_stat_all_tables s on s.relid = c.oid
  where c.relkind in ('r', 'm') and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'),
worst as (select * from tables where dead > {_FEW_DEAD} order by share desc limit 1)
select json_build_object('tables', count(*), 'size', coalesce(sum(size), 0), 'largest', coalesce(max(size), 0),
  'dead_rows', coalesce(sum(dead)::float8 / nullif(sum(live) + sum(dead), 0), 0),
  'dead_rows_worst', coalesce((select share from worst), 0),
  'unused_indexes', (select coalesce(sum(pg_relation_size(i.indexrelid)), 0) from pg_stat_user_indexes u
     join pg_index i using (indexrelid) where u.idx_scan = 0 and not i.indisunique),
  'worst', (select json_build_array(name, share, vacuumed::date) from worst),
  'top', (select json_agg(json_build_array(name, size)) from (select * from tables order by size desc limit 3) as t))
  from tables;
"""  # noqa: S608  # a number of ours


class DatabaseCheck(ProgramCheck):
    """Whether it answers a query, and how busy it is."""

    about = "answers a query; connections, transactions, replication, size"
    measures = (
        Measure("duration", Unit.SECONDS, "until the answer was there, the start of psql included"),
        Measure("connections_used", Unit.COUNT, "connections of clients, to all databases of the server"),
        Measure("connections_max", Unit.COUNT, "connections that the server takes (max_connections)"),
        Measure("connections", Unit.RATIO, "used of the connections that it takes"),
        Measure("longest_transaction", Unit.SECONDS, "age of the oldest transaction, daytwo's own backups aside"),
        Measure("idle_in_transaction", Unit.COUNT, "sessions that hold a transaction open and do nothing"),
        Measure("waiting", Unit.COUNT, "locks that somebody waits for"),
        Measure("size", Unit.BYTES, "size of the database"),
        Measure("wraparound", Unit.RATIO, "transaction ids used before the server refuses writes (2^31)"),
        Measure("cache_hits", Unit.RATIO, "blocks found in the server's memory, since the last look"),
        Measure("commits", Unit.COUNT, "transactions committed", total=True),
        Measure("rollbacks", Unit.COUNT, "transactions rolled back", total=True),
        Measure("deadlocks", Unit.COUNT, "deadlocks", total=True),
        Measure("temporary", Unit.BYTES, "written to temporary files, by queries that need more memory", total=True),
        Measure("replicas", Unit.COUNT, "replicas that are connected"),
        Measure("replication_lag", Unit.SECONDS, "how far the slowest replica, or this one, is behind"),
        Measure("replication_lag_bytes", Unit.BYTES, "the same in bytes of the write-ahead log"),
        Measure("slots_retain", Unit.BYTES, "write-ahead log kept for the replication slot that is furthest behind"),
    )

    def __init__(self, name: str, service: str, timing: Timing, line: Line) -> None:
        super().__init__(name, service, timing)
        self._line = line
        self._blocks = Rise()

    def look(self, run: Run) -> Observation:
        """Ask."""
        begun = time.monotonic()
        found = merged(self._line.ask(_READY + _REPLICATION, run))
        numbers = {"duration": time.monotonic() - begun} | _numbers(self.measures, found)
        numbers["connections"] = numbers["connections_used"] / numbers["connections_max"]
        hits = self._blocks.share(number(found.get("hit")) or 0, number(found.get("read")) or 0)
        if hits is not None:
            numbers["cache_hits"] = hits
        facts = {"version": one_line(str(found["version"])), "role": str(found["role"])}
        if found.get("sees_all") is False:
            facts["rights"] = "others' transactions and replicas are not seen: grant it pg_monitor"
        return Observation.ok(numbers, facts)


class Measuring(ProgramCheck):
    """A check that never fails: what hinders it is told by the first one."""

    def look(self, run: Run) -> Observation:
        """Ask."""
        try:
            return self.measure(run)
        except CancelledError:
            raise
        except DaytwoError as error:
            return Observation.inconclusive(one_line(str(error)))

    def measure(self, run: Run) -> Observation:
        """Ask, and let any error out.

        Raises:
            DaytwoError: nothing is known, then.
        """
        raise NotImplementedError


class TablesCheck(Measuring):
    """How large tables are, and how much in them is dead."""

    about = "size of the tables, dead rows, unused indexes"
    measures = (
        Measure("tables", Unit.COUNT, "tables and materialized views"),
        Measure("size", Unit.BYTES, "all of them with their indexes"),
        Measure("largest", Unit.BYTES, "the largest one with its indexes"),
        Measure("dead_rows", Unit.RATIO, "rows that are dead and not vacuumed yet"),
        Measure("dead_rows_worst", Unit.RATIO, f"the same of the worst table with more than {_FEW_DEAD} of them"),
        Measure("unused_indexes", Unit.BYTES, "indexes that no query has used and that keep nothing unique"),
    )

    def __init__(self, name: str, service: str, timing: Timing, line: Line) -> None:
        super().__init__(name, service, timing)
        self._line = line

    def measure(self, run: Run) -> Observation:
        """Ask; a table that somebody has locked is waited for two seconds."""
        found = merged(self._line.ask(_TABLES, run))
        facts = {}
        if top := found.get("top"):
            assert isinstance(top, list)
            facts["largest"] = one_line(", ".join(f"{name} {Size(size).human}" for name, size in top))
        if worst := found.get("worst"):
            assert isinstance(worst, list)
            name, share, vacuumed = worst
            when = f"vacuumed {vacuumed}" if vacuumed else "never vacuumed"
            facts["most_dead"] = one_line(f"{name}: {Percent(round(share, 3))} of its rows, {when}")
        return Observation.ok(_numbers(self.measures, found), facts)


class PostgresQuery(QueryCheck):
    """A query, asked in a transaction that cannot write."""

    def __init__(self, name: str, service: str, query: Query, line: Line) -> None:
        super().__init__(name, service, query)
        self._line = line

    def rows(self, run: Run) -> Sequence[Sequence[object]]:
        """The rows, each a list of values."""
        return [row for row in self._line.ask(asked(self.query), run) if isinstance(row, list)]

    def refused(self, error: CommandError) -> Observation:
        """What the server says."""
        words = in_servers_words(error)
        if "statement timeout" in words:
            return Observation.failed(f"the query is not done within {self.query.timeout}")
        return Observation.failed(one_line(f"the server does not take the query: {words}"))


def asked(query: Query) -> str:
    """A query as `psql` is to run it: one SELECT, never read as commands of `psql`'s own, in a read-only transaction.

    `\\gexec` runs the text that a statement returns; a row comes as an array of its values.
    """
    tag = f"$daytwo{secrets.token_hex(8)}$"
    values = "(select coalesce(json_agg(each.value), '[]') from json_each(row_to_json(daytwo)) as each)"
    select = f"select {values} from (select * from (\n{query.sql}\n) as daytwo limit 2) as daytwo"  # noqa: S608
    return f"begin read only;\nset local statement_timeout = {query.patience};\nselect {tag}{select}{tag} \\gexec\n"


def checks_of(
    name: str, line: Line, ready: Timing, queries: Mapping[str, Query], others: tuple[Check, ...]
) -> tuple[Check, ...]:
    """All checks of a service.

    Args:
        name: the service's.
        line: the way to its server.
        ready: when the first is asked.
        queries: of the configuration.
        others: further checks.
    """
    return (
        DatabaseCheck(name, name, ready, line),
        TablesCheck(f"{name}.tables", name, TABLES, line),
        *others,
        *(PostgresQuery(f"{name}.{one}", name, query, line) for one, query in queries.items()),
    )


def _numbers(measures: tuple[Measure, ...], found: Mapping[str, object]) -> dict[str, float]:
    values = ((one.name, number(found[one.name])) for one in measures if one.name in found)
    return {name: value for name, value in values if value is not None}
