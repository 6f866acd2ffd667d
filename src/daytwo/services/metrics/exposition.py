"""Reads what is exposed for Prometheus: its text format 0.0.4, and OpenMetrics 1.0.

https://prometheus.io/docs/instrumenting/exposition_formats/,
https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md. Most of what is exposed is not wanted,
so only samples whose name is are looked into; `prometheus_client.parser` reads all of it, and is many times slower.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_QUOTED_NAME = re.compile(r'\{\s*"[^"]*"\s*[,}]')
_TYPE = re.compile(r"#\s+TYPE\s+(\S+)\s+(\S+)")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"([^"\\]*(?:\\.[^"\\]*)*)"\s*(,|(?=\}))')
_VALUE = re.compile(r"\s*([-+]?[0-9a-zA-Z.+-]{1,40})(?=\s|$)")
_ESCAPE = re.compile(r"\\(.)")
_MOST_LABELS = 64
SUFFIXES = ("_total", "_sum", "_count", "_bucket", "_created")
"""What the names of samples have after the name of their metric."""


class NoExpositionError(ValueError):
    """It is in neither form; where and why is in its text."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample.

    Args:
        name: its own, with its suffix.
        labels: by name, as they are written.
        value: may be infinite or none.
    """

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Exposition:
    """What was read.

    Args:
        types: of metrics, by name: counter, gauge, histogram, summary, ...
        samples: those that are wanted, in their order.
    """

    types: Mapping[str, str]
    samples: tuple[Sample, ...]

    def type_of(self, sample: str) -> str:
        """The type of a sample's metric; empty when it is not told."""
        return self.types.get(sample) or self.types.get(metric_of(sample), "")


def metric_of(sample: str) -> str:
    """A sample's name without its suffix."""
    suffix = next((one for one in SUFFIXES if sample.endswith(one)), "")
    return sample.removesuffix(suffix)


def read(text: str, wanted: Callable[[str], bool]) -> Exposition:
    """Read an exposition.

    Args:
        text: all of it.
        wanted: whether samples of this name are; asked once for each name.

    Raises:
        NoExpositionError: a line is none of one.
    """
    types: dict[str, str] = {}
    samples: list[Sample] = []
    known: dict[str, bool] = {}
    for number, line in enumerate(_lines(text), 1):
        if line.startswith("#"):
            if line.startswith("# TYPE") and (told := _TYPE.match(line)):
                types[told[1]] = told[2]
            continue
        match = _NAME.match(line)
        if match is None:
            if line.strip() and not _QUOTED_NAME.match(line):  # a name that our series cannot have, from UTF-8 on
                raise NoExpositionError(f"line {number} is no sample")
            continue
        name = match[0]
        if name not in known:
            known[name] = wanted(name)
        if known[name]:
            samples.append(_sample(name, line, match.end(), number))
        elif line[match.end() : match.end() + 1] not in ("{", " ", "\t"):
            raise NoExpositionError(f"line {number} is no sample")
    return Exposition(types, tuple(samples))


def _lines(text: str) -> Iterable[str]:
    return text.split("\n")


def _sample(name: str, line: str, at: int, number: int) -> Sample:
    labels: dict[str, str] = {}
    if line[at : at + 1] == "{":
        at += 1
        while line[at : at + 1] != "}":
            label = _LABEL.match(line, at)
            if label is None or len(labels) >= _MOST_LABELS:
                if not line[at:].lstrip().startswith("}"):
                    raise NoExpositionError(f"line {number} has labels that cannot be read")
                at = line.index("}", at)
                break
            value = label[2]
            labels[label[1]] = _ESCAPE.sub(_escaped, value) if "\\" in value else value
            at = label.end()
        at += 1
    found = _VALUE.match(line, at)
    try:
        return Sample(name, labels, float(found[1] if found else ""))
    except ValueError:
        raise NoExpositionError(f"line {number} has no number") from None


def _escaped(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]


__all__ = ["Exposition", "NoExpositionError", "Sample", "metric_of", "read"]
