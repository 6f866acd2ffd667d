"""Services as configured, and one observation of a check of theirs."""

from pathlib import Path
from typing import Any

from daytwo.core.check import Observation
from daytwo.core.registry import service_class
from daytwo.core.service import AnyService, Place
from tests.contract.checks import ask


def service(kind: str, folder: Path, /, **settings: Any) -> AnyService:
    """A service called `web`, as a file in `folder` would have it."""
    plugin = service_class(kind)
    return plugin("web", plugin.Settings.model_validate({"kind": kind, **settings}), Place(folder, "shop", "test"))


def observe(kind: str, folder: Path, /, seconds: float | None = None, **settings: Any) -> Observation:
    """What its first check says."""
    return ask(service(kind, folder, **settings).checks()[0], folder, seconds)
