"""Makes a repository anew from a bundle, beside the live one."""

from collections.abc import Mapping
from itertools import chain

from daytwo.core.command import command
from daytwo.core.errors import CommandError, IntegrityError, SourceError
from daytwo.core.fileset import site as sites
from daytwo.core.fileset import swap
from daytwo.core.fileset.site import C, Site
from daytwo.core.fileset.swap import Plan
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.service import Source, Staged, Swapped
from daytwo.core.target import Target
from daytwo.services.git import repository
from daytwo.services.git.bundle import EMPTY, Head, HeadReader
from daytwo.services.git.repository import git

_DETACHED = "refs/daytwo/head"

# What a bundle does not hold is taken over from the repository that is there, and the owner from it or its folder.
_TAKE_OVER = r"""
live=$1 new=$2
old="$live/.git"; [ -d "$old" ] || old=$live
to="$new/.git"; [ -d "$to" ] || to=$new
if [ -f "$old/HEAD" ]; then
  for name in config description hooks info; do
    if [ -e "$old/$name" ]; then rm -rf -- "$to/$name"; cp -Rp -- "$old/$name" "$to/$name"; fi
  done
fi
near=$live
while [ ! -e "$near" ]; do near=$(dirname -- "$near"); done
if [ "$(id -u)" = 0 ]; then chown -R "$(stat -c %u:%g -- "$near")" "$new"; fi
if [ -d "$live" ]; then chmod "$(stat -c %a -- "$live")" "$new"; else chmod 755 "$new"; fi
"""


class StagedRepository(Staged):
    """A repository that was made beside the live one."""

    def __init__(self, plan: Plan, counts: Mapping[str, int], warnings: tuple[str, ...], run: Run) -> None:
        self.counts = counts
        self.warnings = warnings
        self._plan = plan
        self._run = run

    def swap(self) -> Swapped:
        """Put it in use by renaming."""
        return swap.swap(self._plan, self._run)

    def discard(self) -> None:
        """Remove it."""
        swap.discard(self._plan, self._run)


def stage(target: Target, path: str, source: Source, run: Run) -> StagedRepository:
    """Make the repository beside the live one.

    Raises:
        IntegrityError, CommandError: after removing what was staged.
    """
    site = sites.look(target, path, run)
    sites.refuse_interrupted(site, target)
    if site.what not in ("folder", "missing"):
        raise SourceError(f"{site.path} is no folder", where=str(target), hint="Move it away, or restore elsewhere")
    bare, warnings = _live(target, site, source, run)
    beside = site.what == "missing" or (site.beside and sites.renameable(target, site.path, run))
    plan = Plan(target, site.path, run.id[:8], inside=not beside)
    swap.make_way(plan, run)
    try:
        head = fetch_into(target, plan.new, source, run, bare=bare)
        branch = next((line[8:] for line in source.record.contents[:1] if line.startswith("HEAD -> ")), "")
        counts = _finish(target, plan.new, head, branch, bare=bare, run=run)
        capture(target, command("sh", "-c", _TAKE_OVER, "sh", site.path, plan.new, env=C), run)
    except BaseException:
        swap.discard(plan, run)
        raise
    return StagedRepository(plan, counts, warnings, run)


def _live(target: Target, site: Site, source: Source, run: Run) -> tuple[bool, tuple[str, ...]]:
    """Whether the new repository is to be bare, and what of the live one will only be in the kept folder."""
    bare = "work tree" not in source.record.contents[:2]
    if site.what == "missing":
        return bare, ()
    try:
        found = repository.look(target, site.path, run)
    except SourceError:
        return bare, ()
    changes = repository.uncommitted(target, site.path, run)
    warning = f"{changes} uncommitted or untracked files of {site.path} will only be in the folder that is kept aside"
    return found.bare, (warning,) if changes else ()


def fetch_into(target: Target, folder: str, source: Source, run: Run, *, bare: bool) -> Head:
    """Make a new repository and have git take in a bundle.

    Fetching reads and hashes every object and follows every reference to its roots. It does not refuse the odd commits
    that old repositories have (`--strict` would): the source had them too.

    Args:
        target: where.
        folder: the new repository.
        source: the bundle.
        run: the run it belongs to.
        bare: whether it has no work tree.

    Raises:
        IntegrityError: git does not take it, or its references are others than the bundle says.
    """
    sites.make_folder(target, folder, run)
    file = folder if bare else f"{folder}/.git"
    reader = HeadReader()
    chunks = reader.through(source.chunks())
    first = next(chunks, b"")
    if first == EMPTY:
        list(chunks)
        _init(target, folder, reader, run, bare=bare)
        return reader.head
    _init(target, folder, reader, run, bare=bare)
    bundle = f"{file}/daytwo.bundle"
    sites.put(target, bundle, chain([first], chunks), run)
    head = reader.head
    detached = [f"+HEAD:{_DETACHED}"] if head.head else []
    fetch = ("fetch", "--quiet", "--no-tags", "--update-head-ok", bundle, "+refs/*:refs/*", *detached)
    try:
        capture(target, git(folder, "bundle", "verify", "--quiet", bundle), run)
        capture(target, git(folder, *fetch), run)
    except CommandError as error:
        raise IntegrityError(f"git does not take the bundle: {error.what}", hint="Try another snapshot") from None
    sites.remove(target, run, bundle)
    found = repository.refs(target, folder, run)
    if found != head.refs | ({_DETACHED: head.head} if head.head else {}):
        raise IntegrityError("the restored references are not those of the bundle", hint="Try another snapshot")
    if head.head:
        capture(target, git(folder, "update-ref", "--no-deref", "HEAD", head.head), run)
        capture(target, git(folder, "update-ref", "-d", _DETACHED), run)
    return head


def _init(target: Target, folder: str, reader: HeadReader, run: Run, *, bare: bool) -> None:
    try:
        sha256 = reader.head.sha256
    except IntegrityError:
        sha256 = False  # a head longer than the first chunk is that of many references, in the usual format
    options = [*(["--bare"] if bare else []), *(["--object-format=sha256"] if sha256 else [])]
    capture(target, command("git", "init", "--quiet", "--template=", options, "--", folder, env=C), run)


def _finish(target: Target, folder: str, head: Head, branch: str, *, bare: bool, run: Run) -> dict[str, int]:
    """Set HEAD, check out, and count."""
    if branch:
        capture(target, git(folder, "symbolic-ref", "HEAD", branch), run)
    if not bare and head.head:
        capture(target, git(folder, "reset", "--quiet", "--hard"), run)
    commits = repository.count_commits(target, folder, head.tips, run)
    return {"refs": len(repository.refs(target, folder, run)), "commits": commits}
