"""Decides which members of an archive may be extracted, one after the other, in a few bytes of memory each."""

from array import array
from os import fsdecode, fsencode
from posixpath import dirname

from daytwo.core.errors import HostileArchiveError
from daytwo.core.tarformat import Entry, Member, Type, normal


def printable(path: str) -> str:
    """A path as text that any terminal and any JSON takes: what is no UTF-8 or no letter is escaped."""
    text = fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Judge:
    """Decides of one member after the other whether it may be extracted into an empty folder."""

    def __init__(self) -> None:
        self._seen = _Hashes()
        self._symlinks: set[str] = set()
        self._safe_parent = ""

    def admit(self, entry: Entry) -> None:
        """Take a member in, or raise.

        Raises:
            HostileArchiveError
        """
        member = entry.member
        for name in entry.names:
            self._path(fsdecode(name))
        path = member.path
        if member.type in (Type.DEVICE, Type.FIFO):
            raise HostileArchiveError(f"{printable(path)} is a {member.type}, which no backup holds")
        if not path and member.type is not Type.FOLDER:
            raise HostileArchiveError(f"the archive's own folder is a {member.type}")
        if not self._seen.add(hash(path)):
            raise HostileArchiveError(f"{printable(path)} is in the archive twice")
        if member.type is Type.HARDLINK:
            self._hardlink(member)
        elif member.type is Type.SYMLINK:
            self._symlink(path)

    def _path(self, raw: str) -> None:
        """Refuse a path that leaves the folder, or passes through a symbolic link."""
        if raw.startswith("/"):
            raise HostileArchiveError(f"{printable(raw)} is an absolute path")
        if _climbs(raw):
            raise HostileArchiveError(f"{printable(raw)} leaves its folder")
        path = normal(raw)
        if path in self._symlinks:
            raise HostileArchiveError(f"{printable(path)} is in the archive twice, once as a symbolic link")
        parent = dirname(path)
        if parent != self._safe_parent:
            if link := self._symlink_above(path):
                raise HostileArchiveError(f"{printable(path)} is behind the symbolic link {printable(link)}")
            self._safe_parent = parent

    def _symlink_above(self, path: str) -> str:
        """The symbolic link that a relative path passes through, or nothing."""
        above = dirname(path)
        while above and above not in self._symlinks:
            above = dirname(above)
        return above

    def _symlink(self, path: str) -> None:
        self._symlinks.add(path)
        self._safe_parent = ""

    def _hardlink(self, member: Member) -> None:
        name, link, target = printable(member.path), printable(member.link), normal(member.link)
        if member.link.startswith("/") or _climbs(member.link):
            raise HostileArchiveError(f"{name} is a hard link to {link}, outside its folder")
        if self._symlink_above(target):
            raise HostileArchiveError(f"{name} is a hard link to {link}, behind a symbolic link")
        if target in self._symlinks:
            self._symlink(member.path)
        elif target == member.path or not self._seen.holds(hash(target)):
            raise HostileArchiveError(f"{name} is a hard link to {link}, which has not come before it")


def _climbs(path: str) -> bool:
    return ".." in path and ".." in path.split("/")


class _Hashes:
    """A set of 64-bit hashes in 16 bytes each, where a set of paths would take hundreds.

    Python's string hashes are keyed anew in each process, so an archive cannot be made to collide on purpose.
    """

    def __init__(self) -> None:
        self._slots = array("q", bytes(8 * 1024))
        self._used = 0

    def add(self, value: int) -> bool:
        """Put it in; False when it was there."""
        at, there = self._find(value or 1)
        if there:
            return False
        self._slots[at] = value or 1
        self._used += 1
        if 2 * self._used > len(self._slots):
            self._grow()
        return True

    def holds(self, value: int) -> bool:
        """Whether it is there."""
        return self._find(value or 1)[1]

    def _find(self, value: int) -> tuple[int, bool]:
        slots, mask = self._slots, len(self._slots) - 1
        at = value & mask
        while (found := slots[at]) != 0:
            if found == value:
                return at, True
            at = (at + 1) & mask
        return at, False

    def _grow(self) -> None:
        old, self._slots = self._slots, array("q", bytes(16 * len(self._slots)))
        for value in old:
            if value:
                self._slots[self._find(value)[0]] = value
