"""A database file where it is, on this machine, in a container or on a host: copied away, and put in use there."""

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from posixpath import basename

from daytwo.core.command import Command, command
from daytwo.core.errors import (
    CommandError,
    IntegrityError,
    MissingToolError,
    SourceError,
    UnreachableError,
)
from daytwo.core.fileset.site import C, Site, exists, get, look, put, refuse_interrupted
from daytwo.core.process import CHUNK, Process, capture
from daytwo.core.run import Run
from daytwo.core.tarball import pick
from daytwo.core.target import LOCAL, Container, Target
from daytwo.services.sqlite import database
from daytwo.services.sqlite.swap import Names

_ABSENT = re.compile(r"could not find|could not be found|no such file", re.IGNORECASE)
"""How `docker cp` and `podman cp` say that there is no such file in the container."""
_PATIENCE = 60
"""Seconds to wait for others who have locked the database."""

# All pages are copied in one step: in smaller ones, every write by somebody else starts it over. `Connection.backup`
# would wait for a lock for ever. A process of its own can be ended in the middle, which a call of SQLite cannot.
_PYTHON_COPY = """
import sqlite3, sys, urllib.parse
live, to, patience, synchronous = sys.argv[1:]
def step(status, remaining, total):
    if status & 255 in (5, 6):
        raise sqlite3.OperationalError("database is locked")
try:
    live = "file:" + urllib.parse.quote(live) + "?mode=rw"
    source = sqlite3.connect(live, uri=True, timeout=int(patience))
    target = sqlite3.connect(to)
    target.execute("PRAGMA synchronous=" + synchronous)
    source.backup(target, progress=step)
    target.close()
except sqlite3.Error as error:
    sys.exit(str(error))
"""
_PYTHON_RUN = """
import sqlite3, sys, urllib.parse
try:
    live = "file:" + urllib.parse.quote(sys.argv[1]) + "?mode=rw"
    live = sqlite3.connect(live, uri=True, timeout=int(sys.argv[2]), isolation_level=None)
    live.executescript(sys.stdin.read())
except sqlite3.Error as error:
    sys.exit(str(error))
"""
_TOOL = """
if command -v sqlite3 >/dev/null 2>&1; then echo sqlite3 "$(sqlite3 -version)"
elif python3 -c 'import sqlite3' >/dev/null 2>&1; then
  echo python3 "$(python3 -c 'import sqlite3; print(sqlite3.sqlite_version)')"
fi
"""
_OPEN = """
find -L /proc/[0-9]*/fd -maxdepth 1 -samefile "$1" 2>/dev/null | while IFS= read -r found; do
  process=${found%/fd/*}
  name=$(cat "$process/comm" 2>/dev/null)
  [ "$name" = find ] || echo "${process#/proc/} ($name)"
done | sort -u
"""


@dataclass(frozen=True)
class Tool:
    """What runs SQLite at a place.

    Args:
        program: `sqlite3` or `python3`.
        version: SQLite's.
        path: how to call the program, where not by its name.
    """

    program: str
    version: str
    path: str = ""

    def python(self, script: str, *argv: str) -> Command:
        """A Python script; isolated, as the folder that it runs in may hold a `sqlite3.py`."""
        return command(self.path or self.program, "-I", "-c", script, argv, env=C)


_HERE = Tool("python3", database.VERSION, sys.executable)


