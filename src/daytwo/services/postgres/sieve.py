"""Taking a dump in the custom format apart while it streams past: rows that a server takes as they are, and the rest.

`pg_restore` cannot share a table among connections, and with several of them it needs a file that it can seek in. So
the rows are taken out of the stream, for `COPY` on as many connections as there are, and all else (definitions, large
objects, whatever is not understood) makes a smaller dump of the same format, in which the tables have no rows.

That dump also gets what a stream lacks: `pg_dump` notes in the table of contents where each entry's data begins, but
only into a file it can seek in, and without that each worker of `pg_restore --jobs` searches all of it.

The format is that of PostgreSQL's `pg_backup_archiver.c` (ReadHead, ReadToc) and `pg_backup_custom.c` (_StartData,
_ReadExtraToc), archive versions 1.12 (PostgreSQL 9.0) to 1.16 (18). A head that is not understood, or compressed data,
and the dump is left as it is.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from daytwo.core.errors import IntegrityError

LARGEST_HEAD = 128 << 20
"""Bytes of a table of contents that is kept in memory; a dump with a larger one is left as it is."""
LARGEST_ROW = 1 << 20
"""Bytes of a row that are kept in memory; what is longer goes on in pieces."""
_NOT_SET, _SET = 1, 2
_DATA, _BLOBS = 1, 3
_INT = struct.Struct("<bI")
_OFFSET = struct.Struct("<BQ")
# Rows are one piece each, far too many to hop along. Uncompressed rows hold no zero byte, so five of them are an empty
# piece: a sign and a length of zero.
_END = bytes(_INT.size)
_LAST = b"\\.\n\n\n"
"""What `pg_dump` writes after a table's rows, as their last piece."""
_LENGTH = re.compile(rb"\x00.{4}", re.DOTALL)
_NEWEST = (1, 16)
_OLDEST = (1, 12)

# They are given to psql, so nothing is let through that it could take for anything but a statement.
_NAME = rb'(?:[a-z_][a-z0-9_$]*|"(?:[^"\\\x00]|"")+")'
_COPY = re.compile(rb"COPY %b\.%b \(%b(?:, %b)*\) FROM stdin;\n" % (_NAME, _NAME, _NAME, _NAME))
_ENCODING = re.compile(rb"SET client_encoding = '[A-Za-z0-9_]+';\n")


@dataclass(frozen=True)
class Rows:
    """Rows of one table, in the text format of `COPY`.

    Args:
        copy: the statement that takes them, such as `COPY public.users (id, name) FROM stdin;` and a newline.
        data: the rows.
        more: whether the last row goes on in the next piece.
    """

    copy: bytes
    data: bytes
    more: bool = False


@dataclass
class _Head:
    """The table of contents, as far as it has been read."""

    data: bytearray
    version: tuple[int, int] = (0, 0)
    plain: bool = False
    entries: int = -1
    at: int = 0


@dataclass(frozen=True)
class _Entry:
    """What counts of an entry.

    Args:
        id: its id.
        dumper: where it says whether it has data.
        offset: where it says where that begins.
        end: where it ends.
        kind: such as `TABLE DATA`.
        definition: its SQL.
        copy: the statement that takes its rows.
    """

    id: int
    dumper: int
    offset: int
    end: int
    kind: bytes
    definition: bytes
    copy: bytes


class _UnknownError(Exception):
    """This is no dump, or one of a kind that is not known here."""


