"""Reads the framing of a tar stream, strictly, and hands every member on as the raw bytes it is made of.

Strict on purpose: where tar programs disagree on what a header means (two sizes, two names, a prefix where GNU keeps
times), a crafted archive can show one thing to the program that checks and another to the one that extracts. Such a
header is refused. What GNU tar, busybox tar, Go's archive/tar (Docker, restic) and Python's tarfile write is read.

Formats: POSIX.1-2017 `pax`, section "ustar Interchange Format"; the GNU tar manual, "Basic Tar Format" and
"Storing Sparse Files".
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from os import fsdecode

from daytwo.core.errors import HostileArchiveError, IntegrityError

BLOCK = 512
END = bytes(2 * BLOCK)
"""What ends an archive: two blocks of zeros."""
_ZEROS = bytes(BLOCK)
_LONGEST_PAX = 1 << 20
_LONGEST_NAME = 1 << 16
_POSIX, _GNU = b"ustar\x0000", b"ustar  \x00"


class Type(StrEnum):
    """What a member is."""

    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symlink"
    HARDLINK = "hardlink"
    DEVICE = "device"
    FIFO = "fifo"


_TYPES = {
    b"0": Type.FILE,
    b"\0": Type.FILE,
    b"S": Type.FILE,
    b"1": Type.HARDLINK,
    b"2": Type.SYMLINK,
    b"3": Type.DEVICE,
    b"4": Type.DEVICE,
    b"5": Type.FOLDER,
    b"6": Type.FIFO,
}


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of an archive.

    Args:
        path: its path as its extractor will take it, `./` and trailing slashes removed; empty for the root folder.
            Bytes that are not UTF-8 are surrogate escapes, as everywhere in Python.
        size: bytes of the file as restored (holes of a sparse file included); 0 for everything but a file.
        mode: permission bits.
        type: what it is.
        link: where a link points to.
    """

    path: str
    size: int
    mode: int
    type: Type
    link: str = ""


class Entry:
    """A member while the stream stands at it. Read it before going on; what is left unread is skipped.

    Args:
        member: what it says of itself.
        names: every path that any header of it gives, raw; all must be safe, as programs differ in which they take.
        head: its header blocks, extension headers included.
        block: the one of them that is no extension.
        pax: the records of its extended header.
        stored: bytes that follow the header, padding not counted.
        sparse: whether those bytes are not simply the file's content.
    """

    __slots__ = ("_stream", "_unread", "block", "head", "member", "names", "pax", "sparse", "stored")

    def __init__(self, stream: "_Stream", member: Member, parsed: "_Parsed", head: bytes) -> None:
        self.member = member
        self.names = parsed.names
        self.pax = parsed.pax
        self.head = head
        self.block = parsed.block
        self.stored = parsed.stored
        self.sparse = parsed.sparse
        self._stream = stream
        self._unread = parsed.stored + -parsed.stored % BLOCK

    def raw(self) -> Iterator[bytes]:
        """The bytes after the header, with their padding, in the pieces they come in.

        Raises:
            IntegrityError: the stream ends too early.
        """
        while self._unread:
            piece = self._stream.some(self._unread)
            self._unread -= len(piece)
            yield piece

    def body(self) -> Iterator[bytes]:
        """The bytes after the header, without padding."""
        left = self.stored
        for piece in self.raw():
            if left > 0:
                yield piece[:left]
                left -= len(piece)

    def skip(self) -> None:
        """Leave the rest of it unread."""
        for _ in self.raw():
            pass


