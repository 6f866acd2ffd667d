"""Follows a file of this host over its rotation: renamed and made anew, copied and truncated, or removed."""

import contextlib
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Self

from daytwo.core.errors import SourceError
from daytwo.watch.logs.cutting import Cutter, Raw, text_of
from daytwo.watch.logs.follower import READ, Follower
from daytwo.watch.logs.lines import Line
from daytwo.watch.logs.stamps import stamp_of

_POLL = 0.5
"""Seconds between two looks at a file that does not grow."""
_FIRST_BYTES = 1024
"""Bytes at the beginning of a file by which it is known again, as far as it has them."""
_PACKED = (".gz", ".xz", ".bz2", ".zst", ".lz4", ".zip")
_ROTATED = re.compile(r"[-._](?:[-._+:TZ\d]|old|bak|prev|orig|backup|size|time)+")
"""What rotation puts behind a name: numbers, dates, and a few words."""


@dataclass(frozen=True)
class Mark:
    """How far a file has been read.

    Args:
        inode: of the file; 0 where there was none.
        offset: bytes that have been read, up to the end of a line.
        length: how many bytes at its beginning it is known by.
        digest: of these.
    """

    inode: int = 0
    offset: int = 0
    length: int = 0
    digest: str = ""

    @classmethod
    def of(cls, position: str) -> Self | None:
        """As `position` told it; None where it did not."""
        try:
            return cls(**json.loads(position))
        except (ValueError, TypeError):
            return None

    @property
    def position(self) -> str:
        """As it is stored."""
        return json.dumps(vars(self), separators=(",", ":"))

    def fits(self, file: int) -> bool:
        """Whether an open file begins with the same bytes and reaches as far."""
        return os.fstat(file).st_size >= self.offset and _digest(file, self.length) == self.digest


class FileFollower(Follower):
    """Follows a file. Looks at it twice a second, which also works where changes are not told, as on network disks."""

    def resume(self, position: str) -> None:
        """Take up where a position says."""
        self._mark = Mark.of(position)

    def follow(self) -> None:
        """Read until the file is another one."""
        if self._mark is None:
            self._mark = self._end()
            self.put((), self._mark.position)
        before = self._before(self._mark)
        for path, mark in before:
            with contextlib.suppress(FileNotFoundError), _opened(path) as file:  # rotated on meanwhile
                self._finish(file, mark)
        try:
            with _opened(self.log.path) as file:
                self.trouble = ""
                self._read(file)
        except FileNotFoundError:
            self._missing()

    def past(self, since: datetime | None, until: datetime | None, last: int | None) -> Iterator[Line]:
        """What is in the file now. A line without a time is as old as the one before it."""
        try:
            with _opened(self.log.path) as file:
                end = _end_of_lines(file, os.fstat(file).st_size)
                self._mark = _mark(file, end)
                begin = _since(file, end, since) if since else 0
                if last is not None:
                    begin = max(begin, _last_lines(file, end, last))
                changed = round(os.fstat(file).st_mtime * 1000)
                yield from _between(_all(file, begin, end), changed, since, until)
        except FileNotFoundError:
            raise SourceError(f"there is no file {self.log.path}") from None

    def _read(self, file: int) -> None:
        """Read an open file until another one takes its place, or it begins anew."""
        mark, inode = self._mark or Mark(), os.fstat(file).st_ino
        # What was left of one before has been read.
        mark = mark if mark.inode == inode and mark.fits(file) else Mark(inode)
        cutter, at = Cutter(), mark.offset
        while not self.closing.is_set():
            if os.fstat(file).st_size < at or not mark.fits(file):  # truncated, maybe grown again since
                return
            data = os.pread(file, READ, at)
            if data:
                at += len(data)
                mark = self._take(file, cutter, data, mark, at)
                continue
            gone_over = self._another(file)
            self.closing.wait(_POLL)
            # Its writer has another one now; a moment later that holds for a second writer, too.
            if gone_over and not os.pread(file, 1, at):
                self._half(cutter, mark, at)
                return

    def _take(self, file: int, cutter: Cutter, data: bytes, mark: Mark, at: int) -> Mark:
        lines = self._lines(cutter.feed(data))
        if mark.length < _FIRST_BYTES:
            length = min(_FIRST_BYTES, at - cutter.pending)
            mark = replace(mark, length=length, digest=_digest(file, length))
        mark = replace(mark, offset=at - cutter.pending)
        if lines:
            self.put(lines, mark.position)
        self._mark = mark
        return mark

    def _half(self, cutter: Cutter, mark: Mark, at: int) -> None:
        """Hand over a last line without an end; from here on, what comes is in another file."""
        self._mark = replace(mark, offset=at)
        if half := cutter.flush():
            self.put(self._lines([half]), self._mark.position)

    def _finish(self, file: int, mark: Mark) -> None:
        """Read a file that nobody writes to any more to its end."""
        cutter, at = Cutter(), mark.offset
        while data := os.pread(file, READ, at):
            at += len(data)
            mark = self._take(file, cutter, data, mark, at)
        self._half(cutter, mark, at)

    def _lines(self, raws: list[Raw]) -> list[Line]:
        now, lines = self.milliseconds(), []
        for raw in raws:
            text, cut = text_of(raw)
            lines.append(Line(min(stamp_of(text) or now, now), text, cut))
        return lines

    def _another(self, file: int) -> bool:
        """Whether there is another file in its place now, with something in it."""
        try:
            found = self.log.path.stat()
        except FileNotFoundError:
            self.trouble = f"there is no file {self.log.path} now"
            return False
        self.trouble = ""
        return (found.st_dev, found.st_ino) != _identity(file) and found.st_size > 0

    def _before(self, mark: Mark) -> list[tuple[Path, Mark]]:
        """What to read before the file, oldest first: the rest of the one that was read, and what came between."""
        if not mark.inode:
            return []
        with contextlib.suppress(OSError, SourceError), _opened(self.log.path) as file:
            if os.fstat(file).st_ino == mark.inode and mark.fits(file):
                return []
        siblings, same = self._siblings(), None
        for number, path in enumerate(siblings):
            with contextlib.suppress(OSError, SourceError), _opened(path) as file:
                if not mark.fits(file):
                    continue
                if os.fstat(file).st_ino == mark.inode:  # renamed
                    same = number
                    break
                same = number if mark.length and self._is_rotated(path) else same  # copied
        if same is None:
            return []
        between = (path for path in siblings[same + 1 :] if self._is_rotated(path))
        return [(siblings[same], mark), *((path, Mark(path.stat().st_ino)) for path in between)]

    def _is_rotated(self, path: Path) -> bool:
        """Whether a name that begins as the file's is what it was rotated to, and not of another log: `app.log.1` and
        `app-20261121.log` are of `app.log`, `app-worker.log` is not."""
        whole, own = path.name, self.log.path
        rest = whole.removeprefix(own.name)
        rest = whole.removeprefix(own.stem).removesuffix(own.suffix) if rest == whole else rest
        return _ROTATED.fullmatch(rest) is not None

    def _siblings(self) -> list[Path]:
        """The files that it was rotated to and that are not packed, the oldest first."""
        found: list[tuple[int, Path]] = []
        with contextlib.suppress(OSError):
            for entry in os.scandir(self.log.path.parent):
                if entry.name.startswith(self.log.path.stem) and entry.name != self.log.path.name:
                    with contextlib.suppress(OSError):
                        if entry.is_file(follow_symlinks=False) and not entry.name.endswith(_PACKED):
                            found.append((entry.stat().st_mtime_ns, Path(entry.path)))
        return [path for _, path in sorted(found)]

    def _missing(self) -> None:
        self.trouble = f"there is no file {self.log.path}"
        if self._mark != Mark():
            self._mark = Mark()
            self.put((), self._mark.position)
        while not self.closing.is_set() and not self.log.path.exists():
            self.closing.wait(_POLL)

    def _end(self) -> Mark:
        """Where the file ends now; its beginning where there is none yet."""
        try:
            with _opened(self.log.path) as file:
                return _mark(file, _end_of_lines(file, os.fstat(file).st_size))
        except FileNotFoundError:
            return Mark()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A file, open for reading.

    Raises:
        FileNotFoundError: it is not there.
        SourceError: it cannot be read.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except PermissionError:
        raise SourceError(f"{path} may not be read: permission denied", hint="Give daytwo's user read access") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from None
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise SourceError(f"{path} is no regular file")
        yield file
    finally:
        os.close(file)


