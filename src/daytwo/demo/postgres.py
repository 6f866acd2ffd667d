"""A PostgreSQL server for the demo alone: made by `initdb`, run by `postgres`, on loopback, gone at the end."""

import contextlib
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from secrets import token_hex

import psycopg

from daytwo.core.errors import CommandError, UnreachableError
from daytwo.core.process import Process, capture
from daytwo.core.run import Run
from daytwo.core.secrets import Secret
from daytwo.core.target import LOCAL
from daytwo.demo.place import Place, guarded, speaking_for
from daytwo.demo.programs import has_ended

HOST = "127.0.0.1"
SUPERUSER = "postgres"
_WHERE = "the demo's PostgreSQL"
_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_TRIES = 5


@dataclass(frozen=True)
class Server:
    """A running server.

    Args:
        port: where it listens, on loopback.
        password: its superuser's.
        version: such as `18.4`.
    """

    port: int
    password: Secret
    version: str

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """A connection of the superuser, in autocommit mode."""
        return _connect(self.port, self.password, database)


@contextlib.contextmanager
def running(place: Place, run: Run) -> Iterator[Server]:
    """Make a server and have it run.

    Raises:
        CommandError: it does not start; the message has what it said.
    """
    password = Secret(token_hex(16))
    _initialise(place, password, run)
    with contextlib.ExitStack() as stack:
        for attempt in range(_TRIES):
            port = _free_port()
            process = stack.enter_context(_process(place, port, run))
            try:
                version = _wait(process, port, password)
            except CommandError as error:
                # Between looking for a free port and listening on it, another program may have taken it.
                if "TCP/IP sockets" not in str(error) or attempt == _TRIES - 1:
                    raise
                continue
            break
        yield Server(port, password, version)


def _initialise(place: Place, password: Secret, run: Run) -> None:
    pass_file = place.postgres / "superuser"
    pass_file.touch(mode=0o600)
    pass_file.write_text(password.reveal() + "\n")
    if place.user is not None:
        os.chown(pass_file, place.user.uid, place.user.gid)
    options = ("--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--no-sync", "--no-instructions")
    files = (f"--pgdata={place.postgres / 'data'}", f"--pwfile={pass_file}")
    argv = (str(place.bin / "initdb"), *files, f"--username={SUPERUSER}", *options)
    with speaking_for("initdb"):
        capture(LOCAL, guarded(place, *argv, as_server=True, where=_WHERE), run)
    pass_file.unlink()


@contextlib.contextmanager
def _process(place: Place, port: int, run: Run) -> Iterator[Process]:
    settings = (f"--listen_addresses={HOST}", f"--port={port}", "--unix_socket_directories=", "--shared_buffers=32MB")
    argv = (str(place.bin / "postgres"), "-D", str(place.postgres / "data"), *settings)
    # SIGINT is PostgreSQL's fast shutdown: it ends its clients, writes a checkpoint, and leaves nothing behind.
    inner = guarded(place, *argv, as_server=True, ends_by=signal.SIGINT, where=_WHERE)
    with Process(LOCAL, inner, run) as process:
        try:
            yield process
        finally:
            if not has_ended(process, 0):  # else its process id may be another program's by now
                os.kill(process.pid, signal.SIGINT)
                has_ended(process, _STOP_SECONDS)


def _wait(process: Process, port: int, password: Secret) -> str:
    """Wait until it answers; its version.

    Raises:
        CommandError, UnreachableError
    """
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with _connect(port, password, "postgres") as connection:
                found = connection.info.parameter_status("server_version") or ""
                return match[0] if (match := re.match(r"[\d.]+", found)) else found
        except psycopg.OperationalError as error:
            if has_ended(process, 0.05):
                with speaking_for("postgres"):
                    process.finish()
                raise CommandError("it ended right after its start", where=_WHERE) from None
            if time.monotonic() > deadline:
                raise UnreachableError(
                    f"it did not answer within {_START_SECONDS:.0f} s: {error}", where=_WHERE
                ) from None


def _connect(port: int, password: Secret, database: str) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(
        host=HOST,
        port=port,
        user=SUPERUSER,
        password=password.reveal(),
        dbname=database,
        connect_timeout=5,
        autocommit=True,
    )


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port
