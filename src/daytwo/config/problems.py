"""Mistakes in a configuration: collected, placed, and told all at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from daytwo.core.errors import ConfigError

Path = tuple[str | int, ...]
"""Where a value is in the tree: keys and list positions from the top."""


@dataclass(frozen=True, order=True)
class Spot:
    """A place in a text: the file as people call it, line and column from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Problem:
    """One mistake.

    Args:
        what: what is wrong and, where it is known, what would be right; no value of a secret is ever in it.
        path: where in the tree.
        spot: where in the text, when it has a place there.
    """

    what: str
    path: Path = ()
    spot: Spot | None = None

    def __str__(self) -> str:
        return "  ".join(part for part in (str(self.spot or ""), dotted(self.path), self.what) if part)


class ConfigFileError(ConfigError):
    """The configuration has mistakes; each is a `Problem` in `problems`, in the order of the text."""

    problems: tuple[Problem, ...] = ()

    @classmethod
    def of(cls, file: str, problems: Iterable[Problem]) -> "ConfigFileError":
        """The error that tells them all.

        Args:
            file: the configuration file as people call it.
            problems: the mistakes; the same one is told once.
        """
        listed = sorted(set(problems), key=lambda one: (one.spot or Spot("~", 0, 0), dotted(one.path), one.what))
        count = "a mistake" if len(listed) == 1 else f"{len(listed)} mistakes"
        error = cls("\n".join([f"{file} has {count}", *(f"  {problem}" for problem in listed)]))
        error.problems = tuple(listed)
        return error


def dotted(path: Path) -> str:
    """A path as people write it: `backups.nightly.to[1]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def nearest(name: str, known: Iterable[str], *, there: str = "there is") -> str:
    """The end of a sentence about an unknown name: what was probably meant, else what exists.

    Args:
        name: what was written.
        known: what would have been valid.
        there: how to introduce the list.
    """
    names = sorted(known)
    folded = {one.lower(): one for one in names}
    close = get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{folded[close[0]]}`?"
    if not names:
        return "there is none"
    more = ", ..." if len(names) > 12 else ""
    return f"{there} {', '.join(names[:12])}{more}"
