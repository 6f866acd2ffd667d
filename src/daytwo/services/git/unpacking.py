"""A bundle made into a repository again: in a scratch folder to check it or to look into it, or beside the live one."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from daytwo.core.command import command
from daytwo.core.errors import CommandError, IntegrityError, MissingToolError, UnreachableError
from daytwo.core.fileset.site import C, make_folder, put, remove
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.service import Source
from daytwo.core.target import LOCAL, Target
from daytwo.services.git.bundle import Head, HeadReader
from daytwo.services.git.repository import Repository, git, git_anywhere

BARE = "a bare repository"
TREE = "a repository with its work tree"
_POINTS = "HEAD -> "
_DETACHED = "HEAD is detached"

_SCRATCH = r"""
umask 077
for place in "$TMPDIR" /var/tmp /tmp; do
  [ -n "$place" ] && mktemp -d "$place/daytwo-$1.XXXXXX" 2>/dev/null && exit 0
done
echo "no folder for temporary files can be written" >&2
exit 1
"""
# How an object was written, by whatever program, is a matter of its author's; git says so in just these words.
_FORMAT = re.compile(r"^(error|warning) in (commit|tree|tag|blob) [0-9a-f]+: ")


def notes(repository: Repository, run: Run) -> tuple[str, ...]:
    """What a bundle cannot say of the repository it comes from, to be kept in the manifest."""
    branch = repository.branch(run)
    return (BARE if repository.bare else TREE, f"{_POINTS}{branch}" if branch else _DETACHED)


def unpack(target: Target, folder: str, source: Source, *, bare: bool, run: Run) -> tuple[Repository, Head]:
    """Make a repository in an empty folder, with every reference of a bundle and nothing else.

    Raises:
        IntegrityError: the bundle is damaged.
        CommandError: git does not take it.
    """
    reader, made = HeadReader(), Repository(target, folder, bare)
    bundle = f"{folder}/.daytwo-bundle"
    put(target, bundle, reader.watch(source.chunks()), run)
    head = reader.head
    init = ["init", "--quiet", "--template="] + (["--bare"] if bare else [])
    init += ["--object-format=sha256"] if head.algorithm == "sha256" else []
    capture(target, git_anywhere(*init, "--", folder), run)
    made.say(run, "bundle", "unbundle", bundle)
    remove(target, run, bundle)
    creations = b"".join(b"create %b\0%b\0" % (name.encode("utf-8", "surrogateescape"), id.encode())
                         for name, id in head.named.items())  # fmt: skip
    made.say(run, "update-ref", "-z", "--stdin", stdin=creations)
    _point(made, head, source.record.contents, run)
    made.say(run, "pack-refs", "--all")
    return made, head


def _point(made: Repository, head: Head, contents: tuple[str, ...], run: Run) -> None:
    """Have HEAD point to what it pointed to, which a bundle does not say: it names the commit only."""
    commit = head.refs.get("HEAD", "")
    told = next((line[len(_POINTS) :] for line in contents if line.startswith(_POINTS)), "")
    branches = [name for name in head.named if name.startswith("refs/heads/")]
    same = sorted((name for name in branches if head.refs[name] == commit or not commit),
                  key=lambda name: (name not in ("refs/heads/main", "refs/heads/master"), name))  # fmt: skip
    if told.startswith("refs/") and head.refs.get(told, commit) == commit:
        made.say(run, "symbolic-ref", "HEAD", told)
    elif same and _DETACHED not in contents:
        made.say(run, "symbolic-ref", "HEAD", same[0])
    elif commit:
        made.say(run, "update-ref", "--no-deref", "HEAD", commit)


def counted(made: Repository, head: Head, run: Run) -> dict[str, int]:
    """The references that are there and the commits they lead to.

    Raises:
        IntegrityError: the references are not those of the bundle.
    """
    refs = made.refs(run)
    if refs != head.named:
        differing = sorted(set(refs.items()) ^ set(head.named.items()))
        raise IntegrityError(f"the references that were restored are not those of the bundle: {differing[0][1]}")
    return counts_of(made, head, run)


def counts_of(repository: Repository, head: Head, run: Run) -> dict[str, int]:
    """What is compared: references without HEAD, and the commits that all of them lead to."""
    return {"refs": len(head.named), "commits": repository.commits(set(head.refs.values()), run)}


def check(made: Repository, run: Run) -> tuple[str, ...]:
    """Have git check every object, strictly.

    Returns:
        Complaints of how objects were written: those are in the source too, and no damage.

    Raises:
        IntegrityError: an object is damaged or missing.
    """
    try:
        said = _fsck(made, run)
    except CommandError as error:
        raise IntegrityError(f"the repository is damaged: {error.what}", hint="Use another snapshot") from None
    damage = [line for line in said if not _FORMAT.match(line)]
    if damage:
        raise IntegrityError(f"the repository is damaged: {'; '.join(damage[:3])}", hint="Use another snapshot")
    return tuple(said)


def _fsck(made: Repository, run: Run) -> list[str]:
    """The lines that `git fsck --strict` writes; its exit codes are bits of what it found."""
    argv = git(made.folder, "fsck", "--full", "--strict", "--no-dangling", "--no-progress", ok=tuple(range(16)))
    done = capture(made.target, argv, run)
    lines = [line for line in (done.text + "\n" + done.stderr).splitlines() if line.strip()]
    return [line for line in lines if not line.startswith("notice: ")] if done.code else []


@contextmanager
def scratch(target: Target, source: Source, run: Run) -> Iterator[tuple[Repository, Head]]:
    """A bundle as a bare repository, in a folder that is removed at the end.

    Args:
        target: the service's; used where there is no git here.
        source: the bundle.
        run: the run it belongs to.

    Raises:
        MissingToolError: there is no git in either place.
        IntegrityError, CommandError: the bundle is damaged.
    """
    place = _with_git(target, run)
    if place.is_local:
        folder = str(run.work / f"{source.record.name}.scratch")
        remove(place, run, folder)
        make_folder(place, folder, run)
    else:
        folder = capture(place, command("sh", "-c", _SCRATCH, "sh", run.id[:8], env=C), run).text
    try:
        yield unpack(place, folder, source, bare=True, run=run)
    finally:
        remove(place, Run(run.id, run.work, timeout=60), folder)


def _with_git(target: Target, run: Run) -> Target:
    for place in dict.fromkeys((LOCAL, target)):
        try:
            capture(place, git_anywhere("version"), run)
        except (MissingToolError, UnreachableError):
            continue
        return place
    raise MissingToolError("git is not installed on this host, which is needed to read a bundle", hint="Install git")
