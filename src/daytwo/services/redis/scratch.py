"""A second server at the same place, for the length of a restore: it reads the RDB, and the live one copies from it.

It listens on a loopback port with a random password and writes nothing. It is an ordinary process of the run, so it is
tagged and found when the run dies. Its folder holds the RDB while that is read and is gone before it is used.
"""

import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace

from daytwo.core.command import command
from daytwo.core.errors import CommandError, DaytwoError, SourceError, UnreachableError
from daytwo.core.process import Process, capture
from daytwo.core.run import Run
from daytwo.core.secrets import Secret
from daytwo.core.target import Target
from daytwo.services.redis.client import SERVERS, Client, Info, first_tool

_FILE = "dump.rdb"
_LOWEST_PORT, _PORTS = 20000, 12000  # below the range that outgoing connections take theirs from
_ATTEMPTS = 5
_PAUSE = 0.05
_ESTRANGED_SECONDS = 30.0
_KEEPS_TAG = (6, 2)
"""From this version on a server can be told not to write its title over its environment, where the run's tag is."""


def until(done: Callable[[], bool], run: Run, what: str, seconds: float | None = None) -> None:
    """Ask until it is so.

    Args:
        done: the question.
        run: ends the waiting when it is cancelled.
        what: what is waited for, for the error.
        seconds: how long, or as long as the run may take.

    Raises:
        CommandError: it took longer.
    """
    end = None if seconds is None else time.monotonic() + seconds
    while not done():
        run.check()
        if end is not None and time.monotonic() > end:
            raise CommandError(f"after {seconds:g} s still not: {what}")
        time.sleep(_PAUSE)


def folder_name(run_id: str) -> str:
    """The name of the folder that a run's scratch server reads from."""
    return f"daytwo-redis-{run_id[:8]}"


class Scratch:
    """A running scratch server. Make one with `start`."""

    def __init__(self, process: Process, client: Client, tail: "_Tail") -> None:
        self._process = process
        self._tail = tail
        self.client = client

    def stop(self) -> None:
        """End it, inside a container too. Harmless when it has ended."""
        with suppress(DaytwoError):
            self._process.__exit__(None, None, None)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return not self._tail.ended

    def last_words(self) -> str:
        """The end of what it logged."""
        return self._tail.text()


class _Tail:
    """Reads a server's log as it comes, keeps the last lines and notices the end."""

    def __init__(self, process: Process) -> None:
        self._lines: deque[str] = deque(maxlen=12)
        self._thread = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._thread.start()

    def _read(self, process: Process) -> None:
        with suppress(OSError, ValueError):
            for line in process.stdout:
                self._lines.append(line.decode("utf-8", "replace").strip())

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def text(self) -> str:
        return "; ".join(line for line in self._lines if line)


def start(live: Client, known: Info, folder: str, chunks: Iterable[bytes], databases: str, run: Run) -> Scratch:
    """Bring up a server that holds an RDB.

    Args:
        live: the server it is for; the scratch server is at the same target.
        known: what that said of itself.
        folder: an absolute path that does not exist yet, for the RDB while it is read.
        chunks: the RDB.
        databases: how many databases it must have.
        run: the run it belongs to.

    Raises:
        CommandError: the RDB cannot be loaded; nothing is left behind.
        MissingToolError: no server program is installed at the target.
    """
    target = live.target
    try:
        remove(target, folder, run)
        capture(target, command("mkdir", "-m", "700", folder), run)
        capture(target, command("dd", f"of={folder}/{_FILE}", "bs=1048576"), run, stdin=chunks)
        servers = SERVERS[::-1] if known.engine == "Valkey" else SERVERS
        return first_tool(servers, lambda name: _run(name, live, folder, databases, run), target)
    finally:
        with suppress(DaytwoError):
            remove(target, folder, Run(run.id, run.work, timeout=60))


def remove(target: Target, folder: str, run: Run) -> None:
    """Remove a scratch folder, if it is there."""
    capture(target, command("rm", "-rf", "--", folder), run)


def _run(server: str, live: Client, folder: str, databases: str, run: Run) -> Scratch:
    for attempt in range(_ATTEMPTS):
        port = _LOWEST_PORT + secrets.randbelow(_PORTS)
        try:
            return _launch(server, live, folder, port, databases, run)
        except _PortTakenError as error:
            if attempt == _ATTEMPTS - 1:
                raise CommandError(str(error), where=live.where) from None
    raise AssertionError("unreachable")


class _PortTakenError(Exception):
    """Another program listens there."""


def _launch(server: str, live: Client, folder: str, port: int, databases: str, run: Run) -> Scratch:
    password = Secret(secrets.token_hex(32))
    client = Client(live.target, "127.0.0.1", port, password=password, where=f"scratch server for {live.where}")
    settings = {
        "port": str(port), "bind": "127.0.0.1", "daemonize": "no", "dir": folder, "dbfilename": _FILE, "save": '""',
        "appendonly": "no", "databases": databases, "repl-diskless-sync": "yes", "repl-diskless-sync-delay": "0",
        "logfile": '""', "repl-backlog-ttl": "1",
    }  # fmt: skip
    if _version(server, live.target, run) >= _KEEPS_TAG:
        settings["set-proc-title"] = "no"
    lines = "".join(f"{name} {value}\n" for name, value in settings.items())
    inner = replace(command(server, "-", where=client.where), preamble=(Secret(f"requirepass {password.reveal()}"),))
    process = Process(live.target, inner, run, stdin=lines.encode())
    scratch = Scratch(process, client, _Tail(process))
    try:
        until(lambda: _ready(scratch, run), run, "the scratch server has loaded the RDB")
        until(lambda: _estranged(scratch, run), run, "the scratch server has a history of its own", _ESTRANGED_SECONDS)
    except BaseException:
        scratch.stop()
        raise
    return scratch


def _estranged(scratch: Scratch, run: Run) -> bool:
    """Whether it has forgotten that the RDB came from the live server.

    An RDB carries its server's replication id and offset. Had the scratch server kept them, the live one would take it
    for a sibling at the same offset and copy nothing (tried; writes do not move the offset of a server without
    replicas). A server without replicas takes a new id after `repl-backlog-ttl` (replication.c, replicationCron).
    """
    state = scratch.client.info(run)
    return not state["master_replid2"].strip("0") and state["repl_backlog_active"] != "1"


def _version(server: str, target: Target, run: Run) -> tuple[int, ...]:
    found = re.search(r"v=(\d+)\.(\d+)", capture(target, command(server, "--version"), run).text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _ready(scratch: Scratch, run: Run) -> bool:
    if not scratch.alive:
        said = scratch.last_words()
        if "address already in use" in said.lower():
            raise _PortTakenError(said)
        raise CommandError(f"the RDB cannot be loaded: {said}", where=scratch.client.where,
                           hint="If its format is newer than this server, update the server")  # fmt: skip
    try:
        return scratch.client.ask(run, "PING") == "PONG"
    except (UnreachableError, SourceError, CommandError):  # not listening yet, loading, or another one's port
        return False
