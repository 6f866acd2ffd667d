"""Talks to MariaDB and MySQL through their own client programs, whichever of the two is installed at the target."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import Field

from daytwo.core.command import Command, command
from daytwo.core.errors import CommandError, DaytwoError, MissingToolError, SourceError, UnreachableError
from daytwo.core.explain import explain
from daytwo.core.process import Process, capture
from daytwo.core.query import Query, QueryName
from daytwo.core.reading import ask
from daytwo.core.run import Run
from daytwo.core.secrets import Secret, SecretRef
from daytwo.core.service import ServiceSettings
from daytwo.core.target import Target

CLIENTS = ("mariadb", "mysql")
DUMPERS = ("mariadb-dump", "mysqldump")
_NUMBER = re.compile(r"\b(?:ERROR|[Ee]rror:?) (\d{4})\b|\((\d{4})\)")
_ESCAPES = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
Row = tuple[str, ...]


class Settings(ServiceSettings):
    """A database on MariaDB or MySQL, reached with the client programs at the target."""

    kind: Literal["mysql"] = Field(default="mysql", description="what sort of service it is")
    database: str = Field(min_length=1, max_length=64, description="name of the database")
    user: str | None = Field(default=None, description="user; the client's own default when absent")
    host: str | None = Field(default=None, description="host name of the server, seen from the target")
    port: int | None = Field(default=None, ge=1, le=65535, description="port of the server")
    socket: str | None = Field(default=None, description="path of the server's socket, instead of host and port")
    password: SecretRef | None = Field(
        default=None, description="password; when absent the option files at the target count (~/.my.cnf)"
    )
    tls: bool | None = Field(
        default=None, description="true: only encrypted; false: never; absent: as the client does by default"
    )
    exclude_tables: tuple[str, ...] = Field(
        default=(),
        description="tables that are not dumped, and that a restore of the whole database leaves as they are",
    )
    queries: Mapping[QueryName, Query] = Field(
        default={}, description="queries that return a number each, by name: the checks `SERVICE.NAME`"
    )


@dataclass(frozen=True)
class Tool:
    """A client program as found at the target."""

    name: str
    version: str

    @property
    def is_mariadb(self) -> bool:
        """Whether it is MariaDB's, also under MySQL's name."""
        return "mariadb" in self.version.lower()


class Client:
    """Builds and runs client commands for one service.

    Args:
        settings: how the server is reached.
        target: where the programs run.
        password: for the user, if there is one.
        tools: programs that are known to be there; what is found is added.
    """

    def __init__(
        self,
        settings: Settings,
        target: Target,
        password: Secret | None,
        tools: dict[tuple[str, ...], Tool] | None = None,
    ) -> None:
        self.settings = settings
        self.target = target
        self._password = password
        self._tools = {} if tools is None else tools

    def tool(self, names: Sequence[str], run: Run) -> Tool:
        """The first of these programs that is installed at the target.

        Raises:
            MissingToolError: none of them is.
        """
        key = tuple(names)
        if key not in self._tools:
            self._tools[key] = self._find(key, run)
        return self._tools[key]

    def _find(self, names: tuple[str, ...], run: Run) -> Tool:
        for name in names:
            try:
                said = capture(self.target, command(name, "--no-defaults", "--version"), run).text
            except MissingToolError:
                continue
            found = re.search(r"(?:Ver|from) (.+?)(?:,? for .*)?$", said)
            return Tool(name, found[1].strip() if found else said.strip())
        raise MissingToolError(f"neither {' nor '.join(names)} is installed at {self.target}",
                               hint="Install the MariaDB or MySQL client there")  # fmt: skip

    def command(self, tool: Tool, *options: str, where: str = "") -> Command:
        """One of the programs with what it needs to reach the server; the password is in its environment only."""
        return command(
            tool.name, self.connection(tool), options, secrets={"MYSQL_PWD": self._password},
            where=where or self.where,
        )  # fmt: skip

    def connection(self, tool: Tool) -> tuple[str, ...]:
        """The options that say which server and user. `MYSQL_PWD` loses against an option file, hence no files then."""
        s = self.settings
        given = {"user": s.user, "host": s.host, "port": s.port, "socket": s.socket}
        options = [f"--{name}={value}" for name, value in given.items() if value is not None]
        if s.host and not s.socket:
            options.append("--protocol=tcp")
        if s.tls is not None:
            ours, theirs = ("--ssl", "--ssl-mode=REQUIRED") if s.tls else ("--skip-ssl", "--ssl-mode=DISABLED")
            options.append(ours if tool.is_mariadb else theirs)
        return (*(("--no-defaults",) if self._password else ()), *options)

    @property
    def where(self) -> str:
        """The server in words, for errors."""
        s = self.settings
        server = s.socket or (f"{s.host or 'localhost'}:{s.port}" if s.port else s.host or "")
        return f"MariaDB/MySQL {server} on {self.target}" if server else f"MariaDB/MySQL on {self.target}"

    def query(self, sql: str, run: Run, database: str | None = None) -> list[Row]:
        """Run statements and give back all rows of all of them; a NULL reads `NULL`.

        Raises:
            SourceError, UnreachableError, CommandError: what the server said.
        """
        with self._session(run, (sql.encode(),), database) as process:
            answer = process.stdout.read().decode("utf-8", "replace")
            process.finish()
        lines = answer.split("\n")[:-1]  # the client escapes newlines in values; other line ends are data
        return [tuple(_unescape(field) for field in line.split("\t")) for line in lines]

    def told(self, sql: str, run: Run, *, force: bool = False) -> list[Row]:
        """Run statements in the service's database and give back their answers, the names of the columns first.

        Args:
            sql: the statements.
            run: the run it belongs to.
            force: go on after a statement that fails, and leave its answer out.

        Raises:
            SourceError, UnreachableError, CommandError: what the server said; with `force` only when it said nothing
                else.
        """
        options = ["--batch", "--column-names", "--binary-mode", "--default-character-set=utf8mb4"]
        options += [f"--database={self.settings.database}", *(["--force"] if force else [])]
        inner = self.command(self.tool(CLIENTS, run), *options)
        with self.explained():
            done = ask(self.target, replace(inner, ok=(0, 1) if force else (0,)), run, stdin=sql.encode())
            if done.code and not done.stdout:
                raise explain(inner, inner.argv[0], done.code, done.stderr)
        lines = done.stdout.decode("utf-8", "replace").split("\n")[:-1]
        return [tuple(_unescape(field) for field in line.split("\t")) for line in lines]

    def script(self, chunks: Iterable[bytes], run: Run, database: str | None = None) -> None:
        """Feed statements to the server and stop at the first error.

        Raises:
            SourceError, UnreachableError, CommandError: what the server said.
        """
        with self._session(run, chunks, database) as process:
            while process.stdout.read(1 << 16):
                pass
            process.finish()

    @contextmanager
    def _session(self, run: Run, chunks: Iterable[bytes], database: str | None) -> Iterator[Process]:
        options = [
            "--batch", "--skip-column-names", "--binary-mode", "--default-character-set=utf8mb4",
            "--max-allowed-packet=1G",
        ]  # fmt: skip
        options += [f"--database={database}"] if database else []
        inner = self.command(self.tool(CLIENTS, run), *options)
        with self.explained(), Process(self.target, inner, run, stdin=chunks) as process:
            yield process

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what the server is known to say into an error with the next step."""
        try:
            yield
        except CommandError as error:
            raise self._meaning(error) from None

    def _meaning(self, error: CommandError) -> DaytwoError:
        found = _NUMBER.search(error.what)
        number = int(found[1] or found[2]) if found else 0
        user, database = self.settings.user or "the default user", self.settings.database
        if number in (1045, 1698):
            return SourceError(f"the server refuses {user}: wrong user name or password", where=self.where,
                               hint="Check user and password, and where the account may connect from")  # fmt: skip
        if number == 1049:
            return SourceError(f"there is no such database ({error.what})", where=self.where,
                               hint="Check the setting `database`")  # fmt: skip
        if number in (2002, 2003, 2005, 2006, 2013):
            return UnreachableError(f"the server does not answer ({error.what})", where=self.where,
                                    hint="Check that it runs, and host, port or socket")  # fmt: skip
        hints = {
            1044: f"Grant {user} the rights on {database}: SELECT, LOCK TABLES, SHOW VIEW, TRIGGER, EVENT to back up "
                  "(and for routines SELECT on mysql.proc, or SHOW_ROUTINE on MySQL), "
                  f"ALL on `{database}`.* and `{database}\\_%`.* to restore",
            1142: f"Grant {user} the right it lacks",
            1227: "Restore as a user that may set other accounts as DEFINER (SUPER, SET USER or SET_ANY_DEFINER)",
            1356: "Repair or drop the view, or name it in `exclude_tables`",
            1419: "Restore as a user with SUPER, or set log_bin_trust_function_creators=1",
            1205: "Another session holds a lock on these tables; stop the app and try again",
        }  # fmt: skip
        return CommandError(error.what, where=error.where or self.where, hint=hints.get(number, error.hint))


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return "`" + name.replace("`", "``") + "`"


def text(value: str) -> str:
    """A value as an SQL string, right under every sql_mode."""
    return f"_utf8mb4 x'{value.encode().hex()}'"


def _unescape(field: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), field) if "\\" in field else field
