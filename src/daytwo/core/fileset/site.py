"""Looks at a place where files are: what is at a path, which tar is there, what is mounted, who we are."""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from os import fsdecode
from posixpath import dirname

from daytwo.core.command import command
from daytwo.core.errors import MissingToolError, SourceError
from daytwo.core.fileset.choice import Choice
from daytwo.core.fileset.mounts import Mount, can_be_renamed, mounts_below, parse
from daytwo.core.process import Process, capture
from daytwo.core.run import Run
from daytwo.core.target import Target
from daytwo.core.units import Size

C = {"LC_ALL": "C"}
"""Programs whose words are read must speak English."""

_LOOK = r"""
real=$(readlink -f -- "$1" 2>/dev/null; echo x); real=${real%x}; real=${real%?}
[ -n "$real" ] || real=$1
if [ -d "$real" ]; then echo folder; elif [ -f "$real" ]; then echo file
elif [ -e "$real" ] || [ -L "$real" ]; then echo other; else echo missing; fi
id -u
stat -c %s -- "$real" 2>/dev/null || echo 0
tar --version 2>/dev/null </dev/null | head -n 1
echo
near=$real
while [ ! -d "$near" ] && [ "$near" != / ]; do near=$(dirname -- "$near"); done
if [ -w "$near" ]; then echo writable; else echo read-only; fi
if [ -w "$(dirname -- "$near")" ]; then echo writable; else echo read-only; fi
df -Pk -- "$near" 2>/dev/null | tail -n 1
echo
for journal in "$real"/.daytwo-swap-???????? "$real".daytwo-swap-???????? "${real%/*}"/.daytwo-swap-????????; do
  if [ -f "$journal" ]; then printf '%s\0' "$journal"; fi
done
printf '\0%s\0' "$real"
"""

_MOUNTS = r"""
cat /proc/self/mountinfo 2>/dev/null
echo --
cat /proc/[0-9]*/mountinfo 2>/dev/null | sort -u
"""

_EXPAND = r"""
cd -- "$1" || exit 3
shift
IFS=
for pattern in "$@"; do
  for found in $pattern; do
    if [ -e "$found" ]; then printf '%s\0' "$found"; elif [ -L "$found" ]; then printf '\0%s\0' "$found"; fi
  done
done
"""

# The pattern of `-path` is generous: its `*` matches a slash too.
_LEFT_OUT = r"""
cd -- "$1" 2>/dev/null || exit 0
shift
find . "$@" -print0
"""

# `stat -c` is in busybox too, `find -printf` is not. A file's mode begins with an 8 in hexadecimal.
_COUNT = r"""
cd -- "$1" || exit 3
shift
find "$@" \( -name '*.daytwo-new-????????' -o -name '*.daytwo-before-????????' -o -name '*.daytwo-swap-????????*' \) \
  -prune -o ! -type d -exec stat -c '%f %d:%i %s' {} + |
awk '{ files++ } substr($1, 1, 1) == "8" && length($1) == 4 && !seen[$2]++ { bytes += $3 }
     END { printf "%.0f %.0f\n", files, bytes }'
"""

_PUT = r"""
umask 077
cat >"$1"
"""


@dataclass(frozen=True)
class Site:
    """What is at a path.

    Args:
        path: with symbolic links followed.
        what: `folder`, `file`, `other` or `missing`.
        size: bytes of a file.
        root: whether commands run as root there.
        tar: the first line that tar says of its version; empty where there is none.
        writable: whether something can be created in it (for a missing path: in the nearest folder above).
        beside: whether something can be created beside it.
        free: free bytes, or None where unknown.
        journals: the scripts of restores that were interrupted while they put data in use here.
    """

    path: str
    what: str
    size: int
    root: bool
    tar: str
    writable: bool
    beside: bool
    free: int | None
    journals: tuple[str, ...]

    @property
    def gnu(self) -> bool:
        """Whether tar is GNU's, which keeps sparse files, ACLs and extended attributes."""
        return "GNU tar" in self.tar


