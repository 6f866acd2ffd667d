"""The way of checks to a database file: read, never written, and never made.

A program of its own asks, since one that waits for a disk or a lock can be ended and a call of SQLite cannot.
"""

import json
import re
from dataclasses import dataclass

from daytwo.core.command import command
from daytwo.core.errors import CommandError, MissingToolError, SourceError
from daytwo.core.fileset.site import C
from daytwo.core.reading import ask
from daytwo.core.run import Run
from daytwo.services.sqlite.place import DatabasePlace, Tool

PATIENCE = 4
"""Seconds to wait for others who have locked the database."""

# A database in WAL mode without a log beside it is open nowhere. Opened read-only, SQLite makes log and index files
# that it cannot remove again, maybe with the wrong owner; as unchangeable, it makes none.
_FACTS = r"""
if [ ! -e "$1" ]; then echo missing; exit; fi
if [ ! -f "$1" ]; then echo other; exit; fi
if [ ! -r "$1" ]; then echo closed; exit; fi
size=$(stat -L -c %s -- "$1")
if [ "$size" = 0 ]; then echo empty; exit; fi
real=$(readlink -f -- "$1")
if [ -e "$real-wal" ]; then wal=$(stat -L -c %s -- "$real-wal"); else wal=; fi
mode=$(dd if="$1" bs=1 skip=18 count=1 2>/dev/null | od -An -tu1 | tr -d ' \n')
if [ "$mode" = 2 ] && [ -z "$wal" ]; then how=immutable=1; else how=mode=ro; fi
echo "there $size ${wal:-0} $mode"
"""
_PYTHON = r"""
exec "$2" -I -c "$3" "$real" "$how" "$4" "$5"
"""
_SQLITE3 = r"""
quoted=$(printf %s "$real" | sed -e 's/%/%25/g' -e 's/?/%3f/g' -e 's/#/%23/g')
exec sqlite3 -init /dev/null -batch -bail -readonly "file:$quoted?$how"
"""
_SCRIPT = """
import json, sqlite3, sys, urllib.parse
path, how, patience, sql = sys.argv[1:]
try:
    at = "file:" + urllib.parse.quote(path) + "?" + how
    database = sqlite3.connect(at, uri=True, timeout=int(patience), isolation_level=None)
    database.text_factory = lambda text: text.decode("utf-8", "replace")
    for row in database.execute(sql).fetchmany(100):
        print(json.dumps([one if isinstance(one, (int, float, str, type(None))) else "a blob" for one in row]))
except sqlite3.Error as error:
    sys.exit(str(error))
"""


@dataclass(frozen=True)
class Answer:
    """What a database answered.

    Args:
        size: bytes of its file.
        wal: bytes of its write-ahead log; zero where there is none.
        in_wal: whether it has one, so that those who read keep nobody from writing.
        rows: the first rows of the answer.
    """

    size: int
    wal: int
    in_wal: bool
    rows: list[list[object]]


class Line:
    """Asks a database, and remembers between two questions what can run SQLite there.

    Args:
        place: where it is.
    """

    def __init__(self, place: DatabasePlace) -> None:
        self._place = place
        self._tool: Tool | None = None

    def ask(self, sql: str, run: Run) -> Answer:
        """Ask for a few rows.

        Args:
            sql: one statement without values that come from elsewhere.
            run: the run it belongs to.

        Raises:
            SourceError: there is no database, or it cannot be read.
            MissingToolError: nothing there can run SQLite.
            CommandError: SQLite's own words.
        """
        place = self._place
        try:
            return self._told(sql, run)
        except MissingToolError:
            if self._tool is None or place.target.is_local:
                raise
        self._tool = None  # an update has put another one in its place
        return self._told(sql, run)

    def _told(self, sql: str, run: Run) -> Answer:
        place = self._place
        tool = self._tool = self._tool or place.tool(run)
        if tool is None:
            raise MissingToolError(
                f"neither sqlite3 nor python3 is installed in {place.target}",
                hint="Install sqlite3 in the image, or give the path of its volume on the host",
            )
        words: tuple[str, ...] = (place.path,)
        if tool.program == "python3":
            script, stdin = _FACTS + _PYTHON, b""
            words = (place.path, tool.path or tool.program, _SCRIPT, str(PATIENCE), sql)
        else:
            script, stdin = _FACTS + _SQLITE3, f".timeout {PATIENCE * 1000}\n.mode quote\n{sql};\n".encode()
        inner = command("sh", "-c", script, "sh", *words, env=C, where=f"{place.path} on {place.target}")
        first, _, rest = ask(place.target, inner, run, stdin=stdin).text.partition("\n")
        size, wal, mode = _judged(first, place)
        return Answer(size, wal, mode == 2, _rows(rest) if tool.program == "python3" else _quoted(rest))


def _judged(first: str, place: DatabasePlace) -> tuple[int, int, int]:
    problems = {
        "missing": ("is not there", "Correct the path"), "other": ("is no file", "Correct the path"),
        "closed": ("may not be read", "Run as root, or as the owner of the file"),
        "empty": ("is an empty file", "Correct the path, or restore it"),
    }  # fmt: skip
    if first in problems:
        what, hint = problems[first]
        raise SourceError(f"{place.path} {what}", where=str(place.target), hint=hint)
    there, *numbers = first.split()
    if there != "there" or len(numbers) != 3:
        raise CommandError("its size cannot be read", where=f"{place.path} on {place.target}")
    size, wal, mode = (int(one) for one in numbers)
    return size, wal, mode


def _rows(text: str) -> list[list[object]]:
    """Rows as the script prints them, one JSON array a line."""
    return [json.loads(line) for line in text.split("\n") if line]


_LITERAL = re.compile(r"(?:'((?:[^']|'')*)'|([^',\n]+))(,|\n|\Z)")


def _quoted(text: str) -> list[list[object]]:
    """Rows as `.mode quote` of the `sqlite3` program prints them: SQL literals with commas between them."""
    rows: list[list[object]] = []
    row: list[object] = []
    for found in _LITERAL.finditer(text):
        plain = found[2]
        row.append(found[1].replace("''", "'") if plain is None else None if plain == "NULL" else plain)
        if found[3] != ",":
            rows.append(row)
            row = []
    return rows


__all__ = ["PATIENCE", "Answer", "Line"]
