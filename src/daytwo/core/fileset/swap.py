"""Puts staged files in use by renaming, so that a restore that is killed in the middle can be finished or undone.

Two ways. *Beside*: a folder is replaced as a whole; on this machine in one indivisible exchange. *Inside*: where a
folder must stay what it is (it is mounted, or a container has it mounted) or only some files are replaced, entries are
moved out and in one by one. Wherever more than one rename is needed, a small shell script is written first; it is what
does the work, and what a person runs to finish or undo it.
"""

import contextlib
import ctypes
import hashlib
import os
import shlex
from dataclasses import dataclass
from posixpath import dirname

from daytwo.core.command import command
from daytwo.core.errors import CommandError, DaytwoError, SourceError
from daytwo.core.fileset.site import C, exists, look, mounted_below, put, remove
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.service import Swapped
from daytwo.core.tarball import is_within
from daytwo.core.target import Target

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2

_HEAD = """\
#!/bin/sh
# A restore by daytwo puts data in use with this script. Finding it means that the restore was interrupted.
# Run `sh THIS-FILE finish` to complete it, or `sh THIS-FILE undo` to go back to the data from before.
set -eu
new={new}
old={old}
path={path}
journal={journal}
there() {{ [ -e "$1" ] || [ -L "$1" ]; }}
"""

# What a backup leaves out is not replaced by what comes out of it. Where it is moved with a folder, it is moved back.
_KEEP = """\
back() { # back ENTRY: from the old folder into the restored one
  if there "$old/$1"; then
    rm -rf -- "$path/$1"
    mkdir -p -- "$(dirname -- "$path/$1")"
    mv -- "$old/$1" "$path/$1"
  fi
}
away() { # away ENTRY: the other way
  if [ -d "$old" ] && there "$path/$1" && ! there "$old/$1"; then
    mkdir -p -- "$(dirname -- "$old/$1")"
    mv -- "$path/$1" "$old/$1"
  fi
}
"""

_BESIDE = """\
case "${1:-}" in
finish)
  if there "$new"; then
    if there "$path"; then if there "$old"; then exit 3; fi; mv -- "$path" "$old"; fi
    mv -- "$new" "$path"
  fi
  keep_back ;;
undo)
  if there "$old"; then
    keep_away
    if there "$path"; then mv -- "$path" "$new"; fi
    mv -- "$old" "$path"
  fi ;;
*) echo "finish or undo?" >&2; exit 2 ;;
esac
rm -f -- "$journal"
"""

# A file that is mounted by itself (`./app.env:/app/.env`) cannot be renamed: its content is replaced.
_INSIDE = """\
move() {
  if [ -f "$2" ] && ! [ -L "$2" ]; then cat <"$1" >"$2"; rm -f -- "$1" 2>/dev/null || :
  else mv -- "$1" "$2" 2>/dev/null || if [ -f "$1" ]; then cp -p -- "$1" "$2"; else mv -- "$1" "$2"; fi; fi
}
ours() { case "$1" in *.daytwo-new-????????|*.daytwo-before-????????|*.daytwo-swap-????????*) ;; *) return 1 ;; esac; }
all() { # all FROM TO
  cd -- "$1"
  for entry in * .[!.]* ..?*; do
    if there "$entry" && ! ours "$entry" && ! stays "$entry"; then move "$1/$entry" "$2/$entry"; fi
  done
}
one() { # one FROM TO ENTRY
  if there "$1/$3"; then mkdir -p -- "$(dirname -- "$2/$3")"; move "$1/$3" "$2/$3"; fi
}
attributes() { # attributes OF TO: owner and mode
  chown "$(stat -c %u:%g -- "$1")" "$2" 2>/dev/null || :
  chmod "$(stat -c %a -- "$1")" "$2" 2>/dev/null || :
}
case "${1:-}" in
finish)
  mkdir -p -- "$old"
  if ! [ -e "$journal.out" ]; then move_out; : >"$journal.out"; fi
  if [ -d "$new" ]; then move_in; rm -rf -- "$new"; fi
  keep_back ;;
undo)
  mkdir -p -- "$new"
  if [ -e "$journal.out" ]; then keep_away; fi
  if [ -e "$journal.out" ]; then move_back; rm -f -- "$journal.out"; fi
  if [ -d "$old" ]; then move_old; rm -rf -- "$old"; fi ;;
*) echo "finish or undo?" >&2; exit 2 ;;
esac
rm -f -- "$journal" "$journal.out"
"""