class Archive:
    """A tar stream, to be gone through once.

    Args:
        chunks: the archive, uncompressed.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._stream = _Stream(chunks)
        self.tail = 0
        """Zero bytes at the end, known after the last member."""

    def __iter__(self) -> Iterator[Entry]:
        """The members, in order.

        Raises:
            IntegrityError: the stream ends before the archive does, or holds what is no tar.
            HostileArchiveError: a header that means different things to different programs, or nothing at all.
        """
        while (entry := _next(self._stream)) is not None:
            yield entry
            entry.skip()
        self.tail = len(END) + _finish(self._stream)


class _Stream:
    """Chunks of any size as a stream from which exact amounts are taken."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._chunk = b""
        self._at = 0

    def some(self, limit: int) -> bytes:
        """From 1 up to `limit` bytes."""
        while self._at >= len(self._chunk):
            try:
                self._chunk, self._at = next(self._chunks), 0
            except StopIteration:
                raise IntegrityError(
                    "the tar stream ends in the middle: it was cut off",
                    hint="Restore from another snapshot or repository",
                ) from None
        if self._at == 0 and len(self._chunk) <= limit:
            self._at = len(self._chunk)
            return self._chunk
        piece = self._chunk[self._at : self._at + limit]
        self._at += len(piece)
        return piece

    def exactly(self, size: int) -> bytes:
        """This many bytes."""
        piece = self.some(size) if size else b""
        if len(piece) == size:
            return piece
        parts, got = [piece], len(piece)
        while got < size:
            parts.append(self.some(size - got))
            got += len(parts[-1])
        return b"".join(parts)

    def rest(self) -> Iterator[bytes]:
        """Whatever is left."""
        yield self._chunk[self._at :]
        self._chunk, self._at = b"", 0
        yield from self._chunks


@dataclass
class _Parsed:
    """A header and its extension headers while they are put together."""

    block: bytes
    names: tuple[bytes, ...]
    stored: int
    sparse: bool
    pax: Mapping[bytes, bytes]


def _next(stream: _Stream) -> Entry | None:
    """The next member, or None at the archive's end."""
    heads: list[bytes] = []
    pax: dict[bytes, bytes] = {}
    long: dict[bytes, bytes] = {}
    while True:
        block = stream.exactly(BLOCK)
        if block == _ZEROS:
            if heads:
                raise HostileArchiveError("an extension header has no member")
            return None
        kind = block[156:157]
        _check(block)
        heads.append(block)
        if kind == b"S":
            heads.extend(_sparse_blocks(stream, block))
        if kind not in (b"x", b"L", b"K", b"g"):
            return _entry(stream, b"".join(heads), block, pax, long)
        size = _number(block[124:136])
        if size > (_LONGEST_NAME if kind in b"LK" else _LONGEST_PAX):
            raise HostileArchiveError(f"an extension header of {size} bytes")
        data = stream.exactly(size + -size % BLOCK)
        heads.append(data)
        _extend(kind, data[:size], pax, long)


def _extend(kind: bytes, data: bytes, pax: dict[bytes, bytes], long: dict[bytes, bytes]) -> None:
    """Take in an extension header."""
    if kind in (b"L", b"K"):
        if kind in long:
            raise HostileArchiveError("a member has two long names")
        long[kind] = data.rstrip(b"\0")
        if b"\0" in long[kind]:
            raise HostileArchiveError("a name with a zero byte in it")
        return
    records = _records(data)
    if kind == b"g":
        # `git archive` writes one with a comment; anything else would silently alter every member that follows.
        if set(records) - {b"comment"}:
            raise HostileArchiveError("a global header that alters other members")
        return
    if pax:
        raise HostileArchiveError("a member has two extended headers")
    pax.update(records)


