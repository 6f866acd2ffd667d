"""A database file where it is, on this machine, in a container or on a host: copied away, and put in use there."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from posixpath import basename
from sqlite3 import Error as SqliteError

from daytwo.core.command import command
from daytwo.core.errors import (
    CommandError,
    DaytwoError,
    IntegrityError,
    MissingToolError,
    SourceError,
    UnreachableError,
)
from daytwo.core.fileset.site import C, Site, get, look, put, refuse_interrupted, remove
from daytwo.core.process import CHUNK, Process, capture
from daytwo.core.run import Run
from daytwo.core.tarball import pick
from daytwo.core.target import Container, Target
from daytwo.services.sqlite import database

COMPANIONS = ("-wal", "-shm", "-journal")
"""Files that belong to a database file; without them it can be stale or torn, and next to another one they harm it."""

_PYTHON_COPY = """
import sqlite3, sys, urllib.parse
source = sqlite3.connect("file:" + urllib.parse.quote(sys.argv[1]) + "?mode=rw", uri=True, timeout=60)
target = sqlite3.connect(sys.argv[2])
source.backup(target)
target.close()
"""
_PYTHON_RUN = """
import sqlite3, sys, urllib.parse
live = sqlite3.connect("file:" + urllib.parse.quote(sys.argv[1]) + "?mode=rw", uri=True, timeout=60)
live.isolation_level = None
live.executescript(sys.stdin.read())
"""
_TOOL = """
if command -v sqlite3 >/dev/null 2>&1; then echo sqlite3 "$(sqlite3 -version)"
elif python3 -c 'import sqlite3' >/dev/null 2>&1; then
  echo python3 "$(python3 -c 'import sqlite3; print(sqlite3.sqlite_version)')"
fi
"""
# The file never goes missing: the old one gets a second name before the new one takes its place.
_SWAP = """
live=$1 new=$2 old=$3
set -e
if [ -e "$live" ]; then
  chown "$(stat -c %u:%g -- "$live")" "$new" 2>/dev/null || :
  chmod "$(stat -c %a -- "$live")" "$new"
  if [ -e "$old" ]; then echo "$old is there already" >&2; exit 1; fi
  for companion in -wal -shm -journal; do
    if [ -e "$live$companion" ]; then mv -- "$live$companion" "$old$companion"; fi
  done
  ln -- "$live" "$old" 2>/dev/null || cp -p -- "$live" "$old"
else
  chown "$(stat -c %u:%g -- "$(dirname -- "$live")")" "$new" 2>/dev/null || :
  rm -f -- "$live-wal" "$live-shm" "$live-journal"
fi
sync -- "$new" 2>/dev/null || sync
mv -f -- "$new" "$live"
if [ -e "$old" ]; then echo kept; fi
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
    """What runs SQLite at a place: `sqlite3` or `python3`, and SQLite's version."""

    program: str
    version: str


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
            return Tool("python3", database.VERSION)
        words = capture(self.target, command("sh", "-c", _TOOL), run).text.split()
        return Tool(words[0], words[1] if len(words) > 1 else "") if words else None

    def fetch(self, to: Path, run: Run) -> Tool:
        """Copy the database here, as of one moment, whoever is writing to it.

        Args:
            to: a private file that does not exist yet.
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
        if self.target.is_local:
            database.copy(Path(site.path), to)
            return Tool("python3", database.VERSION)
        tool = self.tool(run)
        if tool is None:
            raise MissingToolError(
                f"neither sqlite3 nor python3 is installed in {self.target}, and a database in use cannot be copied "
                "safely without them",
                hint="Install sqlite3 in the image, have the backup stop the container meanwhile, or give the path of "
                "its volume on the host",
            )
        self._copy_away(site.path, tool, to, run)
        return tool

    def _copy_away(self, live: str, tool: Tool, to: Path, run: Run) -> None:
        """Copy beside the database with the tool there, bring the copy here, remove it there in every case."""
        aside = f"{live}.daytwo-new-{run.id[:8]}"
        try:
            self.copy_beside(live, aside, tool, run)
            with to.open("wb") as out:
                to.chmod(0o600)
                for chunk in get(self.target, aside, run):
                    out.write(chunk)
        finally:
            remove(self.target, Run(run.id, run.work, timeout=60), aside, *(aside + end for end in COMPANIONS))

    def copy_beside(self, live: str, aside: str, tool: Tool, run: Run) -> None:
        """Copy a database at its place, as of one moment.

        Raises:
            SourceError: SQLite does not take it.
        """
        if self.target.is_local:
            database.copy(Path(live), Path(aside))
            return
        capture(self.target, command("sh", "-c", 'umask 077; : >"$1"', "sh", aside, env=C), run)
        try:
            if tool.program == "python3":
                capture(self.target, command("python3", "-c", _PYTHON_COPY, live, aside, env=C), run)
                return
            if "\n" in aside:
                raise SourceError(f"{live!r} has a line break in its name, which sqlite3 does not take")
            # A transaction around it keeps other people's writes from starting the copy over and over.
            quoted = aside.replace("\\", "\\\\").replace('"', '\\"')
            script = (
                f'.timeout 60000\nBEGIN;\nSELECT count(*) FROM sqlite_master;\n.backup main "{quoted}"\nROLLBACK;\n'
            )
            capture(self.target, command("sqlite3", "-batch", "-bail", live, env=C), run, stdin=script.encode())
        except CommandError as error:
            raise SourceError(f"{self.path} cannot be copied: {error.what}", where=str(self.target),
                              hint="Check it with `PRAGMA integrity_check`") from None  # fmt: skip

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
            database.copy(copied, to)
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
            if not end:
                raise SourceError(f"{self.path} cannot be copied: {error.what}", where=str(self.target)) from None

    def checkpoint(self, live: str, run: Run) -> None:
        """Have SQLite take what is in the write-ahead log into the file, as far as others let it."""
        try:
            if self.target.is_local:
                database.checkpoint(live)
            elif tool := self.tool(run):
                self.run_sql(live, "PRAGMA busy_timeout=2000;\nPRAGMA wal_checkpoint(TRUNCATE);\n", tool, run)
        except (DaytwoError, SqliteError):
            return  # the log is kept beside the old file, where it belongs

    def run_sql(self, live: str, sql: str, tool: Tool, run: Run) -> None:
        """Run SQL in the live database.

        Raises:
            CommandError: it failed; a transaction it began is rolled back.
        """
        if self.target.is_local:
            database.execute(live, sql)
        elif tool.program == "python3":
            capture(self.target, command("python3", "-c", _PYTHON_RUN, live, env=C), run, stdin=sql.encode())
        else:
            capture(self.target, command("sqlite3", "-batch", "-bail", live, env=C), run, stdin=sql.encode())

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

    def swap(self, live: str, new: str, old: str, run: Run) -> bool:
        """Put a new file in use and keep the old one with all that belongs to it; whether there was an old one."""
        return capture(self.target, command("sh", "-c", _SWAP, "sh", live, new, old, env=C), run).text == "kept"

    def opened_by(self, live: str, run: Run) -> tuple[str, ...]:
        """The processes that have it open, as far as we may see."""
        found = capture(self.target, command("sh", "-c", _OPEN, "sh", live, env=C), run).text
        return tuple(line for line in found.splitlines() if line)


def _again(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
