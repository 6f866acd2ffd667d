"""A configuration and a machine as `install` sees them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from daytwo.config import Config, load
from daytwo.core.run import Run
from daytwo.install.cron import Machine
from daytwo.install.daemon import Daemon, Kind
from tests.install.stage import NOW, YAML


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run("run1", tmp_path / "work", timeout=60)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = tmp_path / "app" / "daytwo.yaml"
    path.parent.mkdir()
    path.write_text(YAML)
    return load(path)


@pytest.fixture
def machine(tmp_path: Path) -> Callable[..., Machine]:
    """A machine; anything about it can be said otherwise."""

    def make(**otherwise: object) -> Machine:
        said: dict = {
            "cron": Daemon(Kind.OTHER, True), "zone": "Europe/Berlin", "user": "root", "home": tmp_path / "home",
            "system": True, "program": "/opt/daytwo/bin/daytwo", "python": "/opt/daytwo/bin/python",
            "path": "/usr/bin:/bin", "root": tmp_path / "root", "now": NOW,
        }  # fmt: skip
        return Machine(**(said | otherwise))

    return make