def _records(data: bytes) -> dict[bytes, bytes]:
    """The records of a pax extended header: `length key=value` lines."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 20)
        digits = data[at:space] if space > 0 else b""
        end = at + int(digits) if digits.isdigit() else 0
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if end <= space or end > len(data) or data[end - 1 : end] != b"\n" or not equals or not key:
            raise HostileArchiveError("an extended header that cannot be read")
        # Old GNU tar repeats these two for each piece of a sparse file (format 0.0).
        if key in found and key not in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            raise HostileArchiveError(f"an extended header gives {fsdecode(key)!r} twice")
        found[key] = value
        at = end
    return found


def _entry(stream: _Stream, head: bytes, block: bytes, pax: dict[bytes, bytes], long: dict[bytes, bytes]) -> Entry:
    """Put a member together from its header, its extended header and its GNU long names."""
    flag = block[156:157]
    kind = _TYPES.get(flag)
    if kind is None:
        raise HostileArchiveError(f"a member of the unknown type {flag!r}")
    if (b"L" in long and b"path" in pax) or (b"K" in long and b"linkpath" in pax):
        raise HostileArchiveError("a member has two long names")
    own = _own_name(block)
    name = long.get(b"L") or pax.get(b"path") or own
    sparse_name = pax.get(b"GNU.sparse.name")
    names = tuple(dict.fromkeys(n for n in (own, name, sparse_name) if n is not None))
    if flag == b"\0" and name.endswith(b"/"):
        raise HostileArchiveError("a file whose name ends in a slash")
    stored = _stored(block, pax)
    if stored and kind is not Type.FILE:
        raise HostileArchiveError(f"a {kind} that carries data")
    link = long.get(b"K") or pax.get(b"linkpath") or _text(block[157:257])
    if any(b"\0" in text for text in (*names, link)):
        raise HostileArchiveError("a name with a zero byte in it")
    real = _real_size(block, pax)
    member = Member(
        path=normal(fsdecode(sparse_name if sparse_name is not None else name)),
        size=(stored if real is None else real) if kind is Type.FILE else 0,
        mode=_number(block[100:108]) & 0o7777,
        type=kind,
        link=fsdecode(link) if kind in (Type.SYMLINK, Type.HARDLINK) else "",
    )
    return Entry(stream, member, _Parsed(block, names, stored, real is not None, pax), head)


def normal(path: str) -> str:
    """A path without `.` components, doubled or trailing slashes; a leading slash and `..` stay to be judged."""
    if "/" not in path:
        return "" if path == "." else path
    clean = "/".join(part for part in path.split("/") if part not in ("", "."))
    return "/" + clean if path.startswith("/") else clean


def _own_name(block: bytes) -> bytes:
    """The name that the header block itself gives."""
    name = _text(block[:100])
    if block[257:265] == _GNU:
        # GNU keeps times there, in incremental archives only; Python's tarfile takes them for a part of the name.
        if block[156:157] != b"S" and any(block[345:500]):
            raise HostileArchiveError("a header with a name that programs read differently")
        return name
    prefix = _text(block[345:500])
    return prefix + b"/" + name if prefix else name


def _stored(block: bytes, pax: Mapping[bytes, bytes]) -> int:
    """How many bytes follow the header."""
    own = _number(block[124:136])
    text = pax.get(b"size")
    if text is None:
        return own
    size = _decimal(text)
    if own not in (0, size):
        raise HostileArchiveError(f"a member with two sizes, {own} and {size}")
    return size


def _real_size(block: bytes, pax: Mapping[bytes, bytes]) -> int | None:
    """The restored size of a sparse file; None for a file that is not sparse."""
    if block[156:157] == b"S":
        return _number(block[483:495])
    text = pax.get(b"GNU.sparse.realsize", pax.get(b"GNU.sparse.size"))
    if text is None:
        if any(key.startswith(b"GNU.sparse.") for key in pax):
            raise HostileArchiveError("a sparse file without a size")
        return None
    return _decimal(text)


def _sparse_blocks(stream: _Stream, block: bytes) -> Iterator[bytes]:
    """The blocks that continue the map of a sparse file in GNU's old format."""
    more = block[482]
    while more:
        extension = stream.exactly(BLOCK)
        yield extension
        more = extension[504]


def _finish(stream: _Stream) -> int:
    """Read the second block of zeros and the padding up to the stream's end, whose length is returned."""
    if stream.exactly(BLOCK) != _ZEROS:
        raise IntegrityError("the tar stream has a hole in the middle")
    padding = 0
    for chunk in stream.rest():
        if chunk.count(0) != len(chunk):
            raise HostileArchiveError("something follows the end of the archive")
        padding += len(chunk)
    return padding


def _check(block: bytes) -> None:
    """Whether this is a header block at all."""
    total = sum(block) - sum(block[148:156]) + 8 * 32
    try:
        right = _number(block[148:156]) == total
    except HostileArchiveError:
        right = False
    if not right or block[257:265] not in (_POSIX, _GNU):
        raise IntegrityError(
            "the tar stream is damaged: what should be a header is none",
            hint="Restore from another snapshot or repository",
        )


def checksummed(block: bytes) -> bytes:
    """A header block with its checksum put right."""
    total = sum(block) - sum(block[148:156]) + 8 * 32
    return block[:148] + b"%06o\0 " % total + block[156:]


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 19:
        raise HostileArchiveError(f"a size that is no number: {text[:20]!r}")
    return int(text)


def _number(field: bytes) -> int:
    """A number field: octal, or GNU's base 256 for what octal cannot hold."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    text = field.rstrip(b"\0 ").lstrip(b" ")
    if not text:
        return 0
    if text.strip(b"01234567"):
        raise HostileArchiveError("a header with a number that cannot be read")
    return int(text, 8)
