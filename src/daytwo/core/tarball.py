"""Tar streams, read as what a stranger may have written: checked, listed, picked from, cut to size.

Nothing here extracts; that is left to the system's tar, which restores everything a file has. `validated` stands
between: it passes a stream on unchanged and stops before the first header that would write outside its folder.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from tarfile import TarError
from tarfile import open as open_tar
from typing import TYPE_CHECKING

from daytwo.core.errors import IntegrityError, UsageError
from daytwo.core.tarformat import END, Archive, Entry, Member, Type, normal
from daytwo.core.tarjudge import Judge, printable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

Opener = Callable[[], Iterator[bytes]]
"""Opens the same stream anew at each call, as `Source.chunks` does."""
_CHUNK = 1 << 20
_GATHERED = 256 * 1024


@dataclass(frozen=True, slots=True)
class Summary:
    """What an archive holds.

    Args:
        files: entries that are no folders, each name of a hard-linked file counted.
        bytes: their sizes as restored, a hard-linked file counted once.
    """

    files: int
    bytes: int


def validated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same stream; each member's header is passed on only after it was found harmless.

    Refused: absolute paths, `..`, device nodes and FIFOs, members behind a symbolic link of the same archive, hard
    links to what the archive has not brought or brought as a symbolic link, one path twice, headers that programs
    read differently. Memory: 16 bytes a member, and the paths of the symbolic links.

    Raises:
        HostileArchiveError: such a member; it and all that follows stay unseen by the reader.
        IntegrityError: the stream is cut off or no tar.
    """
    archive, judge = Archive(chunks), Judge()
    yield from gathered(_approved(archive, judge))
    yield from _zeros(archive.tail)


def _approved(archive: Archive, judge: "Judge") -> Iterator[bytes]:
    for entry in archive:
        judge.admit(entry)
        yield entry.head
        yield from entry.raw()


