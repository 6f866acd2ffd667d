"""The rules that are there without being written: each can be changed, or left out, by one of the same name.

They are neutral: what a certain app finds slow or large belongs in its recipe.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from daytwo.config.watching import Rule
from daytwo.core.check import Check, Unit


@dataclass(frozen=True)
class Usual:
    """A rule for every check that takes a certain number.

    Args:
        measure: the measure's name.
        unit: its unit; one of the same name and another unit is something else.
        rule: as the configuration would have it; its `series` is put in.
    """

    measure: str
    unit: Unit
    rule: Mapping[str, object]


_FULL = {"warning": "> 90%", "critical": "> 95%", "clear": "< 89%", "hold": "5m", "every": "1m"}
USUAL = (
    Usual("disk", Unit.RATIO, _FULL | {"about": "The disk is almost full: remove what nobody needs, or grow it"}),
    Usual("inodes", Unit.RATIO, _FULL | {"about": "There are too many small files: find the folder that holds them"}),
    Usual(
        "certificate_left",
        Unit.SECONDS,
        {
            "warning": "< 14d", "critical": "< 3d", "every": "5m",
            "about": "The certificate ends soon, and what should have renewed it has not",
        },
    ),
)  # fmt: skip
"""By measure; a rule of them is called as its series."""


def rules_of(configured: Mapping[str, Rule], checks: Iterable[Check]) -> dict[str, Rule]:
    """All rules that judge: the built-in ones, and over them those of the configuration.

    Args:
        configured: the rules of the configuration.
        checks: what is watched.
    """
    found: dict[str, Rule] = {}
    for check in checks:
        found[check.name] = Rule(check=check.name, failures=check.timing.failures)
        measures = {(measure.name, measure.unit) for measure in check.measures}
        for usual in USUAL:
            if (usual.measure, usual.unit) in measures:
                name = f"{check.name}.{usual.measure}"
                found[name] = Rule.model_validate({**usual.rule, "series": name})
    found |= configured
    return {name: rule for name, rule in found.items() if not rule.off}
