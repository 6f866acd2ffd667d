"""What names a series: as long as something does, it is there."""

import pytest

from daytwo.config.watching import Rule
from daytwo.watch.rules.bound import Bindings
from tests.watch.rules.timeline import Probe

RULES = {
    "slow": {"series": "web.duration", "warning": "> 1s"},
    "faulty": {"series": "app.errors", "take": "ratio", "of": "app.requests", "warning": "> 5%"},
    "large": {"series": "*.size", "warning": "> 1GB"},
}


@pytest.mark.parametrize(
    ("series", "named"),
    [
        ("db.connections", True),
        ("db.tables.size", True),
        ("web.duration", True),
        ("app.errors", True),
        ("app.requests", True),
        ("app.other", False),
        ("old.size", False),
        ("dbx.connections", False),
        ("db", False),
    ],
)
def test_a_series_is_named_by_its_check_or_by_a_rule(series: str, named: bool) -> None:
    """A pattern names nothing: it takes what there is."""
    rules = {name: Rule.model_validate(one) for name, one in RULES.items()}
    assert Bindings(rules, {"db": Probe("db")}).names(series) is named
