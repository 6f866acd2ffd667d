"""Client tools: which versions there are where the commands run, and which of them fits (F04)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from daytwo.core.command import command
from daytwo.core.errors import MissingToolError
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.target import Target

# Prints a folder and the version of its pg_dump a line. Debian's /usr/bin/pg_dump is a Perl wrapper that picks a
# version by its own rules, so what PATH names comes last.
_FINDER = r"""
from_path=$(command -v pg_dump) || from_path=
if [ -n "$1" ]; then set -- "$1"; else
  set -- /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/pgsql/bin /opt/homebrew/opt/postgresql*/bin \
    "${from_path%/*}"
fi
for folder in "$@"; do
  if [ -n "$folder" ] && [ -x "$folder/pg_dump" ] && [ -x "$folder/pg_restore" ] && [ -x "$folder/psql" ]; then
    printf '%s\t%s\n' "$folder" "$("$folder/pg_dump" --version)"
  fi
done
"""


@dataclass(frozen=True, order=True)
class Version:
    """A PostgreSQL version.

    Args:
        number: as in `server_version_num`: 150014 is 15.14, 90624 is 9.6.24.
    """

    number: int

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read it from a program's `--version` or from `server_version`.

        Raises:
            ValueError: there is no version in it.
        """
        match = re.search(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?", text.split(")", 1)[-1])
        if match is None:
            raise ValueError(f"no version in {text!r}")
        first, second, third = (int(part or 0) for part in match.groups())
        return cls(first * 10000 + second if first >= 10 else first * 10000 + second * 100 + third)

    @property
    def series(self) -> int:
        """What has to be equal or newer for a client to understand a server: comparable, not for people."""
        return self.number // 100

    @property
    def major(self) -> str:
        """The major version as people say it: `15`, `9.6`."""
        return (
            str(self.number // 10000) if self.number >= 100000 else f"{self.number // 10000}.{self.number // 100 % 100}"
        )

    def __str__(self) -> str:
        tail = self.number % 10000 if self.number >= 100000 else self.number % 100
        return f"{self.major}.{tail}"


@dataclass(frozen=True)
class Client:
    """One installation of the client tools."""

    folder: str
    version: Version

    def tool(self, name: str) -> str:
        """The path of one of its programs, where the commands run."""
        return f"{self.folder}/{name}"


def find_clients(target: Target, run: Run, *, bin: Path | None = None, where: str = "") -> tuple[Client, ...]:
    """The installations of the client tools there, oldest first.

    Args:
        target: where to look.
        run: the run it belongs to.
        bin: the only folder to look in; by default PATH and the folders that packages use.
        where: what to name in an error.

    Raises:
        MissingToolError: there is none.
        UnreachableError: the place cannot be reached.
    """
    listing = capture(target, command("sh", "-c", _FINDER, "sh", str(bin or ""), where=where), run).text
    found: dict[Version, Client] = {}
    for line in filter(None, listing.split("\n")):
        folder, _, text = line.partition("\t")
        if text:  # a program that is there and cannot run says nothing
            version = Version.parse(text)
            found.setdefault(version, Client(folder, version))
    if not found:
        looked = f"in {bin}" if bin else "on PATH and in the usual folders"
        raise MissingToolError(f"pg_dump, pg_restore and psql were not found {looked} ({target})", where=where,
                               hint="Install PostgreSQL's client package there, or set `bin`")  # fmt: skip
    return tuple(found[version] for version in sorted(found))


def dumping(clients: Iterable[Client], server: Version, where: str) -> Client:
    """The client that dumps this server: of the same major version, else the next newer one.

    The closest one, because a dump of a newer `pg_dump` cannot be read by the `pg_restore` beside the server.

    Raises:
        MissingToolError: all are older than the server.
    """
    known = tuple(clients)
    for client in known:
        if client.version.series >= server.series:
            return client
    raise MissingToolError(
        f"pg_dump {known[-1].version} is older than the server, PostgreSQL {server}", where=where,
        hint=f"Install the client tools of PostgreSQL {server.major} (Debian: postgresql-client-{server.major}), "
        "or set `bin` to their folder",
    )  # fmt: skip


def restoring(clients: Iterable[Client], dumped_by: Version, server: Version | None, where: str) -> Client:
    """The client that reads a dump of `pg_dump` `dumped_by` and, if there is one, is not older than the server.

    Raises:
        MissingToolError: all are older than the dump.
    """
    known = tuple(clients)
    readers = [client for client in known if client.version.series >= dumped_by.series]
    if not readers:
        raise MissingToolError(
            f"pg_restore {known[-1].version} cannot read a dump of pg_dump {dumped_by}", where=where,
            hint=f"Install the client tools of PostgreSQL {dumped_by.major} or newer there, or set `bin` to them",
        )  # fmt: skip
    equals = [client for client in readers if server is None or client.version.series >= server.series]
    return (equals or readers)[0]
