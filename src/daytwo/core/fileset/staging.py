"""Extracts an archive beside the files in use, and compares what came out with what went in."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from posixpath import basename, dirname

from daytwo.core.command import Command, command
from daytwo.core.errors import IntegrityError, MissingToolError, SourceError
from daytwo.core.fileset import site as sites
from daytwo.core.fileset import swap
from daytwo.core.fileset.choice import Choice
from daytwo.core.fileset.reading import XATTRS
from daytwo.core.fileset.site import C, Site
from daytwo.core.fileset.swap import Plan
from daytwo.core.process import Process, capture
from daytwo.core.run import Run
from daytwo.core.service import Source, Staged, Swapped
from daytwo.core.tarball import Tally, is_within, kept, selected, validated
from daytwo.core.tarformat import Archive, Member, Type, normal
from daytwo.core.target import Target
from daytwo.core.tarname import simplified


class StagedFiles(Staged):
    """Files that were extracted beside the live ones.

    Args:
        plan: how they will be put in use.
        choice: the files in the configuration.
        counts: what is to be compared with the manifest; empty where only a part was restored.
        warnings: what the user should know.
        run: the restore's run.
    """

    def __init__(
        self, plan: Plan, choice: Choice, counts: Mapping[str, int], warnings: tuple[str, ...], run: Run
    ) -> None:
        self.counts = counts
        self.warnings = warnings
        self._plan = plan
        self._choice = choice
        self._run = run

    def swap(self) -> Swapped:
        """Put them in use by renaming. What the backup leaves out stays, such as a database that is another service."""
        # looked at now, as other services may have put theirs in use there
        return swap.swap(_keeping(self._plan, self._choice, self._run), self._run)

    def discard(self) -> None:
        """Remove them."""
        swap.discard(self._plan, self._run)


def stage(target: Target, choice: Choice, source: Source, run: Run, only: tuple[str, ...]) -> StagedFiles:
    """Extract an archive, all of it or some paths, beside the files in use.

    Raises:
        HostileArchiveError, IntegrityError, CommandError, UsageError: after removing what was extracted.
    """
    wanted = selected(source.chunks, only) if only else frozenset[str]()
    chunks = validated(source.chunks())
    first = next(chunks)
    site = sites.look(target, choice.single or choice.base, run)
    sites.refuse_interrupted(site, target)
    if not site.tar:
        raise MissingToolError(f"tar is not installed in {target}", hint="Install it there, or restore elsewhere")
    whole = choice.single is not None and _is_folder(first, source)
    plan = plan_for(
        target, choice, site, whole=whole, partial=bool(only), mark=swap.mark_of(run.id, source.record.name), run=run
    )
    parts = tuple(sorted({normal(path).strip("/") for path in only}))
    swap.refuse_mounts(
        replace(plan, entries=parts) if only else _keeping(plan, choice, run), run
    )  # before much is read
    members = _Members(wanted)
    swap.make_way(plan, run)
    sites.make_folder(target, plan.new, run)
    try:
        extract(target, plan.new, site, kept(chain([first], chunks), members.keep, members.add), run)
        counts = _compared(target, plan.new, members.tally, run)
        if plan.inside and not (whole and not only):
            plan = replace(plan, entries=_named(plan, parts or tuple(members.tops), choice, site, run))
            swap.refuse_mounts(plan, run)
    except BaseException:
        swap.discard(plan, run)
        raise
    return StagedFiles(plan, choice, {} if only else counts, _warnings(site), run)


def _keeping(plan: Plan, choice: Choice, run: Run) -> Plan:
    """The plan with what the backup leaves out of a whole folder."""
    if plan.entries is not None:
        return plan
    keep = sites.left_out(plan.target, plan.path, choice, run)
    if choice.one_file_system:
        skip = len(plan.path.rstrip("/")) + 1
        keep += tuple(path[skip:] for path in sites.mounted_below(plan.target, plan.path, run))
    return replace(plan, keep=keep)


class _Members:
    """What is taken out of an archive.

    Args:
        wanted: paths to take; everything when empty.
    """

    def __init__(self, wanted: frozenset[str]) -> None:
        self._wanted = wanted
        self._top = ""
        self.tops: dict[str, None] = {}
        """Paths that hold all others, where they come in order."""
        self.tally = Tally()

    def keep(self, member: Member) -> bool:
        """Whether it is taken: what is wanted, what is below it, and the folders above it."""
        path, is_folder = member.path, member.type is Type.FOLDER
        return not self._wanted or any(
            is_within(path, one) or (is_folder and is_within(one, path)) for one in self._wanted
        )

    def add(self, member: Member) -> None:
        """It is taken."""
        self.tally.add(member)
        if member.path and not (self._top and is_within(member.path, self._top)):
            self._top = member.path
            self.tops[member.path] = None


def plan_for(target: Target, choice: Choice, site: Site, *, whole: bool, partial: bool, mark: str, run: Run) -> Plan:
    """Where to stage, and how to put it in use.

    Args:
        target: where.
        choice: the files in the configuration.
        site: what is there now.
        whole: whether the archive is of one whole folder.
        partial: whether only a part of it is restored.
        mark: what the staged names end with.
        run: the restore's run.
    """
    if choice.single is None:
        base = site.path if site.what == "folder" else choice.base
        return Plan(target, base, mark, inside=True, entries=())
    if not whole:
        return Plan(target, site.path if site.what == "folder" else dirname(site.path), mark, inside=True, entries=())
    if site.what not in ("folder", "missing"):
        raise SourceError(
            f"{site.path} is no folder and the snapshot holds one", where=str(target), hint="Move it away"
        )
    if partial:
        return Plan(target, site.path, mark, inside=True, entries=())
    beside = site.what == "missing" or (site.beside and sites.renameable(target, site.path, run))
    return Plan(target, site.path, mark, inside=not beside)


def _is_folder(first: bytes, source: Source) -> bool:
    """Whether the archive of a single path is that of a folder."""
    entry = next(iter(Archive([first])), None)
    if entry is None or not entry.member.path or entry.member.type is Type.FOLDER or "/" in entry.member.path:
        return True
    # A reader by path reads folders only, and may leave out the entry for the folder itself.
    return source.record.plain is None or source.record.counts.get("files", 1) != 1


def _named(plan: Plan, entries: tuple[str, ...], choice: Choice, site: Site, run: Run) -> tuple[str, ...]:
    """Give a single file the name that the configuration has now, which may be another than that in the archive."""
    if choice.single is None or site.what == "folder" or len(entries) != 1 or plan.path == site.path:
        return entries
    name = basename(site.path)
    if entries[0] != name:
        capture(plan.target, command("mv", "--", f"{plan.new}/{entries[0]}", f"{plan.new}/{name}", env=C), run)
    return (name,)


def extract(target: Target, folder: str, site: Site, chunks: Iterator[bytes], run: Run) -> None:
    """Have the tar that is there extract a stream into a new folder.

    Raises:
        CommandError: it did not take all of it.
    """
    argv = _gnu_extract(folder, site.root) if site.gnu else _plain_extract(folder)
    with Process(target, argv, run, stdin=chunks if site.gnu else simplified(chunks)) as process:
        process.finish()


def _gnu_extract(folder: str, root: bool) -> Command:
    return command(
        "tar", "--extract", "--file=-", f"--directory={folder}", "--preserve-permissions", "--numeric-owner",
        "--same-owner" if root else "--no-same-owner", "--delay-directory-restore", "--warning=no-timestamp",
        XATTRS, env=C,
    )  # fmt: skip


def _plain_extract(folder: str) -> Command:
    # For another user than root, busybox's tar leaves the permissions to the umask. The new folder lets nobody else in.
    return command("sh", "-c", 'umask 0; exec tar -x -f - -C "$1"', "sh", folder, env=C)


def _compared(target: Target, folder: str, tally: Tally, run: Run) -> dict[str, int]:
    """Count what came out.

    Raises:
        IntegrityError: it is not what went in.
    """
    files, size = sites.count(target, folder, (".",), run)
    expected = tally.summary
    if (files, size) != (expected.files, expected.bytes):
        raise IntegrityError(
            f"{sites.holds(files, size)} were extracted, and the archive holds "
            f"{sites.holds(expected.files, expected.bytes)}",
            where=folder,
            hint="The data in use was not touched; look at the disk, or try another snapshot",
        )
    return {"files": files, "bytes": size}


def _warnings(site: Site) -> tuple[str, ...]:
    if site.root:
        return ()
    return ("the restored files belong to the user that restored them, who is not root and may not give them away",)
