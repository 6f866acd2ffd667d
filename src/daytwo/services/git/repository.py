"""Asks git about a repository where it is."""

import re
from dataclasses import dataclass
from posixpath import dirname

from daytwo.core.command import Command, command
from daytwo.core.errors import SourceError
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.target import Target

_WARNINGS = r"""
cd -- "$1" || exit 0
set -f
git="git --no-optional-locks -c safe.directory=*"
if [ -n "$($git config --bool core.bare 2>/dev/null | grep false)" ]; then
  changes=$($git status --porcelain 2>/dev/null | wc -l)
  [ "$changes" -eq 0 ] || echo "changes $changes"
fi
folder=$($git rev-parse --absolute-git-dir)
[ ! -d "$folder/lfs/objects" ] || echo lfs
[ ! -d "$folder/modules" ] || echo modules
stashes=$($git stash list 2>/dev/null | wc -l)
[ "$stashes" -le 1 ] || echo "stashes $stashes"
"""


@dataclass(frozen=True)
class Look:
    """What a repository is like.

    Args:
        path: where it is.
        bare: whether it has no work tree.
        empty: whether it has no reference and no commit at all.
        branch: the full name of the branch that HEAD is; empty where it is detached.
        version: git's version there.
        warnings: what a bundle does not hold.
    """

    path: str
    bare: bool
    empty: bool
    branch: str
    version: str
    warnings: tuple[str, ...]


def git(path: str, *argv: str, ok: tuple[int, ...] = (0,)) -> Command:
    """A git command in a repository, whoever owns that; a repository in a folder above it is not taken for it."""
    env = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_CEILING_DIRECTORIES": dirname(path.rstrip("/")) or "/"}
    return command("git", "-c", "safe.directory=*", "-c", "gc.auto=0", "-C", path, argv, env=env, ok=ok)


def version(target: Target, run: Run) -> str:
    """Git's version at a place.

    Raises:
        MissingToolError: it is not installed.
    """
    return capture(target, command("git", "--version"), run).text.removeprefix("git version ")


def look(target: Target, path: str, run: Run) -> Look:
    """Look at a repository.

    Raises:
        SourceError: there is none, or it is a shallow clone.
    """
    words = ("rev-parse", "--is-bare-repository", "--is-shallow-repository", "--is-inside-git-dir")
    done = capture(target, git(path, *words, ok=(0, 128)), run)
    lines = done.text.split()
    if done.code or len(lines) != 3:
        raise SourceError(
            f"{path} is no git repository: {done.stderr.strip()[-300:]}", where=str(target), hint="Correct the path"
        )
    bare, shallow, inside = (line == "true" for line in lines)
    if inside and not bare:
        raise SourceError(f"{path} is the inside of a repository", where=str(target), hint="Give the folder above it")
    if shallow:
        raise SourceError(
            f"{path} is a shallow clone, of which no whole copy can be made",
            where=str(target),
            hint="Complete it with `git fetch --unshallow`",
        )
    branch = capture(target, git(path, "symbolic-ref", "-q", "HEAD", ok=(0, 1)), run).text
    has_head = capture(target, git(path, "rev-parse", "-q", "--verify", "HEAD", ok=(0, 1)), run).code == 0
    empty = not has_head and not refs(target, path, run)
    return Look(path, bare, empty, branch, version(target, run), _warnings(target, path, run))


def _warnings(target: Target, path: str, run: Run) -> tuple[str, ...]:
    told = capture(target, command("sh", "-c", _WARNINGS, "sh", path, env={"LC_ALL": "C"}), run).text
    words = {
        "changes": "{} uncommitted or untracked files are not in a bundle: add a service of kind `files` to keep them",
        "lfs": "LFS objects are not in a bundle: add a service of kind `files` for them",
        "modules": "submodules are not in a bundle: add a service of kind `git` for each",
        "stashes": "of {} stashes only the newest is in a bundle",
    }
    return tuple(words[line.split()[0]].format(line.split()[-1]) for line in told.splitlines() if line)


def uncommitted(target: Target, path: str, run: Run) -> int:
    """Files of a work tree that no commit holds; 0 where there is no work tree."""
    found = _warnings(target, path, run)
    numbers = [re.match(r"(\d+) uncommitted", text) for text in found]
    return next((int(match[1]) for match in numbers if match), 0)


def refs(target: Target, path: str, run: Run) -> dict[str, str]:
    """Object ids by the full name of the reference."""
    done = capture(target, git(path, "for-each-ref", "--format=%(objectname) %(refname)"), run)
    pairs = (line.split(" ", 1) for line in done.stdout.decode("utf-8", "surrogateescape").splitlines())
    return {name: oid for oid, name in pairs}


def count_commits(target: Target, path: str, tips: tuple[str, ...], run: Run) -> int:
    """Commits that can be reached.

    Args:
        target: where.
        path: the repository.
        tips: from where.
        run: the run it belongs to.
    """
    if not tips:
        return 0
    stdin = "".join(f"{tip}\n" for tip in tips).encode()
    return int(capture(target, git(path, "rev-list", "--count", "--stdin"), run, stdin=stdin).text)


def listing(path: str) -> Command:
    """Shows whether anything is in a folder."""
    return command("sh", "-c", 'ls -A -- "$1" 2>/dev/null | head -n 1', "sh", path)
