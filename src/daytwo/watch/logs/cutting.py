"""Bytes into lines, in bounded memory whatever they are."""

import re
from typing import NamedTuple

from daytwo.watch.logs.lines import LONGEST

_MOST = 4 * LONGEST
"""Bytes of a line that are kept: enough for `LONGEST` characters of any kind."""
# ECMA-48: control sequences (colours, movements), operating system commands (titles, links), two-character escapes.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")
_REPLACED = "\ufffd"


class Raw(NamedTuple):
    """A line as it came.

    Args:
        data: without its end; at most so many bytes.
        cut: whether there was more of it.
    """

    data: bytes
    cut: bool = False


class Cutter:
    """Cuts a stream of bytes at the ends of lines."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self.pending = 0
        """Bytes that came since the last end of a line."""

    def feed(self, data: bytes) -> list[Raw]:
        """The lines that these bytes end.

        Args:
            data: what came next.
        """
        *ends, rest = data.split(b"\n")
        if not ends:
            self._keep(rest)
            return []
        self._keep(ends[0])
        lines = [self._taken(), *(Raw(one[:_MOST], len(one) > _MOST) for one in ends[1:])]
        self._keep(rest)
        return lines

    def flush(self) -> Raw | None:
        """The half line at the end, whose other half will not come; None where there is none."""
        return self._taken() if self.pending else None

    def _keep(self, data: bytes) -> None:
        self.pending += len(data)
        self._kept += data[: max(0, _MOST - len(self._kept))]

    def _taken(self) -> Raw:
        raw = Raw(bytes(self._kept), self.pending > len(self._kept))
        self._kept.clear()
        self.pending = 0
        return raw


def text_of(raw: Raw) -> tuple[str, bool]:
    """A line as text, and whether it was cut: no escapes of terminals, and nothing that is no text.

    Args:
        raw: as it came.
    """
    text = raw.data.decode("utf-8", "replace").rstrip("\r")
    return clean(text, cut=raw.cut)


def clean(text: str, *, cut: bool = False) -> tuple[str, bool]:
    """Text as it is kept, and whether it was cut.

    Args:
        text: one line.
        cut: whether it was cut before.
    """
    if not text.isprintable():
        if "\x1b" in text:
            text = _ESCAPES.sub("", text)
        text = _CONTROLS.sub(_REPLACED, text)
    return text[:LONGEST], cut or len(text) > LONGEST


__all__ = ["Cutter", "Raw", "clean", "text_of"]