_ALL = """\
move_out() { all "$path" "$old"; attributes "$path" "$old"; }
move_in() { all "$new" "$path"; attributes "$new" "$path"; }
move_back() { all "$path" "$new"; attributes "$path" "$new"; }
move_old() { all "$old" "$path"; attributes "$old" "$path"; }
"""


def mark_of(run_id: str, component: str) -> str:
    """Eight hex digits for the names that a run makes beside a component's files.

    Of the run and the component: two components may have files in the same folder.
    """
    return hashlib.sha256(f"{run_id} {component}".encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Plan:
    """How staged files will be put in use.

    Args:
        target: where.
        path: the folder that is replaced, or in which entries are.
        id: eight characters of the run's id.
        inside: whether entries are moved one by one.
        entries: from `path` on, the files and folders that are replaced; None for all of the folder.
        keep: from `path` on, what is there and left out of the backup: it stays as it is.
    """

    target: Target
    path: str
    id: str
    inside: bool
    entries: tuple[str, ...] | None = None
    keep: tuple[str, ...] = ()

    @property
    def new(self) -> str:
        """Where the restored data is staged."""
        return self._name("new")

    @property
    def old(self) -> str:
        """Where the data from before is kept."""
        return self._name("before")

    @property
    def journal(self) -> str:
        """The script that is there while entries are being renamed."""
        return self._name("swap")

    def _name(self, what: str) -> str:
        slash = "/" if self.inside else ""
        return f"{self.path.rstrip('/') if self.inside else self.path}{slash}.daytwo-{what}-{self.id}"

    def script(self) -> str:
        """The journal's text."""
        head = _HEAD.format(**{name: shlex.quote(getattr(self, name)) for name in ("new", "old", "path", "journal")})
        head += _KEEP + _kept(self.keep, self.inside)
        if not self.inside:
            return head + _BESIDE
        return head + (_ALL if self.entries is None else _listed(self.entries)) + _INSIDE


def _kept(keep: tuple[str, ...], inside: bool) -> str:
    """`stays` tells which entries are never moved; `keep_back` and `keep_away` move what goes with a folder."""
    tops = [entry for entry in keep if inside and "/" not in entry]
    deep = [shlex.quote(entry) for entry in keep if entry not in tops]
    pattern = "|".join(shlex.quote(entry) for entry in tops)
    stays = f'case "$1" in {pattern}) ;; *) return 1 ;; esac' if tops else "return 1"
    moves = {way: "".join(f" {way} {entry};" for entry in deep) for way in ("back", "away")}
    return f"stays() {{ {stays}; }}\nkeep_back() {{ :;{moves['back']} }}\nkeep_away() {{ :;{moves['away']} }}\n"


def _listed(entries: tuple[str, ...]) -> str:
    moves = {"move_out": "$path $old", "move_in": "$new $path", "move_back": "$path $new", "move_old": "$old $path"}
    lines = []
    for name, ways in moves.items():
        source, to = ways.split()
        acts = "\n".join(f'  one "{source}" "{to}" {shlex.quote(entry)}' for entry in entries)
        lines.append(f"{name}() {{\n{acts}\n}}\n")
    return "".join(lines)


def refuse_mounts(plan: Plan, run: Run) -> None:
    """Raise where something is mounted in what would be moved.

    A mount is moved along with the folder it is in: whoever uses it would find it gone, and it would be emptied with
    the data from before. A file that is mounted by itself, and is not in a folder that moves, has its content replaced.

    Raises:
        SourceError
    """
    for point in mounted_below(plan.target, plan.path, run) if plan.inside else ():
        path = point[len(plan.path.rstrip("/")) + 1 :]
        top = path.partition("/")[0]
        moved = [top] if plan.entries is None else [one for one in plan.entries if is_within(path, one)]
        if not moved or (plan.entries is None and top in plan.keep):
            continue
        if path not in moved or look(plan.target, point, run).what == "folder":
            raise SourceError(
                f"{point} is mounted inside of what would be replaced",
                where=str(plan.target),
                hint="Unmount it for the time of the restore, or restore to another place",
            )


def swap(plan: Plan, run: Run) -> Swapped:
    """Put the staged data in use, keeping what was there.

    Raises:
        CommandError: it did not work; everything is as it was before.
        SourceError: something is mounted inside.
    """
    refuse_mounts(plan, run)
    if not plan.inside and not plan.keep and plan.target.is_local and _exchange(plan):
        return _swapped(plan, run)
    put(plan.target, plan.journal, os.fsencode(plan.script()), run)
    try:
        capture(plan.target, command("sh", plan.journal, "finish", env=C), run)
    except DaytwoError as error:
        # The run may be cancelled by now; going back must be possible all the same.
        back = Run(run.id, run.work, timeout=600)
        try:
            capture(plan.target, command("sh", plan.journal, "undo", env=C), back)
        except DaytwoError as second:
            raise CommandError(
                f"the restored data could not be put in use ({error.what}), nor the old data back ({second.what})",
                where=plan.path,
                hint=f"On {plan.target}, mend that and run `sh {shlex.quote(plan.journal)} undo`",
            ) from None
        raise
    return _swapped(plan, run)


def _swapped(plan: Plan, run: Run) -> Swapped:
    kept = exists(plan.target, plan.old, run)
    if kept and plan.inside:
        # An empty folder is what remains where nothing was before. `rmdir` takes no other.
        kept = capture(plan.target, command("rmdir", "--", plan.old, ok=(0, 1), env=C), run).code != 0
    drop = _drop(plan) if kept else ""
    return Swapped(now=plan.path, kept=plan.old if kept else "", drop=drop)


def _drop(plan: Plan) -> str:
    argv = command("rm", "-rf", "--", plan.old)
    return shlex.join(plan.target.wrap(argv).argv)


def _exchange(plan: Plan) -> bool:
    """Replace a local folder in one indivisible act, where the system can.

    The staged folder gets the name that the old one will have, and then both change places. Killed in between, what is
    called "before" is the restored data, and the live data is untouched.
    """
    if not os.path.lexists(plan.path):
        os.rename(plan.new, plan.path)  # noqa: PTH104
        return True
    if os.path.lexists(plan.old):
        raise CommandError(f"{plan.old} is there already", hint="Move it away")
    os.rename(plan.new, plan.old)  # noqa: PTH104
    if _renameat2(plan.old, plan.path):
        return True
    os.rename(plan.old, plan.new)  # noqa: PTH104
    return False


def _renameat2(one: str, other: str) -> bool:
    """Let two paths change places (Linux 3.15, glibc 2.28); False where that is not to be had."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        result: int = libc.renameat2(
            _AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), ctypes.c_uint(_RENAME_EXCHANGE)
        )
        return result == 0
    return False


def discard(plan: Plan, run: Run) -> None:
    """Remove what was staged. Nothing happens to what is already gone, or has been put in use."""
    fresh = Run(run.id, run.work, timeout=600)  # the run may be cancelled
    with contextlib.suppress(DaytwoError):
        if not exists(plan.target, plan.journal, fresh):
            remove(plan.target, fresh, plan.new)


def make_way(plan: Plan, run: Run) -> None:
    """Create the folders above the one that will be replaced."""
    capture(plan.target, command("mkdir", "-p", "--", plan.path if plan.inside else dirname(plan.path), env=C), run)
