"""The component that a git repository is: a bundle of every reference."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from daytwo.core.command import command
from daytwo.core.errors import MissingToolError, SourceError, UnreachableError, UsageError
from daytwo.core.fileset.site import exists, interrupted, look, machine, refuse_interrupted, remove
from daytwo.core.fileset.swap import Plan, mark_of
from daytwo.core.manifest import ComponentRecord, Identity
from daytwo.core.process import CHUNK, Process, capture
from daytwo.core.run import Run
from daytwo.core.service import Component, Dump, DumpFacts, Phase, Source, Staged, Verification
from daytwo.core.target import LOCAL, Target
from daytwo.core.units import Size
from daytwo.services.git import repository
from daytwo.services.git.bundle import EMPTY, Head, split
from daytwo.services.git.repository import Repository, opened
from daytwo.services.git.staging import made, stage

_SPARE = 16 << 20
_MANY = 200
_LISTING = 'ls -A -- "$1" 2>/dev/null | head -n 1'


class BundleDump(Dump):
    """A bundle from `git bundle create`, or what stands for that of an empty repository."""

    def __init__(self, process: Process | None, source: Repository, component: "GitComponent") -> None:
        self._process = process
        self._source = source
        self._component = component
        self._head: Head | None = None

    def chunks(self) -> Iterator[bytes]:
        """The bundle.

        Raises:
            SourceError: git cannot read all of the repository.
        """
        if self._process is None:
            self._head = Head({}, "", sha256=False)
            yield EMPTY
            return
        self._head, start, rest = split(self._output(self._process))
        yield start
        yield from rest

    def _output(self, process: Process) -> Iterator[bytes]:
        while data := process.stdout.read(CHUNK):
            self._source.run.check()
            yield data
        if process.finish():
            raise SourceError(
                f"git cannot read all of it: {process.stderr().strip()[-500:]}",
                where=self._component.where,
                hint="Look at it with `git fsck`, and complete a partial clone with `git fetch --refetch --no-filter`",
            )

    def facts(self) -> DumpFacts:
        """The references of the bundle itself, and the commits that they lead to."""
        head, source = self._head, self._source
        assert head is not None
        commits = source.count_commits(head.tips)
        branch, version = source.branch(), repository.version(source.target, source.run)
        lines = [f"HEAD -> {branch}" if branch else f"HEAD {head.head}", source.layout]
        lines += [f"{oid} {name}" for name, oid in list(head.refs.items())[:_MANY]]
        if len(head.refs) > _MANY:
            lines.append(f"... and {len(head.refs) - _MANY} more")
        return DumpFacts(
            source=self._component.identified(version, f"{len(head.refs)} refs, {commits} commits", source.run),
            counts={"refs": len(head.refs), "commits": commits},
            contents=tuple(lines),
            tools={"git": version},
            warnings=source.warnings(),
        )


class GitComponent(Component):
    """One git repository.

    Args:
        service: the service's name.
        target: where it is.
        path: absolute; a bare repository, or a work tree with its `.git`.
        secret: whether it is encrypted wherever it is stored.
    """

    def __init__(self, service: str, target: Target, path: str, *, secret: bool) -> None:
        name = f"{service}.bundle"
        super().__init__(service, name, kind="git", format="git bundle", phase=Phase.FILES, secret=secret, smallest=20)
        self._target = target
        self._path = path
        self.where = f"{service} ({target})"

    def dump(self, run: Run) -> AbstractContextManager[Dump]:
        """Bundle every branch, tag and other reference, and HEAD where it is detached.

        Raises:
            SourceError: there is no repository, or one without its older history.
        """
        return self._dump(run)

    @contextmanager
    def _dump(self, run: Run) -> Iterator[Dump]:
        site = look(self._target, self._path, run)
        refuse_interrupted(site, self._target)
        with ExitStack() as stack:
            source = stack.enter_context(opened(self._target, site.path, run))
            source.refuse_part()
            process = None
            if not source.is_empty():
                argv = source.command("bundle", "create", "--quiet", "-", "--all", ok=(0, 1, 128))
                process = stack.enter_context(Process(self._target, argv, run))
            yield BundleDump(process, source, self)

    def identified(self, version: str, holds: str, run: Run) -> Identity:
        """The machine (and container) and the path."""
        return Identity(
            label=f"git repository {self._path} on {self._target}",
            id=f"{machine(self._target, run)}:{self._path}",
            version=version,
            holds=holds,
        )

    def identity(self, run: Run) -> Identity:
        """The machine (and container) and the path, and what is there now."""
        site = look(self._target, self._path, run)
        if site.what == "missing":
            return self.identified("", "nothing", run)
        try:
            with opened(self._target, site.path, run) as there:
                there.refuse_part()
                return self.identified(repository.version(self._target, run), f"{len(there.refs())} refs", run)
        except SourceError:
            files = capture(self._target, command("sh", "-c", _LISTING, "sh", site.path), run).text
            return self.identified("", "something that is no git repository" if files else "nothing", run)

    def verify(self, source: Source, run: Run) -> Verification:
        """Have git take it into an empty repository and check that: every object is read, and all they need is there.

        Raises:
            IntegrityError: git does not take it.
        """
        with self._scratch(source, run, full=True) as (scratch, head):
            refs = scratch.refs()
            return Verification(
                tool=f"git fsck ({repository.version(LOCAL, run)})",
                counts={"refs": len(refs), "commits": scratch.count_commits(head.tips)},
                contents=tuple(sorted(refs)),
            )

    @contextmanager
    def _scratch(self, source: Source, run: Run, *, full: bool = False) -> Iterator[tuple[Repository, Head]]:
        """A private bare repository with everything of the bundle."""
        folder = str(run.work / f"{self.name}.scratch")
        remove(LOCAL, run, folder)
        with made(LOCAL, folder, source, run, bare=True, full=full) as taken:
            yield taken

    def obstacles(self, record: ComponentRecord, run: Run) -> tuple[str, ...]:
        """No git, no right to write, too little disk, an interrupted restore."""
        try:
            site = look(self._target, self._path, run)
            repository.version(self._target, run)
        except (UnreachableError, MissingToolError) as error:
            return (f"{self.service}: {error}",)
        found = [text] if (text := interrupted(site, self._target)) else []
        if not (site.writable or (site.what == "folder" and site.beside)):
            found.append(f"{site.path} on {self._target} may not be written: run as root, or as its owner")
        needed = 3 * (record.plain.size if record.plain else 0) + _SPARE
        if site.free is not None and site.free < needed:
            found.append(
                f"{site.path} on {self._target} has {Size(site.free).human} free and the restore needs about "
                f"{Size(needed).human}: make room, or restore elsewhere"
            )
        return tuple(found)

    def stage(self, source: Source, run: Run, only: tuple[str, ...] = ()) -> Staged:
        """Make the repository anew beside the live one, and compare its references with the bundle's.

        Raises:
            IntegrityError, CommandError: after removing what was staged.
            UsageError: a part was asked for.
        """
        if only:
            raise UsageError(f"{self.name} is restored whole", hint="`daytwo extract` gives one file of it")
        return stage(self._target, self._path, source, mark_of(run.id, self.name), run)

    def sweep(self, dead_run: str, run: Run) -> tuple[str, ...]:
        """Remove what a dead run staged. A swap that was cut short is left alone and told of."""
        site = look(self._target, self._path, run)
        if text := interrupted(site, self._target):
            run.warn(text)
            return ()
        removed = []
        for inside in (False, True):
            plan = Plan(self._target, site.path, mark_of(dead_run, self.name), inside=inside)
            if exists(self._target, plan.new, run):
                remove(self._target, run, plan.new)
                removed.append(f"{plan.new} on {self._target}")
        return tuple(removed)

    def extract(self, source: Source, item: str, run: Run) -> Iterator[bytes]:
        """A file's content, or a folder as tar: `path` as of HEAD, or `ref:path`.

        Raises:
            UsageError: there is no such thing.
        """
        name = item if ":" in item else f"{_default(source)}:{item}"
        with self._scratch(source, run) as (scratch, _):
            kind = scratch.git("cat-file", "-t", name, ok=(0, 128, 129))
            if kind.code or kind.text not in ("blob", "tree"):
                raise UsageError(f"{self.name} holds no {item}", hint="Give `path`, or `branch:path`")
            what = ("cat-file", "blob", name) if kind.text == "blob" else ("archive", "--format=tar", name)
            with Process(LOCAL, scratch.command(what), run) as process:
                yield from process.chunks()


def _default(source: Source) -> str:
    """What HEAD was when the bundle was made."""
    for line in source.record.contents[:1]:
        if line.startswith("HEAD"):
            return line.removeprefix("HEAD").removeprefix(" -> ").strip() or "HEAD"
    return "HEAD"
