"""What `pg_restore` complains of: harmless, or the end of the restore (F02, F03).

`pg_restore` goes on after an error and ends with code 1, for a missing role as for a missing table. Its complaints are
read while it runs, and each is judged: the list of harmless ones is short, and what is not on it is real.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Its workers write prefix and message apart, so those of two of them may mingle: `pg_restore: pg_restore: error: `.
_PREFIX = re.compile(r"(?:pg_restore: |error: |warning: |\[[^\]]*\] )+")
_QUERY = "could not execute query: "
_LONGEST = 2000
"""Characters kept of one complaint: a failed command can be as long as a function's body."""
_WHERE = re.compile(r"while |from TOC entry ")
_IGNORED = re.compile(r"errors ignored on restore: (\d+)")

_OWNERSHIP = r"(ALTER .* OWNER TO |GRANT |REVOKE |ALTER DEFAULT PRIVILEGES )"
_HARMLESS = tuple(
    (re.compile(message), re.compile(command, re.DOTALL))
    for message, command in (
        # A newer client sets what an older server does not know, such as transaction_timeout (PostgreSQL 17).
        (r"unrecognized configuration parameter ", r"SET "),
        # Roles that were not restored: the data is whole, and belongs to the restoring role.
        (r'role ".*" does not exist', _OWNERSHIP),
        (r"must be (a )?member of role |must be able to SET ROLE ", r"ALTER .* OWNER TO "),
        (r"permission denied to change default privileges", r"ALTER DEFAULT PRIVILEGES "),
        # What a new database has already.
        (r'schema "public" already exists', r"CREATE SCHEMA public"),
        (
            r'language "plpgsql" already exists|must be owner of language plpgsql',
            r"(CREATE|ALTER|COMMENT ON).* LANGUAGE ",
        ),
        (r'extension ".*" already exists', r"CREATE EXTENSION "),
        (r"must be owner of extension ", r"COMMENT ON EXTENSION "),
        (r"must be owner of schema public", r"(COMMENT ON|ALTER) SCHEMA public"),
    )
)


@dataclass(frozen=True)
class Complaint:
    """One error of `pg_restore`.

    Args:
        text: the message.
        command: the SQL it was about, cut; empty where it was about something else.
    """

    text: str
    command: str = ""

    @property
    def harmless(self) -> bool:
        """Whether the data is whole in spite of it."""
        _, found, message = self.text.partition(f"{_QUERY}ERROR:")
        if not found or "ERROR:" in self.command:  # the latter: a complaint of another worker ran into this one
            return False
        return any(
            said.search(message) and about.match(self.command) for said, about in _HARMLESS
        )  # fmt: skip

    def __str__(self) -> str:
        what = self.text.removeprefix(_QUERY).removeprefix("ERROR:").strip()
        first = self.command.split("\n")[0] if self.command else ""
        return f"{what} ({first[:120]})" if first else what


class ComplaintReader:
    """Splits error output into complaints as it arrives, in little memory.

    Attributes:
        ignored: how many errors `pg_restore` says it ignored.
        last: the last line that was no complaint and does not only say where it is: `terminated by user`, a warning.
    """

    def __init__(self) -> None:
        self.ignored = 0
        self.last = ""
        self._rest = b""
        self._text = ""
        self._command: str | None = None

    def feed(self, data: bytes) -> Iterator[Complaint]:
        """The complaints that are complete with these bytes."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()[:_LONGEST]
        for line in lines:
            yield from self._line(line.decode("utf-8", "replace"))

    def finish(self) -> Iterator[Complaint]:
        """The last one."""
        yield from self._line(self._rest.decode("utf-8", "replace"))
        yield from self._complete()

    def _line(self, line: str) -> Iterator[Complaint]:
        prefix = _PREFIX.match(line)
        text = line[prefix.end() :] if prefix else line
        if ignored := _IGNORED.search(text) if prefix else None:
            yield from self._complete()
            self.ignored += int(ignored.group(1))
        elif (prefix and "error: " in prefix.group()) or text.startswith(_QUERY):
            yield from self._complete()
            self._text = text[:_LONGEST]
        elif prefix:
            yield from self._complete()
            if not _WHERE.match(text):
                self.last = text.strip()[:_LONGEST]
        elif line.startswith("Command was: ") and self._text:
            self._command = line.removeprefix("Command was: ")[:_LONGEST]
        elif self._command is not None:
            self._command = f"{self._command}\n{line}"[:_LONGEST]
        elif self._text and line.startswith(("DETAIL:", "HINT:", "CONTEXT:", "LINE ")):
            self._text = f"{self._text}; {line}"[:_LONGEST]
        elif line.strip():
            self.last = line.strip()[:_LONGEST]

    def _complete(self) -> Iterator[Complaint]:
        if self._text:
            yield Complaint(self._text, self._command or "")
        self._text, self._command = "", None
