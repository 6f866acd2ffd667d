"""The page of checks and their measures, from the checks of a smallest service of each kind."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from daytwo.core.check import Check
from daytwo.core.containers.check import ContainerCheck
from daytwo.core.registry import kinds, service_class
from daytwo.core.service import AnyService, Place
from daytwo.core.units import Duration

SMALLEST: Mapping[str, Mapping[str, Any]] = {
    "certificate": {"path": "/etc/ssl/shop.pem"},
    "command": {"probe": ["true"]},
    "container": {"container": "shop-web"},
    "dns": {"name": "shop.example.com"},
    "env": {"paths": [".env"]},
    "files": {"path": "./uploads"},
    "git": {"path": "./shop"},
    "http": {"url": "https://shop.example.com"},
    "metrics": {"url": "http://localhost:9100/metrics", "take": ["node_load1"]},
    "mysql": {"database": "shop"},
    "postgres": {"database": "shop"},
    "prometheus": {"url": "http://localhost:9090", "queries": {"value": "up"}},
    "sqlite": {"path": "shop.db"},
    "tcp": {"address": "shop.example.com:5432"},
    "tls": {"address": "shop.example.com:443"},
}
"""What the settings of a kind need at least; a kind that needs nothing is not named."""
_HEAD = """# Checks and measures

What each kind of service is asked, how often unless `check:` says otherwise, and the numbers that come of it. A number
is a series called `CHECK.MEASURE`; a check that finds more while it looks, such as a disk each, adds series of its own.
Ratios are fractions of one. A **counter** only grows: its increase is what counts.
"""


def smallest(kind: str) -> AnyService:
    """A service of a kind, called SERVICE, with as few settings as it takes."""
    plugin = service_class(kind)
    settings = plugin.Settings.model_validate({"kind": kind, **SMALLEST.get(kind, {})})
    return plugin("SERVICE", settings, Place(Path("/srv/shop"), "shop", "production"))


def page() -> str:
    """The page."""
    out = [_HEAD]
    for kind in kinds("services"):
        checks = smallest(kind).checks()
        out += [f"## {kind}\n", *(_check(one) for one in checks)] if checks else [f"## {kind}\n\nNot asked anything.\n"]
    out += ["## Containers\n", "Every service with `container:` has this check, too.\n", _container()]
    return "\n".join(out)


def _container() -> str:
    found = smallest("container").checks()[0]
    assert isinstance(found, ContainerCheck)
    found.name = "SERVICE.container"
    return _check(found)


def _check(one: Check) -> str:
    return "\n".join(_lines(one)) + "\n"


def _lines(one: Check) -> Iterator[str]:
    timing = one.timing
    retries = f", {timing.retries} retries" if timing.retries else ""
    yield f"### `{one.name}`\n"
    rhythm = f"Every {Duration(timing.every)}, within {Duration(timing.timeout)}{retries}"
    yield (f"{one.about[0].upper()}{one.about[1:]}. {rhythm}; an alert after {timing.failures} in a row.\n")
    if one.measures:
        yield "| measure | unit | is |\n|---|---|---|"
        for measure in one.measures:
            counter = " (counter)" if measure.total else ""
            yield f"| `{measure.name}` | {measure.unit.value}{counter} | {measure.about.replace('|', chr(92) + '|')} |"