def look(target: Target, path: str, run: Run) -> Site:
    """Look at a path.

    Raises:
        MissingToolError: there is no shell.
        UnreachableError: the place does not answer.
    """
    done = capture(target, command("sh", "-c", _LOOK, "sh", path, env=C, ok=(0, 126, 127)), run)
    if done.code:  # docker says why on standard output
        raise MissingToolError(f"there is no shell in {target}", hint="Back it up by its volume: `volume: NAME`")
    head, _, tail = done.stdout.partition(b"\n")
    uid, _, tail = tail.partition(b"\n")
    size, _, tail = tail.partition(b"\n")
    tar, _, tail = tail.partition(b"\n")
    if tar:
        _, _, tail = tail.partition(b"\n")
    here, _, tail = tail.partition(b"\n")
    beside, _, tail = tail.partition(b"\n")
    disk, _, tail = tail.partition(b"\n")
    tail = tail.removeprefix(b"\n")
    *journals, _, real, _ = tail.split(b"\0")
    return Site(
        path=fsdecode(real),
        what=head.decode(),
        size=int(size),
        root=uid == b"0",
        tar=tar.decode("utf-8", "replace"),
        writable=here == b"writable",
        beside=beside == b"writable",
        free=_free(disk),
        journals=tuple(fsdecode(journal) for journal in journals),
    )


def _free(line: bytes) -> int | None:
    """The free bytes in a line of `df -Pk`; the device's name before it may have spaces."""
    fields = line.split()
    numbers = [int(field) for field in fields if field.isdigit()]
    return numbers[2] * 1024 if len(numbers) >= 3 else None


def expand(target: Target, choice: Choice, run: Run, *, missing_ok: bool = False) -> tuple[str, ...]:
    """The paths that a selection's patterns match now, from its base on, sorted, each beginning with `./`.

    Args:
        target: where.
        choice: the selection.
        run: the run it belongs to.
        missing_ok: whether a pattern may match nothing.

    Raises:
        SourceError: a pattern matches nothing, or a link that is followed leads to nothing.
    """
    argv = command("sh", "-c", _EXPAND, "sh", choice.base, choice.globs, ok=(0, 3), env=C)
    done = capture(target, argv, run)
    if done.code == 3:
        raise SourceError(f"{choice.base} is not there", where=str(target), hint="Check the path")
    fields = iter(done.stdout.split(b"\0")[:-1])
    told = [(next(fields), True) if not field else (field, False) for field in fields]
    # Most shells match `.` and `..` with `.*`.
    names = {fsdecode(name)[2:]: dangling for name, dangling in told if not {b".", b".."} & set(name[2:].split(b"/"))}
    there = [path for path in names if choice.takes(path)]
    if not missing_ok and (lost := choice.unmatched(there)):
        raise SourceError(f"nothing is at {lost[0]}", where=str(target), hint="Check the path, or take it out")
    found = {f"./{path}" for path in there if not choice.leaves_out(path)}
    if choice.follow and not missing_ok and (lost := [path for path in sorted(found) if names[path[2:]]]):
        raise SourceError(f"{choice.base}{lost[0][1:]} is a link to nothing", where=str(target), hint="Mend the link")
    # A path inside another one that is also chosen would be dumped twice.
    return tuple(sorted(path for path in found if not any(path.startswith(other + "/") for other in found)))


def count(target: Target, base: str, paths: tuple[str, ...], run: Run) -> tuple[int, int]:
    """Files (all entries that are no folders) and their bytes (a hard-linked file once) below some paths.

    Args:
        target: where.
        base: a folder.
        paths: from the base on, each beginning with `./`, or `.` for all of it.
        run: the run it belongs to.
    """
    if not paths:
        return 0, 0
    done = capture(target, command("sh", "-c", _COUNT, "sh", base, paths, env=C), run)
    files, size = done.text.split()
    return int(files), int(size)


def left_out(target: Target, folder: str, choice: Choice, run: Run) -> tuple[str, ...]:
    """What is in a folder and left out by the choice's own excludes, from the folder on; not what is inside of it.

    Args:
        target: where.
        folder: the folder.
        choice: what is chosen and excluded.
        run: the run it belongs to.
    """
    tests = list(choice.exclude_tests())
    if not tests:
        return ()
    argv = command("sh", "-c", _LEFT_OUT, "sh", folder, "(", tests, ")", env=C)
    found = [fsdecode(path)[2:] for path in capture(target, argv, run).stdout.split(b"\0")[:-1]]
    tops: list[str] = []
    for path in sorted((one for one in found if choice.leaves_out(one)), key=lambda one: one.split("/")):
        if not (tops and path.startswith(tops[-1] + "/")):
            tops.append(path)
    return tuple(tops)