@dataclass(frozen=True)
class DatabasePlace:
    """A database file at a target.

    Args:
        target: where.
        path: absolute; links are followed by `look`.
    """

    target: Target
    path: str

    def site(self, run: Run) -> Site | None:
        """What is there; None in a container that does not run or has no shell."""
        try:
            site = look(self.target, self.path, run)
        except (UnreachableError, MissingToolError):
            if not isinstance(self.target, Container):
                raise
            return None
        refuse_interrupted(site, self.target)
        return site

    def tool(self, run: Run) -> Tool | None:
        """What can run SQLite there."""
        if self.target.is_local:
            return _HERE
        words = capture(self.target, command("sh", "-c", _TOOL), run).text.split()
        return Tool(words[0], words[1] if len(words) > 1 else "") if words else None

    def attributes(self, run: Run) -> dict[str, str]:
        """Whose the file is, and what others may do with it; nothing where that cannot be told."""
        found = capture(self.target, command("stat", "-L", "-c", "%u:%g %a", "--", self.path, ok=(0, 1), env=C), run)
        owner, _, mode = found.text.partition(" ")
        return {"owner": owner, "mode": mode[-3:].rjust(3, "0")} if mode else {}

    def fetch(self, to: Path, component: str, run: Run) -> Tool:
        """Copy the database here, as of one moment, whoever is writing to it.

        Args:
            to: a private file that does not exist yet.
            component: what it is copied for.
            run: the run it belongs to.

        Raises:
            SourceError: there is none, it is no database, or it cannot be copied safely.
        """
        site = self.site(run)
        if site is None:
            return self._fetch_from_stopped(to, run)
        if site.what != "file":
            problem = "is no file" if site.what != "missing" else "is not there"
            raise SourceError(f"{self.path} {problem}", where=str(self.target), hint="Correct the path")
        if not site.size:  # which SQLite takes for a database without tables
            raise SourceError(f"{self.path} is an empty file", where=str(self.target), hint="Correct the path")
        tool = self.tool(run)
        if tool is None:
            raise MissingToolError(
                f"neither sqlite3 nor python3 is installed in {self.target}, and a database in use cannot be copied "
                "safely without them",
                hint="Install sqlite3 in the image, have the backup stop the container meanwhile, or give the path of "
                "its volume on the host",
            )
        if self.target.is_local:
            self.copy_beside(site.path, str(to), tool, run)
        else:
            self._copy_away(Names.of(self.target, site.path, run.id, component), tool, to, run)
        return tool

    def _copy_away(self, names: Names, tool: Tool, to: Path, run: Run) -> None:
        """Copy beside the database with the tool there, bring the copy here, remove it there in every case."""
        try:
            self.copy_beside(names.live, names.new, tool, run)
            with to.open("wb") as out:
                to.chmod(0o600)
                for chunk in get(self.target, names.new, run):
                    out.write(chunk)
        finally:
            names.clear(run)

    def copy_beside(self, live: str, aside: str, tool: Tool, run: Run, *, durable: bool = False) -> None:
        """Copy a database at its place, as of one moment.

        Args:
            live: the database file.
            aside: where to.
            tool: what copies it.
            run: the run it belongs to.
            durable: whether to wait until it is on the disk.

        Raises:
            SourceError: SQLite does not take it.
        """
        capture(self.target, command("sh", "-c", 'umask 077; : >"$1"', "sh", aside, env=C), run)
        try:
            if tool.program == "python3":
                words = (live, aside, str(_PATIENCE), "FULL" if durable else "OFF")
                capture(self.target, tool.python(_PYTHON_COPY, *words), run)
                return
            if "\n" in aside:
                raise SourceError(f"{live!r} has a line break in its name, which sqlite3 does not take")
            # A transaction around it keeps other people's writes from starting the copy over and over.
            quoted = aside.replace("\\", "\\\\").replace('"', '\\"')
            script = f'BEGIN;\nSELECT count(*) FROM sqlite_master;\n.backup main "{quoted}"\nROLLBACK;\n'
            self.run_sql(live, script, tool, run)
        except CommandError as error:
            raise self._explained(error) from None

    def _explained(self, error: CommandError) -> SourceError:
        """SQLite's error with the next step."""
        causes = {
            "not a database": ("is no SQLite database, or an encrypted one", "Correct the path"),
            "locked": (f"stayed locked for {_PATIENCE} s", "Find out who writes for so long"),
            "unable to open": ("may not be opened", "Run as root, or as the owner of the file and its folder"),
            "readonly": ("may not be written", "Run as root, or as the owner of the file and its folder"),
        }
        words = (f"cannot be copied: {error.what}", "Check it with `PRAGMA integrity_check`")
        what, hint = next((told for cause, told in causes.items() if cause in error.what), words)
        return SourceError(f"{self.path} {what}", where=str(self.target), hint=hint)

    def _fetch_from_stopped(self, to: Path, run: Run) -> Tool:
        """Copy the files of a container that does not run; nobody writes to them."""
        assert isinstance(self.target, Container)
        inspect = command("docker", "container", "inspect", "--format", "{{.State.Running}}", self.target.name)
        if capture(self.target.host, inspect, run).text != "false":
            raise MissingToolError(
                f"{self.target} has no shell, and a database in use cannot be copied safely without one",
                hint="Have the backup stop the container meanwhile, or give the path of its volume on the host",
            )
        folder = to.with_suffix(".from")
        folder.mkdir(mode=0o700)
        copied = folder / "copy"
        try:
            for end in ("", "-wal", "-journal"):
                self._copy_out(end, Path(f"{copied}{end}"), run)
            replace(self, target=LOCAL).copy_beside(str(copied), str(to), _HERE, run)
        finally:
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
        return Tool("docker cp", database.VERSION)

    def _copy_out(self, end: str, to: Path, run: Run) -> None:
        assert isinstance(self.target, Container)
        argv = command("docker", "cp", "-L", f"{self.target.name}:{self.path}{end}", "-", where=str(self.target))
        try:
            with Process(self.target.host, argv, run) as process, to.open("wb") as out:
                chunks = process.chunks()
                first = next(chunks, b"")
                for chunk in pick(lambda: _again(first, chunks), basename(self.path) + end):
                    out.write(chunk)
        except CommandError as error:
            to.unlink()
            if not end or not _ABSENT.search(error.what):  # without its log or journal it is stale or torn
                raise SourceError(f"{self.path}{end} cannot be copied: {error.what}", where=str(self.target)) from None

    def checkpoint(self, live: str, run: Run) -> None:
        """Have SQLite take what is in the write-ahead log into the file, as far as others let it."""
        if not exists(self.target, live, run):
            return  # the program would make an empty one
        with suppress(CommandError):  # the log is kept beside the old file, where it belongs
            if tool := self.tool(run):
                self.run_sql(live, "PRAGMA wal_checkpoint(TRUNCATE);\n", tool, run, patience=2)

    def run_sql(self, live: str, sql: str, tool: Tool, run: Run, *, patience: int | None = None) -> None:
        """Run SQL in the live database.

        Args:
            live: the database file.
            sql: what to run.
            tool: what runs it.
            run: the run it belongs to.
            patience: seconds to wait for others who have locked it; a minute when not given.

        Raises:
            CommandError: it failed; a transaction it began is rolled back.
        """
        patience = _PATIENCE if patience is None else patience
        if tool.program == "python3":
            capture(self.target, tool.python(_PYTHON_RUN, live, str(patience)), run, stdin=sql.encode())
        else:
            argv = command(
                "sqlite3", "-init", "/dev/null", "-batch", "-bail", live, env=C
            )  # a ~/.sqliterc sets pragmas
            capture(self.target, argv, run, stdin=f".timeout {patience * 1000}\n{sql}".encode())

    def bring(self, file: Path, path: str, run: Run) -> None:
        """Put a file there.

        Raises:
            IntegrityError: what arrived is not what was sent.
        """
        digest = sha256()

        def chunks() -> Iterator[bytes]:
            with file.open("rb") as source:
                while data := source.read(CHUNK):
                    digest.update(data)
                    yield data

        put(self.target, path, chunks(), run)
        arrived = capture(self.target, command("sha256sum", "--", path, env=C), run).text.lstrip("\\").split()[0]
        if arrived != digest.hexdigest():
            raise IntegrityError("what arrived is not what was sent", where=f"{path} on {self.target}",
                                 hint="Look at the disk there")  # fmt: skip

    def opened_by(self, live: str, run: Run) -> tuple[str, ...]:
        """The processes that have it open, as far as we may see."""
        found = capture(self.target, command("sh", "-c", _OPEN, "sh", live, env=C), run).text
        return tuple(line for line in found.splitlines() if line)


def _again(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
