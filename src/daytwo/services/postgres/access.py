"""How the client tools reach a server: a command line's environment, and SQL with its answers."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from daytwo.core.command import Command, command
from daytwo.core.errors import CommandError, DaytwoError, SourceError, UnreachableError
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.secrets import Secret
from daytwo.core.target import Target
from daytwo.services.postgres.clients import Client

Row = list[object]
PSQL = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--no-password")
# With the code that is the same in every language; its first two digits are 00 to 02 where nothing has failed.
_COMPLAINT = re.compile(r"^psql:\S*: \S+:\s+(?!0[0-2])[0-9A-Z]{5}: (.*)", re.MULTILINE)
PATIENT = "SET statement_timeout = 0;"
_AWAY = re.compile(
    r"connection refused|could not connect|no such file or directory|could not translate host name|timeout expired|"
    r"starting up|shutting down|too many clients|remaining connection slots|network is unreachable|no route to host",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Access:
    """A server and a database on it, with the right to enter.

    Args:
        service: the service's name in the configuration.
        target: where the client tools run.
        host: name or socket folder as seen from there; None for the default socket.
        port: its port; None for the default.
        user: the role.
        database: the service's database.
        password: the role's password, if it needs one.
        parameters: further `PG...` variables.
    """

    service: str
    target: Target
    host: str | None
    port: int | None
    user: str
    database: str
    password: Secret | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where the server is, for people."""
        if self.host is None or self.host.startswith("/"):
            return str(self.target)
        address = f"{self.host}:{self.port or 5432}"
        return address if self.target.is_local else f"{address} seen from {self.target}"

    @property
    def where(self) -> str:
        """What an error names."""
        return f"{self.service} (database {self.database} on {self.place})"

    def command(
        self, client: Client, tool: str, *args: str, database: str | None = None, env: Mapping[str, str] | None = None
    ) -> Command:
        """A client tool with its connection.

        Args:
            client: the installation it is taken from.
            tool: the program's name.
            args: its further arguments.
            database: another database than the service's.
            env: further variables.
        """
        variables = {
            "PGUSER": self.user, "PGDATABASE": database or self.database, "PGAPPNAME": "daytwo",
            "LC_ALL": "C", **self.parameters, **(env or {}),
        }  # fmt: skip
        if tool == "psql":  # not pg_dump: bytes of a database without an encoding are not to be taken for UTF-8
            variables["PGCLIENTENCODING"] = "UTF8"
        if self.host is not None:
            variables["PGHOST"] = self.host
        if self.port is not None:
            variables["PGPORT"] = str(self.port)
        return command(client.tool(tool), *args, env=variables, secrets={"PGPASSWORD": self.password}, where=self.where)

    def rows(self, client: Client, sql: str, run: Run, *, database: str | None = None) -> list[Row]:
        """Ask. Each statement returns one JSON array a row (`select json_build_array(...)`), so that any text is safe.

        Raises:
            SourceError: the database does not exist.
            UnreachableError, CommandError: see `translated`.
        """
        text = self.execute(client, sql, run, database=database)
        return [json.loads(line) for line in text.split("\n") if line.startswith("[")]

    def execute(self, client: Client, sql: str, run: Run, *, database: str | None = None) -> str:
        """Run SQL, stopping at the first error, and return what it prints.

        A role's limit for a statement is meant for the app: counting, copying and making databases may take longer.
        """
        psql = self.command(client, "psql", *PSQL, "--set=ON_ERROR_STOP=1", "--file=-", database=database)
        try:
            return capture(self.target, psql, run, stdin=f"{PATIENT} {sql}".encode()).text
        except CommandError as error:
            raise translated(error, self, database or self.database) from None

    def attempt(self, client: Client, sql: str, run: Run, *, database: str | None = None) -> tuple[str, ...]:
        """Run statements, each for itself.

        Returns:
            The errors of those that failed.
        """
        options = (*PSQL, "--set=ON_ERROR_STOP=0", "--set=VERBOSITY=verbose", "--file=-")
        psql = self.command(client, "psql", *options, database=database)
        said = capture(self.target, psql, run, stdin=sql.encode()).stderr
        return tuple(_COMPLAINT.findall(said))

    def by_hand(self, client: Client, sql: str, database: str) -> str:
        """A command line that a person can paste to run this SQL; it has no password."""
        args = ["--username", self.user, "--dbname", database, "--command", sql]
        args += ["--host", self.host] if self.host else []
        args += ["--port", str(self.port)] if self.port else []
        return shown(self.target, command(client.tool("psql"), *args))


def shown(target: Target, inner: Command) -> str:
    """A command as a person would type it here."""
    return shlex.join(target.wrap(inner).argv)


def translated(error: CommandError, access: Access, database: str) -> DaytwoError:
    """Say what a client tool's connection error means, and what to do."""
    text, setting = error.what, f"services.{access.service}"
    if f'database "{database}" does not exist' in text:
        return SourceError(f"there is no database {database}", where=access.where,
                           hint=f"Check {setting}.database, or whether this is the right server")  # fmt: skip
    if re.search(
        r"password authentication failed|no password supplied|peer authentication failed", text, re.IGNORECASE
    ):
        return CommandError(f"the server does not let {access.user} in: {_reason(text)}", where=access.where,
                            hint=f"Check {setting}.user and {setting}.password")  # fmt: skip
    if re.search(r'FATAL:\s+role ".*" does not exist', text):
        return CommandError(f"there is no role {access.user}", where=access.where, hint=f"Check {setting}.user")
    if "connection to server" in text and _AWAY.search(text):
        return UnreachableError(f"the server does not answer: {_reason(text)}", where=access.where,
                                hint=f"Is it running? Check {setting}.host and {setting}.port")  # fmt: skip
    return error


def _reason(text: str) -> str:
    last = text.rpartition("FATAL:" if "FATAL:" in text else "failed: ")[2].strip()
    return last.split("\n")[0] if last else text
