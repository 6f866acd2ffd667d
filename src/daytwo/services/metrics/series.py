"""Samples as series: what each is called, and what histograms say of the time between two scrapes."""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from operator import add

from daytwo.core.check import Measure, Unit
from daytwo.core.net.measures import DURATION
from daytwo.services.metrics.exposition import Exposition, Sample, metric_of

LONGEST = 130
"""Characters of a measure's name: with a check's before it, it stays a name that a series may have."""
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_NOT_NAME = re.compile(r"[^A-Za-z0-9_]+")
_VALUE_LONGEST = 40
_UNITS = {"_seconds": Unit.SECONDS, "_bytes": Unit.BYTES, "_ratio": Unit.RATIO}
Buckets = Mapping[float, float]
"""How many values there were up to each bound."""


@dataclass(frozen=True)
class Taken:
    """What a scrape gives.

    Args:
        values: by the name of their measure.
        measures: by the same name.
        buckets: of histograms, by what their measures' names have after the metric's.
        missing: patterns that nothing fits.
    """

    values: Mapping[str, float]
    measures: Mapping[str, Measure]
    buckets: Mapping[tuple[str, str], Buckets]
    missing: tuple[str, ...]


class Wanted:
    """Which metrics are wanted.

    Args:
        patterns: names or patterns, of metrics or of samples.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = patterns

    def __call__(self, sample: str) -> bool:
        """Whether samples of a name are."""
        return any(self._fits(sample, one) for one in self._patterns)

    def missing(self, samples: Sequence[Sample]) -> tuple[str, ...]:
        """The patterns that none of these fits."""
        names = {one.name for one in samples}
        return tuple(one for one in self._patterns if not any(self._fits(name, one) for name in names))

    @staticmethod
    def _fits(sample: str, pattern: str) -> bool:
        return fnmatchcase(sample, pattern) or fnmatchcase(metric_of(sample), pattern)


def take(found: Exposition, wanted: Wanted, labels: Sequence[str] | None) -> Taken:
    """The series of a scrape. Samples whose series would be called the same are added up; of quantiles, which have no
    sum, the largest counts.

    Args:
        found: what was read.
        wanted: what was wanted of it.
        labels: by which series are kept apart; all when None.
    """
    values: defaultdict[str, float] = defaultdict(float)
    measures: dict[str, Measure] = {}
    buckets: defaultdict[tuple[str, str], dict[float, float]] = defaultdict(dict)
    for one in found.samples:
        kind = found.type_of(one.name)
        if one.name.endswith("_bucket") and "le" in one.labels:
            _bucket(buckets[metric_of(one.name), _after(one.labels, labels, "le")], one)
        elif not one.name.endswith("_created") and math.isfinite(one.value):
            measure = _measure(one, kind, labels)
            again = kind == "summary" and "quantile" in one.labels and measure.name in measures
            values[measure.name] = (max if again else add)(values[measure.name], one.value)
            measures[measure.name] = measure
    return Taken(values, measures, buckets, wanted.missing(found.samples))


def _bucket(into: dict[float, float], one: Sample) -> None:
    try:
        bound = float(one.labels["le"])
    except ValueError:
        return
    if math.isfinite(one.value) and not math.isnan(bound):
        into[bound] = into.get(bound, 0.0) + one.value


def _measure(one: Sample, kind: str, labels: Sequence[str] | None) -> Measure:
    quantile = one.labels.get("quantile") if kind == "summary" else None
    name = one.name + (f"_p{_percent(quantile)}" if quantile is not None else "")
    total = kind == "counter" or (
        quantile is None
        and (
            (one.name.endswith("_total") and kind in ("", "unknown", "untyped"))  # one that says it is a gauge is one
            or (kind in ("histogram", "summary") and name != metric_of(name))
        )
    )
    after = _after(one.labels, labels, "quantile" if quantile is not None else "")
    return Measure(_short(name + after), unit_of(one.name), f"`{one.name}`", total)


def _percent(quantile: str) -> str:
    try:
        return f"{float(quantile) * 100:g}".replace(".", "_")
    except ValueError:
        return "x"


def _after(given: Mapping[str, str], wanted: Sequence[str] | None, without: str) -> str:
    """The values of labels, as the end of a name: `.GET.200`."""
    names = sorted(given) if wanted is None else wanted
    values = (_NOT_NAME.sub("-", given.get(one, ""))[:_VALUE_LONGEST].strip("-") for one in names if one != without)
    return "".join(f".{value}" for value in values if value)


def _short(name: str) -> str:
    return f"metric_{name}" if name == DURATION.name else name[:LONGEST]


def unit_of(sample: str) -> Unit:
    """The unit that a sample's name tells (https://prometheus.io/docs/practices/naming/)."""
    if sample.endswith(("_count", "_bucket")):
        return Unit.COUNT
    name = metric_of(sample)
    if name.endswith(("_time_seconds", "_timestamp_seconds")):  # a moment, and no length of time
        return Unit.COUNT
    return next((unit for end, unit in _UNITS.items() if name.endswith(end)), Unit.COUNT)


def between(before: Mapping[tuple[str, str], Buckets], now: Mapping[tuple[str, str], Buckets]) -> dict[str, float]:
    """Percentiles of what histograms took in between two scrapes, by the name of their measure."""
    found = {}
    for key, buckets in now.items():
        if key in before and (grown := _grown(before[key], buckets)):
            metric, after = key
            for name, quantile in QUANTILES.items():
                found[_short(f"{metric}_{name}{after}")] = quantile_of(grown, quantile)
    return found


def _grown(before: Buckets, now: Buckets) -> list[tuple[float, float]]:
    """How much each bucket grew; all there is where the counters began anew."""
    anew = any(count < before.get(bound, 0.0) for bound, count in now.items())
    grown = [(bound, count - (0.0 if anew else before.get(bound, 0.0))) for bound, count in sorted(now.items())]
    return grown if grown and math.isinf(grown[-1][0]) and grown[-1][1] > 0 else []


def quantile_of(buckets: Sequence[tuple[float, float]], quantile: float) -> float:
    """The value that this part stays under: a straight line within its bucket, as PromQL's `histogram_quantile` has it.

    Args:
        buckets: bounds, rising up to infinity, and how many values there were up to each.
        quantile: from 0 to 1.
    """
    rank = quantile * buckets[-1][1]
    low, below = 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            if math.isinf(bound):
                return low
            if bound <= 0 and below == 0:
                return bound
            return low + (bound - low) * ((rank - below) / (count - below) if count > below else 1.0)
        low, below = bound, count
    return low


__all__ = ["QUANTILES", "Buckets", "Taken", "Wanted", "between", "quantile_of", "take", "unit_of"]