def holds(files: int, size: int) -> str:
    """A count in words."""
    return f"{files} {'file' if files == 1 else 'files'}, {Size(size).human}"


def mounts(target: Target, run: Run) -> tuple[list[Mount], list[Mount]]:
    """What is mounted as our commands see it, and as any process there does. Both empty where there is no /proc."""
    text = capture(target, command("sh", "-c", _MOUNTS), run).stdout
    ours, _, all_of_them = text.partition(b"\n--\n")
    return parse(ours), parse(all_of_them)


def renameable(target: Target, path: str, run: Run) -> bool:
    """Whether a folder can be replaced by renaming: nothing is mounted on or in it, and no container has it mounted.

    A container that has a folder mounted keeps the folder itself, whatever its name becomes: after a rename it would
    go on using the old data.
    """
    ours, all_of_them = mounts(target, run)
    return can_be_renamed(path, ours, all_of_them)


def mounted_below(target: Target, path: str, run: Run) -> list[str]:
    """Paths below a folder where something else is mounted."""
    return mounts_below(path, mounts(target, run)[0])


def mounted_inside(target: Target, folder: str, roots: tuple[str, ...], run: Run) -> tuple[str, ...] | None:
    """What is mounted inside of what is read: from the folder on, each beginning with a slash. None where nobody tells.

    Args:
        target: where.
        folder: without symbolic links.
        roots: what is read, from the folder on, each beginning with `./`, or `.` for all; itself it is not inside.
        run: the run it belongs to.
    """
    ours, _ = mounts(target, run)
    if not ours:
        return None
    below = (path[len(folder.rstrip("/")) :] for path in mounts_below(folder, ours))
    return tuple(path for path in below if any(f".{path}".startswith(f"{root}/") for root in roots))


def put(target: Target, path: str, data: bytes | Iterable[bytes], run: Run) -> None:
    """Write a file that only its owner may read.

    Raises:
        CommandError: it could not be written whole; what was written is left for the caller to remove.
    """
    with Process(target, command("sh", "-c", _PUT, "sh", path, env=C), run, stdin=data) as process:
        process.finish()


def get(target: Target, path: str, run: Run) -> Iterator[bytes]:
    """Read a file."""
    with Process(target, command("cat", "--", path, env=C), run) as process:
        yield from process.chunks()


def remove(target: Target, run: Run, *paths: str) -> None:
    """Remove files and folders with all that is in them. Nothing happens to what is already gone."""
    capture(target, command("rm", "-rf", "--", paths, env=C), run)


def exists(target: Target, path: str, run: Run) -> bool:
    """Whether there is anything at a path, a dangling link included."""
    script = '[ -e "$1" ] || [ -L "$1" ]'
    return capture(target, command("sh", "-c", script, "sh", path, ok=(0, 1)), run).code == 0


def make_folder(target: Target, path: str, run: Run) -> None:
    """Create a new folder that only its owner may enter, and the folders above it.

    Raises:
        CommandError: it is there already, or may not be created.
    """
    make_parent(target, path, run)
    capture(target, command("mkdir", "-m", "700", "--", path, env=C), run)


def make_parent(target: Target, path: str, run: Run) -> None:
    """Create the folders above a path that are not there."""
    capture(target, command("mkdir", "-p", "--", dirname(path), env=C), run)


def machine(target: Target, run: Run) -> str:
    """What tells one machine from another, and one container from another on it."""
    script = "cat /etc/machine-id 2>/dev/null || uname -n"
    host = capture(target.host, command("sh", "-c", script), run).text.strip()
    return host if target.host is target else f"{host}/{str(target).partition(' on ')[0]}"


def interrupted(site: Site, target: Target) -> str:
    """What to do about a swap that was cut short; empty where there is none."""
    if not site.journals:
        return ""
    journal = shlex.quote(site.journals[0])
    return (
        f"a restore was interrupted while it put data in use at {site.path}: on {target}, run `sh {journal} finish` "
        f"to complete it, or `sh {journal} undo` to go back"
    )


def refuse_interrupted(site: Site, target: Target) -> None:
    """Raise where a swap was cut short: what is there is neither the old data nor the new.

    Raises:
        SourceError
    """
    if text := interrupted(site, target):
        raise SourceError(text)
