"""A git repository, read and written by way of a git directory of our own.

The configuration of a repository names programs (core.fsmonitor, filter.*, core.hooksPath, gpg.program, what
include.path brings in ...), its hooks are some, and git runs them for whoever calls it: for root, who backs up
everybody's repositories. Switching such settings off one by one does not do: names may be made up (filter.ANY.clean),
and every release of git has new ones. So git never gets to see them. It works in a private directory with a
configuration of ours, in which the repository's objects, references and index are links (as in git's own
contrib/git-new-workdir). Of the live configuration a few harmless values are read, which runs nothing.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from os import fsdecode

from daytwo.core.command import Command, command
from daytwo.core.errors import CommandError, DaytwoError, SourceError
from daytwo.core.fileset.site import remove
from daytwo.core.process import Completed, capture
from daytwo.core.run import Run
from daytwo.core.target import Target

_ENV = {
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",  # a filter of the system's or of root's (LFS) reads files of the repository, too
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_COUNT": "0",
    "GIT_TERMINAL_PROMPT": "0",
}
_NONE = 3

# `packed-refs` and `index` are linked even where there is none: another git may make them while ours runs.
# `gpg` is for `git archive`, which looks into signatures where .gitattributes says `export-subst`.
_OPEN = r"""
live=$1
umask 077
absolute() { case $2 in /*) printf %s "$2" ;; *) printf %s "$1/$2" ;; esac; }
at=$live/.git
if [ -f "$at" ]; then at=$(absolute "$live" "$(sed -n 's/^gitdir: //p' "$at")"); fi
[ -d "$at" ] || at=$live
common=$at
if [ -f "$at/commondir" ]; then common=$(absolute "$at" "$(cat "$at/commondir")"); fi
[ -e "$at/HEAD" ] || [ -L "$at/HEAD" ] || exit 3
[ -d "$common/objects" ] && [ -d "$common/refs" ] || exit 3
set -e
own=$(mktemp -d "${2:-${TMPDIR:-/tmp}}/daytwo-$3-XXXXXX")
trap 'rm -rf -- "$own"' EXIT
GIT_DIR=$own; export GIT_DIR
mkdir "$own/info"
for name in objects refs packed-refs reftable info/exclude; do ln -s -- "$common/$name" "$own/$name"; done
ln -s -- "$at/index" "$own/index"
cp -P -- "$at/HEAD" "$own/HEAD"
cat >"$own/config" <<'END'
[core]
	repositoryformatversion = 1
	bare = true
	hooksPath = /dev/null
	logAllRefUpdates = false
[gpg]
	program = false
[gpg "ssh"]
	program = false
[gpg "x509"]
	program = false
END
told() { git config --file "$common/config" "$@" 2>/dev/null; }
for key in extensions.objectformat extensions.refstorage \
  core.filemode core.symlinks core.ignorecase core.autocrlf core.eol; do
  if value=$(told "$key"); then git config --file "$own/config" "$key" "$value"; fi
done
bare=$(told --bool core.bare || :)
layout='work tree'
if [ "$at" = "$live" ]; then
  layout=bare
  if [ "$bare" = false ] || [ "${live##*/}" = .git ]; then layout=inside; fi
