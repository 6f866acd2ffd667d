"""What a test needs from the machine: a visible skip where it is missing, a failure where it must be there."""

import importlib.util
import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where Debian keeps servers; a normal user's PATH does not have them."""


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail it when `DAYTWO_REQUIRE_REAL=1`, so that CI can never pass by skipping.

    Args:
        reason: what is missing, and how to get it.
    """
    if os.environ.get("DAYTWO_REQUIRE_REAL") == "1":
        pytest.fail(f"DAYTWO_REQUIRE_REAL=1, and {reason}", pytrace=False)
    pytest.skip(reason)


def require(tool: str, *folders: str | Path, package: str | None = None) -> Path:
    """The path of a program; the test is skipped (or failed, see `missing`) without it.

    Args:
        tool: the program's name.
        folders: where to look before PATH and the system folders.
        package: the Debian package that has it, when its name is another one.
    """
    path = os.pathsep.join([*(str(folder) for folder in folders), os.environ.get("PATH", ""), *SYSTEM_FOLDERS])
    found = shutil.which(tool, path=path)
    if found is None:
        missing(f"{tool} is not installed: run scripts/install-parts, or install the package {package or tool}")
    return Path(found)


def require_root(what: str) -> None:
    """Skip (or fail) unless the tests run as root."""
    if os.geteuid() != 0:
        missing(f"{what} needs root")


def require_package(name: str) -> Path:
    """The folder of an installed Python package, found without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        missing(f"the Python package {name} is not installed: run `make venv`")
    return Path(spec.origin).parent
