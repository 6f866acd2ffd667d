"""Makes a repository anew from a bundle, beside the live one."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader, FileIO
from os import fsencode
from typing import cast

from daytwo.core.command import command
from daytwo.core.errors import CommandError, IntegrityError, SourceError
from daytwo.core.fileset import site as sites
from daytwo.core.fileset import swap
from daytwo.core.fileset.site import Site
from daytwo.core.fileset.swap import Plan
from daytwo.core.process import Process, capture
from daytwo.core.run import Run
from daytwo.core.service import Source, Staged, Swapped
from daytwo.core.target import Target
from daytwo.services.git.bundle import Head, split
from daytwo.services.git.repository import Repository, make, opened

_FORM = re.compile(r"(error|warning) in \w+ \w+: ")

# What a bundle does not hold is taken over from the repository that is there, and the owner from it or its folder.
# Links are copied as links: they may lead to what only root may read. What the old configuration says of its format
# is not that of the new repository.
_COMPLETE = r"""
set -e
live=$1 new=$2 old=$3 bare=$4
to=$new; [ "$bare" = true ] || to=$new/.git
config=$GIT_DIR/taken-over
cp -P -- "$GIT_DIR/HEAD" "$to/HEAD"
if [ -n "$old" ]; then
  for name in description hooks info; do
    if [ -e "$old/$name" ]; then rm -rf -- "$to/$name"; cp -RPp -- "$old/$name" "$to/$name"; fi
  done
  [ ! -f "$old/config" ] || cp -P -- "$old/config" "$config"
fi
if [ -L "$config" ] || ! [ -f "$config" ] || ! git config --file "$config" --list >/dev/null 2>&1; then
  [ -z "$old" ] || echo unreadable
  rm -f -- "$config"
  : >"$config"
fi
for key in '^extensions\.' '^core\.(worktree|bare|repositoryformatversion)$'; do
  git config --file "$config" --name-only --get-regexp "$key" || :
done | sort -u | while IFS= read -r key; do git config --file "$config" --unset-all "$key"; done
format=$(git config --file "$GIT_DIR/config" extensions.objectformat || :)
if [ -n "$format" ]; then git config --file "$config" extensions.objectformat "$format"; fi
git config --file "$config" core.repositoryformatversion "$([ -z "$format" ] && echo 0 || echo 1)"
git config --file "$config" core.bare "$bare"
cp -- "$config" "$to/config"
chmod 644 "$to/config"
near=$live
while [ ! -e "$near" ]; do near=$(dirname -- "$near"); done
if [ "$(id -u)" = 0 ]; then chown -hR "$(stat -c %u:%g -- "$near")" "$new"; fi
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


def stage(target: Target, path: str, source: Source, mark: str, run: Run) -> StagedRepository:
    """Make the repository beside the live one.

    Raises:
        IntegrityError, CommandError: after removing what was staged.
    """
    site = sites.look(target, path, run)
    sites.refuse_interrupted(site, target)
    if site.what not in ("folder", "missing"):
        raise SourceError(f"{site.path} is no folder", where=str(target), hint="Move it away, or restore elsewhere")
    bare, old, warnings = _live(target, site, source, run)
    beside = site.what == "missing" or (site.beside and sites.renameable(target, site.path, run))
    plan = Plan(target, site.path, mark, inside=not beside)
    swap.make_way(plan, run)
    try:
        with made(target, plan.new, source, run, bare=bare) as (new, head):
            branch = next((line[8:] for line in source.record.contents[:1] if line.startswith("HEAD -> ")), "")
            warnings += _finish(new, head, branch, bare=bare)
            counts = {"refs": len(new.refs()), "commits": new.count_commits(head.tips)}
            words = (site.path, plan.new, old, str(bare).lower())
            if capture(target, command("sh", "-c", _COMPLETE, "sh", words, env=new.env), run).text and old:
                warnings += (f"{old}/config cannot be taken over: it is no file that git reads",)
    except BaseException:
        swap.discard(plan, run)
        raise
    return StagedRepository(plan, counts, warnings, run)


