"""Talks to Redis and Valkey through their own command line program at the target."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from pydantic import Field

from daytwo.core.command import Command, command
from daytwo.core.errors import CommandError, DaytwoError, MissingToolError, SourceError, UnreachableError
from daytwo.core.process import capture
from daytwo.core.reading import ask
from daytwo.core.run import Run
from daytwo.core.secrets import Secret, SecretRef, redact
from daytwo.core.service import ServiceSettings
from daytwo.core.target import Target

CLIENTS = ("redis-cli", "valkey-cli")
SERVERS = ("redis-server", "valkey-server")
CHECKERS = ("redis-check-rdb", "valkey-check-rdb")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ERROR = re.compile(
    r"(?:\(error\) )?((?:NOAUTH|WRONGPASS|NOPERM|LOADING|MISCONF|READONLY|MASTERDOWN|BUSY|DENIED|ERR)\b.*)"
)
_AUTH_FAILED = re.compile(r"AUTH failed.*|.*WRONGPASS.*|.*invalid password.*", re.IGNORECASE)
_KEYSPACE = re.compile(r"keys=(\d+),expires=(\d+)")


class Settings(ServiceSettings):
    """A Redis or Valkey server, reached with its command line program at the target."""

    kind: Literal["redis"] = Field(default="redis", description="what sort of service it is")
    host: str | None = Field(default=None, description="host name of the server, seen from the target")
    port: int = Field(default=6379, ge=1, le=65535, description="port of the server")
    username: str | None = Field(default=None, description="ACL user; the default user when absent")
    password: SecretRef | None = Field(default=None, description="password of the user")
    tls: bool = Field(default=False, description="connect with TLS, as the tool at the target is set up for")


T = TypeVar("T")


@dataclass(frozen=True)
class Keys:
    """How many keys a database has, and how many of them have an expiry."""

    total: int
    expiring: int

    @property
    def lasting(self) -> int:
        """Keys without an expiry: the only number that time leaves alone, so the one that is compared."""
        return self.total - self.expiring


class Info:
    """What `INFO` said."""

    def __init__(self, text: str) -> None:
        lines = (line.rstrip("\r").partition(":") for line in text.splitlines() if ":" in line)
        self._values = {name: value for name, _, value in lines}

    def __getitem__(self, name: str) -> str:
        return self._values.get(name, "")

    @property
    def version(self) -> str:
        """The server's version."""
        return self["valkey_version"] or self["redis_version"]

    @property
    def engine(self) -> str:
        """`Redis` or `Valkey`."""
        return "Valkey" if self["valkey_version"] else "Redis"

    @property
    def keys(self) -> dict[str, Keys]:
        """Keys by database (`db0`, ...); those without keys are absent."""
        found = ((name, _KEYSPACE.match(value)) for name, value in self._values.items() if re.fullmatch(r"db\d+", name))
        return {name: Keys(int(match[1]), int(match[2])) for name, match in found if match}


