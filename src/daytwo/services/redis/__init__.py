"""Redis and Valkey: a server's data as one RDB, taken and given back over the replication protocol."""

import platform
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from daytwo.core.check import Check
from daytwo.core.command import command
from daytwo.core.errors import CommandError, DaytwoError, IntegrityError, MissingToolError, UnreachableError, UsageError
from daytwo.core.manifest import ComponentRecord, Identity
from daytwo.core.process import Process, capture
from daytwo.core.run import Run
from daytwo.core.service import Component, Dump, Phase, Service, Source, Staged, Verification
from daytwo.core.target import LOCAL, Target
from daytwo.core.units import Size
from daytwo.services.redis.client import CHECKERS, LOOPBACK, SERVERS, Client, Info, Settings, first_tool
from daytwo.services.redis.crc64 import Crc64
from daytwo.services.redis.dump import dumping
from daytwo.services.redis.rdb import SMALLEST, Frame, framed
from daytwo.services.redis.restore import stage, sweep

_MEMORY = 3
"""Bytes of memory for a byte of RDB: its texts are compressed and its numbers packed; measured, two to three."""


class Redis(Service[Settings]):
    """A Redis or Valkey server."""

    kind = "redis"
    summary = "a Redis or Valkey server"
    Settings = Settings

    def components(self) -> tuple[Component, ...]:
        """One RDB."""
        return (RdbComponent(self),)

    def checks(self) -> tuple[Check, ...]:
        """Whether it answers, and how it is."""
        from daytwo.services.redis.checks import READY, ServerCheck

        return (ServerCheck(self.name, self.name, self.timing(READY), self.client),)

    def client(self) -> Client:
        """The server, secrets resolved."""
        s = self.settings
        where = f"Redis {s.host or 'localhost'}:{s.port} on {self.target}"
        return Client(self.target, s.host, s.port, s.username, self.secret(s.password, "password"), s.tls, where)


class RdbComponent(Component):
    """All databases of the server as one RDB."""

    def __init__(self, service: Redis) -> None:
        super().__init__(
            service.name, f"{service.name}.rdb", kind=service.kind, format="rdb", phase=Phase.DATABASE,
            secret=service.settings.secret, smallest=SMALLEST,
        )  # fmt: skip
        self._of = service

    @contextmanager
    def _dump(self, run: Run) -> Iterator[Dump]:
        client = self._of.client()
        state = client.info(run)
        with dumping(client, state, self._identity(client, state, run), run) as dump:
            yield dump

    def dump(self, run: Run) -> AbstractContextManager[Dump]:
        """Take the data as a replica would; no file of the server's is needed."""
        return self._dump(run)

    def verify(self, source: Source, run: Run) -> Verification:
        """Have `redis-check-rdb` read it, here or at the target; without one, read its frame and checksum ourselves.

        Raises:
            IntegrityError: it is damaged or cut off.
        """
        for target in dict.fromkeys((LOCAL, self._of.target)):
            try:
                said = first_tool(CHECKERS, lambda tool, at=target: _check(tool, at, source, run), target)  # type: ignore[misc]
            except (MissingToolError, UnreachableError, _TooNewError):
                continue
            return said
        return _check_ourselves(source, run)

    def identity(self, run: Run) -> Identity:
        """The server and what it holds now."""
        client = self._of.client()
        return self._identity(client, client.info(run), run)

    def _identity(self, client: Client, state: Info, run: Run) -> Identity:
        """A server's run id changes with every start, so a server is known by its place: machine, port and file."""
        target, host = client.target, client.host
        machine = platform.node() if target.host.is_local else str(target.host)
        place = machine if target == target.host else f"{machine}/{target}"
        remote = "" if host in (None, *LOOPBACK) else f"/{host}"
        file = f"{client.setting(run, 'dir')}/{client.setting(run, 'dbfilename')}"
        total, number = sum(keys.total for keys in state.keys.values()), len(state.keys)
        size = Size(int(state["used_memory"] or 0)).human
        at = f"{target}" if not target.is_local else host or "localhost"
        return Identity(
            label=f"{state.engine} {state.version} on {at}, port {client.port}",
            id=f"{place}{remote}:{client.port}:{file}",
            version=state.version,
            holds=f"{total} keys in {number} databases, {size} of memory" if total else "nothing",
        )

    def obstacles(self, record: ComponentRecord, run: Run) -> tuple[str, ...]:
        """What keeps the live server from copying a scratch server."""
        client = self._of.client()
        try:
            state = client.info(run)
        except UnreachableError as error:
            return (
                f"{error}. A restore needs the live server running; it copies the restored data as a replica would",
            )
        found = [_server_tool(client, run), _role(state), _place(client), _memory(client, record, run),
                 _version(record, state)]  # fmt: skip
        return tuple(obstacle for obstacle in found if obstacle)

    def stage(self, source: Source, run: Run, only: tuple[str, ...] = ()) -> Staged:
        """Load the RDB into a scratch server beside the live one.

        Raises:
            UsageError: part of it was asked for.
        """
        if only:
            raise UsageError(f"{self.name} is one piece; restore it whole")
        return stage(self._of.client(), source, run)

    def sweep(self, dead_run: str, run: Run) -> tuple[str, ...]:
        """Remove the folder that a dead run's scratch server was reading from."""
        return sweep(self._of.client(), dead_run, run)