elif [ "$bare" = true ]; then layout=bare; fi
shallow=; [ ! -s "$common/shallow" ] || shallow=shallow
lfs=; [ ! -d "$common/lfs/objects" ] || lfs=lfs
modules=; [ ! -d "$common/modules" ] || modules=modules
stashes=0; if [ -f "$common/logs/refs/stash" ]; then stashes=$(wc -l <"$common/logs/refs/stash"); fi
heads=
for head in "$common/HEAD" "$common"/worktrees/*/HEAD; do
  if [ -f "$head" ] && [ ! -L "$head" ] && ! [ "$head" -ef "$at/HEAD" ]; then
    IFS= read -r tip <"$head" || :
    case $tip in *[!0-9a-f]* | '') ;; *) heads="$heads $tip" ;; esac
  fi
done
printf '%s\0' "$own" "$common" "$layout" "$shallow" "$lfs" "$modules" "$stashes" "$heads"
trap - EXIT
"""

_NEW = r"""
set -e
at=$1; if [ "$2" != bare ]; then at=$1/.git; mkdir -- "$at"; fi
mkdir -p -- "$at/objects/pack" "$at/objects/info" "$at/refs/heads" "$at/refs/tags" "$at/info"
printf 'ref: refs/heads/main\n' >"$at/HEAD"
if [ "$3" = sha256 ]; then printf '[extensions]\n\tobjectformat = sha256\n' >"$at/config"; fi
"""


@dataclass(frozen=True)
class Repository:
    """A repository that git may be asked about.

    Args:
        target: where it is.
        path: its folder.
        run: the run that asks.
        own: the private git directory.
        common: the live git directory, with `config`, `hooks` and `info`; of use for files only, never for git.
        layout: `bare`, `work tree`, or `inside` for the git directory of a work tree.
        shallow: whether it lacks its older history.
        lfs: whether it has LFS objects.
        modules: whether it has submodules.
        stashes: how many there are.
        heads: the commits that other work trees of it are at without a branch.
    """

    target: Target
    path: str
    run: Run
    own: str
    common: str
    layout: str
    shallow: bool
    lfs: bool
    modules: bool
    stashes: int
    heads: tuple[str, ...]

    @property
    def env(self) -> dict[str, str]:
        """What makes git use the private directory."""
        return _ENV | {"GIT_DIR": self.own, "GIT_INDEX_FILE": f"{self.own}/index"}

    def command(self, *argv: str | Iterable[str], ok: tuple[int, ...] = (0,)) -> Command:
        """A git command."""
        return command("git", *argv, env=self.env, ok=ok)

    def git(self, *argv: str | Iterable[str], ok: tuple[int, ...] = (0,), stdin: bytes | None = None) -> Completed:
        """Run git to its end.

        Raises:
            CommandError: it failed.
        """
        return capture(self.target, self.command(*argv, ok=ok), self.run, stdin=stdin)

    def refs(self) -> dict[str, str]:
        """Object ids by the full name of the reference."""
        done = self.git("for-each-ref", "--format=%(objectname) %(refname)")
        pairs = (line.split(" ", 1) for line in done.stdout.decode("utf-8", "surrogateescape").splitlines())
        return {name: oid for oid, name in pairs}

    def branch(self) -> str:
        """The full name of the branch that HEAD is; empty where it is detached."""
        return self.git("symbolic-ref", "-q", "HEAD", ok=(0, 1)).text

    def is_empty(self) -> bool:
        """Whether it has no reference and no commit at all."""
        return self.git("rev-parse", "-q", "--verify", "HEAD", ok=(0, 1)).code != 0 and not self.refs()

    def count_commits(self, tips: tuple[str, ...]) -> int:
        """Commits that can be reached from some objects."""
        if not tips:
            return 0
        return int(self.git("rev-list", "--count", "--stdin", stdin="".join(f"{tip}\n" for tip in tips).encode()).text)

    def uncommitted(self) -> int | None:
        """Files of the work tree that no commit holds; None where that cannot be told.

        Submodules are passed over: git would look into each with the configuration that it has. A file that a filter
        made (LFS) and that was touched since counts as changed, as the filter is not run.
        """
        if self.layout != "work tree":
            return 0
        words = ("--no-optional-locks", f"--work-tree={self.path}", "status", "--porcelain", "--ignore-submodules=all")
        try:
            return self.git(words).stdout.count(b"\n")
        except CommandError:
            return None

    def _only_elsewhere(self) -> int:
        """Commits that nothing but another work tree of this repository leads to."""
        if not self.heads:
            return 0
        done = self.git("rev-list", "--count", "--ignore-missing", self.heads, "--not", "--all", ok=(0, 128))
        return int(done.text or 0)

    def warnings(self) -> tuple[str, ...]:
        """What is here and not in a bundle."""
        files = "not in a bundle: add a service of kind `files`"
        changes, elsewhere = self.uncommitted(), self._only_elsewhere()
        told = {
            f"{changes} uncommitted or untracked files are {files} to keep them": bool(changes),
            f"whether files are uncommitted cannot be told; such are {files} to keep them": changes is None,
            f"LFS objects are {files} for them": self.lfs,
            "submodules are not in a bundle: add a service of kind `git` for each": self.modules,
            f"of {self.stashes} stashes only the newest is in a bundle": self.stashes > 1,
            f"{elsewhere} commits that only another work tree is at are not in a bundle: give them a branch": elsewhere
            > 0,
        }
        return tuple(text for text, holds in told.items() if holds)

    def refuse_part(self) -> None:
        """Raise where no whole copy can be made.

        Raises:
            SourceError
        """
        if self.layout == "inside":
            raise SourceError(f"{self.path} is the inside of a repository", where=str(self.target),
                              hint="Give the folder above it")  # fmt: skip
        if self.shallow:
            raise SourceError(
                f"{self.path} is a shallow clone, of which no whole copy can be made",
                where=str(self.target),
                hint="Complete it with `git fetch --unshallow`",
            )


@contextmanager
def opened(target: Target, path: str, run: Run) -> Iterator[Repository]:
    """Make the private git directory of a repository, and remove it in the end.

    Args:
        target: where.
        path: a bare repository, or a folder with a `.git`; a repository in a folder above it is not taken for it.
        run: the run it belongs to.

    Raises:
        SourceError: there is none.
        MissingToolError: git is not installed.
    """
    version(target, run)
    script = command("sh", "-c", _OPEN, "sh", path, str(run.work) if target.is_local else "", run.id[:8], env=_ENV,
                     ok=(0, _NONE))  # fmt: skip
    done = capture(target, script, run)
    if done.code:
        raise SourceError(f"{path} is no git repository", where=str(target), hint="Correct the path")
    own, common, layout, shallow, lfs, modules, stashes, heads, _ = map(fsdecode, done.stdout.split(b"\0"))
    repository = Repository(target, path, run, own, common, layout, bool(shallow), bool(lfs), bool(modules),
                            int(stashes), tuple(heads.split()))  # fmt: skip
    try:
        if repository.git("rev-parse", "--git-dir", ok=(0, 128)).code:
            raise SourceError(f"{path} is no git repository: its HEAD or format is none that git knows",
                              where=str(target), hint="Look at it with `git status`")  # fmt: skip
        yield repository
    finally:
        with suppress(DaytwoError):
            remove(target, Run(run.id, run.work, timeout=60), own)  # the run may be cancelled


def make(target: Target, folder: str, run: Run, *, bare: bool, sha256: bool) -> None:
    """Make an empty repository in an empty folder, without git: it would take over templates and settings."""
    words = ("bare" if bare else "work tree", "sha256" if sha256 else "sha1")
    capture(target, command("sh", "-c", _NEW, "sh", folder, words, env={"LC_ALL": "C"}), run)


def version(target: Target, run: Run) -> str:
    """Git's version at a place.

    Raises:
        MissingToolError: it is not installed.
    """
    return capture(target, command("git", "--version"), run).text.removeprefix("git version ")
