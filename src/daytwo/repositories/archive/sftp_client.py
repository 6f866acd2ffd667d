"""SFTP over the system's `ssh`, so that the user's ssh configuration, agent and jump hosts work as they are.

It speaks version 3 of the protocol (draft-ietf-secsh-filexfer-02), which every server has, with OpenSSH's extensions
for a rename that replaces and for fsync where the server offers them. The `sftp` program cannot read a part of a file
or write to a pipe, so reading back a large archive would need its size on the local disk once more.
"""

import contextlib
import stat
import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NoReturn

from daytwo.core.errors import DaytwoError, RepositoryError, UnreachableError
from daytwo.core.process import Process
from daytwo.repositories.archive.storage import FirmError, GoneError

PIECE = 32 * 1024
"""Bytes a request asks for or brings: what every server must take."""
_AHEAD = 64
"""Requests on their way at a time: 2 MiB, so that the network's delay does not count."""
_LONGEST = 256 * 1024 + 1024
_READ, _WRITE, _CREATE, _TRUNCATE, _EXCLUSIVE = 1, 2, 8, 16, 32
_HAS_SIZE, _HAS_OWNER, _HAS_MODE, _HAS_TIMES = 1, 2, 4, 8


class _Type(IntEnum):
    INIT, VERSION, OPEN, CLOSE, READ, WRITE = 1, 2, 3, 4, 5, 6
    OPENDIR, READDIR, REMOVE, MKDIR, STAT, RENAME = 11, 12, 13, 14, 17, 18
    STATUS, HANDLE, DATA, NAME, ATTRS = 101, 102, 103, 104, 105
    EXTENDED = 200


class _Status(IntEnum):
    OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class Listed:
    """A file in a remote folder."""

    name: str
    size: int
    regular: bool


