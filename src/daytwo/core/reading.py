"""What checks of several kinds need: answers of bounded size, a line of what was said, how much totals rose."""

from collections.abc import Mapping

from daytwo.core.command import Command
from daytwo.core.errors import CommandError
from daytwo.core.net.words import plain
from daytwo.core.process import CHUNK, Completed, Process
from daytwo.core.run import Run
from daytwo.core.target import Target
from daytwo.core.units import Size

MOST = 4 << 20
"""Bytes of an answer that are taken."""
_LONGEST = 300


def ask(target: Target, inner: Command, run: Run, *, stdin: bytes | None = None, most: int = MOST) -> Completed:
    """Run a program to its end and keep its output, as `capture` does, but only so much of it.

    Args:
        target: where to run it.
        inner: what to run there.
        run: the run it belongs to.
        stdin: what it is fed.
        most: bytes of output after which it is ended.

    Raises:
        CommandError: it did not succeed, or said more than that.
        MissingToolError, UnreachableError: it could not be run.
    """
    parts, size = [], 0
    with Process(target, inner, run, stdin=stdin) as process:
        while data := process.stdout.read(CHUNK):
            parts.append(data)
            size += len(data)
            if size > most:
                raise CommandError(f"the answer is larger than {Size(most).human}", where=inner.where)
        stdout = b"".join(parts)
        code = process.finish(stdout)
        return Completed(code, stdout, process.stderr())


def one_line(text: str | bytes, longest: int = _LONGEST) -> str:
    """What somebody else said, as one printable line without secrets.

    Args:
        text: in however many lines.
        longest: characters that are kept.
    """
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return plain(" ".join(text[: longest * 16].split()), longest)


def number(value: object) -> float | None:
    """A finite number that a server wrote in some way; None where it is none."""
    try:
        found = float(str(value))
    except ValueError:
        return None
    return found if abs(found) < float("inf") else None


class Rise:
    """How much totals rose since they were looked at last."""

    def __init__(self) -> None:
        self._before: dict[str, float] = {}

    def since_last(self, totals: Mapping[str, float]) -> dict[str, float] | None:
        """The increase of each; None at first, and when one of them has begun anew.

        Args:
            totals: as they are now, the same ones every time.
        """
        before, self._before = self._before, dict(totals)
        risen = {name: value - before[name] for name, value in totals.items() if name in before}
        return risen if len(risen) == len(totals) and all(value >= 0 for value in risen.values()) else None

    def share(self, part: float, rest: float) -> float | None:
        """Of what was added to two totals since the last look, the fraction of the first; None where nothing was."""
        risen = self.since_last({"part": part, "rest": rest})
        whole = sum(risen.values()) if risen else 0
        return risen["part"] / whole if risen and whole else None