class Sieve:
    """Takes one dump apart.

    Args:
        rows: take rows out; else it only finds where each entry's data begins.

    Attributes:
        encoding: the statement that says in which encoding the rows are, and a newline; empty before the head has
            ended, and where there are no rows to be taken out.
    """

    def __init__(self, *, rows: bool) -> None:
        self._wanted = rows
        self.encoding = b""
        self._head: _Head | None = _Head(bytearray())
        self._whole: bytearray | None = None
        self._entries: dict[int, _Entry] = {}
        self._found: dict[int, int] = {}
        self._taken: list[int] = []
        self._rest = b""
        self._skip = 0
        self._written = 0
        self._in = 0
        self._pieces = False
        self._plain = False
        self._copy = b""
        self._row: list[bytes] = []
        self._going = False

    def feed(self, chunk: bytes) -> Iterator[bytes | Rows]:
        """What the next bytes are: rows, and bytes of the smaller dump.

        Raises:
            IntegrityError: it is not what it began as, and rows have been taken out already.
        """
        if self._whole is not None:
            yield from self._understood(chunk)
        elif self._head is None:
            yield chunk
        else:
            try:
                rest = self._read_head(self._head, chunk)
            except (_UnknownError, struct.error):
                yield bytes(self._head.data)
                self._head = None
                return
            if rest is not None:
                yield self._sent(self.contents() or b"")
                yield from self._understood(rest)

    def finish(self) -> Iterator[bytes]:
        """The last bytes of the smaller dump, after all have been fed.

        Raises:
            IntegrityError: it ends within rows that have been taken out.
        """
        if self._copy:
            self._broken()
        if self._head is not None:  # it never got to an end
            yield bytes(self._head.data)
        elif self._rest:
            yield self._rest

    @property
    def in_head(self) -> bool:
        """Whether the table of contents has not ended yet; false also for what is not understood."""
        return self._head is not None

    def contents(self) -> bytes | None:
        """The dump up to the end of its table of contents, once that is known; all that definitions need."""
        return bytes(self._whole) if self._whole is not None else None

    def head(self) -> bytes | None:
        """The smaller dump's head, to be written over its first bytes; None to leave it alone.

        Raises:
            IntegrityError: it does not fit what has been found.
        """
        if self._whole is None or self._in or self._skip or self._rest:
            return self._broken() if self._taken else None
        for id in self._taken:
            _INT.pack_into(self._whole, self._entries[id].dumper, 0, 0)
        for id, position in self._found.items():
            entry = self._entries.get(id)
            if entry is None or self._whole[entry.offset] != _NOT_SET:
                return self._broken() if self._taken else None
            _OFFSET.pack_into(self._whole, entry.offset, _SET, position)
        return bytes(self._whole) if self._found or self._taken else None

    def _broken(self) -> NoReturn:
        raise IntegrityError("the dump is not whole: it cannot be taken apart", hint="Restore from another repository")

    def _sent(self, data: bytes) -> bytes:
        self._written += len(data)
        return data

    def _read_head(self, head: _Head, chunk: bytes) -> bytes | None:
        """Read on; what follows the head, once it has ended."""
        head.data += chunk
        if head.entries < 0 and not _read_preamble(head):
            return None
        while head.entries > 0:
            entry = _read_entry(head.data, head.at, head.version)
            if entry is None:
                if len(head.data) > LARGEST_HEAD:
                    raise _UnknownError
                return None
            self._entries[entry.id] = entry
            head.at = entry.end
            head.entries -= 1
        rest = bytes(head.data[head.at :])
        del head.data[head.at :]
        self._whole, self._plain, self._head = head.data, head.plain, None
        for entry in self._entries.values() if self._wanted and self._plain else ():
            if entry.kind == b"ENCODING" and _ENCODING.fullmatch(entry.definition):
                self.encoding = entry.definition
        return rest

    def _understood(self, chunk: bytes) -> Iterator[bytes | Rows]:
        try:
            yield from self._walk(chunk)
        except _UnknownError:
            if self._taken:
                self._broken()
            rest, self._rest, self._whole = self._rest, b"", None
            yield rest + chunk

    def _walk(self, chunk: bytes) -> Iterator[bytes | Rows]:
        """Through the data: out with rows, on with what stays, noting where each entry's begins."""
        if self._skip >= len(chunk):
            self._skip -= len(chunk)
            yield self._sent(chunk)
            return
        data = self._rest + chunk if self._rest else chunk
        at, stays = self._skip, 0
        while True:
            before = at
            if self._copy:
                rows, at = self._rows(data, at)
                stays = at
                if rows is not None:
                    yield rows
            elif not self._in:
                at, taken = self._begin(data, at, self._written + at - stays)
                if taken:
                    yield self._sent(data[stays:before])
                    stays = at
            elif self._in == _DATA and self._plain:
                at = self._find_end(data, at)
            else:
                at = self._hop(data, at)
            if at == before or at >= len(data):
                break
        used = min(at, len(data))
        if used > stays:
            yield self._sent(data[stays:used])
        self._skip, self._rest = at - used, data[used:]

    def _begin(self, data: bytes, at: int, position: int) -> tuple[int, bool]:
        """Where an entry's data begins, and whether they are rows that are taken out."""
        if at + 6 > len(data):
            return at, False
        if data[at] not in (_DATA, _BLOBS):
            raise _UnknownError
        kind, id = data[at], _INT.unpack_from(data, at + 1)[1]
        entry = self._entries.get(id)
        if kind == _DATA and self.encoding and entry is not None and _COPY.fullmatch(entry.copy):
            self._copy = entry.copy
            self._taken.append(id)
            return at + 6, True
        self._in = kind
        self._pieces = kind == _DATA
        self._found[id] = position
        return at + 6, False

    def _rows(self, data: bytes, at: int) -> tuple[Rows | None, int]:
        """The rows in this data, without the length that each has in front, and where they end."""
        # Looking from the right is twice as fast, and there are few ends.
        end = data.find(_END, at) if data.rfind(_END, at) >= 0 else -1
        *whole, last = _LENGTH.split(data[at : end if end >= 0 else len(data)])
        if end < 0 and (partial := last.find(b"\0")) >= 0:  # a length that is not all there
            at, last = len(data) - (len(last) - partial), last[:partial]
        else:
            at = end + len(_END) if end >= 0 else len(data)
        copy, row = self._copy, self._row
        if end >= 0:
            self._copy, self._row = b"", []
            if not whole:
                row, last = [], b"".join([*row, last])
            return self._piece(copy, [*row, *whole, last.removesuffix(_LAST)], more=False), at
        if whole:
            self._row = [last]
            return self._piece(copy, [*row, *whole], more=False), at
        row.append(last)
        if sum(map(len, row)) < LARGEST_ROW:
            return None, at
        self._row = []
        return self._piece(copy, row, more=True), at

    def _piece(self, copy: bytes, parts: list[bytes], *, more: bool) -> Rows | None:
        data = b"".join(parts)
        # A line that psql would take for the end of the rows, and what follows for statements.
        if b"\\" in data and (data.rfind(b"\n\\.") >= 0 or (data.startswith(b"\\.") and not self._going)):
            self._broken()
        going, self._going = self._going, more
        return Rows(copy, data, more) if data or going else None

    def _find_end(self, data: bytes, at: int) -> int:
        end = data.find(_END, at)
        if end < 0:
            return max(at, len(data) - len(_END) + 1)
        self._in = 0
        return end + len(_END)

    def _hop(self, data: bytes, at: int) -> int:
        """Over one length and its piece; each large object is an id, its pieces and an empty one."""
        if at + 5 > len(data):
            return at
        sign, length = _INT.unpack_from(data, at)
        if sign:
            raise _UnknownError
        if self._pieces:
            self._pieces = length > 0
            self._in = 0 if self._in == _DATA and not length else self._in
            return at + 5 + int(length)
        self._pieces = length > 0
        self._in = self._in if length else 0
        return at + 5