class SftpClient:
    """A conversation with an SFTP server.

    Args:
        process: `ssh -s HOST sftp`, its standard input kept open.
        label: what to call the place in errors.

    Raises:
        UnreachableError: no server answers.
    """

    def __init__(self, process: Process, label: str) -> None:
        self._process = process
        self._label = label
        self._next = 0
        self._early: dict[int, tuple[int, bytes]] = {}
        self._send(_Type.INIT, struct.pack(">I", 3))
        kind, body = self._receive()
        if kind != _Type.VERSION:
            self._protocol("it does not greet")
        self._extensions = _strings(body[4:])[::2]

    def read(self, path: str, offset: int, length: int | None) -> Iterator[bytes]:
        """A stretch of a file, several requests ahead."""
        handle = self._open(path, _READ)
        end = self.size(path) if length is None else offset + length
        asked: deque[tuple[int, int, int]] = deque()
        position = offset
        try:
            while position < end or asked:
                while position < end and len(asked) < _AHEAD:
                    count = min(PIECE, end - position)
                    asked.append((self._ask_read(handle, position, count), position, count))
                    position += count
                data = self._read_whole(handle, *asked.popleft())
                if not data:
                    return
                yield data
        finally:
            self._end([id for id, _, _ in asked], handle)

    def write(self, path: str, chunks: Iterator[bytes], sync: bool = True) -> None:
        """Make a file of these bytes, several requests ahead; it must not be there."""
        handle = self._open(path, _WRITE | _CREATE | _EXCLUSIVE, mode=0o600)
        asked: deque[int] = deque()
        offset = 0
        try:
            for chunk in chunks:
                for begin in range(0, len(chunk), PIECE):
                    data = chunk[begin : begin + PIECE]
                    asked.append(self._request(_Type.WRITE, _s(handle), struct.pack(">Q", offset), _s(data)))
                    offset += len(data)
                    if len(asked) >= _AHEAD:
                        self._done(asked.popleft(), path)
            while asked:
                self._done(asked.popleft(), path)
            if sync and b"fsync@openssh.com" in self._extensions:
                self._done(self._request(_Type.EXTENDED, _s(b"fsync@openssh.com"), _s(handle)), path)
        finally:
            self._end(list(asked), handle)

    def listing(self, path: str) -> list[Listed]:
        """What is in a folder."""
        handle = self._handle(self._request(_Type.OPENDIR, _s(path)), path)
        found: list[Listed] = []
        try:
            while True:
                kind, body = self._answer(self._request(_Type.READDIR, _s(handle)))
                if kind == _Type.STATUS and _code(body) == _Status.EOF:
                    return found
                if kind != _Type.NAME:
                    self._refuse(body, path)
                found += _names(body)
        finally:
            self._end([], handle)

    def size(self, path: str) -> int:
        """A file's size in bytes."""
        kind, body = self._answer(self._request(_Type.STAT, _s(path)))
        if kind != _Type.ATTRS:
            self._refuse(body, path)
        return _attributes(body, 0)[0]

    def rename(self, old: str, new: str) -> None:
        """Rename, replacing a file of the new name where the server can do that."""
        if b"posix-rename@openssh.com" in self._extensions:
            id = self._request(_Type.EXTENDED, _s(b"posix-rename@openssh.com"), _s(old), _s(new))
        else:
            id = self._request(_Type.RENAME, _s(old), _s(new))
        self._done(id, new)

    def remove(self, path: str) -> None:
        """Remove a file.

        Raises:
            GoneError: it is not there.
        """
        self._done(self._request(_Type.REMOVE, _s(path)), path)

    def make_folders(self, path: str) -> None:
        """Make a folder and those above it, where they are missing."""
        made = "/" if path.startswith("/") else ""
        for part in [part for part in path.split("/") if part]:
            made = f"{made}{part}"
            kind, _ = self._answer(self._request(_Type.STAT, _s(made)))
            if kind != _Type.ATTRS:
                mode = struct.pack(">II", _HAS_MODE, 0o700)
                self._done(self._request(_Type.MKDIR, _s(made), mode), made)
            made += "/"

    def _open(self, path: str, flags: int, mode: int | None = None) -> bytes:
        attributes = struct.pack(">I", 0) if mode is None else struct.pack(">II", _HAS_MODE, mode)
        return self._handle(self._request(_Type.OPEN, _s(path), struct.pack(">I", flags), attributes), path)

    def _handle(self, id: int, path: str) -> bytes:
        kind, body = self._answer(id)
        if kind != _Type.HANDLE:
            self._refuse(body, path)
        return _strings(body)[0]

    def _end(self, unanswered: list[int], handle: bytes) -> None:
        """Close a handle; a connection that has ended has closed it already, and the first error is the one to tell."""
        with contextlib.suppress(DaytwoError, OSError, ValueError):
            for id in unanswered:
                self._answer(id)
            self._answer(self._request(_Type.CLOSE, _s(handle)))

    def _ask_read(self, handle: bytes, offset: int, count: int) -> int:
        return self._request(_Type.READ, _s(handle), struct.pack(">QI", offset, count))

    def _read_whole(self, handle: bytes, id: int, offset: int, count: int) -> bytes:
        """The answer to a read; a server may answer with less, and is then asked for the rest."""
        got = b""
        while True:
            kind, body = self._answer(id)
            if kind == _Type.STATUS and _code(body) == _Status.EOF:
                return got
            if kind != _Type.DATA:
                self._refuse(body, "")
            got += _strings(body)[0]
            if len(got) >= count:
                return got
            id = self._ask_read(handle, offset + len(got), count - len(got))

    def _done(self, id: int, path: str) -> None:
        _, body = self._answer(id)
        if _code(body) != _Status.OK:
            self._refuse(body, path)

    def _request(self, kind: _Type, *fields: bytes) -> int:
        self._next += 1
        self._send(kind, struct.pack(">I", self._next) + b"".join(fields))
        return self._next

    def _send(self, kind: _Type, body: bytes) -> None:
        self._process.write(struct.pack(">IB", len(body) + 1, kind) + body)

    def _answer(self, id: int) -> tuple[int, bytes]:
        """The answer to a request; answers to others that come before it are kept."""
        while id not in self._early:
            kind, body = self._receive()
            if len(body) < 4:
                self._protocol("an answer is too short")
            (other,) = struct.unpack_from(">I", body)
            self._early[other] = (kind, body[4:])
        return self._early.pop(id)

    def _receive(self) -> tuple[int, bytes]:
        (length,) = struct.unpack(">I", self._exactly(4))
        if not 1 <= length <= _LONGEST:
            self._protocol("it does not speak SFTP; does a login script on the host print something?")
        packet = self._exactly(length)
        return packet[0], packet[1:]

    def _exactly(self, count: int) -> bytes:
        parts, left = [], count
        while left:
            data = self._process.stdout.read(left)
            if not data:
                self._process.finish()  # raises what ssh has to say
                raise UnreachableError("the SFTP server ended the connection", where=self._label,
                                       hint="Try again; look at the host's log")  # fmt: skip
            parts.append(data)
            left -= len(data)
        return b"".join(parts)

    def _refuse(self, body: bytes, path: str) -> NoReturn:
        code = _code(body)
        said = (_strings(body[4:]) or [b""])[0].decode("utf-8", "replace")
        raise _refusal(code, said, path, self._label)

    def _protocol(self, what: str) -> NoReturn:
        raise RepositoryError(f"the SFTP server cannot be understood: {what}", where=self._label,
                              hint="Try the same destination with `sftp`")  # fmt: skip


