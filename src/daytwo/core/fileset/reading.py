"""Reads files as a tar stream, with the tar that is where they are, and counts what flows by."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from glob import escape
from pathlib import Path

from daytwo.core.command import Command, command
from daytwo.core.errors import SourceError
from daytwo.core.fileset import words
from daytwo.core.fileset.choice import Choice
from daytwo.core.fileset.scan import Scan, scan, special_files
from daytwo.core.fileset.site import C, holds
from daytwo.core.manifest import Identity
from daytwo.core.process import CHUNK, Process
from daytwo.core.run import Run
from daytwo.core.service import Dump, DumpFacts, Tree
from daytwo.core.tarball import Tally, kept
from daytwo.core.tarformat import Member, Type
from daytwo.core.tarjudge import printable

XATTRS = ("--xattrs", "--xattrs-include=user.*", "--xattrs-include=security.capability", "--acls")
"""What belongs to a file's data. Other name spaces (`trusted`, `security.selinux`) belong to the machine."""
_STDERR_KEPT = 64 * 1024


def gnu_dump(base: str, roots: tuple[str, ...], choice: Choice, mounted: tuple[str, ...] | None = ()) -> Command:
    """GNU tar, told to write the same bytes for the same files.

    Access and change times are left out, as they change without the file changing.

    Args:
        base: the folder that names count from.
        roots: what to read, from there on; empty for names on standard input, each ended by a zero byte.
        choice: what is left out.
        mounted: where, from the folder on, each beginning with a slash, something else is mounted that is left out;
            None where tar has to see to it itself: to tar, a folder of the same disk is no mount, and a subvolume is.
    """
    return command(
        "tar", "--create", "--file=-", "--format=posix",
        "--pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f",
        "--sort=name", "--numeric-owner", "--sparse", XATTRS, f"--directory={base}",
        ("--dereference",) if choice.follow else (), "--no-wildcards-match-slash", choice.exclude_options(),
        ("--one-file-system",) if mounted is None else (f"--exclude=.{_escaped(path)}/*" for path in mounted),
        roots or ("--null", "--verbatim-files-from", "--files-from=-"),
        env=C, ok=(0, 1, 2),
    )  # fmt: skip


def plain_dump(base: str, roots: tuple[str, ...], choice: Choice) -> Command:
    """The tar of busybox, which knows neither holes nor attributes, nor, as some build it, any option to leave out."""
    follow = ("-h",) if choice.follow else ()
    return command("tar", "-c", follow, "-f", "-", "-C", base, roots, env=C, ok=(0, 1, 2))


def _escaped(path: str) -> str:
    return escape(path).replace("\\", "\\\\")


class TarDump(Dump):
    """A tar stream from a program.

    Args:
        start: starts the program, at the first byte that is asked for.
        identity: where it comes from, given what it holds.
        tool: the program's name and version.
        run: the run it belongs to.
        where: what to name in an error.
        may_be_empty: whether an archive without a file is believed (an empty folder is one).
        through: what the program's output passes before it is counted.
        keep: which members stay.
        missing: asked at the end: paths that should have been there and were not.
    """

    def __init__(
        self,
        start: Callable[[], Process],
        identity: Callable[[str], Identity],
        tool: str,
        run: Run,
        *,
        where: str,
        may_be_empty: bool = True,
        through: Callable[[Iterator[bytes]], Iterator[bytes]] = lambda chunks: chunks,
        keep: Callable[[Member], bool] = lambda member: True,
        missing: Callable[[], list[str]] = list,
    ) -> None:
        self._start = start
        self._identity = identity
        self._tool = tool
        self._run = run
        self._where = where
        self._may_be_empty = may_be_empty
        self._through = through
        self._keep = keep
        self._missing = missing
        self._tally = Tally()
        self._warnings: list[str] = []
        self.whole = False
        """Whether the stream was read to its end."""

    def chunks(self) -> Iterator[bytes]:
        """The archive.

        Raises:
            SourceError: something could not be read, or nothing is there.
            UnreachableError: the connection broke.
        """
        process = self._start()
        try:
            yield from kept(self._through(self._output(process)), self._stays, self._tally.add, self._lost)
        finally:
            if not self.whole:
                process.kill()
        if not self._tally.members or not (self._may_be_empty or self._tally.summary.files):
            raise SourceError("nothing was there any more when it was read", where=self._where)
        if missing := self._missing():
            raise SourceError(f"nothing is at {missing[0]}", where=self._where, hint="Check the path, or take it out")

    def _output(self, process: Process) -> Iterator[bytes]:
        """The program's output, and its failure after the last byte: before the archive's reader misses the rest."""
        while data := process.stdout.read(CHUNK):
            self._run.check()
            yield data
        self._finish(process)

    def _finish(self, process: Process) -> None:
        code = process.finish()
        stderr = process.stderr()
        said = words.understand(stderr, cut=len(stderr.encode()) >= _STDERR_KEPT)
        self._warnings += said.warnings
        if code and said.failures:
            text = "\n".join(said.failures).lower()
            if "permission denied" in text or "operation not permitted" in text:
                raise SourceError(
                    f"not everything may be read: {said.failures[0]}",
                    where=self._where,
                    hint="Run as root (in a container: `container_user: root`), or leave it out with `exclude`",
                )
            if "tar" not in process.command.argv or not text.startswith("tar:"):
                raise process.error(code)
            raise SourceError(f"not everything could be read: {'; '.join(said.failures[:3])}", where=self._where)
        if code and (not said.warnings or len(stderr.encode()) >= _STDERR_KEPT):
            raise process.error(code)
        self.whole = True

    def _stays(self, member: Member) -> bool:
        if member.type in (Type.DEVICE, Type.FIFO):
            self._warnings.append(f"{printable(member.path)} is a {member.type}; it is not in the dump")
            return False
        return self._keep(member)

    def _lost(self, member: Member) -> None:
        name, link = printable(member.path), printable(member.link)
        self._warnings.append(f"{name} is not in the dump: it is a hard link to {link}, which is left out")

    def facts(self) -> DumpFacts:
        """What the stream held."""
        counted = self._tally.summary
        warnings = list(self._warnings)
        if not counted.files:
            warnings.append("the folder is empty: is something that should be mounted there missing?")
        return DumpFacts(
            source=self._identity(holds(counted.files, counted.bytes)),
            counts={"files": counted.files, "bytes": counted.bytes},
            contents=self._tally.contents,
            tools={"tar": self._tool},
            warnings=words.shortened(warnings),
        )


