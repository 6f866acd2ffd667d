"""Puts a database file in use so that a restore that is killed in the middle can be finished or undone.

A database and its log (or journal) are told to belong together by their names alone, and two names cannot be changed in
one act. So the old file gets its second name first, then what belongs to it follows: at every moment all that was
committed is under one name. As with files, a script that is written first does the work; who finds it can finish or
undo with it, and until then nothing is backed up or restored here (`core.fileset.site.interrupted`).
"""

import os
import shlex
from dataclasses import dataclass

from daytwo.core.command import command
from daytwo.core.errors import CommandError, DaytwoError
from daytwo.core.fileset.site import C, exists, put, remove
from daytwo.core.fileset.swap import mark_of
from daytwo.core.process import capture
from daytwo.core.run import Run
from daytwo.core.service import Swapped
from daytwo.core.target import Target

COMPANIONS = ("-wal", "-shm", "-journal")
"""Files that belong to a database file; without them it can be stale or torn, and next to another one they harm it."""

_SCRIPT = r"""
there() { [ -e "$1" ]; }
same() { there "$1" && there "$2" && [ "$1" -ef "$2" ]; }
refuse() { echo "$1: stop what writes to $path, and move it away" >&2; exit 3; }
second() { # second FILE NAME: a file system without hard links can only rename
  ln -- "$1" "$2" 2>/dev/null || mv -- "$1" "$2"
}
carry() { # carry FROM TO: what belongs to a database follows it; a -shm is made anew from the log by whoever opens it
  for end in -wal -journal -shm; do
    if [ -s "$1$end" ] && [ -s "$2$end" ] && [ "$end" != -shm ]; then refuse "$1$end was written meanwhile"; fi
    if [ -s "$2$end" ]; then rm -f -- "$1$end"; fi
    if there "$1$end"; then mv -f -- "$1$end" "$2$end"; fi
  done
}
put_in_use() {
  if there "$path"; then
    chown "$(stat -c %u:%g -- "$path")" "$new" 2>/dev/null || :
    chmod "$(stat -c %a -- "$path")" "$new"
    if ! there "$old"; then second "$path" "$old"; fi
    if there "$path" && ! same "$path" "$old"; then refuse "$old is there already"; fi
  fi
  if there "$old"; then
    carry "$path" "$old"
  else
    chown "${owner:-$(stat -c %u:%g -- "$(dirname -- "$path")")}" "$new" 2>/dev/null || :
    if [ -n "$mode" ]; then chmod "$mode" "$new"; fi
    rm -f -- "$path-wal" "$path-shm" "$path-journal"
  fi
  sync -- "$new" 2>/dev/null || sync
  mv -f -- "$new" "$path"
}
go_back() {
  if there "$path"; then
    if ! there "$new"; then second "$path" "$new"; fi
    if there "$path" && ! same "$path" "$new"; then refuse "$path is neither the old database nor the new one"; fi
    carry "$path" "$new"
  fi
  if ln -f -- "$old" "$journal.link" 2>/dev/null; then
    mv -f -- "$journal.link" "$path"
  else
    mv -f -- "$old" "$path"
  fi
}
if [ "${1:-}" = finish ]; then
  if there "$new" && ! same "$path" "$new"; then put_in_use; fi
  carry "$new" "$path"
  rm -f -- "$new"
elif [ "${1:-}" = undo ]; then
  if there "$old" && ! same "$path" "$old"; then go_back; fi
  carry "$old" "$path"
  rm -f -- "$old"
else
  echo "finish or undo?" >&2
  exit 2
fi
rm -f -- "$journal.link" "$journal"
"""
_HEAD = """\
#!/bin/sh
# A restore by daytwo puts a database in use with this script. Finding it means that the restore was interrupted.
# Run `sh THIS-FILE finish` to complete it, or `sh THIS-FILE undo` to go back to the database from before.
set -eu
"""
_KEPT = 'for end in "" -wal -shm -journal; do [ ! -e "$1$end" ] || printf "%s\\0" "$1$end"; done'


@dataclass(frozen=True)
class Names:
    """The names beside a database file.

    Args:
        target: where.
        live: the database file.
        mark: what the names end with.
        owner: whose the file is made where there is none, as uid:gid; its folder's owner when empty.
        mode: its permissions then, octal; only for its owner when empty.
    """

    target: Target
    live: str
    mark: str
    owner: str = ""
    mode: str = ""

    @classmethod
    def of(cls, target: Target, live: str, run_id: str, component: str) -> "Names":
        """Those that a run makes for a component."""
        return cls(target, live, mark_of(run_id, component))

    @property
    def new(self) -> str:
        """Where the restored database is staged, or a copy is made."""
        return f"{self.live}.daytwo-new-{self.mark}"

    @property
    def old(self) -> str:
        """Where the database from before is kept."""
        return f"{self.live}.daytwo-before-{self.mark}"

    @property
    def journal(self) -> str:
        """The script that is there while names are changed."""
        return f"{self.live}.daytwo-swap-{self.mark}"

    @property
    def part(self) -> str:
        """Where a copy of the live database is made that will be kept."""
        return f"{self.new}-part"

    def script(self) -> str:
        """The journal's text."""
        names = {"new": self.new, "old": self.old, "path": self.live, "journal": self.journal}
        names |= {"owner": self.owner, "mode": self.mode}
        return _HEAD + "".join(f"{name}={shlex.quote(value)}\n" for name, value in names.items()) + _SCRIPT

    def clear(self, run: Run) -> None:
        """Remove what was staged."""
        every = (file + end for file in (self.new, self.part) for end in ("", *COMPANIONS))
        remove(self.target, Run(run.id, run.work, timeout=60), *every)  # the run may be cancelled

    def kept(self, run: Run) -> Swapped:
        """What to say after a swap: the old file, with the command that removes just what is there of it."""
        found = capture(self.target, command("sh", "-c", _KEPT, "sh", self.old, env=C), run).stdout.split(b"\0")[:-1]
        if not found:
            return Swapped(now=self.live)
        drop = shlex.join(self.target.wrap(command("rm", "-f", map(os.fsdecode, found))).argv)
        return Swapped(now=self.live, kept=self.old, drop=drop)


def swap(names: Names, run: Run) -> Swapped:
    """Put the staged database in use and keep the old one with all that belongs to it.

    Raises:
        CommandError: it did not work; everything is as it was before.
    """
    target = names.target
    if exists(target, names.old, run):
        raise CommandError(f"{names.old} is there already", where=str(target), hint="Move it away")
    put(target, names.journal, os.fsencode(names.script()), run)
    try:
        capture(target, command("sh", names.journal, "finish", env=C), run)
    except DaytwoError as error:
        back = Run(run.id, run.work, timeout=600)  # the run may be cancelled by now
        try:
            capture(target, command("sh", names.journal, "undo", env=C), back)
        except DaytwoError as second:
            raise CommandError(
                f"the restored database could not be put in use ({error.what}), nor the old one back ({second.what})",
                where=names.live,
                hint=f"On {target}, mend that and run `sh {shlex.quote(names.journal)} undo`",
            ) from None
        raise
    return names.kept(run)
