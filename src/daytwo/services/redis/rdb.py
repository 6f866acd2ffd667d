"""The frame of an RDB file: how it begins, how it ends, and how many keys its first database has.

Format: https://github.com/redis/redis/blob/7.0/src/rdb.h and rdb.c. It begins with `REDIS` or `VALKEY` and a version,
then come auxiliary fields and function libraries, then each database with its size; it ends with the opcode 0xFF and a
CRC-64 of everything before it, zero where the server was told to leave that out.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from daytwo.core.errors import IntegrityError

SMALLEST = 18
"""Bytes of an RDB file with nothing in it: magic, end and checksum."""
_MAGIC = re.compile(rb"REDIS(\d{4})|VALKEY(\d{3})")
_MARK = 40
"""Length of the mark after a diskless transfer; `redis-cli --rdb -` leaves it in its output (tried with 7.0)."""
_TRAILER = 9
_HEAD_KEPT = 1 << 20
_EOF, _SELECT, _RESIZE, _AUX, _FUNCTION = 0xFF, 0xFE, 0xFB, 0xFA, 0xF5
_INTEGERS = {0: 1, 1: 2, 2: 4}
_COMPRESSED = 3


@dataclass(frozen=True)
class Head:
    """What stands before the first key.

    Args:
        version: of the format.
        aux: what the server said of itself (`redis-ver`, ...).
        database: number of the first database that has keys, or None.
        keys: how many keys it has.
        expires: how many of these have an expiry.
    """

    version: int
    aux: dict[str, str] = field(default_factory=dict)
    database: int | None = None
    keys: int = 0
    expires: int = 0


class Frame:
    """Takes an RDB as it streams by, and gives it back without what a transfer has put behind it."""

    def __init__(self) -> None:
        self.size = 0
        self.crc = 0
        self._head = bytearray()
        self._tail = b""

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes; those before them that certainly belong to the file come back."""
        if len(self._head) < _HEAD_KEPT:
            self._head += chunk[: _HEAD_KEPT - len(self._head)]
        data = self._tail + chunk
        safe = max(0, len(data) - _TRAILER - _MARK)
        self._tail = data[safe:]
        self.size += safe
        return data[:safe]

    def end(self) -> bytes:
        """No more is coming; the last bytes of the file.

        Raises:
            IntegrityError: it does not begin or does not end as an RDB does.
        """
        if not _MAGIC.match(self._head):
            raise IntegrityError("this is no RDB: it does not begin with REDIS or VALKEY",
                                 hint="Use another snapshot")  # fmt: skip
        last, mark = self._tail[:-_MARK], self._tail[-_MARK:]
        if not re.fullmatch(rb"[0-9a-f]{40}", mark):
            last = self._tail
        # A mark is text and an ending is not: its first byte is 0xFF, at a place where a mark would have a digit.
        if len(last) < _TRAILER or last[-_TRAILER] != _EOF:
            raise IntegrityError("the RDB is not whole: it has no end", hint="Use another snapshot")
        self.size += len(last)
        self.crc = int.from_bytes(last[-8:], "little")
        return last

    @property
    def head(self) -> Head:
        """What stands before the first key, as far as it is understood."""
        return read_head(bytes(self._head))


def framed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes; raises `IntegrityError` after the last when they are no whole RDB."""
    frame = Frame()
    for chunk in chunks:
        if out := frame.feed(chunk):
            yield out
    yield frame.end()


class _Reader:
    """Walks over the head's fields. Running out of bytes is an IndexError."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def take(self, size: int) -> bytes:
        if self._at + size > len(self._data):
            raise IndexError
        self._at += size
        return self._data[self._at - size : self._at]

    def length(self) -> int:
        """A length, or minus one minus the number of a special encoding."""
        first = self.byte()
        kind, low = first >> 6, first & 0x3F
        if kind == 0:
            return low
        if kind == 1:
            return low << 8 | self.byte()
        if kind == 3:
            return -1 - low
        return int.from_bytes(self.take(8 if first == 0x81 else 4), "big")

    def text(self) -> str:
        size = self.length()
        if size >= 0:
            return self.take(size).decode("utf-8", "replace")
        kind = -1 - size
        if kind == _COMPRESSED:
            packed, _ = self.length(), self.length()
            self.take(packed)
            return ""
        return str(int.from_bytes(self.take(_INTEGERS[kind]), "little", signed=True))


def read_head(data: bytes) -> Head:
    """Read what stands before the first key; what is not understood ends the reading, without an error.

    Args:
        data: the file's beginning.
    """
    magic = _MAGIC.match(data)
    if magic is None:
        return Head(0)
    version, aux = int(magic[1] or magic[2]), dict[str, str]()
    reader, database = _Reader(data, magic.end()), None
    try:
        while True:
            opcode = reader.byte()
            if opcode == _AUX:
                name = reader.text()
                aux[name] = reader.text()
            elif opcode == _FUNCTION:
                reader.text()
            elif opcode == _SELECT:
                database = reader.length()
            elif opcode == _RESIZE:
                return Head(version, aux, database, reader.length(), reader.length())
            else:
                break
    except (IndexError, KeyError):
        pass
    return Head(version, aux)
