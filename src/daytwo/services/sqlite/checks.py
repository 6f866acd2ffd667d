"""What is asked of a SQLite database while it is watched."""

import re
import time
from collections.abc import Sequence

from daytwo.core.check import Measure, Observation, ProgramCheck, Timing, Unit
from daytwo.core.errors import CancelledError, CommandError, DaytwoError
from daytwo.core.query import Query, QueryCheck
from daytwo.core.reading import number, one_line
from daytwo.core.run import Run
from daytwo.services.sqlite.asking import PATIENCE, Line

READY = Timing(every=300, timeout=15)
INTEGRITY = Timing(every=86400, timeout=3600, failures=1)
_BLOCKED = 5.0
"""Seconds for which a check may keep others from writing; SQLite's own clients rarely wait longer."""
# The schema's first row proves that it is a database that can be read; a database without a table has none.
_READY = "SELECT (SELECT count(*) FROM (SELECT 1 FROM sqlite_master LIMIT 1)), page_count, freelist_count" \
    " FROM pragma_page_count(), pragma_freelist_count()"  # fmt: skip
_LOCKED = re.compile(r"database (?:table )?is locked|\bbusy\b", re.IGNORECASE)
_DAMAGED = re.compile(r"malformed|not a database|disk image|file is encrypted", re.IGNORECASE)


class DatabaseCheck(ProgramCheck):
    """Whether it can be opened and read."""

    about = "can be read; size, write-ahead log, free pages"
    measures = (
        Measure("duration", Unit.SECONDS, "until the answer was there, the start of a program included"),
        Measure("size", Unit.BYTES, "the database file"),
        Measure("wal", Unit.BYTES, "its write-ahead log, which grows while somebody reads without end"),
        Measure("free", Unit.RATIO, "pages of the file that hold nothing; `VACUUM` gives them back"),
    )

    def __init__(self, name: str, service: str, timing: Timing, line: Line) -> None:
        super().__init__(name, service, timing)
        self._line = line

    def look(self, run: Run) -> Observation:
        """Ask for a row."""
        begun = time.monotonic()
        try:
            told = self._line.ask(_READY, run)
        except CommandError as error:
            return Observation.failed(_meaning(error))
        took = time.monotonic() - begun
        pages, free = (number(value) or 0 for value in told.rows[0][1:])
        numbers = {"duration": took, "size": told.size, "wal": told.wal, "free": free / pages if pages else 0.0}
        return Observation.ok(numbers, {"journal": "wal" if told.in_wal else "rollback"})


class IntegrityCheck(ProgramCheck):
    """Whether every page of it is sound."""

    about = "PRAGMA quick_check finds no damage"
    measures = (Measure("duration", Unit.SECONDS, "until all of it was read"),)

    def __init__(self, name: str, service: str, line: Line) -> None:
        super().__init__(name, service, INTEGRITY)
        self._line = line

    def look(self, run: Run) -> Observation:
        """Read all of it.

        Those who read a database without a write-ahead log keep others from writing, so that is given up after a
        while: a verified backup has checked its copy.
        """
        begun = time.monotonic()
        try:
            told = self._read(run)
        except CancelledError:
            run.check()
            return Observation.inconclusive(
                f"to check it would keep others from writing for more than {_BLOCKED:.0f} s, as it has no write-ahead "
                "log; `daytwo verify` checks the copy in a backup"
            )
        except CommandError as error:
            words = _meaning(error)
            return Observation.failed(words) if _DAMAGED.search(error.what) else Observation.inconclusive(words)
        except DaytwoError as error:  # what the first check tells
            return Observation.inconclusive(one_line(str(error)))
        took = {"duration": time.monotonic() - begun}
        said = [str(row[0]) for row in told if row]
        if said != ["ok"]:
            first = said[0].removeprefix("*** in database main ***") if said else "no answer"
            return Observation.failed(one_line(f"it is damaged: {first.strip()}"), took)
        return Observation.ok(took)

    def _read(self, run: Run) -> list[list[object]]:
        sql = "PRAGMA quick_check(1)"
        if self._line.ask(_READY, run).in_wal:
            return self._line.ask(sql, run).rows
        with run.limited(_BLOCKED) as part:
            return self._line.ask(sql, part).rows


class SqliteQuery(QueryCheck):
    """A query of a database that is open for reading only."""

    def __init__(self, name: str, service: str, query: Query, line: Line) -> None:
        super().__init__(name, service, query)
        self._line = line

    def rows(self, run: Run) -> Sequence[Sequence[object]]:
        """The rows."""
        return self._line.ask(f"SELECT * FROM (\n{self.query.sql}\n) LIMIT 2", run).rows  # noqa: S608

    def refused(self, error: CommandError) -> Observation:
        """What SQLite says; a lock or damage is for the service's own checks to tell."""
        if _LOCKED.search(error.what) or _DAMAGED.search(error.what):
            return Observation.inconclusive(_meaning(error))
        return Observation.failed(one_line(f"SQLite does not take the query: {_words(error)}"))


def _meaning(error: CommandError) -> str:
    """SQLite's error as a sentence."""
    words = error.what
    if _LOCKED.search(words):
        return f"it has been locked by others for more than {PATIENCE} s; find out who writes for so long"
    if "not a database" in words:
        return "it is no SQLite database, or an encrypted one"
    if _DAMAGED.search(words):
        return one_line(f"it is damaged: {_words(error)}")
    return one_line(f"it cannot be read: {_words(error)}")


def _words(error: CommandError) -> str:
    found = re.sub(r"^\S+ ended with code \d+: ", "", error.what).partition("; ")[0]
    return re.sub(r"^(?:Parse error|Runtime error|Error)[^:]*: (?:in prepare, )?", "", found)