def _live(target: Target, site: Site, source: Source, run: Run) -> tuple[bool, str, tuple[str, ...]]:
    """Whether to make it bare, the live git directory, and what of it will only be in the folder that is kept."""
    bare = "work tree" not in source.record.contents[:2]
    if site.what == "missing":
        return bare, "", ()
    try:
        with opened(target, site.path, run) as live:
            if live.layout == "inside":
                return bare, "", ()
            changes = live.uncommitted()
            warning = (f"{'' if changes is None else f'{changes} '}uncommitted or untracked files of {site.path} will "
                       "only be in the folder that is kept aside")  # fmt: skip
            return live.layout == "bare", live.common, () if changes == 0 else (warning,)
    except SourceError:
        return bare, "", ()


@contextmanager
def made(
    target: Target, folder: str, source: Source, run: Run, *, bare: bool, full: bool = False
) -> Iterator[tuple[Repository, Head]]:
    """A new repository that has taken in a bundle: every object was read and hashed, nothing that one needs is missing.

    Args:
        target: where.
        folder: the new repository.
        source: the bundle.
        run: the run it belongs to.
        bare: whether it has no work tree.
        full: whether to look into every object again, for what is amiss though its hash is right.

    Raises:
        IntegrityError: git does not take it, or its references are others than the bundle says.
    """
    head, _, pack = split(source.chunks())
    sites.make_folder(target, folder, run)
    make(target, folder, run, bare=bare, sha256=head.sha256)
    with opened(target, folder, run) as new:
        if head.tips:
            try:
                _take_in(new, head, pack)
            except CommandError as error:
                raise IntegrityError(f"git does not take it: {error.what}", hint="Try another snapshot") from None
            _check(new, source.record.name, full=full)
        if new.refs() != head.refs:
            raise IntegrityError("the restored references are not those of the bundle", hint="Try another snapshot")
        yield new, head


def _take_in(new: Repository, head: Head, pack: Iterator[bytes]) -> None:
    """Index the pack, which reads and hashes every object, and set the references."""
    read = []

    def whole() -> Iterator[bytes]:
        yield from pack
        read.append(True)

    capture(new.target, new.command("index-pack", "--stdin"), new.run, stdin=whole())
    if not read:
        raise IntegrityError("the git bundle goes on after its end", hint="Try another snapshot")
    lines = [b"create %s\0%s\0" % (fsencode(name), oid.encode()) for name, oid in head.refs.items()]
    new.git("update-ref", "--stdin", "-z", stdin=b"".join(lines))
    if head.head:
        new.git("update-ref", "--no-deref", "HEAD", head.head)


def _check(new: Repository, name: str, *, full: bool) -> None:
    """Have git look whether anything is missing or broken.

    What it has against the form of an object (a date, an address in an old commit) is no damage: the hash is right, so
    the source has it as well. That is told; all else is an error.
    """
    how = "--full" if full else "--connectivity-only"
    script = f"exec git fsck {how} --no-dangling --no-progress 2>&1"
    forms, first, damage = 0, "", ""
    with Process(new.target, command("sh", "-c", script, env=new.env, ok=tuple(range(256))), new.run) as process:
        lines = BufferedReader(cast(FileIO, process.stdout))
        for line in lines:
            words = line.decode("utf-8", "replace").strip()
            if _FORM.match(words):
                forms, first = forms + 1, first or words
            elif not words.startswith(("notice: ", "warning: ")):
                damage = damage or words
        lines.detach()
        code = process.finish()
    if code and (damage or not forms):
        raise IntegrityError(f"git fsck finds damage: {damage or code}", hint="Try another snapshot")
    if forms:
        new.run.warn(f"{name}: git fsck objects to the form of {forms} objects, which are as in the source: {first}")


def _finish(new: Repository, head: Head, branch: str, *, bare: bool) -> tuple[str, ...]:
    """Set HEAD and check out; returns what the user should know."""
    if branch:
        new.git("symbolic-ref", "HEAD", branch)
    if bare or not head.head:
        return ()
    new.git(f"--work-tree={new.path}", "reset", "--quiet", "--hard")
    filtered = new.git("grep", "-q", "filter=", "HEAD", "--", ":(glob)**/.gitattributes", ok=(0, 1)).code == 0
    text = (
        "files that pass a filter (such as Git LFS) are as git stores them, as none was run: `git lfs pull` makes them"
    )
    return (text,) if filtered else ()
