"""Figures of daytwo itself and of what it protects, in Prometheus' text format."""

import resource
from collections.abc import Iterator
from functools import cache

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from daytwo.core.check import Verdict
from daytwo.ledger.glance import glance
from daytwo.protect.status import assess
from daytwo.store.url import StateUrl
from daytwo.web.house import Here, House

CONTENT_TYPE = CONTENT_TYPE_LATEST
_LABELS = ("app", "environment", "backup")


class _Figures(Collector):
    def __init__(self, house: House) -> None:
        self._house = house

    def collect(self) -> list[Metric]:
        """All figures as they are now."""
        return [*self._daemon(), *self._backups(), *self._alerts()]

    def _daemon(self) -> list[Metric]:
        about = InfoMetricFamily("daytwo_build", "Which daytwo this is", value={"version": _version()})
        ages = GaugeMetricFamily("daytwo_part_age_seconds", "Since a part last went round", labels=("part",))
        fresh = GaugeMetricFamily("daytwo_part_fresh", "Whether it went round in time", labels=("part",))
        for one in self._house.pulse.beats():
            ages.add_metric((one.part,), one.age)
            fresh.add_metric((one.part,), float(one.fresh))
        runs = GaugeMetricFamily("daytwo_runs_at_work", "Runs that this daemon is at work on")
        runs.add_metric((), len(self._house.desk.workers.busy))
        memory = GaugeMetricFamily("daytwo_memory_peak_bytes", "Most memory the daemon's own process ever had")
        memory.add_metric((), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        return [about, ages, fresh, runs, memory]

    def _backups(self) -> list[Metric]:
        config = self._house.current()
        own = (config.app, config.environment)
        good = GaugeMetricFamily("daytwo_backup_ok", "Whether a backup is as it should be", labels=_LABELS)
        paused = GaugeMetricFamily("daytwo_backup_paused", "Whether somebody paused its schedule", labels=_LABELS)
        at = GaugeMetricFamily(
            "daytwo_backup_last_timestamp_seconds", "When the newest snapshot was begun", labels=_LABELS
        )
        size = GaugeMetricFamily("daytwo_backup_last_size_bytes", "Plain bytes of the newest snapshot", labels=_LABELS)
        due = GaugeMetricFamily("daytwo_backup_next_timestamp_seconds", "When the next is due", labels=_LABELS)
        seen = glance(StateUrl.of(config), *own)
        for one in assess(config.backups, config.timezone, seen, self._house.clock()):
            labels = (*own, one.name)
            good.add_metric(labels, float(one.health.well))
            paused.add_metric(labels, float(one.name in seen.paused))
            if one.last:
                at.add_metric(labels, one.last.at.timestamp())
                size.add_metric(labels, one.last.size)
            if one.due:
                due.add_metric(labels, one.due.timestamp())
        return [good, paused, at, size, due]

    def _alerts(self) -> list[Metric]:
        config = self._house.current()
        labels = ("app", "environment", "rule", "subject", "level")
        firing = GaugeMetricFamily("daytwo_alert_firing", "A rule that is an alert", labels=labels)
        for alert in self._house.views.alerts("active"):
            firing.add_metric((config.app, config.environment, alert.rule, alert.subject, alert.level), 1.0)
        return [firing]


def _watched(house: House) -> Iterator[str]:
    """Lines of checks and numbers, of which there are thousands: the library takes three times as long for them."""
    config, seen = house.current(), house.views.glance()
    app, environment = _quoted(config.app), _quoted(config.environment)
    yield "# HELP daytwo_check_ok Whether a check is well; nothing if unknown\n# TYPE daytwo_check_ok gauge\n"
    for name, verdict in seen.verdicts:
        if verdict is not Verdict.INCONCLUSIVE:
            value = "1.0" if verdict is Verdict.OK else "0.0"
            yield f"daytwo_check_ok{{app={app},check={_quoted(name)},environment={environment}}} {value}\n"
    yield "# HELP daytwo_number The newest number of a series\n# TYPE daytwo_number gauge\n"
    own = f"daytwo_number{{app={app},environment={environment},series="
    for series, newest in seen.newest:
        if newest is not None:
            name, unit = _quoted(series.name), _quoted(series.unit)
            yield f"{own}{name},unit={unit}}} {newest.value!r}\n"


def _quoted(value: str) -> str:
    """A label's value as Prometheus' text format writes it."""
    if "\\" in value or '"' in value or "\n" in value:
        value = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'"{value}"'


@cache
def _version() -> str:
    from importlib.metadata import version

    return version("daytwo")


def text(house: Here) -> str:
    """The exposition."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(house))
    return generate_latest(registry).decode() + "".join(_watched(house)) + house.promised.text()
