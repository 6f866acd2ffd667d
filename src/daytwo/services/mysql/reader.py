"""Reads the output of `mysqldump` and `mariadb-dump` as it streams by: what is in it, and whether it is whole.

Neither MariaDB nor MySQL has a tool that lists a dump, so this reader is the one that `verify` names. It rests on what
the dump programs promise of their own output (client/mysqldump.c in both): text values have their newlines escaped, so
a line of data never begins inside a value; program text (triggers, routines, events) stands between `DELIMITER` lines;
the last line is `-- Dump completed`, written only after everything else.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from daytwo.core.errors import IntegrityError

READER = "daytwo's SQL dump reader"
_LONGEST_LINE = 1 << 20
_NAME = rb"`((?:[^`]|``)+)`"
_INSERT = re.compile(rb"INSERT INTO " + _NAME + rb" (?:\((?:`(?:[^`]|``)+`(?:, ?)?)*\) )?VALUES(?: (?=\()|(?=\n))")
_SECTION = re.compile(
    rb"-- (?:(?P<part>Table structure for table|Sequence structure for|Temporary (?:table|view) structure for view"
    rb"|Final view structure for view|Dumping data for table) " + _NAME + rb"|Dumping (?P<code>events|routines) for )"
)
_CREATE = re.compile(rb"CREATE (?P<what>TABLE|SEQUENCE) " + _NAME)
_VIEW = re.compile(rb"/\*!50001 VIEW " + _NAME)
_PROGRAM = re.compile(
    rb"(?:/\*!\d+ )?CREATE\b.*?\b(TRIGGER|EVENT|FUNCTION|PROCEDURE|PACKAGE BODY|PACKAGE)\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    rb"(?:(?:`(?:[^`]|``)+`|[\w$]+)\s*\.\s*)?(`(?:[^`]|``)+`|[\w$\x80-\xff]+)",
    re.IGNORECASE | re.DOTALL,
)
_DELIMITER = re.compile(rb"DELIMITER (\S+)")
_DATABASE = re.compile(rb"-- daytwo: default character set (\w+) collate (\w+)")
_OTHER_ROWS = (b"INSERT ", b"REPLACE ")
"""How rows begin that are not counted: with `insert-ignore`, `replace` or without quotes."""
_FOOTER = b"/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE"
_COMPLETED = b"-- Dump completed"
_BACKSLASH = ord("\\")
_QUOTED = re.compile(rb"'[^']*'")
_NOT_QUOTE_OR_BRACE = bytes(byte for byte in range(256) if byte not in b"'(")


class Part(Enum):
    """What a stretch of a dump is for."""

    HEADER = "header"
    TABLE = "table"
    SEQUENCE = "sequence"
    VIEW = "view"
    EVENTS = "events"
    ROUTINES = "routines"
    FOOTER = "footer"


@dataclass(frozen=True)
class Section:
    """A stretch of a dump: the settings at its head, one table with its rows and triggers, all routines, ..."""

    part: Part
    name: str = ""


@dataclass(frozen=True)
class Charset:
    """The character set and collation a database has by default."""

    name: str
    collation: str

    def header(self) -> bytes:
        """A comment line for the head of a dump, which otherwise says nothing of it."""
        return f"-- daytwo: default character set {self.name} collate {self.collation}\n".encode()


class _Mode(Enum):
    LINES = 1
    ROW_A_LINE = 2  # MariaDB: every row begins a line
    ONE_LINE = 3  # MySQL: all rows of a statement on its line
    LONG_LINE = 4  # the rest of a line of which enough has been seen


class Reader:
    """Takes a dump chunk by chunk and keeps what it learns; memory stays within two chunks.

    Attributes:
        counts: rows by table, counted from the dump's own statements.
        contents: what it creates, such as `table customer` or `trigger tidy`, in order.
        charset: the database's default, where the dump was made by daytwo.
        completed: whether the last line was the one that says so.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.contents: list[str] = []
        self.charset: Charset | None = None
        self.completed = False
        self._mode = _Mode.LINES
        self._section = Section(Part.HEADER)
        self._carry = b""
        self._table = ""
        self._in_text = False
        self._in_program = False
        self._program_named = False

    def feed(self, chunk: bytes) -> list[tuple[Section, bytes]]:
        """Take the next chunk.

        Returns:
            All bytes that are understood by now, in order, with the section each stretch belongs to.

        Raises:
            IntegrityError: this is no such dump.
        """
        data = self._carry + chunk
        pieces: list[tuple[Section, bytes]] = []
        begun = at = 0
        while True:
            section = self._section
            reached = self._step(data, at)
            if reached is None:
                break
            if self._section is not section:
                pieces.append((section, data[begun:at]))
                begun = at
            at = reached
        pieces.append((self._section, data[begun:at]))
        self._carry = data[at:]
        return [piece for piece in pieces if piece[1]]

    def end(self) -> list[tuple[Section, bytes]]:
        """No more is coming.

        Returns:
            The last bytes with their section.

        Raises:
            IntegrityError: the dump is not whole.
        """
        pieces = self.feed(b"\n") if self._carry and self._mode is _Mode.LINES else []
        if not self.completed or self._mode is not _Mode.LINES or self._in_program:
            after = self.contents[-1] if self.contents else "its head"
            raise IntegrityError(f"the SQL dump is not whole: it ends after {after}, without '-- Dump completed'",
                                 hint="Use another snapshot; a dump that is cut off must not be restored")  # fmt: skip
        return pieces

    def _step(self, data: bytes, at: int) -> int | None:
        """Understand what begins at `at`; where that ends, or None when more bytes are needed for it."""
        if self._mode is _Mode.ROW_A_LINE:
            return self._row_a_line(data, at)
        if self._mode is _Mode.ONE_LINE:
            return self._one_line(data, at)
        end = data.find(b"\n", at)
        if self._mode is _Mode.LONG_LINE:
            self._mode = _Mode.LINES if end >= 0 else _Mode.LONG_LINE
            return end + 1 if end >= 0 else (len(data) if at < len(data) else None)
        if not self._in_program and data.startswith(b"INSERT INTO `", at):
            begun = self._insert(data, at)
            if begun is not None:
                return begun
            if len(data) - at > _LONGEST_LINE:
                raise IntegrityError(f"the SQL dump has an INSERT that is not understood, after {self._table}")
            return None
        if end < 0:
            return self._long_line(data, at)
        self._line(data[at:end])
        return end + 1

    def _long_line(self, data: bytes, at: int) -> int | None:
        if len(data) - at <= _LONGEST_LINE:
            return None
        self._line(data[at:])
        self._mode = _Mode.LONG_LINE
        return len(data)

    def _insert(self, data: bytes, at: int) -> int | None:
        head = _INSERT.match(data, at)
        if head is None:
            return None
        self._table = plain(head[1])
        self.counts.setdefault(self._table, 0)
        self.completed = False
        self._mode = _Mode.ROW_A_LINE if data.startswith(b"\n", head.end()) else _Mode.ONE_LINE
        self._in_text = False
        return head.end()

    def _row_a_line(self, data: bytes, at: int) -> int | None:
        end = data.find(b");\n", at)
        if end >= 0:
            self.counts[self._table] += data.count(b"\n(", at, end + 1)
            self._mode = _Mode.LINES
            return end + 3
        safe = len(data) - 2  # the end's three bytes and a row's two may lie across the boundary
        if safe <= at:
            return None
        self.counts[self._table] += data.count(b"\n(", at, safe + 1)
        return safe

    def _one_line(self, data: bytes, at: int) -> int | None:
        end = data.find(b"\n", at)
        stop = end if end >= 0 else len(data) - 2  # two are kept back: the final `);` is seen as one
        if end < 0:
            while stop > at and data[stop - 1] == _BACKSLASH:  # an escape's second byte may be in the next chunk
                stop -= 1
            if stop <= at:
                return None
        rows, self._in_text = count_rows(data[at:stop], self._in_text)
        self.counts[self._table] += rows
        if end < 0:
            return stop
        self._mode = _Mode.LINES
        if self._in_text or not data.endswith(b");", 0, end):
            raise IntegrityError(f"the SQL dump has a statement that does not end, in table {self._table}")
        return end + 1

    def _line(self, line: bytes) -> None:
        delimiter = _DELIMITER.match(line)
        if delimiter:
            self._in_program = delimiter[1] != b";"
            self._program_named = False
        elif self._in_program:
            self._program(line)
        elif line.startswith(_COMPLETED):
            self.completed = True
        elif line.strip():
            self.completed = False
            self._statement(line)

    def _program(self, line: bytes) -> None:
        if not self._program_named and (found := _PROGRAM.match(line)):
            self._program_named = True
            name = found[2][1:-1] if found[2].startswith(b"`") else found[2]
            self._add(found[1].decode().lower(), plain(name))

    def _statement(self, line: bytes) -> None:
        if line.startswith(b"-- ") and (found := _SECTION.match(line)):
            self._enter(found)
        elif found := _CREATE.match(line):
            what, name = found["what"].decode().lower(), plain(found[2])
            self._add(what, name)
            if what == "table":
                self.counts.setdefault(name, 0)
        elif line.startswith(_OTHER_ROWS):
            raise IntegrityError(f"the SQL dump has rows in a form that is not understood: {line[:40]!r}",
                                 hint="Look at the option files of the client at the target")  # fmt: skip
        elif found := _VIEW.match(line):
            self._add("view", plain(found[1]))
        elif line.startswith(_FOOTER):
            self._section = Section(Part.FOOTER)
        elif found := _DATABASE.match(line):
            self.charset = Charset(found[1].decode(), found[2].decode())

    def _enter(self, found: re.Match[bytes]) -> None:
        if found["code"]:
            self._section = Section(Part.EVENTS if found["code"] == b"events" else Part.ROUTINES)
            return
        part, name = found["part"], plain(found[2])
        if part.startswith(b"Sequence"):
            self._section = Section(Part.SEQUENCE, name)
        elif part.startswith((b"Temporary", b"Final")):
            self._section = Section(Part.VIEW, name)
        elif self._section != Section(Part.TABLE, name):
            self._section = Section(Part.TABLE, name)

    def _add(self, what: str, name: str) -> None:
        self.contents.append(f"{what} {name}")


