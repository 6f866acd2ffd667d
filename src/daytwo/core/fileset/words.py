"""What tar says on its error output, sorted: nothing to speak of, a file that moved under it (F14), or a failure.

The words are those of GNU tar 1.34 (`src/create.c`, `src/misc.c`) and busybox 1.35 (`archival/tar.c`), in the C locale.
"""

import re
from dataclasses import dataclass

KEPT = 20
"""How many warnings of one sort are told one by one."""

_MOVED = {
    r"File removed before we read it$": "vanished while it was read; it is not in the dump",
    r"(?:Cannot (?:stat|open|readlink)|lstat failed|can't open '.*'): No such file or directory$": (
        "vanished while it was read; it is not in the dump"
    ),
    r"No such file or directory$": "vanished while it was read; it is not in the dump",
    r"file changed as we read it$": "changed while it was read",
    r"File shrank by \d+ bytes; padding with zeros$": "shrank while it was read; its end is zeros in the dump",
    r"(?:socket|door) ignored$": "is a socket; it is not in the dump",
}
_SILENT = (
    r"Exiting with failure status due to previous errors$",
    r"error exit delayed from previous errors$",
    r"Removing leading .* from ",
    r"file is on a different filesystem; not dumped$",
)
_LINE = re.compile(r"^(?:\S*/)?tar: (?P<text>.*)$")


@dataclass(frozen=True)
class Said:
    """What tar said.

    Args:
        warnings: what moved, in words.
        failures: lines that mean that something is missing from the dump.
    """

    warnings: tuple[str, ...]
    failures: tuple[str, ...]


def understand(stderr: str, *, cut: bool) -> Said:
    """Sort the lines of tar's error output.

    Args:
        stderr: the output.
        cut: whether its beginning is not known any more.
    """
    warnings: list[str] = []
    failures: list[str] = []
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    for line in lines[1:] if cut else lines:
        match = _LINE.match(line)
        told = _moved(match["text"]) if match else None
        if told:
            warnings.append(told)
        elif told is None:
            failures.append(line)
    return Said(shortened(warnings), tuple(failures))


def _moved(text: str) -> str | None:
    """The warning that a line means; empty where it says nothing; None for a failure."""
    if any(re.search(pattern, text) for pattern in _SILENT):
        return ""
    for pattern, words in _MOVED.items():
        if match := re.search(pattern, text):
            name = text[: match.start()].rstrip(": ") or text
            if name in (".", "./"):
                return None if "vanished" in words else f"the folder {words}"
            return f"{name.removeprefix('./')} {words}"
    return None


def shortened(warnings: list[str]) -> tuple[str, ...]:
    """At most twenty of them, and how many more there were."""
    unique = list(dict.fromkeys(warnings))
    if len(unique) <= KEPT:
        return tuple(unique)
    return (*unique[:KEPT], f"... and {len(unique) - KEPT} more of that sort")