def _identity(file: int) -> tuple[int, int]:
    found = os.fstat(file)
    return found.st_dev, found.st_ino


def _digest(file: int, length: int) -> str:
    return hashlib.sha256(os.pread(file, length, 0)).hexdigest()[:32] if length else ""


def _mark(file: int, offset: int) -> Mark:
    length = min(_FIRST_BYTES, offset)
    return Mark(os.fstat(file).st_ino, offset, length, _digest(file, length))


def _back(file: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Pieces of a file from its end to its beginning, each with where it begins."""
    while end > 0:
        begin = max(0, end - READ)
        yield begin, os.pread(file, end - begin, begin)
        end = begin


def _end_of_lines(file: int, size: int) -> int:
    """Where the last whole line ends."""
    for begin, data in _back(file, size):
        if (found := data.rfind(b"\n")) >= 0:
            return begin + found + 1
    return 0


def _last_lines(file: int, end: int, count: int) -> int:
    """Where the last so many lines begin."""
    left = count + 1
    for begin, data in _back(file, end):
        at = len(data)
        while (found := data.rfind(b"\n", 0, at)) >= 0:
            left -= 1
            if not left:
                return begin + found + 1
            at = found
    return 0


def _since(file: int, end: int, since: datetime) -> int:
    """About where the lines of a time begin, a little before rather than after: looked up as in a dictionary."""
    low, high, wanted = 0, end, since.timestamp() * 1000
    while high - low > READ:
        middle = (low + high) // 2
        stamps = (stamp_of(text_of(raw)[0], since.tzinfo) for raw in Cutter().feed(os.pread(file, READ, middle))[1:])
        found = next((one for one in stamps if one is not None), None)
        if found is not None and found < wanted:
            low = middle
        else:
            high = middle
    return low and _end_of_lines(file, low)


def _all(file: int, begin: int, end: int) -> Iterator[Raw]:
    cutter = Cutter()
    while begin < end and (data := os.pread(file, min(READ, end - begin), begin)):
        begin += len(data)
        yield from cutter.feed(data)


def _between(raws: Iterator[Raw], changed: int, since: datetime | None, until: datetime | None) -> Iterator[Line]:
    """The lines of a time.

    Args:
        raws: the lines.
        changed: when the file was, in milliseconds since 1970: the age of lines in it that tell none.
        since: in the zone of lines that tell none.
        until: likewise.
    """
    zone = next((one.tzinfo for one in (since, until) if one), None)
    begin, end = (one.timestamp() * 1000 if one else None for one in (since, until))
    at: int | None = None
    for raw in raws:
        text, cut = text_of(raw)
        at = stamp_of(text, zone) or at
        shown = changed if at is None else at
        if (begin is None or shown >= begin) and (end is None or shown < end):
            yield Line(shown, text, cut)


__all__ = ["FileFollower", "Mark"]
