"""Reading back what restic has just stored.

restic names every file it stores, except its configuration, by the SHA-256 of the file's content (restic's design
document, "Repository Layout"). So a stored file can be judged without the password: it must hash to its own name.
"""

import contextlib
import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from daytwo.core.errors import IntegrityError, RepositoryError
from daytwo.core.process import CHUNK
from daytwo.core.run import Run
from daytwo.repositories.restic import messages
from daytwo.repositories.restic.program import Program
from daytwo.repositories.restic.reading import listing

_HINT = "Nothing of it is visible; look at the disk or the server, then run the backup again"
_SIDE_BY_SIDE = 2
_WHOLE_ID = 64
_START_SECONDS = 0.7
_BYTES_PER_SECOND = 50e6


@dataclass(frozen=True)
class Whole:
    """How everything that was stored can be read through restic itself.

    Args:
        size: bytes to read.
        read: reads them all and compares.
    """

    size: int
    read: Callable[[], None]


@dataclass(frozen=True)
class Snapshots:
    """The ids of a repository's restic snapshots.

    Args:
        before: those that were there when the writing began.
        since: those that came to be, whoever made them.
    """

    before: frozenset[str]
    since: frozenset[str]


class ReadBack(ABC):
    """Knows what a repository held before, so that only what is new has to be read."""

    @abstractmethod
    def note(self) -> None:
        """Look which files there are now: what was there once must stay."""

    def snapshots(self) -> Snapshots | None:
        """Which restic snapshots there were and are, or None where only restic can tell."""
        return None

    @abstractmethod
    def full_ids(self, shorts: Iterable[str]) -> dict[str, str]:
        """The whole ids of restic snapshots by what restic said; up to 0.16 it tells the first eight characters only.

        Raises:
            IntegrityError: there is none, or more than one.
        """

    @abstractmethod
    def check(self, snapshots: Iterable[str], whole: Whole, *, added: bool) -> None:
        """Read every new file.

        Args:
            snapshots: ids of the restic snapshots that must be there.
            whole: another way to read it all, taken where it is cheaper.
            added: whether there must be new data.

        Raises:
            IntegrityError: a file is not what was written.
        """


class LocalReadBack(ReadBack):
    """A repository in a folder: its files are hashed where they are."""

    def __init__(self, folder: Path, where: str, run: Run) -> None:
        self._folder = folder
        self._where = where
        self._run = run
        self._before = self._all()
        self._new: set[str] = set()
        self._snapshots = self._ids()

    def note(self) -> None:
        """Look which files there are now."""
        self._new |= self._all() - self._before

    def check(self, snapshots: Iterable[str], whole: Whole, *, added: bool) -> None:
        """Hash every new file and compare with its name."""
        self.note()
        if added and not any(name.startswith("index/") for name in self._new):
            raise self._wrong("index", "does not tell of what was stored")
        for id in snapshots:
            if not (self._folder / "snapshots" / id).is_file():
                raise self._wrong(f"snapshots/{id}", "is missing")
        with ThreadPoolExecutor(_SIDE_BY_SIDE, "read back") as pool:
            for _ in pool.map(self._hash, sorted(self._new)):
                pass
        self._before |= self._new
        self._new = set()

    def _all(self) -> set[str]:
        with self._readable():
            return set(_files(self._folder))

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RepositoryError(
                f"{error.filename} cannot be read: {error.strerror}",
                where=self._where,
                hint="Check its url and the rights on the folder",
            ) from None

    def snapshots(self) -> Snapshots:
        """The names in its folder."""
        return Snapshots(self._snapshots, self._ids() - self._snapshots)

    def _ids(self) -> frozenset[str]:
        with self._readable():
            return frozenset(name.rpartition("/")[2] for name in _below(self._folder / "snapshots", "snapshots"))

    def full_ids(self, shorts: Iterable[str]) -> dict[str, str]:
        """From the names of the files."""
        return _completed(shorts, self._ids(), self._where)

    def _hash(self, name: str) -> None:
        path = self._folder / name
        digest = hashlib.sha256()
        buffer = bytearray(CHUNK)
        view = memoryview(buffer)
        try:
            with path.open("rb", buffering=0) as file:
                while count := file.readinto(buffer):
                    self._run.check()
                    digest.update(view[:count])
        except FileNotFoundError:
            raise self._wrong(name, "is missing") from None
        except OSError as error:
            raise self._wrong(name, f"cannot be read: {error.strerror}") from None
        if digest.hexdigest() != path.name:
            raise self._wrong(name, "does not hold what was written")

    def _wrong(self, name: str, what: str) -> IntegrityError:
        return IntegrityError(f"{name} {what}", where=self._where, hint=_HINT)


