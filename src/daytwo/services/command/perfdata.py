"""What monitoring plug-ins print: a line for people, and numbers after a `|`.

From the Monitoring Plugins Development Guidelines, "Performance data" and "Plugin Output for Nagios":
`'label'=value[UOM];[warn];[crit];[min];[max]`, with blanks between several.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from daytwo.core.check import Measure, Unit
from daytwo.core.reading import number, one_line

_DATUM = re.compile(r"\s*(?:'((?:[^']|'')+)'|([^\s'=][^\s=]*))=(\S*)")
_VALUE = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)([^\d;]*)(?:;.*)?")
_LONGEST_LABEL = 80
_UNITS: Mapping[str, tuple[Unit, float]] = {
    "": (Unit.COUNT, 1), "%": (Unit.RATIO, 0.01), "c": (Unit.COUNT, 1),
    "s": (Unit.SECONDS, 1), "ms": (Unit.SECONDS, 1e-3), "us": (Unit.SECONDS, 1e-6), "ns": (Unit.SECONDS, 1e-9),
    "b": (Unit.BYTES, 1), "kb": (Unit.BYTES, 1e3), "mb": (Unit.BYTES, 1e6), "gb": (Unit.BYTES, 1e9),
    "tb": (Unit.BYTES, 1e12), "pb": (Unit.BYTES, 1e15), "kib": (Unit.BYTES, 2**10), "mib": (Unit.BYTES, 2**20),
    "gib": (Unit.BYTES, 2**30), "tib": (Unit.BYTES, 2**40), "pib": (Unit.BYTES, 2**50),
}  # fmt: skip
"""By unit of measurement in small letters. Like Icinga, we take `KB` for a power of 1000 and `KiB` for one of 1024."""


@dataclass(frozen=True)
class Datum:
    """A number.

    Args:
        measure: how it is called and what it counts.
        value: in base units.
    """

    measure: Measure
    value: float


@dataclass(frozen=True)
class Said:
    """What a plug-in said.

    Args:
        line: its first line, for people.
        data: its numbers.
    """

    line: str
    data: tuple[Datum, ...]


def read(output: str) -> Said:
    """Take a plug-in's output apart: `text | numbers`, then lines of text, and after another `|` more numbers."""
    first, _, rest = output.partition("\n")
    line, _, numbers = first.partition("|")
    _, _, more = rest.partition("|")
    found: dict[str, Datum] = {}
    for datum in _data(f"{numbers} {more}"):
        found.setdefault(datum.measure.name, datum)
    return Said(one_line(line), tuple(found.values()))


def _data(text: str) -> Iterator[Datum]:
    for found in _DATUM.finditer(text):
        label = one_line((found[1] or found[2]).replace("''", "'"), _LONGEST_LABEL)
        value = _VALUE.fullmatch(found[3])  # `U`: the plug-in could not tell
        unit = _UNITS.get(value[2].lower()) if value else None
        amount = number(value[1]) if value else None
        if label and unit and amount is not None and value:
            measure = Measure(label, unit[0], "a number of the probe", total=value[2] == "c")
            yield Datum(measure, amount * unit[1])
