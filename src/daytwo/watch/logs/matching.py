"""Looks for many expressions in many lines, quickly, and in bounded time whatever the expressions are.

From most expressions it can be told that one of a few words is in whatever they match. All lines of a batch are
searched for these words at once, and the expression is only asked about lines that have one. Measured: ten patterns
on 100,000 plain lines of 100 characters take 0.1 s.
"""

import importlib
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import regex

from daytwo.watch.logs.lines import Line

_LONGEST = 0.1
"""Seconds for one expression on one line: nothing that is written for logs comes near."""
_SHARE = 0.5
"""Seconds of processor time for one expression in one batch."""
_PAUSE = 60.0
"""Seconds for which an expression that took longer is left out."""
_SHORTEST = 3
"""Letters of a word that is worth looking for."""


class Match(NamedTuple):
    """An expression was found in a line.

    Args:
        line: which one.
        found: where, with the groups.
    """

    line: Line
    found: "regex.Match[str]"


class Expression:
    """A regular expression, with the words that tell where it is worth trying.

    Args:
        text: as `re` understands it.

    Raises:
        ValueError: it is none.
    """

    def __init__(self, text: str) -> None:
        try:
            self._compiled: regex.Pattern[str] = regex.compile(text)
        except regex.error as error:
            raise ValueError(f"this is no regular expression: {error}") from None
        self.words = words_of(text)
        self.trouble = ""
        """Why it is left out for now; empty while it is not."""
        self._paused = 0.0

    def among(self, lines: Sequence[Line], low: str) -> Iterator[Match]:
        """The lines in which it is found, each once, in order.

        Args:
            lines: where to look.
            low: their texts in lower case, joined by line feeds.
        """
        if time.monotonic() < self._paused:
            return
        self.trouble = ""
        spent = 0.0
        for number in self._worth(len(lines), low):
            begun = time.thread_time()  # a busy machine is not the expression's fault
            try:
                found = self._compiled.search(lines[number].text, timeout=_LONGEST)
            except TimeoutError:
                found = None
                spent = _SHARE
            spent += time.thread_time() - begun
            if found is not None:
                yield Match(lines[number], found)
            if spent > _SHARE:
                self._paused = time.monotonic() + _PAUSE
                self.trouble = f"takes too long, and is left out for {_PAUSE:.0f} s: make it simpler"
                return

    def _worth(self, count: int, low: str) -> Iterator[int]:
        if self.words is None:
            return iter(range(count))
        numbers: set[int] = set()
        for word in self.words:
            numbers.update(_lines_with(word, low))
        return iter(sorted(numbers))


def joined(lines: Sequence[Line]) -> str:
    """What `Expression.among` wants of lines."""
    return "\n".join([line.text for line in lines]).lower()


def _lines_with(word: str, low: str) -> Iterator[int]:
    at = low.find(word)
    number = before = 0
    while at >= 0:
        number += low.count("\n", before, at)
        yield number
        before = low.find("\n", at)
        if before < 0:
            return
        at = low.find(word, before)


def words_of(text: str) -> frozenset[str] | None:
    """Words in lower case of which one is in everything that an expression matches; None where that cannot be told.

    Args:
        text: as `re` understands it. Letters whose case is not a matter of one letter (`ß`, `İ`) tell nothing.
    """
    try:
        parser = importlib.import_module("re._parser")  # it has no public name; without it, all lines are tried
        return _of_sequence(parser.parse(text))
    except (ImportError, AttributeError, re.error, RecursionError):
        return None


def _of_sequence(sequence: Any) -> frozenset[str] | None:
    found: list[frozenset[str]] = []
    run: list[str] = []
    for op, argument in [*sequence, (None, None)]:
        name = str(op)
        if name == "LITERAL" and chr(argument).isascii() and argument != 10:
            run.append(chr(argument).lower())
            continue
        if name == "AT":
            continue  # it matches nothing that would be between two letters
        if run:
            found.append(frozenset({"".join(run)}))
            run = []
        if inner := _of_one(name, argument):
            found.append(inner)
    best = max(found, key=lambda words: (min(map(len, words)), -len(words)), default=None)
    return best if best and min(map(len, best)) >= _SHORTEST else None


def _of_one(name: str, argument: Any) -> frozenset[str] | None:
    if name in ("SUBPATTERN", "ASSERT"):
        return _of_sequence(argument[-1])
    if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return _of_sequence(argument[2]) if argument[0] else None
    if name == "ATOMIC_GROUP":
        return _of_sequence(argument)
    if name == "BRANCH":
        branches = [_of_sequence(one) for one in argument[1]]
        if all(branches):
            return frozenset(word for one in branches for word in one or ())
    return None


__all__ = ["Expression", "Match", "joined", "words_of"]