@dataclass(frozen=True)
class Client:
    """One server, as seen from a target.

    Args:
        target: where the program runs.
        host, port, username, password, tls: how it reaches the server.
        where: what to name in an error.
    """

    target: Target
    host: str | None
    port: int
    username: str | None = None
    password: Secret | None = None
    tls: bool = False
    where: str = ""

    def command(self, tool: str, *words: str) -> Command:
        """The program with what it needs to reach the server; the password is in its environment only."""
        options = ["-p", str(self.port)]
        options += ["-h", self.host] if self.host else []
        options += ["--user", self.username] if self.username else []
        options += ["--tls"] if self.tls else []
        names = ("REDISCLI_AUTH", "VALKEYCLI_AUTH") if tool.startswith("valkey") else ("REDISCLI_AUTH",)
        return command(tool, options, words, secrets=dict.fromkeys(names, self.password), where=self.where)

    def ask(self, run: Run, *words: str, last: Secret | None = None) -> str:
        """Send one command and take its answer.

        Args:
            run: the run it belongs to.
            words: the command.
            last: a secret last word, which travels by standard input.

        Raises:
            SourceError, UnreachableError, CommandError: what the server said; older programs exit 0 all the same.
        """
        read = ("-x",) if last is not None else ()
        stdin = last.reveal().encode() if last is not None else None

        def once(tool: str) -> str:
            try:
                done = capture(self.target, self.command(tool, *read, *words), run, stdin=stdin)
            except CommandError as error:
                raise meaning(error.what, self.where) from None
            self._judge(done.text, done.stderr)
            return done.text

        return first_tool(CLIENTS, once, self.target)

    def tell(self, run: Run, tool: str, *commands: str) -> str:
        """Send several commands over one connection and take their answers, errors among them, as they come.

        Args:
            run: the run it belongs to.
            tool: the program to use.
            commands: one a line.

        Raises:
            SourceError, UnreachableError, CommandError: there is no connection, or it may not be used.
        """
        lines = "".join(f"{line}\n" for line in commands).encode()
        try:
            done = ask(self.target, self.command(tool), run, stdin=lines)
        except CommandError as error:
            raise meaning(error.what, self.where) from None
        if failed := _AUTH_FAILED.search(done.stderr):
            raise meaning(failed[0], self.where)
        if not done.text.strip():  # it ends well without a connection
            raise meaning((done.stderr.splitlines() or ["Could not connect"])[0], self.where)
        return done.text

    def _judge(self, text: str, stderr: str) -> None:
        if failed := _AUTH_FAILED.search(stderr):
            raise meaning(failed[0], self.where)
        if error := _ERROR.match(text):
            raise meaning(error[1], self.where)

    def info(self, run: Run) -> Info:
        """What the server says of itself."""
        return Info(self.ask(run, "INFO"))

    def setting(self, run: Run, name: str) -> str:
        """One of the server's settings; empty where it has none or does not tell."""
        try:
            lines = self.ask(run, "CONFIG", "GET", name).split("\n")
        except (SourceError, CommandError):
            return ""
        return lines[1] if len(lines) > 1 and lines[0] == name else ""


def first_tool(names: tuple[str, ...], use: Callable[[str], T], target: Target) -> T:
    """Use the first of these programs that is installed.

    Raises:
        MissingToolError: none of them is.
    """
    for name in names:
        try:
            return use(name)
        except MissingToolError:
            continue
    raise MissingToolError(f"neither {' nor '.join(names)} is installed at {target}", hint=f"Install {names[0]} there")


def meaning(said: str, where: str) -> DaytwoError:
    """What the program or the server said, as an error with the next step."""
    low = said.lower()
    if "noauth" in low:
        return SourceError("the server asks for a password", where=where, hint="Set `password` of this service")
    if "wrongpass" in low or "auth failed" in low or "invalid password" in low:
        return SourceError("the server refuses the user name or password", where=where,
                           hint="Check `username` and `password` of this service")  # fmt: skip
    if "loading" in low:
        return UnreachableError("the server is still loading its data", where=where, hint="Try again in a while")
    if "noperm" in low:
        return SourceError(f"the user may not do this ({redact(said)})", where=where,
                           hint="To back up it needs +psync +sync +replconf +info +ping")  # fmt: skip
    if "masterlink" in low or "masterdown" in low:
        return SourceError("it is a replica that has lost its master, so its data may be old", where=where,
                           hint="Back up the master, or have the replica follow it again")  # fmt: skip
    if "unknown command" in low and "sync" in low:
        return SourceError("the server does not hand out its data (SYNC is switched off)", where=where,
                           hint="For a managed server use its provider's snapshots")  # fmt: skip
    if any(words in low for words in ("could not connect", "connection refused", "not known", "i/o error", "timed out",
                                      "server closed the connection", "connection reset")):  # fmt: skip
        return UnreachableError(f"the server does not answer ({redact(said)})", where=where,
                                hint="Check that it runs, and host, port, tls")  # fmt: skip
    return CommandError(redact(said), where=where)
