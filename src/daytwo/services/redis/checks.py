"""What is asked of a Redis or Valkey server while it is watched.

The fields of `INFO` are described in the Redis documentation, "INFO".
"""

import re
import time
from collections.abc import Callable

from daytwo.core.check import Measure, Observation, ProgramCheck, Timing, Unit
from daytwo.core.errors import MissingToolError
from daytwo.core.reading import Rise, number, one_line
from daytwo.core.run import Run
from daytwo.core.units import Duration
from daytwo.services.redis.client import CLIENTS, Client, Info, first_tool, meaning

READY = Timing(every=60, timeout=10)
_PONG = "PONG"
_REPLICA = re.compile(r"state=online,offset=(\d+),lag=(\d+)")
_DIRECT = {
    "memory": "used_memory", "fragmentation": "mem_fragmentation_ratio", "clients": "connected_clients",
    "blocked": "blocked_clients", "evicted": "evicted_keys", "expired": "expired_keys",
    "commands": "total_commands_processed", "rejected": "rejected_connections",
    "unsaved": "rdb_changes_since_last_save",
}  # fmt: skip


class ServerCheck(ProgramCheck):
    """Whether it answers PING, what it uses, and whether it keeps its data.

    A server that is still loading, cannot write its data to disk, or has lost the server that it replicates has failed.
    """

    about = "answers PING; memory, clients, persistence, replication"
    measures = (
        Measure("duration", Unit.SECONDS, "until the answer was there, the start of the client included"),
        Measure("memory", Unit.BYTES, "memory used for data"),
        Measure("memory_max", Unit.BYTES, "memory that it may use (maxmemory)"),
        Measure("memory_used", Unit.RATIO, "used of the memory that it may use"),
        Measure("full", Unit.RATIO, "the same where it may evict nothing (noeviction): at 1 it refuses writes"),
        Measure("fragmentation", Unit.RATIO, "memory taken from the system for each byte used"),
        Measure("clients", Unit.COUNT, "connections of clients"),
        Measure("clients_used", Unit.RATIO, "used of the connections that it takes (maxclients)"),
        Measure("blocked", Unit.COUNT, "clients that wait in a blocking command"),
        Measure("hits", Unit.RATIO, "lookups of keys that were there, since the last look"),
        Measure("keys", Unit.COUNT, "keys in all databases"),
        Measure("evicted", Unit.COUNT, "keys given up for want of memory", total=True),
        Measure("expired", Unit.COUNT, "keys whose time was up", total=True),
        Measure("commands", Unit.COUNT, "commands processed", total=True),
        Measure("rejected", Unit.COUNT, "connections refused for want of room (maxclients)", total=True),
        Measure("unsaved", Unit.COUNT, "changes since the last save"),
        Measure("save_age", Unit.SECONDS, "since the last save, where saving is switched on"),
        Measure("replicas", Unit.COUNT, "replicas that are connected"),
        Measure("replication_lag", Unit.SECONDS, "since the slowest replica, or for a replica its master, was heard"),
        Measure("replication_lag_bytes", Unit.BYTES, "how far the slowest replica is behind"),
    )

    def __init__(self, name: str, service: str, timing: Timing, client: Callable[[], Client]) -> None:
        super().__init__(name, service, timing)
        self._client = client
        self._tool = ""
        self._lookups = Rise()

    def look(self, run: Run) -> Observation:
        """Ask."""
        begun = time.monotonic()
        client = self._client()
        pong, _, rest = self._told(client, run).partition("\n")
        duration = time.monotonic() - begun
        text, _, save = rest.partition("\nsave\n")
        info = Info(text)
        troubles = _troubles(info)
        if pong.strip() != _PONG and not troubles:  # PING, too, is refused while it cannot save or loads
            raise meaning(pong.strip(), client.where)
        if not info.version:
            facts = {"rights": "only PING is answered: grant it +info"}
            return Observation.ok({"duration": duration}, facts)
        numbers = {"duration": duration} | _usage(info) | _replication(info)
        hits = self._lookups.share(number(info["keyspace_hits"]) or 0, number(info["keyspace_misses"]) or 0)
        if hits is not None:
            numbers["hits"] = hits
        if save.strip():
            now = (number(info["server_time_usec"]) or time.time() * 1e6) / 1e6
            numbers["save_age"] = max(0.0, now - float(info["rdb_last_save_time"] or now))
        facts = {
            "version": one_line(f"{info.engine} {info.version}"),
            "role": "replica" if info["role"] == "slave" else "primary",
        }
        why = one_line("; ".join(troubles))
        return Observation.failed(why, numbers, facts) if why else Observation.ok(numbers, facts)

    def _told(self, client: Client, run: Run) -> str:
        commands = ("PING", "INFO", "CONFIG GET save")
        if self._tool:
            try:
                return client.tell(run, self._tool, *commands)
            except MissingToolError:
                self._tool = ""  # an update has put another one in its place

        def first(tool: str) -> str:
            answer = client.tell(run, tool, *commands)
            self._tool = tool
            return answer

        return first_tool(CLIENTS, first, client.target)


def _usage(info: Info) -> dict[str, float]:
    found = {name: number(info[field]) for name, field in _DIRECT.items()}
    numbers = {name: value for name, value in found.items() if value is not None}
    numbers["keys"] = sum(keys.total for keys in info.keys.values())
    if limit := number(info["maxmemory"]):
        numbers |= {"memory_max": limit, "memory_used": numbers["memory"] / limit}
        if info["maxmemory_policy"] == "noeviction":
            numbers["full"] = numbers["memory_used"]
    if most := number(info["maxclients"]):
        numbers["clients_used"] = numbers["clients"] / most
    return numbers


def _replication(info: Info) -> dict[str, float]:
    if info["role"] == "slave":
        heard = number(info["master_last_io_seconds_ago"])
        return {"replication_lag": heard} if heard is not None and heard >= 0 else {}
    count = int(number(info["connected_slaves"]) or 0)
    found = [_REPLICA.search(info[f"slave{index}"]) for index in range(count)]
    lags = [(int(one[1]), int(one[2])) for one in found if one]
    if not lags:
        return {"replicas": count} if count else {}
    offset = int(number(info["master_repl_offset"]) or 0)
    return {
        "replicas": count,
        "replication_lag": max(lag for _, lag in lags),
        "replication_lag_bytes": max(0, *(offset - position for position, _ in lags)),
    }


def _troubles(info: Info) -> list[str]:
    """What keeps it from doing its work, each in words."""
    found = []
    if info["loading"] == "1":
        found.append(f"it is still loading its data ({info['loading_loaded_perc'] or '?'} %)")
    if info["rdb_last_bgsave_status"] == "err":
        found.append("the last save to disk has failed; look at its log and the free space")
    if info["aof_enabled"] == "1" and info["aof_last_write_status"] == "err":
        found.append("the append-only file cannot be written; look at its log and the free space")
    if info["aof_enabled"] == "1" and info["aof_last_bgrewrite_status"] == "err":
        found.append("the append-only file could not be rewritten; look at its log and the free space")
    if info["role"] == "slave" and info["master_link_status"] == "down":
        away = number(info["master_link_down_since_seconds"])
        since = f" for {Duration(away)}" if away and away > 0 else ""
        does = "is still copying the data of" if info["master_sync_in_progress"] == "1" else f"has lost{since}"
        found.append(f"it {does} its master {info['master_host']}:{info['master_port']}")
    return found