class _TooNewError(Exception):
    """The checking program does not know this version of the format."""


def _check(tool: str, target: Target, source: Source, run: Run) -> Verification:
    with Process(target, command(tool, "/dev/stdin"), run, stdin=framed(source.chunks())) as process:
        said = process.stdout.read().decode("utf-8", "replace")
        try:
            process.finish()
        except CommandError:
            if "an't handle RDB format version" in said or "nknown RDB format version" in said:
                raise _TooNewError from None
            lines = [line for line in said.splitlines() if line.strip()]
            raise IntegrityError(f"{tool} does not take {source.record.name}: {'; '.join(lines[-4:])}",
                                 hint="Use another snapshot") from None  # fmt: skip
    keys, expiring = (re.search(rf"\[info\] (\d+) {word}", said) for word in ("keys read", "expires"))
    contents = (f"{keys[1]} keys, {expiring[1]} with an expiry",) if keys and expiring else ()
    return Verification(tool, contents=contents)


def _check_ourselves(source: Source, run: Run) -> Verification:
    frame, crc = Frame(), Crc64()
    for chunk in source.chunks():
        run.check()
        crc.update(frame.feed(chunk))
    crc.update(frame.end()[:-8])
    if frame.crc not in (0, crc.value()):
        raise IntegrityError(f"the checksum in {source.record.name} is not that of its bytes",
                             hint="Use another snapshot")  # fmt: skip
    return Verification("daytwo's RDB frame and checksum reader")


def _server_tool(client: Client, run: Run) -> str:
    try:
        first_tool(SERVERS, lambda tool: capture(client.target, command(tool, "--version"), run), client.target)
    except MissingToolError as error:
        return f"{error}. A restore starts a second server for a moment"
    return ""


def _role(state: Info) -> str:
    if state["role"] != "master":
        return f"it is a replica of {state['master_host']}:{state['master_port']}. Restore to that server"
    if state["cluster_enabled"] == "1":
        return (
            "it is part of a cluster, whose nodes cannot be made replicas of another server. Restore to a single server"
        )
    return ""


def _place(client: Client) -> str:
    if client.host in (None, *LOOPBACK):
        return ""
    return (f"{client.host} is another machine than {client.target}, and would have to reach a server there."
            " Set `ssh` or `container` to where the server itself runs")  # fmt: skip


def _memory(client: Client, record: ComponentRecord, run: Run) -> str:
    if record.plain is None:
        return ""
    try:
        told = capture(client.target, command("cat", "/proc/meminfo"), run).text
    except DaytwoError:
        return ""
    found = re.search(r"MemAvailable:\s+(\d+) kB", told)
    needed = record.plain.size * _MEMORY
    if found is None or int(found[1]) * 1024 >= needed:
        return ""
    return (f"about {Size(needed).human} of memory are needed for a moment and {Size(int(found[1]) * 1024).human}"
            " are available. Make room")  # fmt: skip


def _version(record: ComponentRecord, state: Info) -> str:
    theirs, ours = (tuple(int(part) for part in re.findall(r"\d+", version)[:2])
                    for version in (record.source.version, state.version))  # fmt: skip
    if record.source.label.startswith(state.engine) and theirs > ours:
        return (
            f"the data is from {state.engine} {record.source.version} and this is {state.version}. Update this server"
        )
    return ""