def count_rows(values: bytes, in_text: bool) -> tuple[int, bool]:
    """Count the rows in a stretch of `(1,'a'),(2,'b')` without splitting it.

    Outside text every opening brace begins a row (the dump programs write values as numbers, NULL, hexadecimal or
    text). Escapes go first, then all but quotes and braces, so that little is left to look at.

    Args:
        values: the stretch; it does not end inside an escape.
        in_text: whether it begins inside a text value.

    Returns:
        The number of rows that begin, and whether it ends inside a text value.
    """
    if b"\\" in values:
        values = values.replace(b"\\\\", b"").replace(b"\\'", b"")
    left = values.translate(None, delete=_NOT_QUOTE_OR_BRACE)
    left = (b"'" + left if in_text else left).replace(b"''", b"")
    if b"'" in left:
        left = _QUOTED.sub(b"", left)
    outside, quote, _ = left.partition(b"'")
    return outside.count(b"("), bool(quote)


def read(chunks: Iterable[bytes]) -> Reader:
    """Read a dump to its end.

    Raises:
        IntegrityError: it is not whole.
    """
    reader = Reader()
    for chunk in chunks:
        reader.feed(chunk)
    reader.end()
    return reader


def sections(chunks: Iterable[bytes], reader: Reader) -> Iterator[tuple[Section, bytes]]:
    """The dump's bytes with their sections, in order; `reader` knows all about it after the last.

    Raises:
        IntegrityError: after the last byte, when the dump is not whole.
    """
    for chunk in chunks:
        yield from reader.feed(chunk)
    yield from reader.end()


def without_client_commands(header: bytes) -> bytes:
    """The head of a dump without MariaDB's `/*M!999999\\- enable the sandbox mode */`.

    Only new MariaDB clients know that line; the client is told to ignore client commands in another way, which every
    one of them knows (`--binary-mode`). Source: MDEV-21178.
    """
    return re.sub(rb"(?m)^/\*M?!999999\\- .*\n", b"", header)


def plain(name: bytes) -> str:
    """A name as it stands between backticks in a dump."""
    return name.replace(b"``", b"`").decode("utf-8", "replace")
