"""Compression: independent blocks that several cores make side by side, and a slot whose content is patched later.

Both formats allow what is written here to be one member (or frame) after another; every reader takes them as one
stream: gzip by RFC 1952 section 2.2, zstd by RFC 8878 section 3.
"""

import io
import os
import struct
import zlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any, ClassVar

from daytwo.core.errors import IntegrityError
from daytwo.core.process import CHUNK
from daytwo.core.run import Run

WORKERS = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2, 8)
"""Threads that compress."""


class Codec(ABC):
    """One way to compress."""

    format: ClassVar[str]
    block: ClassVar[int]
    """Bytes that are compressed as one piece."""

    @abstractmethod
    def compress(self, data: bytes) -> bytes:
        """One block as a complete member; runs without the interpreter's lock."""

    @abstractmethod
    def slot(self, data: bytes) -> bytes:
        """The data stored, not compressed, so that other data of the same length takes exactly the same space.

        Args:
            data: 512 to 65535 bytes.
        """

    @abstractmethod
    def _reader(self, raw: IO[bytes]) -> IO[bytes]:
        """A file object that decompresses all members to the end."""

    @property
    @abstractmethod
    def _broken(self) -> tuple[type[Exception], ...]:
        """What the reader raises on bytes that are damaged."""

    def decompress(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The plain bytes of a stream of members.

        Raises:
            IntegrityError: the compressed bytes are damaged or end early.
        """
        reader = self._reader(io.BufferedReader(ChunkReader(chunks), CHUNK))
        broken: tuple[type[Exception], ...] = (EOFError, *self._broken)
        try:
            while data := reader.read(CHUNK):
                yield data
        except broken as error:
            raise IntegrityError(
                f"the compressed bytes are damaged: {error}", hint="Restore from another repository or snapshot"
            ) from None


class Gzip(Codec):
    """gzip by ISA-L: about eight times as fast as zlib at nearly its ratio. Levels 0 to 3.

    Blocks of 1 MiB that know nothing of each other cost less than half a percent of size.
    """

    format = "tar.gz"
    block = CHUNK

    def __init__(self, level: int | None = None) -> None:
        from isal import igzip, isal_zlib

        self._level = 2 if level is None else level
        self._compress: Callable[..., bytes] = isal_zlib.compress
        self._open: Any = igzip.IGzipFile
        self._error: Any = isal_zlib.error  # the stubs of isal call the class an instance

    def compress(self, data: bytes) -> bytes:
        """One gzip member."""
        return self._compress(data, self._level, wbits=31)

    def slot(self, data: bytes) -> bytes:
        """One gzip member with one stored deflate block (RFC 1951 section 3.2.4)."""
        length = len(data)
        head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01" + struct.pack("<HH", length, length ^ 0xFFFF)
        return head + data + struct.pack("<II", zlib.crc32(data), length)

    def _reader(self, raw: IO[bytes]) -> IO[bytes]:
        reader: IO[bytes] = self._open(fileobj=raw)
        return reader

    @property
    def _broken(self) -> tuple[type[Exception], ...]:
        return (self._error, zlib.error, OSError)


class Zstd(Codec):
    """zstd with a checksum in every frame. Levels 1 to 19."""

    format = "tar.zst"
    block = 2 * CHUNK  # the window of the usual levels: smaller blocks would lose ratio

    def __init__(self, level: int | None = None) -> None:
        import zstandard

        self._zstd = zstandard
        self._level = 3 if level is None else level

    def compress(self, data: bytes) -> bytes:
        """One frame."""
        return self._zstd.ZstdCompressor(level=self._level, write_checksum=True).compress(data)

    def slot(self, data: bytes) -> bytes:
        """One frame with one raw block: single segment, two bytes of content size (RFC 8878 section 3.1.1)."""
        size = struct.pack("<H", len(data) - 256)
        return b"\x28\xb5\x2f\xfd\x60" + size + struct.pack("<I", len(data) << 3 | 1)[:3] + data

    def _reader(self, raw: IO[bytes]) -> IO[bytes]:
        return self._zstd.ZstdDecompressor().stream_reader(raw, read_across_frames=True)

    @property
    def _broken(self) -> tuple[type[Exception], ...]:
        return (self._zstd.ZstdError,)


def make_codec(format: str, level: int | None = None) -> Codec:
    """The codec of a format."""
    return Gzip(level) if format == Gzip.format else Zstd(level)


class ChunkReader(io.RawIOBase):
    """An iterator of chunks as a file to read from."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill the buffer from the next chunk."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def blocks(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of exactly `size`, the last one shorter."""
    held = bytearray()
    for chunk in chunks:
        if not held and len(chunk) == size:
            yield chunk
            continue
        held += chunk
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


def squeeze(chunks: Iterable[bytes], codec: Codec, pool: ThreadPoolExecutor, run: Run) -> Iterator[bytes]:
    """Compress a stream on all threads of the pool, in order, with a bounded number of blocks in memory."""
    waiting: deque[Future[bytes]] = deque()
    for block in blocks(chunks, codec.block):
        run.check()
        waiting.append(pool.submit(codec.compress, block))
        if len(waiting) > WORKERS + 1:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
