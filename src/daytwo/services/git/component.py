"""The component that a repository is."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from daytwo.core.errors import CommandError, IntegrityError, MissingToolError, SourceError, UnreachableError, UsageError
from daytwo.core.fileset import site as sites
from daytwo.core.fileset.swap import Plan
from daytwo.core.manifest import ComponentRecord, Identity
from daytwo.core.process import Process, capture
from daytwo.core.run import Run
from daytwo.core.service import Component, Dump, DumpFacts, Phase, Source, Staged, Verification
from daytwo.core.units import Size
from daytwo.services.git.bundle import HeadReader
from daytwo.services.git.repository import GitPlace, Repository, git, git_anywhere, in_words
from daytwo.services.git.restore import stage_repository
from daytwo.services.git.unpacking import check, counted, counts_of, notes, scratch

_GROWTH = 4
"""Bytes on disk for each byte of a bundle: the bundle itself, its pack, and a work tree. A rule of thumb."""
_SPARE = 16 << 20


class BundleDump(Dump):
    """A running `git bundle`.

    Args:
        place: where the repository is.
        repository: the repository.
        process: `git bundle`.
        run: the run it belongs to.
    """

    def __init__(self, place: GitPlace, repository: Repository, process: Process, run: Run) -> None:
        self._place = place
        self._repository = repository
        self._process = process
        self._run = run
        self._reader = HeadReader()
        self._notes = notes(repository, run)

    def chunks(self) -> Iterator[bytes]:
        """The bundle.

        Raises:
            SourceError: git could not write all of it.
        """
        try:
            yield from self._reader.watch(self._process.chunks())
        except CommandError as error:
            raise SourceError(
                f"{self._place.path} cannot be bundled: {error.what}",
                where=str(self._place.target),
                hint="Run `git fsck` in it",
            ) from None

    def facts(self) -> DumpFacts:
        """The references as they were when the bundle was begun, and what they lead to: that cannot change any more."""
        head, repository, run = self._reader.head, self._repository, self._run
        counts = counts_of(repository, head, run)
        source = self._place.identity(run, repository)
        holds = in_words(counts["refs"], counts["commits"])
        return DumpFacts(
            source=source.model_copy(update={"holds": holds}),
            counts=counts,
            contents=(*self._notes, *head.lines()),
            tools={"git": source.version},
            warnings=tuple(f"a bundle does not hold {what}" for what in repository.left_out(run)),
        )


class BundleComponent(Component):
    """A repository as one bundle.

    Args:
        service: the service's name.
        place: where the repository is.
        secret: whether it is encrypted wherever it is stored.
    """

    def __init__(self, service: str, place: GitPlace, *, secret: bool) -> None:
        super().__init__(
            service, f"{service}.bundle", kind="git", format="git bundle", phase=Phase.FILES, secret=secret, smallest=64
        )
        self._place = place

    def dump(self, run: Run) -> AbstractContextManager[Dump]:
        """Begin to bundle all that can be reached from any reference, from the stash and from HEAD.

        Raises:
            SourceError: there is no repository, it has no commit, or it is a shallow clone.
        """
        return self._dump(run)

    @contextmanager
    def _dump(self, run: Run) -> Iterator[Dump]:
        repository = self._place.open(run)
        if repository.holds(run) == "nothing":
            raise SourceError(
                f"{self._place.path} has no commit yet, so there is nothing to back up",
                where=str(self._place.target),
                hint="Correct the path, or add the service once there is one",
            )
        argv = git(repository.folder, "bundle", "create", "-", "--all")
        with Process(self._place.target, argv, run) as process:
            yield BundleDump(self._place, repository, process, run)

    def verify(self, source: Source, run: Run) -> Verification:
        """Make a scratch repository of it, and have `git fsck --strict` read every object.

        Raises:
            IntegrityError: git does not take it, or it is not what was counted.
        """
        try:
            with scratch(self._place.target, source, run) as (made, head):
                complaints = check(made, run)
                counts = counted(made, head, run)
                version = made.version(run)
        except CommandError as error:
            run.check()
            raise IntegrityError(f"git does not take {self.name}: {error.what}", hint="Use another snapshot") from None
        if source.record.counts and counts != source.record.counts:
            raise IntegrityError(f"{self.name} has {counts}, and {source.record.counts} were counted",
                                 hint="Use another snapshot")  # fmt: skip
        if complaints:
            run.warn(f"{self.name}: git finds fault with how {len(complaints)} objects were written: {complaints[0]}")
        return Verification(f"git fsck {version}", counts, head.lines())

    def identity(self, run: Run) -> Identity:
        """The machine (and container) and the path, and what is there now."""
        return self._place.identity(run)

    def obstacles(self, record: ComponentRecord, run: Run) -> tuple[str, ...]:
        """No git, no right to write, too little disk, an interrupted restore."""
        target, found = self._place.target, []
        try:
            site = sites.look(target, self._place.path, run)
            capture(target, git_anywhere("version"), run)
        except (UnreachableError, MissingToolError) as error:
            return (f"{self.service}: {error}",)
        if text := sites.interrupted(site, target):
            found.append(text)
        if site.what not in ("folder", "missing"):
            found.append(f"{site.path} on {target} is no folder: move it away, or correct the path")
        if not (site.writable or (site.what == "folder" and site.beside)):
            found.append(f"{site.path} on {target} may not be written: run as root, or as the owner of the folder")
        needed = (record.plain.size if record.plain else 0) * _GROWTH + _SPARE
        if site.free is not None and site.free < needed:
            found.append(
                f"{site.path} on {target} has {Size(site.free).human} free and the restore needs about "
                f"{Size(needed).human}: make room, or restore elsewhere"
            )
        return tuple(found)

    def stage(self, source: Source, run: Run, only: tuple[str, ...] = ()) -> Staged:
        """Restore beside the live repository, checked, with its branch checked out where it has a work tree.

        Raises:
            UsageError: a part of it was asked for.
            IntegrityError, CommandError, SourceError: after removing what was staged.
        """
        if only:
            raise UsageError(f"{self.name} is restored whole", hint="Take single files out with `daytwo extract`")
        return stage_repository(self._place, source, run)

    def sweep(self, dead_run: str, run: Run) -> tuple[str, ...]:
        """Remove what a dead run staged here. A swap that was cut short is left alone and told of."""
        target, removed = self._place.target, []
        path = sites.look(target, self._place.path, run).path
        for plan in (Plan(target, path, dead_run[:8], inside=inside) for inside in (False, True)):
            if sites.exists(target, plan.journal, run):
                run.warn(sites.interrupted(sites.look(target, path, run), target) or plan.journal)
            elif sites.exists(target, plan.new, run):
                sites.remove(target, run, plan.new)
                removed.append(f"{plan.new} on {target}")
        return tuple(removed)

    def extract(self, source: Source, item: str, run: Run) -> Iterator[bytes]:
        """A file as of HEAD, or, asked for as `REVISION:PATH`, as of a branch, a tag or a commit.

        Raises:
            UsageError: there is no such file.
        """
        name = item if ":" in item else f"HEAD:{item.removeprefix('./')}"
        with scratch(self._place.target, source, run) as (made, _):
            kind = made.say(run, "cat-file", "-t", name, ok=(0, 128))
            if kind != "blob":
                problem = f"{item} is a folder" if kind == "tree" else f"there is no file {item}"
                raise UsageError(f"{problem} in {self.name}", hint="Name a file, or REVISION:PATH")
            with Process(made.target, git(made.folder, "cat-file", "blob", name), run) as process:
                yield from process.chunks()
