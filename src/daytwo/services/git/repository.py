"""A repository where it is: how git is called there, and what it says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from daytwo.core.command import Command, command
from daytwo.core.errors import CommandError, SourceError
from daytwo.core.fileset.site import C, Site, look, machine, refuse_interrupted
from daytwo.core.manifest import Identity
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.target import Target

# The repository may belong to somebody else, and its configuration can name programs: none of them shall run for us.
_HARMLESS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never",
             "-c", "gc.auto=0", "-c", "maintenance.auto=false")  # fmt: skip
_ENV: Mapping[str, str] = {
    **C,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
}

_SHAPE = r"""
if [ -f "$1/.git" ]; then echo linked
elif [ -d "$1/.git" ]; then echo tree
elif [ -f "$1/HEAD" ] && [ -d "$1/objects" ]; then echo bare
elif [ -n "$(ls -A -- "$1" 2>/dev/null)" ]; then echo other
else echo empty; fi
"""
_LEFT_OUT = r"""
[ -d "$1/modules" ] && echo "its submodules"
[ -n "$(ls -A -- "$1/lfs/objects" 2>/dev/null)" ] && echo "the files of Git LFS"
if [ -f "$1/logs/refs/stash" ] && [ "$(wc -l <"$1/logs/refs/stash")" -gt 1 ]; then echo "all but the newest stash"; fi
:
"""


def git(folder: str, *argv: str, ok: tuple[int, ...] = (0,)) -> Command:
    """git with a given git folder.

    Naming the folder keeps git from looking for one above, and from refusing one of another owner (`safe.directory`,
    which not every version takes from its command line).
    """
    return command("git", _HARMLESS, f"--git-dir={folder}", argv, env=_ENV, ok=ok)


def git_anywhere(*argv: str) -> Command:
    """git without a repository."""
    return command("git", _HARMLESS, argv, env=_ENV)


@dataclass(frozen=True)
class GitPlace:
    """A path at a target where a repository is, or will be.

    Args:
        target: where.
        path: absolute.
    """

    target: Target
    path: str

    def look(self, run: Run) -> Site:
        """What is there.

        Raises:
            SourceError: a restore was interrupted here.
        """
        site = look(self.target, self.path, run)
        refuse_interrupted(site, self.target)
        return site

    def shape(self, path: str, run: Run) -> str:
        """`tree`, `bare`, `linked` (its git folder is elsewhere), `other` (a folder with something else) or `empty`."""
        return capture(self.target, command("sh", "-c", _SHAPE, "sh", path, env=C), run).text

    def open(self, run: Run) -> "Repository":
        """The repository to dump.

        Raises:
            SourceError: there is none, or it cannot be dumped whole.
        """
        site = self.look(run)
        where = str(self.target)
        if site.what != "folder":
            problem = "is no folder" if site.what != "missing" else "is not there"
            raise SourceError(f"{self.path} {problem}", where=where, hint="Correct the path")
        shape = self.shape(site.path, run)
        if shape == "linked":
            raise SourceError(f"the git folder of {self.path} is elsewhere (it is a worktree or a submodule)",
                              where=where, hint="Give the path of its main repository")  # fmt: skip
        if shape not in ("tree", "bare"):
            raise SourceError(f"{self.path} is no git repository", where=where,
                              hint="Correct the path, or use kind `files`")  # fmt: skip
        found = Repository(self.target, site.path, bare=shape == "bare")
        if found.say(run, "rev-parse", "--is-shallow-repository") == "true":
            raise SourceError(f"{self.path} is a shallow clone, so its history cannot be backed up", where=where,
                              hint="Run `git fetch --unshallow` in it, or back up the repository it comes from")  # fmt: skip
        return found

    def identity(self, run: Run, repository: "Repository | None" = None) -> Identity:
        """The machine (and container) and the path, and what is there now."""
        holds, version = "nothing", ""
        if repository is None and (site := self.look(run)).what != "missing":
            shape = self.shape(site.path, run) if site.what == "folder" else "other"
            if shape in ("tree", "bare"):
                repository = Repository(self.target, site.path, bare=shape == "bare")
            elif shape != "empty":
                holds = "something that is no git repository of its own"
        if repository is not None:
            holds, version = repository.holds(run), repository.version(run)
        return Identity(
            label=f"git repository {self.path} on {self.target}",
            id=f"{machine(self.target, run)}:{self.path}",
            version=version,
            holds=holds,
        )


@dataclass(frozen=True)
class Repository:
    """A repository that is there.

    Args:
        target: where.
        path: its folder, links followed.
        bare: whether it has no work tree.
    """

    target: Target
    path: str
    bare: bool

    @property
    def folder(self) -> str:
        """Its git folder."""
        return self.path if self.bare else f"{self.path.rstrip('/')}/.git"

    def say(self, run: Run, *argv: str, stdin: bytes | None = None, ok: tuple[int, ...] = (0,)) -> str:
        """What a git command answers, without the final newline."""
        return capture(self.target, git(self.folder, *argv, ok=ok), run, stdin=stdin).text

    def version(self, run: Run) -> str:
        """git's version there."""
        return self.say(run, "version").removeprefix("git version ").split()[0]

    def branch(self, run: Run) -> str:
        """What HEAD points to, such as `refs/heads/main`; empty where it is detached."""
        return self.say(run, "symbolic-ref", "--quiet", "HEAD", ok=(0, 1))

    def refs(self, run: Run) -> dict[str, str]:
        """Object ids by name, without HEAD."""
        text = self.say(run, "for-each-ref", "--format=%(objectname) %(refname)")
        return {name: id for id, _, name in (line.partition(" ") for line in text.splitlines())}

    def commits(self, ids: set[str], run: Run) -> int:
        """How many commits can be reached from some objects."""
        given = "".join(f"{id}\n" for id in sorted(ids)).encode()
        return int(self.say(run, "rev-list", "--count", "--stdin", stdin=given))

    def holds(self, run: Run) -> str:
        """What is in it, in words."""
        try:
            refs = self.refs(run)
            head = self.say(run, "rev-parse", "--quiet", "--verify", "HEAD", ok=(0, 1, 128))
            if not refs and not head:
                return "nothing"
            return in_words(len(refs), self.commits({*refs.values(), *([head] if head else [])}, run))
        except CommandError:  # what is damaged can be replaced
            run.check()
            return "a damaged repository"

    def left_out(self, run: Run) -> tuple[str, ...]:
        """What it has that a bundle does not."""
        script = command("sh", "-c", _LEFT_OUT, "sh", self.folder, env=C)
        return tuple(capture(self.target, script, run).text.splitlines())


def in_words(refs: int, commits: int) -> str:
    """A count in words."""
    return f"{refs} {'ref' if refs == 1 else 'refs'}, {commits} {'commit' if commits == 1 else 'commits'}"
