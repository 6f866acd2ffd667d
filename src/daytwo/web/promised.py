"""Uptime, objectives and scores for Prometheus: worked out beside the scrapes, since they take a while."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from daytwo.core.errors import DaytwoError
from daytwo.watch.reports import PerformanceData, UptimeData
from daytwo.watch.views import Views

_log = logging.getLogger(__name__)
FRESH = 60.0
"""Seconds for which what was worked out is told again."""
_LABELS = ("app", "environment")


@dataclass(frozen=True)
class Promised:
    """What was worked out.

    Args:
        uptimes: by check and window.
        performance: of the last 24 hours; None before it was worked out for the first time.
    """

    uptimes: Mapping[str, Mapping[str, UptimeData]] = field(default_factory=dict)
    performance: PerformanceData | None = None


class _Figures(Collector):
    def __init__(self, found: Promised, own: tuple[str, str]) -> None:
        self._found = found
        self._own = own

    def collect(self) -> list[Metric]:
        """All of it."""
        return metrics(self._found, self._own)


class Standing:
    """The newest of it in words; a new one is worked out in a thread of its own, when somebody asks and it is old.

    The words are kept, too: to put those of a thousand checks together takes longer than a scrape may.

    Args:
        views: what is watched.
        own: the app's name, and its environment's.
        clock: monotonic time, in seconds.
    """

    def __init__(self, views: Views, own: tuple[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._views = views
        self._own = own
        self._clock = clock
        self._lock = threading.Lock()
        self._at: float | None = None
        self._worker: threading.Thread | None = None
        self._text = ""

    def text(self) -> str:
        """What is known, in Prometheus' text format; never waits for what is worked out."""
        with self._lock:
            old = self._at is None or self._clock() - self._at >= FRESH
            if old and (self._worker is None or not self._worker.is_alive()):
                self._at = self._clock()
                self._worker = threading.Thread(target=self._work, name="promised", daemon=True)
                self._worker.start()
            return self._text

    def settle(self, seconds: float) -> None:
        """Wait until nothing is being worked out; for tests."""
        worker = self._worker
        if worker is not None:
            worker.join(seconds)

    def _work(self) -> None:
        try:
            found = Promised(self._views.uptimes(), self._views.performance("24h"))
        except (sa.exc.SQLAlchemyError, DaytwoError) as error:  # the state's trouble: what was known stays
            _log.warning("uptime could not be worked out: %s", type(error).__name__)
            return
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Figures(found, self._own))
        made = generate_latest(registry).decode()
        with self._lock:
            self._text = made


def metrics(found: Promised, own: tuple[str, str]) -> list[Metric]:
    """As Prometheus is told.

    Args:
        found: what was worked out.
        own: the app's name, and its environment's.
    """
    uptime = GaugeMetricFamily(
        "daytwo_check_uptime_ratio", "Uptime of the time that counts", labels=(*_LABELS, "check", "window")
    )
    wanted = GaugeMetricFamily(
        "daytwo_check_objective_ratio", "The uptime that is promised", labels=(*_LABELS, "check")
    )
    left = GaugeMetricFamily(
        "daytwo_check_error_budget_left_seconds", "What may still fail; below zero: the objective is broken",
        labels=(*_LABELS, "check", "window"),
    )  # fmt: skip
    for check, windows in found.uptimes.items():
        for window, one in windows.items():
            if one.share is not None:
                uptime.add_metric((*own, check, window), one.share)
            if one.left is not None and one.met is not None:
                left.add_metric((*own, check, window), one.left)
        promised = next((one.objective for one in windows.values() if one.objective is not None), None)
        if promised is not None:
            wanted.add_metric((*own, check), promised)
    return [uptime, wanted, left, *_scores(found.performance, own)]


def _scores(found: PerformanceData | None, own: tuple[str, str]) -> list[Metric]:
    whole = GaugeMetricFamily("daytwo_score", "Performance of the last 24 hours, of 100", labels=_LABELS)
    each = GaugeMetricFamily(
        "daytwo_check_score", "Performance of a check in the last 24 hours, of 100", labels=(*_LABELS, "check")
    )
    p95 = GaugeMetricFamily(
        "daytwo_check_p95_seconds", "What 95 % of its answers took at most in the last 24 hours",
        labels=(*_LABELS, "check"),
    )  # fmt: skip
    if found is not None and found.overall.score is not None:
        whole.add_metric(own, found.overall.score)
    for one in found.checks if found is not None else ():
        if one.score is not None:
            each.add_metric((*own, one.check), one.score)
        if one.p95 is not None:
            p95.add_metric((*own, one.check), one.p95)
    return [whole, each, p95]
