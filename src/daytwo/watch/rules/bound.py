"""Rules bound to what they judge: which of them look at a check, and which at a series."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from daytwo.config.watching import SOURCES, Rule
from daytwo.core.check import Check
from daytwo.watch.rules.defaults import rules_of
from daytwo.watch.rules.machine import Terms
from daytwo.watch.rules.reading import USUAL, fits, is_pattern


@dataclass(frozen=True, slots=True)
class Bound:
    """A rule, ready to judge.

    Args:
        name: the rule's.
        rule: what it says, with the failures that its check finds right filled in.
        terms: what it asks of time.
    """

    name: str
    rule: Rule
    terms: Terms

    @property
    def needed(self) -> int:
        """Failures in a row that are an alert."""
        return self.rule.failures or 1


class Bindings:
    """All rules of a configuration, and what they look at. Never changes once made.

    Args:
        configured: the rules of the configuration.
        checks: what is watched, by name.
    """

    def __init__(self, configured: Mapping[str, Rule], checks: Mapping[str, Check]) -> None:
        self.rules = rules_of(configured, checks.values())
        self._checks = dict(checks)
        self._watched = {*checks, *(check.service for check in checks.values())}
        self._roots = {*SOURCES, *self._watched}
        exact: dict[str, list[tuple[str, Rule]]] = {}
        patterns: list[tuple[str, Rule]] = []
        for name, rule in self.rules.items():
            if rule.check is not None:
                (patterns if is_pattern(rule.check) else exact.setdefault(rule.check, [])).append((name, rule))
        self.of_check: dict[str, tuple[Bound, ...]] = {}
        for check in checks.values():
            found = [*exact.get(check.name, ()), *(one for one in patterns if fits(check.name, one[1].check or ""))]
            self.of_check[check.name] = tuple(_bound(name, rule, check) for name, rule in found)
        self.of_series = tuple(
            Bound(name, rule, Terms.of(rule)) for name, rule in self.rules.items() if rule.series is not None
        )

    def every(self, series: str) -> timedelta:
        """How often a number of a series comes."""
        owner = self._owner(series, self._checks)
        return USUAL if owner is None else timedelta(seconds=self._checks[owner].timing.every)

    def owner(self, series: str) -> str:
        """The check that a series is of; empty when it is of none."""
        return self._owner(series, self._checks) or ""

    def names(self, series: str) -> bool:
        """Whether a check or a service is there that a series is of, or a rule that names it."""
        if self._owner(series, self._watched):
            return True
        return any(series in (rule.series, rule.of) for rule in self.rules.values())

    def subjects(self, bound: Bound, series: Iterable[str]) -> list[str]:
        """The series that a rule judges: the one it names, or those of what is watched that fit its pattern.

        Args:
            bound: the rule.
            series: all there are.
        """
        wanted = bound.rule.series or ""
        if not is_pattern(wanted):
            return [wanted]
        return [name for name in series if fits(name, wanted) and self._owner(name, self._roots)]

    def judges(self, rule: str, subject: str) -> str:
        """Why a rule does not judge a subject any more; empty where it does."""
        found = self.rules.get(rule)
        if found is None:
            return f"there is no rule {rule} any more"
        if found.check is not None:
            if subject not in self._checks:
                return f"{subject} is not watched any more"
            return "" if fits(subject, found.check) else f"rule {rule} does not look at it any more"
        if not fits(subject, found.series or ""):
            return f"rule {rule} does not look at it any more"
        watched = not is_pattern(found.series or "") or self._owner(subject, self._roots)
        return "" if watched else f"{subject} is not watched any more"

    def unknown(self) -> list[str]:
        """Rules that name a check which is not there, each as a sentence; the configuration alone cannot tell."""
        checks = self._checks
        found = []
        for name, rule in self.rules.items():
            if rule.check is not None and not any(fits(check, rule.check) for check in checks):
                found.append(f"rule {name} looks at {rule.check}, and no check is called like that")
            for other in rule.depends_on:
                if other not in self.rules and other not in checks:
                    found.append(f"rule {name} depends on {other}, which is neither a check nor a rule")
        return found

    @staticmethod
    def _owner(series: str, names: Mapping[str, object] | set[str]) -> str | None:
        """The longest of the names that a series begins with."""
        owner = series
        while "." in owner:
            owner = owner.rpartition(".")[0]
            if owner in names:
                return owner
        return None


def _bound(name: str, rule: Rule, check: Check) -> Bound:
    whole = rule if rule.failures else rule.model_copy(update={"failures": check.timing.failures})
    return Bound(name, whole, Terms.of(whole))