def _refusal(code: int, said: str, path: str, label: str) -> DaytwoError:
    name = path.rsplit("/", 1)[-1]
    if code == _Status.NO_SUCH_FILE:
        return GoneError(f"there is no {name}", where=label, hint="Check the path on the host")
    if code == _Status.PERMISSION_DENIED:
        return FirmError(f"{name}: permission denied on the host", where=label,
                         hint="Check the owner and permissions of the folder there")  # fmt: skip
    return RepositoryError(f"{name}: the host says: {said or code}", where=label,
                           hint="Check the folder and the free space on the host")  # fmt: skip


def _s(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack(">I", len(data)) + data


def _code(body: bytes) -> int:
    return int.from_bytes(body[:4], "big")


def _strings(body: bytes) -> list[bytes]:
    """The strings a packet consists of, up to where it does not look like strings any more."""
    found, position = [], 0
    while position + 4 <= len(body):
        (length,) = struct.unpack_from(">I", body, position)
        if position + 4 + length > len(body):
            break
        found.append(body[position + 4 : position + 4 + length])
        position += 4 + length
    return found


def _names(body: bytes) -> list[Listed]:
    (count,), position = struct.unpack_from(">I", body), 4
    found = []
    for _ in range(count):
        texts = []
        for _ in range(2):
            (length,) = struct.unpack_from(">I", body, position)
            texts.append(body[position + 4 : position + 4 + length])
            position += 4 + length
        size, mode, position = _attributes(body, position)
        found.append(Listed(texts[0].decode("utf-8", "surrogateescape"), size, stat.S_ISREG(mode)))
    return found


def _attributes(body: bytes, position: int) -> tuple[int, int, int]:
    """Size, mode, and where the attributes end."""
    (flags,) = struct.unpack_from(">I", body, position)
    position += 4
    size = mode = 0
    if flags & _HAS_SIZE:
        (size,) = struct.unpack_from(">Q", body, position)
        position += 8
    if flags & _HAS_OWNER:
        position += 8
    if flags & _HAS_MODE:
        (mode,) = struct.unpack_from(">I", body, position)
        position += 4
    if flags & _HAS_TIMES:
        position += 8
    if flags & 0x80000000:
        (count,) = struct.unpack_from(">I", body, position)
        position += 4
        for _ in range(2 * count):
            (length,) = struct.unpack_from(">I", body, position)
            position += 4 + length
    return size, mode, position