def _read_preamble(head: _Head) -> bool:
    """Everything before the entries; false when there is not enough of it yet."""
    data = head.data
    if len(data) < 4096 and not head.at:  # a dump of anything is longer
        return False
    head.version = (data[5], data[6])
    if bytes(data[:5]) != b"PGDMP" or not _OLDEST <= head.version <= _NEWEST or bytes(data[8:11]) != b"\x04\x08\x01":
        raise _UnknownError
    at = 11 + (1 if head.version >= (1, 15) else 5)
    head.plain = not any(data[11:at])
    at += 7 * 5
    for _ in range(3):
        _, at = _text(data, at)
    head.entries, head.at = _INT.unpack_from(data, at)[1], at + 5
    return True


def _read_entry(data: bytearray, at: int, version: tuple[int, int]) -> _Entry | None:
    """The entry at this place; None when it is not all there yet."""
    try:
        id, dumper = _INT.unpack_from(data, at)[1], at + _INT.size
        at += 10
        for _ in range(3):  # table oid, oid, tag
            _, at = _text(data, at)
        kind, at = _text(data, at)
        at += 5  # section
        definition, at = _text(data, at)
        _, at = _text(data, at)  # how to drop it
        copy, at = _text(data, at)
        for _ in range(3 if version >= (1, 14) else 2):  # schema, tablespace, access method
            _, at = _text(data, at)
        at += 5 if version >= (1, 16) else 0  # kind of relation
        for _ in range(2):  # owner, with oids
            _, at = _text(data, at)
        more: bytes | None = b""
        while more is not None:  # dependencies
            more, at = _text(data, at)
    except struct.error:
        return None
    end = at + _OFFSET.size
    return _Entry(id, dumper, at, end, kind or b"", definition or b"", copy or b"") if end <= len(data) else None


def _text(data: bytearray, at: int) -> tuple[bytes | None, int]:
    """A text, None where there is none, and where it ends."""
    sign, length = _INT.unpack_from(data, at)
    return (None, at + 5) if sign else (bytes(data[at + 5 : at + 5 + length]), at + 5 + length)
