"""Components on their way into an archive: each in a part file of its own, so that several are written side by side.

A part is `[slot for the tar header][compressed data][compressed padding]`; the header is known last and patched into
its slot. The part of an archive that will be encrypted is encrypted already, to a key that only this process has in
memory, so that no plain byte ever lies on the disk; its header is written when the archive is.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from daytwo.core.crypt import Key, decrypting, encrypting
from daytwo.core.errors import IntegrityError
from daytwo.core.manifest import Digest
from daytwo.core.run import Run
from daytwo.repositories.archive import disk
from daytwo.repositories.archive.codec import Codec, squeeze
from daytwo.repositories.archive.naming import Location, Member
from daytwo.repositories.archive.tarhead import BLOCK, padding

_AHEAD = 32 << 20
"""Bytes that are written before the disk is set to work on them."""


@dataclass(frozen=True)
class Part:
    """A component that was written whole.

    Args:
        name: its file name in the archive.
        path: the part file.
        size: plain bytes.
        data: digest and length of the compressed bytes, padding included, slot left out; for a part that is
            encrypted, of the encrypted bytes.
    """

    name: str
    path: Path
    size: int
    data: Digest


class _Meter:
    def __init__(self) -> None:
        self.size = 0

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.size += len(chunk)
            yield chunk


def slot_size(codec: Codec) -> int:
    """Bytes that a tar header takes in an archive."""
    return len(codec.slot(bytes(BLOCK)))


def write_part(
    path: Path, name: str, chunks: Iterable[bytes], codec: Codec, key: Key | None, pool: ThreadPoolExecutor, run: Run
) -> Part:
    """Compress a component into its part file; nothing is left of it when that fails.

    Args:
        path: the file to make.
        name: the component's file name.
        chunks: its bytes.
        codec: how to compress.
        key: the process's own key, when the archive will be encrypted.
        pool: the threads that compress.
        run: the run it belongs to.

    Raises:
        SpaceError, RepositoryError: it could not be written.
        Whatever the chunks raise.
    """
    meter = _Meter()
    stream = _member(meter, chunks, codec, pool, run)
    try:
        if key is None:
            data = _write(path, stream, slot_size(codec))
        else:
            data = _write(path, encrypting(stream, (key.recipient,)), 0)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Part(name, path, meter.size, data)


def _member(
    meter: _Meter, chunks: Iterable[bytes], codec: Codec, pool: ThreadPoolExecutor, run: Run
) -> Iterator[bytes]:
    yield from squeeze(meter.through(chunks), codec, pool, run)
    if rest := padding(meter.size):
        yield codec.compress(rest)


def _write(path: Path, stream: Iterator[bytes], begin: int) -> Digest:
    digest, size, begun = hashlib.sha256(), 0, 0
    with disk.errors(path.parent):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.ftruncate(fd, begin)
        for block in stream:
            digest.update(block)
            with disk.errors(path.parent.parent, begin + size + len(block)):
                disk.write_all(fd, block, begin + size)
            size += len(block)
            if size - begun > _AHEAD:  # so that the disk is busy now, and the end does not wait for all of it
                disk.start_writing(fd)
                begun = size
    finally:
        os.close(fd)
    return Digest(sha256=digest.hexdigest(), size=size)


@dataclass(frozen=True)
class Assembled:
    """A whole archive file, not read back yet.

    Args:
        segments: its stretches, as they were computed while writing.
        members: where each component is.
    """

    segments: list[disk.Segment]
    members: dict[str, Member]


def assemble(path: Path, parts: list[Part], headers: dict[str, bytes], tail: bytes) -> Assembled:
    """Make one archive of plain parts, needing hardly more room than they take: the largest is where the others are
    appended, and each is removed as soon as it is.

    Args:
        path: the archive to make, in the parts' folder.
        parts: the parts.
        headers: each part's tar header in its slot.
        tail: what comes after them.

    Raises:
        IntegrityError: a part is not as it was written.
        SpaceError, RepositoryError
    """
    ordered = sorted(parts, key=lambda part: part.data.size, reverse=True)
    segments: list[disk.Segment] = []
    members: dict[str, Member] = {}
    offset = 0
    with disk.errors(path.parent.parent, sum(part.data.size for part in parts)):
        for part in ordered:
            _patch(part, headers[part.name])
        if ordered:
            ordered[0].path.rename(path)
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            for number, part in enumerate(ordered):
                length = len(headers[part.name]) + part.data.size
                if number:
                    _append(part, length, fd)
                segments += [_segment(headers[part.name]), disk.Segment(part.data.size, part.data.sha256)]
                members[part.name] = Member(offset=offset, length=length, size=part.size)
                offset += length
            disk.write_all(fd, tail, offset)
            os.fsync(fd)
        finally:
            os.close(fd)
    return Assembled([*segments, _segment(tail)], members)


def _segment(data: bytes) -> disk.Segment:
    return disk.Segment(len(data), hashlib.sha256(data).hexdigest())


def _patch(part: Part, header: bytes) -> None:
    try:
        fd = os.open(part.path, os.O_WRONLY)
    except FileNotFoundError:
        raise _changed(part) from None
    try:
        if os.fstat(fd).st_size != len(header) + part.data.size:
            raise _changed(part)
        disk.write_all(fd, header, 0)
    finally:
        os.close(fd)


def _append(part: Part, length: int, target: int) -> None:
    source = os.open(part.path, os.O_RDONLY)
    try:
        disk.append(source, target, length)
    finally:
        os.close(source)
    part.path.unlink()


def _changed(part: Part) -> IntegrityError:
    return IntegrityError(f"{part.name} was written and is not there whole any more", where=str(part.path.parent),
                          hint="Something else changes files in the repository; find out what")  # fmt: skip


class Joined:
    """The plain stream of an archive whose parts are encrypted; read it once, then ask for `members`."""

    def __init__(self, parts: list[Part], headers: dict[str, bytes], tail: bytes, key: Key, run: Run) -> None:
        self._parts = sorted(parts, key=lambda part: part.data.size, reverse=True)
        self._headers = headers
        self._tail = tail
        self._key = key
        self._run = run
        self.members: dict[str, Member] = {}

    def chunks(self) -> Iterator[bytes]:
        """Headers, decrypted parts, tail; each part is removed as soon as it is read."""
        offset = 0
        for part in self._parts:
            header = self._headers[part.name]
            yield header
            length = len(header)
            for chunk in decrypting(self._bytes(part), (self._key.secret,)):
                length += len(chunk)
                yield chunk
            self.members[part.name] = Member(offset=offset, length=length, size=part.size)
            offset += length
            part.path.unlink()
        yield self._tail

    def _bytes(self, part: Part) -> Iterator[bytes]:
        try:
            yield from disk.read(part.path, self._run)
        except FileNotFoundError:
            raise _changed(part) from None


def write_sealed(path: Path, stream: Iterator[bytes]) -> disk.Segment:
    """Write an encrypted archive.

    Returns:
        All of it as one segment: this machine cannot open it, but it knows what it wrote.
    """
    data = _write(path, stream, 0)
    return disk.Segment(data.size, data.sha256)


def locate(file: str, digest: Digest, codec: Codec, seal: str | None, members: dict[str, Member]) -> Location:
    """The manifest's note on an archive."""
    return Location.model_validate(
        {"file": file, "sha256": digest.sha256, "size": digest.size, "format": codec.format, "encrypted": seal,
         "members": members}
    )  # fmt: skip
