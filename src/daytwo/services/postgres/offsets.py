"""Filling in the positions that a streamed dump lacks.

`pg_dump` notes in the table of contents where each table's rows begin, but only into a file it can seek in. Without
the positions each worker of `pg_restore --jobs` searches the whole dump, which costs about a fifth of a restore. Here
they are found while the dump streams past; written over its head, they make the same file that `pg_dump --file` makes.

The format is that of PostgreSQL's `pg_backup_archiver.c` (ReadHead, ReadToc) and `pg_backup_custom.c` (_StartData,
_ReadExtraToc), archive versions 1.12 (PostgreSQL 9.0) to 1.16 (18). Anything unexpected, and the dump is left as it is.
"""

import struct
from dataclasses import dataclass

LARGEST_HEAD = 128 << 20
"""Bytes of a table of contents that is kept in memory; one that is larger stays without positions."""
_NOT_SET, _SET = 1, 2
_DATA, _BLOBS = 1, 3
_INT = struct.Struct("<bI")
_OFFSET = struct.Struct("<BQ")
# Rows are one piece each, far too many to hop along. Uncompressed rows hold no zero byte, so five of them are an empty
# piece: a sign and a length of zero.
_END = bytes(_INT.size)
_NEWEST = (1, 16)
_OLDEST = (1, 12)


class _UnknownError(Exception):
    """This is no dump, or one of a kind that is not known here."""


@dataclass
class _Head:
    """The table of contents, as far as it has been read."""

    data: bytearray
    version: tuple[int, int] = (0, 0)
    plain: bool = False
    entries: int = -1
    at: int = 0


class OffsetRecorder:
    """Watches a dump in the custom format stream past and notes where each table's rows begin."""

    def __init__(self) -> None:
        self._head: _Head | None = _Head(bytearray())
        self._whole: bytearray | None = None
        self._flags: dict[int, int] = {}
        self._found: dict[int, int] = {}
        self._rest = b""
        self._skip = 0
        self._position = 0
        self._in = 0
        self._pieces = False
        self._plain = False

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the dump."""
        try:
            if self._whole is None and self._head is not None:
                self._read_head(self._head, chunk)
            elif self._whole is not None:
                self._walk(chunk)
        except (_UnknownError, struct.error):
            self._head = self._whole = None

    @property
    def in_head(self) -> bool:
        """Whether the table of contents has not ended yet; false also for what is not understood."""
        return self._head is not None

    def contents(self) -> bytes | None:
        """The dump up to the end of its table of contents, once that is known; all that definitions need."""
        return bytes(self._whole) if self._whole is not None else None

    def head(self) -> bytes | None:
        """The dump's head with all positions filled in, to be written over its first bytes; None to leave it alone."""
        if self._whole is None or self._in or self._skip or self._rest:
            return None
        for id, position in self._found.items():
            flag = self._flags.get(id)
            if flag is None or self._whole[flag] != _NOT_SET:
                return None
            _OFFSET.pack_into(self._whole, flag, _SET, position)
        return bytes(self._whole) if self._found else None

    def _read_head(self, head: _Head, chunk: bytes) -> None:
        head.data += chunk
        if head.entries < 0 and not _read_preamble(head):
            return
        while head.entries > 0:
            entry = _read_entry(head.data, head.at, head.version)
            if entry is None:
                if len(head.data) > LARGEST_HEAD:
                    raise _UnknownError
                return
            id, flag, head.at = entry
            self._flags[id] = flag
            head.entries -= 1
        rest = bytes(head.data[head.at :])
        self._whole, self._position, self._plain, self._head = head.data[: head.at], head.at, head.plain, None
        self._walk(rest)

    def _walk(self, chunk: bytes) -> None:
        """Note where each table begins, and get to its end: by its last bytes, else from length to length."""
        self._position += len(chunk)
        if self._skip >= len(chunk):
            self._skip -= len(chunk)
            return
        data = self._rest + chunk if self._rest else chunk
        begin, at = self._position - len(data), self._skip
        while True:
            before = at
            if not self._in:
                at = self._begin(data, at, begin)
            elif self._in == _DATA and self._plain:
                at = self._find_end(data, at)
            else:
                at = self._hop(data, at)
            if at == before or at >= len(data):
                break
        self._skip, self._rest = (at - len(data), b"") if at > len(data) else (0, data[at:])

    def _begin(self, data: bytes, at: int, begin: int) -> int:
        if at + 6 > len(data):
            return at
        if data[at] not in (_DATA, _BLOBS):
            raise _UnknownError
        self._in = data[at]
        self._pieces = self._in == _DATA
        self._found[_INT.unpack_from(data, at + 1)[1]] = begin + at
        return at + 6

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


def _read_entry(data: bytearray, at: int, version: tuple[int, int]) -> tuple[int, int, int] | None:
    """Id, position of the offset's flag, and end of an entry; None when it is not all there yet."""
    try:
        id = _INT.unpack_from(data, at)[1]
        at += 10  # and whether it has data
        for _ in range(4):  # table oid, oid, tag, kind
            _, at = _text(data, at)
        at += 5  # section
        for _ in range(6 if version >= (1, 14) else 5):  # definition, drop, copy, schema, tablespace, access method
            _, at = _text(data, at)
        at += 5 if version >= (1, 16) else 0  # kind of relation
        for _ in range(2):  # owner, with oids
            _, at = _text(data, at)
        more = True
        while more:  # dependencies
            more, at = _text(data, at)
    except struct.error:
        return None
    return (id, at, at + _OFFSET.size) if at + _OFFSET.size <= len(data) else None


def _text(data: bytearray, at: int) -> tuple[bool, int]:
    """Whether there is a text at all, and where it ends."""
    sign, length = _INT.unpack_from(data, at)
    return (False, at + 5) if sign else (True, at + 5 + length)
