"""Puts the story on the terminal: headings, lines, commands with their real output; 80 columns."""

import shlex
from collections.abc import Callable, Iterable

WIDTH = 80
_BOLD, _DIM, _GREEN, _RED, _END = "\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m"


class Teller:
    """Writes the story.

    Args:
        write: takes the text.
        colour: whether the reader sees colours.
    """

    def __init__(self, write: Callable[[str], object], *, colour: bool) -> None:
        self._write = write
        self._colour = colour
        self._step = 0

    def title(self, text: str) -> None:
        """What this is."""
        self._line(self._painted(text, _BOLD))

    def step(self, text: str) -> None:
        """The next step begins."""
        self._step += 1
        self._line()
        self._line(self._painted(f"{self._step}  {text}", _BOLD))

    def end(self, text: str) -> None:
        """The heading of the last block, which is no step."""
        self._line()
        self._line(self._painted(text, _BOLD))

    def say(self, text: str = "") -> None:
        """A line of the story."""
        for line in _folded(text, "   "):
            self._line(line)

    def good(self, text: str) -> None:
        """A line that says that something is as it should be."""
        for line in _folded(text, "   "):
            self._line(self._painted(line, _GREEN))

    def bad(self, text: str) -> None:
        """A line that says that something is not as it should be."""
        for line in _folded(text, "   "):
            self._line(self._painted(line, _RED))

    def command(self, *words: str) -> None:
        """A command that is run now."""
        self._line(f"   {self._painted('$ ' + shlex.join(words), _BOLD)}")

    def output(self, text: str) -> None:
        """A line that a program printed."""
        for line in _folded(text, "   | "):
            self._line(self._painted(line[:5], _DIM) + line[5:])

    def file(self, lines: Iterable[str]) -> None:
        """A file's lines, as they are."""
        for line in lines:
            self._line(self._painted("   | ", _DIM) + line if line else self._painted("   |", _DIM))

    def _line(self, text: str = "") -> None:
        self._write(text.rstrip() + "\n")

    def _painted(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_END}" if self._colour else text


def _folded(text: str, indent: str) -> list[str]:
    """The text in lines of at most 80 columns, broken between words only; further ones are indented more."""
    words = text.split(" ")
    lines, line = [], indent + words[0]
    deeper = indent + " " * (len(text) - len(text.lstrip()) + 4)
    for word in words[1:]:
        if word and len(line) + 1 + len(word) > WIDTH and line.strip(" |"):
            lines.append(line.rstrip())
            line = deeper + word
        else:
            line += " " + word
    return [*lines, line.rstrip()]
