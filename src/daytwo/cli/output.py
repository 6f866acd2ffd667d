"""Words out: tables and lines for people, JSON for programs."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime, tzinfo
from typing import Any

from pydantic import BaseModel

from daytwo.core.terminal import colours, harmless, in_json
from daytwo.core.units import Size


def print_json(value: object) -> None:
    """Print one JSON document."""
    sys.stdout.write(in_json(json.dumps(value, indent=2, default=_plain, ensure_ascii=False)) + "\n")


def _plain(value: object) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def line(text: str = "") -> None:
    """Print one line; what is in it may come from anywhere."""
    sys.stdout.write(harmless(text, coloured=True) + "\n")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> None:
    """Print rows in aligned columns, without frames: easy to read, to copy and to grep.

    Args:
        head: the columns' names.
        rows: the cells.
        right: the columns that are aligned to the right.
    """
    rows = [[harmless(cell).replace("\n", " ") for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    bold, end = ("\033[1m", "\033[0m") if colours(sys.stdout) else ("", "")
    for number, row in enumerate((head, *rows)):
        cells = [
            cell.rjust(w) if i in right else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        text = "  ".join(cells).rstrip()
        line(f"{bold}{text}{end}" if number == 0 else text)


def size(value: float) -> str:
    """Bytes for people."""
    return Size(value).human


_zone: list[tzinfo] = []


def use_zone(zone: tzinfo) -> None:
    """Print times in the app's zone from now on, whatever the zone of this machine is."""
    _zone[:] = [zone]


def local(value: datetime) -> datetime:
    """A time in the app's zone."""
    return value.astimezone(_zone[0] if _zone else None)


def when(value: datetime) -> str:
    """A time in the app's zone, to the second."""
    return local(value).strftime("%Y-%m-%d %H:%M:%S %Z")


def took(seconds: float) -> str:
    """A length of time for people."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
