"""Local files: errors in words, bytes that are really on the disk, and reading them back from there."""

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from daytwo.core.errors import DaytwoError, IntegrityError, RepositoryError, SpaceError
from daytwo.core.manifest import Digest
from daytwo.core.process import CHUNK
from daytwo.core.run import Run
from daytwo.core.units import Size

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_FAST_COPY = {errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF}


@dataclass(frozen=True)
class Segment:
    """A stretch of a file and what it must hash to."""

    length: int
    sha256: str


def explain(error: OSError, folder: Path, needed: int) -> DaytwoError:
    """What the system's refusal means.

    Args:
        error: what it said.
        folder: where it was written to or read from.
        needed: bytes that were to be there, as far as known.
    """
    if error.errno in _FULL:
        return SpaceError(
            f"no space left: at least {needed} bytes ({Size(needed).human}) were needed, {Size(free(folder)).human} are"
            " free", where=str(folder), hint="Free some space, or let the repository keep fewer snapshots",
        )  # fmt: skip
    named = Path(error.filename).name if isinstance(error.filename, str) else ""
    about = f"{named}: " if named and named != folder.name else ""
    hint = "Check its owner and permissions" if error.errno in (errno.EACCES, errno.EPERM) else "Check the folder"
    return RepositoryError(f"{about}{error.strerror or error}", where=str(folder), hint=hint)


@contextlib.contextmanager
def errors(folder: Path, needed: int = 0) -> Iterator[None]:
    """Say what the system's errors within mean; put nothing inside that can fail for other reasons."""
    try:
        yield
    except OSError as error:
        raise explain(error, folder, needed) from None


def free(folder: Path) -> int:
    """Free bytes where the folder is, or will be."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def write_all(fd: int, data: bytes, offset: int | None = None) -> None:
    """Write every byte, at the file's end or at an offset."""
    view = memoryview(data)
    while view:
        count = os.write(fd, view) if offset is None else os.pwrite(fd, view, offset)
        view = view[count:]
        offset = None if offset is None else offset + count


def append(source: int, target: int, size: int) -> None:
    """Append the first `size` bytes of a file to another, within the kernel where it can do that."""
    done = 0
    os.lseek(target, 0, os.SEEK_END)
    fast = hasattr(os, "copy_file_range")
    while done < size:
        if fast:
            try:
                count = os.copy_file_range(source, target, size - done, done)
            except OSError as error:
                if error.errno not in _NO_FAST_COPY:
                    raise
                fast = False
                continue
        else:
            data = os.pread(source, CHUNK, done)
            write_all(target, data)
            count = len(data)
        if count == 0:
            raise IntegrityError("a part that was written is now shorter",
                                 hint="Something else changes files in the repository; find out what")  # fmt: skip
        done += count


def start_writing(fd: int) -> None:
    """Have the system begin to write a file's bytes to the disk, without waiting (Linux; elsewhere nothing happens)."""
    _forget(fd, 0, 0)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder last through a power failure."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read(path: Path, run: Run, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
    """A stretch of a file; fewer bytes when it ends before."""
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        left = length
        while left is None or left > 0:
            run.check()
            data = file.read(CHUNK if left is None else min(CHUNK, left))
            if not data:
                return
            left = None if left is None else left - len(data)
            yield data


def from_disk(path: Path, run: Run) -> Iterator[bytes]:
    """All of a file, from the disk itself and not from what the system remembers of it, leaving nothing in memory."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        _forget(fd, 0, 0)
        offset = 0
        while data := os.pread(fd, CHUNK, offset):
            run.check()
            yield data
            _forget(fd, offset, len(data))
            offset += len(data)
    finally:
        os.close(fd)


def _forget(fd: int, offset: int, length: int) -> None:
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(fd, offset, length, os.POSIX_FADV_DONTNEED)


def read_back(chunks: Iterator[bytes], segments: list[Segment], where: str) -> Digest:
    """Read everything and compare each segment with what was computed while it was written.

    Returns:
        The digest of the whole.

    Raises:
        IntegrityError: a segment differs, or there are more or fewer bytes.
    """
    whole, size = hashlib.sha256(), 0
    with ThreadPoolExecutor(1, "whole") as pool:  # the whole and its segments are hashed side by side

        def also_whole() -> Iterator[bytes]:
            nonlocal size
            for chunk in chunks:
                size += len(chunk)
                hashed = pool.submit(whole.update, chunk)
                yield chunk
                hashed.result()

        _judge(also_whole(), segments, where)
    return Digest(sha256=whole.hexdigest(), size=size)


def _judge(chunks: Iterator[bytes], segments: list[Segment], where: str) -> None:
    """Compare each segment.

    Raises:
        IntegrityError: one differs, or there are more or fewer bytes.
    """
    piece, ahead, size = hashlib.sha256(), iter(segments), 0
    current = next(ahead)
    left = current.length
    for chunk in chunks:
        size += len(chunk)
        view = memoryview(chunk)
        while view:
            if left == 0:
                _compare(piece.hexdigest(), current, size, where)
                following = next(ahead, None)
                if following is None:
                    raise _different(where, "there are bytes after its end")
                current, piece, left = following, hashlib.sha256(), following.length
            count = min(left, len(view))
            piece.update(view[:count])
            view, left = view[count:], left - count
    if left or next(ahead, None) is not None:
        raise _different(where, f"it ends after {size} bytes")
    _compare(piece.hexdigest(), current, size, where)


def _compare(found: str, segment: Segment, position: int, where: str) -> None:
    if found != segment.sha256:
        raise _different(where, f"the bytes before {position} differ")


def _different(where: str, what: str) -> IntegrityError:
    return IntegrityError(f"what was read back is not what was written: {what}", where=where,
                          hint="Check the disk and the memory of this machine, and what else writes there")  # fmt: skip