def _files(folder: Path) -> Iterator[str]:
    """Every stored file that is named by its content, relative to the repository."""
    for part in ("data", "index", "snapshots"):
        yield from _below(folder / part, part)


def _below(folder: Path, name: str) -> Iterator[str]:
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if len(entry.name) == _WHOLE_ID:
                yield f"{name}/{entry.name}"
            elif entry.is_dir(follow_symlinks=False):
                yield from _below(Path(entry.path), f"{name}/{entry.name}")


class RemoteReadBack(ReadBack):
    """A repository reached through restic only: new indexes name the new files, and restic fetches each once more."""

    def __init__(self, program: Program, run: Run) -> None:
        self._program = program
        self._run = run
        self._before = self._indexes()

    def note(self) -> None:
        """Nothing: a lost index shows as a restic snapshot that cannot be read."""

    def check(self, snapshots: Iterable[str], whole: Whole, *, added: bool) -> None:
        """Read new indexes, the snapshots, and the new files: one by one, or all of it, whichever is cheaper."""
        new = sorted(self._indexes() - self._before)
        if added and not new:
            raise IntegrityError("no index tells of what was stored", where=self._program.where, hint=_HINT)
        ids = list(snapshots)
        with ThreadPoolExecutor(_SIDE_BY_SIDE, "read back") as pool:
            indexes = list(pool.map(self._index, new))
            list(pool.map(lambda one: self._cat("snapshot", one), ids))
            packs = {pack.id: pack.size for index in indexes for pack in index.packs}
            if not by_pack(packs.values(), whole.size):
                whole.read()
            else:
                list(pool.map(self._pack, sorted(packs)))
        self._before |= set(new)

    def full_ids(self, shorts: Iterable[str]) -> dict[str, str]:
        """By one list for all of them."""
        wanted = list(shorts)
        short = [one for one in wanted if len(one) < _WHOLE_ID]
        found = [one.id for one in listing(self._program, self._run, short)] if short else []
        return _completed(wanted, {*wanted, *found}, self._program.where)

    def _indexes(self) -> set[str]:
        return set(self._program.capture(self._run, "list", "index", "--no-lock").text.split())

    def _cat(self, kind: str, id: str) -> bytes:
        return self._program.capture(self._run, "cat", kind, id, "--no-lock", "--no-cache").stdout

    def _index(self, id: str) -> messages.Index:
        return messages.index(self._cat("index", id))

    def _pack(self, id: str) -> None:
        digest = hashlib.sha256()
        for chunk in self._program.stream(self._run, "cat", "pack", id, "--no-lock", "--no-cache"):
            digest.update(chunk)
        if digest.hexdigest() != id:
            raise IntegrityError(f"data/{id} does not hold what was written", where=self._program.where, hint=_HINT)


def _completed(shorts: Iterable[str], known: Iterable[str], where: str) -> dict[str, str]:
    whole = [id for id in known if len(id) == _WHOLE_ID]
    found = {}
    for short in shorts:
        fits = [id for id in whole if id.startswith(short)]
        if len(fits) != 1:
            raise IntegrityError(f"there are {len(fits)} restic snapshots {short}, not one", where=where, hint=_HINT)
        found[short] = fits[0]
    return found


def by_pack(packs: Iterable[int], whole: int) -> bool:
    """Whether fetching the new files one by one is cheaper than reading all of the snapshot.

    Args:
        packs: the sizes of the new files, bytes; each costs a start of restic.
        whole: the snapshot's size, bytes, new and old.
    """
    sizes = list(packs)
    one_by_one = sum(sizes) / _BYTES_PER_SECOND + len(sizes) * _START_SECONDS / _SIDE_BY_SIDE
    return one_by_one <= whole / _BYTES_PER_SECOND + _START_SECONDS
