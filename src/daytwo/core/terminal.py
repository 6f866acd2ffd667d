"""Text from elsewhere for terminals and logs: it may colour nothing, move no cursor and forge no line."""

import os
import re
from typing import TextIO

_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""C0 and C1 but for tab and line feed, and what turns the direction of writing around (Unicode TR 9)."""
_COLOUR = r"\x1b\[[0-9;]{0,8}m"
_HARMFUL = re.compile(f"[{_CONTROLS}]")
_OURS = re.compile(f"(?!{_COLOUR})[{_CONTROLS}]")
_BREAKING = re.compile(f"[{_CONTROLS}\n\u2028\u2029]")
_IN_JSON = re.compile(f"[{_CONTROLS}\u2028\u2029]")
_REPLACED = "\ufffd"


def harmless(text: str, *, coloured: bool = False) -> str:
    """The text with its controls replaced.

    Args:
        text: perhaps of several lines.
        coloured: leave colours alone; for what has been put together with colours of our own.
    """
    return text if text.isprintable() else (_OURS if coloured else _HARMFUL).sub(_REPLACED, text)


def in_json(document: str) -> str:
    """A JSON document whose texts hold no control as such; JSON itself escapes only those below U+0020."""
    return _IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def one_line(text: str) -> str:
    r"""The text as one line, with its controls written out: `\x1b`, `\n`."""
    return text if text.isprintable() else _BREAKING.sub(lambda found: ascii(found[0])[1:-1], text)


def colours(stream: TextIO) -> bool:
    """Whether what is written there may be in colours: at a terminal that knows them, unless https://no-color.org"""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
