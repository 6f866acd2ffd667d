"""What is asked of files while they are watched: cheaply, without going through folders."""

import time
from collections.abc import Callable

from daytwo.core.check import Measure, Observation, ProgramCheck, Timing, Unit
from daytwo.core.command import command
from daytwo.core.disk import read_df
from daytwo.core.errors import SourceError
from daytwo.core.fileset import Choice
from daytwo.core.fileset.site import C
from daytwo.core.reading import ask
from daytwo.core.run import Run
from daytwo.core.target import Target

READY = Timing(every=300, timeout=30)

# With `-f` before, a pattern is a name.
_LOOK = r"""
[ "$1" = literal ] && set -f
shift
IFS=
for pattern in "$@"; do
  for found in $pattern; do
    if [ -e "$found" ]; then break; fi
    if [ -L "$found" ]; then echo dangling; else echo missing; fi
    exit
  done
  if [ -d "$found" ]; then [ -r "$found" ] && [ -x "$found" ]; else [ -r "$found" ]; fi || { echo closed; exit; }
done
echo there
df -Pk -- "$found" 2>/dev/null | tail -n 1
df -Pi -- "$found" 2>/dev/null | tail -n 1
"""
_PROBLEMS = {
    "missing": ("is not there", "Check the path, and what it is mounted from"),
    "dangling": ("is a symbolic link to nothing", "Check what it points to"),
    "closed": ("cannot be read", "Run as root, or as its owner"),
}


class FilesCheck(ProgramCheck):
    """Whether they are there and can be read, and how full their file system is."""

    about = "there and readable; space on their file system"
    measures = (
        Measure("duration", Unit.SECONDS, "until the answer was there"),
        Measure("free", Unit.BYTES, "space that is free on their file system"),
        Measure("disk", Unit.RATIO, "space in use of it"),
        Measure("inodes", Unit.RATIO, "inodes in use of it, where it counts them"),
    )

    def __init__(self, name: str, service: str, timing: Timing, choose: Callable[[Run], tuple[Target, Choice]]) -> None:
        super().__init__(name, service, timing)
        self._choose = choose

    def look(self, run: Run) -> Observation:
        """Look."""
        begun = time.monotonic()
        target, choice = self._choose(run)
        single = choice.single
        # Debian's sh knows `[!a]` only, and takes `[^a]` for two letters.
        words = ("literal", single) if single else ("patterns", *(path.replace("[^", "[!") for path in choice.paths))
        inner = command("sh", "-c", _LOOK, "sh", words, env=C, where=str(target))
        first, *lines = ask(target, inner, run).text.split("\n")
        if first != "there":
            what, hint = _PROBLEMS.get(first, ("cannot be looked at", "Look at it by hand"))
            raise SourceError(f"{choice} {what}", where=str(target), hint=hint)
        numbers = {"duration": time.monotonic() - begun}
        space, inodes = (read_df(line) for line in (*lines, "", "")[:2])
        if space:
            numbers |= {"free": space.free * 1024, "disk": space.share}
        if inodes:
            numbers["inodes"] = inodes.share
        return Observation.ok(numbers)
