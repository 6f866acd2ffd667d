"""Tar headers: made for members whose size is known last, read as what a stranger may have written."""

import tarfile
from collections.abc import Iterator
from datetime import datetime

from daytwo.core.errors import HostileArchiveError, IntegrityError

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
"""What ends a tar archive."""


def header(name: str, size: int, at: datetime) -> bytes:
    """One header block of a file only its owner may read; sizes from 8 GiB on in GNU's base-256 form.

    Args:
        name: at most 100 bytes.
        size: bytes.
        at: when the file was made.
    """
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o600, int(at.timestamp())
    block = info.tobuf(tarfile.GNU_FORMAT, "utf-8")
    assert len(block) == BLOCK
    return block


def padding(size: int) -> bytes:
    """The zeros that fill the last block of a member."""
    return bytes(-size % BLOCK)


def content(stream: Iterator[bytes], name: str, size: int) -> Iterator[bytes]:
    """The bytes of the one member that a stream must hold.

    Args:
        stream: header, data, padding; nothing after that.
        name: the name the header must have.
        size: the size it must state, in bytes.

    Raises:
        IntegrityError: the header is damaged, or there are more or fewer bytes.
        HostileArchiveError: it is a sound header of something else: a link, a device, another file.
    """
    held = bytearray()
    while len(held) < BLOCK:
        held += next(stream, None) or _short(name)
    _check(bytes(held[:BLOCK]), name, size)
    left, chunk = size, bytes(held[BLOCK:])
    while left:
        chunk = chunk or next(stream, None) or _short(name)
        yield chunk[:left]
        left, chunk = left - min(left, len(chunk)), chunk[left:]
    tail = chunk
    for more in stream:
        tail += more
        if len(tail) > BLOCK:
            break
    if tail != padding(size):
        raise IntegrityError(f"{name} has bytes after its end", hint="Restore from another repository or snapshot")


def _check(block: bytes, name: str, size: int) -> None:
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise IntegrityError(
            f"the tar header of {name} is damaged: {error}", hint="Restore from another repository or snapshot"
        ) from None
    if not info.isreg() or info.name != name or info.size != size:
        raise HostileArchiveError(
            f"where {name} ({size} bytes) should be, the archive has {info.name!r} ({info.size} bytes, type"
            f" {info.type!r})",
            hint="Someone has changed the archive; restore from another repository",
        )


def _short(name: str) -> bytes:
    raise IntegrityError(f"{name} ends early", hint="Restore from another repository or snapshot")