def _zeros(size: int) -> Iterator[bytes]:
    for _ in range(size // _CHUNK):
        yield bytes(_CHUNK)
    if size % _CHUNK:
        yield bytes(size % _CHUNK)


def gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces, so that small files cost no system call each; large pieces are not copied."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        if len(piece) >= _GATHERED:
            if held:
                yield b"".join(held)
                held, size = [], 0
            yield piece
            continue
        held.append(piece)
        size += len(piece)
        if size >= _GATHERED:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def listing(chunks: Iterable[bytes]) -> Iterator[Member]:
    """The members of a stream, each judged as by `validated`.

    Raises:
        HostileArchiveError, IntegrityError
    """
    judge = Judge()
    for entry in Archive(chunks):
        judge.admit(entry)
        yield entry.member


def summary(chunks: Iterable[bytes]) -> Summary:
    """Files and bytes of a stream that is judged as by `validated`."""
    tally = Tally()
    for member in listing(chunks):
        tally.add(member)
    return tally.summary


class Tally:
    """Counts members as they flow by.

    Args:
        most: how many top-level entries are remembered at most.
    """

    def __init__(self, most: int = 200) -> None:
        self.members = 0
        """How many members there were, folders included."""
        self._files = 0
        self._bytes = 0
        self._most = most
        self._top: dict[str, tuple[int, int]] = {}
        self._more = False

    def add(self, member: Member) -> None:
        """Count one member."""
        is_folder = member.type is Type.FOLDER
        self.members += 1
        self._files += not is_folder
        self._bytes += member.size
        head, slash, _ = member.path.partition("/")
        if not head:
            return
        name = head + "/" if slash or is_folder else head
        if name not in self._top and len(self._top) >= self._most:
            self._more = True
            return
        files, size = self._top.get(name, (0, 0))
        self._top[name] = (files + (not is_folder), size + member.size)

    @property
    def summary(self) -> Summary:
        """What was counted so far."""
        return Summary(self._files, self._bytes)

    @property
    def contents(self) -> tuple[str, ...]:
        """The top-level entries, sorted, each with its files and bytes in words."""
        lines = [
            f"{printable(name)} ({files} {'file' if files == 1 else 'files'}, {size} bytes)" if name.endswith("/")
            else f"{printable(name)} ({size} bytes)"
            for name, (files, size) in sorted(self._top.items())
        ]  # fmt: skip
        return (*lines, "... and more") if self._more else tuple(lines)


def kept(
    chunks: Iterable[bytes],
    keep: Callable[[Member], bool],
    then: Callable[[Member], None] = lambda member: None,
    lost: Callable[[Member], None] = lambda member: None,
) -> Iterator[bytes]:
    """The stream without the members that `keep` says no to.

    Args:
        chunks: a stream from a trusted place; members are not judged.
        keep: asked of each member.
        then: told of each member that stays.
        lost: told of each hard link that has to go because the name that brings its data went.
    """  # fmt: skip

    def pieces() -> Iterator[bytes]:
        gone: set[str] = set()
        for entry in Archive(chunks):
            member = entry.member
            if not keep(member):
                if member.type is not Type.FOLDER:
                    gone.add(member.path)
                continue
            if member.type is Type.HARDLINK and normal(member.link) in gone:
                lost(member)
                gone.add(member.path)
                continue
            then(member)
            yield entry.head
            yield from entry.raw()
        yield END

    return gathered(pieces())


def is_within(path: str, folder: str) -> bool:
    """Whether a normalised path is this folder or below it; everything is below the root folder, ''."""
    return not folder or path == folder or path.startswith(folder + "/")


def selected(opener: Opener, wanted: Iterable[str]) -> frozenset[str]:
    """Which of these paths and what is below them must be taken: also the targets of hard links that lead out of them.

    Args:
        opener: the archive; read once.
        wanted: paths of files or folders.

    Returns:
        The wanted paths, normalised, and the link targets besides.

    Raises:
        UsageError: one is not in the archive.
    """
    paths = {normal(path).strip("/") for path in wanted}
    missing, targets = set(paths), set[str]()
    for member in listing(opener()):
        covering = [path for path in paths if is_within(member.path, path)]
        missing.difference_update(covering)
        if covering and member.type is Type.HARDLINK and not any(is_within(normal(member.link), p) for p in paths):
            targets.add(normal(member.link))
    if missing:
        names = ", ".join(printable(path) for path in sorted(missing))
        raise UsageError(f"the archive holds no {names}", hint="`daytwo snapshots show` lists what it holds")
    return frozenset(paths | targets)


def pick(opener: Opener, path: str) -> Iterator[bytes]:
    """One file's content, or a folder as a tar stream (with what its hard links need).

    Args:
        opener: the archive; read at most three times.
        path: of a file or folder in it; a hard link is followed.

    Raises:
        UsageError: there is no such path, or it is a symbolic link.
    """
    path = normal(path).strip("/")
    for entry in Archive(opener()):
        member = entry.member
        if member.path != path:
            if is_within(member.path, path):
                return _folder(opener, path)
            continue
        if member.type is Type.FOLDER:
            return _folder(opener, path)
        if member.type is Type.HARDLINK:
            return pick(opener, member.link)
        if member.type is not Type.FILE:
            raise UsageError(f"{printable(path)} is a {member.type} to {printable(member.link)}",
                             hint="Extract what it points to")  # fmt: skip
        return gathered(content(entry))
    raise UsageError(f"the archive holds no {printable(path)}", hint="`daytwo snapshots show` lists what it holds")


def _folder(opener: Opener, path: str) -> Iterator[bytes]:
    paths = selected(opener, [path])
    return kept(opener(), lambda member: any(is_within(member.path, p) for p in paths))


def content(entry: Entry) -> Iterator[bytes]:
    """A file's bytes, the holes of a sparse file as zeros; nothing for what is no file.

    Args:
        entry: a member that nothing was read of yet.
    """
    if not entry.sparse:
        yield from entry.body()
        return

    def alone() -> Iterator[bytes]:
        yield entry.head
        yield from entry.raw()
        yield END

    try:
        with open_tar(fileobj=BufferedReader(_Readable(alone())), mode="r|", bufsize=_CHUNK) as tar:
            info = tar.next()
            file = tar.extractfile(info) if info else None
            while file and (data := file.read(_CHUNK)):
                yield data
    except TarError as error:
        raise IntegrityError(f"the sparse file {printable(entry.member.path)} cannot be read: {error}") from None


class _Readable(RawIOBase):
    """Chunks as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "Buffer", /) -> int:
        """Fill the buffer as far as the next chunk goes."""
        view = memoryview(buffer).cast("B")
        self._held = self._held or next(self._chunks, b"")
        size = min(len(view), len(self._held))
        view[:size] = self._held[:size]
        self._held = self._held[size:]
        return size