class LocalTree(Tree):
    """A folder on this machine: a path for whoever reads it by path, a tar stream for all others.

    Args:
        path: the folder.
        choice: what is left out.
        mounted: paths inside it where something else is mounted, when those are left out.
        stream: the same as a stream.
        identity: where it comes from, given what it holds.
        now: seconds since 1970, when reading began.
    """

    def __init__(
        self,
        path: Path,
        choice: Choice,
        mounted: tuple[str, ...],
        stream: TarDump,
        identity: Callable[[str], Identity],
        now: float,
    ) -> None:
        self.path = path
        self._choice = choice
        self._stream = stream
        self._identity = identity
        self._begun = now
        self._mounted = mounted

    @cached_property
    def excludes(self) -> tuple[str, ...]:  # type: ignore[override]
        """What a reader by path leaves out: `/a/b` counts from the folder on, `b` is a name anywhere in it.

        Sockets, FIFOs and devices are among it, as they are no data; a tar stream is rid of them as it flows by.
        """
        mounted = (f"{escape(path)}/*" for path in self._mounted)  # the folder stays, as tar keeps it
        return (*self._choice.left_out, *mounted, *special_files(self.path, self._choice))

    def chunks(self) -> Iterator[bytes]:
        """A tar of the folder."""
        return self._stream.chunks()

    def facts(self) -> DumpFacts:
        """What the stream held; where nobody read the stream, what a scan finds now.

        Where somebody read the folder by path, counts are only given when nothing changed since reading began: else
        they would be compared, after a restore, with what was read, and differ for no fault of anybody's.

        Raises:
            SourceError: a part of the folder cannot be read.
        """
        if self._stream.whole and "excludes" not in vars(self):  # nobody asked what to leave out
            return self._stream.facts()
        found = scan(self.path, self._choice, self._mounted, self._begun)
        if self._stream.whole:
            return replace(self._stream.facts(), counts=_comparable(found))
        return DumpFacts(
            source=self._identity(holds(found.files, found.bytes)),
            counts=_comparable(found),
            contents=found.contents,
            tools={"read": "by path"},
            warnings=_notes(found),
        )


def _comparable(found: Scan) -> dict[str, int]:
    if found.changed:
        return {}
    # A reader by path may give hard-linked files back as separate ones.
    return {"files": found.files} if found.hard_links else {"files": found.files, "bytes": found.bytes}


def _notes(found: Scan) -> tuple[str, ...]:
    notes = []
    if found.changed:
        notes.append(
            f"{found.changed} files or folders changed while the folder was read; a scan afterwards found "
            f"{holds(found.files, found.bytes)}, which need not be what was stored"
        )
    if not found.files:
        notes.append("the folder is empty: is something that should be mounted there missing?")
    return tuple(notes)
