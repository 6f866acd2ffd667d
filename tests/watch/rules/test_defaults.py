"""The rules that are there without being written."""

from pathlib import Path
from typing import Any

import pytest
from scripts import measures

from daytwo.config.watching import Rule
from daytwo.core.check import Check, Measure, Unit
from daytwo.core.registry import kinds
from daytwo.watch.rules import meaning, rules_of
from daytwo.watch.rules.defaults import USUAL, Usual
from tests.watch.rules.conftest import MakeWorld
from tests.watch.rules.timeline import Probe

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "watch.md"
BY_KIND = {
    "certificate": "certificate_left",
    "container": "memory_limit oom_kills restarts",
    "files": "disk inodes",
    "host": "disk inodes memory oom_kills uptime failed_units read_only clock.offset",
    "http": "certificate_left",
    "mysql": "connections replication_lag",
    "postgres": "connections wraparound replication_lag",
    "redis": "clients_used rejected full replication_lag",
    "tls": "certificate_left",
}
"""Which numbers of which kind are judged: no other kind has a rule that looks at a series."""


def check(**units: Unit) -> Check:
    found = Probe("web")
    found.measures = tuple(Measure(name, unit, "") for name, unit in units.items())
    return found


def series(configured: dict[str, Any], *checks: Check) -> dict[str, Rule]:
    made = {name: Rule.model_validate(one) for name, one in configured.items()}
    return {name: rule for name, rule in rules_of(made, checks).items() if rule.series is not None}


@pytest.mark.parametrize("kind", kinds("services"))
def test_what_each_kind_has(kind: str) -> None:
    service = measures.smallest(kind)
    found = series({}, *service.checks())
    assert set(found) == {f"SERVICE.{one}" for one in BY_KIND.get(kind, "").split()}
    assert all(rule.about and rule.series == name for name, rule in found.items())


@pytest.mark.parametrize("usual", USUAL, ids=lambda usual: usual.measure)
def test_each_is_in_the_guide(usual: Usual) -> None:
    assert _row(usual) in GUIDE.read_text(encoding="utf-8").splitlines()


def _row(usual: Usual) -> str:
    rule = usual.rule
    levels = ", ".join(f"{rule[level]} ({level})" for level in ("warning", "critical") if level in rule)
    grown = f"; grown in {rule['over']}" if rule.get("take") == "increase" else ""
    pending = f"; for {rule['pending']}" if "pending" in rule else ""
    return f"| `{usual.measure}` | {levels}{grown}{pending} | {usual.why} |"


def test_a_pattern_of_ones_own_takes_their_place() -> None:
    """Nobody is told twice of the same number."""
    one = check(memory_limit=Unit.RATIO, oom_kills=Unit.COUNT)
    assert set(series({}, one)) == {"web.memory_limit", "web.oom_kills"}
    own = {"memory": {"series": "*.memory_limit", "warning": "> 80%"}}
    assert set(series(own, one)) == {"memory", "web.oom_kills"}
    mean = {"memory": {"series": "*.memory_limit", "take": "mean", "warning": "> 80%"}}
    assert set(series(mean, one)) == {"memory", "web.memory_limit", "web.oom_kills"}


def test_all_of_a_sort_are_left_out_by_a_pattern() -> None:
    one = check(memory_limit=Unit.RATIO, oom_kills=Unit.COUNT)
    assert set(series({"no": {"series": "*.oom_kills", "off": True}}, one)) == {"web.memory_limit"}


def test_the_uptime_of_a_container_is_another_one() -> None:
    """It is made anew by each deployment."""
    assert not series({}, check(uptime=Unit.SECONDS))
    assert set(series({}, check(uptime=Unit.SECONDS, reboots=Unit.COUNT))) == {"web.uptime"}


def _usual(measure: str) -> dict[str, Any]:
    """The rule of a number of `web`, for a world; judged at every look, so that times are those of the numbers."""
    rule = dict(next(one.rule for one in USUAL if one.measure == measure))
    return {"the-rule": rule | {"series": f"web.{measure}", "every": "1s"}}


def test_a_process_that_was_killed_is_told_once(world: MakeWorld) -> None:
    made = world(checks="db", totals="web.oom_kills", **_usual("oom_kills"))
    assert made.play("""
        10:00..10:20 1m web.oom_kills 2
        10:21..10:50 1m web.oom_kills 3
    """) == [
        "10:21:15 the-rule (web.oom_kills) firing warning", "10:36:15 the-rule (web.oom_kills) ok",
    ]  # fmt: skip


def test_a_reboot_of_the_machine_that_daytwo_runs_on(world: MakeWorld) -> None:
    """Its own gap does not hide it, as it would hide the growth of a counter."""
    made = world(checks="db", **_usual("uptime"))
    assert made.play("""
        10:00 web.uptime 90000
        10:01 crash
        10:05 start
        10:05:30 web.uptime 60
        10:06..10:14 1m web.uptime 500
        10:15..10:20 1m web.uptime 601
    """) == ["10:05:30 the-rule (web.uptime) firing warning", "10:15 the-rule (web.uptime) ok"]


def test_replication_where_there_is_none_is_no_trouble(world: MakeWorld) -> None:
    made = world(checks="db", **_usual("replication_lag"))
    assert made.play("10:00..10:30 1m web.connections 0.5") == []
    assert made.play("10:31..10:40 1m web.replication_lag 700") == [
        "10:31 the-rule (web.replication_lag) pending", "10:33 the-rule (web.replication_lag) firing critical",
    ]  # fmt: skip


def test_what_a_rule_means() -> None:
    own = {"db.connections": Rule.model_validate({"series": "db.connections", "warning": "> 1%", "about": "mine"})}
    assert meaning("db.connections", own) == "mine"
    assert meaning("host.read_only", own) == next(one.rule["about"] for one in USUAL if one.measure == "read_only")
    assert meaning("read_only", own) == meaning("web", {}) == ""
