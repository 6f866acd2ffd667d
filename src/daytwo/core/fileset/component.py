"""The component that a choice of files is."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from posixpath import dirname

from daytwo.core.command import command
from daytwo.core.errors import IntegrityError, MissingToolError, SourceError, UnreachableError
from daytwo.core.fileset import site as sites
from daytwo.core.fileset.choice import Choice, parent_and_name
from daytwo.core.fileset.mounts import Mount, mounts_below
from daytwo.core.fileset.reading import LocalTree, TarDump, gnu_dump, plain_dump
from daytwo.core.fileset.site import Site
from daytwo.core.fileset.staging import stage
from daytwo.core.fileset.swap import Plan, mark_of
from daytwo.core.manifest import ComponentRecord, Identity
from daytwo.core.process import Process, capture
from daytwo.core.run import Run
from daytwo.core.service import Component, Dump, Phase, Source, Staged, Verification
from daytwo.core.tarball import Tally, listing, pick
from daytwo.core.tarformat import Member, Type
from daytwo.core.target import Container, Target
from daytwo.core.tarjudge import printable
from daytwo.core.tarname import rebased
from daytwo.core.units import Size

_SPARE = 16 << 20
_MOUNTED = '{{range .Mounts}}{{.Destination}}{{"\\n"}}{{end}}'


class FilesComponent(Component):
    """A choice of files at one place, as a tar stream.

    Args:
        service: the service's name.
        name: the component's name.
        kind: the service's kind.
        choose: finds out where the files are and which; called when work begins, as it may ask a server.
        secret: whether it is encrypted wherever it is stored.
        label: what to call the place, where it is more than a path (a volume).
    """

    def __init__(
        self,
        service: str,
        name: str,
        *,
        kind: str,
        choose: Callable[[Run], tuple[Target, Choice]],
        secret: bool = False,
        label: str = "",
    ) -> None:
        super().__init__(service, name, kind=kind, format="tar", phase=Phase.FILES, secret=secret, smallest=1024)
        self._choose = choose
        self._label = label

    def dump(self, run: Run) -> AbstractContextManager[Dump]:
        """Begin to read the files; a folder on this machine is given as a `Tree`.

        Raises:
            SourceError: there is nothing, or a restore was interrupted here.
        """
        return self._dump(run)

    @contextmanager
    def _dump(self, run: Run) -> Iterator[Dump]:
        target, choice = self._choose(run)
        with ExitStack() as stack:
            site = self._site(target, choice, run)
            if site is not None:
                yield self._read(target, choice, site, run, stack)
            elif isinstance(target, Container):
                yield self._copied(target, choice, run, stack)
            else:
                raise MissingToolError(f"tar is not installed on {target}", hint="Install tar there")

    def _site(self, target: Target, choice: Choice, run: Run) -> Site | None:
        """What is there, or None for a place without tar, or a container that has no shell or does not run."""
        try:
            site = sites.look(target, choice.single or choice.base, run)
        except (MissingToolError, UnreachableError):
            if not isinstance(target, Container):
                raise
            return None
        return site if site.tar else None

    def _read(self, target: Target, choice: Choice, site: Site, run: Run, stack: ExitStack) -> Dump:
        """Read with the tar that is there."""
        sites.refuse_interrupted(site, target)
        where = f"{self.service} ({target})"
        if choice.single and site.what == "other":
            raise SourceError(f"{choice} is neither a file nor a folder", where=where, hint="Correct the path")
        if choice.single and site.what == "missing":
            raise SourceError(f"nothing is at {choice}", where=where, hint="Correct the path, or take the service out")
        whole = choice.single is not None and site.what == "folder"
        base, roots = self._roots(target, choice, site, run)
        if not roots:
            raise SourceError(f"everything at {choice} is excluded", where=where, hint="Correct `exclude`")
        names = b"\0".join(map(os.fsencode, roots)) if site.gnu and not whole else None
        mounted = sites.mounted_inside(target, site.path, roots, run) if choice.one_file_system else ()
        argv = gnu_dump(base, () if names else roots, choice, mounted) if site.gnu else plain_dump(base, roots, choice)
        begun = time.time()
        stream = TarDump(
            lambda: stack.enter_context(Process(target, argv, run, stdin=names)),
            self._identified(target, choice, run),
            site.tar,
            run,
            where=where,
            may_be_empty=whole,
            keep=lambda member: not (choice.leaves_out(member.path) or _is_in(member.path, mounted or ())),
        )
        if not (whole and target.is_local):
            return stream
        return LocalTree(Path(base), choice, mounted or (), stream, self._identified(target, choice, run), begun)

    def _roots(self, target: Target, choice: Choice, site: Site, run: Run) -> tuple[str, tuple[str, ...]]:
        """The folder that names count from, and what is read from there on."""
        if choice.single is None:
            return choice.base, sites.expand(target, choice, run)
        if site.what == "folder":
            return site.path, (".",)
        folder, name = parent_and_name(site.path)
        return folder, () if choice.leaves_out(name) else (f"./{name}",)

    def _copied(self, target: Container, choice: Choice, run: Run, stack: ExitStack) -> Dump:
        """Read with `docker cp`, which needs no tar in the container and no running container."""
        inspect = command("docker", "container", "inspect", "--format", _MOUNTED, target.name)
        path = choice.single or choice.base
        points = capture(target.host, inspect, run).text.splitlines()
        inside = mounts_below(path, [Mount("", "", point) for point in points]) if choice.one_file_system else []
        picked = _Picked(choice, tuple(point[len(path.rstrip("/")) :] for point in inside), str(target))
        argv = command("docker", "cp", "-L", f"{target.name}:{path}", "-", where=str(target))
        return TarDump(
            lambda: stack.enter_context(Process(target.host, argv, run)),
            self._identified(target, choice, run),
            "docker cp",
            run,
            where=f"{self.service} ({target})",
            may_be_empty=choice.single is not None,
            through=lambda chunks: rebased(chunks, parent_and_name(path)[1]),
            keep=picked.keep,
            missing=picked.missing,
        )

    def _identified(self, target: Target, choice: Choice, run: Run) -> Callable[[str], Identity]:
        def identity(holds: str) -> Identity:
            what = self._label or f"{choice} on {target}"
            place = self._label or str(choice)
            return Identity(label=what, id=f"{sites.machine(target, run)}:{place}", holds=holds)

        return identity

    def identity(self, run: Run) -> Identity:
        """The machine (and container or volume) and the path, and what is there now."""
        target, choice = self._choose(run)
        return self._identified(target, choice, run)(self._holds(target, choice, run))

    def _holds(self, target: Target, choice: Choice, run: Run) -> str:
        site = self._site(target, choice, run)
        if site is None:
            return "unknown"
        if site.what == "missing":
            return "nothing"
        if choice.single and site.what == "folder":
            files, size = sites.count(target, site.path, (".",), run)
        elif choice.single:
            files, size = sites.count(target, dirname(site.path), (f"./{parent_and_name(site.path)[1]}",), run)
        else:
            files, size = sites.count(target, choice.base, sites.expand(target, choice, run, missing_ok=True), run)
        return sites.holds(files, size) if files else "nothing"

    def obstacles(self, record: ComponentRecord, run: Run) -> tuple[str, ...]:
        """No tar, no right to write, too little disk, an interrupted restore."""
        target, choice = self._choose(run)
        try:
            site = sites.look(target, choice.single or choice.base, run)
        except UnreachableError as error:
            return (f"{self.service}: {error}",)
        except MissingToolError:
            return (f"{target} has no shell: restore into its volume (`volume: NAME`), or into a folder",)
        found = []
        if text := sites.interrupted(site, target):
            found.append(text)
        if not site.tar:
            found.append(f"{target} has no tar: install it there, or restore into its volume (`volume: NAME`)")
        if not (site.writable or (site.what == "folder" and site.beside)):
            found.append(f"{site.path} on {target} may not be written: run as root, or as the owner of the folder")
        needed = (record.plain.size if record.plain else record.counts.get("bytes", 0)) + _SPARE
        if site.free is not None and site.free < needed:
            found.append(
                f"{site.path} on {target} has {Size(site.free).human} free and the restore needs "
                f"{Size(needed).human}: make room, or restore elsewhere"
            )
        return tuple(found)

    def verify(self, source: Source, run: Run) -> Verification:
        """Read every header, judge it as a restore would, and compare what is there with what was counted.

        A folder that was read by path has no digest: the counts are what tells that something is missing.

        Raises:
            HostileArchiveError, IntegrityError
        """
        tally = Tally()
        for member in listing(source.chunks()):
            run.check()
            tally.add(member)
        counts = {"files": tally.summary.files, "bytes": tally.summary.bytes}
        expected = source.record.counts.items()
        if differing := [
            f"{name}: {counts.get(name, 0)} instead of {n}" for name, n in expected if counts.get(name) != n
        ]:
            raise IntegrityError(
                f"it holds something else than the manifest says ({'; '.join(differing)})",
                where=self.name,
                hint="Restore from another snapshot",
            )
        return Verification(
            tool="daytwo tar reader",
            counts=counts,
            contents=tally.contents,
        )

    def stage(self, source: Source, run: Run, only: tuple[str, ...] = ()) -> Staged:
        """Extract beside the live files.

        Args:
            source: the component in a repository.
            run: the restore's run.
            only: paths from the folder on; only they are replaced.

        Raises:
            HostileArchiveError, IntegrityError, CommandError, UsageError: after removing what was staged.
        """
        target, choice = self._choose(run)
        return stage(target, choice, source, run, only)

    def sweep(self, dead_run: str, run: Run) -> tuple[str, ...]:
        """Remove what a dead run staged here. A swap that was cut short is left alone and told of."""
        target, choice = self._choose(run)
        site, mark = sites.look(target, choice.single or choice.base, run), mark_of(dead_run, self.name)
        plans = [Plan(target, site.path, mark, inside=inside) for inside in (False, True)]
        if choice.single:
            plans.append(Plan(target, dirname(site.path), mark, inside=True))
        removed = []
        for plan in plans:
            if sites.exists(target, plan.journal, run):
                run.warn(sites.interrupted(site, target) or plan.journal)
            elif sites.exists(target, plan.new, run):
                sites.remove(target, run, plan.new)
                removed.append(f"{plan.new} on {target}")
        return tuple(removed)

    def extract(self, source: Source, item: str, run: Run) -> Iterator[bytes]:
        """One file's bytes, or a folder as a tar stream.

        Raises:
            UsageError: there is no such path.
        """
        for chunk in pick(source.chunks, item):
            run.check()
            yield chunk


def _is_in(path: str, mounted: tuple[str, ...]) -> bool:
    """Whether a path from the folder on is below a mount; the folder that it is mounted on is not."""
    return any(f"/{path}".startswith(f"{point}/") for point in mounted)


class _Picked:
    """What is taken of a copy by `docker cp`, which may be of more than was chosen, and follows no link in it.

    Args:
        choice: what is chosen.
        mounted: mounts that are left out, from the folder on, each beginning with a slash.
        where: what to name in an error.
    """

    def __init__(self, choice: Choice, mounted: tuple[str, ...], where: str) -> None:
        self._choice = choice
        self._mounted = mounted
        self._where = where
        self._left = set(choice.paths) if choice.single is None else set[str]()

    def keep(self, member: Member) -> bool:
        """Whether it is taken.

        Raises:
            SourceError: it is a link, and what it leads to was asked for.
        """
        choice, path = self._choice, member.path
        if choice.single is None:
            if not choice.takes(path):
                return False
            if self._left:
                self._left.intersection_update(choice.unmatched([path]))
        if choice.leaves_out(path) or _is_in(path, self._mounted):
            return False
        if choice.follow and member.type is Type.SYMLINK:
            raise SourceError(
                f"{printable(path)} is a link to {printable(member.link)}, which cannot be followed from outside",
                where=self._where,
                hint="Start the container, or give the path that the link leads to",
            )
        return True

    def missing(self) -> list[str]:
        """Paths and patterns of which nothing was in the copy."""
        return sorted(self._left)
