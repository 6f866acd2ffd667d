"""What one observation alone says by the rules: for a check that is asked by hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatchcase

from daytwo.config.watching import Rule
from daytwo.core.check import Check, Observation, Verdict


class Level(IntEnum):
    """The exit codes of monitoring plug-ins (Monitoring Plugins Development Guidelines, "Plugin Return Codes")."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3

    @property
    def badness(self) -> int:
        """For the worst of several: what nobody knows is worse than a warning."""
        return (Level.OK, Level.WARNING, Level.UNKNOWN, Level.CRITICAL).index(self)


@dataclass(frozen=True)
class Judgement:
    """An observation, judged.

    Args:
        check: what was asked.
        observation: what it said.
        level: how bad that is.
        why: in words; empty when all is well.
        seconds: how long the answer took.
    """

    check: Check
    observation: Observation
    level: Level
    why: str
    seconds: float


def judge(check: Check, observation: Observation, rules: Mapping[str, Rule], seconds: float) -> Judgement:
    """Judge an observation by itself, and its numbers by the rules that look at the newest number.

    Args:
        check: what was asked.
        observation: what it said.
        rules: all of them, the built-in ones too.
        seconds: how long the answer took.
    """
    if observation.verdict is Verdict.FAILED:
        mild = observation.facts.get("level") == "warning" or _is_mild(check.name, rules)
        return Judgement(check, observation, Level.WARNING if mild else Level.CRITICAL, observation.why, seconds)
    if observation.verdict is Verdict.INCONCLUSIVE:
        return Judgement(check, observation, Level.UNKNOWN, observation.why, seconds)
    level, said = Level.OK, []
    for name, rule in rules.items():
        for measure, value in observation.numbers.items():
            found = _level(rule, f"{check.name}.{measure}", value)
            if found is not Level.OK:
                level = max(level, found)
                said.append(f"rule {name}: {measure} {rule.critical if found is Level.CRITICAL else rule.warning}")
    return Judgement(check, observation, level, "; ".join(said), seconds)


def _is_mild(check: str, rules: Mapping[str, Rule]) -> bool:
    """Whether no rule that looks at a check finds its failure critical."""
    levels = {one.level for one in rules.values() if one.check and not one.off and fnmatchcase(check, one.check)}
    return bool(levels) and "critical" not in levels


def _level(rule: Rule, series: str, value: float) -> Level:
    if rule.off or rule.series is None or rule.take != "last" or not fnmatchcase(series, rule.series):
        return Level.OK
    if rule.critical and rule.critical.holds(value):
        return Level.CRITICAL
    return Level.WARNING if rule.warning and rule.warning.holds(value) else Level.OK
