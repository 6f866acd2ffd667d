"""MariaDB, Debian's `mariadb-server`, over TCP with an administrator who has a password."""

import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.parts.need import require
from tests.parts.process import LOOPBACK, Program, kept, run_text, server_user

ADMINISTRATOR = "admin"


@dataclass(frozen=True)
class MariadbServer:
    """A running server.

    `bin` has its client tools (`mariadb`, `mariadb-dump`), and `client_file` is an option file with host, port, user
    and password for their `--defaults-file=`.
    """

    host: str
    port: int
    user: str
    password: str
    data: Path
    bin: Path
    client_file: Path
    log: Path
    pid: int

    def sql(self, statement: str, database: str = "mysql", *, password: str | None = None) -> str:
        """Run SQL through the `mariadb` client; the rows, columns separated by tabs."""
        argv = [str(self.bin / "mariadb")]
        variables = dict(os.environ)
        if password is None:
            argv += [f"--defaults-file={self.client_file}"]
        else:
            argv += ["--no-defaults", f"--host={self.host}", f"--port={self.port}", f"--user={self.user}"]
            variables["MYSQL_PWD"] = password
        done = run_text([*argv, "--batch", "--skip-column-names", database], env=variables, stdin=statement)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def create_database(self, name: str | None = None) -> str:
        """Create an empty database; its name, a new one unless given."""
        name = name or f"test_{secrets.token_hex(6)}"
        self.sql(f"create database `{name}` character set utf8mb4")
        return name


@contextlib.contextmanager
def mariadb(settings: Mapping[str, str] | None = None) -> Iterator[MariadbServer]:
    """Start MariaDB. `settings` are server options, for example `{"log-bin": "binlog"}`."""
    server, install = (
        require("mariadbd", package="mariadb-server"),
        require("mariadb-install-db", package="mariadb-server"),
    )
    client = require("mariadb", package="mariadb-client")
    user = server_user("mysql")
    password = secrets.token_hex(16)
    with kept(user) as keeper:
        data, first_sql, client_file = (keeper.folder / name for name in ("data", "first.sql", "client.cnf"))
        first_sql.write_text(
            f"create or replace user {ADMINISTRATOR}@'%' identified by '{password}';\n"
            f"grant all privileges on *.* to {ADMINISTRATOR}@'%' with grant option;\n"
            f"alter user root@localhost identified by '{password}';\n"
        )
        if user is not None:
            os.chown(first_sql, user.uid, user.gid)
        client_file.touch(mode=0o600)
        first_sql.chmod(0o600)
        keeper.finish(
            Program(
                [
                    str(install),
                    "--no-defaults",
                    f"--datadir={data}",
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                    "--skip-name-resolve",
                ],
                user,
            )
        )
        small = {"innodb-buffer-pool-size": "32M", "innodb-log-file-size": "16M", "innodb-flush-log-at-trx-commit": "0"}

        def program(port: int) -> Program:
            return Program(
                [
                    str(server),
                    "--no-defaults",
                    f"--datadir={data}",
                    f"--socket={keeper.folder}/socket",
                    f"--pid-file={keeper.folder}/pid",
                    f"--init-file={first_sql}",
                    f"--bind-address={LOOPBACK}",
                    f"--port={port}",
                    "--skip-name-resolve",
                    *(f"--{name}={value}" for name, value in (small | dict(settings or {})).items()),
                ],
                user,
            )

        def running(port: int, pid: int) -> MariadbServer:
            lines = ("[client]", f"host={LOOPBACK}", f"port={port}", f"user={ADMINISTRATOR}", f"password={password}")
            client_file.write_text("\n".join(lines) + "\n")
            return MariadbServer(
                host=LOOPBACK,
                port=port,
                user=ADMINISTRATOR,
                password=password,
                data=data,
                bin=client.parent,
                client_file=client_file,
                log=keeper.log,
                pid=pid,
            )

        def ready(port: int) -> bool:
            with contextlib.suppress(RuntimeError):
                return running(port, 0).sql("select 1") == "1"
            return False

        port, pid = keeper.start_on_free_port(program, ready, what="MariaDB")
        yield running(port, pid)
