"""Charts of series: what a page tells the script that draws them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from daytwo.config.watching import Rule
from daytwo.watch.rules.defaults import USUAL
from daytwo.watch.rules.reading import fits
from daytwo.watch.views import SeriesData
from daytwo.web.ui.words import number

_SHOWN = 12
"""Charts on a page."""
_OTHER_UNITS = ("count", "absent", "forecast", "ratio", "rate", "increase")
"""What rules take of a series that is not in its own unit, so that its threshold has no place in its chart."""


@dataclass(frozen=True)
class Chart:
    """A chart of a series.

    Args:
        name: the series.
        title: what its number is called.
        unit: what it counts.
        newest: its newest number, in words.
        limits: the thresholds of rules, as JSON for the script.
    """

    name: str
    title: str
    unit: str
    newest: str
    limits: str


def charts(series: Iterable[SeriesData], rules: Mapping[str, Rule]) -> Iterator[Chart]:
    """The first charts of some series: response times, then the others by name.

    Args:
        series: what to draw.
        rules: those of the configuration, by name; the usual ones are added.
    """
    found = sorted(series, key=lambda one: (not one.name.endswith(".duration"), one.name))
    for one in found[:_SHOWN]:
        yield chart(one, rules, one.name.rpartition(".")[2].replace("_", " "))


def chart(one: SeriesData, rules: Mapping[str, Rule], title: str) -> Chart:
    """One of them, by a title."""
    limits = json.dumps(_limits(one.name, rules))
    return Chart(one.name, title, one.unit, number(one.value, one.unit), limits)


def _limits(series: str, rules: Mapping[str, Rule]) -> list[dict[str, Any]]:
    """The thresholds of the rules that look at a series, where they are in its own unit."""
    usual = [
        Rule.model_validate({**one.rule, "series": series})
        for one in USUAL
        if series.endswith(f".{one.measure}") and series not in rules
    ]
    found = []
    for rule in [*rules.values(), *usual]:
        if rule.off or rule.series is None or rule.take in _OTHER_UNITS or not fits(series, rule.series):
            continue
        for level, limit in (("warning", rule.warning), ("critical", rule.critical)):
            if limit is not None:
                found.append({"level": level, "value": limit.value, "label": str(limit)})
    return found
